"""What gateways offer us: those that keep a charge clock of their own, and those that we must drive."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from domain.collection import CollectionSnapshot
from domain.mandate import Frequency, MandateKind
from domain.orders import DebitStarted, MandateAtGateway, OrderAtGateway
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


class RefundsByName(Protocol):
    """Giving back captured payments.

    Every method raises GatewayRefused (final, with the gateway's words), GatewayUnavailable (nothing
    happened, or repeating is harmless) or, from `refund`, OutcomeUnknown.
    """

    name: str
    one_refund_at_a_time: bool
    """It takes no second refund of a payment while one is under way."""

    async def refund(self, new: NewRefund) -> RefundAtGateway:
        """Idempotent by our id: again with the same `new` is one refund, answered as it was at first.

        After OutcomeUnknown look for it, then repeat. A refusal of a repetition may be about the money that
        the first attempt gave back, so look for it before believing that too.
        """

    async def read_refund(self, gateway_payment_id: str, gateway_refund_id: str) -> RefundAtGateway:
        """The refund as it is now."""

    async def find_refund(self, gateway_payment_id: str, refund_id: str) -> RefundAtGateway | None:
        """The one that carries our id. A list may lag by minutes: None is no proof."""


class RefundGateway(RefundsByName, Protocol):
    """Refunds where the gateway can also list them, those made in its dashboard among them."""

    async def refunds_of_payment(self, gateway_payment_id: str) -> list[RefundAtGateway]:
        """All of them, whoever made them, oldest first. The list may lag by minutes."""

    async def refunds_since(self, moment: datetime) -> list[RefundAtGateway]:
        """All of the account made since then, oldest first, a few minutes' more for clocks that differ.

        Among them may be refunds of payments that never were ours. The list may lag by minutes.
        """


@dataclass(frozen=True)
class Payer:
    """Whom a gateway may have to know before it opens a page; empty where we do not know it."""

    name: str = ""
    email: str = ""
    contact: str = ""
    """A phone number with its country code."""


@dataclass(frozen=True)
class NewPage:
    """An order to be paid on a page of the gateway's. `order_id` is ours and never used before."""

    order_id: str
    amount_paise: int
    return_url: str
    """Where the payer comes back to, with no word about the result."""
    message: str
    lasts: timedelta
    reference: str = ""
    """Shown beside the order in the gateway's dashboard."""
    payer: Payer | None = None
    """Spares the payer typing it, where the page takes it."""


@dataclass(frozen=True)
class PageAtGateway:
    """An order that waits for its payer."""

    order_id: str
    """Ours."""
    gateway_order_id: str
    url: str | None
    """None if the order was made before, where an address is told once. Open another attempt's page."""
    expires_at: datetime | None


class PayPageGateway(Protocol):
    """One-time payments on a hosted page.

    Every method raises GatewayRefused (final), GatewayUnavailable (nothing happened, or repeating is
    harmless) or, from `open_page`, OutcomeUnknown: then find the order before anything else.
    """

    name: str

    async def open_page(self, new: NewPage) -> PageAtGateway:
        """One order per id, whatever happens. InvalidInput for what no gateway may be asked."""

    async def find_order(self, order_id: str) -> OrderAtGateway | None:
        """The order with all its attempts; None if there is none. Where lists lag, None is no proof."""


@runtime_checkable
class ClosingGateway(PayPageGateway, Protocol):
    """Pages that can be taken down before their time."""

    async def close_page(self, order_id: str) -> OrderAtGateway | None:
        """From now on it cannot be paid. What it is now: it may have been paid before. None if unknown."""


@dataclass(frozen=True)
class NewMandate:
    """A permission to debit, asked for on the gateway's page. Both ids are ours and never used before."""

    mandate_id: str
    order_id: str
    """Of the order that sets it up; named alike (`merchant_ids.alike`), for some gateways know only this."""
    first_charge_paise: int | None
    """None sets it up for nothing: the gateway takes a token amount and gives it back."""
    max_amount_paise: int
    """The most that one debit may take; leave head-room."""
    valid_until: datetime
    return_url: str
    cancel_url: str
    message: str
    lasts: timedelta
    """The page, not the mandate."""
    frequency: Frequency = Frequency.ON_DEMAND
    reference: str = ""
    kind: MandateKind = MandateKind.UPI
    payer: Payer | None = None
    """Needed where the gateway keeps customers of its own."""


@dataclass(frozen=True)
class NewDebit:
    """A debit to announce to the payer: what is announced is what will be taken."""

    order_id: str
    mandate_id: str
    amount_paise: int
    expires_at: datetime | None
    """None leaves it to the gateway, whose answer says when."""
    reference: str = ""
    target: datetime | None = None
    """When it is meant to be taken; needed where the gateway tells the payer."""


class MandateGateway(Protocol):
    """Debits on our own clock: a mandate, a notice, a wait, a debit.

    Every method raises GatewayRefused (final), GatewayUnavailable (nothing happened, or repeating is
    harmless) or, from `open_mandate`, `notify` and `redeem`, OutcomeUnknown: then find the order first.
    """

    name: str

    async def open_mandate(self, new: NewMandate) -> PageAtGateway:
        """One setup order per id. InvalidInput for what no gateway may be asked."""

    async def find_setup(self, order_id: str) -> OrderAtGateway | None:
        """The order that sets a mandate up; None if there is none."""

    async def find_mandate(self, mandate_id: str) -> MandateAtGateway | None:
        """As it is now; None if the gateway does not know it, as before anyone approved it."""

    async def notify(self, new: NewDebit) -> OrderAtGateway:
        """Announce a debit. Again with the same `new` it is one notice, answered as it stands by then."""

    async def find_debit(self, order_id: str) -> OrderAtGateway | None:
        """An announced debit with its attempts; None if it was never announced."""

    async def redeem(self, order_id: str) -> DebitStarted:
        """Start the debit that was announced. Not idempotent: never repeat it before reading the order."""

    async def cancel_mandate(self, mandate_id: str) -> MandateAtGateway | None:
        """For good. Already dead or unknown is no error. What it is now; it may take a while to be dead."""


class CollectingGateway(PayPageGateway, MandateGateway, Protocol):
    """What collecting on our own clock takes: pages to pay on, and mandates."""
