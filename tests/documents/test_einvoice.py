"""What goes to the invoice registration portal."""

import json
from dataclasses import replace
from datetime import date
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from documents.einvoice import bulk, expected_irn, irn, needs_registration, request
from domain.document import Buyer, DocumentKind, ForeignValue, Line, Original, TaxDocument
from domain.errors import InvalidInput
from domain.supply import BuyerKind, Supply, SupplyNature
from tests.documents.filings import (
    ACME,
    DOLLARS,
    EMBASSY,
    REGISTERED,
    SELLER,
    SEZ_UNIT,
    VECTORS,
    consumer,
    document,
    of_case,
)

EXAMPLES = {
    each["name"]: each["json"] for each in json.loads((VECTORS / "einvoice_examples.json").read_text())
}
SCHEMA = jsonschema_rs.validator_for(json.loads((VECTORS / "inv01_v1_1.schema.json").read_text()))
IRNS = json.loads((VECTORS / "irn_vectors.json").read_text())["vectors"]
DAY = date(2026, 10, 15)
NOTE = DocumentKind.CREDIT_NOTE
ORIGINAL = Original("RF25-26/00001", date(2026, 1, 5), 94_300)


def described(made: TaxDocument, description: str) -> TaxDocument:
    return replace(made, lines=(replace(made.lines[0], description=description),))


def composed() -> dict[str, TaxDocument]:
    """The documents behind the reference's composed examples, in their order."""
    period = {"period_first_day": date(2026, 1, 5), "period_last_day": date(2026, 2, 4)}
    made = (
        described(
            of_case("C25", "RF25-26/00001", 5, REGISTERED, **period),
            "Starter plan, monthly, 05-Jan-2026 to 04-Feb-2026",
        ),
        described(
            of_case("C22", "CN25-26/00001", 16, REGISTERED, kind=NOTE, original=ORIGINAL),
            "Unused 20 of 30 days, Starter plan",
        ),
        described(
            of_case("C17", "RF25-26/00008", 12, ACME, foreign=DOLLARS),
            "Starter plan, monthly (USD 49.00 at 83.1234)",
        ),
        described(of_case("C20", "RF25-26/00003", 7, SEZ_UNIT), "Growth plan, monthly"),
    )
    return dict(zip(EXAMPLES, made, strict=True))


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_composed_examples_are_reproduced(name: str) -> None:
    made = request(composed()[name])
    assert made == EXAMPLES[name]
    assert SCHEMA.is_valid(made)


@pytest.mark.parametrize("vector", IRNS, ids=lambda vector: vector["doc_no"])
def test_the_portals_own_reference_numbers_are_reached(vector: dict[str, str]) -> None:
    day, month, year = map(int, vector["doc_date"].split("/"))
    made = irn(vector["supplier_gstin"], vector["doc_type"], vector["doc_no"], date(year, month, day))
    assert made == vector["irn"]


def test_a_number_in_small_letters_has_the_reference_of_the_large_since_june_2025() -> None:
    small, large = document("rf/1", DAY), document("RF/1", DAY)
    assert expected_irn(small) == expected_irn(large)
    assert request(small)["DocDtls"]["No"] == "RF/1"
    before = irn(SELLER.gstin, "INV", "rf/1", date(2025, 5, 31))
    assert before != irn(SELLER.gstin, "INV", "RF/1", date(2025, 5, 31))


def test_quotes_strokes_and_spaces_are_made_fit_and_long_texts_cut() -> None:
    buyer = replace(
        REGISTERED,
        name='  The "Good"\tC:\\Shop\n Ltd ',
        address_lines=("x" * 140, "2", ""),
        phone="+91 98450-12345",
        email="bad address",
    )
    made = request(document("A/1", DAY, buyer))["BuyerDtls"]
    assert made["LglNm"] == "The 'Good' C:Shop Ltd"
    assert made["Addr1"] == "x" * 100 and made["Ph"] == "919845012345"
    assert "Addr2" not in made and "Em" not in made


