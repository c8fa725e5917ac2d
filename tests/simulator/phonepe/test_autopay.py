"""Mandates, notices and debits, on a clock that is moved."""

from datetime import datetime, timedelta

import pytest

from domain.periods import IST
from simulator.phonepe.peak import next_off_peak, off_peak
from tests.simulator.merchant import Receiver
from tests.simulator.phonepe.shop import DAY, Shop, buttons

GAP = 90 * 60
INTENT = {
    "type": "SUBSCRIPTION_SETUP",
    "merchantSubscriptionId": "A1",
    "authWorkflowType": "TRANSACTION",
    "amountType": "FIXED",
    "maxAmount": 94_282,
    "frequency": "MONTHLY",
    "paymentMode": {"type": "UPI_INTENT", "targetApp": "com.phonepe.app"},
}


async def test_a_person_approves_a_mandate_on_the_page(shop: Shop, receiver: Receiver) -> None:
    url = (await shop.mandate("S1"))["redirectUrl"]
    page = await shop.http.get(url)
    assert "₹15,000.00" in page.text
    assert "success" in buttons(page.text)
    assert await shop.state("S1") == "ACTIVATION_IN_PROGRESS"
    cancelled = await shop.sent("POST", "/subscriptions/v2/S1/cancel")
    assert cancelled.json()["code"] == "INVALID_SUBSCRIPTION_STATE"
    await shop.http.post(url, data={"outcome": "success"})
    await shop.phonepe.advance(2)
    assert await shop.state("S1") == "ACTIVE"
    order = await shop.order("set_S1")
    assert order["paymentFlow"]["type"] == "SUBSCRIPTION_CHECKOUT_SETUP"
    assert order["paymentDetails"][0]["rail"]["umn"].endswith("@ybl")
    assert receiver.names() == ["checkout.order.completed"]
    refund = {"merchantRefundId": "r1", "originalMerchantOrderId": "set_S1", "amount": 200}
    assert (await shop.refused("/payments/v2/refund", refund))[0] == 400
    audit = await shop.audit("set_S1")
    assert (audit["captures"], audit["captured_paise"]) == (1, 0)  # a penny drop is given back


async def test_a_mandate_nobody_approves_is_as_if_it_were_not_there(shop: Shop) -> None:
    await shop.mandate("S1")
    await shop.mandate("S2")
    await shop.phonepe.order("set_S1", "pay", outcome="failure", code="ZA")
    await shop.phonepe.advance(16 * 60)
    assert [await shop.state("S1"), await shop.state("S2")] == ["400 SUBSCRIPTION_NOT_FOUND"] * 2
    assert (await shop.order("set_S2"))["errorCode"] == "ORDER_EXPIRED"
    books = await shop.phonepe.books("S1")
    assert [each["state"] for each in books["subscriptions"] + books["orders"]] == ["FAILED"] * 2
    refused = await shop.refused("/subscriptions/v2/notify", shop.notice("c1", "S1"))
    assert refused == (400, "SUBSCRIPTION_NOT_FOUND")
    await shop.phonepe.control("switches", {"unknown_status": 404})
    assert await shop.state("none") == "404 SUBSCRIPTION_NOT_FOUND"


async def test_an_app_sets_a_mandate_up_with_the_first_payment(shop: Shop, receiver: Receiver) -> None:
    sent = {"merchantOrderId": "a1", "amount": 94_282, "paymentFlow": INTENT}
    sent["deviceContext"] = {"deviceOS": "Android"}
    answer = await shop.post("/subscriptions/v2/setup", sent)
    assert answer["intentUrl"].startswith("ppesim://mandate?")
    await shop.phonepe.order("a1", "pay")
    await shop.phonepe.advance(2)
    assert (await shop.audit("a1"))["captured_paise"] == 94_282
    assert receiver.names() == ["subscription.setup.order.completed"]
    assert (await shop.refused("/subscriptions/v2/setup", sent))[0] == 417
    other = sent | {"merchantOrderId": "a2"}
    assert await shop.refused("/subscriptions/v2/setup", other) == (400, "DUPLICATE_REQUEST_ID")
    notice = shop.notice("c1", "A1", 94_281)
    assert await shop.refused("/subscriptions/v2/notify", notice) == (400, "BAD_REQUEST")  # not the fixed sum


