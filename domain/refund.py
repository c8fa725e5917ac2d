"""Money given back at the gateway: what it says of a refund, what is left, when to look again.

A refund is asked for once and settles days later, or fails (razorpay.md 1.8).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

_FIRST_WAIT = timedelta(minutes=1)
_LONGEST_WAIT_YOUNG = timedelta(hours=6)
_LONGEST_WAIT = timedelta(days=1)
_YOUNG = timedelta(days=1)
_DOUBLINGS = 11
"""2^11 minutes are more than a day; further doubling is cut off anyway."""


class RefundStatus(StrEnum):
    """How far a refund is; the values are stored."""

    REQUESTED = "requested"
    """Ours alone: the gateway has not confirmed it."""
    PENDING = "pending"
    PROCESSED = "processed"
    FAILED = "failed"
    """The money stayed with us."""


class RefundSpeed(StrEnum):
    """How fast we ask for; the values are stored and are Razorpay's."""

    NORMAL = "normal"
    OPTIMUM = "optimum"
    """Instant where the customer's bank can, normal where not."""


class ProcessedSpeed(StrEnum):
    """How fast it went; the values are stored and are Razorpay's."""

    NORMAL = "normal"
    INSTANT = "instant"


class RefundOrigin(StrEnum):
    """Who asked for it; the values are stored."""

    BAHI = "bahi"
    DASHBOARD = "dashboard"
    """Somebody at the gateway, past us."""


SETTLED = frozenset({RefundStatus.PROCESSED, RefundStatus.FAILED})
"""Nothing more will happen."""


@dataclass(frozen=True)
class RefundAtGateway:
    """A refund as the gateway has it; its status is never `requested`."""

    id: str
    payment_id: str
    """The gateway's."""
    amount_paise: int
    currency: str
    status: RefundStatus
    speed_requested: RefundSpeed
    speed_processed: ProcessedSpeed | None
    """None until known."""
    our_id: str | None
    """From the notes we put on it; None for one made in the gateway's dashboard."""
    created_at: datetime


class _Given(Protocol):
    """A refund, wherever it is kept."""

    @property
    def amount_paise(self) -> int: ...
    @property
    def status(self) -> str: ...


def next_look(created_at: datetime, now: datetime, looks: int) -> datetime:
    """When to ask the gateway again about a refund still pending after `looks` looks.

    Waits double from a minute, for an instant refund takes minutes; they grow to six hours on the first day
    and to a day after it, for a normal one takes 5 to 7 working days, on some pages 10 (razorpay.md 1.8).
    It goes on daily without end: only the gateway can say that money came back.
    """
    longest = _LONGEST_WAIT_YOUNG if now - created_at < _YOUNG else _LONGEST_WAIT
    return now + min(longest, _FIRST_WAIT * (1 << min(looks, _DOUBLINGS)))


def left_to_refund(captured_paise: int, refunds: Iterable[_Given]) -> int:
    """What of a payment has not been given back, in paise, never below 0.

    A refund on its way counts as given, even before the gateway has it: so many at once cannot exceed the
    payment. A failed one does not.
    """
    given = sum(refund.amount_paise for refund in refunds if refund.status != RefundStatus.FAILED)
    return max(0, captured_paise - given)


class Settlement(StrEnum):
    """Where the value of a credit note without a refund goes; the values are stored."""

    BALANCE = "balance"
    """Owed to the customer."""
    OUTSIDE = "outside"
    """Given back by other means, or set against another invoice."""
    SUSPENSE = "suspense"
    """Given back past us before: clears what was posted to suspense then."""


@dataclass(frozen=True)
class RefundStanding:
    """How a refund stands in our books."""

    refund_id: str
    status: RefundStatus
    amount_paise: int
    failure: str = ""
    note_id: str | None = None
    """The credit note or refund voucher."""
