"""Paying on a page: when its order is looked at, and what its orders say together."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.debit import AttemptState, State
from domain.orders import OrderAtGateway, OrderAttempt
from domain.paying import LINGERS, Page, PagesRead, Paid, next_look, page_ended, pages_state

OPENED = datetime(2026, 3, 5, 6, 30, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
LASTS = 30 * MINUTE
EXPIRES = OPENED + LASTS
PAGE = Page("pay_1", "https://pay.example/1", OPENED, EXPIRES)
PAID = Paid("phonepe", "pay_1", "pay_1", 94_282, "INR", "UPI_QR", OPENED + MINUTE)
ENDED = (State.COMPLETED, State.FAILED, State.EXPIRED)


def order(state: State = State.PENDING, *attempts: AttemptState) -> OrderAtGateway:
    tried = tuple(
        OrderAttempt(f"OM{number}", each, 94_282, "UPI_QR", OPENED) for number, each in enumerate(attempts)
    )
    return OrderAtGateway("pay_1", "OMO1", state, state.value, False, 94_282, "INR", EXPIRES, tried)


def looks(lasts: timedelta, until: timedelta) -> list[float]:
    """Seconds after the opening at which somebody who only ever looks when told has looked."""
    seen, now = [], OPENED
    while (now := next_look(OPENED, OPENED + lasts, now)) <= OPENED + until:
        seen.append((now - OPENED).total_seconds())
    return seen


def test_looks_follow_the_table_that_phonepe_asks_for() -> None:
    """phonepe.md 2.4: phases A to D after a first look at 22 s, then each minute until it expires."""
    begin = looks(LASTS, LASTS - SECOND)
    assert begin[:10] == [22 + 3 * each for each in range(10)]
    assert begin[10:20] == [52 + 6 * each for each in range(10)]
    assert begin[20:26] == [112 + 10 * each for each in range(6)]
    assert begin[26:28] == [172, 202]
    assert begin[28:] == [232 + 60 * each for each in range(27)]


def test_the_last_look_comes_shortly_after_the_expiry_and_then_they_grow_rare() -> None:
    after = [seconds - LASTS.total_seconds() for seconds in looks(LASTS, LASTS + 100 * HOUR)]
    assert [each for each in after if each >= 0] == [
        5, 60, 300, 1800, 6 * 3600, 24 * 3600, 48 * 3600, 72 * 3600, 96 * 3600
    ]  # fmt: skip


@given(
    lasts=st.timedeltas(SECOND, timedelta(days=60)),
    passed=st.timedeltas(-HOUR, timedelta(days=400)),
)
def test_the_next_look_is_always_later_than_now(lasts: timedelta, passed: timedelta) -> None:
    now, expires_at = OPENED + passed, OPENED + lasts
    look = next_look(OPENED, expires_at, now)
    assert look > now
    if now < expires_at:
        # Never asleep over the expiry, and never longer than a minute before it.
        assert look <= expires_at + 5 * SECOND
        assert look <= max(now, OPENED) + MINUTE
    else:
        assert look - now <= 24 * HOUR


@given(st.timedeltas(SECOND, timedelta(hours=2)))
def test_a_page_of_any_length_is_looked_at_after_its_expiry_within_a_minute(lasts: timedelta) -> None:
    seen = looks(lasts, lasts + MINUTE)
    assert any(lasts.total_seconds() <= each for each in seen)


@pytest.mark.parametrize("state", State)
def test_only_an_ending_ends_a_page_before_its_time(state: State) -> None:
    ended = state in ENDED
    assert page_ended(order(state), EXPIRES, EXPIRES + LINGERS - SECOND) == ended
    assert page_ended(order(state), EXPIRES, EXPIRES + LINGERS)
    busy = order(state, AttemptState.FAILED, AttemptState.PENDING)
    assert page_ended(busy, EXPIRES, EXPIRES + 100 * HOUR) == ended


CASES: list[tuple[str, OrderAtGateway | None, Page | None, timedelta, State, State]] = [
    ("no page yet", None, None, MINUTE, State.OPEN, State.EXPIRED),
    ("untouched", order(), PAGE, MINUTE, State.OPEN, State.PENDING),
    ("tried in vain", order(State.PENDING, AttemptState.FAILED), PAGE, MINUTE, State.OPEN, State.PENDING),
    ("being paid", order(State.PENDING, AttemptState.PENDING), PAGE, MINUTE, State.PENDING, State.PENDING),
    ("a word nobody knew", order(State.NOTIFYING), PAGE, MINUTE, State.OPEN, State.PENDING),
    ("failed", order(State.FAILED), PAGE, MINUTE, State.OPEN, State.EXPIRED),
    ("past its time", order(), PAGE, LASTS, State.PENDING, State.PENDING),
    ("long past its time", order(), PAGE, LASTS + LINGERS, State.OPEN, State.EXPIRED),
    ("paid long past", order(State.PENDING, AttemptState.PENDING), PAGE, LASTS + 9 * HOUR,
     State.PENDING, State.PENDING),
    ("not known, its address is", None, PAGE, MINUTE, State.OPEN, State.PENDING),
    ("not known, and long over", None, PAGE, LASTS + LINGERS, State.OPEN, State.EXPIRED),
]  # fmt: skip


@pytest.mark.parametrize(("name", "latest", "page", "after", "wanted", "closing"), CASES)
def test_a_subject_stands_as_its_latest_page_does(
    name: str,
    latest: OrderAtGateway | None,
    page: Page | None,
    after: timedelta,
    wanted: State,
    closing: State,
) -> None:
    at = OPENED + after
    assert pages_state(latest, page, at, completed=False, closing=False) is wanted, name
    assert pages_state(latest, page, at, completed=False, closing=True) is closing, name
    for shut in (False, True):
        assert pages_state(latest, page, at, completed=True, closing=shut) is State.COMPLETED, name


@given(
    state=st.sampled_from([each for each in State if each is not State.COMPLETED]),
    attempts=st.lists(st.sampled_from(AttemptState), max_size=3),
    passed=st.timedeltas(timedelta(0), timedelta(days=3)),
    known=st.booleans(),
)
def test_nothing_is_closed_while_money_may_still_come(
    state: State, attempts: list[AttemptState], passed: timedelta, known: bool
) -> None:
    latest, at = (order(state, *attempts) if known else None), OPENED + passed
    found = pages_state(latest, PAGE, at, completed=False, closing=True)
    may_come = at < EXPIRES + LINGERS and (latest is None or state not in ENDED)
    assert (found is State.EXPIRED) <= (not may_come)
    # Whoever asks for a page meanwhile gets the same one or none, never a second beside it.
    reopened = pages_state(latest, PAGE, at, completed=False, closing=False)
    if may_come and at >= EXPIRES:
        assert reopened is State.PENDING


def test_the_planner_hears_of_the_first_money() -> None:
    late = replace(PAID, payment_id="pay_2", amount_paise=1)
    fact = PagesRead(State.COMPLETED, OPENED, None, (PAID, late)).link_fact("deb_1-L1")
    assert (fact.link_id, fact.state, fact.amount_paise) == ("deb_1-L1", State.COMPLETED, 94_282)
    assert PagesRead(State.OPEN, OPENED, PAGE).link_fact("deb_1-L1").amount_paise is None
