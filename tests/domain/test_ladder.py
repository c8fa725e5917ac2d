"""What a failure means, what is tried next, and how it ends."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ladder import (
    FAILURES,
    Channel,
    EndAction,
    FailureClass,
    Fall,
    Ladder,
    Rung,
    Unpaid,
    class_of,
    is_known,
    next_rung,
    oldest_first,
)

START, DAY = datetime(2026, 12, 1, 3, 0, tzinfo=UTC), timedelta(days=1)
F = FailureClass
LADDER = Ladder()


def falls(*classes: FailureClass) -> tuple[Fall, ...]:
    """One failure a day."""
    return tuple(Fall(failure, START + number * DAY) for number, failure in enumerate(classes))


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (("Z9", "INSUFFICIENT_BALANCE"), F.FUNDS),
        (("insufficient_funds",), F.FUNDS),
        (("U90", "BANK_TECHNICAL_ISSUE"), F.TECHNICAL),
        (("Z8",), F.LIMIT),
        (("mandate_current_cycle_allowed_debit_exceeds",), F.LIMIT),
        (("YE",), F.ACCOUNT),
        (("card_expired",), F.ACCOUNT),
        (("INVALID_SUBSCRIPTION_STATE",), F.MANDATE),
        (("umn_does_not_exist_payer",), F.MANDATE),
        (("K1",), F.RISK),
        (("payment_risk_check_failed",), F.RISK),
        (("NEVER_SEEN", "Z9"), F.FUNDS),
        (("NEVER_SEEN",), F.TECHNICAL),
        ((None,), F.TECHNICAL),
        ((), F.TECHNICAL),
    ],
)
def test_codes_of_both_gateways_fall_into_six_classes(
    codes: tuple[str | None, ...], expected: FailureClass
) -> None:
    assert class_of(*codes) is expected


def test_every_class_has_codes_and_no_code_stands_twice() -> None:
    assert set(FAILURES.values()) == set(F)
    assert len(FAILURES) > 90
    assert is_known("z9")
    assert not is_known("NEVER_SEEN")


def test_no_funds_is_tried_twice_more_then_asked_for_by_link_then_by_the_other_gateways() -> None:
    debit = Rung(Channel.DEBIT, 2 * DAY)
    assert next_rung(LADDER, falls(F.FUNDS), 0) == debit
    assert next_rung(LADDER, falls(F.FUNDS, F.FUNDS), 0) == replace(debit, after=3 * DAY)
    three = falls(F.FUNDS, F.FUNDS, F.FUNDS)
    channels = [rung.channel if (rung := next_rung(LADDER, three, tried)) else None for tried in range(3)]
    assert channels == [Channel.LINK, Channel.RESCUE_LINK, None]
    assert LADDER.end is EndAction.HALT


@pytest.mark.parametrize("failure", [F.ACCOUNT, F.MANDATE, F.RISK])
def test_what_another_debit_cannot_cure_goes_to_a_link_at_once(failure: FailureClass) -> None:
    for before in ((), (F.FUNDS,), (F.TECHNICAL, F.LIMIT)):
        rung = next_rung(LADDER, falls(*before, failure), 0)
        assert rung is not None
        assert (rung.channel, rung.after) == (Channel.LINK, timedelta(0))


def test_a_change_of_class_does_not_start_the_ladder_again() -> None:
    rung = next_rung(LADDER, falls(F.FUNDS, F.TECHNICAL), 0)
    assert rung == LADDER.rungs[F.TECHNICAL][1]


def test_no_debit_is_planned_beyond_the_grace() -> None:
    short = Ladder(grace=DAY)
    rung = next_rung(short, falls(F.FUNDS), 0)
    assert rung is not None
    assert rung.channel is Channel.LINK


def test_where_no_debit_is_allowed_a_link_comes_first() -> None:
    for known in ((), falls(F.FUNDS)):
        rung = next_rung(LADDER, known, 0, debits_allowed=False)
        assert rung is not None
        assert rung.channel is Channel.LINK


@given(st.lists(st.sampled_from(F), min_size=1, max_size=12), st.integers(0, 4))
def test_every_ladder_ends_and_its_last_rung_is_a_link(classes: list[FailureClass], links: int) -> None:
    rung = next_rung(LADDER, falls(*classes), links)
    if links >= 2:
        assert rung is None
    elif len(classes) > 2 or links:
        assert rung is not None
        assert rung.channel is not Channel.DEBIT
    for rungs in LADDER.rungs.values():
        assert rungs[-1].channel is not Channel.DEBIT


DEBIT, LINK = Rung(Channel.DEBIT, DAY), Rung(Channel.LINK, timedelta(0))


@pytest.mark.parametrize(
    ("rungs", "said"),
    [
        ((DEBIT,), "end with a pay link"),
        ((), "end with a pay link"),
        ((LINK, DEBIT, LINK), "debits before its links"),
        ((replace(DEBIT, after=-DAY), LINK), "before its failure"),
    ],
)
def test_a_policy_that_cannot_be_followed_is_refused(rungs: tuple[Rung, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Ladder(rungs={**LADDER.rungs, F.FUNDS: rungs})


def test_recovery_collects_what_has_been_owed_longest() -> None:
    october, november, december = (
        Unpaid(number, 942_82, START + number * 30 * DAY) for number in (10, 11, 12)
    )
    assert oldest_first([december, october, november]) == (october, november, december)
    assert oldest_first([]) == ()
