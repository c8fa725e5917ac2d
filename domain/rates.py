"""GST rates by service code and date, and which date counts.

Sources: gst.md 4 (rates; CGST Act s.14 for a rate that changes), 1.5 (time of supply, s.13(2), rule 47).
All dates are Indian calendar dates.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from domain.errors import InvalidInput

INVOICE_WITHIN_DAYS = 30
"""Rule 47: a service is invoiced within 30 days (45 for banks and insurers)."""
STANDARD = "std"


@dataclass(frozen=True)
class Rate:
    """Rate for a family of services from `valid_from` until before `valid_to`, in basis points."""

    sac_prefix: str
    valid_from: date
    rate_bp: int
    valid_to: date | None = None
    legal_ref: str = ""
    supply_class: str = STANDARD

    def covers(self, sac: str, day: date, supply_class: str) -> bool:
        """Half-open in time."""
        begun = self.valid_from <= day and (self.valid_to is None or day < self.valid_to)
        return begun and sac.startswith(self.sac_prefix) and supply_class == self.supply_class


_SINCE_GST = date(2017, 7, 1)
_NOTIFIED = "Notification 11/2017-CT(R), as amended by 15/2025-CT(R)"

RATES: tuple[Rate, ...] = (
    Rate("9983", _SINCE_GST, 1800, legal_ref=_NOTIFIED),
    Rate("9984", _SINCE_GST, 1800, legal_ref=_NOTIFIED),
    Rate("997331", _SINCE_GST, 1800, legal_ref=_NOTIFIED),
)
"""Known rates (gst.md 4): what an Indian software company sells. Others are added, never guessed."""


def find_rate(sac: str, day: date, rates: Sequence[Rate] = RATES, supply_class: str = STANDARD) -> Rate:
    """The row for a service code on a day: the longest prefix, then the latest start (gst.md 4).

    Raises InvalidInput where none is known.
    """
    fitting = [rate for rate in rates if rate.covers(sac, day, supply_class)]
    if not fitting:
        raise InvalidInput(
            "sac",
            f"no GST rate is known for SAC {sac} on {day.isoformat()}: correct the code or add its rate.",
        )
    return max(fitting, key=lambda rate: (len(rate.sac_prefix), rate.valid_from))


def has_rate(sac: str, rates: Sequence[Rate] = RATES) -> bool:
    """Whether something with this service code can be sold from now on."""
    return any(sac.startswith(rate.sac_prefix) and rate.valid_to is None for rate in rates)


def rate_for(sac: str, supplied_on: date, rates: Sequence[Rate] = RATES) -> int:
    """GST rate in basis points at the time of supply. Raises InvalidInput for an unknown SAC."""
    return find_rate(sac, supplied_on, rates).rate_bp


@dataclass(frozen=True)
class SupplyDates:
    """The three dates that decide the rate; kept on the document. `paid_on` is None until paid."""

    supplied_on: date
    invoiced_on: date
    paid_on: date | None = None


def time_of_supply(dates: SupplyDates, invoice_within_days: int = INVOICE_WITHIN_DAYS) -> date:
    """CGST Act s.13(2): the earlier of invoice and payment; of service and payment if invoiced late."""
    in_time = dates.invoiced_on <= dates.supplied_on + timedelta(days=invoice_within_days)
    first = dates.invoiced_on if in_time else dates.supplied_on
    return first if dates.paid_on is None else min(first, dates.paid_on)


def time_of_supply_across_change(dates: SupplyDates, changed_on: date) -> date:
    """CGST Act s.14, the table in gst.md 4: time of supply where a rate changed between the dates.

    Invoice and payment on one side of the change: the earlier of them. Otherwise whichever of them is
    on the service's side. What is not yet paid counts as paid after the change.
    """
    paid_on = dates.paid_on or max(changed_on, dates.supplied_on, dates.invoiced_on)
    invoiced_before, paid_before = dates.invoiced_on < changed_on, paid_on < changed_on
    if invoiced_before == paid_before:
        return min(dates.invoiced_on, paid_on)
    return dates.invoiced_on if invoiced_before == (dates.supplied_on < changed_on) else paid_on


def payment_date(
    booked_on: date, credited_on: date, changed_on: date | None = None, holidays: Collection[date] = ()
) -> date:
    """CGST Act s.14, explanation (gst.md 4): the earlier of book entry and bank credit.

    The bank's date alone counts where it credited more than four working days after a change of rate.
    Saturdays, Sundays and `holidays` are no working days.
    """
    if changed_on is not None and credited_on > changed_on:
        days = (changed_on + timedelta(days=step) for step in range(1, (credited_on - changed_on).days + 1))
        if sum(1 for day in days if day.weekday() < 5 and day not in holidays) > 4:
            return credited_on
    return min(booked_on, credited_on)


def rate_of_supply(
    sac: str, dates: SupplyDates, rates: Sequence[Rate] = RATES, supply_class: str = STANDARD
) -> tuple[int, date]:
    """Rate in basis points and the time of supply it follows from (s.13(2), and s.14 across a change).

    Where several changes lie between the dates, the last decides. Raises InvalidInput.
    """
    known = [day for day in (dates.supplied_on, dates.invoiced_on, dates.paid_on) if day is not None]
    first, last = min(known), max(known)
    day = time_of_supply(dates)
    starts = {rate.valid_from for rate in rates} | {rate.valid_to for rate in rates if rate.valid_to}
    for changed_on in sorted(start for start in starts if first < start <= last):
        before = find_rate(sac, changed_on - timedelta(days=1), rates, supply_class)
        if before.rate_bp != find_rate(sac, changed_on, rates, supply_class).rate_bp:
            day = time_of_supply_across_change(dates, changed_on)
    return find_rate(sac, day, rates, supply_class).rate_bp, day
