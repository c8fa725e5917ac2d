"""What a gateway that keeps its own charge clock offers us."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.collection import CollectionSnapshot
from domain.plans import Price
from domain.refund import RefundAtGateway, RefundSpeed


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


@dataclass(frozen=True)
class NewRefund:
    """Money to give back; `refund_id` is ours: the idempotency key, and in the gateway's notes."""

    refund_id: str
    """10 to 40 letters, digits, hyphens or underscores."""
    gateway_payment_id: str
    amount_paise: int
    speed: RefundSpeed
    reason: str
    """Shown in the gateway's dashboard; its first 255 characters."""


class RefundGateway(Protocol):
    """Giving back captured payments.

    Every method raises GatewayRefused (final, with the gateway's words), GatewayUnavailable (nothing
    happened, or repeating is harmless) or, from `refund`, OutcomeUnknown.
    """

    name: str

    async def refund(self, new: NewRefund) -> RefundAtGateway:
        """Idempotent by our id: again with the same `new` is one refund, answered as it was at first.

        After OutcomeUnknown look for it, then repeat. A refusal of a repetition may be about the money that
        the first attempt gave back, so look for it before believing that too.
        """

    async def read_refund(self, gateway_payment_id: str, gateway_refund_id: str) -> RefundAtGateway:
        """The refund as it is now."""

    async def find_refund(self, gateway_payment_id: str, refund_id: str) -> RefundAtGateway | None:
        """The one that carries our id in its notes. The list may lag by minutes: None is no proof."""

    async def refunds_of_payment(self, gateway_payment_id: str) -> list[RefundAtGateway]:
        """All of them, whoever made them, oldest first. The list may lag by minutes."""

    async def refunds_since(self, moment: datetime) -> list[RefundAtGateway]:
        """All of the account made since then, oldest first, a few minutes' more for clocks that differ.

        Among them may be refunds of payments that never were ours. The list may lag by minutes.
        """
