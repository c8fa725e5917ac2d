"""What is left of a payment, and when a pending refund is looked at again."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.refund import SETTLED, RefundStatus, left_to_refund, next_look

ASKED = datetime(2026, 10, 1, 4, 30, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@dataclass
class Given:
    amount_paise: int
    status: str


def test_what_is_on_its_way_counts_as_given_and_what_failed_does_not() -> None:
    paise = {"requested": 100, "pending": 1_000, "processed": 10_000, "failed": 100_000}
    assert set(paise) == set(RefundStatus)
    every = [Given(amount, status) for status, amount in paise.items()]
    assert left_to_refund(1_000_000, every) == 1_000_000 - 11_100
    assert left_to_refund(11_100, every) == 0
    assert left_to_refund(11_100, []) == 11_100


def test_a_dashboard_refund_that_ran_into_ours_leaves_nothing_rather_than_a_debt() -> None:
    assert left_to_refund(500, [Given(300, "processed"), Given(300, "requested")]) == 0


@given(st.integers(0, 10**9), st.lists(st.integers(1, 10**8)))
def test_refunds_that_keep_to_what_is_left_never_exceed_the_payment(captured: int, wishes: list[int]) -> None:
    granted: list[Given] = []
    for wish in wishes:
        if wish <= left_to_refund(captured, granted):
            granted.append(Given(wish, RefundStatus.REQUESTED))
    assert sum(each.amount_paise for each in granted) + left_to_refund(captured, granted) == captured


@pytest.mark.parametrize(
    ("age", "looks", "wait"),
    [
        (timedelta(0), 0, MINUTE),
        (MINUTE, 1, 2 * MINUTE),
        (31 * MINUTE, 5, 32 * MINUTE),
        (2 * HOUR, 6, 64 * MINUTE),
        (DAY - MINUTE, 30, 6 * HOUR),
        (DAY, 30, DAY),
        (40 * DAY, 70, DAY),
        (40 * DAY, 10**6, DAY),
        # Found late: quick looks first, for it may have settled long ago.
        (5 * DAY, 0, MINUTE),
        # Its clock runs ahead of ours.
        (-MINUTE, 0, MINUTE),
    ],
)
def test_looks_are_minutes_apart_then_hours_then_days(age: timedelta, looks: int, wait: timedelta) -> None:
    now = ASKED + age
    assert next_look(ASKED, now, looks) == now + wait


def test_a_refund_that_takes_ten_days_costs_fewer_than_thirty_looks() -> None:
    now, looks = ASKED, 0
    while now < ASKED + 10 * DAY:
        now, looks = next_look(ASKED, now, looks), looks + 1
    assert looks < 30


def test_only_the_gateway_settles() -> None:
    assert {RefundStatus.PROCESSED, RefundStatus.FAILED} == SETTLED
