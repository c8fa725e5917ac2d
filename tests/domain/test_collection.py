"""Reading the gateway's books: realistic snapshots, and what each must make of a subscription."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.collection import (
    Charge,
    CollectionSnapshot,
    Failure,
    GatewayPayment,
    GatewayStatus,
    cycle_of,
    failed,
    mismatch,
    new_failures,
    remaining_trigger,
    set_aside,
    settled,
    uncollected_cycles,
    unsettled_charges,
)
from domain.periods import Interval, cycle_period
from domain.subscription import FINAL, REMEMBERED, TRANSITIONS, Status, Subscription, Trigger
from tests.domain.samples import DAY, HOUR, PRICE, STARTED, bill, books, cycle_start, payment, subscription

RENEWAL = cycle_start(1)


def attempt(number: str, rung: int, **changes: object) -> GatewayPayment:
    """A failed debit of the first renewal, `rung` days after the first."""
    return payment(number, "failed", attempted_at=RENEWAL + rung * DAY, **changes)


def learn(before: Subscription, snapshot: CollectionSnapshot) -> tuple[Subscription, list[str]]:
    """What the workflow does with a look: money, failures, state, what was given up. And its story."""
    life, story = before, []
    for charge in unsettled_charges(life, snapshot):
        reason = mismatch(life, charge)
        life = settled(life, charge) if reason is None else set_aside(life, charge)
        story.append(f"paid {charge.cycle}" if reason is None else f"set aside: {reason}")
    for failure in new_failures(life, snapshot):
        if (life.status, Trigger.CHARGE_FAILED) in TRANSITIONS:
            life = failed(life, failure)
            story.append(f"cycle {failure.cycle} rung {failure.rung}: {failure.reason}")
    trigger = remaining_trigger(life, snapshot)
    if trigger is not None:
        life = life.moved(trigger)
        story.append(trigger.value)
    uncollected = uncollected_cycles(life, snapshot)
    if uncollected != life.uncollected:
        life = replace(life, uncollected=uncollected)
        story.append(f"uncollected {uncollected}")
    return life, story


# Stories


def test_the_first_payment_starts_the_clock() -> None:
    created = subscription(Status.CREATED)
    look = books(GatewayStatus.ACTIVE, bill(0, payment("0")))
    [charge] = unsettled_charges(created, look)
    assert charge == Charge(payment("0"), "inv_0", 0, STARTED, cycle_period(STARTED, Interval.MONTHLY, 0))
    life, story = learn(created, look)
    assert story == ["paid 0"]
    assert (life.status, life.started_at, life.paid_cycle) == (Status.ACTIVE, STARTED, 0)
    assert life.settled == ("pay_0",)


def test_before_the_gateway_names_a_start_the_payment_is_the_start() -> None:
    paid_at = STARTED + timedelta(seconds=3)
    look = books(GatewayStatus.ACTIVE, bill(0, payment("0", attempted_at=paid_at)), started_at=None)
    life, story = learn(subscription(Status.CREATED), look)
    assert story == ["paid 0"]
    assert life.started_at == paid_at


def test_a_mandate_without_a_payment_is_authenticated() -> None:
    life, story = learn(subscription(Status.CREATED), books(GatewayStatus.AUTHENTICATED, started_at=None))
    assert story == ["authenticated"]
    assert life.status is Status.AUTHENTICATED


def test_an_abandoned_first_attempt_is_recorded_and_changes_nothing() -> None:
    look = books(GatewayStatus.CREATED, bill(0, payment("x", "failed", error_reason="payment_cancelled")))
    life, story = learn(subscription(Status.CREATED), look)
    assert story == ["cycle 0 rung 1: payment_cancelled"]
    assert life.status is Status.CREATED


def test_a_renewal_moves_the_period_on() -> None:
    life, story = learn(subscription(), books(GatewayStatus.ACTIVE, bill(1, payment("1"))))
    assert story == ["paid 1"]
    assert life.period == cycle_period(STARTED, Interval.MONTHLY, 1)
    assert learn(life, books(GatewayStatus.ACTIVE, bill(1, payment("1")))) == (life, [])


def test_the_ladder_is_recorded_rung_by_rung_then_halts_and_the_cycle_is_given_up() -> None:
    life, rungs, stories = subscription(), [], []
    for rung in range(4):
        rungs.append(attempt(f"f{rung}", rung, error_reason="insufficient_funds"))
        status = GatewayStatus.PENDING if rung < 3 else GatewayStatus.HALTED
        look = books(status, bill(1, *rungs), read_at=RENEWAL + rung * DAY + HOUR)
        life, story = learn(life, look)
        stories.append(story)
        assert learn(life, look) == (life, []), "looking twice changes nothing"
    assert stories == [
        ["cycle 1 rung 1: insufficient_funds"],
        ["cycle 1 rung 2: insufficient_funds"],
        ["cycle 1 rung 3: insufficient_funds"],
        ["cycle 1 rung 4: insufficient_funds", "retries_exhausted", "uncollected (1,)"],
    ]
    assert life.status is Status.HALTED
    assert life.paid_cycle == 0


def test_rungs_missed_while_nobody_looked_are_all_recorded() -> None:
    look = books(
        GatewayStatus.PENDING, bill(1, attempt("f0", 0), attempt("f1", 1)), read_at=RENEWAL + DAY + HOUR
    )
    life, story = learn(subscription(), look)
    assert story == ["cycle 1 rung 1: declined", "cycle 1 rung 2: declined"]
    assert life.failures == ("pay_f0", "pay_f1")


def test_a_late_success_clears_the_ladder() -> None:
    past_due = subscription(Status.PAST_DUE, failures=("pay_f0",))
    paid = payment("1", attempted_at=RENEWAL + 2 * DAY)
    look = books(GatewayStatus.ACTIVE, bill(1, attempt("f0", 0), attempt("f1", 1), paid))
    life, story = learn(past_due, look)
    assert story == ["paid 1"], "rungs of a cycle that is paid are no news"
    assert (life.status, life.failures, life.paid_cycle) == (Status.ACTIVE, (), 1)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(Status.PAST_DUE, GatewayStatus.PENDING), (Status.HALTED, GatewayStatus.HALTED)]
)
def test_a_state_that_lags_behind_the_payment_does_not_undo_it(ours: Status, theirs: GatewayStatus) -> None:
    """Up to a minute passes between capture and the subscription's own change (razorpay.md 2.7)."""
    look = books(theirs, bill(1, attempt("f0", 0), payment("1")), read_at=RENEWAL + 2 * DAY)
    life, story = learn(subscription(ours, failures=("pay_f0",)), look)
    assert story == ["paid 1"]
    assert life.status is Status.ACTIVE
    assert learn(life, replace(look, status=GatewayStatus.ACTIVE)) == (life, [])


