"""Giving back: never more than the original, never at another rate, and in the end exactly all of it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.credit import (
    MoneyBack,
    Part,
    Portion,
    as_credit_note,
    as_refund_voucher,
    credit_lines,
    credit_rest,
    credit_total,
    last_day_to_adjust,
    part_of_advance,
    unused_share,
)
from domain.document import Buyer, DocumentKind, Original, Seller, TaxDocument
from domain.errors import InvalidInput, Refused
from domain.foreign import ForeignRate
from domain.gst import STATES, TaxHead
from domain.supply import BuyerKind, Supply, SupplyNature
from domain.tax import DocumentAmount, Item, Terms, advance_amount, amount_of, document_amount, head_of

_FILE = Path(__file__).parents[1] / "vectors" / "gst_calc_vectors.json"
CASES: dict[str, dict[str, Any]] = {case["id"]: case for case in json.loads(_FILE.read_text())["cases"]}

SAC = "998315"
INTRA, INTER = Supply("29", SupplyNature.INTRA_STATE), Supply("27", SupplyNature.INTER_STATE)
ISSUED, LATER = date(2026, 4, 5), date(2026, 6, 1)
PAST_LIMIT = date(2027, 12, 1)


def document(
    made: DocumentAmount, supply: Supply = INTRA, kind: DocumentKind = DocumentKind.TAX_INVOICE
) -> TaxDocument:
    return TaxDocument(
        id="doc_1",
        kind=kind,
        number="BH26-27/000001",
        issued_on=ISSUED,
        seller=Seller("Bahi Private Limited", "29AAACI4798L1ZU", ("4 Residency Road",)),
        buyer=Buyer("Asha Verma", BuyerKind.UNREGISTERED, state_code=supply.place),
        supply=supply,
        lines=made.lines,
        amount=made.amount,
        supplied_on=ISSUED,
        foreign=made.foreign,
    )


def invoice(*units: int, supply: Supply = INTRA, **terms: Any) -> TaxDocument:
    items = [Item("Plan", SAC, 1800, unit) for unit in units]
    return document(document_amount(items, supply, Terms(**terms)), supply)


def sums(parts: Sequence[Part]) -> tuple[int, ...]:
    lines = [line for part in parts for line in part.lines]
    return (
        sum(line.taxable_paise for line in lines),
        sum(line.cgst_paise for line in lines),
        sum(line.sgst_paise for line in lines),
        sum(line.igst_paise for line in lines),
    )


def test_three_equal_notes_give_back_the_paisa_that_recomputing_would_lose() -> None:
    case, original = CASES["C24"], invoice(100_010)
    notes: list[Portion] = []
    for taxable in case["cn_taxables"]:
        notes.append(credit_lines(original, notes, {0: taxable}, LATER))
    assert [note.amount.head_paise(TaxHead.CGST) for note in notes] == case["cn_cgst_each"]
    assert [note.amount.head_paise(TaxHead.SGST) for note in notes] == case["cn_cgst_each"]
    assert sum(note.amount.total_paise for note in notes) == case["total"]


def test_an_upgrade_gives_back_the_unused_days() -> None:
    case, original = CASES["C22"], invoice(79_900)
    note = credit_lines(original, [], {0: unused_share(79_900, 20, 30)}, LATER)
    assert (note.amount.taxable_paise, note.amount.total_paise) == (case["taxable"], case["total"])
    assert note.amount.head_paise(TaxHead.CGST) == case["cgst"]


@pytest.mark.parametrize(("unused", "period"), [(-1, 30), (31, 30), (0, 0)])
def test_days_that_no_period_has_are_refused(unused: int, period: int) -> None:
    with pytest.raises(InvalidInput, match="up to the whole period"):
        unused_share(79_900, unused, period)


def test_a_note_keeps_the_rate_place_and_parties_of_its_original() -> None:
    original = invoice(79_900, 20_100, supply=INTER)
    portion = credit_total(original, [], 50_000, LATER)
    note = as_credit_note(
        original, [], portion, document_id="crn_1", number="CN26-27/000001", issued_on=LATER, reason="unused"
    )
    assert note.kind is DocumentKind.CREDIT_NOTE
    assert note.original == Original(original.number, ISSUED, original.amount.total_paise)
    assert (note.supply, note.buyer, note.seller) == (original.supply, original.buyer, original.seller)
    assert {line.rate_bp for line in note.lines} == {1800}
    assert note.amount.total_paise == 50_000
    assert [line.original_line for line in note.lines] == [0, 1]
    again = credit_rest(original, [note], LATER)
    assert sums([note, again]) == sums([original])


def test_a_note_speaks_of_the_refund_and_never_of_the_payment_of_its_original() -> None:
    paid: dict[str, Any] = {"payment_reference": "pay_1", "payment_method": "upi", "paid_on": ISSUED}
    original = replace(invoice(79_900), **paid)
    portion = credit_total(original, [], 50_000, LATER)
    named: dict[str, Any] = {
        "document_id": "crn_1", "number": "CN26-27/000001", "issued_on": LATER, "reason": "unused"
    }  # fmt: skip
    refunded = as_credit_note(original, [], portion, **named, back=MoneyBack("rfnd_1", LATER))
    assert (refunded.payment_reference, refunded.payment_method, refunded.paid_on) == ("rfnd_1", "upi", LATER)
    goodwill = as_credit_note(original, [], portion, **named)
    assert (goodwill.payment_reference, goodwill.payment_method, goodwill.paid_on) == ("", "", None)


def test_a_note_is_not_dated_before_its_original() -> None:
    original = invoice(79_900)
    portion = credit_rest(original, [], ISSUED)
    with pytest.raises(InvalidInput, match="that day or after"):
        as_credit_note(
            original,
            [],
            portion,
            document_id="crn_1",
            number="CN26-27/000001",
            issued_on=ISSUED - timedelta(days=1),
            reason="",
        )


def test_round_off_goes_back_with_the_last_of_the_value() -> None:
    original = invoice(79_900, round_total_to_rupee=True)  # 942.82 shown as 943.00
    part = credit_lines(original, [], {0: 40_000}, LATER)
    assert part.amount.round_off_paise == 0
    rest = credit_rest(original, [part], LATER)
    assert rest.amount.round_off_paise == 18
    assert part.amount.total_paise + rest.amount.total_paise == 94_300


def test_a_note_of_all_value_is_a_note_of_the_whole_total() -> None:
    original = invoice(50_000, 29_900, round_total_to_rupee=True)
    note = credit_lines(original, [], {0: 50_000, 1: 29_900}, LATER)
    assert note.amount.round_off_paise == 18
    assert note.amount == original.amount


def test_what_was_rounded_down_is_never_given_back_beyond_the_total() -> None:
    original = invoice(101, round_total_to_rupee=True)  # 1.19 shown as 1.00
    assert original.amount.round_off_paise == -19
    part = credit_lines(original, [], {0: 100}, LATER)
    assert part.amount.total_paise == original.amount.total_paise
    with pytest.raises(Refused) as refusal:
        credit_lines(original, [part], {0: 1}, LATER)
    assert refusal.value.state == "fully_credited"


@pytest.mark.parametrize("asked", [94_283, 10**9])
def test_more_than_the_invoice_is_refused_with_what_is_left(asked: int) -> None:
    original = invoice(79_900)
    with pytest.raises(Refused, match=r"₹942\.82 is left") as refusal:
        credit_total(original, [], asked, LATER)
    assert refusal.value.state == "partly_credited"


def test_a_fully_credited_invoice_gives_nothing_more() -> None:
    original = invoice(79_900)
    whole = credit_rest(original, [], LATER)
    attempts: list[Callable[[], Portion]] = [
        lambda: credit_rest(original, [whole], LATER),
        lambda: credit_total(original, [whole], 1, LATER),
        lambda: credit_lines(original, [whole], {0: 1}, LATER),
    ]
    for again in attempts:
        with pytest.raises(Refused, match=r"₹0\.00") as refusal:
            again()
        assert refusal.value.state == "fully_credited"


def test_a_line_gives_no_more_than_its_own_value() -> None:
    original = invoice(79_900, 20_100)
    with pytest.raises(Refused, match=r"₹201\.00 of line 2 before tax is left"):
        credit_lines(original, [], {1: 20_101}, LATER)


@pytest.mark.parametrize("lines", [{}, {0: 0}, {0: -1}, {5: 100}, {-1: 100}])
def test_a_credit_of_nothing_or_of_no_line_is_refused(lines: dict[int, int]) -> None:
    with pytest.raises(InvalidInput):
        credit_lines(invoice(79_900), [], lines, LATER)


@pytest.mark.parametrize("total", [0, -1])
def test_a_credit_of_no_money_is_refused(total: int) -> None:
    with pytest.raises(InvalidInput, match="above nothing"):
        credit_total(invoice(79_900), [], total, LATER)


def test_a_paisa_that_is_only_round_off_has_no_note() -> None:
    original = invoice(79_900, round_total_to_rupee=True)
    value = credit_lines(original, [], {0: 79_900}, LATER)
    trimmed = replace(value, amount=amount_of(value.lines, INTRA))
    with pytest.raises(Refused, match="round-off without value"):
        credit_total(original, [trimmed], 18, LATER)


@pytest.mark.parametrize(
    "kind", [DocumentKind.PROFORMA, DocumentKind.CREDIT_NOTE, DocumentKind.RECEIPT_VOUCHER]
)
def test_only_an_invoice_can_be_credited(kind: DocumentKind) -> None:
    original = replace(invoice(79_900), kind=kind)
    with pytest.raises(InvalidInput, match="only an invoice"):
        credit_rest(original, [], LATER)


def test_a_bill_of_supply_is_credited_without_tax() -> None:
    supply = Supply("29", SupplyNature.NOT_TAXED)
    made = document_amount([Item("Plan", SAC, 1800, 79_900)], supply)
    note = credit_total(document(made, supply, DocumentKind.BILL_OF_SUPPLY), [], 10_000, LATER)
    assert (note.amount.taxes, note.amount.taxable_paise) == ((), 10_000)


def test_a_note_that_does_not_say_its_line_is_only_understood_where_there_is_one() -> None:
    def silent(original: TaxDocument) -> Portion:
        part = credit_total(original, [], 100, LATER)
        return replace(part, lines=tuple(replace(line, original_line=None) for line in part.lines))

    one, two = invoice(79_900), invoice(79_900, 20_100)
    assert sums([silent(one), credit_rest(one, [silent(one)], LATER)]) == sums([one])
    with pytest.raises(ValueError, match="which line"):
        credit_rest(two, [silent(two)], LATER)


# The time limit


@pytest.mark.parametrize(
    ("supplied", "filed", "last"),
    [
        (date(2026, 4, 1), None, date(2027, 11, 30)),
        (date(2027, 3, 31), None, date(2027, 11, 30)),
        (date(2027, 4, 1), None, date(2028, 11, 30)),
        (date(2026, 4, 1), date(2027, 10, 2), date(2027, 10, 2)),
        (date(2026, 4, 1), date(2027, 12, 31), date(2027, 11, 30)),
    ],
)
def test_the_limit_is_30_november_after_the_year_or_the_annual_return(
    supplied: date, filed: date | None, last: date
) -> None:
    assert last_day_to_adjust(supplied, filed) == last


def test_past_the_limit_money_goes_back_without_gst() -> None:
    original = invoice(79_900, 20_100)
    in_time = credit_total(original, [], 18_000, date(2027, 11, 30))
    late = credit_total(original, [in_time], 50_000, PAST_LIMIT)
    assert (in_time.gst_adjusting, late.gst_adjusting) == (True, False)
    assert (late.amount.taxes, late.amount.total_paise) == ((), 50_000)
    last = credit_rest(original, [in_time, late], PAST_LIMIT)
    assert 18_000 + 50_000 + last.amount.total_paise == original.amount.total_paise
    with pytest.raises(Refused):
        credit_total(original, [in_time, late, last], 1, PAST_LIMIT)
    by_line = credit_lines(original, [in_time], {1: 5_000}, PAST_LIMIT)
    assert (by_line.gst_adjusting, by_line.amount.total_paise) == (False, 5_000)
    with pytest.raises(Refused, match="of line 2 before tax is left"):
        credit_lines(original, [in_time, by_line], {1: 20_100 - 5_000}, PAST_LIMIT)


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.lists(st.integers(1, 50_000), min_size=1, max_size=10), st.booleans())
def test_notes_without_gst_never_exceed_the_invoice_either(asked: list[int], rounded: bool) -> None:
    original = invoice(79_900, 20_150, round_total_to_rupee=rounded)
    notes: list[Portion] = []
    for wanted in asked:
        left = original.amount.total_paise - sum(note.amount.total_paise for note in notes)
        if left:
            notes.append(credit_total(original, notes, min(wanted, left), PAST_LIMIT))
            assert notes[-1].amount.total_paise == min(wanted, left)
    if original.amount.total_paise > sum(note.amount.total_paise for note in notes):
        notes.append(credit_rest(original, notes, PAST_LIMIT))
    assert sum(note.amount.total_paise for note in notes) == original.amount.total_paise
    assert sum(note.amount.tax_paise for note in notes) == 0


def test_a_note_without_gst_takes_from_lines_that_have_something_left() -> None:
    original = invoice(79_900, 20_100)
    first = credit_lines(original, [], {0: 79_900}, LATER)
    late = credit_total(original, [first], 1_000, PAST_LIMIT)
    assert [line.original_line for line in late.lines] == [1]


def test_after_a_note_without_gst_none_with_gst_follows() -> None:
    original = invoice(79_900)
    late = credit_total(original, [], 10_000, PAST_LIMIT)
    with pytest.raises(Refused, match="without GST"):
        credit_total(original, [late], 10_000, LATER)


# Advances


def test_an_advance_is_refunded_at_the_vouchers_rate_and_place() -> None:
    voucher = document(advance_amount(1_000_000, INTER, "Advance", SAC), INTER, DocumentKind.RECEIPT_VOUCHER)
    used = part_of_advance(voucher, [], 400_000)
    back = part_of_advance(voucher, [used], 600_000)
    refund = as_refund_voucher(
        voucher, [used], back, document_id="rfv_1", number="RF26-27/000001", issued_on=LATER, reason="unused"
    )
    assert refund.kind is DocumentKind.REFUND_VOUCHER
    assert refund.original is not None
    assert refund.original.number == voucher.number
    assert used.amount.taxable_paise + back.amount.taxable_paise == CASES["C26"]["taxable"]
    assert used.amount.tax_paise + back.amount.tax_paise == CASES["C26"]["igst"]
    with pytest.raises(Refused):
        part_of_advance(voucher, [used, refund], 1)


def test_an_invoice_is_no_advance() -> None:
    with pytest.raises(InvalidInput, match="no receipt voucher"):
        part_of_advance(invoice(79_900), [], 100)


def test_foreign_parts_add_up_to_the_foreign_price() -> None:
    supply = Supply("96", SupplyNature.EXPORT_WITHOUT_TAX)
    rate = ForeignRate("USD", "83.1234", "RBI reference rate", ISSUED)
    original = document(document_amount([Item("Plan", SAC, 1800, 4900)], supply, foreign=rate), supply)
    notes: list[TaxDocument] = []
    for asked in (135_768, 135_768, None):
        portion = (
            credit_rest(original, notes, LATER)
            if asked is None
            else credit_total(original, notes, asked, LATER)
        )
        notes.append(
            as_credit_note(
                original, notes, portion, document_id="c", number="CN1", issued_on=LATER, reason="unused"
            )
        )
    assert sum(note.foreign.total_minor for note in notes if note.foreign) == 4900
    assert next(note.foreign.total_minor for note in notes if note.foreign) == 1633


# Invariants (gst.md 5.8)


@st.composite
def originals(draw: st.DrawFn) -> TaxDocument:
    sold = [
        Item("Plan", SAC, rate_bp, unit)
        for unit, rate_bp in draw(
            st.lists(
                st.tuples(st.integers(1, 10**6), st.sampled_from([0, 500, 1800, 2800])),
                min_size=1,
                max_size=5,
            )
        )
    ]
    supply = Supply(draw(st.sampled_from(sorted(STATES))), draw(st.sampled_from(list(SupplyNature))))
    terms = Terms(prices_include_tax=draw(st.booleans()), round_total_to_rupee=draw(st.booleans()))
    return document(document_amount(sold, supply, terms), supply)


def check_bounds(original: TaxDocument, notes: Sequence[Part]) -> None:
    """Per line and per head, and in total; the halves stay equal."""
    assert sum(note.amount.total_paise for note in notes) <= original.amount.total_paise
    for position, line in enumerate(original.lines):
        taken = [each for note in notes for each in note.lines if each.original_line == position]
        assert sum(each.taxable_paise for each in taken) <= line.taxable_paise
        for head in TaxHead:
            assert sum(head_of(each, head) for each in taken) <= head_of(line, head)
        for each in taken:
            assert each.cgst_paise == each.sgst_paise
            assert each.rate_bp == line.rate_bp
            assert min(each.taxable_paise, each.cgst_paise, each.igst_paise) >= 0


@settings(max_examples=300, derandomize=True, deadline=None)
@given(originals(), st.lists(st.integers(1, 10**6), min_size=1, max_size=12))
def test_refunds_of_any_size_add_up_to_the_invoice_and_never_exceed_it(
    original: TaxDocument, asked: list[int]
) -> None:
    """Up to 13 notes on each of 300 invoices."""
    notes: list[Portion] = []
    left = original.amount.total_paise
    for wanted in asked:
        paise = min(wanted, left - left // 5)
        if paise < 100:
            break  # gateways refund a rupee at the least
        notes.append(credit_total(original, notes, paise, LATER))
        left -= paise
        assert notes[-1].amount.total_paise == paise
        # Past the invoice's own rounding to the rupee, a note misses by a paisa or two at the most.
        assert abs(notes[-1].amount.round_off_paise) <= 2 + abs(original.amount.round_off_paise)
        check_bounds(original, notes)
    if left >= 100:
        notes.append(credit_rest(original, notes, LATER))
        check_bounds(original, notes)
        assert sums(notes) == sums([original])
        assert sum(note.amount.round_off_paise for note in notes) == original.amount.round_off_paise
        assert sum(note.amount.total_paise for note in notes) == original.amount.total_paise


@settings(max_examples=300, derandomize=True, deadline=None)
@given(originals(), st.lists(st.tuples(st.integers(0, 4), st.integers(1, 10**6)), min_size=1, max_size=8))
def test_credits_by_line_never_exceed_any_head_and_end_in_all_of_it(
    original: TaxDocument, asked: list[tuple[int, int]]
) -> None:
    notes: list[Portion] = []
    for position, wanted in asked:
        at = position % len(original.lines)
        left = original.lines[at].taxable_paise - sum(
            line.taxable_paise for note in notes for line in note.lines if line.original_line == at
        )
        money_left = original.amount.total_paise - sum(note.amount.total_paise for note in notes)
        if left and money_left:
            notes.append(credit_lines(original, notes, {at: min(wanted, left)}, LATER))
            check_bounds(original, notes)
    if original.amount.total_paise > sum(note.amount.total_paise for note in notes) and sums(notes) != sums(
        [original]
    ):
        notes.append(credit_rest(original, notes, LATER))
        check_bounds(original, notes)
        assert sums(notes) == sums([original])
        assert sum(note.amount.total_paise for note in notes) == original.amount.total_paise


def test_fifty_refunds_of_one_invoice_keep_the_round_off_within_a_paisa_or_two() -> None:
    original = invoice(999_900, 12_345, 67)
    notes: list[Portion] = []
    for _ in range(50):
        notes.append(credit_total(original, notes, 1_001, LATER))
        assert abs(sum(note.amount.round_off_paise for note in notes)) <= 1
    check_bounds(original, notes)
