"""What a gateway that keeps its own charge clock offers us."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.collection import CollectionSnapshot
from domain.plans import Price


@dataclass(frozen=True)
class PlanAtGateway:
    """What the gateway must charge per cycle: one price at one total, tax included."""

    price: Price
    name: str
    amount_paise: int


@dataclass(frozen=True)
class NewSubscription:
    """A subscription to create; `subscription_id` is ours and travels in the gateway's notes."""

    subscription_id: str
    gateway_plan_id: str
    total_count: int
    expires_at: datetime


@dataclass(frozen=True)
class SubscriptionAtGateway:
    """A subscription as the gateway has it."""

    id: str
    status: str
    checkout_url: str | None
    created_at: datetime


class SubscriptionGateway(Protocol):
    """Razorpay Subscriptions and its like.

    Every method raises GatewayRefused (final), GatewayUnavailable (nothing happened, or repeating is
    harmless) or, from the creating ones, OutcomeUnknown.
    """

    name: str

    async def create_plan(self, plan: PlanAtGateway) -> str:
        """The new plan's id there."""

    async def find_plan(self, plan: PlanAtGateway) -> str | None:
        """A plan made earlier for the same price and total, found by its notes."""

    async def create_subscription(self, new: NewSubscription) -> SubscriptionAtGateway:
        """Not idempotent at the gateway: only after an intent is stored."""

    async def find_subscriptions(self, new: NewSubscription, since: datetime) -> list[SubscriptionAtGateway]:
        """Those that carry our id in their notes, oldest first. The list may lag by minutes."""

    async def read(
        self, gateway_id: str, *, settled: frozenset[str], payment_id: str | None, at: datetime
    ) -> CollectionSnapshot:
        """Status, and bills with attempts. Bills whose payment is in `settled` may be left out.

        `payment_id` names a payment that must be in the answer even if lists do not show it yet.
        """

    async def cancel(self, gateway_id: str) -> None:
        """At once. Already cancelled is no error."""

    async def pause(self, gateway_id: str) -> None:
        """Now. Already paused is no error."""

    async def resume(self, gateway_id: str) -> None:
        """Now. Already active is no error."""

    async def subscription_of_invoice(self, gateway_invoice_id: str) -> str | None:
        """The gateway subscription a bill belongs to."""
