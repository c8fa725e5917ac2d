"""When a mandate may be debited: hours, notice, spacing, attempts.

What the sources leave open is a setting here, with the stricter reading as its default (phonepe.md 3.4,
3.5, 5.1, 5.2, 11; razorpay.md 1.9). Hours are Asia/Kolkata, moments aware UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from functools import cached_property

from domain.ladder import FailureClass, Ladder
from domain.mandate import DEFAULT_LIMITS, Limits
from domain.periods import IST

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Hours:
    """A daily span of lawful time `[start, end)` in India; it may run past midnight."""

    start: time
    end: time


NON_PEAK = (Hours(time(21, 31), time(9, 59)), Hours(time(13, 1), time(16, 59)))
"""PhonePe's stricter form of NPCI's non-peak hours, read strictly: the last minute is out."""


def _default_gaps() -> dict[FailureClass, timedelta]:
    return {
        FailureClass.FUNDS: 8 * _HOUR,
        FailureClass.TECHNICAL: 95 * _MINUTE,
        FailureClass.LIMIT: 24 * _HOUR,
    }


def _seconds(moment: time) -> int:
    return moment.hour * 3600 + moment.minute * 60 + moment.second


@dataclass(frozen=True)
class Rules:
    """What binds a debit, and how patient we are. The defaults are PhonePe's UPI Autopay."""

    hours: tuple[Hours, ...] = NON_PEAK
    """Lawful hours; empty for any hour."""
    first_attempt_in_hours: bool = True
    """NPCI binds every execution, PhonePe's page only retries: unverified."""
    closing_margin: timedelta = 10 * _MINUTE
    """Nothing is asked for this close to the end of lawful time or of an order: it would act too late."""
    opening_margin: timedelta = 2 * _MINUTE
    """Nothing is asked for this soon after lawful time begins, for clocks that differ."""
    notice_wait: timedelta = 24 * _HOUR
    notice_margin: timedelta = 5 * _MINUTE
    """Beyond `notice_wait`, for clocks that differ."""
    notice_lead: timedelta = 30 * _HOUR
    """Before the wanted debit at which notice is asked for."""
    max_attempts: int = 4
    """Debits per order, the first included; refused and lost requests count too."""
    spacing: timedelta = 90 * _MINUTE
    """From the end of one attempt to the start of the next."""
    retry_gaps: Mapping[FailureClass, timedelta] = field(default_factory=_default_gaps)
    """Wait before a retry on the same order, never less than `spacing`; a class left out has no retry."""
    asked_window: timedelta = 96 * _HOUR
    """Life asked for an order. The answer binds: 48, 72 and 96 hours were seen."""
    least_window: timedelta = 48 * _HOUR
    """An order is used no longer than this if its expiry is not known."""
    appears_within: timedelta = 15 * _MINUTE
    """A debit that was asked for shows in the order's status after this, or was never made: unverified."""
    freshness: timedelta = 5 * _MINUTE
    """How old the readings of mandate and order may be when a debit is asked for."""
    stuck_after: timedelta = 48 * _HOUR
    """An outcome unknown for longer is shown to an operator; it stays unknown."""
    first_look: timedelta = timedelta(seconds=30)
    slowest_look: timedelta = 6 * _HOUR
    """Between looks at what was asked for: as long again as it has lasted, within these bounds."""
    link_look: timedelta = 12 * _HOUR
    """Between looks at a pay link that nobody told us about."""
    retry_after: timedelta = 5 * _MINUTE
    """When to plan again after an action that taught us nothing."""
    spread: timedelta = 30 * _MINUTE
    """Debits due at one moment are spread over this span by cycle."""
    pause_look: timedelta = _DAY
    """Between looks at a mandate that is paused or not yet approved."""
    pause_patience: timedelta = 7 * _DAY
    """After which a cycle is collected by a pay link though the mandate is paused."""
    link_lead: timedelta = 3 * _DAY
    """Before the due date at which a pay link goes out where no mandate can be used."""
    limits: Limits = DEFAULT_LIMITS
    ladder: Ladder = field(default_factory=Ladder)

    def __post_init__(self) -> None:
        if self.max_attempts < 1 or self.notice_lead < self.notice_wait + self.notice_margin:
            raise ValueError("rules need at least one attempt, and notice asked for before its wait")
        if self.pause_look <= self.freshness:
            raise ValueError("a paused mandate must be looked at less often than readings grow old")
        if any(length <= 0 for _, length in self.usable):
            raise ValueError("lawful hours must be longer than their margins")

    @cached_property
    def usable(self) -> list[tuple[int, int]]:
        """Usable spans: seconds of the day at which they begin in India, and their length in seconds."""
        opening, closing = int(self.opening_margin.total_seconds()), int(self.closing_margin.total_seconds())
        return [
            (
                _seconds(span.start) + opening,
                (_seconds(span.end) - _seconds(span.start)) % _DAY_SECONDS - opening - closing,
            )
            for span in self.hours
        ]


PHONEPE = Rules()
RAZORPAY_UPI = Rules(notice_wait=25 * _HOUR, max_attempts=1)
"""Razorpay debits a UPI token about 25 hours after its notice and retries nothing (razorpay.md 1.9)."""
RAZORPAY_CARD = Rules(
    hours=(),
    notice_wait=36 * _HOUR,
    notice_lead=42 * _HOUR,
    max_attempts=2,
    spacing=36 * _HOUR,
    asked_window=7 * _DAY,
    least_window=7 * _DAY,
)
"""A card token: about 36 hours after its notice, and once more 36 hours after a failure."""


def next_lawful(moment: datetime, rules: Rules = PHONEPE) -> datetime:
    """The first moment from `moment` on at which a debit may be asked for; India keeps no summer time."""
    if not rules.hours:
        return moment
    now = _seconds(moment.astimezone(IST).time())
    waits = []
    for start, length in rules.usable:
        into = (now - start) % _DAY_SECONDS
        if into < length:
            return moment
        waits.append(_DAY_SECONDS - into)
    return moment.replace(microsecond=0) + timedelta(seconds=min(waits))