async def test_what_is_wrong_with_a_setup_is_refused(shop: Shop) -> None:
    for wrong, expected in (
        ({"maxAmount": 1_500_001}, (417, "TRANSACTION_LIMIT_EXCEEDED")),
        ({"frequency": "HOURLY"}, (400, "BAD_REQUEST")),
        ({"authWorkflowType": "ZERO"}, (400, "BAD_REQUEST")),
    ):
        sent = {"merchantOrderId": "a1", "amount": 200, "deviceContext": {"deviceOS": "android"}}
        sent["paymentFlow"] = INTENT | {"authWorkflowType": "PENNY_DROP"} | wrong
        assert await shop.refused("/subscriptions/v2/setup", sent) == expected
    sent["paymentFlow"] = INTENT | {"authWorkflowType": "PENNY_DROP"}
    assert await shop.refused("/subscriptions/v2/setup", sent | {"amount": 201}) == (400, "BAD_REQUEST")
    assert (await shop.refused("/subscriptions/v2/setup", sent | {"deviceContext": None}))[0] == 400
    assert (await shop.phonepe.books())["orders"] == []


@pytest.mark.parametrize(
    ("vpa", "state"), [("success", "COMPLETED"), ("failure", "FAILED"), ("pending", "PENDING")]
)
async def test_the_sandbox_addresses_answer_by_themselves(shop: Shop, vpa: str, state: str) -> None:
    mode = {"type": "UPI_COLLECT", "details": {"type": "VPA", "vpa": f"{vpa}@ybl"}, "message": None}
    sent = {"merchantOrderId": "a1", "amount": 94_282, "paymentFlow": INTENT | {"paymentMode": mode}}
    await shop.post("/subscriptions/v2/setup", sent)
    await shop.phonepe.advance(2)
    assert (await shop.order("a1"))["state"] == state


