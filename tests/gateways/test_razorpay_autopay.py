"""Whole cycles: the planner decides, our adapter asks, the stand-in has hours and waits of its own."""

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from domain.autopay import (
    Action,
    CloseOrder,
    GiveBack,
    ReadMandate,
    ReadOrder,
    Redeem,
    SendNotice,
    Settle,
    plan,
)
from domain.debit import (
    Cycle,
    Fact,
    GivenBack,
    MandateRead,
    NoticeAsked,
    OrderClosed,
    OrderRead,
    RedeemAsked,
    Settled,
    State,
    learn,
)
from domain.errors import OutcomeUnknown
from domain.lawful import RAZORPAY_CARD, RAZORPAY_UPI, Rules
from domain.mandate import MandateKind
from gateways.base import NewDebit
from simulator.process import SimulatorProcess
from tests.gateways.conftest import AMOUNT
from tests.gateways.razorpay_till import Till

RULES = {MandateKind.UPI: RAZORPAY_UPI, MandateKind.CARD: RAZORPAY_CARD}
_MOST_STEPS = 400


@pytest.fixture
async def till(simulator: SimulatorProcess) -> AsyncIterator[Till]:
    till = Till(simulator, await simulator.now())
    yield till
    await till.close()


async def read(till: Till, order_id: str) -> OrderRead:
    found = await till.gateway.find_debit(order_id)
    return found.debit_fact(till.moment) if found else OrderRead(order_id, till.moment, State.ABSENT)


async def perform(till: Till, mandate_id: str, action: Action) -> list[Fact]:
    """What doing it teaches: the intent first, then what is read."""
    at, gateway = till.moment, till.gateway
    match action:
        case ReadMandate():
            found = await gateway.find_mandate(mandate_id)
            assert found is not None
            return [MandateRead(found.mandate, at)]
        case SendNotice(order_id, amount, target, expires_at):
            new = NewDebit(order_id, mandate_id, amount, expires_at, "bs_1", target)
            told = (await gateway.notify(new)).debit_fact(at)
            return [NoticeAsked(order_id, amount, target, at), told]
        case ReadOrder(order_id):
            return [await read(till, order_id)]
        case Redeem(order_id):
            with contextlib.suppress(OutcomeUnknown):
                await gateway.redeem(order_id)
            return [RedeemAsked(order_id, at)]
        case CloseOrder(order_id, failure):
            return [OrderClosed(order_id, failure, at)]
        case Settle(capture_id):
            return [Settled(capture_id)]
        case GiveBack(capture_id):
            return [GivenBack(capture_id)]
        case _:
            raise AssertionError(f"no pay link is wanted here: {action}")


async def collected(till: Till, kind: MandateKind, *outcomes: object) -> tuple[Cycle, Rules]:
    """A cycle due in five days, collected to its end."""
    new = await till.active(kind)
    if outcomes:
        await till.act(new.mandate_id, "next_debit", outcomes=list(outcomes))
    mandate = await till.gateway.find_mandate(new.mandate_id)
    assert mandate is not None
    due_at = till.moment + timedelta(days=5)
    cycle = Cycle(f"cycle-{till.subject}", AMOUNT, due_at, mandate.mandate, till.moment)
    rules = RULES[kind]
    for _ in range(_MOST_STEPS):
        step = plan(cycle, till.moment, rules)
        if step.action is not None:
            for fact in await perform(till, new.mandate_id, step.action):
                cycle = learn(cycle, fact, rules.limits)
        elif step.wake_at is None:
            return cycle, rules
        else:
            await till.advance(max(int((step.wake_at - till.moment).total_seconds()) + 1, 1))
    raise AssertionError(f"it does not come to an end: {cycle}")


async def captured(till: Till) -> int:
    """Debits of this test's cycle that the stand-in's books show as captured."""
    orders = (await till.simulator.books())["orders"]
    return sum(
        each["captures"] for each in orders if (each["reference"] or "").startswith(f"cycle-{till.subject}-")
    )


@pytest.mark.parametrize("kind", list(RULES))
async def test_a_cycle_is_notified_debited_once_and_settled(till: Till, kind: MandateKind) -> None:
    cycle, _ = await collected(till, kind)
    assert cycle.settled == cycle.orders[0].id
    assert (len(cycle.orders), len(cycle.orders[0].asks)) == (1, 1)
    assert cycle.orders[0].asks[0] >= cycle.due_at
    assert await captured(till) == 1


async def test_a_failed_upi_debit_needs_a_new_notice_and_a_failed_card_debit_none(till: Till) -> None:
    fails = {"outcome": "failure", "error_reason": "insufficient_funds"}
    upi, _ = await collected(till, MandateKind.UPI, fails)
    assert [len(order.asks) for order in upi.orders] == [1, 1]
    assert upi.settled == upi.orders[1].id
    card_till = Till(till.simulator, await till.simulator.now())
    card, _ = await collected(card_till, MandateKind.CARD, fails)
    assert [len(order.asks) for order in card.orders] == [2]
    assert card.settled == card.orders[0].id
    assert (await captured(till), await captured(card_till)) == (1, 1)
    await card_till.close()


@pytest.mark.parametrize("kind", ["drop_after_commit", "http_400", "http_500", "http_429"])
async def test_a_lost_answer_to_a_debit_takes_the_money_once(till: Till, kind: str) -> None:
    await till.fault(kind, path_regex="/create/recurring$", after_commit=True)
    cycle, _ = await collected(till, MandateKind.UPI)
    assert cycle.settled == cycle.orders[0].id
    assert await captured(till) == 1


async def test_a_debit_that_never_arrived_is_made_on_another_notice(till: Till) -> None:
    await till.fault("drop_before_commit", path_regex="/create/recurring$")
    cycle, _ = await collected(till, MandateKind.UPI)
    assert len(cycle.orders) == 2
    assert cycle.settled == cycle.orders[1].id
    assert await captured(till) == 1