def test_in_halted_every_further_bill_is_uncollected_and_a_new_method_pays_from_the_next() -> None:
    halted = subscription(Status.HALTED, uncollected=(1,), failures=("pay_f0",))
    unpaid = bill(1, attempt("f0", 0))
    life, story = learn(halted, books(GatewayStatus.HALTED, unpaid, bill(2)))
    assert story == ["uncollected (1, 2)"]
    life, story = learn(life, books(GatewayStatus.ACTIVE, unpaid, bill(2), read_at=cycle_start(2) + DAY))
    assert story == ["mandate_renewed"]
    assert life.status is Status.ACTIVE
    life, story = learn(life, books(GatewayStatus.ACTIVE, unpaid, bill(2), bill(3, payment("3"))))
    assert story == ["paid 3"]
    assert (life.paid_cycle, life.uncollected) == (3, (1, 2))


def test_an_old_bill_charged_by_hand_is_booked_and_no_longer_uncollected() -> None:
    life = subscription(paid_cycle=3, uncollected=(1, 2))
    life, story = learn(life, books(GatewayStatus.ACTIVE, bill(1, payment("late")), bill(2)))
    assert story == ["paid 1"]
    assert (life.paid_cycle, life.uncollected) == (3, (2,))


def test_an_old_bill_paid_during_a_ladder_does_not_repeat_the_ladders_news() -> None:
    rungs = [payment("g0", "failed", attempted_at=cycle_start(4))]
    past_due = subscription(Status.PAST_DUE, paid_cycle=3, uncollected=(1,), failures=("pay_g0",))
    look = books(GatewayStatus.PENDING, bill(1, payment("late")), bill(4, *rungs))
    life, story = learn(past_due, look)
    assert story == ["paid 1", "charge_failed"]
    assert (life.status, life.failures, life.uncollected) == (Status.PAST_DUE, ("pay_g0",), ())


