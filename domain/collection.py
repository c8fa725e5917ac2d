"""Reading the gateway's truth: what it collected, what failed, and what that means for us.

A gateway-scheduled subscription (Razorpay Subscriptions) is charged on the gateway's clock. We look
at its books and derive, in order: charges to settle, money to set aside, failures to record, and the
change of state that remains. Sources: razorpay.md 2 (life cycle), 2.3 (retry ladder), 2.4 (cycles).
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from domain.periods import Period, cycle_at, cycle_period
from domain.subscription import FINAL, REMEMBERED, TRANSITIONS, Status, Subscription, Trigger


class GatewayStatus(StrEnum):
    """A subscription's state in the gateway's books."""

    CREATED = "created"
    AUTHENTICATED = "authenticated"
    ACTIVE = "active"
    PENDING = "pending"
    HALTED = "halted"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    EXPIRED = "expired"


@dataclass(frozen=True)
class GatewayPayment:
    """One attempt to take money; `status` is created, authorized, captured, refunded or failed."""

    id: str
    status: str
    amount_paise: int
    currency: str
    method: str
    attempted_at: datetime
    error_reason: str | None = None
    error_description: str | None = None
    fee_paise: int | None = None
    reference: str | None = None
    """The bank's number for it."""

    @property
    def is_captured(self) -> bool:
        """The money was taken (a later refund does not undo that)."""
        return self.status in ("captured", "refunded")


@dataclass(frozen=True)
class GatewayInvoice:
    """The gateway's bill for one cycle, with every attempt to collect it, oldest first."""

    id: str
    status: str
    cycle_start: datetime
    amount_paise: int
    currency: str
    payments: tuple[GatewayPayment, ...] = ()


@dataclass(frozen=True)
class CollectionSnapshot:
    """The gateway's books on one subscription; `invoices` oldest first, unsettled ones complete."""

    status: GatewayStatus
    read_at: datetime
    started_at: datetime | None
    charge_at: datetime | None
    paid_count: int
    invoices: tuple[GatewayInvoice, ...] = ()
    payment_method: str | None = None


@dataclass(frozen=True)
class Charge:
    """A captured payment and the cycle it pays."""

    payment: GatewayPayment
    gateway_invoice_id: str
    cycle: int
    started_at: datetime
    period: Period
    gateway: str | None = None
    """Where it was paid, if not at the subscription's own."""


@dataclass(frozen=True)
class Failure:
    """A failed attempt. `rung` counts from 1 within the cycle."""

    payment: GatewayPayment
    cycle: int
    rung: int
    reason: str
    earlier: tuple[GatewayPayment, ...] = ()
    """Attempts on the same rung that failed before it; nobody was told of them."""

    @property
    def id(self) -> str:
        """That of the failed payment."""
        return self.payment.id


def _started_at(subscription: Subscription, snapshot: CollectionSnapshot) -> datetime | None:
    return subscription.started_at or snapshot.started_at


def cycle_of(subscription: Subscription, snapshot: CollectionSnapshot, invoice: GatewayInvoice) -> int:
    """Our cycle for a gateway invoice, by the day its cycle begins; never by counting."""
    started_at = _started_at(subscription, snapshot)
    if started_at is None:
        return 0
    return cycle_at(started_at, subscription.price.interval, invoice.cycle_start)


def unsettled_charges(subscription: Subscription, snapshot: CollectionSnapshot) -> list[Charge]:
    """Captured payments not yet booked or set aside, oldest first."""
    charges = []
    for invoice in snapshot.invoices:
        cycle = cycle_of(subscription, snapshot, invoice)
        for payment in invoice.payments:
            if payment.is_captured and payment.id not in subscription.settled:
                started_at = _started_at(subscription, snapshot) or payment.attempted_at
                period = cycle_period(started_at, subscription.price.interval, cycle)
                charges.append(Charge(payment, invoice.id, cycle, started_at, period))
    return sorted(charges, key=lambda charge: (charge.cycle, charge.payment.attempted_at))


def mismatch(subscription: Subscription, charge: Charge) -> str | None:
    """Why a captured payment must be set aside instead of booked; None if it is what we asked for."""
    if (subscription.status, Trigger.PAID) not in TRANSITIONS:
        return f"the subscription is {subscription.status}"
    payment = charge.payment
    paid_cycle = subscription.paid_cycle
    if paid_cycle is not None and charge.cycle <= paid_cycle and charge.cycle not in subscription.uncollected:
        return f"cycle {charge.cycle} was paid already"
    if payment.currency != subscription.price.currency:
        return f"paid in {payment.currency}, expected {subscription.price.currency}"
    if payment.amount_paise != subscription.charge_paise:
        return f"paid {payment.amount_paise} paise, expected {subscription.charge_paise} paise"
    return None


def new_failures(subscription: Subscription, snapshot: CollectionSnapshot) -> list[Failure]:
    """Failed attempts not yet recorded, oldest first; a cycle that was paid since has none."""
    failures: list[Failure] = []
    for invoice in snapshot.invoices:
        cycle = cycle_of(subscription, snapshot, invoice)
        paid = subscription.paid_cycle is not None and cycle <= subscription.paid_cycle
        if paid or cycle in subscription.uncollected or any(item.is_captured for item in invoice.payments):
            continue
        failed = [payment for payment in invoice.payments if payment.status == "failed"]
        for rung, payment in enumerate(failed, start=1):
            if payment.id not in subscription.failures:
                reason = payment.error_reason or payment.error_description or "declined"
                failures.append(Failure(payment, cycle, rung, reason))
    return failures


