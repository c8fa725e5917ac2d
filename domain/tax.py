"""The money of one document: lines, discounts, tax once per rate, total.

Source: gst.md 5 (5.1 principles, 5.2 rupees, 5.3 and 5.4 prices without and with tax, 5.5 discounts,
5.7 foreign currency). Everything is computed here once and then stored.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from domain.document import ForeignValue, Line
from domain.errors import InvalidInput, Misconfigured
from domain.foreign import ForeignRate, written
from domain.gst import (
    TaxedAmount,
    TaxHead,
    rupee,
    share_among_lines,
    tax_inside_supply,
    tax_on_supply,
)
from domain.money import BASIS_POINTS, round_half_up, rupees
from domain.supply import Supply, SupplyNature

UNKNOWN_RATE_BP = 1800
"""Rate of an advance whose rate is not known yet (rule 50, first proviso)."""


@dataclass(frozen=True)
class Item:
    """One thing sold, as priced: in paise, or in the smallest unit of a foreign currency.

    Raises InvalidInput for an amount below nothing, or a discount above the price.
    """

    description: str
    sac: str
    rate_bp: int
    unit_minor: int
    quantity: int = 1
    discount_minor: int = 0

    def __post_init__(self) -> None:
        if self.quantity < 1 or self.unit_minor < 0 or self.rate_bp < 0:
            raise InvalidInput(
                "quantity", f"{self.description}: quantity is at least 1, price and rate at least 0."
            )
        if not 0 <= self.discount_minor <= self.gross_minor:
            raise InvalidInput(
                "discount", f"{self.description}: a discount is between nothing and the price."
            )

    @property
    def gross_minor(self) -> int:
        """Before any discount."""
        return self.quantity * self.unit_minor


@dataclass(frozen=True)
class Terms:
    """How a whole document is priced. The percentage is taken first, then the fixed discount."""

    discount_bp: int = 0
    """Discount on the document in basis points; rounded once per rate (gst.md 5.5)."""
    discount_minor: int = 0
    """Fixed discount on the document, spread over all lines before tax (gst.md 5.5)."""
    prices_include_tax: bool = False
    round_total_to_rupee: bool = False
    round_tax_heads_to_rupee: bool = False
    """The stricter reading of CGST Act s.170 (gst.md 5.2); off unless the seller's accountant wants it."""

    def __post_init__(self) -> None:
        if not 0 <= self.discount_bp <= BASIS_POINTS or self.discount_minor < 0:
            raise InvalidInput("discount", "A discount is between nothing and the whole price.")
        if self.prices_include_tax and self.round_tax_heads_to_rupee:
            raise Misconfigured(
                "Prices that include tax cannot have tax in whole rupees: the total would miss the price "
                "by up to a rupee. Turn off round_tax_heads_to_rupee, or price before tax."
            )


PLAIN = Terms()


@dataclass(frozen=True)
class DocumentAmount:
    """What a document says of money: its lines with their tax shares, and the sums."""

    lines: tuple[Line, ...]
    amount: TaxedAmount
    foreign: ForeignValue | None = None


def document_amount(
    items: Sequence[Item], supply: Supply, terms: Terms = PLAIN, foreign: ForeignRate | None = None
) -> DocumentAmount:
    """All money of one document (gst.md 5.1 to 5.5, 5.7).

    Discounts come off before tax (s.15(3)(a)). Tax is rounded once per rate and shared to lines. Prices with
    tax inside are taken apart "portal-exact"; over several rates at most one paisa of round-off is left.
    Foreign prices are converted line by line after discount. Raises InvalidInput.
    """
    if not items:
        raise InvalidInput("items", "A document needs at least one line.")
    nets_minor = _after_discounts(items, terms)
    nets = [foreign.paise(net) for net in nets_minor] if foreign else nets_minor
    taxables = _without_tax(items, nets, supply) if terms.prices_include_tax else nets
    lines = list(_described(items, nets_minor, taxables, supply, terms, foreign))
    for positions in _groups([item.rate_bp for item in items]).values():
        in_group = [lines[position] for position in positions]
        shared = _with_tax_shares(in_group, supply, items[positions[0]].rate_bp, terms)
        for position, line in zip(positions, shared, strict=True):
            lines[position] = line
    amount = amount_of(lines, supply)
    total = sum(nets) if terms.prices_include_tax else amount.total_paise
    if terms.round_total_to_rupee:
        total = rupee(amount.total_paise)
    amount = replace(amount, round_off_paise=total - amount.total_paise, total_paise=total)
    noted = foreign.value(_foreign_total(items, nets_minor, supply, terms)) if foreign else None
    return DocumentAmount(tuple(lines), amount, noted)


def amount_of(lines: Sequence[Line], supply: Supply, round_off_paise: int = 0) -> TaxedAmount:
    """The sums of lines that have their tax shares: per rate in the order of appearance, per head."""
    taxes = []
    for rate_bp, positions in _groups([line.rate_bp for line in lines]).items():
        group = [lines[position] for position in positions]
        taxable = sum(line.taxable_paise for line in group)
        shape = tax_on_supply(supply, rate_bp, taxable)
        taxes += [replace(tax, tax_paise=sum(head_of(line, tax.head) for line in group)) for tax in shape]
    taxable = sum(line.taxable_paise for line in lines)
    total = taxable + sum(tax.tax_paise for tax in taxes) + round_off_paise
    return TaxedAmount(taxable, tuple(taxes), round_off_paise, total)


