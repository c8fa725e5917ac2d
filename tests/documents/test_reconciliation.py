"""Documents, sections and ledger agree, or the difference has a name."""

from dataclasses import replace
from datetime import date

import pytest

from documents.figures import Figures, of_document, sign_of
from documents.gstr1 import NotFileable, gstr1, summary
from documents.reconciliation import Posted, reconcile
from documents.registers import as_csv, reconciliation_register
from domain.document import DocumentKind, Original, TaxDocument
from domain.supply import Supply, SupplyNature
from tests.documents.filings import ACME, MUMBAI, consumer, document, example

VOUCHER = DocumentKind.RECEIPT_VOUCHER


def ledger() -> dict[str, Posted]:
    """What a sound ledger holds for the example's month."""
    return {each.id: posted_for(each) for each in example().documents}


def posted_for(document: TaxDocument) -> Posted:
    if document.kind is VOUCHER:
        return Posted(Figures(), 0, document.amount.total_paise, of_document(document).tax_paise)
    sign = sign_of(document)
    return Posted(of_document(document).times(sign), sign * document.amount.round_off_paise)


def test_the_example_agrees_to_the_paisa() -> None:
    found = reconcile(example(), ledger())
    assert found.holds
    taxable = found.comparisons[0]
    assert taxable.documents_paise == taxable.sections_paise == taxable.table_12_paise == 104_821_60
    assert taxable.ledger_paise == 104_821_60
    advances = {each.name: each.documents_paise for each in found.comparisons[5:]}
    assert advances == {
        "advances: taxable value": 8_474_58,
        "advances: IGST": 1_525_42,
        "advances: CGST": 0,
        "advances: SGST/UTGST": 0,
        "advances: tax": 1_525_42,
        "advances: money held": 10_000_00,
    }


def test_a_posting_that_is_missing_is_named_with_its_document() -> None:
    books = ledger()
    del books["doc_RF25-26/00006"]
    assert reconcile(example(), books).differences == (
        "taxable value: the ledger has ₹846.61 less than the documents' ₹1,04,821.60.",
        "CGST: the ledger has ₹76.19 less than the documents' ₹370.07.",
        "SGST/UTGST: the ledger has ₹76.19 less than the documents' ₹370.07.",
        "round-off: the ledger has ₹0.01 less than the documents' ₹0.01.",
        "RF25-26/00006: taxable value ₹846.61 but posted ₹0.00, CGST ₹76.19 but posted ₹0.00, "
        "SGST/UTGST ₹76.19 but posted ₹0.00, round-off ₹0.01 but posted ₹0.00.",
    )


def test_errors_that_cancel_out_in_the_sums_are_found() -> None:
    books = ledger()
    first, second = "doc_RF25-26/00001", "doc_RF25-26/00002"
    books[first] = replace(books[first], figures=books[first].figures + Figures(100))
    books[second] = replace(books[second], figures=books[second].figures - Figures(100))
    assert reconcile(example(), books).differences == (
        "RF25-26/00001: taxable value ₹799.00 but posted ₹800.00.",
        "RF25-26/00002: taxable value ₹799.00 but posted ₹798.00.",
    )


def test_a_posting_without_a_document_is_told() -> None:
    for identifier, told in (("", "for no document"), ("doc_x", "for document doc_x, which is not in")):
        found = reconcile(example(), ledger() | {identifier: Posted(Figures(5_00))})
        assert found.differences[0].startswith("taxable value: the ledger has ₹5.00 more")
        assert told in found.differences[-1]


def test_a_commercial_note_is_in_the_ledger_and_in_no_section() -> None:
    filing = example()
    late = document(
        "CN25-26/00003",
        date(2026, 1, 30),
        kind=DocumentKind.CREDIT_NOTE,
        gst_adjusting=False,
        original=Original("RF22-23/00007", date(2023, 1, 1), 94_282),
    )
    series = tuple(
        replace(each, last="CN25-26/00003") if each.kind is DocumentKind.CREDIT_NOTE else each
        for each in filing.series
    )
    books = ledger() | {late.id: Posted(Figures(-799_00))}
    found = reconcile(replace(filing, documents=(*filing.documents, late), series=series), books)
    assert found.holds
    assert found.comparisons[0].not_filed_paise == -799_00
    assert found.comparisons[0].sections_paise == 104_821_60


