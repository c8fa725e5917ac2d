"""What the portal would refuse is not written: each fault is named with its document."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from documents.figures import Figures
from documents.gstr1 import Adjustment, Filing, NotFileable, PortalSettings, Series, gstr1
from domain.document import DocumentKind, Original, TaxDocument
from domain.errors import BahiError, InvalidInput
from domain.gst import TaxedAmount, TaxHead, TaxLine
from domain.supply import Supply, SupplyNature
from tests.documents.filings import (
    ACME,
    REGISTERED,
    SELLER,
    SEZ_UNIT,
    consumer,
    document,
    example,
)

DAY = date(2026, 10, 15)
INTRA, INTER = SupplyNature.INTRA_STATE, SupplyNature.INTER_STATE
ORIGINAL = Original("A/1", date(2026, 9, 15), 94_282)


def filing(*documents: TaxDocument, **changes: Any) -> Filing:
    """October 2026 of these, each number a series of its own."""
    series = tuple(Series(each.kind, each.number, each.number) for each in documents)
    return replace(Filing(SELLER.gstin, "2026-10", documents, series), **changes)


def invoice(**fields: Any) -> TaxDocument:
    return document(fields.pop("number", "A/1"), fields.pop("issued_on", DAY), **fields)


def changed(**fields: Any) -> TaxDocument:
    """A sound invoice with something wrong put in."""
    return replace(invoice(), **fields)


def note(**fields: Any) -> TaxDocument:
    return invoice(kind=DocumentKind.CREDIT_NOTE, **({"original": ORIGINAL} | fields))


def with_taxes(*taxes: TaxLine, cgst: int = 0, sgst: int = 0, igst: int = 0) -> TaxDocument:
    """An invoice over ₹799 whose lines and tax table agree on these taxes."""
    sound = invoice()
    line = replace(sound.lines[0], cgst_paise=cgst, sgst_paise=sgst, igst_paise=igst)
    total = 79_900 + cgst + sgst + igst
    return replace(sound, lines=(line,), amount=TaxedAmount(79_900, taxes, 0, total))


def in_place(place: str, nature: SupplyNature) -> TaxDocument:
    return invoice(supply=Supply(place, nature))


SEZ_TAXED_LOCALLY = invoice(buyer=SEZ_UNIT, supply=Supply("29", INTRA))
UNEQUAL = with_taxes(
    TaxLine(TaxHead.CGST, 900, 79_900, 7_190),
    TaxLine(TaxHead.SGST, 900, 79_900, 7_192),
    cgst=7_190,
    sgst=7_192,
)
IGST_INSIDE = with_taxes(TaxLine(TaxHead.IGST, 1800, 79_900, 14_382), igst=14_382)
TOO_LITTLE = with_taxes(
    TaxLine(TaxHead.CGST, 900, 79_900, 7_100),
    TaxLine(TaxHead.SGST, 900, 79_900, 7_100),
    cgst=7_100,
    sgst=7_100,
)
HALVES_ACROSS = replace(invoice(), supply=Supply("27", INTER))
TAXED_EXPORT = replace(invoice(buyer=ACME), supply=Supply("96", SupplyNature.EXPORT_WITHOUT_TAX))

FAULTY = {
    "is not 1 to 16 of": changed(number="A#1"),
    "nothing but zeros": changed(number="0"),
    "outside of 2026-10": invoice(issued_on=date(2026, 11, 1)),
    "it was issued by 27AAACT2222B1Z1": changed(seller=replace(SELLER, gstin="27AAACT2222B1Z1")),
    "seller's own GSTIN": changed(buyer=replace(REGISTERED, gstin=SELLER.gstin)),
    "is filed by GSTIN or UIN; none": changed(buyer=replace(REGISTERED, gstin="")),
    "fails its check digit": changed(buyer=replace(REGISTERED, gstin="29AAACT1111A1Z6")),
    "28 is closed, 37 took its place": changed(buyer=replace(REGISTERED, gstin="28AAACT1111A1Z7")),
    "not in upper case": changed(buyer=replace(REGISTERED, gstin="29aaact1111a1z5")),
    "correct the kind of buyer": changed(buyer=replace(consumer("29"), gstin=REGISTERED.gstin)),
    "25 is no longer in use: give 26": in_place("25", INTER),
    "28 is no longer in use: give 37": in_place("28", INTER),
    "'99' is not a State code": in_place("99", INTER),
    "an export has place of supply 96, not 07": invoice(
        buyer=ACME, supply=Supply("07", SupplyNature.EXPORT_WITH_TAX)
    ),
    "IGST is due": in_place("27", INTRA),
    "the seller's own State 29": in_place("29", INTER),
    "SEZ supplies are zero-rated": SEZ_TAXED_LOCALLY,
    "the seller is in an SEZ": changed(seller=replace(SELLER, in_sez=True)),
    "the buyer is abroad": invoice(buyer=ACME, supply=Supply("29", INTRA)),
    "an export goes to a buyer overseas": invoice(supply=Supply("96", SupplyNature.EXPORT_WITH_TAX)),
    "it has no lines": changed(lines=()),
    "17.00 % is not a rate": invoice(groups=[(1700, [79_900])]),
    "service code '998431' is not in the list": changed(lines=(replace(invoice().lines[0], sac="998431"),)),
    "the lines' taxable value is ₹798.00, the document says ₹799.00": changed(
        lines=(replace(invoice().lines[0], taxable_paise=79_800),)
    ),
    "the lines' CGST is ₹71.90": changed(lines=(replace(invoice().lines[0], cgst_paise=7_190),)),
    "tax at 5 % differs between its lines and its tax table": changed(
        lines=(replace(invoice().lines[0], rate_bp=500),)
    ),
    "a rate that no line has": changed(lines=(replace(invoice().lines[0], rate_bp=500),)),
    "CGST ₹71.90 is not equal to SGST ₹71.92": UNEQUAL,
    "IGST on a supply inside the State": IGST_INSIDE,
    "tax of ₹142.00 where the rate makes ₹143.82": TOO_LITTLE,
    "CGST or SGST on a supply that is inter state": HALVES_ACROSS,
    "export without tax carries tax": TAXED_EXPORT,
    "an amount is negative": changed(lines=(replace(invoice().lines[0], taxable_paise=-79_900),)),
    "under composition": changed(seller=replace(SELLER, composition=True)),
    "too large for the portal": invoice(groups=[(1800, [10**14])]),
    "reverse charge": changed(reverse_charge=True),
    "a proforma belongs in no return": changed(kind=DocumentKind.PROFORMA),
    "names the receipt voucher": changed(kind=DocumentKind.REFUND_VOUCHER),
    "past the limit of s.34(2) carries tax": replace(note(), gst_adjusting=False),
    "a credit note names the invoice": note(original=None),
    "dated before its invoice": note(original=replace(ORIGINAL, issued_on=date(2026, 10, 16))),
    "credits more than its invoice": note(original=replace(ORIGINAL, total_paise=94_281)),
    "s.34(2): tax on invoice A/1 could be lowered until 2025-11-30": note(
        original=replace(ORIGINAL, issued_on=date(2025, 3, 31))
    ),
}


@pytest.mark.parametrize("fault", FAULTY)
def test_a_faulty_document_stops_the_return(fault: str) -> None:
    made = FAULTY[fault]
    series = () if not made.number[-1].isdigit() else (Series(made.kind, made.number, made.number),)
    with pytest.raises(NotFileable) as refused:
        gstr1(filing(made, series=series) if series else Filing(SELLER.gstin, "2026-10", (made,)))
    named = [each.message for each in refused.value.faults if each.document == made.number]
    assert any(fault in message for message in named), named
    assert isinstance(refused.value, BahiError) and not refused.value.retryable


def test_a_sound_document_and_a_sound_note_pass() -> None:
    assert set(gstr1(filing(invoice(), note(number="C/1")))) >= {"b2b", "cdnr", "hsn", "doc_issue"}


def test_a_number_counts_as_the_same_in_small_letters() -> None:
    twice = filing(invoice(number="A/1"), invoice(number="a/1"))
    with pytest.raises(NotFileable, match="a/1: the number is there twice"):
        gstr1(twice)


def test_a_note_may_bear_the_number_of_an_invoice_but_a_bill_of_supply_may_not() -> None:
    gstr1(filing(invoice(), note()))
    bill = invoice(kind=DocumentKind.BILL_OF_SUPPLY, supply=Supply("29", SupplyNature.NOT_TAXED))
    with pytest.raises(NotFileable, match="there twice"):
        gstr1(filing(invoice(), bill))


def run(first: str, last: str, *cancelled: str) -> tuple[Series, ...]:
    return (Series(DocumentKind.TAX_INVOICE, first, last, cancelled),)


@pytest.mark.parametrize(
    ("series", "fault"),
    [
        (run("A/1", "A/3", "A/3"), "A/2: the number is neither on a document of the period nor cancelled"),
        (run("A/1", "A/9"), "8 numbers in all are missing"),
        (run("A/1", "A/1", "A/1"), "A/1: the number is both cancelled and on a document"),
        (run("A/1", "A/1", "A/7"), "a cancelled number is there twice, or not in the series"),
        (run("A/1", "A/1") * 2, "overlaps another"),
        (run("B/1", "B/1", "B/1"), "A/1: no series of kind tax_invoice given"),
        ((), "Table 13 is mandatory"),
    ],
)
def test_numbers_must_add_up(series: tuple[Series, ...], fault: str) -> None:
    with pytest.raises(NotFileable) as refused:
        gstr1(filing(invoice(), series=series))
    assert fault in str(refused.value)


@pytest.mark.parametrize("ends", [("A/2", "A/1"), ("A/1", "B/2"), ("A/", "A/1"), ("", "")])
def test_a_series_runs_upwards_under_one_prefix(ends: tuple[str, str]) -> None:
    with pytest.raises(InvalidInput, match="not a run of numbers"):
        Series(DocumentKind.TAX_INVOICE, *ends)


@pytest.mark.parametrize("period", ["2026-13", "10-2026", "2026-1", "202610"])
def test_a_period_is_a_month(period: str) -> None:
    with pytest.raises(InvalidInput, match="not a month"):
        gstr1(replace(example(), period=period))


def test_a_seller_of_the_portals_sandbox_needs_the_switch() -> None:
    seller = replace(SELLER, gstin="29AABCT1332L000")
    sandbox = filing(changed(seller=seller), gstin=seller.gstin)
    with pytest.raises(InvalidInput):
        gstr1(sandbox)
    assert gstr1(replace(sandbox, settings=PortalSettings(sandbox=True)))["gstin"] == seller.gstin


def test_more_of_an_advance_cannot_be_used_than_was_received() -> None:
    voucher = invoice(number="RV/1", kind=DocumentKind.RECEIPT_VOUCHER)
    used = Adjustment(
        Original("RV/1", DAY, 94_282), "A/1", voucher.supply, 1800, Figures(90_000, 0, 8_100, 8_100)
    )
    with pytest.raises(NotFileable, match=r"advances: more of .* than received, by ₹101\.00"):
        gstr1(filing(voucher, adjustments=(used,)))


def test_an_advance_used_bears_equal_halves_at_a_listed_rate() -> None:
    odd = Adjustment(
        Original("RV/1", date(2026, 9, 1), 94_282), "A/1", Supply("29", INTRA), 1700, Figures(100, 0, 9, 8)
    )
    with pytest.raises(
        NotFileable, match=r"advance RV/1 on A/1: CGST .* not equal .*not one the portal lists"
    ):
        gstr1(filing(invoice(), adjustments=(odd,)))


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(NotFileable) as refused:
        gstr1(filing(changed(number="00"), invoice(number="B/1", issued_on=date(2026, 9, 30)), series=()))
    assert {fault.document for fault in refused.value.faults} >= {"00", "B/1", "series"}


def test_a_message_stays_readable_however_many_faults_there_are() -> None:
    wrong = [invoice(number=f"A/{n}", issued_on=date(2026, 9, 30)) for n in range(1, 41)]
    with pytest.raises(NotFileable, match="And 20 more faults") as refused:
        gstr1(filing(*wrong))
    assert len(refused.value.faults) == 40
