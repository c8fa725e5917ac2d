"""The arithmetic of razorpay.md, Appendix A, against the published samples."""

import random
from datetime import UTC, datetime

import pytest

from simulator import cycles, wording
from simulator.ids import Mint, encode, well_formed


@pytest.mark.parametrize(
    ("start", "period", "count", "end"),
    [
        (1593109800, "monthly", 3, 1598380200),
        (1570213800, "monthly", 12, 1599244200),
        (1567692455, "weekly", 53, 1599071400),
        (1600416437, "monthly", 5, 1610908200),
        (1770702730, "monthly", 12, 1799519400),
    ],
)
def test_the_last_cycle_starts_as_in_the_published_samples(
    start: int, period: str, count: int, end: int
) -> None:
    assert cycles.cycle(start, period, 1, count - 1)[0] == end


def test_cycles_are_cut_at_midnight_in_india() -> None:
    assert cycles.cycle(1600416437, "monthly", 1, 0) == (1600416437, 1602959400)
    assert cycles.cycle(1567692455, "weekly", 1, 1) == (1568226600, 1568831400)
    assert cycles.cycle(1770702730, "monthly", 1, 0) == (1770702730, 1773081000)
    assert cycles.cycle(1770702730, "monthly", 1, 1) == (1773081000, 1775759400)


def test_months_are_counted_from_the_anchor_so_the_thirtieth_returns_after_february() -> None:
    start = int(datetime(2021, 12, 30, 6, tzinfo=UTC).timestamp())
    days = [cycles.boundary(start, "monthly", 1, k) for k in range(6)]
    shown = [wording.day(day) for day in days]
    assert shown == ["30 Dec 2021", "30 Jan 2022", "28 Feb 2022", "30 Mar 2022", "30 Apr 2022", "30 May 2022"]
    assert wording.day(cycles.boundary(start, "monthly", 1, 2, "overflow")) == "2 Mar 2022"


def test_quarters_years_and_days_step_as_named() -> None:
    start = 1770702730  # 10 Feb 2026
    assert wording.day(cycles.boundary(start, "quarterly", 1, 1)) == "10 May 2026"
    assert wording.day(cycles.boundary(start, "yearly", 1, 1)) == "10 Feb 2027"
    assert wording.day(cycles.boundary(start, "daily", 7, 2)) == "24 Feb 2026"
    assert wording.day(cycles.boundary(start, "monthly", 3, 1)) == "10 May 2026"


@pytest.mark.parametrize(
    ("period", "interval", "most"),
    [("monthly", 1, 1200), ("yearly", 1, 100), ("weekly", 1, 5200), ("monthly", 3, 400)],
)
def test_total_count_is_capped_at_a_hundred_years(period: str, interval: int, most: int) -> None:
    assert cycles.most_cycles(period, interval) == most


def test_an_id_tells_the_second_it_was_made() -> None:
    second = encode(1592811228 * 10**9, ""), encode(1592811229 * 10**9, "")
    assert second[0] <= "F5aa7VaVXt" <= second[1]
    mint = Mint(lambda: 1770702635, random.Random(1))
    made = mint("sub_")
    assert well_formed(made, "sub_")
    assert encode(1770702635 * 10**9, "") <= made[4:14] <= encode(1770702636 * 10**9, "")


def test_ids_made_in_the_same_second_differ() -> None:
    mint = Mint(lambda: 1770702635)
    assert len({mint("pay_") for _ in range(5000)}) == 5000


def test_rupees_are_grouped_as_in_india() -> None:
    assert wording.rupees(49_900) == "₹499.00"
    assert wording.rupees(10_499_905) == "₹1,04,999.05"
    assert wording.rupees(123_456_789_00) == "₹12,34,56,789.00"
    assert wording.rupees(-100) == "-₹1.00"
