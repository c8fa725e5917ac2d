"""What each kind of document says on paper."""

from dataclasses import replace
from datetime import date

import pytest

from documents.tax_document_pdf import render
from documents.wording import Copy, amount_in_words, foreign_amount, percent
from domain.document import DocumentKind, ForeignValue
from domain.gst import TaxHead, tax_inside, tax_on_top
from domain.supply import BuyerKind, Supply, SupplyNature
from domain.tax import Item, document_amount
from tests.documents import samples
from tests.documents.reading import pages, text

NOTE = "This is a computer-generated invoice and needs no signature."
HEADINGS = [
    "PROFORMA INVOICE", "TAX INVOICE", "BILL OF SUPPLY", "CREDIT NOTE ORIGINAL", "RECEIPT VOUCHER",
    "REFUND VOUCHER",
]  # fmt: skip
ON_PAYMENT = (
    "SUPPLY MEANT FOR EXPORT/SUPPLY TO SEZ UNIT OR SEZ DEVELOPER FOR AUTHORISED OPERATIONS "
    "ON PAYMENT OF INTEGRATED TAX"
)
UNDER_LUT = (
    "SUPPLY MEANT FOR EXPORT/SUPPLY TO SEZ UNIT OR SEZ DEVELOPER FOR AUTHORISED OPERATIONS "
    "UNDER BOND OR LETTER OF UNDERTAKING WITHOUT PAYMENT OF INTEGRATED TAX"
)


def test_every_fact_the_law_asks_for_can_be_read_and_searched() -> None:
    said = text(samples.document())
    for fact in (
        "TAX INVOICE", "ORIGINAL FOR RECIPIENT", "INVOICE NUMBER BH26-27/000042", "1 Apr 2026",
        "Meghdoot Software Private Limited", "29AAACI4798L1ZU", "12 Residency Road", "Bengaluru 560025",
        "CIN: U72200KA2019PTC123456", "billing@meghdoot.example", "+91 80 4123 4567",
        "Kaveri Textiles LLP", "88 Race Course Road", "Mysuru 570010", "GSTIN: 29AAGCB7383J1Z4",
        "State: Karnataka (29)", "PLACE OF SUPPLY", "1 Apr 2026 to 30 Apr 2026",
        "998315", "Basic plan, monthly subscription", "846.61",
        "998315 CGST 9% 846.61 76.19", "998315 SGST 9% 846.61 76.19", "₹999.00", "Reverse charge: No",
        "Nine hundred and ninety-nine rupees only", "pay_QZ8n2kT4uYx1Ab", "UPI", "Paid on 1 Apr 2026", NOTE,
        "Page 1 of 1",
    ):  # fmt: skip
        assert fact in said, fact
    assert "IGST" not in said
    assert "Discount" not in said


@pytest.mark.parametrize(
    ("kind", "heading", "number"),
    [
        (DocumentKind.PROFORMA, "PROFORMA INVOICE", "PROFORMA NUMBER"),
        (DocumentKind.TAX_INVOICE, "TAX INVOICE", "INVOICE NUMBER"),
        (DocumentKind.BILL_OF_SUPPLY, "BILL OF SUPPLY", "BILL NUMBER"),
        (DocumentKind.CREDIT_NOTE, "CREDIT NOTE ORIGINAL", "CREDIT NOTE NUMBER"),
        (DocumentKind.RECEIPT_VOUCHER, "RECEIPT VOUCHER", "VOUCHER NUMBER"),
        (DocumentKind.REFUND_VOUCHER, "REFUND VOUCHER", "VOUCHER NUMBER"),
    ],
)
def test_each_kind_says_what_it_is(kind: DocumentKind, heading: str, number: str) -> None:
    said = text(samples.document(kind=kind))
    assert f"{number} BH26-27/000042" in said
    assert {each for each in HEADINGS if f"{each} " in said} == {heading}


@pytest.mark.parametrize(
    ("seller_gstin", "place", "heads"),
    [
        ("29AAACI4798L1ZU", "29", {TaxHead.CGST: "9%", TaxHead.SGST: "9%"}),
        ("04AAACI4798L1Z6", "04", {TaxHead.CGST: "9%", TaxHead.UTGST: "9%"}),
        ("29AAACI4798L1ZU", "27", {TaxHead.IGST: "18%"}),
    ],
)
def test_each_tax_head_is_shown_with_rate_value_and_tax(
    seller_gstin: str, place: str, heads: dict[TaxHead, str]
) -> None:
    amount = tax_on_top(seller_gstin[:2], place, 1800, 4_999_00)
    seller = replace(samples.SELLER, gstin=seller_gstin)
    said = text(samples.document(amount, place, seller=seller))
    for head in TaxHead:
        figure = "449.91" if len(heads) == 2 else "899.82"
        row = f"998315 {head} {heads.get(head)} 4,999.00 {figure}"
        assert (row in said) == (head in heads), row
    assert "₹5,898.82" in said


