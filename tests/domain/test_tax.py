"""Whole documents: the 27 worked vectors, and what every document keeps."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.credit import unused_share
from domain.document import ForeignValue
from domain.errors import InvalidInput, Misconfigured
from domain.foreign import ForeignRate, minor_digits, written
from domain.gst import STATES, TaxHead, TaxLine, tax_on_supply
from domain.supply import Supply, SupplyNature
from domain.tax import (
    DocumentAmount,
    Item,
    Terms,
    advance_amount,
    amount_of,
    document_amount,
    head_of,
    supply_of_advance,
)

_FILE = Path(__file__).parents[1] / "vectors" / "gst_calc_vectors.json"
CASES: dict[str, dict[str, Any]] = {case["id"]: case for case in json.loads(_FILE.read_text())["cases"]}

SAC = "998315"
INTRA, INTER = Supply("29", SupplyNature.INTRA_STATE), Supply("27", SupplyNature.INTER_STATE)
ABROAD = Supply("96", SupplyNature.EXPORT_WITHOUT_TAX)
INCLUSIVE = Terms(prices_include_tax=True)
DOLLARS = ForeignRate("USD", "83.1234", "RBI reference rate", date(2026, 1, 12))


def item(unit: int, quantity: int = 1, rate_bp: int = 1800, discount: int = 0) -> Item:
    return Item("Starter plan", SAC, rate_bp, unit, quantity, discount)


@dataclass(frozen=True)
class Sale:
    """How a vector's case is sold."""

    items: Sequence[Item]
    supply: Supply
    terms: Terms = field(default_factory=Terms)
    foreign: ForeignRate | None = None


def inclusive(total: int, supply: Supply) -> Sale:
    return Sale([item(total)], supply, INCLUSIVE)


SALES: dict[str, Sale] = {
    "C01": Sale([item(79_900)], INTRA),
    "C02": Sale([item(79_900)], INTER),
    "C03": Sale([item(299_900)], INTRA),
    "C04": Sale([item(999_900, 10)], INTER),
    "C05": Sale([item(999_900, 10)], INTRA),
    "C06": Sale([item(8_474_500)], INTER),
    "C07": inclusive(99_900, INTRA),
    "C08": inclusive(99_900, INTER),
    "C09": inclusive(49_900, INTRA),
    "C10": inclusive(29_900, INTRA),
    "C11": Sale([item(299_900)], INTRA, Terms(discount_bp=1000)),
    "C12": Sale([item(79_900), item(20_100)], INTRA, Terms(discount_minor=10_000)),
    "C13": Sale([item(100_000), item(50_000, rate_bp=500)], INTRA),
    "C14": Sale([item(105), item(105)], INTRA),
    "C15": Sale([item(1050)], INTRA),
    "C16": Sale([item(1050)], INTER),
    "C17": Sale([item(4900)], ABROAD, foreign=DOLLARS),
    "C18": Sale([item(4900)], Supply("96", SupplyNature.EXPORT_WITH_TAX), foreign=DOLLARS),
    "C19": Sale([item(500_000)], Supply("29", SupplyNature.SEZ_WITHOUT_TAX)),
    "C20": Sale([item(500_000)], Supply("29", SupplyNature.SEZ_WITH_TAX)),
    "C21": Sale([item(299_900)], Supply("04", SupplyNature.INTRA_STATE)),
    "C22": Sale([item(unused_share(79_900, 20, 30))], INTRA),
    "C23": Sale([item(unused_share(299_900, 20, 30))], INTRA),
    "C24": Sale([item(100_010)], INTRA),
    "C25": Sale([item(79_900)], INTRA, Terms(round_total_to_rupee=True)),
    "C26": inclusive(1_000_000, INTER),
    "C27": inclusive(10_000_000, INTER),
}


def sold(case_id: str) -> DocumentAmount:
    sale = SALES[case_id]
    return document_amount(sale.items, sale.supply, sale.terms, sale.foreign)


def test_no_vector_is_left_out() -> None:
    assert SALES.keys() == CASES.keys()
    assert len(CASES) == 27


