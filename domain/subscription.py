"""Life of a subscription: states, what moves it, what may be commanded, and who has access.

The one transition table. Anything not in it is refused (DESIGN: life of a subscription).
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from domain.errors import FinalError, Refused
from domain.periods import Period, cycle_period
from domain.plans import Price


class Status(StrEnum):
    """Where a subscription stands."""

    CREATED = "CREATED"
    AUTHENTICATED = "AUTHENTICATED"
    ACTIVE = "ACTIVE"
    PAST_DUE = "PAST_DUE"
    HALTED = "HALTED"
    PAUSED = "PAUSED"
    CANCELLED = "CANCELLED"
    COMPLETED = "COMPLETED"
    EXPIRED = "EXPIRED"


class Collection(StrEnum):
    """Who owns the charge clock of a subscription; the values are stored."""

    GATEWAY = "gateway"
    """The gateway charges by itself and we follow (Razorpay Subscriptions)."""
    ENGINE = "engine"
    """We announce and debit on a mandate, or send a page to pay on."""


class Trigger(StrEnum):
    """A fact that may move a subscription."""

    PAID = "paid"
    AUTHENTICATED = "authenticated"
    CHARGE_FAILED = "charge_failed"
    RETRIES_EXHAUSTED = "retries_exhausted"
    MANDATE_RENEWED = "mandate_renewed"
    PAUSED = "paused"
    RESUMED = "resumed"
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    EXPIRED = "expired"


class Command(StrEnum):
    """What a customer or operator may ask for."""

    CANCEL = "cancel"
    """Stop renewing; access stays until what is paid is used up."""
    KEEP = "keep"
    """Take a cancellation at period end back."""
    CANCEL_NOW = "cancel-now"
    PAUSE = "pause"
    RESUME = "resume"


FINAL = frozenset({Status.CANCELLED, Status.COMPLETED, Status.EXPIRED})
LIVE = frozenset(Status) - FINAL
"""At most one live paid subscription per customer."""

_S, _T = Status, Trigger

TRANSITIONS: dict[tuple[Status, Trigger], Status] = {
    (_S.CREATED, _T.PAID): _S.ACTIVE,
    (_S.CREATED, _T.AUTHENTICATED): _S.AUTHENTICATED,
    (_S.CREATED, _T.CHARGE_FAILED): _S.CREATED,
    (_S.CREATED, _T.CANCELLED): _S.CANCELLED,
    (_S.CREATED, _T.EXPIRED): _S.EXPIRED,
    (_S.AUTHENTICATED, _T.PAID): _S.ACTIVE,
    (_S.AUTHENTICATED, _T.CHARGE_FAILED): _S.PAST_DUE,
    (_S.AUTHENTICATED, _T.RETRIES_EXHAUSTED): _S.HALTED,
    (_S.AUTHENTICATED, _T.CANCELLED): _S.CANCELLED,
    (_S.ACTIVE, _T.PAID): _S.ACTIVE,
    (_S.ACTIVE, _T.CHARGE_FAILED): _S.PAST_DUE,
    (_S.ACTIVE, _T.RETRIES_EXHAUSTED): _S.HALTED,
    (_S.ACTIVE, _T.PAUSED): _S.PAUSED,
    (_S.ACTIVE, _T.CANCELLED): _S.CANCELLED,
    (_S.ACTIVE, _T.COMPLETED): _S.COMPLETED,
    (_S.PAST_DUE, _T.PAID): _S.ACTIVE,
    (_S.PAST_DUE, _T.CHARGE_FAILED): _S.PAST_DUE,
    (_S.PAST_DUE, _T.RETRIES_EXHAUSTED): _S.HALTED,
    (_S.PAST_DUE, _T.PAUSED): _S.PAUSED,
    (_S.PAST_DUE, _T.CANCELLED): _S.CANCELLED,
    (_S.PAST_DUE, _T.COMPLETED): _S.COMPLETED,
    (_S.HALTED, _T.PAID): _S.ACTIVE,
    (_S.HALTED, _T.MANDATE_RENEWED): _S.ACTIVE,
    (_S.HALTED, _T.CHARGE_FAILED): _S.HALTED,
    (_S.HALTED, _T.PAUSED): _S.PAUSED,
    (_S.HALTED, _T.CANCELLED): _S.CANCELLED,
    (_S.HALTED, _T.COMPLETED): _S.COMPLETED,
    (_S.PAUSED, _T.RESUMED): _S.ACTIVE,
    # A debit already under way when the pause came still counts; the pause stands.
    (_S.PAUSED, _T.PAID): _S.PAUSED,
    (_S.PAUSED, _T.CHARGE_FAILED): _S.PAUSED,
    (_S.PAUSED, _T.RETRIES_EXHAUSTED): _S.HALTED,
    (_S.PAUSED, _T.CANCELLED): _S.CANCELLED,
    (_S.PAUSED, _T.COMPLETED): _S.COMPLETED,
    # Money captured before the end, learned of after it: it is booked, the end stands.
    (_S.CANCELLED, _T.PAID): _S.CANCELLED,
    (_S.COMPLETED, _T.PAID): _S.COMPLETED,
    (_S.COMPLETED, _T.CHARGE_FAILED): _S.COMPLETED,
    (_S.COMPLETED, _T.CANCELLED): _S.CANCELLED,
}

ALLOWED: dict[Status, tuple[Command, ...]] = {
    Status.CREATED: (Command.CANCEL, Command.CANCEL_NOW),
    Status.AUTHENTICATED: (Command.CANCEL, Command.CANCEL_NOW),
    Status.ACTIVE: (Command.CANCEL, Command.CANCEL_NOW, Command.PAUSE),
    Status.PAST_DUE: (Command.CANCEL, Command.CANCEL_NOW),
    Status.HALTED: (Command.CANCEL, Command.CANCEL_NOW),
    Status.PAUSED: (Command.CANCEL, Command.CANCEL_NOW, Command.RESUME),
    Status.CANCELLED: (),
    Status.COMPLETED: (),
    Status.EXPIRED: (),
}


REMEMBERED = 50
"""How many booked or failed payments are carried along."""


class IllegalTransition(FinalError):
    """A fact arrived that cannot follow from the present state."""

    code = "illegal_transition"

    def __init__(self, status: Status, trigger: Trigger) -> None:
        super().__init__(f"a subscription that is {status} cannot become anything by '{trigger}'")
        self.status = status
        self.trigger = trigger


def next_status(status: Status, trigger: Trigger) -> Status:
    """The state after `trigger`. Raises IllegalTransition."""
    try:
        return TRANSITIONS[status, trigger]
    except KeyError:
        raise IllegalTransition(status, trigger) from None


@dataclass(frozen=True)
class Subscription:
    """What decides a subscription's next step; names and addresses stay in the database."""

    id: str
    customer_id: str
    price: Price
    charge_paise: int
    """What one cycle takes from the customer, tax included."""
    total_count: int
    """Agreed number of cycles."""
    created_at: datetime
    gateway: str = "razorpay"
    collection: Collection = Collection.GATEWAY
    by_mandate: bool = True
    """Where the clock is ours: False for one that is paid on a page each period, as the customer wants it."""
    status: Status = Status.CREATED
    version: int = 0
    """Grows by one with each recorded change; a stale writer is refused."""
    gateway_id: str | None = None
    checkout_url: str | None = None
    checkout_expires_at: datetime | None = None
    started_at: datetime | None = None
    """Anchor of all periods: when the first cycle began."""
    charge_at: datetime | None = None
    """When the gateway means to charge next, as it last said."""
    paid_cycle: int | None = None
    """Latest cycle (0-based) that is paid."""
    cancel_at_period_end: bool = False
    cancel_after_cycle: int | None = None
    """The cycle that was to be the last when a cancellation was planned."""
    access_until: datetime | None = None
    """Set when access has an end; None while it is open-ended or there is none."""
    failures: tuple[str, ...] = ()
    """Failed payments already recorded since the last success."""
    settled: tuple[str, ...] = ()
    """Latest payments booked or set aside; never looked at again."""
    uncollected: tuple[int, ...] = ()
    """Cycles the gateway issued an invoice for and gave up on."""

    @property
    def is_free(self) -> bool:
        """No gateway, no periods."""
        return self.price.is_free

    @property
    def is_final(self) -> bool:
        """Nothing can bring it back."""
        return self.status in FINAL

    @property
    def cancellation_overtaken(self) -> bool:
        """The gateway charged another cycle before it could be told of the planned cancellation."""
        return (
            self.cancel_at_period_end
            and self.cancel_after_cycle is not None
            and self.paid_cycle is not None
            and self.paid_cycle > self.cancel_after_cycle
        )

    @property
    def period(self) -> Period | None:
        """The latest paid period."""
        if self.started_at is None or self.paid_cycle is None:
            return None
        return cycle_period(self.started_at, self.price.interval, self.paid_cycle)

    def moved(self, trigger: Trigger, *, access_ends_at: datetime | None = None) -> "Subscription":
        """This subscription after `trigger`, one version on. Raises IllegalTransition.

        What is paid stays usable until the period's end, or until `access_ends_at` if given. Once it
        has ended, no planned cancellation is left that could be taken back.
        """
        status = next_status(self.status, trigger)
        period_end = self.period.end if self.period else None
        keeps = status in (Status.PAUSED, Status.CANCELLED, Status.COMPLETED)
        return replace(
            self,
            status=status,
            access_until=(access_ends_at or period_end) if keeps else None,
            cancel_at_period_end=self.cancel_at_period_end and status not in FINAL,
            version=self.version + 1,
        )


