"""Documents to file: any kind of buyer, and the month that is in the reference's example."""

import json
from datetime import date
from pathlib import Path
from typing import Any

from documents.gstr1 import Filing, Series
from domain.document import (
    Buyer,
    DocumentKind,
    ForeignValue,
    Line,
    Lut,
    Original,
    Seller,
    TaxDocument,
)
from domain.gst import TaxedAmount, TaxHead, TaxLine, local_tax
from domain.money import BASIS_POINTS, allocate, round_half_up
from domain.supply import OUTSIDE_INDIA, BuyerKind, Supply, SupplyNature

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
CASES: dict[str, dict[str, Any]] = {
    case["id"]: case for case in json.loads((VECTORS / "gst_calc_vectors.json").read_text())["cases"]
}

SELLER = Seller(
    legal_name="Example SaaS Pvt Ltd",
    gstin="29AAACT9999Z1ZE",
    address_lines=("123 Tech Park",),
    city="Bengaluru",
    pin="560001",
    lut=Lut("AD290326000001X", date(2025, 4, 2), "2025-26"),
)
REGISTERED = Buyer(
    "Test Buyer One Pvt Ltd",
    BuyerKind.REGISTERED,
    address_lines=("12 First Main",),
    city="Bengaluru",
    pin="560100",
    state_code="29",
    gstin="29AAACT1111A1Z5",
)
MUMBAI = Buyer("Test Buyer Two", BuyerKind.REGISTERED, state_code="27", gstin="27AAACT2222B1Z1")
SEZ_UNIT = Buyer(
    "Test SEZ Unit Pvt Ltd",
    BuyerKind.SEZ,
    address_lines=("SEZ Phase 1",),
    city="Bengaluru",
    pin="560037",
    state_code="29",
    gstin="29AAACT3333C1ZP",
)
ACME = Buyer(
    "Acme Inc",
    BuyerKind.OVERSEAS,
    address_lines=("500 Market St",),
    city="San Francisco",
    country="US",
)
EMBASSY = Buyer("Embassy", BuyerKind.UIN, state_code="07", gstin="0717UNO00157UNO")
DOLLARS = ForeignValue("USD", 4900, "83.1234", "FBIL", date(2026, 1, 12))
WITHOUT_TAX = {SupplyNature.EXPORT_WITHOUT_TAX, SupplyNature.SEZ_WITHOUT_TAX, SupplyNature.NOT_TAXED}


def consumer(state_code: str) -> Buyer:
    """Someone without a GSTIN."""
    return Buyer("A consumer", BuyerKind.UNREGISTERED, state_code=state_code)


def supply_to(buyer: Buyer, *, with_tax: bool = True) -> Supply:
    """The decision table of gst.md 2.1 for our seller."""
    if buyer.kind is BuyerKind.OVERSEAS:
        nature = SupplyNature.EXPORT_WITH_TAX if with_tax else SupplyNature.EXPORT_WITHOUT_TAX
        return Supply(OUTSIDE_INDIA, nature)
    if buyer.kind is BuyerKind.SEZ:
        nature = SupplyNature.SEZ_WITH_TAX if with_tax else SupplyNature.SEZ_WITHOUT_TAX
        return Supply(buyer.state_code, nature)
    intra = buyer.state_code == SELLER.state_code
    return Supply(buyer.state_code, SupplyNature.INTRA_STATE if intra else SupplyNature.INTER_STATE)


