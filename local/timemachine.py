"""Moves the simulators, subscriptions', refunds' and top-ups' workflows and the API's clock together.

On the real Temporal server each workflow has a clock of its own that can be fast-forwarded; the
simulators have one too. Travelling stops at every moment at which either has something to do, in order.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from sqlalchemy import exists, or_, select
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from db import models
from db.session import Database
from domain.subscription import FINAL, LIVE, Collection
from local.home import LocalError
from simulator.process import SimulatorProcess
from workflows import messages
from workflows.collecting_ports import top_up_workflow_id
from workflows.messages import StartSubscription
from workflows.ports import refund_workflow_id, subscription_workflow_id
from workflows.refund import StartRefund
from workflows.top_up import StartTopUp

_PATIENCE_SECONDS = 60.0
_POLL_SECONDS = 0.02
_SKIPS_PER_SESSION = 1_000_000
_TRIES_IN_REAL_TIME = 1
_SHORT = timedelta(seconds=2)
"""Not worth a skip."""
_WAITING = PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED

_row = models.Subscription
_WITH_A_RUN = select(_row.id).where(
    or_(_row.status.in_([status.value for status in LIVE]), _row.access_until.is_not(None))
)
_ENDED = select(_row.id).where(
    _row.collection == Collection.ENGINE.value,
    _row.status.in_([status.value for status in FINAL]),
    _row.access_until.is_(None),
)
_REFUNDS_UNDER_WAY = select(models.Refund.id).where(models.Refund.status.in_(["requested", "pending"]))
_inbox, _outbox, _portal = models.WebhookInbox, models.OutboxDelivery, models.IrpRegistration
_drawn = select(models.Rendition.document_id)
_awaited = select(_portal.document_id).where(_portal.status == "due")
"""Not drawn until the portal answers, which may be away for days."""
_registered = select(_portal.document_id).where(_portal.status == "registered")
"""Drawn with their IRN, also where they were drawn without it before."""
_RELAYS_AT_WORK = select(
    or_(
        exists().where(_inbox.status == "received"),
        exists().where(_outbox.status == "pending"),
        select(models.Document.id)
        .where(models.Document.id.not_in(_drawn), models.Document.id.not_in(_awaited))
        .exists(),
        _registered.where(_portal.document_id.not_in(_drawn.where(models.Rendition.registered))).exists(),
    )
)

Handle: TypeAlias = WorkflowHandle[object, object]


@dataclass(frozen=True)
class Run:
    """An open run, and when it wakes if nobody speaks to it."""

    handle: Handle
    wakes_at: datetime | None
    held: bool = False
    """By a child, such as the refund it began: the server skips none of its time, so it follows later."""


class TimeMachine:
    """`now` is the moment everybody has reached."""

    def __init__(
        self, client: Client, simulators: Sequence[SimulatorProcess], database: Database, now: datetime
    ) -> None:
        config = TimeSkippingConfig(max_session_skip_count=_SKIPS_PER_SESSION)
        self._client = client
        self._skipper = TimeSkipper(client, config=config)
        self._simulators = simulators
        self._database = database
        self._offsets: dict[str, timedelta] = {}
        self._arrive(now)

    def clock(self) -> datetime:
        """For the API: stands still between travels."""
        return self.now

    def _arrive(self, moment: datetime) -> None:
        self.now = moment
        self.offset = moment - datetime.now(UTC)
        """How far the clock of a run that begins now is to be moved; each keeps the one it began with."""

    async def travel_to(self, moment: datetime) -> None:
        """Let everything happen that happens until `moment` (aware), in order."""
        runs = await self.settle()
        while self.now < moment:
            wakes = [run.wakes_at for run in runs if run.wakes_at is not None]
            wake = min([*wakes, moment])
            due = await self._next_job()
            step = max(self.now, min(moment, wake, due or moment))
            if due is not None and due <= wake:
                await self._forward(runs, step)
                await self._advance(step)
            else:
                await self._advance(step)
                await self._forward(runs, step)
            self._arrive(step)
            runs = await self.settle()

    async def travel(self, span: timedelta) -> None:
        """Travel by a span."""
        await self.travel_to(self.now + span)

    async def settle(self) -> list[Run]:
        """Wait until nothing is under way: inbox, outbox, workflow tasks and activities are done.

        What fails again and again is not waited for between its tries: its run goes ahead by that much.
        The runs that are open then. Raises LocalError if it does not come to that.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _PATIENCE_SECONDS
        while True:
            # What one of the two has left over may have set the other to work.
            waits_for = "the relays"
            if await self._relays_idle():
                waits_for = "the workflows"
                runs = await self._idle_runs()
                if runs is not None and await self._relays_idle():
                    return runs
            if loop.time() > deadline:
                raise LocalError(f"{waits_for} are still at work after {_PATIENCE_SECONDS} s")
            await asyncio.sleep(_POLL_SECONDS)

    async def _next_job(self) -> datetime | None:
        clocks = await asyncio.gather(*(simulator.ask("clock") for simulator in self._simulators))
        due = [clock["next_job"]["due"] for clock in clocks if clock["next_job"] is not None]
        return datetime.fromtimestamp(min(due), UTC) if due else None

    async def _advance(self, moment: datetime) -> None:
        await asyncio.gather(*(simulator.advance_to(moment) for simulator in self._simulators))

    async def _forward(self, runs: list[Run], moment: datetime) -> None:
        async def forward(run: Run) -> None:
            if run.held:
                return
            behind = moment - await self._present(run.handle)
            if behind > timedelta(0):
                # A second more, so that whatever is due at `moment` is behind it.
                await self._skipper.fast_forward(run.handle, behind + timedelta(seconds=1))

        await asyncio.gather(*(forward(run) for run in runs))

    async def _relays_idle(self) -> bool:
        async with self._database.reading() as session:
            return not await session.scalar(_RELAYS_AT_WORK)

    async def _idle_runs(self) -> list[Run] | None:
        """Open runs; None while one of them has something to do."""
        async with self._database.reading() as session:
            ids = [subscription_workflow_id(each) for each in await session.scalars(_WITH_A_RUN)]
            ids += [refund_workflow_id(each) for each in await session.scalars(_REFUNDS_UNDER_WAY)]
            lingering = [top_up_workflow_id(each) for each in await session.scalars(select(models.TopUp.id))]
            lingering += [subscription_workflow_id(each) for each in await session.scalars(_ENDED)]
        runs: list[Run] = []
        try:
            # What is over in the books may still look at pages that can be paid.
            running = await asyncio.gather(*(self._is_running(item) for item in lingering))
            ids += [item for item, runs_on in zip(lingering, running, strict=True) if runs_on]
            for found in await asyncio.gather(*(self._idle_run(item) for item in ids)):
                if found is None:
                    return None
                runs.append(found)
        except RPCError:
            return None  # between two runs
        return runs

    async def _is_running(self, workflow_id: str) -> bool:
        described = await self._client.get_workflow_handle(workflow_id).describe()
        return described.status is WorkflowExecutionStatus.RUNNING

    async def _idle_run(self, workflow_id: str) -> Run | None:
        handle = self._client.get_workflow_handle(workflow_id)
        description = (await handle.describe()).raw_description
        for activity in description.pending_activities:
            if activity.state == _WAITING and activity.attempt > _TRIES_IN_REAL_TIME:
                # Not the interval that the server tells: after a try that timed out it is decades.
                again_at = activity.next_attempt_schedule_time.ToDatetime(UTC)
                pause = again_at - await self._skipper.get_current_time(handle)
                if pause > _SHORT:
                    await self._skipper.fast_forward(handle, pause)
        if description.pending_activities or description.HasField("pending_workflow_task"):
            return None
        wakes = await handle.query(messages.WAKE_QUERY, result_type=list[datetime])
        wakes_at = wakes[0] if wakes else None
        if wakes_at is not None and wakes_at <= await self._present(handle):
            return None
        if description.pending_children:
            return Run(handle, None, held=True)
        return Run(handle, wakes_at)

    async def _present(self, handle: Handle) -> datetime:
        """What the clock of a run shows."""
        if handle.id not in self._offsets:
            self._offsets[handle.id] = await self._began_with(handle)
        return await self._skipper.get_current_time(handle) + self._offsets[handle.id]

    async def _began_with(self, handle: Handle) -> timedelta:
        async for event in handle.fetch_history_events(page_size=1):
            given = event.workflow_execution_started_event_attributes.input.payloads
            kinds = {refund_workflow_id(""): StartRefund, top_up_workflow_id(""): StartTopUp}
            kind = next((kinds[each] for each in kinds if handle.id.startswith(each)), StartSubscription)
            start = (await self._client.data_converter.decode(given, [kind]))[0]
            assert isinstance(start, StartRefund | StartTopUp | StartSubscription)
            return start.test_clock_offset
        raise LocalError(f"{handle.id} has no history")
