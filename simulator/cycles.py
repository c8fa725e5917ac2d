"""Billing cycles as Razorpay counts them: calendar steps from the anchor day, cut at midnight in India.

Everything here is unix seconds. The rule and its published samples: razorpay.md, 2.4 and Appendix A.
"""

import calendar
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

IST = ZoneInfo("Asia/Kolkata")
DAY = 86_400
MonthEnd = Literal["clamp", "overflow"]
_MONTHS = {"monthly": 1, "quarterly": 3, "yearly": 12}
PERIODS = ("daily", "weekly", *_MONTHS)


def _step_months(start: date, months: int, month_end: MonthEnd) -> date:
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    if start.day <= last:
        return date(year, month + 1, start.day)
    if month_end == "clamp":
        return date(year, month + 1, last)
    return date(year, month + 1, last) + timedelta(days=start.day - last)


def boundary(start_at: int, period: str, interval: int, k: int, month_end: MonthEnd = "clamp") -> int:
    """The midnight in India at which cycle `k` begins, counted from the day of `start_at`."""
    first = datetime.fromtimestamp(start_at, IST).date()
    steps = k * interval
    if period == "daily":
        day = first + timedelta(days=steps)
    elif period == "weekly":
        day = first + timedelta(weeks=steps)
    else:
        day = _step_months(first, steps * _MONTHS[period], month_end)
    return int(datetime(day.year, day.month, day.day, tzinfo=IST).timestamp())


def cycle(
    start_at: int, period: str, interval: int, k: int, month_end: MonthEnd = "clamp"
) -> tuple[int, int]:
    """Begin and end of cycle `k`; the first one begins at the exact second of `start_at`."""
    begin = start_at if k == 0 else boundary(start_at, period, interval, k, month_end)
    return begin, boundary(start_at, period, interval, k + 1, month_end)


def most_cycles(period: str, interval: int) -> int:
    """The largest `total_count` accepted: about a hundred years of the cadence."""
    if period == "daily":
        return 36_500 // interval
    if period == "weekly":
        return 5_200 // interval
    return 1_200 // (_MONTHS[period] * interval)


def days_between(begin: int, end: int) -> int:
    """Whole days in India from the day of `begin` to the day of `end`."""
    first = datetime.fromtimestamp(begin, IST).date()
    return (datetime.fromtimestamp(end, IST).date() - first).days
