"""When to look next: never in the past, never all at once, never in a hurry without reason."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.dunning import DEFAULT_PATIENCE, LADDER_RUNGS, jitter, next_wake
from domain.subscription import FINAL, Status, Subscription
from tests.domain.samples import STARTED, free, subscription

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOW = datetime(2026, 2, 10, 6, 0, tzinfo=UTC)
PERIOD_END = datetime(2026, 2, 27, 18, 30, tzinfo=UTC)
PLACE = jitter("sub_1", DEFAULT_PATIENCE.spread)


def wake(it: Subscription, now: datetime = NOW, looks: int = 0) -> timedelta:
    """How long it sleeps."""
    at = next_wake(it, now, looks)
    assert at is not None
    return at - now


@given(st.text(max_size=40), st.integers(0, 10_000))
def test_jitter_is_this_subscriptions_own_fixed_place_in_the_spread(name: str, seconds: int) -> None:
    spread = timedelta(seconds=seconds)
    assert timedelta(0) <= jitter(name, spread) <= spread
    assert jitter(name, spread) == jitter(name, spread)
    assert jitter(name, spread).microseconds == 0


def test_many_subscriptions_due_at_once_are_spread_evenly() -> None:
    minutes = [jitter(f"sub_{n}", 30 * MINUTE) // (10 * MINUTE) for n in range(3000)]
    for third in range(3):
        assert 850 < minutes.count(third) < 1150


def test_the_ladder_has_one_debit_and_three_retries() -> None:
    assert LADDER_RUNGS == 4


@pytest.mark.parametrize("status", sorted(FINAL))
def test_what_has_ended_wakes_once_more_when_access_ends(status: Status) -> None:
    assert next_wake(subscription(status, access_until=PERIOD_END), NOW, 0) == PERIOD_END
    assert next_wake(subscription(status, access_until=None), NOW, 0) is None


def test_what_is_free_sleeps_for_good() -> None:
    assert next_wake(free(), NOW, 3) is None


@pytest.mark.parametrize(
    ("looks", "sleep"),
    [(0, 2 * MINUTE), (1, 5 * MINUTE), (2, 15 * MINUTE), (3, HOUR), (4, 6 * HOUR), (99, 6 * HOUR)],
)
def test_an_open_checkout_is_looked_at_ever_less_often(looks: int, sleep: timedelta) -> None:
    assert wake(subscription(Status.CREATED), looks=looks) == sleep


def test_a_checkout_is_looked_at_when_it_has_surely_expired() -> None:
    it = subscription(Status.CREATED, checkout_expires_at=NOW + 20 * MINUTE)
    assert wake(it, looks=0) == 2 * MINUTE
    assert wake(it, looks=4) == 30 * MINUTE


def test_an_active_subscription_sleeps_until_its_renewal_is_overdue() -> None:
    first = PERIOD_END + 2 * HOUR + PLACE
    for looks in (0, 7):
        assert next_wake(subscription(), NOW, looks) == first
    assert next_wake(subscription(), first - timedelta(seconds=1), 0) == first


@pytest.mark.parametrize(("looks", "hours"), [(0, 1), (1, 3), (2, 6), (3, 12), (50, 12)])
def test_an_overdue_renewal_is_looked_for_with_growing_patience(looks: int, hours: int) -> None:
    assert wake(subscription(), PERIOD_END + 5 * HOUR, looks) == hours * HOUR


@pytest.mark.parametrize("status", [Status.PAST_DUE, Status.HALTED, Status.PAUSED])
def test_ladder_halt_and_pause_are_looked_at_daily(status: Status) -> None:
    for looks in (0, 9):
        assert wake(subscription(status), looks=looks) == DAY + PLACE


def test_a_mandate_waiting_for_its_first_charge_is_looked_at_at_least_daily() -> None:
    it = subscription(Status.AUTHENTICATED, charge_at=NOW + 40 * DAY)
    assert [wake(it, looks=looks) for looks in range(7)] == [
        2 * MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR, DAY, DAY,
    ]  # fmt: skip


@pytest.mark.parametrize("status", [Status.ACTIVE, Status.PAUSED, Status.PAST_DUE])
def test_a_planned_cancellation_acts_an_hour_before_the_period_ends(status: Status) -> None:
    it = subscription(status, cancel_at_period_end=True)
    assert next_wake(it, NOW, 3) == PERIOD_END - HOUR
    late = PERIOD_END - 10 * MINUTE
    assert next_wake(it, late, 0) == late


@pytest.mark.parametrize("looks", range(1, 12))
def test_a_gateway_that_does_not_take_the_planned_cancellation_is_not_asked_without_pause(looks: int) -> None:
    it = subscription(cancel_at_period_end=True)
    for now in (PERIOD_END - HOUR, PERIOD_END + 3 * HOUR):
        assert 2 * MINUTE <= wake(it, now, looks) <= 15 * MINUTE


def test_a_planned_cancellation_that_another_charge_overtook_is_due_at_once() -> None:
    it = subscription(cancel_at_period_end=True, cancel_after_cycle=0)
    assert wake(it) > DAY
    assert wake(replace(it, paid_cycle=1)) == timedelta(0)
    assert wake(replace(it, paid_cycle=1), looks=1) == 2 * MINUTE
    assert wake(replace(it, paid_cycle=1, cancel_at_period_end=False)) > DAY


@pytest.mark.parametrize("looks", range(12))
def test_a_gateway_that_does_not_close_an_expired_checkout_is_not_asked_without_pause(looks: int) -> None:
    it = subscription(Status.CREATED, checkout_expires_at=NOW - HOUR)
    assert 2 * MINUTE <= wake(it, looks=looks) <= 15 * MINUTE


@given(
    st.sampled_from(Status),
    st.integers(0, 500),
    st.integers(0, 30),
    st.booleans(),
    st.one_of(st.none(), st.integers(-50, 50)),
    st.booleans(),
)
def test_it_never_sleeps_into_the_past_nor_spins(
    status: Status, hours: int, looks: int, cancelling: bool, expiry: int | None, unpaid: bool
) -> None:
    now = STARTED + hours * 4 * HOUR
    it = subscription(
        status,
        cancel_at_period_end=cancelling and status not in FINAL,
        checkout_expires_at=None if expiry is None else now + expiry * HOUR,
    )
    it = replace(it, paid_cycle=None) if unpaid else it
    at = next_wake(it, now, looks)
    if it.is_final:
        assert at is None
        return
    assert at is not None
    assert at >= now
    if looks:
        assert at > now, "after a look in vain there is a pause"


def test_a_paused_subscription_wakes_when_what_was_paid_for_is_used_up() -> None:
    ends = STARTED + 3 * HOUR
    paused = subscription(Status.PAUSED, access_until=ends)
    assert next_wake(paused, STARTED, 0) == ends
    later = next_wake(subscription(Status.PAUSED), STARTED, 0)
    assert later is not None
    assert later > ends