def taxed(
    supply: Supply, groups: list[tuple[int, list[int]]], sac: str = "998315", round_off: int = 0
) -> tuple[tuple[Line, ...], TaxedAmount]:
    """Lines and money of (rate, line values) groups, taxed once per group and shared (gst.md 5.3)."""
    lines: list[Line] = []
    taxes: list[TaxLine] = []
    for rate_bp, values in groups:
        value = sum(values)
        cgst = igst = 0
        if supply.nature is SupplyNature.INTRA_STATE:
            cgst = round_half_up(value * rate_bp, 2 * BASIS_POINTS)
            taxes += [
                TaxLine(head, rate_bp // 2, value, cgst) for head in (TaxHead.CGST, local_tax(supply.place))
            ]
        elif supply.nature not in WITHOUT_TAX:
            igst = round_half_up(value * rate_bp, BASIS_POINTS)
            taxes.append(TaxLine(TaxHead.IGST, rate_bp, value, igst))
        for each, half, across in zip(values, allocate(cgst, values), allocate(igst, values), strict=True):
            lines.append(Line("Starter plan, monthly", sac, 1, each, each, rate_bp, 0, half, half, across))
    taxable = sum(line.taxable_paise for line in lines)
    total = taxable + sum(tax.tax_paise for tax in taxes) + round_off
    return tuple(lines), TaxedAmount(taxable, tuple(taxes), round_off, total)


def document(
    number: str,
    issued_on: date,
    buyer: Buyer = REGISTERED,
    groups: list[tuple[int, list[int]]] | None = None,
    kind: DocumentKind = DocumentKind.TAX_INVOICE,
    *,
    with_tax: bool = True,
    round_off: int = 0,
    **fields: Any,
) -> TaxDocument:
    """An invoice over ₹799 at 18 %, unless said otherwise."""
    supply = fields.pop("supply", None) or supply_to(buyer, with_tax=with_tax)
    taxed_as = supply if fields.get("gst_adjusting", True) else Supply(supply.place, SupplyNature.NOT_TAXED)
    lines, amount = taxed(taxed_as, groups or [(1800, [79_900])], round_off=round_off)
    return TaxDocument(
        id=f"doc_{number}",
        kind=kind,
        number=number,
        issued_on=issued_on,
        seller=SELLER,
        buyer=buyer,
        supply=supply,
        lines=lines,
        amount=amount,
        **fields,
    )


def of_case(case: str, number: str, day: int, buyer: Buyer, **fields: Any) -> TaxDocument:
    """A document of January 2026 with the money of a vector, which it must reach by itself."""
    vector = CASES[case]
    groups = [(group["rate_bp"], [group["taxable"]]) for group in vector["groups"]]
    made = document(
        number,
        date(2026, 1, day),
        buyer,
        groups,
        with_tax=vector["mode"] != "zero",
        round_off=vector["round_off"],
        **fields,
    )
    assert made.amount.total_paise == vector["total"]
    return made


def example() -> Filing:
    """The month of `gstr1_example.json`."""
    note, delhi = DocumentKind.CREDIT_NOTE, consumer("07")
    first = Original("RF25-26/00001", date(2026, 1, 5), 94_282)
    large = Original("RF25-26/00004", date(2026, 1, 8), 1_17_988_20)
    documents = (
        of_case("C01", "RF25-26/00001", 5, REGISTERED),
        of_case("C02", "RF25-26/00002", 6, MUMBAI),
        of_case("C20", "RF25-26/00003", 7, SEZ_UNIT),
        of_case("C04", "RF25-26/00004", 8, delhi),
        of_case("C03", "RF25-26/00005", 9, consumer("29")),
        of_case("C07", "RF25-26/00006", 10, consumer("29")),
        of_case("C08", "RF25-26/00007", 11, consumer("27")),
        of_case(
            "C17",
            "RF25-26/00008",
            12,
            ACME,
            foreign=ForeignValue("USD", 4900, "83.1234", "FBIL", date(2026, 1, 12)),
        ),
        of_case("C22", "CN25-26/00001", 16, REGISTERED, kind=note, original=first),
        document("CN25-26/00002", date(2026, 1, 20), delhi, [(1800, [9_999_00])], note, original=large),
        of_case("C26", "RV25-26/00001", 25, consumer("27"), kind=DocumentKind.RECEIPT_VOUCHER),
    )
    series = (
        Series(DocumentKind.TAX_INVOICE, "RF25-26/00001", "RF25-26/00009", ("RF25-26/00009",)),
        Series(note, "CN25-26/00001", "CN25-26/00002"),
        Series(DocumentKind.RECEIPT_VOUCHER, "RV25-26/00001", "RV25-26/00001"),
    )
    return Filing("29AAACT9999Z1ZE", "2026-01", documents, series)