def test_each_rate_has_its_own_row_with_its_service_codes() -> None:
    said = text(samples.of_two_rates())
    for row in (
        "998315, 998313 CGST 9% 1,000.00 90.00", "998315, 998313 SGST 9% 1,000.00 90.00",
        "998912 CGST 2.5% 500.00 12.50", "998912 SGST 2.5% 500.00 12.50",
        "Growth plan, 3 seats 998315 3 250.00 150.00 18% 600.00",
        "Printed handbook 998912 1 500.00 0.00 5% 500.00",
    ):  # fmt: skip
        assert row in said, row


@pytest.mark.parametrize(("total", "shown"), [(99_900, "+0.01"), (29_900, "-0.01")])
def test_round_off_is_shown_with_its_sign(total: int, shown: str) -> None:
    assert f"Round-off {shown}" in text(samples.document(tax_inside("29", "29", 1800, total)))


def test_no_round_off_line_when_there_is_none() -> None:
    assert "Round-off" not in text(samples.document(tax_inside("29", "29", 1800, 49_900)))


@pytest.mark.parametrize(
    ("kind", "gstin", "shown"),
    [
        (BuyerKind.UNREGISTERED, "", "GSTIN: Unregistered"),
        (BuyerKind.UIN, "2917USA00017UNN", "UIN: 2917USA00017UNN"),
        (BuyerKind.REGISTERED, "29AAGCB7383J1Z4", "GSTIN: 29AAGCB7383J1Z4"),
    ],
)
def test_the_buyer_is_named_as_the_tax_office_knows_him(kind: BuyerKind, gstin: str, shown: str) -> None:
    assert shown in text(samples.document(buyer=replace(samples.BUYER, kind=kind, gstin=gstin)))


def test_facts_that_are_not_set_leave_no_label_behind() -> None:
    seller = replace(samples.SELLER, cin="", email="", phone="", bank=None, upi_id="", trade_name="")
    said = text(samples.unpaid(seller=seller, period_first_day=None, period_last_day=None))
    for label in ("CIN", "@", "·", "IFSC", "BANK", "UPI", "Trade", "PERIOD", "Reason", "Reference", "Method"):
        assert label not in said, label


def test_a_trade_name_stands_below_the_legal_one() -> None:
    said = text(samples.document(seller=replace(samples.SELLER, trade_name="Meghdoot Cloud")))
    assert "Meghdoot Software Private Limited" in said
    assert "Trade name: Meghdoot Cloud" in said


def test_an_export_under_lut_names_country_undertaking_and_foreign_value() -> None:
    said = text(samples.exported())
    for fact in (
        "PLACE OF SUPPLY", "Singapore (96)", "Country: Singapore", UNDER_LUT,
        "LUT ARN AD290326000123X of 30 Mar 2026 for 2026-27", "998315 IGST 0% 4,073.05 0.00", "USD 49.00",
        "₹83.1234 per USD, RBI reference rate, 1 Apr 2026",
    ):  # fmt: skip
        assert fact in said, fact
    assert "GSTIN: Unregistered" not in said
    assert ON_PAYMENT not in said


def test_an_export_with_tax_needs_no_undertaking() -> None:
    said = text(samples.exported(SupplyNature.EXPORT_WITH_TAX))
    assert ON_PAYMENT in said
    assert "998315 IGST 18% 4,073.05 733.15" in said
    assert "LUT" not in said


@pytest.mark.parametrize(
    ("nature", "endorsed"),
    [(SupplyNature.SEZ_WITH_TAX, ON_PAYMENT), (SupplyNature.SEZ_WITHOUT_TAX, UNDER_LUT)],
)
def test_a_supply_to_an_sez_is_endorsed_and_keeps_its_state(nature: SupplyNature, endorsed: str) -> None:
    said = text(
        samples.untaxed(DocumentKind.TAX_INVOICE, buyer=samples.SEZ_UNIT, supply=Supply("29", nature))
    )
    assert endorsed in said
    assert "Karnataka (29)" in said


@pytest.mark.parametrize(
    ("currency", "minor", "shown"),
    [("USD", 123_456_789, "USD 1,234,567.89"), ("JPY", 4_900, "JPY 4,900"), ("KWD", 1_005, "KWD 1.005")],
)
def test_foreign_money_has_the_decimals_of_its_currency(currency: str, minor: int, shown: str) -> None:
    assert foreign_amount(ForeignValue(currency, minor, "1", "", date(2026, 4, 1))) == shown


def test_a_bill_of_supply_shows_no_tax_and_says_why() -> None:
    said = text(samples.untaxed(seller=replace(samples.SELLER, composition=True)))
    assert "Composition taxable person, not eligible to collect tax on supplies" in said
    for absent in ("CGST", "SGST", "IGST", "Taxable", "18%"):
        assert absent not in said, absent
    assert "Composition" not in text(samples.untaxed())
    assert "Composition" not in text(samples.document(seller=replace(samples.SELLER, composition=True)))