@pytest.mark.parametrize("case_id", sorted(CASES))
def test_a_document_comes_to_the_vectors_money(case_id: str) -> None:
    case, made = CASES[case_id], sold(case_id)
    amount = made.amount
    local = amount.head_paise(TaxHead.SGST) + amount.head_paise(TaxHead.UTGST)
    assert amount.taxable_paise == case["taxable"]
    assert (amount.head_paise(TaxHead.IGST), amount.head_paise(TaxHead.CGST), local) == (
        case["igst"],
        case["cgst"],
        case["sgst"],
    )
    assert (amount.round_off_paise, amount.total_paise) == (case["round_off"], case["total"])
    for group in case["groups"]:
        lines = [line for line in made.lines if line.rate_bp == group["rate_bp"]]
        assert sum(line.taxable_paise for line in lines) == group["taxable"]
        assert sum(line.igst_paise for line in lines) == group["igst"]
        assert sum(line.cgst_paise for line in lines) == group["cgst"]
        assert sum(line.sgst_paise for line in lines) == group["sgst"]


def test_the_vectors_discounts_and_line_shares_are_met_too() -> None:
    assert [line.discount_paise for line in sold("C12").lines] == CASES["C12"]["line_discounts"]
    assert [line.taxable_paise for line in sold("C12").lines] == CASES["C12"]["line_taxables"]
    assert [line.cgst_paise for line in sold("C14").lines] == CASES["C14"]["line_cgst"]
    assert sold("C11").lines[0].discount_paise == CASES["C11"]["discount"]


def test_union_territory_tax_travels_with_the_states() -> None:
    made = sold("C21")
    assert made.amount.head_paise(TaxHead.UTGST) == made.lines[0].sgst_paise == 26_991


def test_an_advance_holds_its_tax_and_an_unknown_purpose_is_between_states() -> None:
    made = advance_amount(1_000_000, supply_of_advance("29"), "Advance", SAC)
    assert made.amount.taxes == (TaxLine(TaxHead.IGST, 1800, 847_458, 152_542),)
    assert made.amount.total_paise == 1_000_000


def test_without_payment_of_tax_the_document_has_one_line_of_igst_at_nothing() -> None:
    assert sold("C19").amount.taxes == (TaxLine(TaxHead.IGST, 0, 500_000, 0),)
    assert sold("C19").lines[0].rate_bp == 1800


def test_a_bill_of_supply_shows_no_tax_and_no_rate() -> None:
    made = document_amount([item(79_900)], Supply("29", SupplyNature.NOT_TAXED))
    assert (made.amount.taxes, made.amount.total_paise, made.lines[0].rate_bp) == ((), 79_900, 0)


@pytest.mark.parametrize("nature", [SupplyNature.EXPORT_WITHOUT_TAX, SupplyNature.NOT_TAXED])
def test_a_price_that_includes_tax_is_all_value_where_none_is_due(nature: SupplyNature) -> None:
    made = document_amount([item(99_900)], Supply("96", nature), INCLUSIVE)
    assert (made.amount.taxable_paise, made.amount.round_off_paise) == (99_900, 0)


# Foreign currency


def test_a_foreign_price_is_noted_with_rate_source_and_day() -> None:
    assert sold("C17").foreign == ForeignValue(
        "USD", 4900, "83.1234", "RBI reference rate", date(2026, 1, 12)
    )
    with_tax = sold("C18").foreign
    assert with_tax is not None
    assert with_tax.total_minor == 5782


def test_seats_priced_abroad_are_converted_per_line_once() -> None:
    made = document_amount([item(4900, 3)], ABROAD, foreign=DOLLARS)
    line = made.lines[0]
    assert line.taxable_paise == 1_221_914  # not 3 × 407305
    assert (line.quantity, line.unit_paise) == (1, 1_221_914)
    assert line.description == "Starter plan (3 × USD 49.00)"


@pytest.mark.parametrize(
    ("currency", "rate", "minor", "paise"),
    [("USD", "83.1234", 4900, 407_305), ("JPY", "0.55", 1000, 55_000), ("KWD", "270.5", 1500, 40_575)],
)
def test_each_currency_has_its_own_smallest_unit(currency: str, rate: str, minor: int, paise: int) -> None:
    assert ForeignRate(currency, rate, "bank", date(2026, 1, 1)).paise(minor) == paise


def test_amounts_are_written_with_their_currencys_decimals() -> None:
    assert [minor_digits(code) for code in ("USD", "JPY", "KWD")] == [2, 0, 3]
    assert [written("USD", 4905), written("JPY", 500), written("KWD", 1500)] == [
        "USD 49.05",
        "JPY 500",
        "KWD 1.500",
    ]


