"""Proof that documents, GSTR-1 sections, Table 12 and the ledger say the same (gst.md 6.1, "Export set").

The sections are read back from the file as it would be uploaded, not from what it was made of.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from documents.figures import Figures, of_document, sign_of, total
from documents.gstr1.entries import SUPPLIES, VOUCHERS, is_filed
from documents.gstr1.filing import Filing
from documents.gstr1.portal import portal_file
from domain.document import DocumentKind, TaxDocument
from domain.money import rupees

_NAMES = ("taxable value", "IGST", "CGST", "SGST/UTGST")


@dataclass(frozen=True)
class Posted:
    """What the ledger holds for one document: sales and output tax as credits less debits, in paise."""

    figures: Figures
    round_off_paise: int = 0
    held_paise: int = 0
    """Put into wallets: what a voucher received or returned, and what an invoice took."""
    tax_on_advances_paise: int = 0

    def __bool__(self) -> bool:
        return bool(self.figures or self.round_off_paise or self.tax_on_advances_paise)


@dataclass(frozen=True)
class Comparison:
    """One amount as four books have it, in paise, notes taken off. All of `filed` must be equal."""

    name: str
    documents_paise: int
    sections_paise: int | None
    """None where no section has such an amount."""
    table_12_paise: int | None
    """None where Table 12 has no such amount."""
    not_filed_paise: int = 0
    """Notes past the limit of s.34(2), and sales abroad that are no exports: in the ledger, in no section."""
    ledger_paise: int | None = None
    """None where the ledger keeps no account of that kind (the heads of tax on advances)."""


@dataclass(frozen=True)
class Reconciliation:
    """The comparison, and every difference in words; it `holds` when there is none."""

    comparisons: tuple[Comparison, ...]
    differences: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether all agree to the paisa."""
        return not self.differences


def reconcile(filing: Filing, ledger: Mapping[str, Posted]) -> Reconciliation:
    """Compares the sums of documents, sections, Table 12 and ledger, and names what differs.

    `ledger` is by document id: everything posted for a document of the period, whenever that was; what
    was posted in the period for none stands under "". A document that was cancelled at the invoice portal
    is void, so its postings must come to nothing. Raises as `gstr1` does.
    """
    made = json.loads(portal_file(filing), parse_float=Decimal)
    supplies = [each for each in filing.documents if each.kind in SUPPLIES]
    filed = total(_signed(each) for each in supplies if is_filed(each))
    unfiled = total(_signed(each) for each in supplies if not is_filed(each))
    rows = zip(
        _NAMES,
        filed.parts,
        _sections(made).parts,
        _rows(made.get("hsn")).parts,
        unfiled.parts,
        total(posted.figures for posted in ledger.values()).parts,
        strict=True,
    )
    round_off = sum(sign_of(each) * each.amount.round_off_paise for each in supplies)
    posted_round_off = sum(posted.round_off_paise for posted in ledger.values())
    comparisons = (
        *(Comparison(*row) for row in rows),
        Comparison("round-off", round_off, None, None, 0, posted_round_off),
        *_of_advances(filing, _advances(made), ledger),
    )
    differences = [line for each in comparisons for line in _differences(each)]
    return Reconciliation(comparisons, (*differences, *_by_document(filing, ledger)))


def _of_advances(filing: Filing, read: Figures, ledger: Mapping[str, Posted]) -> Iterator[Comparison]:
    """The four figures, as Tables 11A and 11B have them; their tax and the money held, as the ledger has."""
    given = _vouchers(filing)
    for name, said, filed in zip(_NAMES, given.parts, read.parts, strict=True):
        yield Comparison(f"advances: {name}", said, filed, None)
    taxed = sum(posted.tax_on_advances_paise for posted in ledger.values())
    yield Comparison("advances: tax", given.tax_paise, read.tax_paise, None, 0, taxed)
    held = sum(_held(each) for each in filing.documents)
    posted_held = sum(ledger[each.id].held_paise for each in filing.documents if each.id in ledger)
    yield Comparison("advances: money held", held, None, None, 0, posted_held)


def _growth(voucher: TaxDocument) -> int:
    """Advances grow by a receipt voucher and shrink by a refund voucher."""
    return 1 if voucher.kind is DocumentKind.RECEIPT_VOUCHER else -1


