"""The life of a subscription, pair by pair: what may follow, what may be asked, who has access."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Refused
from domain.periods import Interval
from domain.subscription import (
    ALLOWED,
    FINAL,
    LIVE,
    TRANSITIONS,
    Command,
    IllegalTransition,
    Status,
    Trigger,
    allowed_commands,
    cancels_at_period_end,
    check_command,
    has_access,
    next_status,
)
from tests.domain.samples import PRICE, STARTED, free, subscription

NOW = datetime(2026, 2, 10, tzinfo=UTC)

# Every state against every trigger; "-" is refused. Written from DESIGN (life of a subscription) and
# razorpay.md 2.2, not from the code.
EXPECTED = """
               paid       authenticated  charge_failed  retries_exhausted  mandate_renewed  paused  resumed  cancelled  completed  expired
CREATED        ACTIVE     AUTHENTICATED  CREATED        -                  -                -       -        CANCELLED  -          EXPIRED
AUTHENTICATED  ACTIVE     -              PAST_DUE       HALTED             -                -       -        CANCELLED  -          -
ACTIVE         ACTIVE     -              PAST_DUE       HALTED             -                PAUSED  -        CANCELLED  COMPLETED  -
PAST_DUE       ACTIVE     -              PAST_DUE       HALTED             -                PAUSED  -        CANCELLED  COMPLETED  -
HALTED         ACTIVE     -              HALTED         -                  ACTIVE           PAUSED  -        CANCELLED  COMPLETED  -
PAUSED         PAUSED     -              PAUSED         HALTED             -                -       ACTIVE   CANCELLED  COMPLETED  -
CANCELLED      CANCELLED  -              -              -                  -                -       -        -          -          -
COMPLETED      COMPLETED  -              COMPLETED      -                  -                -       -        CANCELLED  -          -
EXPIRED        -          -              -              -                  -                -       -        -          -          -
"""  # noqa: E501

# Every state against every command: "yes", or "-" for refused.
EXPECTED_COMMANDS = """
               cancel  keep  cancel-now  pause  resume
