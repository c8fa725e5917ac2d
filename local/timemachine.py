"""Moves the simulator, every subscription's workflow and the API's clock through time together.

On the real Temporal server each workflow has a clock of its own that can be fast-forwarded; the
simulator has one too. Travelling stops at every moment at which either has something to do, in order.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, or_, select
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from db import models
from db.session import Database
from domain.subscription import LIVE
from local.home import LocalError
from simulator.process import SimulatorProcess
from workflows import messages
from workflows.ports import subscription_workflow_id

_PATIENCE_SECONDS = 60.0
_POLL_SECONDS = 0.02
_SKIPS_PER_SESSION = 1_000_000


class TimeMachine:
    """`now` is the moment everybody has reached."""

    def __init__(
        self, client: Client, simulator: SimulatorProcess, database: Database, now: datetime
    ) -> None:
        config = TimeSkippingConfig(max_session_skip_count=_SKIPS_PER_SESSION)
        self._client = client
        self._skipper = TimeSkipper(client, config=config)
        self._simulator = simulator
        self._database = database
        self.now = now
        self.offset = now - datetime.now(UTC)
        self._sleepers: list[tuple[WorkflowHandle[object, object], datetime | None]] = []
        """Open runs and when each wakes, as of the last time everything stood still."""

    def clock(self) -> datetime:
        """The machine's clock as the API is to have it: moved by `offset`, it is `now` and stands still."""
        return self.now - self.offset

    async def travel_to(self, moment: datetime) -> None:
        """Let everything happen that happens until `moment` (aware), in order."""
        await self.settle()
        while self.now < moment:
            runs = self._sleepers
            wakes = [wake for _, wake in runs if wake is not None]
            wake = min([*wakes, moment])
            due = await self._next_job()
            step = max(self.now, min(moment, wake, due or moment))
            if due is not None and due <= wake:
                await self._forward(runs, step)
                await self._simulator.advance_to(step)
            else:
                await self._simulator.advance_to(step)
                await self._forward(runs, step)
            self.now = step
            await self.settle()

    async def travel(self, span: timedelta) -> None:
        """Travel by a span."""
        await self.travel_to(self.now + span)

    async def settle(self) -> None:
        """Wait until nothing is under way: inbox, outbox, workflow tasks and activities are done."""
        await self._until(self._relays_idle)
        await self._until(self._workflows_idle)
        await self._until(self._relays_idle)

    async def _next_job(self) -> datetime | None:
        job = (await self._simulator.ask("clock"))["next_job"]
        return None if job is None else datetime.fromtimestamp(job["due"], UTC)

    async def _forward(
        self, runs: list[tuple[WorkflowHandle[object, object], datetime | None]], moment: datetime
    ) -> None:
        async def forward(handle: WorkflowHandle[object, object]) -> None:
            behind = moment - (await self._skipper.get_current_time(handle) + self.offset)
            if behind > timedelta(0):
                # A second more, so that whatever is due at `moment` is behind it.
                await self._skipper.fast_forward(handle, behind + timedelta(seconds=1))

        await asyncio.gather(*(forward(handle) for handle, _ in runs))

    async def _runs(self) -> list[tuple[WorkflowHandle[object, object], datetime | None]]:
        """Open runs with the moment each wakes."""
        row = models.Subscription
        live = or_(row.status.in_([status.value for status in LIVE]), row.access_until.is_not(None))
        async with self._database.reading() as session:
            ids = (await session.scalars(select(row.id).where(live))).all()
        handles = [self._client.get_workflow_handle(subscription_workflow_id(item)) for item in ids]
        wakes = await asyncio.gather(*(self._wake(handle) for handle in handles))
        return list(zip(handles, wakes, strict=True))

    async def _wake(self, handle: WorkflowHandle[object, object]) -> datetime | None:
        answer = await handle.query(messages.WAKE_QUERY, result_type=list[datetime])
        return answer[0] if answer else None

    async def _idle(self, handle: WorkflowHandle[object, object], wake: datetime | None) -> bool:
        """No task, no activity, and no timer that should have fired."""
        description = (await handle.describe()).raw_description
        if description.pending_activities or description.HasField("pending_workflow_task"):
            return False
        return wake is None or wake > await self._skipper.get_current_time(handle) + self.offset

    async def _relays_idle(self) -> bool:
        inbox, outbox = models.WebhookInbox, models.OutboxDelivery
        async with self._database.reading() as session:
            waiting = await session.scalar(
                select(func.count()).select_from(inbox).where(inbox.status == "received")
            )
            pending = await session.scalar(
                select(func.count()).select_from(outbox).where(outbox.status == "pending")
            )
            undrawn = await session.scalar(
                select(func.count())
                .select_from(models.Invoice)
                .outerjoin(models.InvoiceDocument)
                .where(models.InvoiceDocument.invoice_id.is_(None))
            )
        return not waiting and not pending and not undrawn

    async def _workflows_idle(self) -> bool:
        try:
            runs = await self._runs()
            self._sleepers = runs
            return all(await asyncio.gather(*(self._idle(handle, wake) for handle, wake in runs)))
        except RPCError:
            return False  # between two runs

    async def _until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _PATIENCE_SECONDS
        while not await condition():
            if loop.time() > deadline:
                raise LocalError(f"{condition.__name__.strip('_')}: still not so after {_PATIENCE_SECONDS} s")
            await asyncio.sleep(_POLL_SECONDS)