def _held(document: TaxDocument) -> int:
    """What the document puts into the wallet, or takes out of it; paise."""
    if document.kind in VOUCHERS:
        return _growth(document) * document.amount.total_paise
    return -sum(use.amount.total_paise for use in document.adjusts)


def _tax_on_advances(document: TaxDocument) -> int:
    if document.kind in VOUCHERS:
        return _growth(document) * of_document(document).tax_paise
    return -sum(use.amount.tax_paise for use in document.adjusts)


def _signed(document: TaxDocument) -> Figures:
    return of_document(document).times(sign_of(document))


def _paise(value: int | Decimal) -> int:
    return int(Decimal(value) * 100)


def _rows(part: Any) -> Figures:
    """Every row that has a taxable value or an advance, at any depth."""
    if isinstance(part, list):
        return total(_rows(each) for each in part)
    if not isinstance(part, dict):
        return Figures()
    for key in ("txval", "ad_amt"):
        if key in part:
            return Figures(*(_paise(part.get(each, 0)) for each in (key, "iamt", "camt", "samt")))
    return total(_rows(each) for each in part.values())


def _sections(made: dict[str, Any]) -> Figures:
    plus = total(_rows(made.get(name)) for name in ("b2b", "b2cl", "b2cs", "exp"))
    minus = total(_rows(made.get(name)) for name in ("cdnr", "cdnur"))
    untaxed = sum(_paise(row["expt_amt"] + row["nil_amt"]) for row in made.get("nil", {}).get("inv", []))
    return plus - minus + Figures(untaxed)


def _advances(made: dict[str, Any]) -> Figures:
    return _rows(made.get("at")) - _rows(made.get("txpd"))


def _vouchers(filing: Filing) -> Figures:
    vouchers = (each for each in filing.documents if each.kind in VOUCHERS)
    open_now = total(of_document(each).times(_growth(each)) for each in vouchers)
    return open_now - total(used.figures for used in filing.adjustments)


def _differences(row: Comparison) -> Iterator[str]:
    books = [("the sections", row.sections_paise), ("Table 12", row.table_12_paise)]
    if row.ledger_paise is not None:
        books.append(("the ledger", row.ledger_paise - row.not_filed_paise))
    for book, paise in books:
        if paise is not None and paise != row.documents_paise:
            word = "more" if paise > row.documents_paise else "less"
            by = rupees(abs(paise - row.documents_paise))
            yield f"{row.name}: {book} has {by} {word} than the documents' {rupees(row.documents_paise)}."


def _by_document(filing: Filing, ledger: Mapping[str, Posted]) -> Iterator[str]:
    """Where ledger and documents part, so that nobody has to search."""
    for document in filing.documents:
        posted = ledger.get(document.id, Posted(Figures()))
        unlike = [
            f"{name} {rupees(said)} but posted {rupees(booked)}"
            for name, said, booked in _pairs(document, posted)
            if said != booked
        ]
        if unlike:
            yield f"{document.number}: {', '.join(unlike)}."
    void = {document.id: document.number for document in filing.cancelled}
    known = {document.id for document in filing.documents}
    for identifier, posted in ledger.items():
        if identifier in known or not posted:
            continue
        value = f"{rupees(posted.figures.taxable_paise)} and tax"
        if identifier in void:
            yield f"{void[identifier]}: cancelled at the invoice portal, but the ledger still has {value}."
        else:
            what = f"document {identifier}, which is not in the filing" if identifier else "no document"
            yield f"the ledger has postings for {what}: {value}."


def _pairs(document: TaxDocument, posted: Posted) -> Iterator[tuple[str, int, int]]:
    """What the document says and what the ledger has for it, by name."""
    yield "money held", _held(document), posted.held_paise
    yield "tax on the advance", _tax_on_advances(document), posted.tax_on_advances_paise
    if document.kind in VOUCHERS:
        said, round_off = Figures(), 0
    else:
        said, round_off = _signed(document), sign_of(document) * document.amount.round_off_paise
    yield from zip(_NAMES, said.parts, posted.figures.parts, strict=True)
    yield "round-off", round_off, posted.round_off_paise
