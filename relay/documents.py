"""Every issued document gets its rendering: a workflow of its own, outside the subscription's history."""

from datetime import timedelta

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from domain.errors import FinalError, Unavailable
from domain.events import DOCUMENTS_SINK, EventType, interested
from gateways.cloud_events import OutgoingEvent
from workflows import ports
from workflows.document import WORKFLOW_NAME

_CALL_TIMEOUT = timedelta(seconds=10)


class DocumentsSink:
    """Starts each rendering once; one that failed for good is started again if its event is offered again."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def deliver(self, event: OutgoingEvent) -> None:
        """Raises Unavailable while Temporal is away."""
        if DOCUMENTS_SINK not in interested(EventType(event.type), (DOCUMENTS_SINK,)):
            return
        document_id = event.data.get("document_id")
        if not isinstance(document_id, str):
            raise FinalError(f"event {event.id} names no document; nothing to render")
        try:
            await self._client.start_workflow(
                WORKFLOW_NAME,
                ports.RenderDocument(document_id, event.occurred_at),
                id=ports.document_workflow_id(document_id),
                task_queue=ports.DOCUMENTS_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                rpc_timeout=_CALL_TIMEOUT,
            )
        except WorkflowAlreadyStartedError:
            return
        except RPCError as error:
            raise Unavailable(
                f"Temporal did not start a rendering ({error.status.name}); trying again"
            ) from error
