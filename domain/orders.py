"""What a gateway says of orders and mandates whose charge clock is ours, and the facts in it.

Gateways are open about their words: a state nobody knew yet is read as pending, never as an end
(phonepe.md 0.2). Amounts are integer paise, moments aware UTC.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.debit import Attempt, AttemptState, LinkRead, OrderRead, State
from domain.mandate import Mandate


@dataclass(frozen=True)
class OrderAttempt:
    """One try to pay an order."""

    id: str
    """The gateway's."""
    state: AttemptState
    amount_paise: int
    method: str
    """upi, upi_autopay, card, netbanking, or the gateway's word in lower case; empty if it does not say."""
    attempted_at: datetime | None
    reference: str | None = None
    """The bank's number for it (UTR), which payers ask for."""
    codes: tuple[str, ...] = ()
    """Why it failed, from detailed to general."""


@dataclass(frozen=True)
class Notice:
    """When the payer was told of a debit, and when it may be made: not before, not after."""

    notified_at: datetime | None
    valid_from: datetime | None
    valid_until: datetime | None


@dataclass(frozen=True)
class OrderAtGateway:
    """An order as the gateway has it; `attempts` oldest first."""

    id: str
    """Ours."""
    gateway_id: str
    state: State
    word: str
    """The gateway's own for the state."""
    is_strange: bool
    """Nobody knew that word: worth an alert."""
    amount_paise: int
    currency: str
    expires_at: datetime | None
    attempts: tuple[OrderAttempt, ...] = ()
    codes: tuple[str, ...] = ()
    """Why it failed, from detailed to general."""
    notice: Notice | None = None
    mandate_id: str | None = None
    """Ours, on an order that belongs to a mandate."""

    @property
    def payment(self) -> OrderAttempt | None:
        """The attempt that brought the money, where the order is completed and names it."""
        if self.state is not State.COMPLETED:
            return None
        paid = (each for each in self.attempts if each.state is AttemptState.COMPLETED)
        return next(paid, None)

    def refund_name(self, gateway: str) -> str:
        """What a refund of it names there: PhonePe our order, Razorpay its payment."""
        payment = self.payment
        return payment.id if payment is not None and gateway == "razorpay" else self.id

    def debit_fact(self, at: datetime) -> OrderRead:
        """What the planner learns from it, read at `at`."""
        notice = self.notice or Notice(None, None, None)
        ends = [moment for moment in (notice.valid_until, self.expires_at) if moment is not None]
        return OrderRead(
            self.id,
            at,
            self.state,
            self.amount_paise,
            notice.notified_at,
            notice.valid_from,
            min(ends, default=None),
            tuple(Attempt(each.id, each.state, each.codes) for each in self.attempts),
            self.codes,
        )

    def link_fact(self, at: datetime) -> LinkRead:
        """The same of an order paid on a page."""
        untouched = self.state is State.PENDING and not self.attempts
        return LinkRead(self.id, at, State.OPEN if untouched else self.state, self.amount_paise)


@dataclass(frozen=True)
class MandateAtGateway:
    """A permission to debit, as the gateway has it."""

    mandate: Mandate
    gateway_id: str | None
    word: str
    """The gateway's own for the status."""
    is_strange: bool
    """Nobody knew that word: worth an alert."""


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
