"""The two QR codes: which one stands where, what it holds, and that neither passes for the other."""

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

from documents.qr_code import upi_link
from documents.tax_document_pdf import render
from domain.document import DocumentKind
from tests.documents import samples
from tests.documents.reading import pages, scanned, text


def test_the_signed_code_is_printed_unchanged_and_large_enough() -> None:
    ((content, side),) = scanned(render(samples.document(), samples.REGISTRATION, logo=samples.logo()))
    assert content == samples.REGISTRATION.signed_qr
    assert side >= 30


def test_an_e_invoice_names_its_registration_and_is_no_copy() -> None:
    said = text(samples.document(), samples.REGISTRATION)
    for fact in (samples.REGISTRATION.irn, "112610123456789", "2026-04-01 10:15:42", "(IRN)"):
        assert fact in said, fact
    assert "ORIGINAL FOR RECIPIENT" not in said


def test_without_registration_there_is_no_word_of_it() -> None:
    said = text(samples.document())
    assert "IRN" not in said
    assert scanned(render(samples.document())) == []


def test_an_unpaid_invoice_can_be_paid_by_scanning() -> None:
    invoice = samples.unpaid()
    ((content, side),) = scanned(render(invoice))
    assert content == upi_link(invoice)
    assert side < 30
    said = text(invoice)
    for fact in (
        "AMOUNT DUE ₹999.00",
        "meghdoot@canarabank",
        "0423201004567",
        "CNRB0000423",
        "Quote: BH26-27/000042",
    ):
        assert fact in said, fact


def test_the_link_asks_for_exactly_the_amount_due() -> None:
    link = urlsplit(upi_link(samples.unpaid(seller=replace(samples.SELLER, trade_name="Rao & Sons = ₹"))))
    assert (link.scheme, link.netloc) == ("upi", "pay")
    assert parse_qs(link.query) == {
        "pa": ["meghdoot@canarabank"], "pn": ["Rao & Sons = ₹"], "am": ["999.00"], "cu": ["INR"],
        "tn": ["BH26-27/000042"],
    }  # fmt: skip


def test_nothing_asks_for_money_that_was_paid_or_is_given_back() -> None:
    for document in (
        samples.document(), samples.credit_note(paid_on=None), samples.voucher(DocumentKind.RECEIPT_VOUCHER),
        replace(samples.voucher(DocumentKind.REFUND_VOUCHER), paid_on=None),
    ):  # fmt: skip
        assert scanned(render(document)) == []
        assert "meghdoot@canarabank" not in text(document)


def test_an_unpaid_e_invoice_carries_the_signed_code_alone() -> None:
    pdf = render(samples.unpaid(), samples.REGISTRATION)
    assert [content for content, _ in scanned(pdf)] == [samples.REGISTRATION.signed_qr]
    assert "meghdoot@canarabank" in " ".join(pages(pdf))


def test_foreign_money_is_not_asked_for_by_upi() -> None:
    assert scanned(render(samples.exported(paid_on=None))) == []
    in_rupees = samples.exported(paid_on=None, foreign=None)
    assert scanned(render(in_rupees)) == [] and "0423201004567" in text(in_rupees)