def test_the_proof_is_a_register_too() -> None:
    books = ledger() | {"": Posted(Figures(5_00))}
    lines = as_csv(reconciliation_register(reconcile(example(), books))).decode("utf-8-sig").splitlines()
    assert lines[1] == "taxable value,104821.60,104821.60,104821.60,0.00,104826.60,"
    assert lines[6] == "advances: taxable value,8474.58,8474.58,,0.00,,"
    assert lines[11] == "advances: money held,10000.00,,,0.00,10000.00,"
    assert "the ledger has ₹5.00 more" in lines[12]


def test_an_advance_is_proven_by_the_wallet_and_by_its_tax() -> None:
    books = ledger()
    books["doc_RV25-26/00001"] = Posted(Figures(), 0, 10_000_00, 1_525_00)
    assert reconcile(example(), books).differences == (
        "advances: tax: the ledger has ₹0.42 less than the documents' ₹1,525.42.",
        "RV25-26/00001: tax on the advance ₹1,525.42 but posted ₹1,525.00.",
    )


def test_a_document_cancelled_at_the_portal_is_void_in_return_and_ledger() -> None:
    filing = example()
    void = next(each for each in filing.documents if each.number == "RF25-26/00002")
    series = tuple(
        replace(each, cancelled=(*each.cancelled, void.number)) if each.kind is void.kind else each
        for each in filing.series
    )
    rest = tuple(each for each in filing.documents if each is not void)
    month = replace(filing, documents=rest, series=series, cancelled=(void,))
    assert reconcile(month, ledger() | {void.id: Posted(Figures())}).holds
    left = reconcile(month, ledger()).differences
    assert (
        left[-1]
        == f"{void.number}: cancelled at the invoice portal, but the ledger still has ₹799.00 and tax."
    )
    assert f"{void.number} was cancelled at the invoice portal" in summary(month)
    numbers = gstr1(month)["doc_issue"]["doc_det"][0]["docs"][0]
    assert (numbers["totnum"], numbers["cancel"], numbers["net_issue"]) == (9, 2, 7)


def test_a_note_against_a_cancelled_invoice_is_refused() -> None:
    filing = example()
    void = filing.documents[0]
    series = tuple(
        replace(each, cancelled=(*each.cancelled, void.number)) if each.kind is void.kind else each
        for each in filing.series
    )
    month = replace(filing, documents=filing.documents[1:], series=series, cancelled=(void,))
    with pytest.raises(NotFileable, match="CN25-26/00001: RF25-26/00001, which it is against, was cancelled"):
        gstr1(month)


def test_an_advance_of_undecided_use_is_inter_state_in_the_sellers_own_state() -> None:
    filing = example()
    at_home = replace(
        document("RV25-26/00002", date(2026, 1, 26), MUMBAI, kind=VOUCHER),
        buyer=consumer("29"),
        supply=Supply("29", SupplyNature.INTER_STATE),
    )
    series = tuple(
        replace(each, last=at_home.number) if each.kind is VOUCHER else each for each in filing.series
    )
    month = replace(filing, documents=(*filing.documents, at_home), series=series)
    assert gstr1(month)["at"][1] == {
        "pos": "29",
        "sply_ty": "INTER",
        "itms": [{"rt": 18, "ad_amt": 799, "iamt": 143.82, "csamt": 0}],
    }
    assert "RV25-26/00002 is an advance of undecided use" in summary(month)


def test_a_sale_abroad_that_is_no_export_is_told_as_not_filed() -> None:
    filing = example()
    abroad = document("RF25-26/00010", date(2026, 1, 26), ACME, supply=Supply("96", SupplyNature.INTER_STATE))
    series = tuple(
        replace(each, last=abroad.number) if each.first == "RF25-26/00001" else each for each in filing.series
    )
    month = replace(filing, documents=(*filing.documents, abroad), series=series)
    found = reconcile(month, ledger() | {abroad.id: posted_for(abroad)})
    assert found.differences == ()
    taxable, igst = found.comparisons[:2]
    assert (taxable.not_filed_paise, igst.not_filed_paise) == (799_00, 143_82)
    assert taxable.ledger_paise == taxable.documents_paise + 799_00
    assert b"Not filed" in as_csv(reconciliation_register(found))
