"""What is known about collecting one cycle: the orders notified, the links offered, the facts so far.

Facts are folded in by `learn`; nothing here decides (that is `domain.autopay`). An intent is a fact
of its own, written before the gateway is called, so that a lost answer is known to be missing.
States the gateway may invent are PENDING here (phonepe.md 0.2). Moments are aware UTC, amounts paise.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from domain.ladder import FailureClass, Fall
from domain.mandate import DEFAULT_LIMITS, Limits, Mandate, interrupted


class State(StrEnum):
    """Of an order or a link, in the gateway's books as far as we know them."""

    ASKED = "asked"
    """We asked for it and have not read it since."""
    ABSENT = "absent"
    """The gateway does not know it."""
    NOTIFYING = "notifying"
    NOTIFIED = "notified"
    OPEN = "open"
    """A link that nobody has used."""
    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"


class AttemptState(StrEnum):
    """Of one debit."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True)
class Attempt:
    """One debit in the gateway's books; `codes` from detailed to general."""

    id: str
    state: AttemptState
    codes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Order:
    """One notice and the debits made on it."""

    id: str
    amount_paise: int
    target: datetime
    """When its first debit is wanted."""
    asked_at: datetime
    state: State = State.ASKED
    read_at: datetime | None = None
    amount_read: int | None = None
    notified_at: datetime | None = None
    valid_from: datetime | None = None
    expires_at: datetime | None = None
    attempts: tuple[Attempt, ...] = ()
    codes: tuple[str, ...] = ()
    asks: tuple[datetime, ...] = ()
    """When debits were asked for."""
    ended_seen_at: datetime | None = None
    """When the latest attempt was first read as failed: never before it did."""
    void: bool = False
    """The mandate was interrupted since: it can carry no debit, only be followed."""
    closed_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Something is still to be done or learned about it."""
        return self.closed_at is None and self.state is not State.COMPLETED

    @property
    def unaccounted(self) -> bool:
        """A debit was asked for that the books do not show."""
        return len(self.asks) > len(self.attempts)

    def in_flight(self, appears_within: timedelta) -> bool:
        """Whether a debit may be under way."""
        if any(attempt.state is AttemptState.PENDING for attempt in self.attempts):
            return True
        return self.unaccounted and (self.read_at is None or self.read_at < self.asks[-1] + appears_within)

    @property
    def last_codes(self) -> tuple[str, ...]:
        """Why it failed, most detailed first; empty if nothing was tried or said."""
        return self.attempts[-1].codes if self.attempts and self.attempts[-1].codes else self.codes


@dataclass(frozen=True)
class Link:
    """A pay page offered for the cycle; `rescue` for that of the other gateway."""

    id: str
    rescue: bool
    asked_at: datetime
    expires_at: datetime
    reminders: tuple[timedelta, ...] = ()
    state: State = State.ASKED
    read_at: datetime | None = None
    reminded: int = 0

    @property
    def is_open(self) -> bool:
        """It may still be paid."""
        return self.state not in (State.COMPLETED, State.FAILED, State.EXPIRED)


@dataclass(frozen=True)
class Capture:
    """Money that came, by order or link."""

    id: str
    amount_paise: int


@dataclass(frozen=True)
class Cycle:
    """One cycle to collect. `id` (at most 55 characters) begins the ids of its orders and links."""

    id: str
    amount_paise: int
    due_at: datetime
    mandate: Mandate | None = None
    mandate_read_at: datetime | None = None
    orders: tuple[Order, ...] = ()
    links: tuple[Link, ...] = ()
    falls: tuple[Fall, ...] = ()
    captures: tuple[Capture, ...] = ()
    """In the order in which we learned of them."""
    settled: str | None = None
    given_back: tuple[str, ...] = ()
    opted_out: bool = False
    """The payer wants no debit for this cycle."""
    withdrawn: bool = False
    """Nothing is owed any more: the subscription was cancelled."""
    ended_at: datetime | None = None

    @property
    def order(self) -> Order | None:
        """The order that is under way."""
        return self.orders[-1] if self.orders and self.orders[-1].is_open else None

    @property
    def link(self) -> Link | None:
        """The link that may be paid."""
        return self.links[-1] if self.links and self.links[-1].is_open else None

    @property
    def is_over(self) -> bool:
        """Nothing more may be asked of the payer."""
        return self.settled is not None or bool(self.captures) or self.withdrawn or self.ended_at is not None


@dataclass(frozen=True)
class MandateRead:
    """The mandate as the gateway has it."""

    mandate: Mandate
    at: datetime


@dataclass(frozen=True)
class NoticeAsked:
    """Written before the notice is asked for."""

    order_id: str
    amount_paise: int
    target: datetime
    at: datetime


@dataclass(frozen=True)
class RedeemAsked:
    """Written before the debit is asked for."""

    order_id: str
    at: datetime


@dataclass(frozen=True)
class RedeemNotSent:
    """The debit asked for at `at` certainly did not leave us."""

    order_id: str
    at: datetime


@dataclass(frozen=True)
class OrderRead:
    """An order as the gateway has it; `at` is when the answer came."""

    order_id: str
    at: datetime
    state: State
    amount_paise: int | None = None
    notified_at: datetime | None = None
    valid_from: datetime | None = None
    expires_at: datetime | None = None
    attempts: tuple[Attempt, ...] = ()
    codes: tuple[str, ...] = ()


@dataclass(frozen=True)
class OrderClosed:
    """No debit will be asked for on this order again; `failure` if it counts as a fall."""

    order_id: str
    failure: FailureClass | None
    at: datetime


@dataclass(frozen=True)
class LinkAsked:
    """Written before the link is made."""

    link_id: str
    rescue: bool
    expires_at: datetime
    reminders: tuple[timedelta, ...]
    at: datetime


@dataclass(frozen=True)
class LinkRead:
    """A link as its gateway has it."""

    link_id: str
    at: datetime
    state: State
    amount_paise: int | None = None


@dataclass(frozen=True)
class Reminded:
    """The payer was reminded of a link."""

    link_id: str


@dataclass(frozen=True)
class OptedOut:
    """The payer refused this cycle's debit."""


