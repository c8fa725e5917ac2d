"""Carries events from the outbox to its sinks: at least once, in order per customer, each sink on its own.

No transaction is open while a sink works. A delivery is claimed by pushing its `next_attempt_at` into
the future (a lease) and committing; the outcome is written afterwards in another transaction. A relay
that dies in between leaves the lease to run out, and the delivery is made again. As long as a delivery
is pending, db.outbox.due offers no later one of the same customer, so order holds also among several
relays.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

import structlog
from sqlalchemy import update

from db import outbox
from db.models import OutboxDelivery
from db.session import Database
from domain.errors import FinalError, RetryableError
from gateways.cloud_events import OutgoingEvent
from relay import metrics
from relay.patience import backoff
from relay.wakeup import POLL_SECONDS, Bells, pause

CHANNEL = "outbox"
AT_ONCE = 16
"""Deliveries under way per sink, each of another customer."""
DEADLINE_SECONDS = 40
LEASE = timedelta(seconds=90)
"""Longer than the deadline, so that what is under way is never claimed by another."""
LONGEST_WAIT = timedelta(hours=1)
MOST_ATTEMPTS = 80
"""Doubling from a second to an hour, then hourly: about three days."""
_LAG_SECONDS = 5

_log = structlog.get_logger(__name__)


class Sink(Protocol):
    """Where events go. Any of our errors may be raised: a final one gives the event up."""

    async def deliver(self, event: OutgoingEvent) -> None:
        """Returns when the event is safe on the other side. May see the same event again."""


class Outcome(StrEnum):
    """What became of one attempt."""

    DONE = "done"
    RETRY = "retry"
    FAILED = "failed"


@dataclass(frozen=True)
class _Attempt:
    event_id: int
    attempts: int
    """Made before this one."""
    outcome: Outcome
    error: str = ""


class OutboxRelay:
    """Runs until told to stop; any number of them may run side by side."""

    def __init__(
        self,
        database: Database,
        sinks: Mapping[str, Sink],
        clock: Callable[[], datetime],
        *,
        deadline_seconds: float = DEADLINE_SECONDS,
        most_attempts: int = MOST_ATTEMPTS,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        """`poll_seconds` bounds the delay if a wake-up call of the database is lost."""
        self._database = database
        self._sinks = dict(sinks)
        self._clock = clock
        self._deadline = deadline_seconds
        self._most_attempts = most_attempts
        self._poll = poll_seconds

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop`; what is under way then is finished."""
        bells = Bells(self._database.engine.url, CHANNEL)
        async with asyncio.TaskGroup() as tasks:
            for name in self._sinks:
                tasks.create_task(self._serve(name, bells.hang(), stop))
            tasks.create_task(self._watch(stop))
            tasks.create_task(bells.ring_until(stop))

    async def drain_once(self) -> int:
        """Deliver what is due now, and what that makes due; the number of attempts."""
        rounds = await asyncio.gather(*(self._drain(name) for name in self._sinks))
        return sum(rounds)

    async def _serve(self, name: str, bell: asyncio.Event, stop: asyncio.Event) -> None:
        while not stop.is_set():
            bell.clear()
            try:
                await self._drain(name, stop)
            except RetryableError as error:
                _log.warning("outbox_not_read", sink=name, error=str(error))
            if not stop.is_set():
                await pause(bell, self._poll)

    async def _drain(self, name: str, stop: asyncio.Event | None = None) -> int:
        made = 0
        while not (stop and stop.is_set()):
            claimed = await self._claim(name)
            if not claimed:
                return made
            attempts = await asyncio.gather(*(self._attempt(name, each) for each in claimed))
            await self._conclude(name, attempts)
            made += len(attempts)
        return made

    async def _claim(self, name: str) -> list[outbox.Due]:
        row = OutboxDelivery
        async with self._database.transaction() as session:
            claimed = await outbox.due(session, name, AT_ONCE)
            lease = update(row).where(row.sink == name, row.event_id.in_([each.event.id for each in claimed]))
            if claimed:
                await session.execute(lease.values(next_attempt_at=self._clock() + LEASE))
        return claimed

    async def _attempt(self, name: str, due: outbox.Due) -> _Attempt:
        event_id, attempts = due.event.id, due.attempts
        try:
            async with asyncio.timeout(self._deadline):
                await self._sinks[name].deliver(_outgoing(due))
        except FinalError as error:
            return _Attempt(event_id, attempts, Outcome.FAILED, str(error))
        except RetryableError as error:
            return self._again(event_id, attempts, str(error))
        except TimeoutError:
            return self._again(event_id, attempts, f"not done within {self._deadline} s")
        except Exception as error:  # noqa: BLE001
            # A mistake in a sink must neither lose the event nor stop the others.
            _log.exception("sink_broke", sink=name, event_id=event_id)
            return self._again(event_id, attempts, f"unexpected {type(error).__name__}")
        return _Attempt(event_id, attempts, Outcome.DONE)

    def _again(self, event_id: int, attempts: int, error: str) -> _Attempt:
        over = attempts + 1 >= self._most_attempts
        return _Attempt(event_id, attempts, Outcome.FAILED if over else Outcome.RETRY, error)

    async def _conclude(self, name: str, made: list[_Attempt]) -> None:
        async with self._database.transaction() as session:
            for each in made:
                if each.outcome is Outcome.DONE:
                    await outbox.mark_done(session, each.event_id, name)
                elif each.outcome is Outcome.FAILED:
                    await outbox.mark_failed(session, each.event_id, name, each.error)
                else:
                    again = self._clock() + backoff(each.attempts, LONGEST_WAIT)
                    await outbox.mark_retry(session, each.event_id, name, again, each.error)
        for each in made:
            metrics.OUTBOX_DELIVERIES.labels(sink=name, outcome=each.outcome).inc()
            if each.outcome is not Outcome.DONE:
                _log.warning(
                    "event_not_delivered",
                    sink=name,
                    event_id=each.event_id,
                    outcome=each.outcome.value,
                    error=each.error,
                )

    async def _watch(self, stop: asyncio.Event) -> None:
        """Keep the lag gauges true."""
        while not stop.is_set():
            try:
                async with self._database.reading() as session:
                    for name in self._sinks:
                        lag = await outbox.lag_seconds(session, name)
                        metrics.OUTBOX_LAG.labels(sink=name).set(lag)
            except RetryableError as error:
                _log.warning("outbox_lag_unknown", error=str(error))
            await pause(stop, _LAG_SECONDS)


def _outgoing(due: outbox.Due) -> OutgoingEvent:
    event = due.event
    return OutgoingEvent(
        id=event.id,
        key=event.key,
        type=event.type,
        customer_id=event.customer_id,
        subscription_id=event.subscription_id,
        occurred_at=event.occurred_at,
        data=event.data,
    )
