"""A subscription that we collect ourselves: which cycle is owed, by which rules, and what money means for it.

`domain.autopay` plans one cycle; here is what stands around it. Amounts are paise, moments aware UTC.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.collection import Charge, Failure, GatewayPayment
from domain.debit import AttemptState, Cycle, Order
from domain.events import EventType
from domain.ladder import Channel, FailureClass, Ladder, Rung, class_of
from domain.lawful import PHONEPE, RAZORPAY_CARD, RAZORPAY_UPI, Rules
from domain.mandate import DEFAULT_LIMITS, Limits, Mandate, MandateKind, MandateStatus, with_head_room
from domain.merchant_ids import Purpose, merchant_id
from domain.money import rupees
from domain.orders import OrderAtGateway
from domain.paying import Page, Paid
from domain.periods import cycle_at, cycle_period
from domain.subscription import Status, Subscription

AFTER_THE_LAST = timedelta(days=60)
"""A mandate outlives the last agreed cycle by this, for a ladder at its end."""
REMEMBERED_MONEY = 8


@dataclass(frozen=True)
class Terms:
    """How it is collected, as the settings had it when the subscription began."""

    rescue_gateway: str | None = None
    """Whose pay page is the last rung; None leaves that rung out."""
    limits: Limits = DEFAULT_LIMITS
    ladder: Ladder | None = None
    """None for the usual one."""


@dataclass(frozen=True)
class Collecting:
    """What is under way beside the subscription itself."""

    terms: Terms
    mandate: Mandate | None = None
    mandate_read_at: datetime | None = None
    cycle: Cycle | None = None
    number: int = 0
    """Of the cycle that is owed, from 0; the first is paid at the checkout."""
    tries: int = 0
    """Cycles planned so far, those that were called off among them: their names must differ."""
    page: Page | None = None
    """The page that may be paid at this moment."""
    page_subject: str | None = None
    page_read_at: datetime | None = None
    checkout_closed: bool = False
    """The first payment cannot be made any more."""
    money: tuple[tuple[str, Paid], ...] = ()
    """Latest money that came, by the planner's name for it."""
    mandates_asked: int = 0
    """New mandates taken in place of lost ones: the names of their pages must differ."""
    paused_by_payer: bool = False
    doomed: tuple[str, ...] = ()
    """Mandates to be ended at the gateway."""

    def came(self, name: str, paid: Paid) -> "Collecting":
        """Knowing that money came."""
        kept = tuple(entry for entry in self.money if entry[0] != name)
        return replace(self, money=(*kept, (name, paid))[-REMEMBERED_MONEY:])

    def brought(self, name: str) -> Paid | None:
        """The money of that name, if any came."""
        return dict(self.money).get(name)

    def knows(self, order_id: str | None) -> bool:
        """Whether it is known what an order of ours brought."""
        return any(paid.order_id == order_id for _, paid in self.money)

    def named(self, name: str) -> Paid:
        """The money of that name. Raises KeyError."""
        return dict(self.money)[name]


def rules_of(gateway: str, mandate: Mandate | None, terms: Terms) -> Rules:
    """What binds a debit there."""
    base = PHONEPE
    if gateway == "razorpay":
        card = mandate is not None and mandate.kind is MandateKind.CARD
        base = RAZORPAY_CARD if card else RAZORPAY_UPI
    ladder = terms.ladder or base.ladder
    if terms.rescue_gateway is None:
        ladder = replace(ladder, rungs={name: _at_home(rungs) for name, rungs in ladder.rungs.items()})
    return replace(base, limits=terms.limits, ladder=ladder)


def _at_home(rungs: tuple[Rung, ...]) -> tuple[Rung, ...]:
    """Without the other gateway's rungs; where nothing but one of those ends it, that one is our own."""
    kept = tuple(rung for rung in rungs if rung.channel is not Channel.RESCUE_LINK)
    if any(rung.channel is Channel.LINK for rung in kept):
        return kept
    return (*kept, replace(rungs[-1], channel=Channel.LINK))


def mandate_cap(subscription: Subscription, terms: Terms) -> int | None:
    """The maximum to ask the payer for; None where each period is paid on a page (phonepe.md 5.4)."""
    if not subscription.by_mandate:
        return None
    return with_head_room(subscription.charge_paise, terms.limits)


def mandate_ends(subscription: Subscription, now: datetime) -> datetime:
    """Until when a mandate is asked for: a validity is mandatory (phonepe.md 5.3)."""
    started_at = subscription.started_at or now
    last = cycle_period(started_at, subscription.price.interval, subscription.total_count - 1)
    return last.end + AFTER_THE_LAST


