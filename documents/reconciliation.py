"""Proof that documents, GSTR-1 sections, Table 12 and the ledger say the same (gst.md 6.1, "Export set").

The sections are read back from the file as it would be uploaded, not from what it was made of.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from documents.figures import Figures, of_document, sign_of, total
from documents.gstr1.entries import SUPPLIES, is_filed
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


@dataclass(frozen=True)
class Comparison:
    """One amount as four books have it, in paise, notes taken off. All of `filed` must be equal."""

    name: str
    documents_paise: int
    sections_paise: int
    table_12_paise: int | None
    """None where Table 12 has no such amount."""
    not_filed_paise: int = 0
    """Commercial notes past the limit of s.34(2): in the ledger, in no section."""
    ledger_paise: int | None = None
    """None where the ledger is not compared (advances)."""


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

    `ledger` is by document id: everything posted in the period for an invoice, bill of supply or credit
    note; what was posted for none stands under "". Raises as `gstr1` does.
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
    advances = zip(_NAMES, _vouchers(filing).parts, _advances(made).parts, strict=True)
    round_off = sum(sign_of(each) * each.amount.round_off_paise for each in supplies)
    posted_round_off = sum(posted.round_off_paise for posted in ledger.values())
    comparisons = (
        *(Comparison(*row) for row in rows),
        Comparison("round-off", round_off, round_off, None, 0, posted_round_off),
        *(Comparison(f"advances: {name}", given, read, None) for name, given, read in advances),
    )
    differences = [line for each in comparisons for line in _differences(each)]
    return Reconciliation(comparisons, (*differences, *_by_document(supplies, ledger)))


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
    received = total(
        of_document(each) for each in filing.documents if each.kind is DocumentKind.RECEIPT_VOUCHER
    )
    returned = total(
        of_document(each) for each in filing.documents if each.kind is DocumentKind.REFUND_VOUCHER
    )
    return received - returned - total(used.figures for used in filing.adjustments)


def _differences(row: Comparison) -> Iterator[str]:
    books = [("the sections", row.sections_paise), ("Table 12", row.table_12_paise)]
    if row.ledger_paise is not None:
        books.append(("the ledger", row.ledger_paise - row.not_filed_paise))
    for book, paise in books:
        if paise is not None and paise != row.documents_paise:
            word = "more" if paise > row.documents_paise else "less"
            by = rupees(abs(paise - row.documents_paise))
            yield f"{row.name}: {book} has {by} {word} than the documents' {rupees(row.documents_paise)}."


def _by_document(supplies: list[TaxDocument], ledger: Mapping[str, Posted]) -> Iterator[str]:
    """Where ledger and documents part, so that nobody has to search."""
    known = {document.id for document in supplies}
    for document in supplies:
        posted = ledger.get(document.id, Posted(Figures()))
        round_off = sign_of(document) * document.amount.round_off_paise
        pairs = zip(
            (*_NAMES, "round-off"),
            (*_signed(document).parts, round_off),
            (*posted.figures.parts, posted.round_off_paise),
            strict=True,
        )
        unlike = [
            f"{name} {rupees(said)} but posted {rupees(booked)}"
            for name, said, booked in pairs
            if said != booked
        ]
        if unlike:
            yield f"{document.number}: {', '.join(unlike)}."
    for identifier, posted in ledger.items():
        if identifier not in known and (posted.figures or posted.round_off_paise):
            what = f"document {identifier}, which is not in the filing" if identifier else "no document"
            yield f"the ledger has postings for {what}: {rupees(posted.figures.taxable_paise)} and tax."