def settled(subscription: Subscription, charge: Charge) -> Subscription:
    """The subscription once `charge` is booked: paid on, and its ladder cleared.

    An old bill paid late leaves the ladder of a later cycle as it is.
    """
    advances = subscription.paid_cycle is None or charge.cycle > subscription.paid_cycle
    paid = replace(
        subscription,
        started_at=subscription.started_at or charge.started_at,
        paid_cycle=charge.cycle if advances else subscription.paid_cycle,
        failures=() if advances else subscription.failures,
        settled=(*subscription.settled, charge.payment.id)[-REMEMBERED:],
        uncollected=tuple(cycle for cycle in subscription.uncollected if cycle != charge.cycle),
    )
    return paid.moved(Trigger.PAID)


def set_aside(subscription: Subscription, charge: Charge) -> Subscription:
    """The subscription once `charge` is quarantined: remembered, nothing else."""
    remembered = (*subscription.settled, charge.payment.id)[-REMEMBERED:]
    return replace(subscription, settled=remembered, version=subscription.version + 1)


def failed(subscription: Subscription, failure: Failure) -> Subscription:
    """The subscription once `failure` is recorded."""
    remembered = (*subscription.failures, failure.id)[-REMEMBERED:]
    return replace(subscription.moved(Trigger.CHARGE_FAILED), failures=remembered)


def uncollected_cycles(subscription: Subscription, snapshot: CollectionSnapshot) -> tuple[int, ...]:
    """Cycles whose bill stands unpaid while nobody tries to collect it any more.

    Razorpay goes on issuing bills in `halted` and never returns to them (razorpay.md 2.3).
    """
    if subscription.paid_cycle is None or subscription.started_at is None:
        return ()
    # The gateway's clock may be ahead of ours: what it has billed has begun.
    billed = [cycle_of(subscription, snapshot, invoice) for invoice in snapshot.invoices]
    current = max([cycle_at(subscription.started_at, subscription.price.interval, snapshot.read_at), *billed])
    unpaid, paid = set(subscription.uncollected), set[int]()
    for invoice in snapshot.invoices:
        cycle = cycle_of(subscription, snapshot, invoice)
        if any(payment.is_captured for payment in invoice.payments):
            paid.add(cycle)
        elif invoice.status == "issued" and cycle <= current:
            tried = any(payment.status == "failed" for payment in invoice.payments)
            given_up = snapshot.status is not GatewayStatus.PENDING and tried
            if cycle < current or given_up or snapshot.status is GatewayStatus.HALTED:
                unpaid.add(cycle)
    return tuple(sorted(unpaid - paid))


def _paid_up(subscription: Subscription, snapshot: CollectionSnapshot) -> bool:
    """The running cycle is paid, and no later bill stands open."""
    if subscription.paid_cycle is None or subscription.started_at is None:
        return False
    open_bills = [
        cycle_of(subscription, snapshot, invoice)
        for invoice in snapshot.invoices
        if not any(payment.is_captured for payment in invoice.payments)
    ]
    running = cycle_at(subscription.started_at, subscription.price.interval, snapshot.read_at)
    return max([running, *open_bills]) <= subscription.paid_cycle


_FOLLOWS: dict[GatewayStatus, tuple[Trigger, Status]] = {
    GatewayStatus.PENDING: (Trigger.CHARGE_FAILED, Status.PAST_DUE),
    GatewayStatus.HALTED: (Trigger.RETRIES_EXHAUSTED, Status.HALTED),
    GatewayStatus.PAUSED: (Trigger.PAUSED, Status.PAUSED),
    GatewayStatus.CANCELLED: (Trigger.CANCELLED, Status.CANCELLED),
    GatewayStatus.COMPLETED: (Trigger.COMPLETED, Status.COMPLETED),
    GatewayStatus.EXPIRED: (Trigger.EXPIRED, Status.EXPIRED),
}


def remaining_trigger(subscription: Subscription, snapshot: CollectionSnapshot) -> Trigger | None:
    """The change of state left once charges are settled and failures recorded.

    None where we agree, and where the gateway's state cannot follow from ours: its lists lag by
    minutes, so the next look decides. A ladder in a cycle that is paid is such a lag: the payment
    shows up to a minute before the subscription changes (razorpay.md 2.7).
    """
    ours, theirs = subscription.status, snapshot.status
    if theirs in (GatewayStatus.PENDING, GatewayStatus.HALTED) and _paid_up(subscription, snapshot):
        return None
    trigger: Trigger | None = None
    if ours is Status.PAUSED and theirs is GatewayStatus.PENDING:
        trigger = Trigger.RESUMED  # resumed into a ladder; the next look finds its failures
    elif theirs in _FOLLOWS:
        trigger, agreed = _FOLLOWS[theirs]
        if ours is agreed:
            return None
    elif ours is Status.CREATED and theirs is not GatewayStatus.CREATED:
        trigger = Trigger.AUTHENTICATED
    elif theirs is GatewayStatus.ACTIVE:
        trigger = {Status.PAUSED: Trigger.RESUMED, Status.HALTED: Trigger.MANDATE_RENEWED}.get(ours)
    if ours in FINAL or trigger is None or TRANSITIONS.get((ours, trigger), ours) is ours:
        return None
    return trigger
