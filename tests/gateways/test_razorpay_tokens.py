"""Razorpay's tokens set up, read and ended behind our protocol, against the stand-in and through the SDK."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.debit import AttemptState, State
from domain.errors import GatewayRefused, GatewayUnavailable, OutcomeUnknown
from domain.mandate import MandateKind, MandateStatus, may_debit
from domain.orders import OrderAtGateway
from domain.refund import RefundSpeed
from gateways.base import ClosingGateway, CollectingGateway, NewRefund, RefundGateway, SubscriptionGateway
from simulator.process import SimulatorProcess
from tests.gateways.conftest import AMOUNT
from tests.gateways.razorpay_till import HOUR, MOST, Till


@pytest.fixture
async def till(simulator: SimulatorProcess) -> AsyncIterator[Till]:
    till = Till(simulator, await simulator.now())
    yield till
    await till.close()


async def setup_of(till: Till, order_id: str) -> OrderAtGateway:
    found = await till.gateway.find_setup(order_id)
    assert found is not None
    return found


async def status_of(till: Till, mandate_id: str) -> MandateStatus:
    found = await till.gateway.find_mandate(mandate_id)
    assert found is not None
    return found.mandate.status


def test_the_one_gateway_answers_every_protocol(till: Till) -> None:
    collecting: CollectingGateway = till.gateway
    closing: ClosingGateway = till.gateway
    scheduled: SubscriptionGateway = till.gateway
    giving_back: RefundGateway = till.gateway
    assert collecting.name == closing.name == scheduled.name == giving_back.name == "razorpay"


# setting up


async def test_a_mandate_is_set_up_with_its_first_charge_which_a_refund_names(till: Till) -> None:
    new = till.mandate()
    assert await till.gateway.find_setup(new.order_id) is None
    assert await till.gateway.find_mandate(new.mandate_id) is None
    page = await till.gateway.open_mandate(new)
    assert page.order_id == new.order_id
    assert page.gateway_order_id.startswith("order_")
    assert page.url is not None
    assert page.url.startswith("http")
    assert page.expires_at == till.moment + timedelta(minutes=30)
    waiting = await setup_of(till, new.order_id)
    assert (waiting.state, waiting.amount_paise, waiting.mandate_id) == (
        State.PENDING,
        AMOUNT,
        new.mandate_id,
    )
    assert waiting.link_fact(till.moment).state is State.OPEN
    assert await status_of(till, new.mandate_id) is MandateStatus.CREATED

    await till.approve(new.order_id, outcome="failure")
    failed = await setup_of(till, new.order_id)
    assert (failed.state, failed.attempts[0].state) == (State.PENDING, AttemptState.FAILED)
    await till.approve(new.order_id)
    done = await setup_of(till, new.order_id)
    assert (done.state, done.amount_paise, done.gateway_id) == (
        State.COMPLETED,
        AMOUNT,
        page.gateway_order_id,
    )
    assert done.payment is not None
    assert (done.payment.method, len(done.attempts)) == ("upi", 2)
    assert done.payment.reference
    mandate = await till.gateway.find_mandate(new.mandate_id)
    assert mandate is not None
    assert mandate.gateway_id is not None
    assert (mandate.mandate.max_amount_paise, mandate.mandate.kind) == (MOST, MandateKind.UPI)
    assert mandate.mandate.valid_until == new.valid_until.replace(microsecond=0)
    assert may_debit(mandate.mandate, AMOUNT, till.moment).allowed

    named = done.refund_name(till.gateway.name)
    assert named == done.payment.id
    refund = await till.gateway.refund(
        NewRefund("rfd_tokens_1", named, AMOUNT, RefundSpeed.NORMAL, "the first charge")
    )
    assert refund.payment_id == named
    assert (await setup_of(till, new.order_id)).state is State.COMPLETED


@pytest.mark.parametrize("counted_as_paid", [True, False])
async def test_a_upi_mandate_for_nothing_is_set_up_by_a_payment_that_is_called_failed(
    till: Till, counted_as_paid: bool
) -> None:
    await till.switch(free_registration_paid=counted_as_paid)
    new = till.mandate(None)
    await till.gateway.open_mandate(new)
    await till.approve(new.order_id)
    done = await setup_of(till, new.order_id)
    assert (done.state, done.amount_paise) == (State.COMPLETED, 0)
    assert await status_of(till, new.mandate_id) is MandateStatus.ACTIVE
    assert (await till.audited(new.order_id))["captured_paise"] == 0


async def test_a_card_mandate_for_nothing_is_tried_with_a_rupee(till: Till) -> None:
    new = till.mandate(None, MandateKind.CARD)
    await till.gateway.open_mandate(new)
    await till.approve(new.order_id)
    assert (await setup_of(till, new.order_id)).amount_paise == 100
    found = await till.gateway.find_mandate(new.mandate_id)
    assert found is not None
    assert found.mandate.kind is MandateKind.CARD


async def test_opening_again_is_one_link_whose_address_is_told_again(till: Till) -> None:
    new = till.mandate()
    first = await till.gateway.open_mandate(new)
    assert await till.gateway.open_mandate(new) == first
    with pytest.raises(GatewayRefused, match="another attempt"):
        await till.gateway.open_mandate(replace(new, first_charge_paise=AMOUNT + 1))


@pytest.mark.parametrize(
    ("kind", "made"),
    [("drop_after_commit", True), ("http_500", True), ("partial_json", True), ("drop_before_commit", False)],
)
async def test_a_lost_answer_to_a_link_is_looked_up_and_never_made_twice(
    till: Till, kind: str, made: bool
) -> None:
    new = till.mandate()
    await till.fault(kind, method="POST", path_regex="auth_links$", after_commit=made)
    with pytest.raises(OutcomeUnknown, match="look it up"):
        await till.gateway.open_mandate(new)
    assert (await till.gateway.find_setup(new.order_id) is not None) is made
    page = await till.gateway.open_mandate(new)
    assert page.url is not None
    assert (await till.audited(new.order_id))["kind"] == "registration"


async def test_a_link_that_no_list_shows_yet_is_not_made_twice(till: Till) -> None:
    new = till.mandate()
    await till.switch(list_lag_seconds=300)
    await till.gateway.open_mandate(new)
    assert await till.gateway.find_setup(new.order_id) is None
    with pytest.raises(GatewayUnavailable, match="not listed yet"):
        await till.gateway.open_mandate(new)
    await till.advance(301)
    assert (await till.gateway.open_mandate(new)).url is not None


async def test_a_link_nobody_used_runs_out_and_its_mandate_with_it(till: Till) -> None:
    new = till.mandate()
    await till.gateway.open_mandate(new)
    await till.advance(31 * 60)
    setup = await setup_of(till, new.order_id)
    assert (setup.state, setup.word, setup.is_strange) == (State.EXPIRED, "expired", False)
    assert await status_of(till, new.mandate_id) is MandateStatus.EXPIRED
    with pytest.raises(GatewayRefused, match="not been approved"):
        await till.gateway.notify(till.debit(new.mandate_id))


async def test_money_that_comes_after_the_link_ran_out_still_sets_the_mandate_up(till: Till) -> None:
    new = till.mandate()
    await till.gateway.open_mandate(new)
    await till.approve(new.order_id, outcome="late_success", after_seconds=HOUR)
    await till.advance(2 * HOUR)
    assert (await setup_of(till, new.order_id)).state is State.COMPLETED
    assert await status_of(till, new.mandate_id) is MandateStatus.ACTIVE


async def test_a_token_is_confirmed_or_rejected_a_while_later(till: Till) -> None:
    await till.switch(token_confirm_seconds=60)
    good, bad = till.mandate(), till.mandate()
    for new, outcome in ((good, "success"), (bad, "rejected")):
        await till.gateway.open_mandate(new)
        await till.approve(new.order_id, outcome=outcome)
        assert await status_of(till, new.mandate_id) is MandateStatus.CREATED
    await till.advance(61)
    assert await status_of(till, good.mandate_id) is MandateStatus.ACTIVE
    assert await status_of(till, bad.mandate_id) is MandateStatus.FAILED


async def test_what_the_payer_does_with_the_mandate_is_seen(till: Till) -> None:
    new = await till.active()
    for act, status in (
        ("pause", MandateStatus.PAUSED),
        ("resume", MandateStatus.ACTIVE),
        ("revoke", MandateStatus.REVOKED),
    ):
        await till.act(new.mandate_id, act)
        assert await status_of(till, new.mandate_id) is status
    with pytest.raises(GatewayRefused, match="cannot be debited"):
        await till.gateway.notify(till.debit(new.mandate_id))


async def test_a_status_nobody_knew_gives_no_permission_and_takes_none_away_for_good(till: Till) -> None:
    new = await till.active()
    await till.act(new.mandate_id, "show_status", status="under_review")
    found = await till.gateway.find_mandate(new.mandate_id)
    assert found is not None
    assert (found.mandate.status, found.word, found.is_strange) == (
        MandateStatus.CREATED,
        "under_review",
        True,
    )


async def test_a_mandate_past_its_last_day_cannot_be_debited(till: Till) -> None:
    new = await till.active()
    await till.act(new.mandate_id, "expire")
    found = await till.gateway.find_mandate(new.mandate_id)
    assert found is not None
    assert not may_debit(found.mandate, AMOUNT, till.moment).allowed


# ending


@pytest.mark.parametrize("takes_seconds", [0, 3600])
async def test_a_cancelled_mandate_is_dead_sooner_or_later(till: Till, takes_seconds: int) -> None:
    await till.switch(token_cancel_seconds=takes_seconds)
    new = await till.active()
    await till.gateway.cancel_mandate(new.mandate_id)
    await till.advance(takes_seconds + 1)
    again = await till.gateway.cancel_mandate(new.mandate_id)
    assert again is not None
    assert again.mandate.status is MandateStatus.REVOKED


async def test_cancelling_what_nobody_approved_takes_its_page_away(till: Till) -> None:
    new = till.mandate()
    assert await till.gateway.cancel_mandate(new.mandate_id) is None
    await till.gateway.open_mandate(new)
    gone = await till.gateway.cancel_mandate(new.mandate_id)
    assert gone is not None
    assert gone.mandate.status is MandateStatus.EXPIRED
    with pytest.raises(RuntimeError, match="cancelled"):
        await till.approve(new.order_id)
    assert await till.gateway.cancel_mandate(new.mandate_id) == gone


async def test_a_token_deleted_in_the_dashboard_is_a_dead_mandate(till: Till) -> None:
    new = await till.active()
    token = await till.token(new.mandate_id)
    customer = (await till.simulator.books())["tokens"][-1]["customer_id"]
    async with till.raw() as raw:
        assert (await raw.delete(f"/v1/customers/{customer}/tokens/{token}")).json() == {"deleted": True}
    found = await till.gateway.find_mandate(new.mandate_id)
    assert found is not None
    assert (found.mandate.status, found.word) == (MandateStatus.REVOKED, "deleted")