def test_a_credit_note_names_its_invoice_and_reason() -> None:
    said = text(samples.credit_note())
    for fact in (
        "AGAINST INVOICE BH26-27/000042", "Dated 1 Apr 2026, ₹942.82",
        "Reason: Upgrade to Growth on 11 Apr 2026",
        "Refunded on 11 Apr 2026", "Reference: rfnd_QZ9a1bC2dE3fGh", "998315 CGST 9% 532.67 47.94",
        "Total credit ₹628.55", "This is a computer-generated credit note",
    ):  # fmt: skip
        assert fact in said, fact


def test_a_credit_note_past_the_time_limit_says_that_it_changes_no_tax() -> None:
    late = samples.untaxed(DocumentKind.CREDIT_NOTE, original=samples.ORIGINAL, gst_adjusting=False)
    said = text(late)
    assert "after the time limit of section 34(2)" in said
    assert "Taxable value" not in said
    assert "time limit" not in text(samples.credit_note())


def test_vouchers_show_the_advance_and_the_refund_refers_to_its_receipt() -> None:
    received = text(samples.voucher(DocumentKind.RECEIPT_VOUCHER))
    assert "Advance received ₹10,000.00" in received
    assert "998315 IGST 18% 8,474.58 1,525.42" in received
    returned = text(samples.voucher(DocumentKind.REFUND_VOUCHER))
    assert "AGAINST RECEIPT VOUCHER RV26-27/000002" in returned
    assert "Dated 28 Mar 2026, ₹10,000.00" in returned
    assert "Amount refunded ₹10,000.00" in returned


def test_why_an_advance_was_kept_stands_below_the_payment() -> None:
    kept = replace(samples.voucher(DocumentKind.RECEIPT_VOUCHER), reason="For next year")
    said = text(kept)
    assert said.index("PAYMENT RECEIVED") < said.index("REASON For next year")
    assert "REASON" not in text(samples.credit_note())


@pytest.mark.parametrize("nature", [SupplyNature.SEZ_WITHOUT_TAX, SupplyNature.EXPORT_WITHOUT_TAX])
def test_a_line_without_tax_shows_no_rate_that_contradicts_it(nature: SupplyNature) -> None:
    """As the arithmetic issues it: a nil tax line, and on the line the rate that the returns ask for."""
    item = Item("Growth subscription, annual", "998315", 1800, 29_990_00)
    made = document_amount([item], Supply("29", nature))
    assert made.lines[0].rate_bp == 1800 and made.amount.taxes
    said = text(samples.document(made.amount, lines=made.lines, supply=Supply("29", nature)))
    assert "IGST 0% 29,990.00 0.00" in said and "18%" not in said


def test_a_proforma_cannot_be_taken_for_an_invoice() -> None:
    said = text(samples.unpaid(kind=DocumentKind.PROFORMA))
    assert "Not a tax invoice" in said and "The tax invoice follows on payment" in said
    assert "FOR RECIPIENT" not in said
    untaxed = text(samples.untaxed(DocumentKind.PROFORMA, paid_on=None))
    assert "Not a tax invoice" in untaxed and "The bill of supply follows on payment" in untaxed


def test_the_supplier_keeps_a_copy_marked_so() -> None:
    said = " ".join(pages(render(samples.document(), copy=Copy.DUPLICATE)))
    assert "DUPLICATE FOR SUPPLIER" in said
    assert "ORIGINAL" not in said


def test_a_reverse_charge_is_declared() -> None:
    assert "Reverse charge: Yes" in text(samples.document(reverse_charge=True))


@pytest.mark.parametrize(
    ("paise", "spelled"),
    [
        (0, "Zero rupees only"),
        (100, "One rupee only"),
        (99_900, "Nine hundred and ninety-nine rupees only"),
        (101, "One rupee, one paisa only"),
        (
            12_34_567_89,
            "Twelve lakh, thirty-four thousand, five hundred and sixty-seven rupees, eighty-nine paise only",
        ),
        (1_00_00_000_00, "One crore rupees only"),
    ],
)
def test_amounts_are_spelled_the_indian_way(paise: int, spelled: str) -> None:
    assert amount_in_words(paise) == spelled


@pytest.mark.parametrize(("rate_bp", "shown"), [(1800, "18%"), (900, "9%"), (250, "2.5%"), (25, "0.25%")])
def test_rates_are_printed_without_idle_zeros(rate_bp: int, shown: str) -> None:
    assert percent(rate_bp) == shown


def test_amounts_are_grouped_in_lakh_and_crore() -> None:
    said = text(samples.document(tax_on_top("29", "27", 1800, 1_23_45_678_90), "27"))
    assert "1,23,45,678.90" in said
    assert "₹1,45,67,901.10" in said
