"""What the outside may say to a subscription's workflow, and what it answers.

Commands that must be confirmed or refused are updates; facts that merely arrive are signals.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.renewal import Collecting, Terms
from domain.subscription import Command, Status, Subscription

WORKFLOW_NAME = "Subscription"
"""Its charges are made by the gateway."""
ENGINE_WORKFLOW_NAME = "EngineSubscription"
"""Its charges are made on our own clock."""
OPEN_UPDATE = "open"
COMMAND_UPDATE = "command"
GATEWAY_SIGNAL = "gateway_event"
PAY_UPDATE = "pay"
SUPERSEDED_SIGNAL = "superseded"
STATE_QUERY = "state"
WAKE_QUERY = "wake_at"

REFUSED = "refused"
"""ApplicationError type of a refused update; its details are the state and the list of what is allowed."""
GATEWAY_UNAVAILABLE = "gateway_unavailable"
"""ApplicationError type when the gateway could not be reached; the same request may be made again."""


@dataclass(frozen=True)
class Opened:
    """Answer to `open`. Exactly one of: registered (`existing_id` None), or another live one in the way."""

    subscription_id: str
    status: Status
    checkout_url: str | None = None
    existing_id: str | None = None
    refused: str | None = None
    """The gateway's reason for not opening a checkout."""


@dataclass(frozen=True)
class CommandRequest:
    """`id` makes a repeated request one command (the caller's Idempotency-Key)."""

    id: str
    command: Command
    actor: str
    reason: str = ""


@dataclass(frozen=True)
class CommandReply:
    """What stands after a command."""

    status: Status
    cancel_at_period_end: bool
    access_until: datetime | None
    version: int
    message: str


@dataclass(frozen=True)
class CommandRefused:
    """Kept so that a repeated request gets the same refusal."""

    message: str
    state: str
    allowed: tuple[str, ...] = ()
    kind: str = REFUSED


@dataclass(frozen=True)
class GatewayEvent:
    """A hint that the gateway's books have changed. `id` is the gateway's event id."""

    id: str
    kind: str
    payment_id: str | None = None
    order_id: str | None = None
    """Ours, at a gateway where we name orders."""
    page_subject: str | None = None
    """What the order's page was opened for, if it was one."""
    gateway: str | None = None
    """Of that page: a rescue is paid elsewhere."""
    mandate_id: str | None = None


class PayWish(StrEnum):
    """What somebody wants who stands at our page."""

    DUE = "due"
    """To pay what is due."""
    INSTEAD = "instead"
    """To pay on a page instead of by the debit that is announced."""
    NEW_MANDATE = "new_mandate"
    """To give a new mandate for one that is lost."""
    STANDING = "standing"
    """To know what came of it, back from the gateway's page."""


@dataclass(frozen=True)
class PayRequest:
    """Somebody stands at our page. `id` is the caller's own, for the reply."""

    id: str
    wish: PayWish = PayWish.DUE


class PayStanding(StrEnum):
    """What a payer is told."""

    PAY = "pay"
    """At `url`; without one, at our own page."""
    DEBIT_ANNOUNCED = "debit_announced"
    """The mandate is debited at `due_at` by itself; without it, once more after a failure."""
    CHECKING = "checking"
    """A payment is under way."""
    PAID = "paid"
    NOTHING_DUE = "nothing_due"
    OVER = "over"
    """It cannot be paid any more."""
    UNAVAILABLE = "unavailable"
    """The gateway does not answer; nothing was taken."""
    REFUSED = "refused"
    """The gateway will not have it; an operator must look."""


@dataclass(frozen=True)
class PayReply:
    """Where the payer goes, or how it stands."""

    standing: PayStanding
    amount_paise: int = 0
    url: str | None = None
    message: str = ""
    due_at: datetime | None = None


@dataclass(frozen=True)
class Superseded:
    """A paid subscription has begun; this Free one ends."""

    by_subscription_id: str


@dataclass(frozen=True)
class Carried:
    """What one run leaves to the next beside the subscription; nothing else survives."""

    wake_at: datetime | None = None
    looks: int = 0
    """Looks at the gateway in vain since the last thing learned."""
    seen: tuple[str, ...] = ()
    """Latest gateway events handled."""
    replies: tuple[tuple[str, CommandReply | CommandRefused], ...] = ()
    """Latest commands and what they were answered."""
    collecting: Collecting | None = None
    """What is under way on our own clock."""


@dataclass(frozen=True)
class StartSubscription:
    """The workflow's argument: at birth without `carried`, which goes from run to run."""

    subscription: Subscription
    actor: str
    test_clock_offset: timedelta = timedelta(0)
    """Moves this subscription's clock; tests and demonstrations only."""
    carried: Carried | None = None
    terms: Terms | None = None
    """Of one that is collected on our own clock, at birth."""