def test_a_cycle_skipped_while_nobody_looked_is_known_once_a_later_one_is_paid() -> None:
    look = books(GatewayStatus.ACTIVE, bill(1, attempt("f0", 0)), bill(2, payment("2")))
    life, story = learn(subscription(), look)
    assert story == ["paid 2", "uncollected (1,)"]
    assert life.paid_cycle == 2


def test_cycles_paid_while_nobody_looked_are_booked_in_order() -> None:
    look = books(GatewayStatus.ACTIVE, bill(2, payment("2")), bill(1, payment("1")))
    life, story = learn(subscription(), look)
    assert story == ["paid 1", "paid 2"]
    assert life.paid_cycle == 2


def test_pause_and_resume_are_followed() -> None:
    paused, story = learn(subscription(), books(GatewayStatus.PAUSED))
    assert story == ["paused"]
    assert paused.access_until == cycle_start(1)
    resumed, story = learn(paused, books(GatewayStatus.ACTIVE))
    assert story == ["resumed"]
    assert (resumed.status, resumed.access_until) == (Status.ACTIVE, None)


def test_a_debit_already_under_way_when_the_pause_came_counts() -> None:
    life, story = learn(subscription(Status.PAUSED), books(GatewayStatus.PAUSED, bill(1, payment("1"))))
    assert story == ["paid 1"]
    assert (life.status, life.access_until) == (Status.PAUSED, cycle_start(2))


def test_cancelled_and_completed_at_the_gateway_end_it_here_after_the_last_payment() -> None:
    for theirs, ours in (
        (GatewayStatus.CANCELLED, Status.CANCELLED),
        (GatewayStatus.COMPLETED, Status.COMPLETED),
    ):
        life, story = learn(subscription(), books(theirs, bill(1, payment("1"))))
        assert story == ["paid 1", theirs.value]
        assert (life.status, life.access_until) == (ours, cycle_start(2))


# Money that is not what we asked for


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"amount_paise": 99_800}, "paid 99800 paise, expected 99900 paise"),
        ({"amount_paise": 1_99_800}, "paid 199800 paise, expected 99900 paise"),
        ({"amount_paise": 500}, "paid 500 paise, expected 99900 paise"),
        ({"currency": "USD"}, "paid in USD, expected INR"),
    ],
)
def test_a_wrong_amount_or_currency_is_set_aside_and_pays_nothing(changes: dict[str, Any], why: str) -> None:
    look = books(GatewayStatus.ACTIVE, bill(1, payment("odd", **changes)))
    life, story = learn(subscription(), look)
    assert story == [f"set aside: {why}"]
    assert (life.paid_cycle, life.status) == (0, Status.ACTIVE)
    assert "pay_odd" in life.settled
    assert learn(life, look) == (life, []), "set aside once only"


def test_a_second_capture_for_the_same_cycle_is_set_aside() -> None:
    twice = bill(1, payment("1"), payment("again", attempted_at=RENEWAL + HOUR))
    life, story = learn(subscription(), books(GatewayStatus.ACTIVE, twice))
    assert story == ["paid 1", "set aside: cycle 1 was paid already"]
    assert life.settled == ("pay_0", "pay_1", "pay_again")


def test_a_payment_refunded_since_was_still_captured() -> None:
    _, story = learn(subscription(), books(GatewayStatus.ACTIVE, bill(1, payment("1", "refunded"))))
    assert story == ["paid 1"]


@pytest.mark.parametrize("status", ["created", "authorized", "failed"])
def test_money_not_captured_is_not_money(status: str) -> None:
    assert unsettled_charges(subscription(), books(GatewayStatus.ACTIVE, bill(1, payment("1", status)))) == []


@pytest.mark.parametrize("status", Status)
def test_captured_money_is_booked_or_set_aside_in_every_state(status: Status) -> None:
    life, story = learn(subscription(status), books(GatewayStatus.ACTIVE, bill(1, payment("1"))))
    assert "pay_1" in life.settled
    if status is Status.EXPIRED:
        assert story == ["set aside: the subscription is EXPIRED"]
    else:
        assert story[0] == "paid 1"
    assert (status in FINAL) == (life.status in FINAL)


