"""What stands around a planned cycle: which is owed, by which rules, and what money and failures mean."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import autopay
from domain.collection import mismatch, settled
from domain.debit import Attempt, AttemptState, Cycle, Link, Order, OrderClosed, State, Withdrawn, learn
from domain.events import EventType
from domain.ladder import Channel, FailureClass, Fall, Ladder
from domain.lawful import PHONEPE, RAZORPAY_CARD, RAZORPAY_UPI
from domain.mandate import Limits, Mandate, MandateKind, MandateStatus
from domain.merchant_ids import LONGEST
from domain.orders import OrderAtGateway, OrderAttempt
from domain.paying import Paid
from domain.periods import Interval, cycle_period
from domain.renewal import (
    AFTER_THE_LAST,
    REMEMBERED_MONEY,
    Collecting,
    Terms,
    announced_change,
    as_read,
    charge_of,
    described,
    failure_of,
    falls_past_due_at,
    is_last,
    mandate_cap,
    mandate_ends,
    owed_next,
    planned,
    rules_of,
)
from domain.subscription import Status
from relay.reasons import Remedy, explain
from tests.domain.samples import DAY, HOUR, STARTED, cycle_start, subscription

MANDATE = Mandate("man_1", 2_000_00, status=MandateStatus.ACTIVE)
PAID = Paid("phonepe", "deb_1", "deb_1", 99_900, "INR", "UPI_AUTO_PAY", STARTED, "utr_1")


# Which cycle is owed.


def test_the_first_cycle_is_owed_until_it_is_paid() -> None:
    assert owed_next(subscription(Status.CREATED), STARTED) == 0


@given(paid=st.integers(0, 40), passed=st.timedeltas(timedelta(0), timedelta(days=1500)))
def test_the_next_owed_is_after_what_is_paid_and_not_before_what_runs(paid: int, passed: timedelta) -> None:
    now = STARTED + passed
    number = owed_next(subscription(paid_cycle=paid), now)
    assert number > paid
    period = cycle_period(STARTED, Interval.MONTHLY, number)
    assert number == paid + 1 or period.start <= now < period.end


def test_cycles_of_a_long_pause_are_not_owed_but_the_one_that_runs_is() -> None:
    back = cycle_start(5) + 3 * DAY
    assert owed_next(subscription(paid_cycle=1), back) == 5
    assert owed_next(subscription(paid_cycle=5), back) == 6


def test_the_last_agreed_cycle_is_the_last() -> None:
    assert not is_last(subscription(Status.CREATED))
    assert not is_last(subscription(total_count=3, paid_cycle=1))
    assert is_last(subscription(total_count=3, paid_cycle=2))


# The cycle that is planned.


def test_a_cycle_is_due_when_it_begins_or_at_once_if_it_has() -> None:
    early = planned(subscription(), Collecting(Terms(), MANDATE, STARTED), 1, STARTED + DAY)
    assert early.cycle is not None
    assert (early.cycle.due_at, early.number, early.tries) == (cycle_start(1), 1, 1)
    assert (early.cycle.amount_paise, early.cycle.mandate) == (99_900, MANDATE)
    late = planned(subscription(), early, 1, cycle_start(1) + 9 * DAY)
    assert late.cycle is not None
    assert (late.cycle.due_at, late.tries) == (cycle_start(1) + 9 * DAY, 2)


@given(
    tries=st.lists(st.integers(0, 10**9), min_size=2, max_size=20, unique=True), number=st.integers(0, 120)
)
def test_no_two_plans_share_a_name_and_orders_and_links_have_room_behind_it(
    tries: list[int], number: int
) -> None:
    before = Collecting(Terms())
    cycles = [planned(subscription(), replace(before, tries=each), number, STARTED).cycle for each in tries]
    names = {cycle.id for cycle in cycles if cycle is not None}
    assert len(names) == len(tries)
    assert all(len(name) <= 55 for name in names)
    assert all(len(f"{name}-L999999") <= LONGEST for name in names)


def test_two_subscriptions_never_share_a_name() -> None:
    names = {
        made.cycle.id
        for each in ("sub_1", "sub_2")
        if (made := planned(subscription(id=each), Collecting(Terms()), 1, STARTED)).cycle
    }
    assert len(names) == 2


# The rules and the mandate.


def test_each_gateway_has_its_rules_and_a_card_other_ones_than_upi() -> None:
    rescued = Terms("razorpay")
    assert rules_of("phonepe", MANDATE, rescued) == PHONEPE
    assert rules_of("razorpay", MANDATE, rescued) == RAZORPAY_UPI
    assert rules_of("razorpay", None, rescued) == RAZORPAY_UPI
    assert rules_of("razorpay", replace(MANDATE, kind=MandateKind.CARD), rescued) == RAZORPAY_CARD


def test_without_another_gateway_no_ladder_ends_there_and_each_still_ends_on_a_page() -> None:
    ladder = rules_of("phonepe", MANDATE, Terms()).ladder
    for failure in FailureClass:
        channels = [rung.channel for rung in ladder.rungs[failure]]
        assert Channel.RESCUE_LINK not in channels
        assert channels[-1] is Channel.LINK


def test_a_ladder_that_only_ends_at_the_other_gateway_ends_on_a_page_of_its_own_without_one() -> None:
    """A policy that is lawful with two gateways must not stop every run with one."""
    rescue = tuple(rung for rung in Ladder().rungs[FailureClass.RISK] if rung.channel is Channel.RESCUE_LINK)
    ladder = Ladder(rungs=dict.fromkeys(FailureClass, rescue))
    assert rules_of("phonepe", MANDATE, Terms("razorpay", ladder=ladder)).ladder == ladder
    left = rules_of("phonepe", MANDATE, Terms(None, ladder=ladder)).ladder
    assert all(rungs[-1].channel is Channel.LINK for rungs in left.rungs.values())


def test_limits_and_ladder_are_those_of_the_day_it_began() -> None:
    limits, ladder = Limits(no_pin_cap_paise=500_00), Ladder(grace=9 * DAY)
    rules = rules_of("phonepe", MANDATE, Terms("razorpay", limits, ladder))
    assert (rules.limits, rules.ladder) == (limits, ladder)


def test_a_mandate_has_room_for_twice_the_charge_and_none_carries_more_than_the_cap() -> None:
    assert mandate_cap(subscription(), Terms()) == 2 * 99_900
    assert mandate_cap(subscription(charge_paise=15_000_01), Terms()) is None


def test_who_wants_no_mandate_is_asked_for_none() -> None:
    assert mandate_cap(subscription(by_mandate=False), Terms()) is None


def test_a_mandate_outlives_the_last_agreed_cycle() -> None:
    begun = subscription(total_count=12)
    assert mandate_ends(begun, STARTED + 40 * DAY) == cycle_start(12) + AFTER_THE_LAST
    asked = subscription(Status.CREATED, total_count=2)
    assert mandate_ends(asked, STARTED) == cycle_start(2) + AFTER_THE_LAST


def test_a_mandate_read_without_its_maximum_keeps_the_one_that_is_known() -> None:
    gone = replace(MANDATE, status=MandateStatus.REVOKED, max_amount_paise=0)
    assert as_read(MANDATE, gone) == replace(MANDATE, status=MandateStatus.REVOKED)
    lowered = replace(MANDATE, max_amount_paise=1_00)
    assert as_read(MANDATE, lowered) == lowered


S, E = MandateStatus, EventType


@pytest.mark.parametrize("before", [None, *MandateStatus])
@pytest.mark.parametrize("after", MandateStatus)
def test_every_change_of_a_mandate_is_announced_once_under_its_name(
    before: MandateStatus | None, after: MandateStatus
) -> None:
    told = announced_change(before, after)
    if before is after or after is S.CREATED:
        assert told is None
    elif after is S.ACTIVE:
        assert told is (E.MANDATE_RESUMED if before is S.PAUSED else E.MANDATE_ACTIVATED)
    else:
        assert told is (E.MANDATE_PAUSED if after is S.PAUSED else E.MANDATE_ENDED)


# Falling past due.


def cycle(**changes: object) -> Cycle:
    made = planned(subscription(), Collecting(Terms(), MANDATE, STARTED), 1, STARTED).cycle
    assert made is not None
    return replace(made, **changes)  # type: ignore[arg-type]


LINK = Link("deb_1-L1", False, STARTED, STARTED + 3 * DAY)
FALL = Fall(FailureClass.FUNDS, STARTED)


def test_it_falls_past_due_where_a_link_or_a_failure_has_brought_nothing() -> None:
    due_at = cycle_start(1)
    assert falls_past_due_at(subscription(), cycle(links=(LINK,))) == due_at
    assert falls_past_due_at(subscription(), cycle(falls=(FALL,))) == due_at


def test_it_does_not_where_nothing_is_owed_nothing_failed_or_it_is_past_due_already() -> None:
    unpaid = cycle(links=(LINK,))
    assert falls_past_due_at(subscription(), None) is None
    assert falls_past_due_at(subscription(), cycle()) is None
    assert falls_past_due_at(subscription(), learn(unpaid, Withdrawn())) is None
    assert falls_past_due_at(subscription(), replace(unpaid, settled="deb_1-L1")) is None
    assert falls_past_due_at(subscription(Status.PAST_DUE), unpaid) is None
    assert falls_past_due_at(subscription(Status.HALTED), unpaid) is None


# Money and failures.


def test_money_for_a_cycle_is_what_the_books_expect() -> None:
    charge = charge_of(subscription(), 1, PAID)
    assert mismatch(subscription(), charge) is None
    assert charge.period == cycle_period(STARTED, Interval.MONTHLY, 1)
    assert (charge.payment.id, charge.gateway_invoice_id, charge.gateway) == ("deb_1", "deb_1", "phonepe")
    assert (charge.payment.reference, charge.payment.method) == ("utr_1", "UPI_AUTO_PAY")
    assert settled(subscription(), charge).paid_cycle == 1


def test_the_first_money_begins_the_first_period() -> None:
    charge = charge_of(subscription(Status.CREATED), 0, replace(PAID, at=STARTED + HOUR))
    assert charge.period.start == charge.started_at == STARTED + HOUR


def test_the_latest_money_is_remembered_by_its_name_once() -> None:
    collecting = Collecting(Terms())
    for number in range(REMEMBERED_MONEY + 3):
        collecting = collecting.came(f"deb_{number}", PAID).came(f"deb_{number}", replace(PAID, at=STARTED))
    assert len(collecting.money) == REMEMBERED_MONEY
    assert collecting.named("deb_10") == PAID
    with pytest.raises(KeyError):
        collecting.named("deb_0")


def fallen(failure: FailureClass, *attempts: OrderAttempt) -> tuple[Cycle, Order, OrderAtGateway]:
    order = Order(
        "deb_1-1", 99_900, cycle_start(1), STARTED, State.FAILED,
        attempts=tuple(Attempt(each.id, each.state, each.codes) for each in attempts),
    )  # fmt: skip
    closed = learn(cycle(orders=(order,)), OrderClosed(order.id, failure, cycle_start(1) + HOUR))
    seen = OrderAtGateway("deb_1-1", "OMO1", State.FAILED, "FAILED", False, 99_900, "INR", None, attempts)
    return closed, order, seen


def attempt(number: int, *codes: str, state: AttemptState = AttemptState.FAILED) -> OrderAttempt:
    at = cycle_start(1) + number * 2 * HOUR
    return OrderAttempt(f"OM{number}", state, 99_900, "UPI_AUTO_PAY", at, f"utr_{number}", codes)


def test_a_fall_names_its_last_debit_and_those_before_it() -> None:
    first, last = attempt(1, "U90", "BANK_TECHNICAL_ISSUE"), attempt(2, "Z9", "INSUFFICIENT_BALANCE")
    closed, order, seen = fallen(FailureClass.FUNDS, first, last)
    failure = failure_of(closed, order, 1, FailureClass.FUNDS, seen, cycle_start(2))
    assert (failure.id, failure.cycle, failure.rung, failure.reason) == ("OM2", 1, 1, "insufficient_funds")
    assert failure.payment.error_reason == "insufficient_funds"
    assert failure.payment.error_description == "Z9 INSUFFICIENT_BALANCE"
    assert failure.payment.attempted_at == last.attempted_at
    [earlier] = failure.earlier
    assert (earlier.id, earlier.error_reason, earlier.reference) == ("OM1", "bank_technical_error", "utr_1")
    assert not earlier.is_captured


def test_a_fall_without_an_attempt_is_that_of_its_order() -> None:
    closed, order, seen = fallen(FailureClass.TECHNICAL)
    for known in (seen, None):
        failure = failure_of(closed, order, 1, FailureClass.TECHNICAL, known, cycle_start(2))
        assert (failure.id, failure.earlier) == ("deb_1-1", ())
        assert failure.payment.attempted_at == cycle_start(2)


def test_attempts_under_way_or_paid_are_no_failures() -> None:
    pending = attempt(2, state=AttemptState.PENDING)
    closed, order, seen = fallen(FailureClass.FUNDS, attempt(1, "Z9"), pending)
    failure = failure_of(closed, order, 1, FailureClass.FUNDS, seen, cycle_start(2))
    assert (failure.id, failure.earlier) == ("OM1", ())


@pytest.mark.parametrize("failure", FailureClass)
def test_customers_are_told_of_every_class_of_failure_in_words_of_its_own(failure: FailureClass) -> None:
    closed, order, _ = fallen(failure)
    reason = failure_of(closed, order, 1, failure, None, cycle_start(2)).reason
    assert explain(reason) != explain("no such reason")
    waits = failure is FailureClass.TECHNICAL
    money = failure in (FailureClass.FUNDS, FailureClass.LIMIT)
    wanted = Remedy.WAIT if waits else Remedy.MONEY if money else Remedy.NEW_METHOD
    assert explain(reason).remedy is wanted


def test_whoever_looks_at_the_run_reads_what_is_collected_and_how() -> None:
    collecting = Collecting(Terms(), MANDATE, STARTED)
    assert described(collecting) == "mandate active"
    assert described(Collecting(Terms())) == "a page each period"
    made = planned(subscription(), collecting, 1, STARTED)
    assert described(made).startswith("mandate active; cycle 2, ₹999.00 due ")


def test_a_fresh_plan_waits_for_its_notice() -> None:
    made = planned(subscription(), Collecting(Terms(), MANDATE, STARTED), 1, STARTED)
    assert made.cycle is not None
    found = autopay.plan(made.cycle, STARTED + HOUR, rules_of("phonepe", MANDATE, Terms()))
    assert found.action is None
    assert isinstance(found.wake_at, datetime)
    assert found.wake_at < cycle_start(1) - DAY
