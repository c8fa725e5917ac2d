"""For any month of documents: nothing is lost between the documents and the sections."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from documents.figures import Figures, of_document, sign_of, total
from documents.gstr1 import Filing, Series, portal_file
from documents.reconciliation import Posted, reconcile
from domain.document import Buyer, DocumentKind, Original, TaxDocument
from tests.documents.filings import ACME, EMBASSY, MUMBAI, REGISTERED, SELLER, SEZ_UNIT, consumer, document

BUYERS = (REGISTERED, MUMBAI, SEZ_UNIT, ACME, EMBASSY, *map(consumer, ("29", "07", "04", "97")))
VALUES = st.lists(st.integers(1, 3_00_000_00), min_size=1, max_size=3)
GROUPS = st.lists(
    st.tuples(st.sampled_from([1800, 500, 0]), VALUES),
    min_size=1,
    max_size=3,
    unique_by=lambda group: group[0],
)
CONTENT = st.tuples(st.sampled_from(BUYERS), GROUPS, st.booleans(), st.booleans(), st.integers(-50, 50))


def issued(position: int, content: tuple[Buyer, list[tuple[int, list[int]]], bool, bool, int]) -> TaxDocument:
    buyer, groups, with_tax, is_note, round_off = content
    kind = DocumentKind.CREDIT_NOTE if is_note else DocumentKind.TAX_INVOICE
    made = document(
        f"A/{position:04d}",
        date(2026, 10, 1 + position % 31),
        buyer,
        groups,
        kind,
        with_tax=with_tax,
        round_off=max(round_off, 1 - sum(groups[0][1])),
    )
    if not is_note:
        return made
    original = Original("Z/1", date(2026, 9, 1), made.amount.total_paise + position * 1000_00)
    return document(
        made.number, made.issued_on, buyer, groups, kind, with_tax=with_tax, original=original,
        round_off=made.amount.round_off_paise,
    )  # fmt: skip


def filing_of(contents: list[Any]) -> Filing:
    documents = tuple(issued(position, content) for position, content in enumerate(contents, start=1))
    series = tuple(Series(each.kind, each.number, each.number) for each in documents)
    return Filing(SELLER.gstin, "2026-10", documents, series)


def paise(value: int | Decimal) -> int:
    exact = Decimal(value) * 100
    assert exact == int(exact)
    return int(exact)


def summed(rows: Any) -> Figures:
    """All rows of a section, however deep: whatever has a taxable value."""
    if isinstance(rows, list):
        return total(summed(row) for row in rows)
    if not isinstance(rows, dict):
        return Figures()
    if "txval" in rows:
        assert rows.get("camt", 0) == rows.get("samt", 0)
        return Figures(*(paise(rows.get(key, 0)) for key in ("txval", "iamt", "camt", "samt")))
    return total(summed(value) for value in rows.values())


@settings(max_examples=150, deadline=None)
@given(st.lists(CONTENT, max_size=12))
def test_sections_add_up_to_documents_and_to_table_12(contents: list[Any]) -> None:
    filing = filing_of(contents)
    made = json.loads(portal_file(filing), parse_float=Decimal)
    documents = total(of_document(each).times(sign_of(each)) for each in filing.documents)
    supplies = total(summed(made.get(section, [])) for section in ("b2b", "b2cl", "b2cs", "exp"))
    notes = total(summed(made.get(section, [])) for section in ("cdnr", "cdnur"))
    nil = sum(paise(row["nil_amt"]) for row in made.get("nil", {}).get("inv", []))
    assert supplies - notes + Figures(nil) == documents
    assert summed(made.get("hsn", {})) == documents
    assert portal_file(filing) == portal_file(filing_of(contents))


@settings(max_examples=60, deadline=None)
@given(st.lists(CONTENT, min_size=1, max_size=8), st.integers(0, 7), st.integers(1, 500))
def test_reconciliation_holds_and_finds_a_paisa_taken_from_one_document(
    contents: list[Any], victim: int, taken: int
) -> None:
    filing = filing_of(contents)
    ledger = {
        each.id: Posted(of_document(each).times(sign_of(each)), sign_of(each) * each.amount.round_off_paise)
        for each in filing.documents
    }
    assert reconcile(filing, ledger).holds
    chosen = filing.documents[victim % len(contents)]
    posted = ledger[chosen.id]
    ledger[chosen.id] = replace(posted, figures=posted.figures - Figures(cgst_paise=taken))
    found = reconcile(filing, ledger)
    assert not found.holds
    assert any(line.startswith(f"{chosen.number}: CGST") for line in found.differences)
