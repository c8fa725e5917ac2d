"""Every issued document gets its rendering: a workflow of its own, outside the subscription's history.

One that must be registered first, because its seller is above the limit for e-invoices, gets its
registration instead, and its rendering when the portal has said yes or no: a second one if that is yes
after a no. One sink decides both, so that
no document falls between two.
"""

from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Any

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from db.renditions import rendition_id
from domain.errors import FinalError, Unavailable
from domain.events import DOCUMENTS_SINK, EventType, interested
from gateways.cloud_events import OutgoingEvent
from workflows import document, e_invoice, ports
from workflows.e_invoice import StartEInvoice

_CALL_TIMEOUT = timedelta(seconds=10)
_ANSWERED = (EventType.E_INVOICE_REGISTERED, EventType.E_INVOICE_REFUSED)

Awaited = Callable[[str], Awaitable[date | None]]
"""The day of a document that must be registered before it is drawn; None for any other."""


async def none_awaited(_document_id: str) -> None:
    """Below the limit nothing is registered."""


class DocumentsSink:
    """Starts each workflow once; one that failed for good is started again if its event is offered again."""

    def __init__(self, client: Client, awaited: Awaited = none_awaited) -> None:
        self._client = client
        self._awaited = awaited

    async def deliver(self, event: OutgoingEvent) -> None:
        """Raises Unavailable while Temporal is away."""
        kind = EventType(event.type)
        if DOCUMENTS_SINK not in interested(kind, (DOCUMENTS_SINK,)):
            return
        document_id = event.data.get("document_id")
        if not isinstance(document_id, str):
            raise FinalError(f"event {event.id} names no document; nothing to render")
        registered = kind is EventType.E_INVOICE_REGISTERED
        issued_on = None if kind in _ANSWERED else await self._awaited(document_id)
        if issued_on is None:
            drawing = ports.RenderDocument(document_id, event.occurred_at)
            # It may have been drawn without its IRN when the portal refused it.
            workflow_id = ports.document_workflow_id(rendition_id(document_id, registered=registered))
            await self._start(document.WORKFLOW_NAME, drawing, workflow_id)
        else:
            registering = StartEInvoice(document_id, issued_on, event.occurred_at)
            await self._start(e_invoice.WORKFLOW_NAME, registering, ports.e_invoice_workflow_id(document_id))

    async def _start(self, workflow: str, argument: Any, workflow_id: str) -> None:
        try:
            await self._client.start_workflow(
                workflow,
                argument,
                id=workflow_id,
                task_queue=ports.DOCUMENTS_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                rpc_timeout=_CALL_TIMEOUT,
            )
        except WorkflowAlreadyStartedError:
            return
        except RPCError as error:
            raise Unavailable(
                f"Temporal did not start {workflow} ({error.status.name}); trying again"
            ) from error
