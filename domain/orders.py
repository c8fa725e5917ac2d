"""What a gateway says of orders and mandates whose charge clock is ours.

Gateways are open about their words: a state nobody knew yet is read as pending, never as an end
(phonepe.md 0.2). Amounts are integer paise, moments aware UTC.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class OrderState(StrEnum):
    """How far an order, or one attempt to pay it, is; the values are stored."""

    NOTIFYING = "notifying"
    """The payer is being told of a debit."""
    NOTIFIED = "notified"
    """The payer knows; the waiting time runs."""
    PENDING = "pending"
    """Not ended; what is unknown counts as this."""
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"


ENDED = frozenset({OrderState.COMPLETED, OrderState.FAILED, OrderState.EXPIRED})
"""Nothing more will happen by itself."""


class FailureClass(StrEnum):
    """Why money did not come, as far as it decides what to do next; the values are stored."""

    FUNDS = "funds"
    TECHNICAL = "technical"
    """A bank or the network; soon again."""
    LIMIT = "limit"
    """Too much or too often for today."""
    ACCOUNT = "account"
    """Closed, frozen, dormant, not there: no repetition helps."""
    MANDATE = "mandate"
    """There is no permission to debit any more."""
    RISK = "risk"
    PAYER = "payer"
    """The payer declined, cancelled, mistyped or let it lapse."""
    UNKNOWN = "unknown"
    """Soft, but within bounds."""


@dataclass(frozen=True)
class OrderFailure:
    """Why an order or an attempt failed, in the gateway's codes and in our classes."""

    kind: FailureClass
    code: str
    detail: str
    """The bank's or the network's code where there is one."""


@dataclass(frozen=True)
class OrderAttempt:
    """One try to pay an order."""

    id: str
    """The gateway's."""
    state: OrderState
    amount_paise: int
    method: str
    """The gateway's word; empty if it does not say."""
    attempted_at: datetime | None
    reference: str | None = None
    """The bank's number for it (UTR), which payers ask for."""
    failure: OrderFailure | None = None


@dataclass(frozen=True)
class Notice:
    """When the payer was told of a debit, and when it may be made: not before, not after."""

    notified_at: datetime | None
    valid_after: datetime | None
    valid_until: datetime | None


@dataclass(frozen=True)
class OrderAtGateway:
    """An order as the gateway has it; `attempts` oldest first."""

    id: str
    """Ours."""
    gateway_id: str
    state: OrderState
    word: str
    """The gateway's own for the state: worth an alert where `is_strange`."""
    is_strange: bool
    """The gateway used a word nobody knew."""
    amount_paise: int
    currency: str
    expires_at: datetime | None
    attempts: tuple[OrderAttempt, ...] = ()
    failure: OrderFailure | None = None
    notice: Notice | None = None
    mandate_id: str | None = None
    """Ours, on an order that belongs to a mandate."""

    @property
    def payment(self) -> OrderAttempt | None:
        """The attempt that brought the money; None unless the order is completed."""
        if self.state is not OrderState.COMPLETED:
            return None
        paid = (each for each in self.attempts if each.state is OrderState.COMPLETED)
        return next(paid, None)

    @property
    def is_under_way(self) -> bool:
        """An attempt has begun and not ended: another must not be started."""
        return any(each.state not in ENDED for each in self.attempts)


class MandateState(StrEnum):
    """How a mandate stands; the values are stored."""

    PENDING = "pending"
    """Not approved yet; what is unknown counts as this."""
    ACTIVE = "active"
    PAUSING = "pausing"
    PAUSED = "paused"
    UNPAUSING = "unpausing"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    """By us."""
    REVOKING = "revoking"
    REVOKED = "revoked"
    """By the payer or the bank."""
    EXPIRED = "expired"
    FAILED = "failed"


DEAD = frozenset({MandateState.CANCELLED, MandateState.REVOKED, MandateState.EXPIRED, MandateState.FAILED})
"""A mandate does not come back from these."""


class MandateFrequency(StrEnum):
    """How often a mandate may be used; the values are stored and are PhonePe's."""

    ON_DEMAND = "ON_DEMAND"
    """As presented: lets a period's debit come late, and twice in a period."""
    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    FORTNIGHTLY = "FORTNIGHTLY"
    MONTHLY = "MONTHLY"
    BIMONTHLY = "BIMONTHLY"
    QUARTERLY = "QUARTERLY"
    HALFYEARLY = "HALFYEARLY"
    YEARLY = "YEARLY"


@dataclass(frozen=True)
class MandateAtGateway:
    """A permission to debit, as the gateway has it."""

    id: str
    """Ours."""
    gateway_id: str | None
    state: MandateState
    word: str
    """The gateway's own for the state."""
    is_strange: bool
    """The gateway used a word nobody knew."""
    max_amount_paise: int | None
    """The most that one debit may take."""
    valid_until: datetime | None
    paused_from: datetime | None = None
    paused_until: datetime | None = None

    def is_debitable(self, now: datetime) -> bool:
        """Active, or paused until a moment that has passed (phonepe.md 3.3)."""
        over = self.paused_until is not None and self.paused_until <= now
        return self.state is MandateState.ACTIVE or (self.state is MandateState.PAUSED and over)


class TurnedAway(StrEnum):
    """Why a gateway would not start a debit. None of these says that the debit failed."""

    TOO_EARLY = "too_early"
    """The waiting time after the notice is not over."""
    IN_FLIGHT = "in_flight"
    """An attempt has not ended."""
    GATEWAY_RETRIES = "gateway_retries"
    """The gateway repeats this debit by itself."""
    MANDATE = "mandate"
    """The mandate is not active, or not known."""
    OTHER = "other"


@dataclass(frozen=True)
class DebitStarted:
    """The answer to starting a debit: whatever it says, only the order says what became of it."""

    attempt_id: str | None
    """The gateway's; None if turned away."""
    turned_away: TurnedAway | None = None
    said: str = ""
    """The gateway's words for turning it away."""