def owed_next(subscription: Subscription, now: datetime) -> int:
    """The cycle to collect after what is paid.

    Cycles without access, in a halt or a pause, are not owed: collecting goes on with the one that runs at
    `now`, in full.
    """
    if subscription.started_at is None or subscription.paid_cycle is None:
        return 0
    running = cycle_at(subscription.started_at, subscription.price.interval, now)
    return max(subscription.paid_cycle + 1, running)


def is_last(subscription: Subscription) -> bool:
    """All agreed cycles are paid."""
    return subscription.paid_cycle is not None and subscription.paid_cycle + 1 >= subscription.total_count


def planned(subscription: Subscription, now: Collecting, number: int, at: datetime) -> Collecting:
    """With a new cycle to collect; one that has begun already is due at once."""
    assert subscription.started_at is not None
    start = cycle_period(subscription.started_at, subscription.price.interval, number).start
    tries = now.tries + 1
    cycle = Cycle(
        merchant_id(Purpose.DEBIT, subscription.id, attempt=tries),
        subscription.charge_paise,
        max(start, at),
        now.mandate,
        now.mandate_read_at,
    )
    return replace(now, cycle=cycle, number=number, tries=tries)


def falls_past_due_at(subscription: Subscription, cycle: Cycle | None) -> datetime | None:
    """When it is PAST_DUE though no debit failed: a link stands unpaid, or no debit could be made."""
    if cycle is None or subscription.status is not Status.ACTIVE or cycle.is_over:
        return None
    return cycle.due_at if cycle.links or cycle.falls else None


def charge_of(subscription: Subscription, number: int, paid: Paid) -> Charge:
    """Money for a cycle, as it is booked."""
    started_at = subscription.started_at or paid.at
    payment = GatewayPayment(
        paid.payment_id, "captured", paid.amount_paise, paid.currency, paid.method, paid.at,
        reference=paid.reference,
    )  # fmt: skip
    period = cycle_period(started_at, subscription.price.interval, number)
    return Charge(payment, paid.order_id, number, started_at, period, gateway=paid.gateway)


_WORDS = {
    FailureClass.FUNDS: "insufficient_funds",
    FailureClass.TECHNICAL: "bank_technical_error",
    FailureClass.LIMIT: "transaction_limit_exceeded",
    FailureClass.ACCOUNT: "account_unavailable",
    FailureClass.MANDATE: "mandate_not_usable",
    FailureClass.RISK: "payment_risk_check_failed",
}


def failure_of(
    cycle: Cycle, order: Order, number: int, failure: FailureClass, seen: OrderAtGateway | None, at: datetime
) -> Failure:
    """A fall, as it is recorded: the last debit, and those before it on the same notice."""
    reason = _WORDS[failure]
    attempts = [
        GatewayPayment(
            each.id, "failed", order.amount_paise, "INR", each.method or "upi", each.attempted_at or at,
            _WORDS[class_of(*each.codes)], " ".join(each.codes) or None, reference=each.reference,
        )
        for each in (seen.attempts if seen else ())
        if each.state is AttemptState.FAILED
    ]  # fmt: skip
    if not attempts:
        nothing = GatewayPayment(order.id, "failed", order.amount_paise, "INR", "upi", at, reason)
        attempts = [nothing]
    *earlier, last = attempts
    return Failure(last, number, len(cycle.falls), reason, tuple(earlier))


def announced_change(before: MandateStatus | None, after: MandateStatus) -> EventType | None:
    """What customers' systems hear when a mandate changes."""
    if before is after or after is MandateStatus.CREATED:
        return None
    if after is MandateStatus.ACTIVE:
        return EventType.MANDATE_RESUMED if before is MandateStatus.PAUSED else EventType.MANDATE_ACTIVATED
    if after is MandateStatus.PAUSED:
        return EventType.MANDATE_PAUSED
    return EventType.MANDATE_ENDED


def as_read(known: Mandate, read: Mandate) -> Mandate:
    """`read`, with what its gateway did not say of it: one without its token has no maximum, say."""
    return read if read.max_amount_paise > 0 else replace(read, max_amount_paise=known.max_amount_paise)


def described(collecting: Collecting) -> str:
    """One line for whoever looks at the run."""
    mandate, cycle = collecting.mandate, collecting.cycle
    by = "a page each period" if mandate is None else f"mandate {mandate.status}"
    if cycle is None:
        return by
    return f"{by}; cycle {collecting.number + 1}, {rupees(cycle.amount_paise)} due {cycle.due_at:%d %b %Y}"
