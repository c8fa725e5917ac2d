"""Budget first, then wallet, then nobody; and nothing is lost to rounding."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import round_half_up
from domain.usage import (
    MICRO,
    Alert,
    Month,
    Source,
    cost_micropaise,
    limit_micropaise,
    may_spend,
    month_at,
    take_in,
    used_percent,
    whole_microusd,
    whole_paise,
)

RATE = 9_000
DOLLAR = 1_000_000 * RATE
"""In micropaise."""
COSTS = st.one_of(st.integers(0, 3 * MICRO), st.integers(0, 10**14))
LIMITS = st.one_of(st.none(), st.just(0), st.integers(1, 5 * MICRO), st.integers(0, 10**14))
WALLETS = st.integers(0, 10**9)
RATES = st.integers(1, 100_000)


@given(microusd=st.integers(0, 10**10), paise=st.integers(0, 10**8), rate=RATES)
def test_a_cost_comes_back_as_it_was_told(microusd: int, paise: int, rate: int) -> None:
    in_dollars = cost_micropaise(microusd=microusd, usd_rate_paise=rate)
    assert whole_microusd(in_dollars, rate) == microusd
    assert in_dollars * 1_000_000 == microusd * rate * MICRO
    assert whole_paise(cost_micropaise(paise=paise, usd_rate_paise=rate)) == paise


def test_a_budget_in_dollars_is_used_up_by_as_many_micro_dollars() -> None:
    assert limit_micropaise(1_000, None, RATE) == cost_micropaise(microusd=10_000_000, usd_rate_paise=RATE)
    assert limit_micropaise(None, 500, RATE) == cost_micropaise(paise=500, usd_rate_paise=RATE)
    assert limit_micropaise(None, None, RATE) is None


@pytest.mark.parametrize("costs", [{}, {"microusd": 1, "paise": 1}])
def test_a_cost_is_told_in_one_unit(costs: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="micro-dollars or in paise"):
        cost_micropaise(**costs, usd_rate_paise=RATE)


@given(uses=st.lists(st.tuples(COSTS, LIMITS, WALLETS), max_size=30))
def test_whatever_comes_every_part_of_a_cost_is_paid_once_or_recorded_as_over(
    uses: list[tuple[int, int | None, int]],
) -> None:
    month = Month()
    for cost, limit, wallet in uses:
        before, taken = month, take_in(month, cost, limit, wallet)
        month = taken.month
        assert 0 <= taken.drawn_paise <= wallet
        assert month.used_micropaise == before.used_micropaise + cost
        assert month.drawn_paise == before.drawn_paise + taken.drawn_paise
        assert month.drawn_paise + month.over_paise == round_half_up(month.excess_micropaise, MICRO)
        assert before.excess_micropaise <= month.excess_micropaise <= month.used_micropaise
        assert month.over_paise >= before.over_paise
        if limit is None:
            assert month.excess_micropaise == before.excess_micropaise
        else:
            assert month.budgeted_micropaise <= max(limit, before.budgeted_micropaise)
        if month.over_paise > before.over_paise:
            assert taken.drawn_paise == wallet
    assert month.used_micropaise == sum(cost for cost, _, _ in uses)


@given(costs=st.lists(COSTS, min_size=1, max_size=20), limit=LIMITS, wallet=WALLETS)
def test_it_makes_no_difference_how_uses_are_batched(
    costs: list[int], limit: int | None, wallet: int
) -> None:
    one_by_one, left = Month(), wallet
    for cost in costs:
        taken = take_in(one_by_one, cost, limit, left)
        one_by_one, left = taken.month, left - taken.drawn_paise
    assert one_by_one == take_in(Month(), sum(costs), limit, wallet).month


@given(
    before=st.lists(st.tuples(COSTS, LIMITS, WALLETS), max_size=5), cost=COSTS, limit=LIMITS, wallet=WALLETS
)
def test_what_may_be_spent_is_covered_when_it_is(
    before: list[tuple[int, int | None, int]], cost: int, limit: int | None, wallet: int
) -> None:
    month = Month()
    for earlier in before:
        month = take_in(month, *earlier).month
    permission = may_spend(month, cost, limit, wallet)
    taken = take_in(month, cost, limit, wallet)
    if permission.allowed:
        assert taken.month.over_paise == month.over_paise
    if permission.source is Source.BUDGET:
        assert taken.drawn_paise == 0
    if permission.remaining_micropaise is None:
        assert limit is None
    else:
        assert permission.allowed == (cost <= permission.remaining_micropaise)


def test_the_wallet_pays_what_the_budget_leaves() -> None:
    almost = take_in(Month(), 9 * DOLLAR, 10 * DOLLAR, 0).month
    assert may_spend(almost, DOLLAR, 10 * DOLLAR, 0).source is Source.BUDGET
    assert may_spend(almost, 2 * DOLLAR, 10 * DOLLAR, RATE).source is Source.WALLET
    assert may_spend(almost, 2 * DOLLAR, 10 * DOLLAR, RATE - 1).source is Source.NONE
    assert take_in(almost, 2 * DOLLAR, 10 * DOLLAR, RATE).drawn_paise == RATE


def test_money_paid_in_later_pays_for_later_use_only() -> None:
    over = take_in(Month(), 3 * DOLLAR, DOLLAR, 0).month
    assert over.over_paise == 2 * RATE
    later = take_in(over, DOLLAR, DOLLAR, 10 * RATE)
    assert (later.drawn_paise, later.month.over_paise) == (RATE, 2 * RATE)


def test_a_larger_plan_covers_what_comes_after_it() -> None:
    small = take_in(Month(), 3 * DOLLAR, DOLLAR, 2 * RATE).month
    assert small.left_micropaise(50 * DOLLAR) == 49 * DOLLAR
    assert take_in(small, 49 * DOLLAR, 50 * DOLLAR, 100).drawn_paise == 0


def test_alerts_come_at_eighty_and_at_a_hundred_percent_once_each() -> None:
    limit = 10 * DOLLAR
    quiet = take_in(Month(), 8 * DOLLAR - 1, limit, 0)
    assert quiet.alerts == () and used_percent(quiet.month, limit) == 79
    warned = take_in(quiet.month, 1, limit, 0)
    assert warned.alerts == (Alert.WARNED,) and used_percent(warned.month, limit) == 80
    again = take_in(warned.month, DOLLAR, limit, 0)
    assert again.alerts == ()
    full = take_in(again.month, DOLLAR, limit, 0)
    assert full.alerts == (Alert.USED_UP,)
    assert take_in(full.month, DOLLAR, limit, 0).alerts == ()
    assert take_in(Month(), 11 * DOLLAR, limit, 0).alerts == (Alert.WARNED, Alert.USED_UP)


@given(limit=st.integers(1, 10**14), costs=st.lists(COSTS, max_size=20))
def test_nobody_is_told_the_same_twice_in_a_month(limit: int, costs: list[int]) -> None:
    month, told = Month(), list[Alert]()
    for cost in costs:
        taken = take_in(month, cost, limit, 0)
        month = taken.month
        told += taken.alerts
    assert len(told) == len(set(told)) and set(told) == month.alerts
    assert (Alert.WARNED in told) == (min(sum(costs), limit) * 100 >= 80 * limit)
    assert (Alert.USED_UP in told) == (sum(costs) >= limit)


@pytest.mark.parametrize("limit", [None, 0])
def test_without_a_budget_there_is_nothing_to_warn_of(limit: int | None) -> None:
    assert take_in(Month(), DOLLAR, limit, 0).alerts == ()
    assert used_percent(Month(), limit) is None


def test_a_wallet_that_is_short_of_nothing_draws_nothing() -> None:
    below = replace(Month(), used_micropaise=MICRO, excess_micropaise=MICRO, drawn_paise=1)
    assert take_in(below, 1, 0, -500).drawn_paise == 0


def test_a_month_begins_at_midnight_in_india() -> None:
    assert month_at(datetime(2026, 11, 30, 18, 29, 59, tzinfo=UTC)) == "2026-11"
    assert month_at(datetime(2026, 11, 30, 18, 30, tzinfo=UTC)) == "2026-12"
