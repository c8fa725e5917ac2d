"""Tokens, the pay page, order status and refunds."""

import httpx
import pytest

from tests.simulator.merchant import Receiver
from tests.simulator.phonepe.shop import BACK, Shop, buttons


async def test_a_token_says_when_it_expires_and_not_for_how_long(shop: Shop) -> None:
    answer = (await shop.sign_in()).json()
    assert answer["expires_in"] is None
    assert answer["expires_at"] == await shop.phonepe.now() + 3600
    assert answer["token_type"] == "O-Bearer"


@pytest.mark.parametrize("name", ["client_id", "client_secret", "client_version", "grant_type"])
async def test_a_client_that_is_not_known_gets_no_token(shop: Shop, name: str) -> None:
    reply = await shop.sign_in(**{name: "wrong"})
    assert (reply.status_code, reply.json()["errorCode"]) == (401, "OIM000")


async def test_only_a_living_token_in_the_right_scheme_opens_the_door(shop: Shop) -> None:
    shop.renews = False
    await shop.sign_in()
    good = shop.token
    assert (await shop.sent("GET", "/v3/health")).status_code == 200
    for bad in ("Bearer " + good.split()[1], "O-Bearer nonsense", "O-Bearer"):
        shop.token = bad
        reply = await shop.sent("GET", "/v3/health")
        assert (reply.status_code, reply.json()["code"]) == (401, "AUTHORIZATION_FAILED")
    shop.token = good
    await shop.phonepe.advance(3600)
    assert (await shop.sent("GET", "/v3/health")).status_code == 401
    await shop.sign_in()
    await shop.phonepe.control("tokens/expire")
    assert (await shop.sent("GET", "/v3/health")).status_code == 401


async def test_the_production_layout_shows_the_same_orders(shop: Shop) -> None:
    await shop.pay("o1")
    form = {"client_id": "SIMCLIENT", "client_secret": "simulator-client-secret", "client_version": "1"}
    url = f"{shop.phonepe.url}/apis/identity-manager/v1/oauth/token"
    token = (await shop.http.post(url, data=form | {"grant_type": "client_credentials"})).json()
    headers = {"Authorization": f"O-Bearer {token['access_token']}"}
    reply = await shop.http.get(f"{shop.phonepe.url}/apis/pg/checkout/v2/order/o1/status", headers=headers)
    assert reply.json()["state"] == "PENDING"


async def test_a_person_pays_and_comes_back_without_a_result(shop: Shop) -> None:
    url = (await shop.pay("o1", expireAfter=None, metaInfo={"udf1": "tenant:7"}))["redirectUrl"]
    page = await shop.http.get(url)
    assert page.status_code == 200
    assert "₹942.82" in page.text
    assert {"success", "failure", "pending", "cancel"} <= set(buttons(page.text))
    reply = await shop.http.post(url, data={"outcome": "success"})
    assert (reply.status_code, reply.headers["location"]) == (303, BACK)
    assert (await shop.order("o1"))["state"] == "PENDING"
    assert "Waiting for your bank" in (await shop.http.get(url)).text
    await shop.phonepe.advance(2)
    order = await shop.order("o1")
    assert (order["state"], order["amount"], order["metaInfo"]) == ("COMPLETED", 94_282, {"udf1": "tenant:7"})
    (paid,) = order["paymentDetails"]
    assert (paid["state"], paid["rail"]["type"], paid["amount"]) == ("COMPLETED", "UPI", 94_282)
    reply = await shop.sent("GET", f"/checkout/v2/transaction/{paid['transactionId']}/status")
    assert reply.json()["orderId"] == order["orderId"]
    assert "Payment successful" in (await shop.http.get(url)).text
    assert (await shop.http.post(url, data={"outcome": "success"})).status_code == 400


async def test_a_failure_names_its_code_and_a_second_try_may_succeed(shop: Shop, receiver: Receiver) -> None:
    url = (await shop.pay("o1"))["redirectUrl"]
    reply = await shop.http.post(url, data={"outcome": "attempt_failed", "code": "ZM"})
    assert reply.headers["location"].startswith(shop.phonepe.url)
    await shop.phonepe.advance(2)
    assert (await shop.order("o1"))["state"] == "PENDING"
    await shop.phonepe.order("o1", "pay", outcome="failure", code="U90")
    await shop.phonepe.advance(2)
    order = await shop.order("o1", details="True", errorContext="true")
    assert (order["state"], order["errorCode"]) == ("FAILED", "BANK_TECHNICAL_ISSUE")
    assert (order["errorContext"]["source"], order["errorContext"]["stage"]) == (
        "ISSUING_BANK",
        "AUTHORIZATION",
    )
    assert [each["detailedErrorCode"] for each in order["paymentDetails"]] == ["ZM", "U90"]
    twice = await shop.sent("GET", "/checkout/v2/order/o1/status?details=true&details=FALSE")
    assert len(twice.json()["paymentDetails"]) == 1  # as PhonePe's own Node client asks
    assert receiver.names() == ["checkout.transaction.attempt.failed", "checkout.order.failed"]


