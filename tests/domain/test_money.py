"""Rounding, splitting and writing of money, held against Decimal."""

import re
from decimal import ROUND_HALF_UP, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import allocate, round_half_up, rupees

AMOUNTS = st.integers(-(10**15), 10**15)
WEIGHTS = st.lists(st.integers(0, 10**9), min_size=1, max_size=20).filter(any)


@given(AMOUNTS, st.integers(1, 10**9))
def test_rounding_is_decimals_half_up(numerator: int, denominator: int) -> None:
    with localcontext(prec=80):
        expected = (Decimal(numerator) / Decimal(denominator)).quantize(Decimal(1), ROUND_HALF_UP)
    assert round_half_up(numerator, denominator) == expected


@given(AMOUNTS)
def test_an_exact_half_goes_away_from_zero(whole: int) -> None:
    away = whole + 1 if whole >= 0 else whole
    assert round_half_up(2 * whole + 1, 2) == away


@pytest.mark.parametrize("denominator", [0, -1])
def test_a_denominator_that_is_not_positive_is_refused(denominator: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        round_half_up(1, denominator)


@given(AMOUNTS, WEIGHTS)
def test_parts_sum_to_the_whole_and_none_is_off_by_a_paisa(total: int, weights: list[int]) -> None:
    parts = allocate(total, weights)
    assert len(parts) == len(weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * sum(weights) - total * weight) <= sum(weights)
        assert weight or part == 0


@given(st.integers(0, 10**12), WEIGHTS)
def test_no_part_of_a_positive_sum_is_negative(total: int, weights: list[int]) -> None:
    assert min(allocate(total, weights)) >= 0


@pytest.mark.parametrize("weights", [[], [0], [0, 0], [5, -1]])
def test_weights_that_cannot_carry_a_sum_are_refused(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        allocate(100, weights)


@pytest.mark.parametrize(
    ("paise", "written"),
    [
        (0, "₹0.00"),
        (5, "₹0.05"),
        (99_900, "₹999.00"),
        (100_000, "₹1,000.00"),
        (99_999_99, "₹99,999.99"),
        (1_00_000_00, "₹1,00,000.00"),
        (1_23_456_78, "₹1,23,456.78"),
        (12_34_567_89, "₹12,34,567.89"),
        (1_23_45_678_90, "₹1,23,45,678.90"),
        (1_23_45_67_890_01, "₹1,23,45,67,890.01"),
        (-1_00_000_50, "-₹1,00,000.50"),
    ],
)
def test_rupees_are_written_the_indian_way(paise: int, written: str) -> None:
    assert rupees(paise) == written


@given(AMOUNTS)
def test_what_is_written_reads_back_and_groups_in_threes_then_twos(paise: int) -> None:
    written = rupees(paise)
    assert int(re.sub(r"[₹,.]", "", written)) == paise
    assert re.fullmatch(r"-?₹(\d{1,3}|\d{1,2}(,\d\d)*,\d{3})\.\d\d", written)
