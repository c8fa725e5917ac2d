"""Hands stored webhooks on to the workflows they concern, in order per subscription; loses none.

A call that tells of money after the end wakes the subscription once more, so that it is booked or set
aside like any other. As in relay.outbox a call is claimed by a lease, so that no transaction is open
during the signal. A relay that dies in between lets the same call be signalled again; the workflow knows
it by its event id.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select, update
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from db import inbox, restoring
from db.inbox import Outcome
from db.models import Payment, Subscription, WebhookInbox
from db.session import Database
from domain.errors import BahiError, RetryableError, Unavailable
from domain.subscription import FINAL, Status
from gateways.base import SubscriptionGateway
from gateways.razorpay_webhook import parse_razorpay_webhook
from relay import metrics
from relay.patience import backoff
from relay.refunds import RefundNotices
from relay.wakeup import POLL_SECONDS, Bells, pause
from workflows import messages, ports, search_attributes

CHANNEL = "webhook_inbox"
AT_ONCE = 16
LEASE = timedelta(seconds=90)
LONGEST_WAIT = timedelta(minutes=5)
ORPHAN_AFTER = timedelta(minutes=10)
"""How long a call about a subscription of ours may run ahead of our own record of it."""
_CALL_TIMEOUT = timedelta(seconds=10)
_DEADLINE_SECONDS = 40
_LAG_SECONDS = 5

PAYMENT_FAILED = "payment.failed"
_PENDING = "subscription.pending"
_HANDLED = frozenset(
    {PAYMENT_FAILED}
    | {
        f"subscription.{happening}"
        for happening in (
            "authenticated", "activated", "charged", "completed", "updated",
            "pending", "halted", "cancelled", "paused", "resumed",
        )
    }
)  # fmt: skip
"""What may change a subscription's books; everything else is kept and left alone."""
_REFUNDS = frozenset(
    f"refund.{happening}" for happening in ("created", "processed", "failed", "speed_changed")
)
_SAID_ALREADY = {
    "subscription.charged": Status.ACTIVE,
    "subscription.activated": Status.ACTIVE,
    "subscription.completed": Status.COMPLETED,
    _PENDING: Status.PAST_DUE,
}
"""With its payment on record and this status reached, a call tells nothing new."""
_MONEY_CAME = frozenset({"subscription.charged", "subscription.activated", "subscription.completed"})
ACTOR = "gateway"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Ours:
    id: str
    status: Status


@dataclass(frozen=True)
class _Verdict:
    """`outcome` None: to be tried again."""

    entry: WebhookInbox
    outcome: Outcome | None
    subscription_id: str | None = None
    error: str | None = None


