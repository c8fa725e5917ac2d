"""Refunds that are heard of: by a webhook, or by looking, for those whose webhook never came.

One of ours is woken; one that somebody made in the gateway's dashboard gets a workflow of its own, which
books it (razorpay.md 1.8). Others share the account: a refund of a payment that is not ours is left alone.
"""

import asyncio
import contextlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import or_, select
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from db.models import Payment, Refund
from db.session import Database
from domain.errors import BahiError, Unavailable
from domain.refund import SETTLED, RefundAtGateway, RefundStatus
from gateways.base import RefundGateway, RefundsByName
from workflows import ports, refund
from workflows.refund import StartRefund

EVERY_SECONDS = 3600
LOOK_BACK = timedelta(days=3)
"""How far the hourly look goes; a longer absence is made good at the start."""
FIRST_LOOK_BACK = timedelta(days=30)
_CALL_TIMEOUT = timedelta(seconds=10)
_NAMES = uuid.UUID("3c1d5e0c-90a5-4a0e-8d53-6c2b6a7f0b11")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Known:
    """A refund on record, whoever made it."""

    id: str
    subscription_id: str | None
    settled: bool


class RefundNotices:
    """Wakes or begins the workflows of refunds."""

    def __init__(
        self,
        database: Database,
        client: Client,
        gateway: RefundsByName,
        clock_offset: Callable[[], timedelta] = timedelta,
    ) -> None:
        """`clock_offset` moves what is begun, in tests and demonstrations only."""
        self._database = database
        self._client = client
        self._gateway = gateway
        self._clock_offset = clock_offset

    async def known(self, gateway_refund_id: str, our_id: str | None) -> Known | None:
        """By the gateway's id, else by ours: notes may be edited in the dashboard."""
        row = Refund
        async with self._database.reading() as session:
            found = await session.scalar(
                select(row)
                .where(
                    row.gateway == self._gateway.name,
                    or_(row.gateway_refund_id == gateway_refund_id, row.id == our_id),
                )
                .order_by((row.gateway_refund_id == gateway_refund_id).desc().nulls_last())
                .limit(1)
            )
        if found is None:
            return None
        return Known(found.id, found.subscription_id, RefundStatus(found.status) in SETTLED)

    async def is_ours(self, gateway_payment_id: str) -> bool:
        """Whether the payment is in our books."""
        row = Payment
        async with self._database.reading() as session:
            query = select(row.id).where(
                row.gateway == self._gateway.name, row.gateway_payment_id == gateway_payment_id
            )
            return await session.scalar(query) is not None

    async def wake(self, refund_id: str) -> None:
        """Have its workflow look. One that is over has nothing to look at. Raises Unavailable."""
        handle = self._client.get_workflow_handle(ports.refund_workflow_id(refund_id))
        try:
            await handle.signal(refund.HINT_SIGNAL, rpc_timeout=_CALL_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise Unavailable(f"Temporal took no signal ({error.status.name}); trying again") from error

    async def begin(self, gateway_payment_id: str, gateway_refund_id: str) -> None:
        """Book what was made past us. Raises what the gateway raises, and Unavailable."""
        await self.book(await self._gateway.read_refund(gateway_payment_id, gateway_refund_id))

    async def book(self, seen: RefundAtGateway) -> None:
        """Its workflow; repeating it is harmless. Raises Unavailable."""
        refund_id = f"rfd_{uuid.uuid5(_NAMES, f'{self._gateway.name}/{seen.id}').hex}"
        try:
            await self._client.start_workflow(
                refund.WORKFLOW_NAME,
                StartRefund(
                    refund_id,
                    noticed=seen,
                    test_clock_offset=self._clock_offset(),
                    gateway=self._gateway.name,
                ),
                id=ports.refund_workflow_id(refund_id),
                task_queue=ports.SUBSCRIPTIONS_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                static_summary="a refund made in the gateway's dashboard",
                rpc_timeout=_CALL_TIMEOUT,
            )
        except WorkflowAlreadyStartedError:
            return
        except RPCError as error:
            raise Unavailable(f"Temporal began no run ({error.status.name}); trying again") from error


class RefundSweep:
    """Finds refunds whose webhooks were lost."""

    def __init__(self, gateway: RefundGateway, notices: RefundNotices, clock: Callable[[], datetime]) -> None:
        self._gateway = gateway
        self._notices = notices
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Once an hour until `stop`; several at once do no harm."""
        look_back = FIRST_LOOK_BACK
        while not stop.is_set():
            try:
                await self.look(look_back)
                look_back = LOOK_BACK
            except BahiError as error:
                _log.warning("refunds_not_swept", error=str(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), EVERY_SECONDS)

    async def look(self, look_back: timedelta) -> int:
        """How many were found that nobody had told of. Raises what the gateway raises, and Unavailable."""
        found = 0
        for seen in await self._gateway.refunds_since(self._clock() - look_back):
            known = await self._notices.known(seen.id, seen.our_id)
            if known is None and await self._notices.is_ours(seen.payment_id):
                await self._notices.book(seen)
                found += 1
        return found