def head_of(line: Line, head: TaxHead) -> int:
    """A line's share of one head, in paise; UTGST travels with SGST (gst.md 2.2)."""
    if head is TaxHead.IGST:
        return line.igst_paise
    return line.cgst_paise if head is TaxHead.CGST else line.sgst_paise


def supply_of_advance(place: str) -> Supply:
    """What an advance counts as while nobody knows what it is for: inter-State (rule 50, second proviso)."""
    return Supply(place, SupplyNature.INTER_STATE)


def advance_amount(
    received_paise: int, supply: Supply, description: str, sac: str, rate_bp: int = UNKNOWN_RATE_BP
) -> DocumentAmount:
    """A receipt voucher's money: the tax is inside what was received (rule 50, gst.md 1.4, case C26)."""
    item = Item(description, sac, rate_bp, received_paise)
    return document_amount([item], supply, Terms(prices_include_tax=True))


def _groups(rates_bp: Iterable[int]) -> dict[int, list[int]]:
    """Positions by rate, in the order of appearance."""
    groups: dict[int, list[int]] = {}
    for position, rate_bp in enumerate(rates_bp):
        groups.setdefault(rate_bp, []).append(position)
    return groups


def _after_discounts(items: Sequence[Item], terms: Terms) -> list[int]:
    nets = [item.gross_minor - item.discount_minor for item in items]
    for positions in _groups(item.rate_bp for item in items).values():
        weights = [nets[position] for position in positions]
        off = round_half_up(sum(weights) * terms.discount_bp, BASIS_POINTS)
        for position, share in zip(positions, share_among_lines(off, weights), strict=True):
            nets[position] -= share
    if terms.discount_minor > sum(nets):
        raise InvalidInput(
            "discount", "The discount is larger than the price: lower it to the price at most."
        )
    shares = share_among_lines(terms.discount_minor, nets)
    return [net - share for net, share in zip(nets, shares, strict=True)]


def _without_tax(items: Sequence[Item], totals: Sequence[int], supply: Supply) -> list[int]:
    """Taxable values of lines priced with tax. The paisa that one rate misses, the next one makes good."""
    taxables = [0] * len(items)
    missed = 0
    for rate_bp, positions in _groups(item.rate_bp for item in items).items():
        weights = [totals[position] for position in positions]
        if not any(weights):
            continue
        mended = missed if rate_bp else 0
        inside = tax_inside_supply(supply, rate_bp, sum(weights) + mended)
        missed += inside.round_off_paise - mended
        for position, share in zip(positions, share_among_lines(inside.taxable_paise, weights), strict=True):
            taxables[position] = share
    return taxables


def _with_tax_shares(lines: Sequence[Line], supply: Supply, rate_bp: int, terms: Terms) -> list[Line]:
    weights = [line.taxable_paise for line in lines]
    taxes = tax_on_supply(supply, rate_bp, sum(weights), whole_rupees=terms.round_tax_heads_to_rupee)
    shared = list(lines)
    for tax in taxes:
        shares = share_among_lines(tax.tax_paise, weights)
        shared = [_with_head(line, tax.head, share) for line, share in zip(shared, shares, strict=True)]
    return shared


def _with_head(line: Line, head: TaxHead, paise: int) -> Line:
    if head is TaxHead.IGST:
        return replace(line, igst_paise=paise)
    return replace(line, cgst_paise=paise) if head is TaxHead.CGST else replace(line, sgst_paise=paise)


def _described(
    items: Sequence[Item],
    nets_minor: Sequence[int],
    taxables: Sequence[int],
    supply: Supply,
    terms: Terms,
    foreign: ForeignRate | None,
) -> Iterable[Line]:
    as_priced = foreign is None and not terms.prices_include_tax
    for item, net, taxable in zip(items, nets_minor, taxables, strict=True):
        description, quantity, unit = item.description, item.quantity, item.unit_minor
        if not as_priced:
            gross = _gross_before_tax(item, net, taxable, supply, terms, foreign)
            if gross % quantity and net == item.gross_minor:
                # Seats do not divide the value, and no discount takes up the difference.
                each = written(foreign.currency, unit) if foreign else rupees(unit)
                description, quantity = f"{description} ({quantity} × {each})", 1
            unit = -(-gross // quantity)
        yield Line(
            description=description,
            sac=item.sac,
            quantity=quantity,
            unit_paise=unit,
            taxable_paise=taxable,
            rate_bp=0 if supply.nature is SupplyNature.NOT_TAXED else item.rate_bp,
            discount_paise=quantity * unit - taxable,
        )


def _gross_before_tax(
    item: Item,
    net_minor: int,
    taxable_paise: int,
    supply: Supply,
    terms: Terms,
    foreign: ForeignRate | None,
) -> int:
    """A line's price before discounts, in paise without tax; as much above its value as it was as priced."""
    if net_minor:
        return round_half_up(taxable_paise * item.gross_minor, net_minor)
    gross = foreign.paise(item.gross_minor) if foreign else item.gross_minor
    return tax_inside_supply(supply, item.rate_bp, gross).taxable_paise if terms.prices_include_tax else gross


def _foreign_total(items: Sequence[Item], nets_minor: Sequence[int], supply: Supply, terms: Terms) -> int:
    total = sum(nets_minor)
    if terms.prices_include_tax:
        return total
    for rate_bp, positions in _groups(item.rate_bp for item in items).items():
        taxable = sum(nets_minor[position] for position in positions)
        total += sum(tax.tax_paise for tax in tax_on_supply(supply, rate_bp, taxable))
    return total
