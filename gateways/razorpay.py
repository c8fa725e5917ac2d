"""Razorpay behind `SubscriptionGateway`, `RefundGateway`, `MandateGateway`, `ClosingGateway` (razorpay.md).

Commands' answers are hints: what stands is read back. Creates are not idempotent there, refunds apart, so
our own id travels in the notes and is looked for before another create.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from domain.collection import CollectionSnapshot, GatewayStatus
from domain.errors import GatewayRefused, GatewayUnavailable
from domain.orders import DebitStarted, MandateAtGateway, OrderAtGateway
from domain.periods import Interval
from domain.refund import RefundAtGateway
from gateways import razorpay_entities as entities
from gateways.base import (
    NewDebit,
    NewMandate,
    NewPage,
    NewRefund,
    NewSubscription,
    PageAtGateway,
    PlanAtGateway,
    SubscriptionAtGateway,
)
from gateways.razorpay_client import CLOCKS_APART, CONNECT_SECONDS, READ_SECONDS, RazorpayClient, Sdk
from gateways.razorpay_collection import CollectionReader
from gateways.razorpay_errors import Repeating
from gateways.razorpay_pages import RazorpayPages
from gateways.razorpay_refunds import RazorpayRefunds
from gateways.razorpay_tokens import RazorpayTokens
from gateways.razorpay_webhook import SUBSCRIPTION_NOTE

PRICE_NOTE = "bahi_price"
"""Notes of a plan carry our price version's id under this name."""

_PERIODS = {Interval.MONTHLY: "monthly", Interval.ANNUAL: "yearly"}
_FINAL = frozenset({GatewayStatus.CANCELLED, GatewayStatus.COMPLETED, GatewayStatus.EXPIRED})
_RUNNING = frozenset({GatewayStatus.ACTIVE, GatewayStatus.PENDING, GatewayStatus.HALTED})


def _utc_now() -> datetime:
    return datetime.now(UTC)


