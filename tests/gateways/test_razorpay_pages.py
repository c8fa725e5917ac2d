"""Payment links behind our protocol, against the stand-in and through the official SDK."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.debit import AttemptState, State
from domain.errors import GatewayRefused, GatewayUnavailable, InvalidInput, OutcomeUnknown
from domain.orders import OrderAtGateway
from domain.refund import RefundSpeed
from gateways.base import NewRefund, Payer
from simulator.process import SimulatorProcess
from tests.gateways.conftest import AMOUNT
from tests.gateways.razorpay_till import HOUR, Till


@pytest.fixture
async def till(simulator: SimulatorProcess) -> AsyncIterator[Till]:
    till = Till(simulator, await simulator.now())
    yield till
    await till.close()


async def order_of(till: Till, order_id: str) -> OrderAtGateway:
    found = await till.gateway.find_order(order_id)
    assert found is not None
    return found


@pytest.mark.parametrize("tells_order", [False, True])
async def test_a_link_is_opened_paid_and_found_with_its_payment(till: Till, tells_order: bool) -> None:
    await till.switch(links_tell_order=tells_order)
    new = replace(till.page(), payer=Payer("Meera S", "meera@kaveri.example"))
    assert await till.gateway.find_order(new.order_id) is None
    page = await till.gateway.open_page(new)
    assert page.url is not None
    assert page.gateway_order_id.startswith("order_" if tells_order else "plink_")
    assert page.expires_at == till.moment + timedelta(minutes=20)
    waiting = await order_of(till, new.order_id)
    assert (waiting.state, waiting.attempts, waiting.amount_paise) == (State.PENDING, (), AMOUNT)
    assert waiting.link_fact(till.moment).state is State.OPEN
    await till.pay(new.order_id, outcome="failure")
    failed = await order_of(till, new.order_id)
    assert failed.state is State.PENDING
    assert [each.state for each in failed.attempts] == [AttemptState.FAILED] * tells_order
    await till.pay(new.order_id)
    paid = await order_of(till, new.order_id)
    assert (paid.state, paid.amount_paise, paid.is_strange) == (State.COMPLETED, AMOUNT, False)
    assert paid.payment is not None
    assert (paid.payment.method, paid.payment.amount_paise) == ("upi", AMOUNT)
    named = paid.refund_name(till.gateway.name)
    refund = NewRefund(f"rfd_link_{tells_order}", named, 500, RefundSpeed.NORMAL, "left")
    assert (await till.gateway.refund(refund)).payment_id == paid.payment.id
    assert (await till.audited(new.order_id))["captured_paise"] == AMOUNT


async def test_opening_again_is_one_link_whose_address_is_told_again(till: Till) -> None:
    new = till.page()
    first = await till.gateway.open_page(new)
    assert await till.gateway.open_page(new) == first
    with pytest.raises(GatewayRefused, match="another attempt"):
        await till.gateway.open_page(replace(new, amount_paise=AMOUNT + 1))


@pytest.mark.parametrize(
    ("kind", "made"),
    [("drop_after_commit", True), ("http_500", True), ("partial_json", True), ("drop_before_commit", False)],
)
async def test_a_lost_answer_is_looked_up_and_no_second_link_is_made(
    till: Till, kind: str, made: bool
) -> None:
    new = till.page()
    await till.fault(kind, method="POST", path_regex="/payment_links$", after_commit=made)
    with pytest.raises(OutcomeUnknown, match="look it up"):
        await till.gateway.open_page(new)
    assert (await till.gateway.find_order(new.order_id) is not None) is made
    assert (await till.gateway.open_page(new)).url is not None
    await till.audited(new.order_id)  # which finds exactly one


async def test_a_link_that_no_list_shows_yet_is_not_made_twice(till: Till) -> None:
    new = till.page()
    await till.switch(list_lag_seconds=300)
    await till.gateway.open_page(new)
    with pytest.raises(GatewayUnavailable, match="not listed yet"):
        await till.gateway.open_page(new)
    await till.advance(301)
    assert (await till.gateway.open_page(new)).url is not None


async def test_an_unpaid_link_runs_out(till: Till) -> None:
    new = till.page()
    await till.gateway.open_page(new)
    await till.advance(HOUR)
    over = await order_of(till, new.order_id)
    assert (over.state, over.word) == (State.EXPIRED, "expired")


async def test_a_closed_link_cannot_be_paid(till: Till) -> None:
    new = till.page()
    assert await till.gateway.close_page(new.order_id) is None
    await till.gateway.open_page(new)
    await till.fault("drop_after_commit", method="POST", path_regex="/cancel$")
    with pytest.raises(GatewayUnavailable):
        await till.gateway.close_page(new.order_id)
    closed = await till.gateway.close_page(new.order_id)
    assert closed is not None
    assert (closed.state, closed.word) == (State.EXPIRED, "cancelled")
    with pytest.raises(RuntimeError, match="cancelled"):
        await till.pay(new.order_id)


async def test_closing_a_paid_link_tells_that_it_is_paid(till: Till) -> None:
    new = till.page()
    await till.gateway.open_page(new)
    await till.pay(new.order_id)
    closed = await till.gateway.close_page(new.order_id)
    assert closed is not None
    assert closed.state is State.COMPLETED


async def test_a_refusal_to_close_what_stays_open_is_told(till: Till) -> None:
    new = till.page()
    await till.gateway.open_page(new)
    await till.fault("http_400", method="POST", path_regex="/cancel$")
    with pytest.raises(GatewayRefused, match="close page"):
        await till.gateway.close_page(new.order_id)
    assert (await order_of(till, new.order_id)).state is State.PENDING


async def test_an_id_too_long_for_a_reference_is_shortened_alike_each_time(till: Till) -> None:
    first, second = (replace(till.page(), order_id=f"pay_{'x' * 50}_{number}") for number in (1, 2))
    pages = [await till.gateway.open_page(new) for new in (first, second, first)]
    assert pages[0] == pages[2] != pages[1]
    assert pages[0].order_id == first.order_id


async def test_a_short_lived_page_lives_as_long_as_razorpay_wants(till: Till) -> None:
    page = await till.gateway.open_page(replace(till.page(), lasts=timedelta(minutes=5)))
    assert page.expires_at == till.moment + timedelta(minutes=16)
    for lasts in (timedelta(0), timedelta(days=181)):
        with pytest.raises(InvalidInput, match="lasts"):
            await till.gateway.open_page(replace(till.page(), lasts=lasts))
    with pytest.raises(InvalidInput, match="amount_paise"):
        await till.gateway.open_page(till.page(99))
