"""Calendar periods in India: anchored, gapless, and the inverse of one another."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.periods import (
    IST,
    Interval,
    Period,
    add_months,
    boundary,
    cycle_at,
    cycle_period,
    financial_year,
    india_date,
    india_midnight,
)

MOMENTS = st.integers(1_500_000_000, 2_800_000_000).map(lambda second: datetime.fromtimestamp(second, UTC))
CYCLES = st.integers(0, 400)
INTERVALS = st.sampled_from(Interval)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("anchor", "days"),
    [
        (date(2026, 1, 31), ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]),
        (date(2028, 1, 31), ["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30", "2028-05-31"]),
        (date(2026, 11, 30), ["2026-11-30", "2026-12-30", "2027-01-30", "2027-02-28", "2027-03-30"]),
        (date(2026, 12, 15), ["2026-12-15", "2027-01-15", "2027-02-15", "2027-03-15", "2027-04-15"]),
    ],
)
def test_a_day_the_month_lacks_becomes_its_last_and_comes_back(anchor: date, days: list[str]) -> None:
    starts = [boundary(anchor, Interval.MONTHLY, cycle) for cycle in range(5)]
    assert [india_date(start).isoformat() for start in starts] == days


def test_a_year_from_leap_day_is_the_28th_until_the_next_leap_year() -> None:
    starts = [boundary(date(2028, 2, 29), Interval.ANNUAL, cycle) for cycle in range(5)]
    assert [india_date(start).isoformat() for start in starts] == [
        "2028-02-29", "2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29",
    ]  # fmt: skip


def test_razorpays_worked_example() -> None:
    """razorpay.md 2.4: authorised 10 Feb 2026 11:22:10 IST, monthly, 12 cycles."""
    started = datetime.fromtimestamp(1770702730, UTC)
    assert cycle_period(started, Interval.MONTHLY, 0) == Period(
        started, datetime.fromtimestamp(1773081000, UTC)
    )
    assert cycle_period(started, Interval.MONTHLY, 1).end == datetime.fromtimestamp(1775759400, UTC)
    assert boundary(india_date(started), Interval.MONTHLY, 11) == datetime.fromtimestamp(1799519400, UTC)


def test_the_first_cycle_begins_at_its_second_and_later_ones_at_indian_midnight() -> None:
    started = utc(2026, 1, 31, 9, 30, 15)
    first, second = (cycle_period(started, Interval.MONTHLY, cycle) for cycle in (0, 1))
    assert first == Period(started, utc(2026, 2, 27, 18, 30))
    assert second == Period(utc(2026, 2, 27, 18, 30), utc(2026, 3, 30, 18, 30))
    assert (first.first_day, first.last_day) == (date(2026, 1, 31), date(2026, 2, 27))


def test_the_anchor_is_the_day_in_india_not_in_london() -> None:
    after_midnight_in_india = utc(2026, 3, 31, 18, 30)
    assert india_date(after_midnight_in_india) == date(2026, 4, 1)
    assert india_date(after_midnight_in_india - timedelta(microseconds=1)) == date(2026, 3, 31)
    assert cycle_period(after_midnight_in_india, Interval.MONTHLY, 0).last_day == date(2026, 4, 30)


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)))
def test_indian_midnight_begins_its_day(day: date) -> None:
    midnight = india_midnight(day)
    assert midnight.utcoffset() == timedelta(0)
    assert midnight.astimezone(IST).isoformat() == f"{day.isoformat()}T00:00:00+05:30"
    assert india_date(midnight) == day
    assert india_date(midnight - timedelta(microseconds=1)) == day - timedelta(days=1)


@given(MOMENTS, INTERVALS, st.integers(0, 60))
def test_periods_follow_each_other_without_gap_or_overlap(
    started: datetime, interval: Interval, cycle: int
) -> None:
    this, following = (cycle_period(started, interval, each) for each in (cycle, cycle + 1))
    assert this.end == following.start
    assert this.last_day + timedelta(days=1) == following.first_day
    assert add_months(india_date(started), interval.months * (cycle + 1)) == following.first_day


@given(MOMENTS, INTERVALS, CYCLES, st.floats(0, 1, exclude_max=True))
def test_cycle_at_is_the_inverse_of_cycle_period(
    started: datetime, interval: Interval, cycle: int, part: float
) -> None:
    cycle = cycle // interval.months
    period = cycle_period(started, interval, cycle)
    inside = min(period.start + part * (period.end - period.start), period.end - timedelta(microseconds=1))
    assert cycle_at(started, interval, inside) == cycle
    assert cycle_at(started, interval, period.start) == cycle
    assert cycle_at(started, interval, period.end) == cycle + 1


@given(MOMENTS, INTERVALS, st.timedeltas(timedelta(microseconds=1), timedelta(days=900)))
def test_anything_before_the_start_counts_as_the_first_cycle(
    started: datetime, interval: Interval, before: timedelta
) -> None:
    assert cycle_at(started, interval, started - before) == 0


@given(MOMENTS, INTERVALS, st.integers(0, 40), st.integers(-12, 14))
def test_the_zone_a_moment_is_written_in_does_not_matter(
    started: datetime, interval: Interval, cycle: int, offset: int
) -> None:
    elsewhere = started.astimezone(timezone(timedelta(hours=offset)))
    assert cycle_period(elsewhere, interval, cycle) == cycle_period(started, interval, cycle)
    assert cycle_period(elsewhere, interval, cycle).start.utcoffset() == timedelta(0)


@given(st.dates(date(2000, 1, 1), date(2050, 1, 1)), st.integers(-240, 240))
def test_moving_by_months_keeps_the_day_or_takes_the_last(anchor: date, months: int) -> None:
    moved = add_months(anchor, months)
    assert (moved.year * 12 + moved.month) - (anchor.year * 12 + anchor.month) == months
    assert moved.day == anchor.day or (
        moved.day < anchor.day and (moved + timedelta(days=1)).month != moved.month
    )


def test_a_period_cannot_end_before_it_begins() -> None:
    with pytest.raises(ValueError, match="must end after it starts"):
        Period(utc(2026, 1, 2), utc(2026, 1, 2))


@pytest.mark.parametrize(
    ("day", "year"),
    [
        (date(2026, 3, 31), "2025-26"),
        (date(2026, 4, 1), "2026-27"),
        (date(2026, 12, 31), "2026-27"),
        (date(2027, 1, 1), "2026-27"),
        (date(2099, 5, 1), "2099-00"),
    ],
)
def test_the_financial_year_runs_from_april_to_march(day: date, year: str) -> None:
    assert financial_year(day) == year


@given(st.dates(date(2017, 7, 1), date(2090, 1, 1)))
def test_financial_years_change_on_the_first_of_april_only(day: date) -> None:
    changed = financial_year(day) != financial_year(day - timedelta(days=1))
    assert changed == ((day.month, day.day) == (4, 1))
