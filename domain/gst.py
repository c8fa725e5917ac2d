"""GST on a supply: place of supply, tax head, and the arithmetic of one document.

Sources: gst.md 2.1 (place of supply), 2.2 (name of the State's tax), 3.1 (States), 3.3 (GSTIN),
5.1 to 5.4 (calculation).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from domain.errors import InvalidInput
from domain.money import BASIS_POINTS, allocate, round_half_up

STATES: dict[str, str] = {
    "01": "Jammu and Kashmir", "02": "Himachal Pradesh", "03": "Punjab", "04": "Chandigarh",
    "05": "Uttarakhand", "06": "Haryana", "07": "Delhi", "08": "Rajasthan", "09": "Uttar Pradesh",
    "10": "Bihar", "11": "Sikkim", "12": "Arunachal Pradesh", "13": "Nagaland", "14": "Manipur",
    "15": "Mizoram", "16": "Tripura", "17": "Meghalaya", "18": "Assam", "19": "West Bengal",
    "20": "Jharkhand", "21": "Odisha", "22": "Chhattisgarh", "23": "Madhya Pradesh", "24": "Gujarat",
    "26": "Dadra and Nagar Haveli and Daman and Diu", "27": "Maharashtra", "29": "Karnataka", "30": "Goa",
    "31": "Lakshadweep", "32": "Kerala", "33": "Tamil Nadu", "34": "Puducherry",
    "35": "Andaman and Nicobar Islands", "36": "Telangana", "37": "Andhra Pradesh", "38": "Ladakh",
    "97": "Other Territory",
}  # fmt: skip
"""Live State and Union Territory codes (gst.md 3.1)."""

_WITHOUT_LEGISLATURE = frozenset({"04", "26", "31", "35", "38", "97"})
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_GSTIN = re.compile(r"[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z]Z[0-9A-Z]", re.ASCII)


class TaxHead(StrEnum):
    """Which government a part of the tax is for."""

    CGST = "CGST"
    SGST = "SGST"
    UTGST = "UTGST"
    IGST = "IGST"


def gstin_check_digit(first_fourteen: str) -> str:
    """Fifteenth character of a GSTIN (gst.md 3.3)."""
    total = 0
    for position, character in enumerate(first_fourteen):
        product = _ALPHABET.index(character) * (1 + position % 2)
        total += product // 36 + product % 36
    return _ALPHABET[-total % 36]


def parse_gstin(text: str) -> str:
    """The GSTIN in upper case. Raises InvalidInput saying which part is wrong."""
    gstin = text.strip().upper()
    if not _GSTIN.fullmatch(gstin):
        raise InvalidInput("gstin", f"{text!r} is not a GSTIN: 15 characters such as 29AAACI4798L1ZU.")
    if gstin[:2] not in STATES:
        raise InvalidInput("gstin", f"{gstin[:2]} is not a State code; the first two digits name the State.")
    if gstin_check_digit(gstin[:14]) != gstin[14]:
        raise InvalidInput("gstin", f"{gstin} fails its check digit: a character was mistyped.")
    return gstin


def parse_state_code(text: str, field: str = "state_code") -> str:
    """A live two-digit State code. Raises InvalidInput."""
    if text not in STATES:
        raise InvalidInput(field, f"{text!r} is not a State code; give two digits such as 29 for Karnataka.")
    return text


def local_tax(state_code: str) -> TaxHead:
    """SGST, or UTGST in a Union Territory without a legislature (CGST Act s.2(114))."""
    return TaxHead.UTGST if state_code in _WITHOUT_LEGISLATURE else TaxHead.SGST


@dataclass(frozen=True)
class TaxLine:
    """One head of tax on one rate group of a document."""

    head: TaxHead
    rate_bp: int
    taxable_paise: int
    tax_paise: int


@dataclass(frozen=True)
class TaxedAmount:
    """A document's money: `taxable + Σ tax + round_off = total`, all in paise."""

    taxable_paise: int
    taxes: tuple[TaxLine, ...]
    round_off_paise: int
    total_paise: int

    def __post_init__(self) -> None:
        if self.taxable_paise + self.tax_paise + self.round_off_paise != self.total_paise:
            raise ValueError(f"document does not add up: {self}")

    @property
    def tax_paise(self) -> int:
        """Sum of all heads, in paise."""
        return sum(line.tax_paise for line in self.taxes)

    def head_paise(self, head: TaxHead) -> int:
        """Tax of one head, in paise."""
        return sum(line.tax_paise for line in self.taxes if line.head is head)


def tax_lines(
    seller_state: str, place_of_supply: str, rate_bp: int, taxable_paise: int
) -> tuple[TaxLine, ...]:
    """Tax of one rate group: equal CGST and SGST/UTGST inside a State, IGST across (gst.md 5.1, 5.3)."""
    if seller_state == place_of_supply:
        half = round_half_up(taxable_paise * rate_bp, 2 * BASIS_POINTS)
        heads = (TaxHead.CGST, local_tax(place_of_supply))
        return tuple(TaxLine(head, rate_bp // 2, taxable_paise, half) for head in heads)
    tax = round_half_up(taxable_paise * rate_bp, BASIS_POINTS)
    return (TaxLine(TaxHead.IGST, rate_bp, taxable_paise, tax),)


def tax_on_top(seller_state: str, place_of_supply: str, rate_bp: int, taxable_paise: int) -> TaxedAmount:
    """Price without tax: the total is whatever tax makes of it."""
    taxes = tax_lines(seller_state, place_of_supply, rate_bp, taxable_paise)
    total = taxable_paise + sum(line.tax_paise for line in taxes)
    return TaxedAmount(taxable_paise, taxes, 0, total)


def tax_inside(seller_state: str, place_of_supply: str, rate_bp: int, total_paise: int) -> TaxedAmount:
    """Price with tax inside, "portal-exact" (gst.md 5.4, option A).

    The taxable value is the one whose tax lands on the total; where none does, the nearest,
    and the missing paisa is shown as round-off. Tax is always rate × taxable value.
    """
    nearest = round_half_up(total_paise * BASIS_POINTS, BASIS_POINTS + rate_bp)
    candidates = [tax_on_top(seller_state, place_of_supply, rate_bp, nearest + step) for step in (0, -1, 1)]
    best = min(candidates, key=lambda amount: abs(amount.total_paise - total_paise))
    return TaxedAmount(best.taxable_paise, best.taxes, total_paise - best.total_paise, total_paise)


def share_among_lines(total_paise: int, line_taxables_paise: Sequence[int]) -> list[int]:
    """A rate group's tax shared among its lines; sums exactly (gst.md 5.3)."""
    return allocate(total_paise, line_taxables_paise)


@dataclass(frozen=True)
class Rate:
    """Rate for a family of services from a date on (Notification 11/2017-CT(R), as amended)."""

    sac_prefix: str
    valid_from: date
    rate_bp: int


RATES: tuple[Rate, ...] = (Rate("99", date(2017, 7, 1), 1800),)
"""Known rates (gst.md 4); the longest matching prefix wins, then the latest date."""


def rate_for(sac: str, supplied_on: date) -> int:
    """GST rate in basis points at the time of supply. Raises InvalidInput for an unknown SAC."""
    fitting = [rate for rate in RATES if sac.startswith(rate.sac_prefix) and rate.valid_from <= supplied_on]
    if not fitting:
        raise InvalidInput("sac", f"no GST rate is known for SAC {sac} on {supplied_on.isoformat()}.")
    return max(fitting, key=lambda rate: (len(rate.sac_prefix), rate.valid_from)).rate_bp
