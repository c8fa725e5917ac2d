"""Faults for which the portal would refuse a return, or take it and be wrong (gst.md 6.1).

All faults of a period are gathered, so that an accountant mends them in one go.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from documents.figures import Figures, by_rate_and_sac, of_document, of_line, total
from documents.gstr1.entries import (
    HSN_SPLIT_SINCE,
    IDENTIFIED,
    SEZ,
    SUPPLIES,
    VOUCHERS,
    WITHOUT_TAX,
    counts_as_inter_state,
    has_no_section,
)
from documents.gstr1.filing import Filing
from documents.gstr1.numbers import series_faults
from documents.gstr1.tables import advance_groups
from domain.credit import last_day_to_adjust
from domain.document import DocumentKind, TaxDocument
from domain.errors import InvalidInput
from domain.gst import TaxHead
from domain.identifiers import parse_gst_id, parse_gstin
from domain.money import BASIS_POINTS, round_half_up, rupees
from domain.states import parse_state_code
from domain.supply import EXPORTS, OUTSIDE_INDIA, BuyerKind, SupplyNature

_NUMBER = re.compile(r"[A-Za-z0-9/-]{1,16}", re.ASCII)
_LARGEST_PAISE = 10**14
"""Above it an amount no longer passes through a JSON number unharmed."""
_TOLD = 20
TOLERANCE_PAISE = 100
"""How far stored tax may lie from rate × value: what the portals allow (gst.md 6.3, "Server checks")."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with which document; `document` is its number, or names the part of the filing."""

    document: str
    message: str


class NotFileable(InvalidInput):
    """The return was not made: the portal would refuse it, or it would be wrong. `faults` has all of them."""

    code = "not_fileable"

    def __init__(self, period: str, faults: tuple[Fault, ...]) -> None:
        listed = " ".join(f"{fault.document}: {fault.message}" for fault in faults[:_TOLD])
        more = f" And {len(faults) - _TOLD} more faults." if len(faults) > _TOLD else ""
        super().__init__("documents", f"GSTR-1 for {period} is not written. {listed}{more}")
        self.faults = faults


def check(filing: Filing) -> None:
    """Raises NotFileable with every fault found, InvalidInput for a bad GSTIN or period of the filing."""
    month = filing.month
    parse_gstin(filing.gstin, "gstin", sandbox=filing.settings.sandbox)
    faults = [
        Fault(document.number, message)
        for document in filing.documents
        for message in _faults(document, filing)
    ]
    faults += [Fault(*fault) for fault in series_faults(filing)]
    faults += [Fault(*fault) for fault in _advance_faults(filing)]
    if month.text >= HSN_SPLIT_SINCE and filing.documents and not filing.series:
        faults.append(Fault("series", "Table 13 is mandatory: give the numbers taken in this period."))
    if faults:
        raise NotFileable(filing.period, tuple(faults))


def _faults(document: TaxDocument, filing: Filing) -> Iterator[str]:
    for rule in _OF_ITSELF:
        yield from rule(document)
    for rule_of_filing in _IN_ITS_FILING:
        yield from rule_of_filing(document, filing)


def _kind(document: TaxDocument) -> Iterator[str]:
    if document.kind not in SUPPLIES | VOUCHERS:
        yield f"a {document.kind.replace('_', ' ')} belongs in no return; leave it out."
    if document.seller.composition:
        yield "its seller is under composition, who files no GSTR-1 (gst.md 2.1, row 8)."
    if document.reverse_charge:
        yield "reverse charge: we sell under forward charge (gst.md 1.10); correct the document."
    if document.kind is DocumentKind.REFUND_VOUCHER and document.original is None:
        yield "a refund voucher names the receipt voucher it returns; none is given."


def _number(document: TaxDocument) -> Iterator[str]:
    if not _NUMBER.fullmatch(document.number):
        yield f"the number {document.number!r} is not 1 to 16 of A-Z 0-9 / -."
    elif set(document.number) == {"0"}:
        yield "the number is nothing but zeros."


def _date(document: TaxDocument, filing: Filing) -> Iterator[str]:
    if not filing.month.holds(document.issued_on):
        yield f"its date {document.issued_on} is outside of {filing.period}; file it with its own month."


def _seller(document: TaxDocument, filing: Filing) -> Iterator[str]:
    if document.seller.gstin != filing.gstin:
        yield f"it was issued by {document.seller.gstin}, the return is of {filing.gstin}."


