"""Billing periods: calendar periods anchored on the start day in India, never 30 days."""

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

IST = ZoneInfo("Asia/Kolkata")


class Interval(StrEnum):
    """How long one billing cycle lasts."""

    MONTHLY = "monthly"
    ANNUAL = "annual"

    @property
    def months(self) -> int:
        """Length in calendar months."""
        return 12 if self is Interval.ANNUAL else 1


@dataclass(frozen=True)
class Period:
    """Half-open span of time `[start, end)`, both aware UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if not self.start < self.end:
            raise ValueError(f"a period must end after it starts: {self.start} .. {self.end}")

    @property
    def first_day(self) -> date:
        """First day of the period in India."""
        return india_date(self.start)

    @property
    def last_day(self) -> date:
        """Last day of the period in India, as printed on an invoice."""
        return india_date(self.end - timedelta(microseconds=1))


def india_date(moment: datetime) -> date:
    """The calendar date in India at `moment` (aware)."""
    return moment.astimezone(IST).date()


def india_midnight(day: date) -> datetime:
    """The moment `day` begins in India, as UTC."""
    return datetime.combine(day, time.min, IST).astimezone(UTC)


def add_months(anchor: date, months: int) -> date:
    """`anchor` moved by whole months; a day the month lacks becomes its last day."""
    years, month0 = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
    return date(years, month0 + 1, min(anchor.day, calendar.monthrange(years, month0 + 1)[1]))


def boundary(anchor: date, interval: Interval, cycle: int) -> datetime:
    """Start of `cycle` (0-based) as UTC: counted from the anchor, so 31 Jan → 28 Feb → 31 Mar."""
    return india_midnight(add_months(anchor, cycle * interval.months))


def cycle_period(started_at: datetime, interval: Interval, cycle: int) -> Period:
    """Period of `cycle`; cycle 0 begins at the second of `started_at`, later ones at IST midnight."""
    anchor = india_date(started_at)
    start = started_at.astimezone(UTC) if cycle == 0 else boundary(anchor, interval, cycle)
    return Period(start, boundary(anchor, interval, cycle + 1))


def cycle_at(started_at: datetime, interval: Interval, moment: datetime) -> int:
    """The cycle whose period holds `moment`; 0 for anything before the first boundary."""
    anchor, day = india_date(started_at), india_date(moment)
    months = (day.year - anchor.year) * 12 + day.month - anchor.month
    cycle = max(0, months // interval.months)
    while cycle > 0 and moment < boundary(anchor, interval, cycle):
        cycle -= 1
    while moment >= boundary(anchor, interval, cycle + 1):
        cycle += 1
    return cycle


def month_period(month: str) -> Period:
    """The calendar month `2026-11` in India."""
    first = date.fromisoformat(f"{month}-01")
    return Period(india_midnight(first), india_midnight(add_months(first, 1)))


def financial_year(day: date) -> str:
    """April to March, written `2026-27`."""
    first = day.year if day.month >= 4 else day.year - 1
    return f"{first}-{(first + 1) % 100:02d}"
