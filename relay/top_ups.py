"""Top-ups that have ended, and of which a gateway still has news: late money, or a second payment."""

from collections.abc import Callable
from datetime import timedelta

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError

from db import models
from db.session import Database
from domain.errors import Unavailable
from domain.money import rupees
from domain.top_up import TopUp
from relay.calls import CALL_TIMEOUT
from workflows import ports, top_up
from workflows.collecting_ports import top_up_workflow_id
from workflows.messages import GatewayEvent
from workflows.top_up import StartTopUp


class TopUpsAgain:
    """Begins a run that looks once more."""

    def __init__(
        self, database: Database, client: Client, clock_offset: Callable[[], timedelta] = timedelta
    ) -> None:
        """`clock_offset` moves what is begun, in tests and demonstrations only."""
        self._database = database
        self._client = client
        self._clock_offset = clock_offset

    async def begin(self, top_up_id: str, heard: GatewayEvent) -> bool:
        """False if it is not on record. Repeating it is harmless. Raises Unavailable."""
        async with self._database.reading() as session:
            row = await session.get(models.TopUp, top_up_id)
        if row is None:
            return False
        wish = TopUp(row.id, row.customer_id, row.gateway, row.amount_paise, row.created_at, row.expires_at)
        try:
            await self._client.start_workflow(
                top_up.WORKFLOW_NAME,
                StartTopUp(wish, self._clock_offset(), heard),
                id=top_up_workflow_id(top_up_id),
                task_queue=ports.SUBSCRIPTIONS_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                static_summary=f"news of a top-up of {rupees(row.amount_paise)} that was over",
                rpc_timeout=CALL_TIMEOUT,
            )
        except RPCError as error:
            raise Unavailable(f"Temporal began no run ({error.status.name}); trying again") from error
        return True
