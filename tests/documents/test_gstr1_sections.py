"""Where documents go, at the edges of each rule of gst.md 6.1."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from documents.figures import Figures, number
from documents.gstr1 import Adjustment, Filing, PortalSettings, Series, gstr1, summary, used_up
from domain.document import DocumentKind, Original, TaxDocument
from domain.supply import Supply, SupplyNature
from domain.wallet import Advance, use_advances
from tests.documents.filings import ACME, EMBASSY, MUMBAI, SELLER, SEZ_UNIT, consumer, document

NOTE, VOUCHER = DocumentKind.CREDIT_NOTE, DocumentKind.RECEIPT_VOUCHER
DAY = date(2026, 10, 15)


def filed(*documents: TaxDocument, **changes: Any) -> dict[str, Any]:
    """The return of these documents' own month."""
    series = tuple(Series(each.kind, each.number, each.number) for each in documents)
    month = f"{documents[0].issued_on:%Y-%m}"
    return gstr1(replace(Filing(SELLER.gstin, month, documents, series), **changes))


@pytest.mark.parametrize(
    ("day", "total", "section"),
    [
        (DAY, 1_00_000_00, "b2cs"),
        (DAY, 1_00_000_01, "b2cl"),
        (date(2024, 7, 31), 2_50_000_00, "b2cs"),
        (date(2024, 7, 31), 2_50_000_01, "b2cl"),
    ],
)
def test_large_means_strictly_above_the_limit_of_the_period(day: date, total: int, section: str) -> None:
    sale = document("A/1", day, consumer("07"), [(1800, [total * 100 // 118])])
    sale = replace(
        sale,
        amount=replace(
            sale.amount,
            round_off_paise=total - sale.amount.total_paise,
            total_paise=total,
        ),
    )
    assert section in filed(sale)


def test_inside_the_state_no_consumer_is_large() -> None:
    assert "b2cs" in filed(document("A/1", DAY, consumer("29"), [(1800, [9_99_999_00])]))


def test_a_small_note_on_a_large_invoice_is_listed_and_one_on_a_small_invoice_is_netted() -> None:
    def note(original_total: int) -> TaxDocument:
        original = Original("A/9", date(2026, 9, 1), original_total)
        return document("C/1", DAY, consumer("07"), kind=NOTE, original=original)

    assert filed(note(1_00_000_01))["cdnur"][0]["typ"] == "B2CL"
    netted = filed(note(1_00_000_00))
    assert "cdnur" not in netted
    assert netted["b2cs"][0] == {
        "sply_ty": "INTER", "rt": 18, "typ": "OE", "pos": "07", "txval": -799, "iamt": -143.82, "csamt": 0,
    }  # fmt: skip


def test_an_export_note_has_no_place() -> None:
    original = Original("A/9", date(2026, 9, 1), 94_282)
    taxed = document("C/1", DAY, ACME, kind=NOTE, original=original)
    free = document("C/2", DAY, ACME, kind=NOTE, original=original, with_tax=False)
    notes = filed(taxed, free)["cdnur"]
    assert [note["typ"] for note in notes] == ["EXPWP", "EXPWOP"]
    assert not any("pos" in note for note in notes)


def test_zones_and_embassies_are_filed_by_their_identifier() -> None:
    made = filed(
        document("A/1", DAY, SEZ_UNIT),
        document("A/2", DAY, SEZ_UNIT, with_tax=False),
        document("A/3", DAY, EMBASSY),
    )
    zone, embassy = made["b2b"]
    assert [invoice["inv_typ"] for invoice in zone["inv"]] == ["SEWP", "SEWOP"]
    assert embassy["ctin"] == "0717UNO00157UNO" and embassy["inv"][0]["inv_typ"] == "R"
    assert [item["itm_det"] for item in zone["inv"][1]["itms"]] == [
        {"txval": 799, "rt": 0, "iamt": 0, "csamt": 0}
    ]


def test_the_rate_of_a_supply_without_tax_is_a_setting() -> None:
    sale = document("A/1", DAY, ACME, [(1800, [100_00]), (500, [50_00])], with_tax=False)
    item = filed(sale)["exp"][0]["inv"][0]["itms"]
    assert item == [{"txval": 150, "rt": 0, "iamt": 0, "csamt": 0}]
    shown = filed(sale, settings=PortalSettings(zero_rated_at_nil=False))
    assert [each["rt"] for each in shown["exp"][0]["inv"][0]["itms"]] == [18, 5]
    assert [each["rt"] for each in shown["hsn"]["hsn_b2c"]] == [18, 5]


def test_lines_of_one_rate_are_one_item_and_two_rates_are_two() -> None:
    sale = document("A/1", DAY, MUMBAI, [(1800, [500_00, 500_00]), (500, [500_00])])
    items = filed(sale)["b2b"][0]["inv"][0]["itms"]
    assert [(item["num"], item["itm_det"]["txval"]) for item in items] == [(1801, 1000), (501, 500)]


def test_exempt_and_nil_rated_lines_go_to_nil_by_buyer_and_reach() -> None:
    bill = document(
        "B/1",
        DAY,
        consumer("29"),
        [(0, [300_50])],
        DocumentKind.BILL_OF_SUPPLY,
        supply=Supply("29", SupplyNature.NOT_TAXED),
    )
    mixed = document("A/1", DAY, MUMBAI, [(1800, [100_00]), (0, [40_00])])
    made = filed(bill, mixed)
    assert made["nil"]["inv"] == [
        {"sply_ty": "INTRB2B", "expt_amt": 0, "nil_amt": 40, "ngsup_amt": 0},
        {"sply_ty": "INTRAB2C", "expt_amt": 300.5, "nil_amt": 0, "ngsup_amt": 0},
    ]
    assert made["b2b"][0]["inv"][0]["val"] == 158
    assert [item["num"] for item in made["b2b"][0]["inv"][0]["itms"]] == [1801]
    assert "b2cs" not in made


def test_a_commercial_note_counts_as_a_number_and_nowhere_else() -> None:
    late = document(
        "C/1",
        DAY,
        kind=NOTE,
        gst_adjusting=False,
        supply=Supply("29", SupplyNature.INTRA_STATE),
        original=Original("A/9", date(2024, 1, 1), 94_282),
    )
    made = filed(late)
    assert set(made) == {"gstin", "fp", "version", "hash", "doc_issue"}
    series = (Series(NOTE, "C/1", "C/1"),)
    assert "C/1 is past the limit of s.34(2)" in summary(Filing(SELLER.gstin, "2026-10", (late,), series))


def test_table_12_was_one_list_before_may_2025() -> None:
    before = filed(document("A/1", date(2025, 4, 30)), document("A/2", date(2025, 4, 30), consumer("29")))
    assert [row["txval"] for row in before["hsn"]["data"]] == [1598]
    after = filed(document("A/1", date(2025, 5, 1)), document("A/2", date(2025, 5, 1), consumer("29")))
    assert set(after["hsn"]) == {"hsn_b2b", "hsn_b2c"}


def test_an_advance_used_in_its_own_month_is_never_declared_and_a_later_use_is() -> None:
    voucher = document("RV/1", DAY, consumer("27"), kind=VOUCHER)
    within = Adjustment(
        Original("RV/1", DAY, 94_282), "A/1", voucher.supply, 1800, Figures(79_900, igst_paise=14_382)
    )
    assert "at" not in filed(voucher, adjustments=(within,))
    earlier = replace(within, voucher=Original("RV/0", date(2026, 9, 30), 94_282))
    made = filed(voucher, adjustments=(earlier,))
    row = [{"pos": "27", "sply_ty": "INTER", "itms": [{"rt": 18, "ad_amt": 799, "iamt": 143.82, "csamt": 0}]}]
    assert made["at"] == row and made["txpd"] == row


def test_what_the_domain_takes_of_an_advance_becomes_the_adjustment() -> None:
    voucher = document("RV/1", DAY, consumer("29"), [(1800, [500_00]), (500, [300_00])], VOUCHER)
    (use,) = use_advances([Advance(voucher)], voucher.amount.total_paise)
    used = used_up(use, "A/1")
    assert [(each.rate_bp, each.figures.taxable_paise) for each in used] == [(1800, 500_00), (500, 300_00)]
    assert "at" not in filed(voucher, adjustments=used)


def test_an_advance_returned_lowers_its_own_month_or_is_adjusted_later() -> None:
    refund = DocumentKind.REFUND_VOUCHER
    voucher = document("RV/1", DAY, consumer("29"), kind=VOUCHER)
    half = document(
        "FV/1", DAY, consumer("29"), [(1800, [30_000])], refund, original=Original("RV/1", DAY, 94_282)
    )
    assert filed(voucher, half)["at"][0]["itms"] == [
        {"rt": 18, "ad_amt": 499, "camt": 44.91, "samt": 44.91, "csamt": 0}
    ]
    older = replace(half, original=Original("RV/0", date(2026, 9, 1), 94_282))
    assert filed(voucher, older)["txpd"][0]["itms"][0]["ad_amt"] == 300


def test_an_export_without_an_undertaking_is_pointed_out() -> None:
    bare = replace(document("A/1", DAY, ACME, with_tax=False), seller=replace(SELLER, lut=None))
    text = summary(
        Filing(SELLER.gstin, "2026-10", (bare,), (Series(DocumentKind.TAX_INVOICE, "A/1", "A/1"),))
    )
    assert "A/1 bears no tax, yet no letter of undertaking for 2026-27 is on it." in text


@pytest.mark.parametrize(
    ("paise", "written"),
    [
        (79_900, "799"),
        (94_282, "942.82"),
        (-10, "-0.1"),
        (0, "0"),
        (-5, "-0.05"),
        (99_999_999_999_999, "999999999999.99"),
    ],
)
def test_amounts_are_whole_numbers_or_exact_decimals(paise: int, written: str) -> None:
    assert repr(number(paise)) == written


def test_a_seller_in_a_special_economic_zone_sells_across_even_inside_its_state() -> None:
    sold = (
        document("A/1", DAY, supply=Supply("29", SupplyNature.INTER_STATE)),
        document("A/2", DAY, consumer("29"), supply=Supply("29", SupplyNature.INTER_STATE)),
        document("A/3", DAY, consumer("29"), [(0, [40_00])], supply=Supply("29", SupplyNature.INTER_STATE)),
    )
    made = filed(*(replace(each, seller=replace(SELLER, in_sez=True)) for each in sold))
    item = {"txval": 799, "rt": 18, "iamt": 143.82, "csamt": 0}
    assert made["b2b"][0]["inv"][0]["itms"] == [{"num": 1801, "itm_det": item}]
    assert [(row["sply_ty"], row["pos"], row["iamt"]) for row in made["b2cs"]] == [("INTER", "29", 143.82)]
    assert [row["sply_ty"] for row in made["nil"]["inv"]] == ["INTRB2C"]


@pytest.mark.parametrize("place", ["96", "07", "29"])
def test_a_sale_abroad_that_is_no_export_is_left_out_and_named_and_blocks_nothing(place: str) -> None:
    sold = document("A/1", DAY, ACME, supply=Supply(place, SupplyNature.INTER_STATE))
    back = document(
        "C/1", DAY, ACME, kind=NOTE, supply=sold.supply, original=Original("A/1", DAY, 94_282)
    )  # fmt: skip
    other = document("A/2", DAY)
    made = filed(sold, back, other)
    assert made | {"doc_issue": None} == filed(other) | {"doc_issue": None}
    assert [kind["doc_num"] for kind in made["doc_issue"]["doc_det"]] == [1, 5]
    series = tuple(Series(each.kind, each.number, each.number) for each in (sold, back, other))
    told = summary(Filing(SELLER.gstin, "2026-10", (sold, back, other), series))
    for each in (sold, back):
        assert f"- {each.number} is for a buyer abroad and no export" in told
    assert "ask your CA where to declare its IGST of ₹143.82" in told
