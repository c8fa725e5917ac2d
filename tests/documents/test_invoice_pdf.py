"""The invoice of a paid subscription becomes a document like any other."""

from dataclasses import replace
from datetime import date
from io import BytesIO

import pypdf

from documents.invoice_pdf import as_document, render_invoice
from domain.gst import tax_on_top
from domain.invoice import Buyer, InvoiceLine, Seller, TaxInvoice
from domain.supply import BuyerKind, SupplyNature

INVOICE = TaxInvoice(
    id="inv_1",
    number="BH26-27/000042",
    issued_on=date(2026, 4, 1),
    seller=Seller(
        "Meghdoot Software Private Limited",
        "29AAACI4798L1ZU",
        ("12 Residency Road, Bengaluru 560025",),
        email="billing@meghdoot.example",
        cin="U72200KA2019PTC123456",
    ),
    buyer=Buyer("Kaveri Textiles LLP", "a@kaveri.example", ("Mysuru 570010",), "29", "29AAGCB7383J1Z4"),
    place_of_supply="29",
    lines=(
        InvoiceLine("Seat one", "998315", 1, 105, 105),
        InvoiceLine("Seat two", "998315", 1, 105, 105),
    ),
    amount=tax_on_top("29", "29", 1800, 210),
    period_first_day=date(2026, 4, 1),
    period_last_day=date(2026, 4, 30),
    payment_reference="pay_QZ8n2kT4uYx1Ab",
    payment_method="upi",
    paid_on=date(2026, 4, 1),
)


def test_an_invoice_says_all_it_knows() -> None:
    pdf = pypdf.PdfReader(BytesIO(render_invoice(INVOICE)))
    said = " ".join(pdf.pages[0].extract_text().split())
    for fact in (
        "TAX INVOICE", "ORIGINAL FOR RECIPIENT", "BH26-27/000042", "1 Apr 2026 to 30 Apr 2026",
        "Meghdoot Software Private Limited", "29AAACI4798L1ZU", "12 Residency Road, Bengaluru 560025",
        "CIN: U72200KA2019PTC123456", "billing@meghdoot.example", "Kaveri Textiles LLP", "Mysuru 570010",
        "29AAGCB7383J1Z4", "Karnataka (29)", "998315 CGST 9% 2.10 0.19", "998315 SGST 9% 2.10 0.19", "₹2.48",
        "Paid on 1 Apr 2026", "Method: UPI", "Reference: pay_QZ8n2kT4uYx1Ab",
    ):  # fmt: skip
        assert fact in said, fact


def test_its_tax_is_shared_among_its_lines_to_the_paisa() -> None:
    lines = as_document(INVOICE).lines
    assert [(line.cgst_paise, line.sgst_paise, line.igst_paise) for line in lines] == [(10, 10, 0), (9, 9, 0)]
    assert {line.rate_bp for line in lines} == {1800}


def test_across_states_the_whole_tax_is_integrated() -> None:
    away = replace(INVOICE, place_of_supply="27", amount=tax_on_top("29", "27", 1800, 210))
    document = as_document(away)
    assert document.supply.nature is SupplyNature.INTER_STATE
    assert sum(line.igst_paise for line in document.lines) == document.amount.tax_paise
    assert {line.rate_bp for line in document.lines} == {1800}


def test_a_buyer_without_a_number_is_unregistered() -> None:
    consumer = replace(INVOICE, buyer=replace(INVOICE.buyer, gstin=""))
    assert as_document(consumer).buyer.kind is BuyerKind.UNREGISTERED