# What is remembered


def test_only_the_latest_payments_and_failures_are_carried_along() -> None:
    life = subscription()
    for number in range(REMEMBERED + 5):
        charge = Charge(payment(f"n{number}"), "inv", 0, STARTED, cycle_period(STARTED, Interval.MONTHLY, 0))
        life = set_aside(life, charge)
        life = failed(life, Failure(payment(f"f{number}", "failed"), 1, 1, "declined"))
    assert len(life.settled) == len(life.failures) == REMEMBERED
    assert life.settled[-1] == f"pay_n{REMEMBERED + 4}"
    assert life.failures[-1] == f"pay_f{REMEMBERED + 4}"


@pytest.mark.parametrize(
    ("reason", "description", "told"),
    [
        ("card_expired", "Your card has expired.", "card_expired"),
        (None, "Your card has expired.", "Your card has expired."),
        (None, None, "declined"),
    ],
)
def test_the_reason_of_a_failure_is_the_most_precise_one_given(
    reason: str | None, description: str | None, told: str
) -> None:
    rung = attempt("f0", 0, error_reason=reason, error_description=description)
    [failure] = new_failures(subscription(), books(GatewayStatus.PENDING, bill(1, rung)))
    assert failure == Failure(rung, 1, 1, told)


# Cycles


@pytest.mark.parametrize("cycle", [0, 1, 2, 11, 12])
def test_a_bill_belongs_to_the_cycle_its_day_is_in_however_many_bills_there_are(cycle: int) -> None:
    assert cycle_of(subscription(), books(GatewayStatus.ACTIVE), bill(cycle)) == cycle
    shifted = replace(bill(cycle), cycle_start=cycle_start(cycle) + 5 * HOUR)
    assert cycle_of(subscription(), books(GatewayStatus.ACTIVE), shifted) == cycle


def test_our_own_anchor_wins_over_the_gateways() -> None:
    look = books(GatewayStatus.ACTIVE, started_at=STARTED + 20 * DAY)
    assert cycle_of(subscription(), look, bill(2)) == 2
    assert cycle_of(subscription(Status.CREATED), replace(look, started_at=None), bill(2)) == 0


@pytest.mark.parametrize(
    ("theirs", "bills", "read_at", "expected"),
    [
        (GatewayStatus.PENDING, [bill(1, attempt("f0", 0))], RENEWAL + DAY, ()),
        (GatewayStatus.HALTED, [bill(1, attempt("f0", 0))], RENEWAL + 4 * DAY, (1,)),
        (GatewayStatus.HALTED, [bill(1)], RENEWAL + 4 * DAY, (1,)),
        (GatewayStatus.ACTIVE, [bill(1)], RENEWAL + HOUR, ()),
        (GatewayStatus.ACTIVE, [bill(1, attempt("f0", 0))], RENEWAL + 5 * DAY, (1,)),
        (GatewayStatus.CANCELLED, [bill(1, attempt("f0", 0))], RENEWAL + 5 * DAY, (1,)),
        (GatewayStatus.PENDING, [bill(1), bill(2, attempt("f0", 0))], cycle_start(2) + DAY, (1,)),
        (GatewayStatus.ACTIVE, [bill(1, payment("1"))], RENEWAL + DAY, ()),
        (GatewayStatus.HALTED, [bill(1, status="cancelled")], RENEWAL + 4 * DAY, ()),
        (GatewayStatus.HALTED, [bill(2)], RENEWAL + 4 * DAY, (2,)),
    ],
    ids=[
        "ladder runs", "ladder over", "halted, never tried", "issued, debit to come",
        "given up, active again",
        "given up, cancelled", "old one while a ladder runs", "paid", "withdrawn", "billed early",
    ],
)  # fmt: skip
def test_a_cycle_is_uncollected_once_nobody_tries_any_more(
    theirs: GatewayStatus, bills: list[object], read_at: datetime, expected: tuple[int, ...]
) -> None:
    look = books(theirs, *bills, read_at=read_at)  # type: ignore[arg-type]
    assert uncollected_cycles(subscription(), look) == expected


def test_what_was_never_paid_has_nothing_uncollected() -> None:
    look = books(GatewayStatus.HALTED, bill(0, payment("x", "failed")))
    assert uncollected_cycles(subscription(Status.CREATED), look) == ()


