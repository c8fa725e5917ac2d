"""Debits of Razorpay's tokens on our own clock, against the stand-in and through the official SDK."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.debit import AttemptState, State
from domain.errors import GatewayRefused, GatewayUnavailable, InvalidInput, OutcomeUnknown
from domain.ladder import FailureClass, class_of
from domain.mandate import MandateKind, MandateStatus
from domain.orders import DebitStarted, OrderAtGateway, TurnedAway
from simulator.process import SimulatorProcess
from tests.gateways.conftest import AMOUNT
from tests.gateways.razorpay_till import CARD_WAIT, DAY, MOST, WAIT, Till


@pytest.fixture
async def till(simulator: SimulatorProcess) -> AsyncIterator[Till]:
    till = Till(simulator, await simulator.now())
    yield till
    await till.close()


async def debit_of(till: Till, order_id: str) -> OrderAtGateway:
    found = await till.gateway.find_debit(order_id)
    assert found is not None
    return found


async def status_of(till: Till, mandate_id: str) -> MandateStatus:
    found = await till.gateway.find_mandate(mandate_id)
    assert found is not None
    return found.mandate.status


async def test_a_debit_is_announced_waited_for_taken_and_named_by_its_payment(till: Till) -> None:
    new = await till.active()
    debit = till.debit(new.mandate_id)
    assert await till.gateway.find_debit(debit.order_id) is None
    announced = await till.gateway.notify(debit)
    assert (announced.state, announced.amount_paise) == (State.NOTIFYING, AMOUNT)
    assert (announced.mandate_id, announced.is_strange) == (new.mandate_id, False)
    await till.advance(61)
    told = await debit_of(till, debit.order_id)
    assert told.state is State.NOTIFIED
    assert told.notice is not None
    assert told.notice.notified_at is not None
    assert debit.target is not None
    assert told.notice.valid_from == debit.target.replace(microsecond=0)

    await till.advance(WAIT)
    started = await till.gateway.redeem(debit.order_id)
    assert started == DebitStarted(started.attempt_id)
    assert (await debit_of(till, debit.order_id)).attempts[0].state is AttemptState.PENDING
    assert (await till.gateway.redeem(debit.order_id)).turned_away is TurnedAway.IN_FLIGHT
    await till.advance(31)
    taken = await debit_of(till, debit.order_id)
    assert (taken.state, taken.amount_paise) == (State.COMPLETED, AMOUNT)
    assert taken.refund_name(till.gateway.name) == started.attempt_id
    assert (await till.gateway.redeem(debit.order_id)).turned_away is TurnedAway.OTHER
    audited = await till.audited(debit.order_id)
    assert (audited["captures"], audited["captured_paise"]) == (1, AMOUNT)


async def test_a_card_is_debited_after_its_longer_wait_and_once_more_on_the_same_order(till: Till) -> None:
    new = await till.active(MandateKind.CARD)
    await till.act(new.mandate_id, "next_debit", outcomes=["failure"])
    order_id = await till.notified(new.mandate_id, CARD_WAIT)
    await till.gateway.redeem(order_id)
    await till.advance(31)
    failed = await debit_of(till, order_id)
    assert (failed.state, len(failed.attempts)) == (State.NOTIFIED, 1)
    await till.advance(CARD_WAIT)
    await till.gateway.redeem(order_id)
    await till.advance(31)
    assert (await debit_of(till, order_id)).state is State.COMPLETED
    assert (await till.audited(order_id))["captures"] == 1


async def test_a_failed_debit_has_its_reason_and_leaves_the_order_open(till: Till) -> None:
    new = await till.active()
    await till.act(
        new.mandate_id, "next_debit", outcomes=[{"outcome": "failure", "error_reason": "insufficient_funds"}]
    )
    order_id = await till.notified(new.mandate_id)
    await till.gateway.redeem(order_id)
    await till.advance(31)
    failed = await debit_of(till, order_id)
    assert (failed.state, failed.attempts[0].state) == (State.NOTIFIED, AttemptState.FAILED)
    assert class_of(*failed.codes) is FailureClass.FUNDS
    second = await till.gateway.redeem(order_id)
    assert (second.attempt_id, second.turned_away) == (None, TurnedAway.OTHER)
    assert len((await debit_of(till, order_id)).attempts) == 1


async def test_a_debit_called_failed_may_be_captured_days_later(till: Till) -> None:
    new = await till.active()
    await till.act(
        new.mandate_id, "next_debit", outcomes=[{"outcome": "late_success", "late_seconds": 2 * DAY}]
    )
    order_id = await till.notified(new.mandate_id)
    await till.gateway.redeem(order_id)
    await till.advance(60)
    assert (await debit_of(till, order_id)).state is State.NOTIFIED
    await till.advance(2 * DAY)
    assert (await debit_of(till, order_id)).state is State.COMPLETED


async def test_a_debit_of_another_sum_is_read_as_it_was_taken(till: Till) -> None:
    new = await till.active()
    await till.act(new.mandate_id, "next_debit", outcomes=["wrong_amount"])
    order_id = await till.notified(new.mandate_id)
    await till.gateway.redeem(order_id)
    await till.advance(31)
    assert (await debit_of(till, order_id)).amount_paise == AMOUNT + 100


async def test_a_debit_without_an_outcome_stays_under_way(till: Till) -> None:
    new = await till.active()
    await till.act(new.mandate_id, "next_debit", outcomes=["stuck"])
    order_id = await till.notified(new.mandate_id)
    await till.gateway.redeem(order_id)
    await till.advance(3 * DAY)
    stuck = await debit_of(till, order_id)
    assert (stuck.state, stuck.attempts[0].state) == (State.PENDING, AttemptState.PENDING)


@pytest.mark.parametrize("how", ["refused", "failed"])
async def test_too_early_untold_or_paused_nothing_is_taken(till: Till, how: str) -> None:
    await till.switch(barred_debit=how, upi_debits_per_order=0)
    new = await till.active()
    debit = till.debit(new.mandate_id)
    await till.gateway.notify(debit)
    expected = []
    for act, seconds, why in (
        ("", 0, TurnedAway.TOO_EARLY),  # not delivered
        ("", 61, TurnedAway.TOO_EARLY),
        ("pause", WAIT, TurnedAway.MANDATE),
    ):
        await till.advance(seconds)
        if act:
            await till.act(new.mandate_id, act)
        started = await till.gateway.redeem(debit.order_id)
        assert started.turned_away is (why if how == "refused" else None)
        expected.append(started.attempt_id is not None)
        await till.advance(31)
    order = await debit_of(till, debit.order_id)
    assert [each.state for each in order.attempts] == [AttemptState.FAILED for made in expected if made]
    assert (await till.audited(debit.order_id))["captures"] == 0
    if how == "failed":
        reasons = [each.codes[0] for each in order.attempts]
        assert reasons == [
            "pre_debit_notification_not_sent",
            "BAD_REQUEST_MANDATE_PROMISED_DEBIT_DATE_NOT_HONOURED",
            "mandate_paused",
        ]


async def test_a_notice_that_could_not_be_delivered_ends_the_order(till: Till) -> None:
    new = await till.active()
    await till.act(new.mandate_id, "next_notice", outcomes=["failed"])
    debit = till.debit(new.mandate_id)
    await till.gateway.notify(debit)
    await till.advance(61)
    failed = await debit_of(till, debit.order_id)
    assert (failed.state, failed.codes) == (State.FAILED, ("pre_debit_notification_not_sent",))


async def test_words_nobody_knew_are_pending(till: Till) -> None:
    new = await till.active()
    debit = till.debit(new.mandate_id)
    announced = await till.gateway.notify(debit)
    for words in ({"notice": "queued_at_bank"}, {"status": "on_hold"}):
        await till.simulator.control(f"orders/{announced.gateway_id}/show_status", words)
        order = await debit_of(till, debit.order_id)
        assert (order.state, order.is_strange) == (State.PENDING, True)


# doubt


async def test_announcing_again_is_one_notice_and_another_sum_under_the_id_is_refused(till: Till) -> None:
    new = await till.active()
    debit = till.debit(new.mandate_id)
    first = await till.gateway.notify(debit)
    await till.advance(61)
    again = await till.gateway.notify(debit)
    assert (again.gateway_id, again.state) == (first.gateway_id, State.NOTIFIED)
    with pytest.raises(GatewayRefused, match="used before"):
        await till.gateway.notify(replace(debit, amount_paise=AMOUNT + 1))


@pytest.mark.parametrize("unique", [True, False])
async def test_a_lost_answer_to_a_notice_leaves_one_notice(till: Till, unique: bool) -> None:
    await till.switch(unique_receipts=unique)
    new = await till.active()
    debit = till.debit(new.mandate_id)
    await till.fault("drop_after_commit", method="POST", path_regex="/orders$")
    with pytest.raises(OutcomeUnknown):
        await till.gateway.notify(debit)
    assert (await till.gateway.notify(debit)).state is State.NOTIFYING
    assert (await till.audited(debit.order_id))["notification"] is not None


async def test_a_notice_that_no_list_shows_yet_is_not_given_twice(till: Till) -> None:
    new = await till.active()
    await till.advance(400)
    await till.switch(list_lag_seconds=300)
    debit = till.debit(new.mandate_id)
    await till.gateway.notify(debit)
    with pytest.raises(GatewayUnavailable, match="not listed yet"):
        await till.gateway.notify(debit)
    with pytest.raises(GatewayUnavailable, match="look again"):
        await till.gateway.redeem(debit.order_id)
    await till.advance(301)
    assert (await till.gateway.notify(debit)).state is State.NOTIFIED


@pytest.mark.parametrize("kind", ["drop_after_commit", "http_500", "http_429", "partial_json", "hang"])
async def test_a_lost_answer_to_a_debit_leaves_doubt_and_the_order_tells(till: Till, kind: str) -> None:
    new = await till.active()
    order_id = await till.notified(new.mandate_id)
    await till.fault(kind, path_regex="/create/recurring$", after_commit=True, seconds=2.5)
    with pytest.raises(OutcomeUnknown, match="look it up"):
        await till.gateway.redeem(order_id)
    assert (await till.gateway.redeem(order_id)).turned_away is TurnedAway.IN_FLIGHT
    await till.advance(31)
    assert (await debit_of(till, order_id)).state is State.COMPLETED
    assert (await till.audited(order_id))["captures"] == 1


async def test_a_refused_debit_may_have_been_made(till: Till) -> None:
    new = await till.active()
    order_id = await till.notified(new.mandate_id)
    await till.fault("http_400", path_regex="/create/recurring$", after_commit=True)
    assert (await till.gateway.redeem(order_id)).turned_away is TurnedAway.OTHER
    await till.advance(31)
    assert (await debit_of(till, order_id)).state is State.COMPLETED


async def test_a_payment_that_no_list_shows_yet_is_no_missing_payment(till: Till) -> None:
    new = await till.active()
    order_id = await till.notified(new.mandate_id)
    await till.switch(list_lag_seconds=300, order_payments_lag=True)
    await till.gateway.redeem(order_id)
    with pytest.raises(GatewayUnavailable, match="does not list the payment yet"):
        await till.gateway.redeem(order_id)
    await till.advance(31)
    with pytest.raises(GatewayUnavailable, match="does not list the payment yet"):
        await till.gateway.find_debit(order_id)
    await till.advance(301)
    assert (await debit_of(till, order_id)).state is State.COMPLETED


async def test_a_gateway_that_is_busy_or_broken_can_be_asked_again(till: Till) -> None:
    new = await till.active()
    for kind in ("http_429", "http_500", "http_502_html", "drop_before_commit", "partial_json"):
        await till.fault(kind, method="GET", path_regex="/tokens/")
        with pytest.raises(GatewayUnavailable):
            await till.gateway.find_mandate(new.mandate_id)
        assert await status_of(till, new.mandate_id) is MandateStatus.ACTIVE


async def test_an_account_without_recurring_payments_is_told_what_to_enable(till: Till) -> None:
    await till.switch(recurring_payments=False)
    with pytest.raises(GatewayRefused, match="recurring payments, enabled"):
        await till.gateway.open_mandate(till.mandate())


async def test_what_nobody_may_be_asked_is_refused_before_anyone_is(till: Till) -> None:
    new = till.mandate()
    for wrong, field in (
        (replace(new, payer=None), "payer"),
        (replace(new, order_id="set_other"), "order_id"),
        (replace(new, kind=MandateKind.BANK), "kind"),
        (replace(new, first_charge_paise=MOST + 1), "max_amount_paise"),
        (replace(new, first_charge_paise=99), "first_charge_paise"),
        (replace(new, lasts=timedelta(days=200)), "lasts"),
        (replace(new, mandate_id="mandate-1"), "mandate_id"),
    ):
        with pytest.raises(InvalidInput) as refused:
            await till.gateway.open_mandate(wrong)
        assert refused.value.field == field
    debit = till.debit(new.mandate_id)
    for wrong_debit, field in (
        (replace(debit, target=None), "target"),
        (replace(debit, amount_paise=0), "amount_paise"),
        (replace(debit, order_id="a b"), "order_id"),
    ):
        with pytest.raises(InvalidInput) as refused:
            await till.gateway.notify(wrong_debit)
        assert refused.value.field == field
    for find in (till.gateway.find_mandate, till.gateway.cancel_mandate):
        with pytest.raises(InvalidInput):
            await find("../payments")
