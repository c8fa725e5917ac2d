"""When to look at the gateway if it does not speak first.

Razorpay owns the charge clock and its ladder of one debit and three daily retries (razorpay.md 2.3);
ours is the conscience that notices when a webhook did not come. All spans are durations, all moments
aware UTC.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.subscription import Status, Subscription

LADDER_RUNGS = 4
"""Debits per cycle: T+0 and three retries."""


@dataclass(frozen=True)
class Patience:
    """How long to wait before asking."""

    margin: timedelta = timedelta(hours=2)
    """Between the moment something should have happened and our first look."""
    spread: timedelta = timedelta(minutes=30)
    """Looks are spread over this span by subscription, so that a due date is no stampede."""
    checkout_steps: tuple[timedelta, ...] = (
        timedelta(minutes=2),
        timedelta(minutes=5),
        timedelta(minutes=15),
        timedelta(hours=1),
        timedelta(hours=6),
    )
    renewal_steps: tuple[timedelta, ...] = (
        timedelta(hours=1),
        timedelta(hours=3),
        timedelta(hours=6),
        timedelta(hours=12),
    )
    urgent_steps: tuple[timedelta, ...] = (
        timedelta(minutes=2),
        timedelta(minutes=5),
        timedelta(minutes=15),
    )
    """Between tries to end something at a gateway that does not answer."""
    rung: timedelta = timedelta(days=1)
    idle: timedelta = timedelta(days=1)
    """Between looks at a halted or paused subscription."""
    cancel_lead: timedelta = timedelta(hours=1)
    """Before the period's end at which the gateway is told of a planned cancellation."""
    checkout_margin: timedelta = timedelta(minutes=10)
    """After a checkout's expiry: the gateway may be minutes late (razorpay.md 2.2)."""


DEFAULT_PATIENCE = Patience()


def _step(steps: tuple[timedelta, ...], looks: int) -> timedelta:
    return steps[min(looks, len(steps) - 1)]


def jitter(subscription_id: str, spread: timedelta) -> timedelta:
    """This subscription's own fixed place in `spread`, whole seconds."""
    digest = hashlib.sha256(subscription_id.encode()).digest()
    return timedelta(seconds=int.from_bytes(digest[:8]) % (int(spread.total_seconds()) + 1))


def next_wake(
    subscription: Subscription, now: datetime, looks: int, patience: Patience = DEFAULT_PATIENCE
) -> datetime | None:
    """When this subscription must act or look next; None for never.

    `looks` counts looks in vain since the last thing learned.
    """
    period, place = subscription.period, jitter(subscription.id, patience.spread)
    if subscription.is_final:
        return subscription.access_until
    if subscription.is_free:
        return None
    if subscription.cancel_at_period_end and period is not None:
        due = period.end - patience.cancel_lead
        if now < due and not subscription.cancellation_overtaken:
            return due
        return now if looks == 0 else now + _step(patience.urgent_steps, looks - 1)
    if subscription.status is Status.CREATED:
        look = now + _step(patience.checkout_steps, looks)
        if subscription.checkout_expires_at is None:
            return look
        over = subscription.checkout_expires_at + patience.checkout_margin
        return min(look, over) if now < over else now + _step(patience.urgent_steps, looks)
    if subscription.status is Status.PAST_DUE:
        return now + patience.rung + place
    if subscription.status in (Status.HALTED, Status.PAUSED):
        look = now + patience.idle + place
        return look if subscription.access_until is None else min(look, subscription.access_until)
    if subscription.status is Status.AUTHENTICATED:
        return now + _step((*patience.checkout_steps, patience.idle), looks)
    due = period.end if period else now
    if subscription.charge_at is not None:
        # After a pause or a halt the gateway charges with the next cycle, not with the one that was missed.
        due = max(due, subscription.charge_at)
    first = due + patience.margin + place
    return first if now < first else now + _step(patience.renewal_steps, looks)


def after_failed_look(now: datetime, looks: int, patience: Patience = DEFAULT_PATIENCE) -> datetime:
    """When to look again after the gateway could not be read: soon, whatever else is planned."""
    return now + _step(patience.urgent_steps, max(0, looks - 1))