def _buyer(document: TaxDocument, filing: Filing) -> Iterator[str]:
    buyer = document.buyer
    if buyer.gstin and buyer.gstin.upper() == document.seller.gstin.upper():
        yield "the buyer has the seller's own GSTIN: nobody supplies to himself."
    if buyer.kind in IDENTIFIED:
        if not buyer.gstin:
            yield f"a buyer who is {buyer.kind} is filed by GSTIN or UIN; none is given."
            return
        try:
            if parse_gst_id(buyer.gstin, sandbox=filing.settings.sandbox).text != buyer.gstin:
                yield f"the buyer's GSTIN {buyer.gstin!r} is not in upper case without spaces."
        except InvalidInput as error:
            yield f"the buyer's GSTIN: {error}"
    elif buyer.gstin:
        yield f"the buyer is {buyer.kind} but has GSTIN {buyer.gstin}; correct the kind of buyer."


def _place(document: TaxDocument) -> Iterator[str]:
    if counts_as_inter_state(document):
        return
    place, nature = document.supply.place, document.supply.nature
    if nature in EXPORTS:
        if place != OUTSIDE_INDIA:
            yield f"an export has place of supply 96, not {place}."
    elif not (has_no_section(document) and place == OUTSIDE_INDIA):
        try:
            parse_state_code(place, "place_of_supply")
        except InvalidInput as error:
            yield f"place of supply: {error}"
    same, seller_in_sez = place == document.seller.state_code, document.seller.in_sez
    if nature is SupplyNature.INTRA_STATE and not same:
        yield f"taxed as inside the State, but the place of supply is {place}: IGST is due."
    if nature is SupplyNature.INTRA_STATE and seller_in_sez:
        yield "taxed as inside the State, but the seller is in an SEZ (IGST Act s.7(5)): IGST is due."
    if nature is SupplyNature.INTER_STATE and same and not (seller_in_sez or has_no_section(document)):
        yield f"taxed as inter-State, but the place of supply is the seller's own State {place}."


def _parties(document: TaxDocument) -> Iterator[str]:
    if counts_as_inter_state(document):
        return
    nature, kind = document.supply.nature, document.buyer.kind
    if (nature in SEZ) is not (kind is BuyerKind.SEZ) and nature is not SupplyNature.NOT_TAXED:
        yield f"buyer {kind} does not go with a supply that is {nature}; SEZ supplies are zero-rated."
    if kind is BuyerKind.OVERSEAS and nature is SupplyNature.INTRA_STATE:
        yield "taxed as inside the State, but the buyer is abroad (IGST Act s.7(5)): IGST is due."
    if nature in EXPORTS and kind is not BuyerKind.OVERSEAS:
        yield f"an export goes to a buyer overseas, this one is {kind}."


def _codes(document: TaxDocument, filing: Filing) -> Iterator[str]:
    if not document.lines:
        yield "it has no lines."
    for rate_bp, sac in by_rate_and_sac(document):
        if rate_bp not in filing.settings.rates_bp:
            yield f"{rate_bp // 100}.{rate_bp % 100:02d} % is not a rate the portal lists."
        if document.kind in SUPPLIES and sac not in filing.settings.hsn_descriptions:
            yield f"service code {sac!r} is not in the list of codes; correct it, or add it with its text."


def _sums(document: TaxDocument) -> Iterator[str]:
    amount, stated = document.amount, of_document(document)
    lines = total(of_line(line) for line in document.lines)
    for name, in_lines, in_total in zip(
        ("taxable value", "IGST", "CGST", "SGST"), lines.parts, stated.parts, strict=True
    ):
        if in_lines != in_total:
            yield f"the lines' {name} is {rupees(in_lines)}, the document says {rupees(in_total)}."
    if stated.taxable_paise + stated.tax_paise + amount.round_off_paise != amount.total_paise:
        yield "taxable value, tax and round-off do not add up to the total."
    if document.due_paise < 0:
        yield f"advances pay {rupees(-document.due_paise)} more than its total."
    paise = [part for line in document.lines for part in of_line(line).parts]
    if min([*paise, amount.total_paise]) < 0:
        yield "an amount is negative; notes carry positive amounts."
    if amount.total_paise >= _LARGEST_PAISE:
        yield "the total is too large for the portal."
    taxed: dict[int, int] = {}
    for tax in amount.taxes:
        rate_bp = tax.rate_bp if tax.head is TaxHead.IGST else 2 * tax.rate_bp
        taxed[rate_bp] = taxed.get(rate_bp, 0) + tax.tax_paise
    for rate_bp, figures in _by_rate(document).items():
        if taxed.pop(rate_bp, 0) != figures.tax_paise:
            yield f"tax at {rate_bp // 100} % differs between its lines and its tax table."
    if any(taxed.values()):
        yield "its tax table has a rate that no line has."