def allowed_commands(subscription: Subscription) -> tuple[Command, ...]:
    """What may be asked for now."""
    commands = ALLOWED[subscription.status]
    if subscription.is_free:
        return tuple(command for command in commands if command is not Command.PAUSE)
    if subscription.cancel_at_period_end:
        return (Command.KEEP, *(command for command in commands if command is not Command.CANCEL))
    return commands


def check_command(subscription: Subscription, command: Command) -> None:
    """Raises Refused, saying the state and what is allowed in it."""
    allowed = allowed_commands(subscription)
    if command in allowed:
        return
    state = (
        f"{subscription.status}, cancelling at period end"
        if subscription.cancel_at_period_end
        else (subscription.status.value)
    )
    options = (
        f"Allowed now: {', '.join(allowed)}." if allowed else "It has ended; ask for a new subscription."
    )
    raise Refused(
        f"'{command}' does not fit a subscription that is {state}. {options}", state=state, allowed=allowed
    )


def cancels_at_period_end(subscription: Subscription, now: datetime) -> bool:
    """Whether a plain cancel waits: only if a paid period is still running."""
    period = subscription.period
    paid_up = subscription.status in (Status.ACTIVE, Status.PAUSED)
    return paid_up and period is not None and now < period.end


def has_access(status: Status, access_until: datetime | None, now: datetime) -> bool:
    """Whether the plan's features are granted at `now`.

    ACTIVE and PAST_DUE (grace) are open-ended; PAUSED, CANCELLED and COMPLETED keep what was paid for.
    """
    if status in (Status.ACTIVE, Status.PAST_DUE):
        return True
    if status in (Status.PAUSED, Status.CANCELLED, Status.COMPLETED):
        return access_until is not None and now < access_until
    return False
