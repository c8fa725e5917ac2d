"""Skipping the long waits of runs, so that what is measured is what happens between them.

Each run is brought to just before its next wake, all of them to the same distance from it; the rest they
wait in real time, and wake by the server's own timers while nobody speaks to them.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from local.home import LocalError
from workflows import messages

Handle: TypeAlias = WorkflowHandle[object, object]

_MARKS = (
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED,
)
"""What skipping leaves in a history."""
_SKIPS_PER_SESSION = 1_000_000
_AT_ONCE = 8
_TO_THE_METERS = 0.1
"""Before the wake: what the skipping set to work has come to rest."""
_SECONDS = 4.0
_SECONDS_PER_RUN = 0.12
"""What skipping one may take on a busy machine."""


class Skipping:
    """Moves the clock of each run by itself."""

    def __init__(self, client: Client) -> None:
        config = TimeSkippingConfig(max_session_skip_count=_SKIPS_PER_SESSION)
        self._skipper = TimeSkipper(client, config=config)

    async def to_the_brink(self, runs: Sequence[Handle]) -> float:
        """Skip until all wake at one moment: on the clock of `time.perf_counter`. Raises LocalError."""
        wakes = time.perf_counter() + _SECONDS + _SECONDS_PER_RUN * len(runs)
        waiting = iter(runs)

        async def skip_some() -> None:
            for run in waiting:
                planned: list[datetime] = await run.query(messages.WAKE_QUERY, result_type=list[datetime])
                now = await self._skipper.get_current_time(run)
                await self._skipper.fast_forward(
                    run, planned[0] - now - timedelta(seconds=wakes - time.perf_counter())
                )

        await asyncio.gather(*(skip_some() for _ in range(_AT_ONCE)))
        if time.perf_counter() > wakes - _TO_THE_METERS:
            raise LocalError(f"{len(runs)} runs could not be skipped in time; wait for a quieter machine")
        await asyncio.sleep(wakes - _TO_THE_METERS - time.perf_counter())
        return wakes


@dataclass(frozen=True)
class Left:
    """What a run left in Temporal, without the marks of skipping."""

    events: int
    bytes: int


async def pinned(client: Client, runs: Sequence[Handle]) -> list[Handle]:
    """The present runs themselves, not those that follow them."""
    return [client.get_workflow_handle(run.id, run_id=(await run.describe()).run_id) for run in runs]


async def left_by(run: Handle) -> Left:
    """Of a pinned run that has rolled over."""
    info = (await run.describe()).raw_description.workflow_execution_info
    marks = [event async for event in run.fetch_history_events() if event.event_type in _MARKS]
    return Left(info.history_length - len(marks), info.history_size_bytes - sum(map(_size, marks)))


def _size(event: HistoryEvent) -> int:
    return event.ByteSize()
