"""Paying on a page of the gateway's: what its orders say together, and when to look again.

A subject to pay (a checkout, a pay link, a top-up) has one page after another, for a page lives minutes and
a link days; at most one of them can be paid at a time. Amounts are paise, moments aware UTC.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.debit import AttemptState, LinkRead, State
from domain.orders import MandateAtGateway, OrderAtGateway

_SECOND, _MINUTE, _HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)

_FIRST_LOOK = 22 * _SECOND
_PHASES = ((10, 3 * _SECOND), (10, 6 * _SECOND), (6, 10 * _SECOND), (2, 30 * _SECOND))
_THEN_EVERY = _MINUTE
_TAIL = (_MINUTE, 5 * _MINUTE, 30 * _MINUTE, 6 * _HOUR, 24 * _HOUR)
"""After its expiry, for an order that will not end."""
LINGERS = _HOUR
"""An untouched page this long after its expiry cannot be paid, whatever its order says."""


def next_look(opened_at: datetime, expires_at: datetime, now: datetime) -> datetime:
    """When to read an order that waits for its payer, after `now` (phonepe.md 2.4).

    Often at first, each minute until it expires, then ever less: only the gateway can say that it ended.
    """
    look = opened_at + _FIRST_LOOK
    for count, gap in _PHASES:
        for _ in range(count):
            if look > now:
                return min(look, max(expires_at, now + _SECOND))
            look += gap
    if now < expires_at:
        minutes = max(0, (now - look) // _THEN_EVERY + 1)
        return min(look + minutes * _THEN_EVERY, expires_at + 5 * _SECOND)
    for wait in _TAIL:
        if expires_at + wait > now:
            return expires_at + wait
    return now + _TAIL[-1]


@dataclass(frozen=True)
class Paid:
    """Money that an order brought."""

    gateway: str
    payment_id: str
    """What a refund at that gateway names."""
    order_id: str
    """Ours."""
    amount_paise: int
    currency: str
    method: str
    at: datetime
    reference: str | None = None
    """The bank's number for it."""


@dataclass(frozen=True)
class Page:
    """The page that was opened last for a subject."""

    order_id: str
    url: str | None
    opened_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class PagesRead:
    """A subject's pages, taken together. `state` as of a `domain.debit.Link`."""

    state: State
    at: datetime
    page: Page | None = None
    """The one that can be paid at this moment."""
    paid: tuple[Paid, ...] = ()
    """Everything that came, first to last; more than one is more than was asked for."""
    mandate: MandateAtGateway | None = None
    """Set up by paying."""

    def link_fact(self, link_id: str) -> LinkRead:
        """What the planner learns from it."""
        amount = self.paid[0].amount_paise if self.paid else None
        return LinkRead(link_id, self.at, self.state, amount)


def page_ended(order: OrderAtGateway, expires_at: datetime, at: datetime) -> bool:
    """Whether an order's page can bring no money any more."""
    if order.state in (State.COMPLETED, State.FAILED, State.EXPIRED):
        return True
    busy = any(attempt.state is AttemptState.PENDING for attempt in order.attempts)
    return not busy and at >= expires_at + LINGERS


def pages_state(
    latest: OrderAtGateway | None,
    page: Page | None,
    at: datetime,
    *,
    completed: bool,
    closing: bool,
) -> State:
    """How a subject stands: OPEN if it can be paid, EXPIRED if not any more (`closing`: no page to come)."""
    if completed:
        return State.COMPLETED
    over = State.EXPIRED if closing else State.OPEN
    if page is None:
        return over
    if latest is None:  # the gateway does not know it, but somebody may hold its address
        ended = at >= page.expires_at + LINGERS
    elif any(attempt.state is AttemptState.PENDING for attempt in latest.attempts):
        return State.PENDING
    else:
        ended = page_ended(latest, page.expires_at, at)
    if ended:
        return over
    # It may still be paid, though we would rather it were not.
    return State.PENDING if closing or at >= page.expires_at else State.OPEN