def _by_rate(document: TaxDocument) -> dict[int, Figures]:
    found: dict[int, Figures] = {}
    for (rate_bp, _), figures in by_rate_and_sac(document).items():
        found[rate_bp] = found.get(rate_bp, Figures()) + figures
    return found


def _heads(document: TaxDocument) -> Iterator[str]:
    nature = document.supply.nature
    if not document.gst_adjusting:
        if of_document(document).tax_paise:
            yield "a note past the limit of s.34(2) carries tax."
        return
    for rate_bp, figures in _by_rate(document).items():
        yield from head_faults(nature, rate_bp, figures)


def head_faults(nature: SupplyNature, rate_bp: int, figures: Figures) -> Iterator[str]:
    """What is wrong with the heads and the size of one rate group's tax (gst.md 5.1, 5.3, 6.3)."""
    if nature in WITHOUT_TAX or nature is SupplyNature.NOT_TAXED:
        if figures.tax_paise:
            yield f"a supply that is {nature.replace('_', ' ')} carries tax of {rupees(figures.tax_paise)}."
        return
    if nature is SupplyNature.INTRA_STATE:
        if figures.cgst_paise != figures.sgst_paise:
            yield f"CGST {rupees(figures.cgst_paise)} is not equal to SGST {rupees(figures.sgst_paise)}."
        if figures.igst_paise:
            yield "IGST on a supply inside the State."
    elif figures.cgst_paise or figures.sgst_paise:
        yield f"CGST or SGST on a supply that is {nature.replace('_', ' ')}; IGST is due."
    due = round_half_up(figures.taxable_paise * rate_bp, BASIS_POINTS)
    # Each of two halves is rounded to the paisa before it is to the rupee (gst.md 5.2).
    allowed = TOLERANCE_PAISE + (1 if nature is SupplyNature.INTRA_STATE else 0)
    if abs(figures.tax_paise - due) > allowed:
        yield f"tax of {rupees(figures.tax_paise)} where the rate makes {rupees(due)}."


def _note(document: TaxDocument) -> Iterator[str]:
    if document.kind is not DocumentKind.CREDIT_NOTE:
        return
    original = document.original
    if original is None:
        yield "a credit note names the invoice it corrects; none is given."
        return
    if original.issued_on > document.issued_on:
        yield f"it is dated before its invoice {original.number} of {original.issued_on}."
    if document.amount.total_paise > original.total_paise:
        yield f"it credits more than its invoice {original.number} over {rupees(original.total_paise)}."
    last_day = last_day_to_adjust(document.supplied_on or original.issued_on)
    if document.gst_adjusting and document.issued_on > last_day:
        yield f"s.34(2): tax on invoice {original.number} could be lowered until {last_day}."


def _of_cancelled(document: TaxDocument, filing: Filing) -> Iterator[str]:
    """Nothing is left to take back of what is void (gst.md 6.3: cancelled "all or nothing")."""
    void = {each.number for each in filing.cancelled}
    if document.original and document.original.number in void:
        yield f"{document.original.number}, which it is against, was cancelled at the invoice portal."


def _advance_faults(filing: Filing) -> Iterator[tuple[str, str]]:
    for used in filing.adjustments:
        where = f"advance {used.voucher.number} on {used.invoice_number}"
        for message in head_faults(used.supply.nature, used.rate_bp, used.figures):
            yield where, message
        if used.rate_bp not in filing.settings.rates_bp:
            yield where, "its rate is not one the portal lists."
    received, _ = advance_groups(filing)
    for (place, _, rate_bp), figures in received.items():
        if min(figures.parts) < 0:
            message = (
                f"more of the period's advances used or returned at {rate_bp // 100} % for place {place} "
                f"than received, by {rupees(-figures.taxable_paise)} before tax."
            )
            yield "advances", message


_OF_ITSELF: tuple[Callable[[TaxDocument], Iterator[str]], ...] = (
    _kind, _number, _place, _parties, _sums, _heads, _note,
)  # fmt: skip
_IN_ITS_FILING: tuple[Callable[[TaxDocument, Filing], Iterator[str]], ...] = (
    _date, _seller, _buyer, _codes, _of_cancelled,
)  # fmt: skip
