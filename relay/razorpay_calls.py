"""Razorpay's calls: about a subscription that it charges, what we collect there ourselves, or a refund.

A call that tells of money after the end wakes the subscription once more, so that it is booked or set
aside like any other.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import select
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError

from db import restoring
from db.models import Payment, Subscription, WebhookInbox
from db.session import Database
from domain.errors import Unavailable
from domain.subscription import FINAL, Status
from gateways.base import SubscriptionGateway
from gateways.razorpay_webhook import RazorpayWebhook, parse_razorpay_webhook
from relay.calls import CALL_TIMEOUT, Verdict, orphan, signalled
from relay.collecting_calls import CollectingCalls, Named
from relay.refunds import RefundNotices
from workflows import messages, ports, search_attributes

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
_COLLECTED = ("payment.", "order.", "token.", "payment_link.", "invoice.")
"""What may be about a page, a debit or a mandate that is collected on our own clock."""
ACTOR = "gateway"


@dataclass(frozen=True)
class _Ours:
    id: str
    status: Status


class RazorpayCalls:
    """See the module."""

    def __init__(
        self,
        database: Database,
        client: Client,
        gateway: SubscriptionGateway,
        refunds: RefundNotices,
        clock: Callable[[], datetime],
        *,
        workflow_clock_offset: Callable[[], timedelta] = timedelta,
    ) -> None:
        """`workflow_clock_offset` moves what is woken, in tests and demonstrations only."""
        self._database = database
        self._client = client
        self._gateway = gateway
        self._refunds = refunds
        self._clock = clock
        self._collecting = CollectingCalls(database, client, gateway.name, clock, workflow_clock_offset)
        self._workflow_clock_offset = workflow_clock_offset

    async def hand_on(self, entry: WebhookInbox) -> Verdict:
        """See Caller."""
        if entry.event_type in _REFUNDS:
            return await self._refund(entry)
        if entry.event_type.startswith(_COLLECTED):
            verdict = await self._collecting.hand_on(entry, _named(parse_razorpay_webhook(entry.body)))
            if verdict is not None:
                return verdict
        if entry.event_type not in _HANDLED:
            return Verdict(entry, "unhandled")
        gateway_id, noted = entry.gateway_subscription_id, None
        if gateway_id is not None:
            noted = parse_razorpay_webhook(entry.body).our_subscription_id
        elif entry.gateway_invoice_id is not None:
            gateway_id = await self._gateway.subscription_of_invoice(entry.gateway_invoice_id)
        if gateway_id is None:
            return Verdict(entry, "unhandled", error="it is about no subscription")
        ours = await self._find(gateway_id, noted)
        if ours is None:
            # What carries no note of ours was made by somebody else who shares the account.
            expected = noted is not None or entry.event_type == PAYMENT_FAILED
            return orphan(self._clock, entry, "no such subscription on record", wait=expected)
        if await self._is_known(entry, ours):
            return Verdict(entry, "known", ours.id)
        return await self._signal(entry, ours, gateway_id)

    async def _refund(self, entry: WebhookInbox) -> Verdict:
        """Wake the workflow of a refund of ours; begin one for what was made in the dashboard."""
        told = parse_razorpay_webhook(entry.body)
        if told.gateway_refund_id is None or told.payment_id is None:
            return Verdict(entry, "unhandled", error="it is about no refund")
        known = await self._refunds.known(told.gateway_refund_id, told.our_refund_id)
        if known is not None:
            if not known.settled:
                await self._refunds.wake(known.id)
            return Verdict(entry, "known" if known.settled else "signalled", known.subscription_id)
        if not await self._refunds.is_ours(told.payment_id):
            # Somebody else's, or the five rupees by which a card is tried; what is ours after all is found
            # by the hourly look.
            return Verdict(entry, "unhandled", error="its payment is not on record")
        await self._refunds.begin(told.payment_id, told.gateway_refund_id)
        return Verdict(entry, "signalled")

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

    async def _signal(self, entry: WebhookInbox, ours: _Ours, gateway_id: str) -> Verdict:
        hint = messages.GatewayEvent(entry.event_id, entry.event_type, entry.gateway_payment_id)
        if await signalled(self._client, ports.subscription_workflow_id(ours.id), hint):
            return Verdict(entry, "signalled", ours.id)
        if ours.status in FINAL:
            return await self._after_the_end(entry, ours, gateway_id, hint)
        return orphan(self._clock, entry, "its workflow is not running", wait=True, subscription_id=ours.id)

    async def _after_the_end(
        self, entry: WebhookInbox, ours: _Ours, gateway_id: str, hint: messages.GatewayEvent
    ) -> Verdict:
        """The run is over; for money it begins again from the rows, and ends when that is dealt with."""
        if hint.payment_id is None or hint.kind not in _MONEY_CAME:
            return Verdict(entry, "late", ours.id)
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
                rpc_timeout=CALL_TIMEOUT,
            )
        except RPCError as error:
            raise Unavailable(f"Temporal woke no run ({error.status.name}); trying again") from error
        return Verdict(entry, "signalled", ours.id)


def _named(told: RazorpayWebhook) -> Named:
    return Named(
        told.our_order_id,
        told.gateway_order_id,
        told.our_mandate_id if told.our_order_id is None else None,
        told.gateway_token_id if told.gateway_order_id is None else None,
        told.payment_id,
    )