# Every state of ours against every state of theirs, a cycle unpaid; "-" changes nothing.
EXPECTED = """
               created  authenticated  active           pending        halted             paused  cancelled  completed  expired
CREATED        -        authenticated  authenticated    -              -                  -       cancelled  -          expired
AUTHENTICATED  -        -              -                charge_failed  retries_exhausted  -       cancelled  -          -
ACTIVE         -        -              -                charge_failed  retries_exhausted  paused  cancelled  completed  -
PAST_DUE       -        -              -                -              retries_exhausted  paused  cancelled  completed  -
HALTED         -        -              mandate_renewed  -              -                  paused  cancelled  completed  -
PAUSED         -        -              resumed          resumed        retries_exhausted  -       cancelled  completed  -
CANCELLED      -        -              -                -              -                  -       -          -          -
COMPLETED      -        -              -                -              -                  -       -          -          -
EXPIRED        -        -              -                -              -                  -       -          -          -
"""  # noqa: E501


def test_each_state_of_the_gateway_means_what_the_table_says() -> None:
    heading, *rows = [row.split() for row in EXPECTED.strip().splitlines()]
    assert len(rows) * len(heading) == len(Status) * len(GatewayStatus) == 81
    for row in rows:
        for theirs, expected in zip(heading, row[1:], strict=True):
            look = books(GatewayStatus(theirs), read_at=RENEWAL + HOUR)
            trigger = remaining_trigger(subscription(Status(row[0])), look)
            assert (trigger.value if trigger else "-") == expected, (row[0], theirs)


ATTEMPTS = st.sampled_from(["failed", "captured", "authorized"])


@settings(max_examples=400)
@given(
    st.sampled_from(Status),
    st.sampled_from(GatewayStatus),
    st.integers(0, 3),
    st.lists(
        st.tuples(st.integers(0, 4), st.lists(ATTEMPTS, max_size=4)),
        max_size=4,
        unique_by=lambda pair: pair[0],
    ),
    st.integers(0, 5),
)  # fmt: skip
def test_no_books_can_make_a_look_fail_and_a_second_look_books_nothing_twice(
    ours: Status, theirs: GatewayStatus, paid_cycle: int, shape: list[tuple[int, list[str]]], read_cycle: int
) -> None:
    bills = [
        bill(cycle, *(payment(f"{cycle}-{n}", status) for n, status in enumerate(statuses)))
        for cycle, statuses in sorted(shape)
    ]
    before = subscription(ours)
    before = before if before.paid_cycle is None else replace(before, paid_cycle=paid_cycle)
    look = books(theirs, *bills, read_at=cycle_start(read_cycle) + HOUR)
    life, story = learn(before, look)
    captured = {p.id for each in bills for p in each.payments if p.is_captured}
    assert captured <= set(life.settled)
    paid = [line for line in story if line.startswith("paid")]
    assert len(paid) == len(set(paid)), "a cycle is paid once"
    assert life.version == before.version + sum(not line.startswith("uncollected") for line in story)
    again = learn(life, look)[1]
    assert not [line for line in again if line.startswith(("paid", "set aside", "cycle"))]


def test_the_annual_price_counts_in_years() -> None:
    yearly = subscription(price=replace(PRICE, interval=Interval.ANNUAL))
    start = cycle_period(STARTED, Interval.ANNUAL, 1).start
    look = books(GatewayStatus.ACTIVE, replace(bill(0, payment("1")), cycle_start=start))
    [charge] = unsettled_charges(yearly, look)
    assert charge.cycle == 1
    assert charge.period.start == datetime(2027, 1, 30, 18, 30, tzinfo=UTC)


def test_every_pair_of_states_is_decided_without_an_error() -> None:
    for ours, theirs in product(Status, GatewayStatus):
        learn(subscription(ours), books(theirs, bill(1), read_at=RENEWAL + HOUR))


def test_a_halt_is_followed_though_the_gateways_clock_is_ahead_of_ours() -> None:
    open_bill = bill(1, *(attempt(f"f{rung}", rung) for rung in range(4)))
    look = books(GatewayStatus.HALTED, open_bill, read_at=STARTED + DAY)
    assert remaining_trigger(subscription(Status.PAST_DUE), look) is Trigger.RETRIES_EXHAUSTED
