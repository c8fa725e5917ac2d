"""Has every customer's draws on the wallet billed once their month is over: one short workflow each.

What comes late, and what a cancelled invoice leaves, is found and billed like the rest.
"""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError

from db.models import WalletDraw
from db.session import Database
from domain.errors import RetryableError, Unavailable
from domain.usage import month_at
from workflows import ports, wallet_invoice, wallet_ports
from workflows.wallet_invoice import StartWalletInvoice

EVERY_SECONDS = 60
_CALL_TIMEOUT = timedelta(seconds=10)
_log = structlog.get_logger(__name__)


class WalletSweep:
    """Begins the billing of months that are over."""

    def __init__(
        self,
        database: Database,
        client: Client,
        clock: Callable[[], datetime],
        clock_offset: Callable[[], timedelta] = timedelta,
    ) -> None:
        """`clock_offset` moves what is begun and the months with it, in tests and demonstrations only."""
        self._database = database
        self._client = client
        self._clock = clock
        self._clock_offset = clock_offset

    async def run(self, stop: asyncio.Event) -> None:
        """Once a minute until `stop`; several at once do no harm."""
        while not stop.is_set():
            try:
                await self.look()
            except RetryableError as error:
                _log.warning("wallets_not_swept", error=str(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), EVERY_SECONDS)

    async def look(self) -> int:
        """How many customers' months are being billed now. Raises Unavailable."""
        this_month = month_at(self._clock() + self._clock_offset())
        row = WalletDraw
        query = (
            select(row.customer_id, row.month)
            .where(row.document_id.is_(None), row.month < this_month)
            .distinct()
            .order_by(row.month, row.customer_id)
        )
        async with self._database.reading() as session:
            found = (await session.execute(query)).all()
        for customer_id, month in found:
            await self._begin(customer_id, month)
        return len(found)

    async def _begin(self, customer_id: str, month: str) -> None:
        """One that is under way goes on; one that is over is followed by another."""
        try:
            await self._client.start_workflow(
                wallet_invoice.WORKFLOW_NAME,
                StartWalletInvoice(customer_id, month, self._clock_offset()),
                id=wallet_ports.wallet_workflow_id(customer_id, month),
                task_queue=ports.SUBSCRIPTIONS_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                static_summary=f"what was drawn from the wallet in {month}",
                rpc_timeout=_CALL_TIMEOUT,
            )
        except RPCError as error:
            raise Unavailable(f"Temporal began no run ({error.status.name}); trying again") from error
