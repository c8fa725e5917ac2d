"""Thousands of made-up schedules break no rule, meet with every misfortune, and the judge can see."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from domain.autopay import Plan, Redeem, plan
from domain.debit import Cycle
from domain.ladder import FailureClass
from domain.lawful import PHONEPE, Rules
from tests.domain.schedules import Planner, play_all, simulate

HOUR = timedelta(hours=1)
MISFORTUNES = """
    notified, amount garbled,
    notice lost, notice failed, notice stuck, redeem lost, redeem refused, read lost, failed debit,
    success, late success, expired while a debit was under way, pause, unpause, revoke, opt out, withdraw,
    link, rescue link, link lost, link paid after it was closed, given back, halted, called off
"""


def test_twenty_thousand_schedules_break_no_rule_and_meet_with_every_misfortune() -> None:
    broken, reached = play_all(20_000)
    assert broken == []
    named = {what.strip() for what in MISFORTUNES.split(",")}
    assert {what for what in named if reached[what] >= 10} == named


def _gaps(gap: timedelta) -> dict[FailureClass, timedelta]:
    return dict.fromkeys(FailureClass, gap)


WRONG_RULES = {
    "debit without notice 24 hours before": replace(PHONEPE, notice_wait=23 * HOUR),
    "debit outside lawful hours": replace(PHONEPE, first_attempt_in_hours=False),
    "more than 1 + 3 attempts": replace(PHONEPE, max_attempts=6, retry_gaps=_gaps(1.6 * HOUR)),
    "retry within 90 minutes": replace(PHONEPE, spacing=HOUR, retry_gaps=_gaps(HOUR)),
    "debit without a look at the mandate": replace(PHONEPE, freshness=3 * HOUR),
}


def seen(rule: str, rules: Rules = PHONEPE, planner: Planner = plan) -> bool:
    """Whether the judge finds `rule` broken in some schedule."""
    return any(
        violation.startswith(rule)
        for seed in range(3_000)
        for violation in simulate(seed, rules, planner).violations
    )


@pytest.mark.parametrize("rule", WRONG_RULES)
def test_the_judge_sees_a_planner_that_follows_wrong_rules(rule: str) -> None:
    assert seen(rule, WRONG_RULES[rule])


def _deaf(cycle: Cycle, now: datetime, rules: Rules) -> Plan:
    return plan(replace(cycle, opted_out=False, withdrawn=False), now, rules)


def _greedy(cycle: Cycle, now: datetime, rules: Rules) -> Plan:
    planned = plan(cycle, now, rules)
    if isinstance(planned.action, Redeem):
        return replace(planned, action=replace(planned.action, amount_paise=planned.action.amount_paise + 1))
    return planned


def _forgetful(cycle: Cycle, now: datetime, rules: Rules) -> Plan:
    return plan(replace(cycle, orders=tuple(replace(each, void=False) for each in cycle.orders)), now, rules)


def _bold(cycle: Cycle, now: datetime, rules: Rules) -> Plan:
    mandate = cycle.mandate and replace(cycle.mandate, max_amount_paise=15_000_00)
    return plan(replace(cycle, mandate=mandate), now, rules)


def _hasty(cycle: Cycle, now: datetime, rules: Rules) -> Plan:
    """Takes an outcome it does not know for a failure."""
    orders = tuple(
        replace(each, closed_at=now) if each.asks and not each.attempts else each for each in cycle.orders
    )
    return plan(replace(cycle, orders=orders), now, rules)


@pytest.mark.parametrize(
    ("rule", "planner"),
    [
        ("debit asked for after an opt-out", _deaf),
        ("amount debited is not the amount notified", _greedy),
        ("debit above what the payer permitted", _bold),
        ("debit on a notice given before a pause", _forgetful),
        ("new notice while a debit was under way", _hasty),
        ("more than one successful debit in a cycle", _hasty),
    ],
)
def test_the_judge_sees_a_planner_that_is_wrong(rule: str, planner: Planner) -> None:
    assert seen(rule, planner=planner)


def test_a_plan_can_be_replayed() -> None:
    taken: list[tuple[Cycle, datetime, Plan]] = []

    def noted(cycle: Cycle, now: datetime, rules: Rules) -> Plan:
        taken.append((cycle, now, plan(cycle, now, rules)))
        return taken[-1][2]

    for seed in range(100):
        simulate(seed, planner=noted)
    assert len(taken) > 2_000
    assert all(plan(cycle, now) == planned for cycle, now, planned in taken)
