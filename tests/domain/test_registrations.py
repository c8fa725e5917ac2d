"""The seller's registrations: checked at the start, chosen per customer or plan, with their letters."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from domain.document import Lut, Seller
from domain.errors import InvalidInput, Misconfigured, Refused
from domain.registrations import SellerRegistration, open_registrations
from domain.supply import (
    BuyerKind,
    ExportFacts,
    Recipient,
    SellerScheme,
    Supply,
    SupplyNature,
    ZeroRating,
)

KA_GSTIN, MH_GSTIN = "29AAACI4798L1ZU", "27AAACI4798L2ZX"
LUT = Lut("AD290326000001A", date(2026, 3, 20), "2026-27")
KARNATAKA = SellerRegistration(
    "ka", Seller("Bahi Private Limited", KA_GSTIN, ("4 Residency Road",), pin="560025"), (LUT,)
)
MAHARASHTRA = SellerRegistration("mh", Seller("Bahi Private Limited", MH_GSTIN, ("1 Fort",), pin="400001"))
IN_SEZ = Recipient(BuyerKind.SEZ, "29", "29AAGCR4375J1ZU")
ABROAD = Recipient(BuyerKind.OVERSEAS, country="SG")
EXPORT = ExportFacts(paid_in_permitted_currency=True)
DAY = date(2026, 11, 22)


def with_seller(**changes: Any) -> SellerRegistration:
    return replace(KARNATAKA, seller=replace(KARNATAKA.seller, **changes))


def test_the_customers_registration_goes_before_the_plans_and_that_before_the_default() -> None:
    opened = open_registrations([KARNATAKA, MAHARASHTRA])
    assert opened.chosen().key == "ka"
    assert opened.chosen(plan_key="mh").key == "mh"
    assert opened.chosen(plan_key="mh", customer_key="ka").key == "ka"
    assert open_registrations([KARNATAKA, MAHARASHTRA], "mh").chosen().key == "mh"
    assert opened.gstins == {KA_GSTIN, MH_GSTIN}
    assert opened.warnings == ()


def test_an_unknown_registration_is_refused_with_those_that_are() -> None:
    with pytest.raises(Misconfigured, match="choose one of ka, mh"):
        open_registrations([KARNATAKA, MAHARASHTRA]).chosen(customer_key="tn")
    with pytest.raises(Misconfigured, match="choose one of ka"):
        open_registrations([KARNATAKA], "mh")


def test_a_gstin_that_fails_its_check_digit_stops_the_start_and_says_what_to_do() -> None:
    wrong = with_seller(gstin="29AABCU9603R1ZM")
    with pytest.raises(Misconfigured, match="fails its check digit") as refusal:
        open_registrations([wrong])
    assert "the last would be J" in str(refusal.value)
    assert "turn the sandbox setting on" in str(refusal.value)
    assert open_registrations([wrong], sandbox=True).gstins == {"29AABCU9603R1ZM"}


def test_a_gstin_is_kept_in_upper_case() -> None:
    opened = open_registrations([with_seller(gstin=KA_GSTIN.lower())])
    assert opened.chosen().seller.gstin == KA_GSTIN
    assert opened.chosen().supplier.state_code == "29"


@pytest.mark.parametrize(
    ("registrations", "words"),
    [
        ([], "at least one"),
        ([KARNATAKA, replace(MAHARASHTRA, key="ka")], "same key ka"),
        ([KARNATAKA, replace(KARNATAKA, key="again")], f"same GSTIN {KA_GSTIN}"),
        ([with_seller(legal_name=" ")], "legal name and address"),
        ([with_seller(address_lines=())], "legal name and address"),
        ([with_seller(gstin="")], "is not a GSTIN"),
        ([with_seller(gstin="27PNEA06819B1DE")], "tds deductor identifier, from which nothing can be sold"),
        ([with_seller(gstin="0717UNO00157UNO")], "from which nothing can be sold"),
        ([with_seller(pin="5600")], "six digits"),
        ([replace(KARNATAKA, luts=(replace(LUT, financial_year="2026-28"),))], "one financial year"),
        ([replace(KARNATAKA, luts=(replace(LUT, arn=""),))], "has a number"),
        ([replace(KARNATAKA, state_code="27")], "leave state_code out"),
        ([replace(KARNATAKA, scheme=SellerScheme.UNREGISTERED)], "has no GSTIN"),
        (
            [replace(with_seller(gstin=""), luts=(), scheme=SellerScheme.UNREGISTERED)],
            "two digits such as 29",
        ),
    ],
)
def test_registrations_that_cannot_stand_stop_the_start(
    registrations: list[SellerRegistration], words: str
) -> None:
    with pytest.raises(Misconfigured, match=words):
        open_registrations(registrations)


def test_a_pin_of_another_state_is_a_warning_at_the_start() -> None:
    opened = open_registrations([with_seller(pin="400001")])
    assert "Maharashtra" in opened.warnings[0]


@pytest.mark.parametrize(
    ("day", "covered"),
    [
        (date(2026, 3, 31), False),  # last financial year
        (date(2026, 4, 1), True),
        (date(2027, 3, 31), True),
        (date(2027, 4, 1), False),
    ],
)
def test_a_letter_of_undertaking_covers_one_financial_year(day: date, covered: bool) -> None:
    assert (KARNATAKA.lut_on(day) == LUT) == covered
    for recipient, export in ((IN_SEZ, None), (ABROAD, EXPORT)):
        if covered:
            supply = KARNATAKA.supply_to(recipient, day, export=export)
            assert supply.nature.is_without_tax
            assert KARNATAKA.seller_for(supply, day).lut == LUT
        else:
            with pytest.raises(Refused, match="or charges IGST") as refusal:
                KARNATAKA.supply_to(recipient, day, export=export)
            assert refusal.value.state == "no_lut"


def test_a_letter_counts_from_the_day_it_was_granted() -> None:
    late = replace(KARNATAKA, luts=(replace(LUT, granted_on=date(2026, 5, 10)),))
    assert late.lut_on(date(2026, 5, 9)) is None
    assert late.lut_on(date(2026, 5, 10)) is not None


def test_without_a_letter_igst_may_be_charged_or_the_setting_turned_off() -> None:
    assert MAHARASHTRA.supply_to(ABROAD, DAY, export=EXPORT, zero_rating=ZeroRating.WITH_TAX) == Supply(
        "96", SupplyNature.EXPORT_WITH_TAX
    )
    under_bond = MAHARASHTRA.supply_to(ABROAD, DAY, export=EXPORT, lut_required=False)
    assert under_bond.nature is SupplyNature.EXPORT_WITHOUT_TAX


def test_a_domestic_sale_needs_and_shows_no_letter() -> None:
    supply = MAHARASHTRA.supply_to(Recipient(BuyerKind.UNREGISTERED, "29"), DAY)
    assert supply == Supply("29", SupplyNature.INTER_STATE)
    assert KARNATAKA.seller_for(supply, DAY).lut is None


def test_a_document_says_that_its_seller_is_in_a_special_economic_zone() -> None:
    zone = replace(KARNATAKA, in_sez=True)
    supply = zone.supply_to(Recipient(BuyerKind.UNREGISTERED, "29"), DAY)
    assert supply == Supply("29", SupplyNature.INTER_STATE)
    assert zone.seller_for(supply, DAY).in_sez and not KARNATAKA.seller_for(supply, DAY).in_sez


def test_nobody_sells_to_himself() -> None:
    with pytest.raises(InvalidInput, match="seller's own"):
        KARNATAKA.supply_to(Recipient(BuyerKind.REGISTERED, "29", KA_GSTIN), DAY)
    other = Recipient(BuyerKind.REGISTERED, "27", MH_GSTIN)
    assert KARNATAKA.supply_to(other, DAY).nature is SupplyNature.INTER_STATE


def test_a_seller_under_composition_issues_bills_of_supply() -> None:
    composition = replace(KARNATAKA, scheme=SellerScheme.COMPOSITION)
    supply = composition.supply_to(Recipient(BuyerKind.UNREGISTERED, "29"), DAY)
    assert supply.nature is SupplyNature.NOT_TAXED
    assert composition.seller_for(supply, DAY).composition is True


def test_a_seller_without_registration_names_its_state_and_collects_nothing() -> None:
    small = SellerRegistration(
        "small", Seller("Asha Verma", "", ("1 Lane",)), scheme=SellerScheme.UNREGISTERED, state_code="29"
    )
    opened = open_registrations([small])
    supply = opened.chosen().supply_to(Recipient(BuyerKind.UNREGISTERED, "29"), DAY)
    assert supply.nature is SupplyNature.NOT_TAXED
    assert opened.gstins == frozenset()
