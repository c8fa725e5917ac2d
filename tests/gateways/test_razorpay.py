"""The adapter against the stand-in, over HTTP and through the official SDK."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from domain.collection import GatewayInvoice, GatewayStatus
from domain.errors import GatewayRefused, GatewayUnavailable
from domain.periods import Interval
from domain.subscription import REMEMBERED
from gateways.base import PlanAtGateway
from gateways.razorpay import RazorpayGateway
from simulator.process import SimulatorProcess
from tests.gateways.conftest import AMOUNT, KEY_ID, KEY_SECRET, Shop

NOW = datetime(2026, 2, 1, tzinfo=UTC)
MONTH = 32 * 24 * 3600


async def read(gateway: RazorpayGateway, gateway_id: str, *settled: str, hint: str | None = None) -> Any:
    return await gateway.read(gateway_id, settled=frozenset(settled), payment_id=hint, at=NOW)


def statuses(invoice: GatewayInvoice) -> list[str]:
    return [payment.status for payment in invoice.payments]


async def test_a_plan_is_found_again_by_its_price_version_and_total(
    gateway: RazorpayGateway, shop: Shop
) -> None:
    plan = shop.plan(Interval.ANNUAL)
    assert await gateway.find_plan(plan) is None
    created = await gateway.create_plan(plan)
    assert await gateway.find_plan(plan) == created
    assert await gateway.find_plan(PlanAtGateway(plan.price, plan.name, AMOUNT + 1)) is None
    assert await gateway.find_plan(shop.plan(Interval.ANNUAL)) is None


async def test_subscriptions_with_our_id_are_found_oldest_first(gateway: RazorpayGateway, shop: Shop) -> None:
    new = await shop.new("bs_found")
    since = await shop.now()
    assert await gateway.find_subscriptions(new, since) == []
    first = await gateway.create_subscription(new)
    assert first.status == "created" and first.checkout_url is not None
    assert first.checkout_url.startswith("http")
    await shop.simulator.advance(5)
    second = await gateway.create_subscription(new)
    assert await gateway.find_subscriptions(new, since) == [first, second]
    assert await gateway.find_subscriptions(new, since + timedelta(days=1)) == []


async def test_before_the_customer_pays_there_is_one_open_bill_for_the_first_cycle(
    gateway: RazorpayGateway, shop: Shop
) -> None:
    created = await shop.created()
    snapshot = await read(gateway, created.id)
    assert (snapshot.status, snapshot.read_at, snapshot.paid_count) == (GatewayStatus.CREATED, NOW, 0)
    assert snapshot.started_at is None
    [bill] = snapshot.invoices
    assert (bill.status, bill.amount_paise, bill.payments) == ("issued", AMOUNT, ())
    assert bill.cycle_start == created.created_at


async def test_a_paid_first_cycle_is_read_with_its_payment(gateway: RazorpayGateway, shop: Shop) -> None:
    active = await shop.active(method="upi")
    snapshot = await read(gateway, active)
    assert snapshot.status is GatewayStatus.ACTIVE and snapshot.payment_method == "upi"
    assert snapshot.charge_at is not None and snapshot.charge_at.tzinfo is UTC
    [bill] = snapshot.invoices
    [payment] = bill.payments
    assert payment.is_captured and (payment.amount_paise, payment.currency) == (AMOUNT, "INR")
    assert payment.fee_paise is not None and type(payment.fee_paise) is int
    assert payment.attempted_at == snapshot.started_at == await shop.now()


async def test_what_is_settled_is_left_out(gateway: RazorpayGateway, shop: Shop) -> None:
    active = await shop.active()
    [payment] = (await read(gateway, active)).invoices[0].payments
    assert (await read(gateway, active, payment.id)).invoices == ()
    assert (await read(gateway, active, payment.id, hint=payment.id)).invoices == ()


async def test_failed_rungs_are_read_in_order_with_their_reasons_up_to_the_halt(
    gateway: RazorpayGateway, shop: Shop
) -> None:
    active = await shop.active()
    [first] = (await read(gateway, active)).invoices[0].payments
    reasons = ["insufficient_funds", "card_expired", "payment_timed_out", "mandate_cancelled"]
    await shop.simulator.act(
        active,
        "next_charge",
        outcomes=[{"outcome": "failure", "error_reason": reason} for reason in reasons],
    )
    await shop.simulator.advance_to((await read(gateway, active)).charge_at)
    snapshot = await read(gateway, active, first.id)
    assert snapshot.status is GatewayStatus.PENDING
    [bill] = snapshot.invoices
    assert (bill.status, statuses(bill)) == ("issued", ["failed"])
    await shop.simulator.advance(4 * 24 * 3600)
    snapshot = await read(gateway, active, first.id)
    assert snapshot.status is GatewayStatus.HALTED
    [bill] = snapshot.invoices
    assert [payment.error_reason for payment in bill.payments] == reasons
    assert sorted(payment.attempted_at for payment in bill.payments) == [
        payment.attempted_at for payment in bill.payments
    ]


async def test_a_payment_that_a_webhook_named_is_read_though_the_lists_still_hide_its_bill(
    gateway: RazorpayGateway, shop: Shop
) -> None:
    active = await shop.active()
    [first] = (await read(gateway, active)).invoices[0].payments
    await shop.simulator.control("switches", {"list_lag_seconds": MONTH})
    await shop.simulator.advance(MONTH)
    with pytest.raises(GatewayUnavailable, match="lists lag"):
        await read(gateway, active, first.id)
    [audited] = (await shop.simulator.books(active))["subscriptions"]
    [renewal] = [payment["id"] for payment in audited["payments"] if payment["id"] != first.id]
    snapshot = await read(gateway, active, first.id, hint=renewal)
    assert [payment.id for payment in snapshot.invoices[-1].payments] == [renewal]
    assert snapshot.invoices[-1].payments[0].is_captured


async def test_a_hint_at_another_subscriptions_payment_is_not_believed(
    gateway: RazorpayGateway, shop: Shop
) -> None:
    mine, other = await shop.active(), await shop.active()
    [theirs] = (await read(gateway, other)).invoices[0].payments
    snapshot = await read(gateway, mine, hint=theirs.id)
    assert theirs.id not in [payment.id for bill in snapshot.invoices for payment in bill.payments]


@pytest.mark.parametrize("hint", ["pay_AAAAAAAAAAAAAA", "pay_short", "nonsense"])
async def test_a_hint_at_an_unknown_payment_changes_nothing(
    gateway: RazorpayGateway, shop: Shop, hint: str
) -> None:
    active = await shop.active()
    assert await read(gateway, active, hint=hint) == await read(gateway, active)


async def test_the_authorisation_of_a_mandate_is_no_payment_of_a_bill(
    gateway: RazorpayGateway, shop: Shop, simulator: SimulatorProcess
) -> None:
    new = await shop.new()
    later = int((await shop.now() + timedelta(days=3)).timestamp())
    async with httpx.AsyncClient(auth=(KEY_ID, KEY_SECRET), trust_env=False) as raw:
        body = {"plan_id": new.gateway_plan_id, "total_count": 12, "start_at": later}
        trial = (await raw.post(f"{simulator.url}/v1/subscriptions", json=body)).json()["id"]
    payment = (await simulator.act(trial, "authenticate", method="card"))["payment"]
    assert payment["amount"] == 500
    snapshot = await read(gateway, trial, hint=payment["id"])
    assert (snapshot.status, snapshot.invoices) == (GatewayStatus.AUTHENTICATED, ())


async def test_a_wrong_amount_is_read_as_it_is(gateway: RazorpayGateway, shop: Shop) -> None:
    active = await shop.active(outcome="wrong_amount", amount=100)
    [bill] = (await read(gateway, active)).invoices
    assert [(payment.amount_paise, payment.is_captured) for payment in bill.payments] == [(100, True)]


async def test_a_failure_that_becomes_a_success_is_read_as_both(gateway: RazorpayGateway, shop: Shop) -> None:
    created = await shop.created()
    await shop.simulator.act(created.id, "authenticate", outcome="late_success")
    [bill] = (await read(gateway, created.id)).invoices
    assert statuses(bill) == ["failed"]
    await shop.simulator.advance(3600)
    [bill] = (await read(gateway, created.id)).invoices
    assert statuses(bill) == ["captured"]


async def test_ten_years_of_bills_are_read_page_by_page_and_old_ones_are_known_to_be_booked(
    gateway: RazorpayGateway, shop: Shop
) -> None:
    created = await gateway.create_subscription(await shop.new(total_count=110))
    await shop.simulator.act(created.id, "authenticate")
    await shop.simulator.advance(105 * 31 * 24 * 3600)
    everything = (await read(gateway, created.id)).invoices
    assert len(everything) > 100
    paid = [bill.payments[0].id for bill in everything]
    snapshot = await read(gateway, created.id, *paid[-REMEMBERED - 1 : -1])
    assert [bill.payments[0].id for bill in snapshot.invoices] == paid[-1:]
    # While everything ever settled is still remembered, nothing is taken for granted.
    snapshot = await read(gateway, created.id, *paid[-REMEMBERED + 1 :])
    assert [bill.payments[0].id for bill in snapshot.invoices] == paid[: -REMEMBERED + 1]


async def test_cancelling_is_done_at_once_and_again_without_complaint(
    gateway: RazorpayGateway, shop: Shop
) -> None:
    active = await shop.active()
    await gateway.cancel(active)
    await gateway.cancel(active)
    assert (await read(gateway, active)).status is GatewayStatus.CANCELLED


async def test_pausing_and_resuming_bear_repetition(gateway: RazorpayGateway, shop: Shop) -> None:
    active = await shop.active()
    await gateway.pause(active)
    await gateway.pause(active)
    assert (await read(gateway, active)).status is GatewayStatus.PAUSED
    await gateway.resume(active)
    await gateway.resume(active)
    assert (await read(gateway, active)).status is GatewayStatus.ACTIVE


async def test_a_pause_made_in_the_customers_app_cannot_be_lifted_by_us(
    gateway: RazorpayGateway, shop: Shop
) -> None:
    active = await shop.active()
    await shop.simulator.act(active, "customer_pause")
    with pytest.raises(GatewayRefused) as refused:
        await gateway.resume(active)
    assert refused.value.status == 400


async def test_what_has_not_begun_or_has_ended_refuses_commands(gateway: RazorpayGateway, shop: Shop) -> None:
    created = await shop.created()
    with pytest.raises(GatewayRefused):
        await gateway.pause(created.id)
    await shop.simulator.advance(8 * 24 * 3600)
    with pytest.raises(GatewayRefused, match="not cancellable in expired"):
        await gateway.cancel(created.id)


async def test_a_bill_names_its_subscription(gateway: RazorpayGateway, shop: Shop) -> None:
    created = await shop.created()
    [bill] = (await read(gateway, created.id)).invoices
    assert await gateway.subscription_of_invoice(bill.id) == created.id
    assert await gateway.subscription_of_invoice("inv_AAAAAAAAAAAAAA") is None
    assert await gateway.subscription_of_invoice("inv_short") is None
