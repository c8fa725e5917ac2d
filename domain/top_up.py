"""Putting money into the wallet: one order of one sum, which is paid once, or not at all."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.errors import InvalidInput
from domain.money import rupees
from domain.paying import Paid


class TopUpStatus(StrEnum):
    """How it stands; the values are stored."""

    OPEN = "open"
    """It can be paid."""
    PAID = "paid"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    """By the customer, or because something else than its sum came."""


@dataclass(frozen=True)
class TopUp:
    """A customer's wish to put `amount_paise` into the wallet until `expires_at` (aware UTC)."""

    id: str
    customer_id: str
    gateway: str
    amount_paise: int
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class TopUpLimits:
    """The smallest and largest sum, in paise."""

    smallest_paise: int
    largest_paise: int

    def check(self, amount_paise: int, field: str = "amount_paise") -> None:
        """Raises InvalidInput, naming `field`, for a sum outside of them."""
        if not self.smallest_paise <= amount_paise <= self.largest_paise:
            raise InvalidInput(
                field,
                f"{rupees(amount_paise)} cannot be put into the wallet: give "
                f"{rupees(self.smallest_paise)} to {rupees(self.largest_paise)}.",
            )


class Fate(StrEnum):
    """What becomes of money that came for a top-up."""

    ADVANCE = "advance"
    """It fills the wallet."""
    SECOND = "second"
    """It was paid before: it goes back by itself."""
    STRANGE = "strange"
    """Not the sum that was asked for: somebody must look."""


def fate_of(top_up: TopUp, paid: Paid, *, paid_before: bool) -> Fate:
    """Late money counts like any other: the payer was promised the wallet for it."""
    if paid.currency != "INR" or paid.amount_paise != top_up.amount_paise:
        return Fate.STRANGE
    return Fate.SECOND if paid_before else Fate.ADVANCE