@pytest.mark.parametrize(
    ("currency", "rate"),
    [("INR", "1"), ("usd", "83"), ("USD", "0.00"), ("USD", "-83"), ("USD", "8e1"), ("USD", "83.123456789")],
)
def test_what_is_no_exchange_rate_is_refused(currency: str, rate: str) -> None:
    with pytest.raises(InvalidInput):
        ForeignRate(currency, rate, "bank", date(2026, 1, 1))


# Discounts and prices


def test_an_inclusive_line_of_seats_that_do_not_divide_counts_as_one() -> None:
    line = document_amount([item(33_300, 3)], INTRA, INCLUSIVE).lines[0]
    assert (line.quantity, line.unit_paise, line.taxable_paise) == (1, 84_661, 84_661)
    assert line.description == "Starter plan (3 × ₹333.00)"


def test_an_inclusive_discount_is_shown_before_tax() -> None:
    line = document_amount([item(99_900)], INTER, Terms(discount_bp=1000, prices_include_tax=True)).lines[0]
    assert (line.unit_paise, line.discount_paise, line.taxable_paise) == (84_661, 8466, 76_195)


@pytest.mark.parametrize("terms", [Terms(discount_bp=10_000), Terms(10_000, prices_include_tax=True)])
def test_a_whole_discount_leaves_nothing_to_pay_and_shows_the_price(terms: Terms) -> None:
    made = document_amount([item(1180, 2), item(500, rate_bp=500)], INTRA, terms)
    assert made.amount.total_paise == 0
    assert all(line.discount_paise > 0 for line in made.lines)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: document_amount([], INTRA), "at least one line"),
        (lambda: document_amount([item(100)], INTRA, Terms(discount_minor=101)), "larger than the price"),
        (lambda: item(100, discount=101), "between nothing and the price"),
        (lambda: item(100, quantity=0), "at least 1"),
        (lambda: item(-1), "at least 1"),
        (lambda: Terms(discount_bp=10_001), "between nothing"),
    ],
)
def test_amounts_that_make_no_document_are_refused(build: Any, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        build()


def test_tax_heads_in_whole_rupees_are_by_choice_and_for_prices_before_tax() -> None:
    made = document_amount(
        [item(79_900), item(100_000, rate_bp=500)], INTRA, Terms(round_tax_heads_to_rupee=True)
    )
    assert [line.tax_paise for line in made.amount.taxes] == [7200, 7200, 2500, 2500]
    assert made.amount.round_off_paise == 0
    with pytest.raises(Misconfigured, match="price before tax"):
        Terms(prices_include_tax=True, round_tax_heads_to_rupee=True)


# Invariants (gst.md 5.8)

RATES_BP = st.sampled_from([0, 25, 300, 500, 1200, 1800, 2800, 4000])
PLACES = st.sampled_from(sorted(STATES))
SUPPLIES = st.builds(Supply, PLACES, st.sampled_from(list(SupplyNature)))


Drawn = tuple[list[Item], int, int]
"""Items, and the percentage and fixed discount on all of them."""


@st.composite
def drawn(draw: st.DrawFn) -> Drawn:
    sold = []
    for unit, quantity, rate_bp, off in draw(
        st.lists(
            st.tuples(st.integers(0, 10**7), st.integers(1, 50), RATES_BP, st.integers(0, 200)),
            min_size=1,
            max_size=6,
        )
    ):
        discount = unit * quantity * off // 100 if off <= 100 else 0
        sold.append(Item("Plan", SAC, rate_bp, unit, quantity, discount))
    percent, fixed = draw(st.just(0) | st.integers(0, 10_000)), draw(st.just(0) | st.integers(0, 10**6))
    # What rounding up per rate leaves at the least.
    left = whole(sold) - (whole(sold) * percent + 9_999) // 10_000 - len(sold)
    return sold, percent, max(0, min(fixed, left))


def whole(sold: Sequence[Item]) -> int:
    return sum(each.gross_minor - each.discount_minor for each in sold)


def every_terms(percent: int, fixed: int) -> list[Terms]:
    return [
        Terms(percent, fixed, prices_include_tax=inclusive, round_total_to_rupee=rounded)
        for inclusive in (False, True)
        for rounded in (False, True)
    ]


def check_lines(made: DocumentAmount, supply: Supply) -> None:
    amount, lines = made.amount, made.lines
    assert sum(line.taxable_paise for line in lines) == amount.taxable_paise
    for line in lines:
        assert line.quantity * line.unit_paise - line.discount_paise == line.taxable_paise
        assert min(line.taxable_paise, line.discount_paise, line.igst_paise, line.cgst_paise) >= 0
        assert line.cgst_paise == line.sgst_paise
    for head in TaxHead:
        if amount.head_paise(head):
            assert sum(head_of(line, head) for line in lines) == amount.head_paise(head)
    assert amount_of(lines, supply, amount.round_off_paise) == amount


def check_groups(made: DocumentAmount, supply: Supply) -> None:
    """CGST = SGST and tax = rate × taxable value on every rate group."""
    groups = {line.rate_bp: 0 for line in made.lines}
    for line in made.lines:
        groups[line.rate_bp] += line.taxable_paise
    expected = [tax for rate_bp, taxable in groups.items() for tax in tax_on_supply(supply, rate_bp, taxable)]
    assert list(made.amount.taxes) == expected
    local = made.amount.head_paise(TaxHead.SGST) + made.amount.head_paise(TaxHead.UTGST)
    assert made.amount.head_paise(TaxHead.CGST) == local


@settings(max_examples=450, derandomize=True, deadline=None)
@given(drawn(), PLACES)
def test_every_document_adds_up_by_line_by_rate_and_in_total(document: Drawn, place: str) -> None:
    """450 sets of items, each sold as 7 kinds of supply on 4 kinds of terms: 12,600 documents."""
    sold, percent, fixed = document
    for nature, terms in itertools.product(SupplyNature, every_terms(percent, fixed)):
        supply = Supply(place, nature)
        made = document_amount(sold, supply, terms)
        amount = made.amount
        check_lines(made, supply)
        check_groups(made, supply)
        assert amount.taxable_paise + amount.tax_paise + amount.round_off_paise == amount.total_paise
        if terms.round_total_to_rupee:
            assert amount.total_paise % 100 == 0
            assert abs(amount.round_off_paise) <= 50
        elif terms.prices_include_tax:
            assert abs(amount.round_off_paise) <= 1
        else:
            assert amount.round_off_paise == 0
            assert amount.taxable_paise <= whole(sold) - fixed


@settings(max_examples=100, derandomize=True, deadline=None)
@given(drawn(), PLACES, st.integers(0, 10**6))
def test_prices_and_fixed_discounts_are_met_to_the_paisa(document: Drawn, place: str, discount: int) -> None:
    sold, _, _ = document
    discount = min(discount, whole(sold))
    for nature in SupplyNature:
        supply = Supply(place, nature)
        included = document_amount(sold, supply, Terms(discount_minor=discount, prices_include_tax=True))
        assert included.amount.total_paise == whole(sold) - discount
        on_top = document_amount(sold, supply, Terms(discount_minor=discount))
        assert on_top.amount.taxable_paise == whole(sold) - discount
        assert document_amount(sold, supply, Terms(discount_minor=discount)) == on_top


@settings(max_examples=100, derandomize=True, deadline=None)
@given(drawn(), st.integers(1, 10**7 - 1), st.integers(0, 8))
def test_foreign_documents_keep_all_of_this(document: Drawn, scaled: int, places: int) -> None:
    sold, percent, fixed = document
    whole_rupees, rest = divmod(scaled, 10**places)
    rate = f"{whole_rupees}.{rest:0{places}d}" if places else str(whole_rupees)
    foreign = ForeignRate("USD", rate, "bank", date(2026, 1, 1))
    for nature, terms in itertools.product(SupplyNature, every_terms(percent, fixed)):
        supply = Supply("96", nature) if nature is not SupplyNature.INTRA_STATE else INTRA
        made = document_amount(sold, supply, terms, foreign)
        check_lines(made, supply)
        check_groups(made, supply)


@settings(max_examples=100, derandomize=True, deadline=None)
@given(drawn(), SUPPLIES)
def test_tax_in_whole_rupees_keeps_the_halves_equal(document: Drawn, supply: Supply) -> None:
    made = document_amount(document[0], supply, Terms(round_tax_heads_to_rupee=True))
    check_lines(made, supply)
    assert all(tax.tax_paise % 100 == 0 for tax in made.amount.taxes)