@dataclass(frozen=True)
class Withdrawn:
    """The cycle is no longer owed."""


@dataclass(frozen=True)
class Settled:
    """The money of `capture_id` is booked for the cycle."""

    capture_id: str


@dataclass(frozen=True)
class GivenBack:
    """The money of `capture_id` is on its way back."""

    capture_id: str


@dataclass(frozen=True)
class Ended:
    """The cycle was given up or called off."""

    at: datetime


Fact = (
    MandateRead | NoticeAsked | RedeemAsked | RedeemNotSent | OrderRead | OrderClosed | LinkAsked | LinkRead
    | Reminded | OptedOut | Withdrawn | Settled | GivenBack | Ended
)  # fmt: skip


def learn(cycle: Cycle, fact: Fact, limits: Limits = DEFAULT_LIMITS) -> Cycle:
    """The cycle knowing `fact`. Repeated facts change nothing; older readings never undo newer ones.

    Raises LookupError for an order or link that is none of the cycle's.
    """
    match fact:
        case OrderRead():
            return _order_read(cycle, fact)
        case LinkRead():
            return _link_read(cycle, fact)
        case MandateRead():
            return _mandate_read(cycle, fact, limits)
        case NoticeAsked(order_id, amount, target, at):
            if any(order.id == order_id for order in cycle.orders):
                return cycle
            return replace(cycle, orders=(*cycle.orders, Order(order_id, amount, target, at)))
        case RedeemAsked(order_id, at):
            order = _order(cycle, order_id)
            return cycle if at in order.asks else _with(cycle, replace(order, asks=(*order.asks, at)))
        case RedeemNotSent(order_id, at):
            order = _order(cycle, order_id)
            return _with(cycle, replace(order, asks=tuple(each for each in order.asks if each != at)))
        case OrderClosed(order_id, failure, at):
            order = _order(cycle, order_id)
            if order.closed_at is not None:
                return cycle
            closed = _with(cycle, replace(order, closed_at=at))
            return closed if failure is None else replace(closed, falls=(*cycle.falls, Fall(failure, at)))
        case LinkAsked(link_id, rescue, expires_at, reminders, at):
            if any(link.id == link_id for link in cycle.links):
                known = _link(cycle, link_id)
                again = known.state is State.ABSENT
                return _with_link(cycle, replace(known, state=State.ASKED)) if again else cycle
            link = Link(link_id, rescue, at, expires_at, reminders)
            return replace(cycle, links=(*cycle.links, link))
        case Reminded(link_id):
            link = _link(cycle, link_id)
            return _with_link(cycle, replace(link, reminded=link.reminded + 1))
        case OptedOut():
            return replace(cycle, opted_out=True)
        case Withdrawn():
            return replace(cycle, withdrawn=True)
        case Settled(capture_id):
            return replace(cycle, settled=cycle.settled or capture_id)
        case GivenBack(capture_id):
            if capture_id in cycle.given_back:
                return cycle
            return replace(cycle, given_back=(*cycle.given_back, capture_id))
        case Ended(at):
            return replace(cycle, ended_at=cycle.ended_at or at)


