"""Sums, dates and cadences as a person in India reads them."""

from datetime import datetime

from simulator.books import Record
from simulator.cycles import IST

_UNITS = {"daily": "day", "weekly": "week", "monthly": "month", "quarterly": "quarter", "yearly": "year"}


def rupees(paise: int, currency: str = "INR") -> str:
    """Paise as ₹1,23,456.00: groups of two above the thousands."""
    sign = "-" if paise < 0 else ""
    whole, part = divmod(abs(paise), 100)
    digits = str(whole)
    head, tail = digits[:-3], digits[-3:]
    groups = [head[max(end - 2, 0) : end] for end in range(len(head), 0, -2)][::-1]
    symbol = "₹" if currency == "INR" else f"{currency} "
    return f"{sign}{symbol}{','.join([*groups, tail])}.{part:02d}"


def day(instant: int | None) -> str:
    """Unix seconds as 5 Mar 2026, in India."""
    if instant is None:
        return "—"
    moment = datetime.fromtimestamp(instant, IST)
    return f"{moment.day} {moment:%b %Y}"


def moment(instant: int) -> str:
    """Unix seconds as 5 Mar 2026, 14:05 IST."""
    return f"{day(instant)}, {datetime.fromtimestamp(instant, IST):%H:%M} IST"


def cadence(plan: Record) -> str:
    """Every month, every 3 months, every 7 days."""
    unit, interval = _UNITS[plan["period"]], plan["interval"]
    return f"every {unit}" if interval == 1 else f"every {interval} {unit}s"


def reason(word: str | None) -> str:
    """An error reason as a short clause."""
    return (word or "the bank gave no reason").replace("_", " ")
