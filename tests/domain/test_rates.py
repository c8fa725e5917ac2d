"""Which rate applies, and which date decides it."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from domain.rates import (
    RATES,
    Rate,
    SupplyDates,
    find_rate,
    payment_date,
    rate_for,
    rate_of_supply,
    time_of_supply,
    time_of_supply_across_change,
)

CHANGE = date(2026, 4, 1)
BEFORE, EARLIER = date(2026, 3, 20), date(2026, 3, 10)
AFTER, LATER = date(2026, 4, 10), date(2026, 4, 20)
CHANGING = (
    Rate("9983", date(2017, 7, 1), 1800, CHANGE),
    Rate("9983", CHANGE, 500),
)


@pytest.mark.parametrize("sac", ["998315", "998313", "998434", "997331"])
def test_software_is_taxed_at_eighteen_percent_since_gst_began(sac: str) -> None:
    assert rate_for(sac, date(2017, 7, 1)) == 1800
    assert rate_for(sac, date(2026, 4, 1)) == 1800


def test_every_rate_names_its_law() -> None:
    assert all("11/2017" in rate.legal_ref for rate in RATES)


@pytest.mark.parametrize(
    ("sac", "day"),
    [("998315", date(2017, 6, 30)), ("8471", date(2026, 4, 1)), ("997321", date(2026, 4, 1))],
)
def test_an_unknown_rate_is_refused_not_guessed(sac: str, day: date) -> None:
    with pytest.raises(InvalidInput, match="no GST rate is known") as refusal:
        rate_for(sac, day)
    assert refusal.value.field == "sac"


def test_the_longest_prefix_wins_then_the_latest_date() -> None:
    rates = (
        Rate("99", date(2017, 7, 1), 1800),
        Rate("9983", date(2017, 7, 1), 1200),
        Rate("9983", date(2025, 9, 22), 500),
        Rate("99", date(2026, 1, 1), 2800),
    )
    assert rate_for("998315", date(2025, 9, 21), rates) == 1200
    assert rate_for("998315", date(2025, 9, 22), rates) == 500
    assert rate_for("998315", date(2026, 4, 1), rates) == 500
    assert rate_for("997331", date(2026, 4, 1), rates) == 2800


def test_a_rate_ends_the_day_before_its_end() -> None:
    assert rate_for("998315", CHANGE - timedelta(days=1), CHANGING) == 1800
    assert rate_for("998315", CHANGE, CHANGING) == 500
    with pytest.raises(InvalidInput):
        rate_for("998315", CHANGE, CHANGING[:1])


def test_a_class_of_supply_has_rates_of_its_own() -> None:
    rates = (*RATES, Rate("9983", date(2017, 7, 1), 0, supply_class="exempt"))
    assert find_rate("998315", CHANGE, rates).rate_bp == 1800
    assert find_rate("998315", CHANGE, rates, "exempt").rate_bp == 0


@pytest.mark.parametrize(
    ("supplied", "invoiced", "paid", "expected"),
    [
        (EARLIER, BEFORE, AFTER, BEFORE),  # invoiced in time: the earlier of invoice and payment
        (EARLIER, BEFORE, EARLIER, EARLIER),
        (EARLIER, BEFORE, None, BEFORE),
        (EARLIER, EARLIER + timedelta(days=30), None, EARLIER + timedelta(days=30)),
        (EARLIER, EARLIER + timedelta(days=31), LATER, EARLIER),  # late: the service counts
        (BEFORE, BEFORE + timedelta(days=40), EARLIER, EARLIER),
    ],
)
def test_time_of_supply_is_that_of_section_13(
    supplied: date, invoiced: date, paid: date | None, expected: date
) -> None:
    assert time_of_supply(SupplyDates(supplied, invoiced, paid)) == expected


SECTION_14 = [
    (EARLIER, AFTER, LATER, AFTER, 500),
    (EARLIER, LATER, AFTER, AFTER, 500),
    (EARLIER, BEFORE, AFTER, BEFORE, 1800),
    (EARLIER, AFTER, BEFORE, BEFORE, 1800),
    (AFTER, BEFORE, LATER, LATER, 500),
    (AFTER, BEFORE, EARLIER, EARLIER, 1800),
    (AFTER, LATER, BEFORE, LATER, 500),
]


@pytest.mark.parametrize(("supplied", "invoiced", "paid", "expected", "rate_bp"), SECTION_14)
def test_across_a_change_of_rate_the_table_of_section_14_decides(
    supplied: date, invoiced: date, paid: date, expected: date, rate_bp: int
) -> None:
    dates = SupplyDates(supplied, invoiced, paid)
    assert time_of_supply_across_change(dates, CHANGE) == expected
    assert rate_of_supply("998315", dates, CHANGING) == (rate_bp, expected)


@pytest.mark.parametrize(
    ("supplied", "invoiced", "rate_bp"),
    [(EARLIER, BEFORE, 1800), (EARLIER, AFTER, 500), (AFTER, BEFORE, 500)],
)
def test_what_is_not_yet_paid_counts_as_paid_after_the_change(
    supplied: date, invoiced: date, rate_bp: int
) -> None:
    assert rate_of_supply("998315", SupplyDates(supplied, invoiced), CHANGING)[0] == rate_bp


_DAYS = st.dates(date(2026, 3, 1), date(2026, 4, 28))


@given(_DAYS, _DAYS, _DAYS)
def test_two_of_three_events_on_one_side_of_a_change_fix_the_rate(
    supplied: date, invoiced: date, paid: date
) -> None:
    before = sum(day < CHANGE for day in (supplied, invoiced, paid))
    rate_bp, day = rate_of_supply("998315", SupplyDates(supplied, invoiced, paid), CHANGING)
    if before not in (0, 3):
        assert rate_bp == (1800 if before == 2 else 500)
    assert day in (supplied, invoiced, paid)
    assert rate_bp == rate_for("998315", day, CHANGING)


def test_a_row_that_changes_no_rate_changes_no_time_of_supply() -> None:
    same = (Rate("9983", date(2017, 7, 1), 1800, CHANGE), Rate("9983", CHANGE, 1800))
    dates = SupplyDates(AFTER, BEFORE, LATER)
    assert rate_of_supply("998315", dates, same) == (1800, time_of_supply(dates))


def test_a_payment_counts_from_the_earlier_of_books_and_bank() -> None:
    assert payment_date(date(2026, 3, 30), date(2026, 4, 2)) == date(2026, 3, 30)
    assert payment_date(date(2026, 4, 2), date(2026, 3, 30)) == date(2026, 3, 30)


@pytest.mark.parametrize(
    ("credited", "holidays", "expected"),
    [
        (date(2026, 4, 7), [], date(2026, 3, 30)),  # 2, 3, 6, 7 April: four working days
        (date(2026, 4, 8), [], date(2026, 4, 8)),
        (date(2026, 4, 8), [date(2026, 4, 3)], date(2026, 3, 30)),
    ],
)
def test_after_a_change_of_rate_a_late_credit_counts_itself(
    credited: date, holidays: list[date], expected: date
) -> None:
    assert payment_date(date(2026, 3, 30), credited, CHANGE, holidays) == expected