class InboxRelay:
    """Runs until told to stop; any number of them may run side by side."""

    def __init__(
        self,
        database: Database,
        client: Client,
        gateway: SubscriptionGateway,
        refunds: RefundNotices,
        clock: Callable[[], datetime],
        *,
        workflow_clock_offset: Callable[[], timedelta] = timedelta,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        """`workflow_clock_offset` moves what is woken, in tests and demonstrations only.

        `poll_seconds` bounds the delay if a wake-up call of the database is lost.
        """
        self._database = database
        self._client = client
        self._gateway = gateway
        self._refunds = refunds
        self._clock = clock
        self._workflow_clock_offset = workflow_clock_offset
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

    async def _judge(self, entry: WebhookInbox) -> _Verdict:
        try:
            async with asyncio.timeout(_DEADLINE_SECONDS):
                return await self._hand_on(entry)
        except BahiError as error:
            return _Verdict(entry, None, error=str(error))
        except TimeoutError:
            return _Verdict(entry, None, error=f"not done within {_DEADLINE_SECONDS} s")
        except Exception as error:  # noqa: BLE001
            # A mistake of ours must not lose the call.
            _log.exception("call_not_understood", entry=entry.id, kind=entry.event_type)
            return _Verdict(entry, None, error=f"unexpected {type(error).__name__}")

    async def _hand_on(self, entry: WebhookInbox) -> _Verdict:
        if entry.event_type in _REFUNDS and entry.source == self._gateway.name:
            return await self._refund(entry)
        if entry.source != self._gateway.name or entry.event_type not in _HANDLED:
            return _Verdict(entry, "unhandled")
        gateway_id, noted = entry.gateway_subscription_id, None
        if gateway_id is not None:
            noted = parse_razorpay_webhook(entry.body).our_subscription_id
        elif entry.gateway_invoice_id is not None:
            gateway_id = await self._gateway.subscription_of_invoice(entry.gateway_invoice_id)
        if gateway_id is None:
            return _Verdict(entry, "unhandled", error="it is about no subscription")
        ours = await self._find(gateway_id, noted)
        if ours is None:
            # What carries no note of ours was made by somebody else who shares the account.
            expected = noted is not None or entry.event_type == PAYMENT_FAILED
            return self._orphan(entry, "no such subscription on record", wait=expected)
        if await self._is_known(entry, ours):
            return _Verdict(entry, "known", ours.id)
        return await self._signal(entry, ours, gateway_id)

    async def _refund(self, entry: WebhookInbox) -> _Verdict:
        """Wake the workflow of a refund of ours; begin one for what was made in the dashboard."""
        told = parse_razorpay_webhook(entry.body)
        if told.gateway_refund_id is None or told.payment_id is None:
            return _Verdict(entry, "unhandled", error="it is about no refund")
        known = await self._refunds.known(told.gateway_refund_id, told.our_refund_id)
        if known is not None:
            if not known.settled:
                await self._refunds.wake(known.id)
            return _Verdict(entry, "known" if known.settled else "signalled", known.subscription_id)
        if not await self._refunds.is_ours(told.payment_id):
            # Somebody else's, or the five rupees by which a card is tried; what is ours after all is found
            # by the hourly look.
            return _Verdict(entry, "unhandled", error="its payment is not on record")
        await self._refunds.begin(told.payment_id, told.gateway_refund_id)
        return _Verdict(entry, "signalled")

    async def _find(self, gateway_id: str, noted: str | None) -> _Ours | None:
        """By the gateway's id, or by ours in the notes: the call may overtake our record of the former."""
        row = Subscription
        async with self._database.reading() as session:
            found = (
                await session.execute(
                    select(row.id, row.status)
                    .where(
                        (row.gateway_subscription_id == gateway_id) & (row.gateway == self._gateway.name)
                        | (row.id == noted)
                    )
                    .order_by((row.gateway_subscription_id == gateway_id).desc().nulls_last())
                    .limit(1)
                )
            ).one_or_none()
        return None if found is None else _Ours(found.id, Status(found.status))

    async def _is_known(self, entry: WebhookInbox, ours: _Ours) -> bool:
        """The call's payment is booked and the state it speaks of reached: nothing to look at."""
        reached = entry.event_type == PAYMENT_FAILED or _SAID_ALREADY.get(entry.event_type) is ours.status
        if entry.gateway_payment_id is None or not reached:
            return False
        row = Payment
        async with self._database.reading() as session:
            status = await session.scalar(
                select(row.status).where(
                    row.gateway == entry.source, row.gateway_payment_id == entry.gateway_payment_id
                )
            )
        if entry.event_type in (PAYMENT_FAILED, _PENDING):
            return status is not None
        return status == "captured"

    async def _signal(self, entry: WebhookInbox, ours: _Ours, gateway_id: str) -> _Verdict:
        workflow = self._client.get_workflow_handle(ports.subscription_workflow_id(ours.id))
        hint = messages.GatewayEvent(entry.event_id, entry.event_type, entry.gateway_payment_id)
        try:
            await workflow.signal(messages.GATEWAY_SIGNAL, hint, rpc_timeout=_CALL_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise Unavailable(f"Temporal took no signal ({error.status.name}); trying again") from error
            if ours.status in FINAL:
                return await self._after_the_end(entry, ours, gateway_id, hint)
            return self._orphan(entry, "its workflow is not running", wait=True, subscription_id=ours.id)
        return _Verdict(entry, "signalled", ours.id)

    async def _after_the_end(
        self, entry: WebhookInbox, ours: _Ours, gateway_id: str, hint: messages.GatewayEvent
    ) -> _Verdict:
        """The run is over; for money it begins again from the rows, and ends when that is dealt with."""
        if hint.payment_id is None or hint.kind not in _MONEY_CAME:
            return _Verdict(entry, "late", ours.id)
        async with self._database.reading() as session:
            subscription = await restoring.subscription(session, ours.id)
        if subscription.gateway_id is None:
            subscription = replace(subscription, gateway_id=gateway_id)
        offset, nothing = self._workflow_clock_offset(), messages.Carried()
        try:
            await self._client.start_workflow(
                messages.WORKFLOW_NAME,
                messages.StartSubscription(subscription, ACTOR, offset, nothing),
                id=ports.subscription_workflow_id(ours.id),
                task_queue=ports.SUBSCRIPTIONS_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                search_attributes=search_attributes.of(subscription),
                static_summary=f"{subscription.price.plan_id}, {subscription.status}: money after the end",
                start_signal=messages.GATEWAY_SIGNAL,
                start_signal_args=[hint],
                rpc_timeout=_CALL_TIMEOUT,
            )
        except RPCError as error:
            raise Unavailable(f"Temporal woke no run ({error.status.name}); trying again") from error
        return _Verdict(entry, "signalled", ours.id)

    def _orphan(
        self, entry: WebhookInbox, why: str, *, wait: bool, subscription_id: str | None = None
    ) -> _Verdict:
        young = self._clock() < entry.received_at + ORPHAN_AFTER
        return _Verdict(entry, None if wait and young else "orphan", subscription_id, why)

    async def _conclude(self, verdicts: list[_Verdict]) -> None:
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
