"""What a GSTR-1 is made from: one registration, one month, and everything it issued in it."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

from documents.figures import Figures, of_line
from domain.document import AdvanceUse, DocumentKind, Original, TaxDocument
from domain.errors import InvalidInput
from domain.supply import Supply

_PERIOD = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])", re.ASCII)
_COUNTED = re.compile(r"(.*?)([0-9]+)", re.ASCII)

LISTED_RATES_BP = frozenset({0, 10, 25, 100, 150, 300, 500, 600, 750, 1200, 1800, 2800, 4000})
"""Rates the offline tool V3.2.4 takes on a line (gst.md 4)."""

HSN_MASTER: Mapping[str, str] = MappingProxyType(
    {
        "997331": "Licensing services for the right to use computer software and databases",
        "998313": "Information technology consulting and support services",
        "998314": "Information technology design and development services",
        "998315": "Hosting and information technology infrastructure provisioning services",
        "998316": "Information technology infrastructure and network management services",
        "998319": "Other information technology services n.e.c.",
        "998434": "Software downloads",
    }
)
"""Service codes and their text in the portal's master (gst.md 1.9). That of 998315 is the reference's own,
the others are not verified: correct them in `PortalSettings.hsn_descriptions`."""


@dataclass(frozen=True)
class Period:
    """A tax period: one calendar month, written `2026-10`. Raises InvalidInput."""

    text: str

    def __post_init__(self) -> None:
        if not _PERIOD.fullmatch(self.text):
            raise InvalidInput("period", f"{self.text!r} is not a month: give year and month as 2026-10.")

    def holds(self, day: date) -> bool:
        """Whether the day is in it."""
        return self.text == f"{day:%Y-%m}"

    @property
    def portal(self) -> str:
        """`102026`."""
        return self.text[5:] + self.text[:4]


@dataclass(frozen=True)
class Series:
    """Numbers of one kind taken in the period, first to last, counted by their last digits.

    `cancelled` are those that no document bears: burnt, or withdrawn within the IRN's 24 hours
    (gst.md 1.6). Raises InvalidInput where first and last are not of one series.
    """

    kind: DocumentKind
    first: str
    last: str
    cancelled: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        ends = [_COUNTED.fullmatch(number) for number in (self.first, self.last)]
        prefixes = {end[1] if end else None for end in ends}
        if None in prefixes or len(prefixes) != 1 or self.total < 1:
            message = f"{self.first} to {self.last} is not a run of numbers of one series."
            raise InvalidInput("series", message)

    @staticmethod
    def _count(number: str) -> int:
        return int(re.findall(r"[0-9]+$", number)[0])

    @property
    def total(self) -> int:
        """How many numbers were taken."""
        return self._count(self.last) - self._count(self.first) + 1

    def numbers(self) -> Iterator[str]:
        """Every number from first to last."""
        found = _COUNTED.fullmatch(self.first)
        assert found
        for count in range(self._count(self.first), self._count(self.last) + 1):
            yield f"{found[1]}{count:0{len(found[2])}d}"


@dataclass(frozen=True)
class Adjustment:
    """The part of an advance that an invoice of this period used up (Table 11B, gst.md 6.1).

    `figures` are of the advance: value without tax, and the tax once declared on it.
    """

    voucher: Original
    invoice_number: str
    supply: Supply
    rate_bp: int
    figures: Figures


def used_up(use: AdvanceUse, invoice_number: str) -> tuple[Adjustment, ...]:
    """The adjustments, one per rate, that an invoice's use of an advance makes (gst.md 6.1, "at / txpd")."""
    sums: dict[int, Figures] = {}
    for line in use.lines:
        sums[line.rate_bp] = sums.get(line.rate_bp, Figures()) + of_line(line)
    return tuple(
        Adjustment(use.voucher, invoice_number, use.supply, rate_bp, figures)
        for rate_bp, figures in sums.items()
    )


def adjustments_of(documents: Iterable[TaxDocument]) -> tuple[Adjustment, ...]:
    """What invoices used up of advances, in their order."""
    return tuple(
        adjustment
        for document in documents
        for use in document.adjusts
        for adjustment in used_up(use, document.number)
    )


@dataclass(frozen=True)
class PortalSettings:
    """What the reference leaves open, with its defaults (gst.md 6.1, 10)."""

    version: str = "GST3.2.4"
    """Release of the offline tool the file says it comes from."""
    zero_rated_at_nil: bool = True
    """`rt` 0 on supplies without payment of tax; False shows the line's rate, as the tool does."""
    sandbox: bool = False
    """Take GSTINs of the portal's sandbox, which fail their check digit by design."""
    rates_bp: frozenset[int] = LISTED_RATES_BP
    hsn_descriptions: Mapping[str, str] = field(default_factory=lambda: HSN_MASTER)


@dataclass(frozen=True)
class Filing:
    """Everything one GSTIN issued in one month.

    `documents`: tax invoices, bills of supply, credit notes (commercial ones too, they hold numbers),
    receipt and refund vouchers; in any order, without proformas. `period` is such as `2026-10`.
    `cancelled` are those withdrawn at the invoice portal within its 24 hours: they are void, stand in no
    section, and their numbers are among the series' cancelled ones (gst.md 1.6, 6.3).
    """

    gstin: str
    period: str
    documents: tuple[TaxDocument, ...]
    series: tuple[Series, ...] = ()
    adjustments: tuple[Adjustment, ...] = ()
    """Those of its documents; see `adjustments_of`."""
    settings: PortalSettings = PortalSettings()
    cancelled: tuple[TaxDocument, ...] = ()

    @property
    def month(self) -> Period:
        """The period, parsed. Raises InvalidInput."""
        return Period(self.period)
