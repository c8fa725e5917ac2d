"""An invoice as stored, in the terms of returns."""

from dataclasses import replace
from datetime import date

import pytest

from domain.errors import InvalidInput
from domain.gst import TaxedAmount, tax_lines
from domain.invoice import Buyer, InvoiceLine, TaxInvoice
from domain.supply import BuyerKind, SupplyNature
from filing.conversion import buyer_kind, placed, tax_document
from tests.filing.selling import KARNATAKA

DAY = date(2026, 10, 1)
TAXES = tax_lines("29", "29", 1800, 10_001)
INVOICE = TaxInvoice(
    "inv_1", "BH26-27/000001", DAY, KARNATAKA,
    Buyer("Kaveri", "", ("88 Race Course Road", "Mysuru 570010"), "29"),
    "29", tuple(InvoiceLine("Pro", "998315", 1, paise, paise) for paise in (3_334, 6_667)),
    TaxedAmount(10_001, TAXES, 0, 10_001 + sum(tax.tax_paise for tax in TAXES)), DAY, date(2026, 10, 31),
    "pay_1", "upi", DAY,
)  # fmt: skip


def test_money_is_taken_over_and_shared_among_the_lines() -> None:
    document = tax_document(INVOICE)
    assert document.amount == INVOICE.amount
    assert document.supply.nature is SupplyNature.INTRA_STATE
    assert {line.rate_bp for line in document.lines} == {1800}
    assert sum(line.cgst_paise for line in document.lines) == TAXES[0].tax_paise
    assert sum(line.sgst_paise for line in document.lines) == TAXES[1].tax_paise


def test_an_invoice_of_several_rates_is_not_guessed_at() -> None:
    taxes = (*TAXES, *tax_lines("29", "29", 500, 10_001))
    mixed = TaxedAmount(10_001, taxes, 0, 10_001 + sum(tax.tax_paise for tax in taxes))
    with pytest.raises(InvalidInput, match="BH26-27/000001: it has several rates"):
        tax_document(replace(INVOICE, amount=mixed))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("88 Race Course Road", "Mysuru 570010"), (("88 Race Course Road",), "Mysuru", "570010")),
        (
            ("4 Residency Road, Bengaluru 560025, Karnataka",),
            (("4 Residency Road", "Karnataka"), "Bengaluru", "560025"),
        ),
        (("1 High Street", "New Delhi 110 001"), (("1 High Street",), "New Delhi", "110001")),
        (("1 High Street", "Mysuru"), (("1 High Street", "Mysuru"), "", "")),
        (("Plot 570010",), ((), "Plot", "570010")),
        ((), ((), "", "")),
    ],
)
def test_town_and_pin_are_found_where_they_stand(
    lines: tuple[str, ...], expected: tuple[tuple[str, ...], str, str]
) -> None:
    assert placed(lines) == expected


@pytest.mark.parametrize(
    ("gstin", "kind"),
    [
        ("", BuyerKind.UNREGISTERED),
        ("29AAACT1111A1Z5", BuyerKind.REGISTERED),
        ("29AAACT1111A1Z6", BuyerKind.REGISTERED),
        ("0717USA00002UN9", BuyerKind.UIN),
    ],
)
def test_a_buyer_is_what_its_identifier_says(gstin: str, kind: BuyerKind) -> None:
    assert buyer_kind(gstin) is kind
