"""A gateway that answers at once from nothing, so that what is measured is our engine.

What was paid is in the payment's id, which the webhook names: `pay_{cycle}x…`.
"""

from datetime import datetime

from domain.collection import CollectionSnapshot, GatewayInvoice, GatewayPayment, GatewayStatus
from domain.errors import GatewayRefused
from domain.periods import Interval, cycle_period
from gateways.base import NewSubscription, PlanAtGateway, SubscriptionAtGateway


def payment_id(cycle: int, subscription_id: str) -> str:
    """The payment of a cycle; ours are as long as Razorpay's."""
    return f"pay_{cycle}x{subscription_id[-12:]}"


class CannedGateway:
    """Every subscription began at `started_at` and every named payment was captured just now."""

    name = "razorpay"

    def __init__(self, started_at: datetime, amount_paise: int) -> None:
        self._started_at = started_at
        self._amount_paise = amount_paise

    async def read(
        self, gateway_id: str, *, settled: frozenset[str], payment_id: str | None, at: datetime
    ) -> CollectionSnapshot:
        """Active, with the one bill that `payment_id` paid."""
        _ = gateway_id
        if payment_id is None or payment_id in settled:
            return CollectionSnapshot(GatewayStatus.ACTIVE, at, self._started_at, None, len(settled))
        cycle = int(payment_id.removeprefix("pay_").partition("x")[0])
        period = cycle_period(self._started_at, Interval.MONTHLY, cycle)
        payment = GatewayPayment(
            payment_id, "captured", self._amount_paise, "INR", "card", at, fee_paise=self._amount_paise // 50
        )
        bill = GatewayInvoice(
            f"inv_{payment_id[4:]}", "paid", period.start, self._amount_paise, "INR", (payment,)
        )
        return CollectionSnapshot(
            GatewayStatus.ACTIVE, at, self._started_at, period.end, cycle + 1, (bill,), "card"
        )

    async def create_plan(self, plan: PlanAtGateway) -> str:
        """Not measured."""
        raise GatewayRefused(f"{plan.name}: nothing is created here")

    async def find_plan(self, plan: PlanAtGateway) -> str | None:
        """Not measured."""
        raise GatewayRefused(f"{plan.name}: nothing is looked for here")

    async def create_subscription(self, new: NewSubscription) -> SubscriptionAtGateway:
        """Not measured."""
        raise GatewayRefused(f"{new.subscription_id}: nothing is created here")

    async def find_subscriptions(self, new: NewSubscription, since: datetime) -> list[SubscriptionAtGateway]:
        """Not measured."""
        raise GatewayRefused(f"{new.subscription_id} since {since}: nothing is looked for here")

    async def cancel(self, gateway_id: str) -> None:
        """Not measured."""
        raise GatewayRefused(f"{gateway_id}: nothing is commanded here")

    async def pause(self, gateway_id: str) -> None:
        """Not measured."""
        raise GatewayRefused(f"{gateway_id}: nothing is commanded here")

    async def resume(self, gateway_id: str) -> None:
        """Not measured."""
        raise GatewayRefused(f"{gateway_id}: nothing is commanded here")

    async def subscription_of_invoice(self, gateway_invoice_id: str) -> str | None:
        """Not measured."""
        raise GatewayRefused(f"{gateway_invoice_id}: nothing is looked for here")
