"""The decision table: who buys from whom, where the supply takes place, and which tax follows."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.buyers import BuyerDetails, LocationFact, StateOrigin, check_buyer, country_by_facts
from domain.errors import InvalidInput
from domain.gst import STATES, TaxHead, tax_on_supply
from domain.supply import (
    OUTSIDE_INDIA,
    BuyerKind,
    ExportFacts,
    Recipient,
    SellerScheme,
    Supplier,
    Supply,
    SupplyNature,
    ZeroRating,
    decide_supply,
)

KARNATAKA = Supplier("29")
KA_GSTIN, MH_GSTIN = "29AAACI4798L1ZU", "27AAPFU0939F1ZV"
UIN = "0717UNO00157UNO"
ABROAD = Recipient(BuyerKind.OVERSEAS, country="SG")
IN_DOLLARS = ExportFacts(paid_in_permitted_currency=True)
CODES = st.sampled_from(sorted(STATES))


def test_row_1_a_registered_buyer_is_where_its_gstin_says() -> None:
    near = Recipient(BuyerKind.REGISTERED, "29", KA_GSTIN)
    far = Recipient(BuyerKind.REGISTERED, "29", MH_GSTIN)
    assert decide_supply(KARNATAKA, near) == Supply("29", SupplyNature.INTRA_STATE)
    assert decide_supply(KARNATAKA, far) == Supply("27", SupplyNature.INTER_STATE)


@pytest.mark.parametrize("kind", [BuyerKind.UNREGISTERED, BuyerKind.UIN])
def test_rows_2_and_7_an_unregistered_buyer_or_embassy_is_where_its_address_is(kind: BuyerKind) -> None:
    gstin = UIN if kind is BuyerKind.UIN else ""
    assert decide_supply(KARNATAKA, Recipient(kind, "29", gstin)).nature is SupplyNature.INTRA_STATE
    assert decide_supply(KARNATAKA, Recipient(kind, "07", gstin)) == Supply("07", SupplyNature.INTER_STATE)


def test_row_3_a_buyer_without_a_state_is_refused_not_put_into_the_sellers() -> None:
    with pytest.raises(InvalidInput, match="before the first charge") as refusal:
        decide_supply(KARNATAKA, Recipient(BuyerKind.UNREGISTERED))
    assert refusal.value.field == "state_code"


def test_row_4_a_special_economic_zone_is_another_state_even_next_door() -> None:
    sez = Recipient(BuyerKind.SEZ, "29", KA_GSTIN)
    assert decide_supply(KARNATAKA, sez) == Supply("29", SupplyNature.SEZ_WITHOUT_TAX)
    paid = decide_supply(KARNATAKA, sez, zero_rating=ZeroRating.WITH_TAX)
    assert paid == Supply("29", SupplyNature.SEZ_WITH_TAX)
    assert [line.head for line in tax_on_supply(paid, 1800, 500_000)] == [TaxHead.IGST]


def test_row_5_an_export_takes_place_outside_india() -> None:
    assert decide_supply(KARNATAKA, ABROAD, export=IN_DOLLARS) == Supply(
        "96", SupplyNature.EXPORT_WITHOUT_TAX
    )
    with_tax = decide_supply(KARNATAKA, ABROAD, export=IN_DOLLARS, zero_rating=ZeroRating.WITH_TAX)
    assert with_tax == Supply("96", SupplyNature.EXPORT_WITH_TAX)


@pytest.mark.parametrize(
    ("export", "place"),
    [
        (ExportFacts(paid_in_permitted_currency=False), OUTSIDE_INDIA),
        (ExportFacts(paid_in_permitted_currency=True, separate_persons=False), OUTSIDE_INDIA),
        (ExportFacts(paid_in_permitted_currency=True, place="29"), "29"),
    ],
)
def test_row_6_abroad_without_the_conditions_of_an_export_igst_is_due(
    export: ExportFacts, place: str
) -> None:
    supply = decide_supply(KARNATAKA, ABROAD, export=export)
    assert supply == Supply(place, SupplyNature.INTER_STATE)
    assert tax_on_supply(supply, 1800, 1000)[0].tax_paise == 180


@pytest.mark.parametrize("scheme", [SellerScheme.COMPOSITION, SellerScheme.UNREGISTERED])
def test_rows_8_and_9_who_may_collect_no_tax_collects_none(scheme: SellerScheme) -> None:
    for recipient in (
        Recipient(BuyerKind.REGISTERED, "29", KA_GSTIN),
        Recipient(BuyerKind.UNREGISTERED, "07"),
    ):
        supply = decide_supply(Supplier("29", scheme), recipient)
        assert supply.nature is SupplyNature.NOT_TAXED
        assert tax_on_supply(supply, 1800, 79_900) == ()


def test_an_exempt_supply_is_not_taxed_wherever_it_takes_place() -> None:
    supply = decide_supply(KARNATAKA, Recipient(BuyerKind.UNREGISTERED, "07"), exempt=True)
    assert supply == Supply("07", SupplyNature.NOT_TAXED)


def test_a_seller_inside_a_special_economic_zone_always_sells_between_states() -> None:
    supply = decide_supply(Supplier("29", in_sez=True), Recipient(BuyerKind.UNREGISTERED, "29"))
    assert supply == Supply("29", SupplyNature.INTER_STATE)


@pytest.mark.parametrize(
    ("recipient", "field"),
    [
        (Recipient(BuyerKind.REGISTERED, "29"), "gstin"),
        (Recipient(BuyerKind.SEZ, "29"), "gstin"),
        (Recipient(BuyerKind.REGISTERED, "29", "9917IRL29003OSG"), "gstin"),
        (Recipient(BuyerKind.UNREGISTERED, "28"), "state_code"),
        (Recipient(BuyerKind.UNREGISTERED, "29", country="SG"), "country"),
        (Recipient(BuyerKind.OVERSEAS), "country"),
        (Recipient(BuyerKind.OVERSEAS, "29", country="SG"), "country"),
        (ABROAD, "export"),
    ],
)
def test_a_buyer_that_contradicts_itself_is_refused(recipient: Recipient, field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        decide_supply(KARNATAKA, recipient)
    assert refusal.value.field == field


def test_territories_without_a_legislature_are_each_on_their_own() -> None:
    chandigarh = decide_supply(Supplier("04"), Recipient(BuyerKind.UNREGISTERED, "04"))
    assert [line.head for line in tax_on_supply(chandigarh, 1800, 100)] == [TaxHead.CGST, TaxHead.UTGST]
    assert (
        decide_supply(Supplier("04"), Recipient(BuyerKind.UNREGISTERED, "31")).nature
        is SupplyNature.INTER_STATE
    )


@given(CODES, CODES, st.sampled_from([BuyerKind.UNREGISTERED, BuyerKind.UIN]))
def test_in_india_the_same_state_means_two_equal_halves_and_another_means_igst(
    seller: str, buyer: str, kind: BuyerKind
) -> None:
    supply = decide_supply(Supplier(seller), Recipient(kind, buyer))
    taxes = tax_on_supply(supply, 1800, 12_345)
    assert supply.place == buyer
    assert len(taxes) == (2 if seller == buyer else 1)
    assert len({line.tax_paise for line in taxes}) == 1


# Buyers before the first charge


@pytest.mark.parametrize(
    ("details", "kind", "state", "origin"),
    [
        ({"state_code": "07"}, BuyerKind.UNREGISTERED, "07", StateOrigin.DECLARED),
        (
            {"state_code": "07", "state_origin": StateOrigin.PIN},
            BuyerKind.UNREGISTERED,
            "07",
            StateOrigin.PIN,
        ),
        ({"gstin": MH_GSTIN.lower()}, BuyerKind.REGISTERED, "27", StateOrigin.GSTIN),
        ({"gstin": MH_GSTIN, "in_sez": True}, BuyerKind.SEZ, "27", StateOrigin.GSTIN),
        ({"gstin": UIN, "state_code": "07"}, BuyerKind.UIN, "07", StateOrigin.DECLARED),
        ({"gstin": "27PNEA06819B1DE"}, BuyerKind.REGISTERED, "27", StateOrigin.GSTIN),
        ({"country": "SG"}, BuyerKind.OVERSEAS, "", None),
    ],
)
def test_details_say_what_a_buyer_is(
    details: dict[str, Any], kind: BuyerKind, state: str, origin: StateOrigin | None
) -> None:
    checked = check_buyer(BuyerDetails(**details))
    assert (checked.recipient.kind, checked.recipient.state_code) == (kind, state)
    assert checked.state_origin is origin
    assert checked.warnings == ()


@pytest.mark.parametrize(
    ("details", "field", "words"),
    [
        ({}, "state_code", "Needed in India"),
        (
            {"gstin": MH_GSTIN, "state_code": "29"},
            "state_code",
            "Maharashtra .27., the address says Karnataka",
        ),
        ({"gstin": KA_GSTIN}, "gstin", "seller's own"),
        ({"gstin": KA_GSTIN.lower()}, "gstin", "seller's own"),
        ({"gstin": "9917IRL29003OSG"}, "gstin", "abroad"),
        ({"gstin": UIN, "in_sez": True}, "gstin", "UIN"),
        ({"state_code": "29", "in_sez": True}, "gstin", "Special Economic Zone"),
        ({"country": "SG", "gstin": MH_GSTIN}, "country", "leave them out"),
        ({"country": "SG", "pin": "560001"}, "country", "leave them out"),
        ({"state_code": "29", "pin": "0560"}, "pin", "six digits"),
    ],
)
def test_details_that_cannot_stand_are_refused_with_the_remedy(
    details: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(InvalidInput, match=words) as refusal:
        check_buyer(BuyerDetails(**details), seller_gstins=[KA_GSTIN.lower()])
    assert refusal.value.field == field


def test_a_registration_in_another_state_may_buy_once_someone_confirmed_it() -> None:
    details = BuyerDetails(gstin=MH_GSTIN, state_code="29", registration_state_confirmed=True)
    recipient = check_buyer(details).recipient
    assert recipient.state_code == "29"
    assert decide_supply(KARNATAKA, recipient).place == "27"


def test_a_pin_of_another_state_warns_and_blocks_nothing() -> None:
    checked = check_buyer(BuyerDetails(state_code="29", pin="400001"))
    assert checked.recipient.state_code == "29"
    assert "Maharashtra" in checked.warnings[0]


def test_the_sandbox_switch_skips_the_check_digit() -> None:
    details = BuyerDetails(gstin="29AABCT1332L000")
    assert check_buyer(details, sandbox=True).recipient.gstin == "29AABCT1332L000"
    with pytest.raises(InvalidInput):
        check_buyer(details)


def test_a_private_buyer_abroad_is_where_two_facts_agree() -> None:
    facts = {LocationFact.ADDRESS: "SG", LocationFact.IP: "MY", LocationFact.CARD_ISSUER: "SG"}
    assert country_by_facts(facts) == "SG"


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {LocationFact.ADDRESS: "SG"},
        {LocationFact.ADDRESS: "SG", LocationFact.IP: "MY"},
        {
            LocationFact.ADDRESS: "SG",
            LocationFact.CARD_ISSUER: "SG",
            LocationFact.IP: "MY",
            LocationFact.SIM_COUNTRY: "MY",
        },
    ],
)
def test_facts_that_are_too_few_or_contradict_each_other_show_nothing(facts: dict[LocationFact, str]) -> None:
    with pytest.raises(InvalidInput, match="two facts that agree"):
        country_by_facts(facts)
