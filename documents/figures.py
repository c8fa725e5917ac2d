"""A document's money by rate and service code, and how paise are written for machines."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from domain.document import DocumentKind, Line, TaxDocument
from domain.gst import TaxHead


@dataclass(frozen=True)
class Figures:
    """Taxable value and tax of any number of supplies, in paise. `sgst` holds UTGST too (gst.md 2.2)."""

    taxable_paise: int = 0
    igst_paise: int = 0
    cgst_paise: int = 0
    sgst_paise: int = 0

    @property
    def tax_paise(self) -> int:
        """All heads."""
        return self.igst_paise + self.cgst_paise + self.sgst_paise

    @property
    def parts(self) -> tuple[int, int, int, int]:
        """Taxable value, IGST, CGST, SGST."""
        return self.taxable_paise, self.igst_paise, self.cgst_paise, self.sgst_paise

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(*(mine + yours for mine, yours in zip(self.parts, other.parts, strict=True)))

    def __sub__(self, other: "Figures") -> "Figures":
        return self + other.times(-1)

    def __bool__(self) -> bool:
        return any(self.parts)

    def times(self, sign: int) -> "Figures":
        """With a note's minus, or as it is."""
        return Figures(*(sign * part for part in self.parts))


def total(figures: Iterable[Figures]) -> Figures:
    """Their sum."""
    return sum(figures, Figures())


def of_line(line: Line) -> Figures:
    """The stored figures of one line."""
    return Figures(line.taxable_paise, line.igst_paise, line.cgst_paise, line.sgst_paise)


def by_rate_and_sac(document: TaxDocument) -> dict[tuple[int, str], Figures]:
    """Stored figures by rate (basis points) and service code, in the lines' order; never recomputed."""
    found: dict[tuple[int, str], Figures] = {}
    for line in document.lines:
        key = line.rate_bp, line.sac
        found[key] = found.get(key, Figures()) + of_line(line)
    return found


def of_document(document: TaxDocument) -> Figures:
    """What the document as a whole says."""
    amount = document.amount
    local = amount.head_paise(TaxHead.SGST) + amount.head_paise(TaxHead.UTGST)
    return Figures(
        amount.taxable_paise, amount.head_paise(TaxHead.IGST), amount.head_paise(TaxHead.CGST), local
    )


def sign_of(document: TaxDocument) -> int:
    """-1 for a credit note, which takes back; 1 otherwise."""
    return -1 if document.kind is DocumentKind.CREDIT_NOTE else 1


def plain(amount_paise: int) -> str:
    """`-94282` as `-942.82`: no sign of currency, no grouping, always two decimals."""
    rupees, paise = divmod(abs(amount_paise), 100)
    return f"{'-' if amount_paise < 0 else ''}{rupees}.{paise:02d}"


def number(hundredths: int) -> Any:
    """Paise as a JSON number of rupees, or basis points as per cent (gst.md 6.1).

    An integer where nothing is left over, else what the two-decimal text reads as: no arithmetic is done.
    """
    return hundredths // 100 if hundredths % 100 == 0 else json.loads(plain(hundredths))