def _mandate_read(cycle: Cycle, fact: MandateRead, limits: Limits) -> Cycle:
    if cycle.mandate_read_at is not None and fact.at < cycle.mandate_read_at:
        return cycle
    read = replace(cycle, mandate=fact.mandate, mandate_read_at=fact.at)
    order = cycle.order
    if order is not None and not order.void and interrupted(fact.mandate, fact.at, limits):
        return _with(read, replace(order, void=True))
    return read


def _order_read(cycle: Cycle, fact: OrderRead) -> Cycle:
    order = _order(cycle, fact.order_id)
    if order.state is State.COMPLETED or (order.read_at is not None and fact.at < order.read_at):
        return cycle
    state, pending = _believed(fact), AttemptState.PENDING
    # A list that lags must not make us forget an attempt that was seen.
    attempts = fact.attempts if len(fact.attempts) >= len(order.attempts) else order.attempts
    ended_before = sum(attempt.state is not pending for attempt in order.attempts)
    ended_now = sum(attempt.state is not pending for attempt in attempts)
    notified = order.notified_at or fact.notified_at
    if notified is None and state is State.NOTIFIED:
        notified = fact.at
    changed = replace(
        order,
        state=state,
        read_at=fact.at,
        amount_read=order.amount_read if fact.amount_paise is None else fact.amount_paise,
        notified_at=notified,
        valid_from=fact.valid_from or order.valid_from,
        expires_at=fact.expires_at or order.expires_at,
        attempts=attempts,
        codes=fact.codes,
        ended_seen_at=fact.at if ended_now > ended_before else order.ended_seen_at,
    )
    known = _with(cycle, changed)
    return known if state is not State.COMPLETED else _captured(known, order.id, fact.amount_paise)


def _link_read(cycle: Cycle, fact: LinkRead) -> Cycle:
    link = _link(cycle, fact.link_id)
    if link.state is State.COMPLETED or (link.read_at is not None and fact.at < link.read_at):
        return cycle
    state = _believed(fact)
    known = _with_link(cycle, replace(link, state=state, read_at=fact.at))
    return known if state is not State.COMPLETED else _captured(known, link.id, fact.amount_paise)


def _believed(fact: OrderRead | LinkRead) -> State:
    """A success that does not say how much is not known yet."""
    return State.PENDING if fact.state is State.COMPLETED and fact.amount_paise is None else fact.state


def _captured(cycle: Cycle, capture_id: str, amount_paise: int | None) -> Cycle:
    return replace(cycle, captures=(*cycle.captures, Capture(capture_id, amount_paise or 0)))


def _order(cycle: Cycle, order_id: str) -> Order:
    for order in reversed(cycle.orders):
        if order.id == order_id:
            return order
    raise LookupError(f"order {order_id} is none of cycle {cycle.id}: set its money aside and look why")


def _link(cycle: Cycle, link_id: str) -> Link:
    for link in reversed(cycle.links):
        if link.id == link_id:
            return link
    raise LookupError(f"link {link_id} is none of cycle {cycle.id}: set its money aside and look why")


def _with(cycle: Cycle, changed: Order) -> Cycle:
    orders = tuple(changed if order.id == changed.id else order for order in cycle.orders)
    return replace(cycle, orders=orders)


def _with_link(cycle: Cycle, changed: Link) -> Cycle:
    links = tuple(changed if link.id == changed.id else link for link in cycle.links)
    return replace(cycle, links=links)