CREATED        yes     -     yes         -      -
AUTHENTICATED  yes     -     yes         -      -
ACTIVE         yes     -     yes         yes    -
PAST_DUE       yes     -     yes         -      -
HALTED         yes     -     yes         -      -
PAUSED         yes     -     yes         -      yes
CANCELLED      -       -     -           -      -
COMPLETED      -       -     -           -      -
EXPIRED        -       -     -           -      -
"""


def read_table(table: str) -> dict[tuple[str, str], str]:
    heading, *rows = [line.split() for line in table.strip().splitlines()]
    return {(row[0], column): cell for row in rows for column, cell in zip(heading, row[1:], strict=True)}


PAIRS = read_table(EXPECTED)
COMMANDS = read_table(EXPECTED_COMMANDS)


def test_the_expected_tables_are_complete() -> None:
    assert set(PAIRS) == set(product(map(str, Status), map(str, Trigger)))
    assert set(COMMANDS) == set(product(map(str, Status), map(str, Command)))
    assert len(PAIRS) == 90
    assert len(COMMANDS) == 45


@pytest.mark.parametrize(("status", "trigger"), list(product(Status, Trigger)))
def test_each_trigger_in_each_state_leads_where_the_table_says(status: Status, trigger: Trigger) -> None:
    expected = PAIRS[status, trigger]
    before = subscription(status)
    if expected == "-":
        assert (status, trigger) not in TRANSITIONS
        with pytest.raises(IllegalTransition, match=f"{status} cannot become anything by '{trigger}'"):
            before.moved(trigger)
        return
    assert next_status(status, trigger) == expected
    after = before.moved(trigger)
    assert after.status == expected
    assert after.version == before.version + 1


@given(st.lists(st.sampled_from(Trigger), max_size=40))
def test_whatever_happens_in_whatever_order_the_end_stands_and_versions_grow(triggers: list[Trigger]) -> None:
    life = subscription(Status.CREATED)
    for trigger in triggers:
        if (life.status, trigger) not in TRANSITIONS:
            continue
        before, life = life, life.moved(trigger)
        assert life.version == before.version + 1
        assert life.status is not Status.CREATED or before.status is Status.CREATED
        assert before.status not in FINAL or life.status in FINAL
        assert life.is_final == (life.status in FINAL)


def test_states_are_final_or_live() -> None:
    assert {Status.CANCELLED, Status.COMPLETED, Status.EXPIRED} == FINAL
    assert set(Status) == FINAL | LIVE
    assert not FINAL & LIVE


# What stays usable


@pytest.mark.parametrize("trigger", [Trigger.PAUSED, Trigger.CANCELLED, Trigger.COMPLETED])
def test_what_is_paid_stays_usable_until_the_periods_end(trigger: Trigger) -> None:
    before = subscription()
    assert before.period is not None
    assert (
        before.moved(trigger).access_until == before.period.end == datetime(2026, 2, 27, 18, 30, tzinfo=UTC)
    )


def test_access_can_be_ended_at_once() -> None:
    assert subscription().moved(Trigger.CANCELLED, access_ends_at=NOW).access_until == NOW


@pytest.mark.parametrize("status", [Status.CREATED, Status.AUTHENTICATED])
def test_what_was_never_paid_leaves_no_access(status: Status) -> None:
    assert subscription(status).moved(Trigger.CANCELLED).access_until is None


def test_resuming_makes_access_open_ended_again() -> None:
    paused = subscription().moved(Trigger.PAUSED)
    assert paused.moved(Trigger.RESUMED).access_until is None


def test_money_that_arrives_after_the_end_keeps_what_it_paid_for() -> None:
    cancelled = replace(subscription().moved(Trigger.CANCELLED), paid_cycle=1)
    after = cancelled.moved(Trigger.PAID)
    assert after.status is Status.CANCELLED
    assert after.access_until == datetime(2026, 3, 30, 18, 30, tzinfo=UTC)


PAST, FUTURE = NOW - timedelta(seconds=1), NOW + timedelta(seconds=1)

# Access by state: with no end set, with an end that has passed, at the very end, with one to come.
ACCESS = {
    Status.CREATED: (False, False, False, False),
    Status.AUTHENTICATED: (False, False, False, False),
    Status.ACTIVE: (True, True, True, True),
    Status.PAST_DUE: (True, True, True, True),
    Status.HALTED: (False, False, False, False),
    Status.PAUSED: (False, False, False, True),
    Status.CANCELLED: (False, False, False, True),
    Status.COMPLETED: (False, False, False, True),
    Status.EXPIRED: (False, False, False, False),
}


@pytest.mark.parametrize("status", Status)
def test_access_follows_the_state_and_what_is_paid(status: Status) -> None:
    assert tuple(has_access(status, until, NOW) for until in (None, PAST, NOW, FUTURE)) == ACCESS[status]


# What may be asked


@pytest.mark.parametrize(("status", "command"), list(product(Status, Command)))
def test_each_command_in_each_state_is_taken_or_refused_with_what_is_allowed(
    status: Status, command: Command
) -> None:
    it = subscription(status)
    if COMMANDS[status, command] == "yes":
        check_command(it, command)
        return
    with pytest.raises(Refused, match=f"'{command}' does not fit a subscription that is {status}") as refusal:
        check_command(it, command)
    assert refusal.value.state == status
    assert set(refusal.value.allowed) == {c for c in Command if COMMANDS[status, c] == "yes"}


@pytest.mark.parametrize("status", sorted(LIVE))
def test_a_planned_cancellation_can_be_taken_back_but_not_planned_twice(status: Status) -> None:
    it = subscription(status, cancel_at_period_end=True)
    check_command(it, Command.KEEP)
    check_command(it, Command.CANCEL_NOW)
    with pytest.raises(Refused, match="cancelling at period end") as refusal:
        check_command(it, Command.CANCEL)
    assert Command.KEEP in refusal.value.allowed
    others = {c for c in Command if COMMANDS[status, c] == "yes"} - {Command.CANCEL}
    assert set(allowed_commands(it)) == others | {Command.KEEP}


@pytest.mark.parametrize("trigger", [Trigger.CANCELLED, Trigger.COMPLETED])
def test_once_ended_as_planned_nothing_can_be_taken_back(trigger: Trigger) -> None:
    ended = subscription(cancel_at_period_end=True).moved(trigger)
    for command in Command:
        with pytest.raises(Refused, match="It has ended; ask for a new subscription") as refusal:
            check_command(ended, command)
        assert refusal.value.allowed == ()
        assert refusal.value.state == ended.status


def test_a_planned_cancellation_survives_all_but_the_end() -> None:
    for (status, trigger), after in TRANSITIONS.items():
        moved = subscription(status, cancel_at_period_end=True).moved(trigger)
        assert moved.cancel_at_period_end == (after not in FINAL)


def test_a_free_subscription_can_be_cancelled_but_not_paused() -> None:
    assert set(allowed_commands(free())) == {Command.CANCEL, Command.CANCEL_NOW}
    with pytest.raises(Refused):
        check_command(free(), Command.PAUSE)


def test_commands_are_listed_for_every_state() -> None:
    assert set(ALLOWED) == set(Status)


@pytest.mark.parametrize("status", Status)
def test_a_cancel_waits_only_while_a_paid_period_runs(status: Status) -> None:
    it = subscription(status, started_at=STARTED, paid_cycle=0)
    assert it.period is not None
    waits = status in (Status.ACTIVE, Status.PAUSED)
    assert cancels_at_period_end(it, it.period.end - timedelta(seconds=1)) == waits
    assert not cancels_at_period_end(it, it.period.end)
    assert not cancels_at_period_end(replace(it, paid_cycle=None), NOW)


def test_nobody_waits_for_the_end_of_what_is_free() -> None:
    assert not cancels_at_period_end(free(), NOW)


# Facts derived


def test_the_period_is_that_of_the_latest_paid_cycle() -> None:
    it = subscription(paid_cycle=1)
    assert it.period is not None
    assert it.period.start == datetime(2026, 2, 27, 18, 30, tzinfo=UTC)
    assert it.period.end == datetime(2026, 3, 30, 18, 30, tzinfo=UTC)
    yearly = subscription(price=replace(PRICE, interval=Interval.ANNUAL))
    assert yearly.period is not None
    assert yearly.period.end == datetime(2027, 1, 30, 18, 30, tzinfo=UTC)
    assert subscription(Status.CREATED).period is None
    assert subscription(started_at=None).period is None


def test_only_a_price_of_nothing_is_free() -> None:
    assert free().is_free
    assert not subscription().is_free
    assert not replace(PRICE, amount_paise=1).is_free
