"""Tax on one sum: which heads, how much, and a price with tax inside taken apart.

Sources: gst.md 2.1, 2.2 (heads), 5.1 to 5.4 (calculation). Whole documents are in `domain.tax`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from domain.identifiers import gstin_check_digit, parse_gstin
from domain.money import BASIS_POINTS, allocate, round_half_up
from domain.rates import RATES, Rate, rate_for
from domain.states import STATES, WITHOUT_LEGISLATURE, parse_state_code
from domain.supply import Supply, SupplyNature

__all__ = [
    "RATES",
    "STATES",
    "Rate",
    "TaxHead",
    "TaxLine",
    "TaxedAmount",
    "gstin_check_digit",
    "local_tax",
    "parse_gstin",
    "parse_state_code",
    "rate_for",
    "rupee",
    "share_among_lines",
    "tax_inside",
    "tax_inside_supply",
    "tax_lines",
    "tax_on_supply",
    "tax_on_top",
]

_RUPEE = 100


class TaxHead(StrEnum):
    """Which government a part of the tax is for."""

    CGST = "CGST"
    SGST = "SGST"
    UTGST = "UTGST"
    IGST = "IGST"


def local_tax(state_code: str) -> TaxHead:
    """SGST, or UTGST in a Union Territory without a legislature (CGST Act s.2(114), gst.md 2.2)."""
    return TaxHead.UTGST if state_code in WITHOUT_LEGISLATURE else TaxHead.SGST


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


def rupee(amount_paise: int) -> int:
    """The nearest whole rupee, in paise; fifty paise go up (CGST Act s.170, gst.md 5.2)."""
    return round_half_up(amount_paise, _RUPEE) * _RUPEE


def tax_on_supply(
    supply: Supply, rate_bp: int, taxable_paise: int, *, whole_rupees: bool = False
) -> tuple[TaxLine, ...]:
    """Tax of one rate group of a supply (gst.md 5.1, 5.3), rounded once; by choice each head to the rupee.

    CGST and SGST/UTGST are computed as equal halves, never split from a whole. A zero-rated supply without
    payment has one IGST line at 0; what is not taxed has none.
    """
    if supply.nature is SupplyNature.NOT_TAXED:
        return ()
    if supply.nature.is_without_tax:
        return (TaxLine(TaxHead.IGST, 0, taxable_paise, 0),)
    if supply.nature is SupplyNature.INTRA_STATE:
        half = round_half_up(taxable_paise * rate_bp, 2 * BASIS_POINTS)
        half = rupee(half) if whole_rupees else half
        heads = (TaxHead.CGST, local_tax(supply.place))
        return tuple(TaxLine(head, rate_bp // 2, taxable_paise, half) for head in heads)
    tax = round_half_up(taxable_paise * rate_bp, BASIS_POINTS)
    return (TaxLine(TaxHead.IGST, rate_bp, taxable_paise, rupee(tax) if whole_rupees else tax),)


def tax_inside_supply(supply: Supply, rate_bp: int, total_paise: int) -> TaxedAmount:
    """A sum with tax inside, "portal-exact" (gst.md 5.4, option A; advances, rule 50).

    The taxable value is the one whose tax lands on the total; where none does, the nearest,
    and the missing paisa is shown as round-off. Tax is always rate × taxable value. Where no tax
    is due, the whole sum is the value.
    """
    untaxed = supply.nature is SupplyNature.NOT_TAXED or supply.nature.is_without_tax
    inside_bp = 0 if untaxed else rate_bp
    nearest = round_half_up(total_paise * BASIS_POINTS, BASIS_POINTS + inside_bp)
    candidates = [_on_top(supply, rate_bp, nearest + step) for step in (0, -1, 1)]
    best = min(candidates, key=lambda amount: abs(amount.total_paise - total_paise))
    return TaxedAmount(best.taxable_paise, best.taxes, total_paise - best.total_paise, total_paise)


def _on_top(supply: Supply, rate_bp: int, taxable_paise: int) -> TaxedAmount:
    taxes = tax_on_supply(supply, rate_bp, taxable_paise)
    return TaxedAmount(taxable_paise, taxes, 0, taxable_paise + sum(line.tax_paise for line in taxes))


def _domestic(seller_state: str, place_of_supply: str) -> Supply:
    within = seller_state == place_of_supply
    return Supply(place_of_supply, SupplyNature.INTRA_STATE if within else SupplyNature.INTER_STATE)


def tax_lines(
    seller_state: str, place_of_supply: str, rate_bp: int, taxable_paise: int
) -> tuple[TaxLine, ...]:
    """Tax of one domestic rate group: CGST and SGST/UTGST inside a State, IGST across (gst.md 5.3)."""
    return tax_on_supply(_domestic(seller_state, place_of_supply), rate_bp, taxable_paise)


def tax_on_top(seller_state: str, place_of_supply: str, rate_bp: int, taxable_paise: int) -> TaxedAmount:
    """A domestic price without tax: the total is whatever tax makes of it (gst.md 5.3)."""
    return _on_top(_domestic(seller_state, place_of_supply), rate_bp, taxable_paise)


def tax_inside(seller_state: str, place_of_supply: str, rate_bp: int, total_paise: int) -> TaxedAmount:
    """A domestic price with tax inside, "portal-exact" (gst.md 5.4, option A)."""
    return tax_inside_supply(_domestic(seller_state, place_of_supply), rate_bp, total_paise)


def share_among_lines(total_paise: int, line_taxables_paise: Sequence[int]) -> list[int]:
    """A rate group's tax shared among its lines; sums exactly (gst.md 5.3). Nothing to share is no error."""
    if total_paise == 0:
        return [0] * len(line_taxables_paise)
    return allocate(total_paise, line_taxables_paise)