async def test_a_pending_payment_outlives_its_order_and_succeeds_late(shop: Shop) -> None:
    await shop.pay("late", expireAfter=300)
    await shop.pay("left", expireAfter=300)
    await shop.phonepe.order("late", "pay", outcome="late_success")
    await shop.phonepe.advance(400)
    assert (await shop.order("late"))["state"] == "PENDING"
    left = await shop.order("left")
    assert (left["state"], left["errorCode"], left["paymentDetails"]) == ("FAILED", "ORDER_EXPIRED", [])
    await shop.phonepe.advance(3600)
    assert (await shop.order("late"))["state"] == "COMPLETED"
    await shop.pay("open")
    await shop.phonepe.order("open", "pay", outcome="pending")
    await shop.phonepe.advance(7200)
    assert (await shop.order("open"))["state"] == "PENDING"
    await shop.phonepe.order("open", "settle", outcome="failure", code="Z8")
    assert (await shop.order("open"))["errorCode"] == "TXN_LIMIT_BREACHED"


async def test_what_is_wrong_with_an_order_is_refused(shop: Shop) -> None:
    flow = {"type": "PG_CHECKOUT"}
    good = {"merchantOrderId": "o1", "amount": 100, "paymentFlow": flow}
    for wrong in (
        {"amount": 99},
        {"amount": 100.0},
        {"amount": True},
        {"merchantOrderId": "x" * 64},
        {"merchantOrderId": "a b"},
        {"expireAfter": 299},
        {"expireAfter": 3601},
        {"metaInfo": {"udf1": "x" * 257}},
        {"metaInfo": {"udf11": "a/b"}},
        {"paymentFlow": {"type": "OTHER"}},
        {"paymentFlow": flow | {"paymentModeConfig": {"enabledPaymentModes": [{"type": "CASH"}]}}},
    ):
        assert await shop.refused("/checkout/v2/pay", good | wrong) == (400, "BAD_REQUEST"), wrong
    await shop.post("/checkout/v2/pay", good | {"metaInfo": {"udf11": "a b_c@d"}})
    assert await shop.refused("/checkout/v2/pay", good) == (417, "INVALID_TRANSACTION_ID")
    await shop.phonepe.control("switches", {"duplicate_order": "400 ORDER_ALREADY_EXISTS"})
    assert await shop.refused("/checkout/v2/pay", good) == (400, "ORDER_ALREADY_EXISTS")
    reply = await shop.sent("GET", "/checkout/v2/order/none/status")
    assert (reply.status_code, reply.json()["code"]) == (400, "INVALID_MERCHANT_ORDER_ID")


async def test_refunds_go_through_their_states_and_never_exceed_the_order(
    shop: Shop, receiver: Receiver
) -> None:
    await shop.pay("o1", 1_000)
    sent = {"merchantRefundId": "early", "originalMerchantOrderId": "o1", "amount": 100}
    assert await shop.refused("/payments/v2/refund", sent) == (400, "BAD_REQUEST")
    await shop.phonepe.order("o1", "pay")
    await shop.phonepe.advance(2)
    first = await shop.refund("r1", "o1", 600)
    assert first["state"] == "PENDING"
    assert (await shop.refund("r1", "o1", 600))["refundId"] == first["refundId"]
    for wrong in ({"merchantRefundId": "r2", "amount": 401}, {"merchantRefundId": "r1", "amount": 300}):
        assert (await shop.refused("/payments/v2/refund", sent | wrong))[0] in (400, 417)
    await shop.phonepe.advance(60)
    assert await shop.refund_state("r1") == "CONFIRMED"
    await shop.phonepe.advance(2 * 86_400)
    assert await shop.refund_state("r1") == "COMPLETED"
    await shop.refund("r2", "o1", 400)
    await shop.phonepe.control("refunds/r2/settle", {"outcome": "FAILED"})
    await shop.refund("r3", "o1", 400)
    audit = await shop.audit("o1")
    assert (audit["captured_paise"], audit["refunded_paise"]) == (1_000, 1_000)
    assert [name for name in receiver.names() if "refund" in name] == [
        "pg.refund.accepted",
        "pg.refund.completed",
        "pg.refund.failed",
    ]


async def test_an_address_is_checked_and_a_page_that_is_not_there_says_so(shop: Shop) -> None:
    for vpa, known in (("meera@ybl", True), ("meera", False), ("invalid@ybl", False)):
        answer = await shop.post("/v2/validate/upi", {"type": "VPA", "vpa": vpa})
        assert answer["valid"] is known
    page: httpx.Response = await shop.http.get(f"{shop.phonepe.url}/transact/uat_v3?token=none")
    assert page.status_code == 404
    reply = await shop.sent("GET", "/nowhere")
    assert (reply.status_code, reply.json()["code"]) == (404, "NOT_FOUND")