class RazorpayGateway:
    """One Razorpay account and mode, by its key."""

    name = "razorpay"
    one_refund_at_a_time = False

    def __init__(
        self,
        key_id: str,
        key_secret: str,
        base_url: str = "https://api.razorpay.com",
        *,
        timeout: tuple[float, float] = (CONNECT_SECONDS, READ_SECONDS),
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        """`timeout`: seconds to connect, and to wait for each part of the answer.

        `clock`: the time that the ends of pages are counted from.
        """
        self._client = RazorpayClient(key_id, key_secret, base_url, timeout=timeout)
        self._books = CollectionReader(self._client)
        self._refunds = RazorpayRefunds(self._client)
        self._tokens = RazorpayTokens(self._client, clock)
        self._pages = RazorpayPages(self._client, clock)

    async def close(self) -> None:
        """Wait for calls under way, then end."""
        await self._client.close()

    async def create_plan(self, plan: PlanAtGateway) -> str:
        """The new plan's id. Plans cannot be changed or deleted there."""
        price = plan.price
        request = {
            "period": _PERIODS[price.interval],
            "interval": 1,
            "item": {"name": plan.name, "amount": plan.amount_paise, "currency": price.currency},
            "notes": {PRICE_NOTE: price.id},
        }
        return await self._client.ask(
            f"create plan for {price.id}",
            lambda sdk: entities.plan(sdk.plan.create(request)).id,
            Repeating.CREATES,
        )

    async def find_plan(self, plan: PlanAtGateway) -> str | None:
        """The oldest of same price version, total, currency and period."""
        price = plan.price
        wanted = (_PERIODS[price.interval], 1, plan.amount_paise, price.currency)
        listed = self._client.ask_all(
            f"look for plan of {price.id}", lambda sdk, paging: sdk.plan.all(paging), entities.plan
        )
        found = [
            each.id
            async for each in listed
            if each.notes.get(PRICE_NOTE) == price.id
            and (each.period, each.interval, each.amount_paise, each.currency) == wanted
        ]
        return found[-1] if found else None

    async def create_subscription(self, new: NewSubscription) -> SubscriptionAtGateway:
        """Its first bill is issued at once; it starts when the customer has paid that."""
        request = {
            "plan_id": new.gateway_plan_id,
            "total_count": new.total_count,
            "quantity": 1,
            # We speak to the customer ourselves; the bank sends the notice before each debit.
            "customer_notify": False,
            "expire_by": int(new.expires_at.timestamp()),
            "notes": {SUBSCRIPTION_NOTE: new.subscription_id},
        }
        return await self._client.ask(
            f"create subscription for {new.subscription_id}",
            lambda sdk: entities.agreement(sdk.subscription.create(request)).as_created(),
            Repeating.CREATES,
        )

    async def find_subscriptions(self, new: NewSubscription, since: datetime) -> list[SubscriptionAtGateway]:
        """Those on the same plan, made since then by Razorpay's clock, with our id in the notes."""
        query = {"plan_id": new.gateway_plan_id, "from": int((since - CLOCKS_APART).timestamp())}
        listed = self._client.ask_all(
            f"look for subscription of {new.subscription_id}",
            lambda sdk, paging: sdk.subscription.all(query | paging),
            entities.agreement,
        )
        found = [
            each.as_created()
            async for each in listed
            if each.notes.get(SUBSCRIPTION_NOTE) == new.subscription_id
        ]
        return sorted(found, key=lambda each: (each.created_at, each.id))

    async def read(
        self, gateway_id: str, *, settled: frozenset[str], payment_id: str | None, at: datetime
    ) -> CollectionSnapshot:
        """Bills whose payment is in `settled` are left out."""
        return await self._books.read(gateway_id, settled=settled, payment_id=payment_id, at=at)

    async def cancel(self, gateway_id: str) -> None:
        """At once: Razorpay's own cancellation at the cycle's end can neither be seen nor undone (2.5)."""
        await self._tell(
            gateway_id,
            "cancel",
            lambda sdk: sdk.subscription.cancel(gateway_id, {"cancel_at_cycle_end": False}),
            frozenset({GatewayStatus.CANCELLED}),
        )

    async def pause(self, gateway_id: str) -> None:
        """Only an active subscription: pausing an authenticated one cancels it (2.2)."""
        await self._tell(
            gateway_id,
            "pause",
            lambda sdk: sdk.subscription.pause(gateway_id, {"pause_at": "now"}),
            frozenset({GatewayStatus.PAUSED}),
        )

    async def resume(self, gateway_id: str) -> None:
        """A pause made by the customer in a UPI app can only be lifted there."""
        await self._tell(
            gateway_id,
            "resume",
            lambda sdk: sdk.subscription.resume(gateway_id, {"resume_at": "now"}),
            _RUNNING,
        )

    async def subscription_of_invoice(self, gateway_invoice_id: str) -> str | None:
        """None for a bill that is not a subscription's, or not known."""
        return await self._books.subscription_of_bill(gateway_invoice_id)

    async def refund(self, new: NewRefund) -> RefundAtGateway:
        """The one create that may be repeated: it has an idempotency key (1.0)."""
        return await self._refunds.refund(new)

    async def read_refund(self, gateway_payment_id: str, gateway_refund_id: str) -> RefundAtGateway:
        """By its id, so as it is now."""
        return await self._refunds.read(gateway_payment_id, gateway_refund_id)

    async def find_refund(self, gateway_payment_id: str, refund_id: str) -> RefundAtGateway | None:
        """Among the payment's refunds, by our id in the notes."""
        return await self._refunds.find(gateway_payment_id, refund_id)

    async def refunds_of_payment(self, gateway_payment_id: str) -> list[RefundAtGateway]:
        """Oldest first."""
        return await self._refunds.of_payment(gateway_payment_id)

    async def refunds_since(self, moment: datetime) -> list[RefundAtGateway]:
        """Oldest first; also the ₹5 that a mandate's authorisation returns (2.4)."""
        return await self._refunds.since(moment)

    # Mandates: tokens

    async def open_mandate(self, new: NewMandate) -> PageAtGateway:
        """See RazorpayTokens."""
        return await self._tokens.open_mandate(new)

    async def find_setup(self, order_id: str) -> OrderAtGateway | None:
        """See MandateGateway."""
        return await self._tokens.find_setup(order_id)

    async def find_mandate(self, mandate_id: str) -> MandateAtGateway | None:
        """See RazorpayTokens."""
        return await self._tokens.find_mandate(mandate_id)

    async def notify(self, new: NewDebit) -> OrderAtGateway:
        """See RazorpayTokens."""
        return await self._tokens.notify(new)

    async def find_debit(self, order_id: str) -> OrderAtGateway | None:
        """See MandateGateway."""
        return await self._tokens.find_debit(order_id)

    async def redeem(self, order_id: str) -> DebitStarted:
        """See RazorpayTokens."""
        return await self._tokens.redeem(order_id)

    async def cancel_mandate(self, mandate_id: str) -> MandateAtGateway | None:
        """See RazorpayTokens."""
        return await self._tokens.cancel_mandate(mandate_id)

    # One-time payments: payment links

    async def open_page(self, new: NewPage) -> PageAtGateway:
        """See RazorpayPages."""
        return await self._pages.open_page(new)

    async def find_order(self, order_id: str) -> OrderAtGateway | None:
        """See RazorpayPages."""
        return await self._pages.find_order(order_id)

    async def close_page(self, order_id: str) -> OrderAtGateway | None:
        """See RazorpayPages."""
        return await self._pages.close_page(order_id)

    async def _tell(
        self,
        gateway_id: str,
        command: str,
        call: Callable[[Sdk], Any],
        wanted: frozenset[GatewayStatus],
    ) -> None:
        """Command, then read what stands; that decides, whatever the command was answered."""
        refusal: GatewayRefused | None = None
        try:
            await self._client.ask(f"{command} {gateway_id}", call)
        except GatewayRefused as error:
            refusal = error
        status = (await self._books.agreement(gateway_id)).status
        if status in wanted:
            return
        if refusal is not None:
            raise refusal
        if status in _FINAL:
            raise GatewayRefused(f"{command} {gateway_id}: the subscription has ended, it is {status}")
        raise GatewayUnavailable(f"{command} {gateway_id}: accepted, but it is still {status}; try again")