@pytest.mark.parametrize(
    ("fields", "field", "told"),
    [
        ({"name": 'A"'}, "buyer.name", "the customer's name is"),
        ({"name": "\\\\\\"}, "buyer.name", "3 to 100 characters"),
        (
            {"address_lines": ()},
            "buyer.address_lines",
            "the address of customer 'Test Buyer One Pvt Ltd' is ''",
        ),
        ({"city": "Ho"}, "buyer.city", "the city of customer"),
        ({"pin": ""}, "buyer.pin", "six digits"),
        ({"pin": "012345"}, "buyer.pin", "the PIN code of customer"),
    ],
)
def test_a_text_too_short_stops_and_names_the_customers_field(
    fields: dict[str, Any], field: str, told: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        request(document("A/1", DAY, replace(REGISTERED, **fields)))
    assert refused.value.field == field
    assert told in str(refused.value)


BILL = document("A/1", DAY, kind=DocumentKind.BILL_OF_SUPPLY, supply=Supply("29", SupplyNature.NOT_TAXED))
REFUSED = {
    "no B2C": document("A/1", DAY, consumer("29")),
    "a bill of supply has no e-invoice": BILL,
    "a receipt voucher has no e-invoice": document("A/1", DAY, kind=DocumentKind.RECEIPT_VOUCHER),
    "no 0, / or - in front": document("0A/1", DAY),
    "State code 28 is closed": replace(document("A/1", DAY), supply=Supply("28", SupplyNature.INTER_STATE)),
    "past the limit of s.34(2)": document("A/1", DAY, kind=NOTE, gst_adjusting=False, original=ORIGINAL),
    "there must be 1 to 1000": document("A/1", DAY, groups=[(1800, [100] * 1001)]),
    "do not add up": replace(
        document("A/1", DAY), lines=(replace(document("A/1", DAY).lines[0], cgst_paise=0),)
    ),
    "not 4, 6 or 8 digits": replace(
        document("A/1", DAY), lines=(replace(document("A/1", DAY).lines[0], sac="99831"),)
    ),
    "quantity × price": replace(
        document("A/1", DAY), lines=(replace(document("A/1", DAY).lines[0], quantity=2),)
    ),
    "too large": document("A/1", DAY, groups=[(1800, [10**14])]),
    "the customer's country is 'IN'": document("A/1", DAY, replace(ACME, country="IN")),
}


@pytest.mark.parametrize("told", REFUSED)
def test_what_the_portal_refuses_is_not_sent(told: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        request(REFUSED[told])
    assert told in str(refused.value)


def test_embassies_consumers_and_commercial_notes_need_no_registration() -> None:
    needing = [document("A/1", DAY, buyer) for buyer in (REGISTERED, SEZ_UNIT, ACME)]
    free = [document("A/1", DAY, buyer) for buyer in (EMBASSY, consumer("07"))]
    assert all(map(needs_registration, needing))
    assert not any(map(needs_registration, [*free, BILL, REFUSED["past the limit of s.34(2)"]]))


def test_a_foreign_total_is_in_units_of_its_currency() -> None:
    for currency, minor, written in (("JPY", 4900, "4900"), ("KWD", 4_905, "4.91"), ("USD", 4905, "49.05")):
        foreign = ForeignValue(currency, minor, "0.5", "FBIL", DAY)
        made = request(document("A/1", DAY, ACME, foreign=foreign))
        assert json.dumps(made["ValDtls"]["TotInvValFc"]) == written
    assert "ForCur" not in request(document("A/1", DAY, ACME))["ExpDtls"]


def test_the_bulk_file_is_a_list_and_always_the_same() -> None:
    documents = list(composed().values())
    made = bulk(documents)
    assert json.loads(made) == list(EXAMPLES.values())
    assert made == bulk(list(composed().values()))


TEXT = st.text(max_size=130)
BUYERS = st.sampled_from([REGISTERED, SEZ_UNIT, ACME])
VALUES = st.lists(st.integers(1, 10**9), min_size=1, max_size=4)


@settings(max_examples=150, deadline=None)
@given(BUYERS, TEXT, TEXT, TEXT, TEXT, VALUES, st.booleans(), st.integers(-99, 99))
def test_whatever_is_sent_is_valid_against_the_schema(
    buyer: Buyer,
    name: str,
    address: str,
    city: str,
    mail: str,
    values: list[int],
    with_tax: bool,
    round_off: int,
) -> None:
    named = replace(
        buyer,
        name=f"Abc{name}",
        address_lines=(f"1{address}", address),
        city=f"Goa{city}",
        email=mail,
        phone=mail,
    )
    made = document("A/1", DAY, named, [(1800, [500]), (500, values)], with_tax=with_tax, round_off=round_off)
    sent = request(made)
    errors = [error.message for error in SCHEMA.iter_errors(sent)]
    assert errors == []
    head = ("AssVal", "IgstVal", "CgstVal", "SgstVal")
    rows = ("AssAmt", "IgstAmt", "CgstAmt", "SgstAmt")
    for total, row in zip(head, rows, strict=True):
        assert round(sent["ValDtls"][total] * 100) == sum(round(item[row] * 100) for item in sent["ItemList"])


def test_a_line_keeps_its_discount_apart() -> None:
    sound = document("A/1", DAY, groups=[(1800, [71_910])])
    line: Line = replace(sound.lines[0], unit_paise=79_900, discount_paise=7_990)
    item = request(replace(sound, lines=(line,)))["ItemList"][0]
    assert (item["TotAmt"], item["Discount"], item["AssAmt"]) == (799, 79.9, 719.1)
    assert needs_registration(sound) and sound.buyer.kind is BuyerKind.REGISTERED


def test_a_seller_in_a_special_economic_zone_says_that_igst_is_due_inside_its_state() -> None:
    for kind, original in ((DocumentKind.TAX_INVOICE, None), (NOTE, ORIGINAL)):
        sold = document(
            "A/1", DAY, kind=kind, original=original, supply=Supply("29", SupplyNature.INTER_STATE)
        )
        made = request(replace(sold, seller=replace(SELLER, in_sez=True)))
        SCHEMA.validate(made)
        assert (made["TranDtls"]["SupTyp"], made["TranDtls"]["IgstOnIntra"]) == ("B2B", "Y")


def test_a_sale_abroad_that_is_no_export_needs_no_registration() -> None:
    assert not needs_registration(document("A/1", DAY, ACME, supply=Supply("96", SupplyNature.INTER_STATE)))