async def test_a_cycle_is_notified_waits_a_day_and_is_debited_once(shop: Shop, receiver: Receiver) -> None:
    await shop.approved("S1")
    receiver.reset()
    answer = await shop.notified("c1", "S1")
    assert answer["state"] == "NOTIFICATION_IN_PROGRESS"
    order = await shop.order("c1")
    flow = order["paymentFlow"]
    assert order["state"] == "NOTIFIED"
    assert flow["validAfter"] == (flow["notifiedAt"] // 1000 + DAY) * 1000
    assert flow["validUpto"] == order["expireAt"] // 1000 * 1000
    assert order["expireAt"] // 1000 == await shop.phonepe.now() - 2 + 2 * DAY
    assert (await shop.redeem("c1")).startswith("SUBSCRIPTION_DEBIT_EXECUTE_INTERVAL_NOT_STARTED")
    await shop.phonepe.advance_to(flow["validAfter"] // 1000 - 1)
    assert (await shop.redeem("c1")).startswith("SUBSCRIPTION_DEBIT_EXECUTE_INTERVAL_NOT_STARTED")
    await shop.phonepe.advance(1)
    assert await shop.redeem("c1") == "PENDING"
    assert "Previous transaction is not in terminal state" in await shop.redeem("c1")
    await shop.phonepe.advance(3)
    assert (await shop.order("c1"))["state"] == "COMPLETED"
    assert (await shop.redeem("c1")).startswith("BAD_REQUEST")
    audit = await shop.audit("c1")
    assert (audit["captures"], audit["captured_paise"], audit["attempts"][0]["off_peak"]) == (1, 94_282, True)
    assert receiver.names() == [
        "subscription.notification.completed",
        "subscription.redemption.transaction.completed",
        "subscription.redemption.order.completed",
    ]


async def test_retries_keep_their_distance_their_hours_and_their_number(
    shop: Shop, receiver: Receiver
) -> None:
    await shop.phonepe.control("switches", {"window_hours": 96})
    await shop.approved("S1")
    await shop.phonepe.subscription(
        "S1", "next", debits=["failure", {"outcome": "failure", "code": "U90"}] * 2
    )
    await shop.notified("c1", "S1")
    await shop.phonepe.advance(DAY)
    assert await shop.redeem("c1") == "PENDING"
    await shop.phonepe.advance(3)
    order = await shop.order("c1")
    assert (order["state"], order["paymentDetails"][0]["errorCode"]) == ("PENDING", "INSUFFICIENT_BALANCE")
    await shop.phonepe.advance(GAP - 1)
    assert "an hour and a half" in await shop.redeem("c1")
    await shop.phonepe.advance(1)
    assert await shop.redeem("c1") == "PENDING"
    noon = datetime(2026, 11, 21, 12, 0, tzinfo=IST)
    await shop.phonepe.advance_to(noon)
    assert "peak hours" in await shop.redeem("c1")
    for hour in (14, 16):
        await shop.phonepe.advance_to(noon.replace(hour=hour))
        assert await shop.redeem("c1") == "PENDING"
    await shop.phonepe.advance(3)
    order = await shop.order("c1", details="true")
    assert (order["state"], order["errorCode"]) == ("FAILED", "BANK_TECHNICAL_ISSUE")
    assert len(order["paymentDetails"]) == 4
    assert (await shop.audit("c1"))["captures"] == 0
    told = receiver.names("c1")
    assert told.count("subscription.redemption.transaction.failed") == 4
    assert told[-1] == "subscription.redemption.order.failed"


async def test_phonepe_debits_and_retries_by_itself_when_it_was_told_to(shop: Shop) -> None:
    await shop.approved("S1")
    await shop.phonepe.subscription("S1", "next", debits=["failure"])
    await shop.notified("c1", "S1", redemptionRetryStrategy="STANDARD", autoDebit=True)
    await shop.phonepe.advance(DAY)
    assert (await shop.redeem("c1")).split(":")[0] in ("DUPLICATE_TXN_REQUEST", "BAD_REQUEST")
    await shop.phonepe.advance(GAP + 10)
    order = await shop.order("c1", details="true")
    assert [each["state"] for each in order["paymentDetails"]] == ["FAILED", "COMPLETED"]
    await shop.phonepe.subscription("S1", "next", debits=["failure"])
    await shop.notified("c2", "S1", redemptionRetryStrategy="STANDARD")
    await shop.phonepe.advance(DAY)
    assert await shop.redeem("c2") == "PENDING"
    await shop.phonepe.advance(3)
    assert (await shop.redeem("c2")).startswith("DUPLICATE_TXN_REQUEST")
    await shop.phonepe.advance(DAY)
    assert (await shop.audit("c2"))["captures"] == 1
    notice = shop.notice("c3", "S1", autoDebit=True)
    assert (await shop.refused("/subscriptions/v2/notify", notice))[0] == 400


async def test_a_notice_can_fail_get_stuck_or_run_out(shop: Shop, receiver: Receiver) -> None:
    await shop.approved("S1")
    await shop.phonepe.subscription("S1", "next", notify=["failure", "stuck"])
    for order in ("failed", "stuck", "unused"):
        await shop.notified(order, "S1")
    states = [(await shop.order(order))["state"] for order in ("failed", "stuck", "unused")]
    assert states == ["FAILED", "NOTIFICATION_IN_PROGRESS", "NOTIFIED"]
    assert "subscription.notification.failed" in receiver.names("failed")
    await shop.phonepe.control("switches", {"expired_state": "EXPIRED"})
    await shop.phonepe.advance(2 * DAY)
    assert [(await shop.order(order))["state"] for order in ("stuck", "unused")] == ["EXPIRED"] * 2
    assert (await shop.redeem("unused")).startswith("BAD_REQUEST")


async def test_a_pause_stops_debits_and_calls_for_a_new_notice(shop: Shop, receiver: Receiver) -> None:
    await shop.approved("S1")
    await shop.notified("c1", "S1")
    await shop.phonepe.subscription("S1", "pause")
    assert await shop.state("S1") == "PAUSE_IN_PROGRESS"
    await shop.phonepe.advance(1)
    assert await shop.state("S1") == "PAUSED"
    await shop.phonepe.advance(DAY)
    assert (await shop.redeem("c1")).startswith("INVALID_SUBSCRIPTION_STATE")
    refused = await shop.refused("/subscriptions/v2/notify", shop.notice("c2", "S1"))
    assert refused == (400, "INVALID_SUBSCRIPTION_STATE")
    await shop.phonepe.subscription("S1", "unpause")
    await shop.phonepe.advance(1)
    assert await shop.state("S1") == "ACTIVE"
    assert "notify again" in await shop.redeem("c1")
    await shop.notified("c3", "S1")
    await shop.phonepe.advance(DAY)
    assert await shop.redeem("c3") == "PENDING"
    assert receiver.names("pauseStartDate") == ["subscription.paused", "subscription.unpaused"]


async def test_a_pause_that_has_ended_by_itself_counts_as_active(shop: Shop) -> None:
    await shop.approved("S1")
    until = await shop.phonepe.now() + 3600
    await shop.phonepe.subscription("S1", "pause", until=until)
    await shop.phonepe.advance(3601)
    assert await shop.state("S1") == "PAUSED"
    assert (await shop.notified("c1", "S1"))["state"] == "NOTIFICATION_IN_PROGRESS"


async def test_a_mandate_ends_by_its_payer_its_merchant_its_bank_or_its_date(
    shop: Shop, receiver: Receiver
) -> None:
    for name in ("payer", "merchant", "bank"):
        await shop.approved(name)
    soon = (await shop.phonepe.now() + DAY) * 1000
    await shop.approved("date", expireAt=soon)
    receiver.reset()
    await shop.phonepe.subscription("payer", "revoke")
    await shop.phonepe.subscription("bank", "revoke", webhook=False)
    for prefix, expected in (("/subscriptions/v2", 204), ("/checkout/v2/subscriptions", 400)):
        assert (await shop.sent("POST", f"{prefix}/merchant/cancel")).status_code == expected
    await shop.phonepe.advance(DAY)
    states = [await shop.state(name) for name in ("payer", "merchant", "bank", "date")]
    assert states == ["REVOKED", "CANCELLED", "REVOKED", "EXPIRED"]
    assert sorted(receiver.names()) == ["subscription.cancelled", "subscription.revoked"]


async def test_a_payer_uses_the_console(shop: Shop) -> None:
    await shop.approved("S1")
    await shop.notified("c1", "S1")
    console = f"{shop.phonepe.url}/_sim/"
    page = (await shop.http.get(console)).text
    for act in ("subscriptions/S1/pause", "subscriptions/S1/revoke", "orders/c1/opt_out"):
        assert f"/_sim/console/{act}" in page
    await shop.http.post(f"{console}console/orders/c1/opt_out")
    order = await shop.order("c1")
    assert (order["state"], order["errorCode"]) == ("FAILED", "REQUEST_DECLINE_BY_REQUESTEE")
    await shop.http.post(f"{console}console/subscriptions/S1/pause")
    await shop.http.post(f"{console}console/clock", data={"step": "minute"})
    assert await shop.state("S1") == "PAUSED"
    assert "subscriptions/S1/unpause" in (await shop.http.get(console)).text
    reply = await shop.http.post(f"{console}console/subscriptions/S1/pause")
    assert "problem" in reply.headers["location"]
    assert 'role="alert"' in (await shop.http.get(shop.phonepe.url + reply.headers["location"])).text


def test_peak_hours_are_phonepes() -> None:
    day = datetime(2026, 11, 21, tzinfo=IST)
    minutes = [day + timedelta(minutes=each) for each in range(24 * 60)]
    allowed = [f"{each:%H:%M}" for each in minutes if off_peak(int(each.timestamp()))]
    assert len(allowed) == 600 + 239 + 149
    assert {"09:59", "13:01", "16:59", "21:31"} <= set(allowed)
    assert not {"10:00", "13:00", "17:00", "21:30"} & set(allowed)
    ten = int((day + timedelta(hours=10, seconds=7)).timestamp())
    assert next_off_peak(ten) == int((day + timedelta(hours=13, minutes=1)).timestamp())
