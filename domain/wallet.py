"""Paying an invoice from advances: which receipt vouchers it uses up, oldest first, and how much of each.

Source: gst.md 1.4 (rule 50), 6.1 (Tables 11A and 11B). The wallet is the sum of what is left of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.credit import Part, Portion, part_of_advance
from domain.document import AdvanceUse, Original, TaxDocument
from domain.errors import Refused
from domain.gst import TaxedAmount
from domain.money import round_half_up, rupees

_CENTS = 100


@dataclass(frozen=True)
class Advance:
    """A receipt voucher, and what was refunded or used of it so far."""

    voucher: TaxDocument
    earlier: tuple[Part, ...] = ()

    @property
    def left_paise(self) -> int:
        """Tax inside."""
        given = sum(part.amount.total_paise for part in self.earlier)
        return self.voucher.amount.total_paise - given


def use_advances(advances: Sequence[Advance], total_paise: int) -> tuple[AdvanceUse, ...]:
    """Parts of the advances, in their order, that add up to the total; by running remainder (gst.md 5.6).

    Raises Refused where all of them together are less.
    """
    uses: list[AdvanceUse] = []
    wanted = total_paise
    for advance in advances:
        part = min(wanted, advance.left_paise)
        if part > 0:
            uses.append(_use(advance, part))
            wanted -= part
    if wanted:
        raise Refused(
            f"{rupees(total_paise)} is to be paid from advances, but {rupees(wanted)} of it is not there.",
            state="wallet_too_small",
            allowed=(),
        )
    return tuple(uses)


def _use(advance: Advance, part_paise: int) -> AdvanceUse:
    voucher = advance.voucher
    try:
        portion = part_of_advance(voucher, advance.earlier, part_paise)
    except Refused as refusal:
        if refusal.state != "only_round_off":
            raise
        # The last paisa of a voucher may have no value left: no tax lies on it either.
        portion = Portion((), TaxedAmount(0, (), part_paise, part_paise))
    origin = Original(voucher.number, voucher.issued_on, voucher.amount.total_paise)
    return AdvanceUse(voucher.id, origin, voucher.supply, portion.lines, portion.amount)


def paise_of_usd_cents(cents: int, usd_rate_paise: int) -> int:
    """US cents at the stated rate, in paise; `usd_rate_paise` is what a US dollar counts for."""
    return round_half_up(cents * usd_rate_paise, _CENTS)
