"""PhonePe's calls: about an order to pay, a debit, a mandate, or a refund (phonepe.md 4).

They name our ids, and our rows say whose those are. None is believed: the run that is told looks itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from temporalio.client import Client

from db.intents import debit_key
from db.models import GatewayIntent, Mandate, Payment, PayPage, Subscription, WebhookInbox
from db.session import Database
from domain.mandate import DEAD, MandateStatus
from domain.merchant_ids import Purpose
from domain.subscription import FINAL, Status
from gateways.phonepe_webhook import PhonePeWebhook, parse_phonepe_callback, parse_phonepe_webhook
from relay.calls import Verdict, orphan, signalled
from relay.refunds import RefundNotices
from workflows import collecting_ports, messages, ports

NAME = "phonepe"
_OURS = tuple(f"{purpose}_" for purpose in Purpose)


@dataclass(frozen=True)
class _Owner:
    """Whose run is to be told, and in which words."""

    workflow_id: str
    hint: messages.GatewayEvent
    subscription_id: str | None = None


class PhonePeCalls:
    """See the module."""

    def __init__(
        self, database: Database, client: Client, refunds: RefundNotices, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._client = client
        self._refunds = refunds
        self._clock = clock

    async def hand_on(self, entry: WebhookInbox) -> Verdict:
        """See Caller."""
        told = parse_phonepe_webhook(entry.body)
        if not told.event:
            told = parse_phonepe_callback(entry.body)
        if told.refund_id is not None:
            return await self._refund(entry, told)
        owner = await self._owner(entry, told)
        if owner is None:
            named = told.order_id or told.mandate_id
            if named is None:
                return Verdict(entry, "unhandled", error="it is about no order and no mandate")
            ours = named.startswith(_OURS)
            return orphan(self._clock, entry, f"{named} is not on record", wait=ours)
        if await self._is_known(told):
            return Verdict(entry, "known", owner.subscription_id)
        if await signalled(self._client, owner.workflow_id, owner.hint):
            return Verdict(entry, "signalled", owner.subscription_id)
        if owner.subscription_id is None or await self._has_ended(owner.subscription_id):
            return Verdict(entry, "late", owner.subscription_id)
        why = "its workflow is not running"
        return orphan(self._clock, entry, why, wait=True, subscription_id=owner.subscription_id)

    async def _refund(self, entry: WebhookInbox, told: PhonePeWebhook) -> Verdict:
        """Wake the workflow of a refund of ours; begin one for what was made in the dashboard."""
        assert told.refund_id is not None
        known = await self._refunds.known(told.refund_id, told.refund_id)
        if known is not None:
            if not known.settled:
                await self._refunds.wake(known.id)
            return Verdict(entry, "known" if known.settled else "signalled", known.subscription_id)
        if told.order_id is None or not await self._refunds.is_ours(told.order_id):
            return Verdict(entry, "unhandled", error="its payment is not on record")
        await self._refunds.begin(told.order_id, told.refund_id)
        return Verdict(entry, "signalled")

    async def _owner(self, entry: WebhookInbox, told: PhonePeWebhook) -> _Owner | None:
        async with self._database.reading() as session:
            if told.order_id is not None:
                page = await session.get(PayPage, told.order_id)
                if page is not None:
                    return _of_page(entry, page)
                intent = await session.get(GatewayIntent, debit_key(NAME, told.order_id))
                if intent is not None and intent.subscription_id is not None:
                    return _of_subscription(entry, intent.subscription_id, order_id=told.order_id)
            if told.mandate_id is not None:
                mandate = await session.get(Mandate, told.mandate_id)
                if mandate is not None:
                    return _of_subscription(entry, mandate.subscription_id, mandate_id=told.mandate_id)
        return None

    async def _is_known(self, told: PhonePeWebhook) -> bool:
        """Its money is booked, or its mandate known to be dead: nothing to look at."""
        row = Payment
        async with self._database.reading() as session:
            if told.order_id is not None:
                booked = select(row.id).where(
                    row.gateway == NAME, row.gateway_payment_id == told.order_id, row.status != "failed"
                )
                return await session.scalar(booked) is not None
            mandate = await session.get(Mandate, str(told.mandate_id))
            return mandate is not None and MandateStatus(mandate.status) in DEAD

    async def _has_ended(self, subscription_id: str) -> bool:
        row = Subscription.status
        async with self._database.reading() as session:
            status = await session.scalar(select(row).where(Subscription.id == subscription_id))
        return status is not None and Status(status) in FINAL


def _of_page(entry: WebhookInbox, page: PayPage) -> _Owner:
    hint = messages.GatewayEvent(
        entry.event_id, entry.event_type, order_id=page.order_id, page_subject=page.subject
    )
    if page.subscription_id is not None:
        run = ports.subscription_workflow_id(page.subscription_id)
        return _Owner(run, hint, page.subscription_id)
    return _Owner(collecting_ports.top_up_workflow_id(str(page.top_up_id)), hint)


def _of_subscription(
    entry: WebhookInbox, subscription_id: str, *, order_id: str | None = None, mandate_id: str | None = None
) -> _Owner:
    hint = messages.GatewayEvent(entry.event_id, entry.event_type, order_id=order_id, mandate_id=mandate_id)
    return _Owner(ports.subscription_workflow_id(subscription_id), hint, subscription_id)
