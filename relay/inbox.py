"""Hands stored webhooks on to the workflows they concern, in order per subscription; loses none.

What a call is about is known to `relay.razorpay_calls` and `relay.phonepe_calls`. As in relay.outbox a call
is claimed by a lease, so that no transaction is open during the signal. A relay that dies in between lets the
same call be signalled again; the workflow knows it by its event id.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import structlog
from sqlalchemy import update

from db import inbox
from db.models import WebhookInbox
from db.session import Database
from domain.errors import BahiError, RetryableError
from relay import metrics
from relay.calls import Caller, Verdict
from relay.patience import backoff
from relay.wakeup import POLL_SECONDS, Bells, pause

CHANNEL = "webhook_inbox"
AT_ONCE = 16
LEASE = timedelta(seconds=90)
LONGEST_WAIT = timedelta(minutes=5)
_DEADLINE_SECONDS = 40
_LAG_SECONDS = 5

_log = structlog.get_logger(__name__)


class InboxRelay:
    """Runs until told to stop; any number of them may run side by side."""

    def __init__(
        self,
        database: Database,
        callers: Mapping[str, Caller],
        clock: Callable[[], datetime],
        *,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        """`callers` by the source of a call; `poll_seconds` bounds the delay if a wake-up call is lost."""
        self._database = database
        self._callers = callers
        self._clock = clock
        self._poll = poll_seconds

    async def run(self, stop: asyncio.Event) -> None:
        """Hand on until `stop`; what is under way then is finished."""
        bells = Bells(self._database.engine.url, CHANNEL)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._serve(bells.hang(), stop))
            tasks.create_task(self._watch(stop))
            tasks.create_task(bells.ring_until(stop))

    async def drain_once(self, stop: asyncio.Event | None = None) -> int:
        """Hand on what is due now, and what that makes due; the number of calls looked at."""
        seen = 0
        while not (stop and stop.is_set()):
            claimed = await self._claim()
            if not claimed:
                return seen
            verdicts = await asyncio.gather(*(self._judge(entry) for entry in claimed))
            await self._conclude(verdicts)
            seen += len(verdicts)
        return seen

    async def _serve(self, bell: asyncio.Event, stop: asyncio.Event) -> None:
        while not stop.is_set():
            bell.clear()
            try:
                await self.drain_once(stop)
            except RetryableError as error:
                _log.warning("inbox_not_read", error=str(error))
            if not stop.is_set():
                await pause(bell, self._poll)

    async def _claim(self) -> list[WebhookInbox]:
        row = WebhookInbox
        async with self._database.transaction() as session:
            claimed = await inbox.claim_due(session, AT_ONCE)
            if claimed:
                lease = update(row).where(row.id.in_([entry.id for entry in claimed]))
                await session.execute(
                    lease.values(next_attempt_at=self._clock() + LEASE),
                    execution_options={"synchronize_session": False},
                )
        return claimed

    async def _judge(self, entry: WebhookInbox) -> Verdict:
        try:
            async with asyncio.timeout(_DEADLINE_SECONDS):
                caller = self._callers.get(entry.source)
                return Verdict(entry, "unhandled") if caller is None else await caller.hand_on(entry)
        except BahiError as error:
            return Verdict(entry, None, error=str(error))
        except TimeoutError:
            return Verdict(entry, None, error=f"not done within {_DEADLINE_SECONDS} s")
        except Exception as error:  # noqa: BLE001
            # A mistake of ours must not lose the call.
            _log.exception("call_not_understood", entry=entry.id, kind=entry.event_type)
            return Verdict(entry, None, error=f"unexpected {type(error).__name__}")

    async def _conclude(self, verdicts: list[Verdict]) -> None:
        async with self._database.transaction() as session:
            for each in verdicts:
                entry = each.entry
                if each.outcome is not None:
                    await inbox.mark(session, entry.id, each.outcome, each.subscription_id, each.error)
                else:
                    again = self._clock() + backoff(entry.attempts, LONGEST_WAIT)
                    await inbox.mark_retry(session, entry.id, again, each.error or "")
        for each in verdicts:
            metrics.INBOX_CALLS.labels(outcome=each.outcome or "retry").inc()
            if each.outcome in (None, "orphan", "late"):
                _log.warning(
                    "call_not_handed_on",
                    entry=each.entry.id,
                    kind=each.entry.event_type,
                    outcome=each.outcome or "retry",
                    error=each.error,
                )

    async def _watch(self, stop: asyncio.Event) -> None:
        """Keep the lag gauge true."""
        while not stop.is_set():
            try:
                async with self._database.reading() as session:
                    metrics.INBOX_LAG.set(await inbox.lag_seconds(session))
            except RetryableError as error:
                _log.warning("inbox_lag_unknown", error=str(error))
            await pause(stop, _LAG_SECONDS)
