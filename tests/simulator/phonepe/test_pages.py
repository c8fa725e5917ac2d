"""PhonePe's pages in a browser: a person pays, approves a mandate, and rules over it in the console."""

from playwright.async_api import Page

from tests.simulator.merchant import Receiver
from tests.simulator.phonepe.shop import DAY, Shop


async def test_a_person_pays_by_card_after_a_wrong_otp(shop: Shop, page: Page, receiver: Receiver) -> None:
    shop.back = receiver.url
    order = await shop.pay("o1")
    await page.goto(order["redirectUrl"])
    await page.select_option("select[name=card]", label="Debit 4242 … 4242")
    await page.fill("input[name=otp]", "000000")
    await page.get_by_role("button", name="Pay by card").click()
    await shop.phonepe.advance(2)
    failed = await shop.order("o1", details="true")
    assert (failed["state"], failed["paymentDetails"][0]["errorCode"]) == ("PENDING", "AUTHORIZATION_ERROR")

    await page.goto(order["redirectUrl"])
    assert "You may try again" in await page.inner_text("body")
    await page.get_by_role("button", name="Pay by card").click()
    assert page.url == receiver.url, "back in the shop, with no word of the result"
    await shop.phonepe.advance(2)
    paid = await shop.order("o1")
    (attempt,) = paid["paymentDetails"]
    assert (paid["state"], attempt["paymentMode"], attempt["rail"]["type"]) == ("COMPLETED", "CARD", "PG")
    assert attempt["instrument"]["type"] == "CREDIT_CARD"
    assert attempt["instrument"]["maskedCardNumber"] == "420858******6667"
    await page.goto(order["redirectUrl"])
    assert "Payment successful" in await page.inner_text("body")


async def test_the_page_offers_what_the_merchant_left_open(shop: Shop, page: Page) -> None:
    config = {"enabledPaymentModes": [{"type": "UPI_QR"}, {"type": "NET_BANKING"}]}
    flow = {"type": "PG_CHECKOUT", "paymentModeConfig": config}
    order = await shop.pay("o1", paymentFlow=flow)
    await page.goto(order["redirectUrl"])
    assert await page.locator("select[name=mode] option").all_inner_texts() == ["UPI QR code", "Net banking"]
    assert await page.locator("select[name=card]").count() == 0
    await page.select_option("select[name=mode]", label="Net banking")
    await page.get_by_role("button", name="Pay ₹942.82").click()
    await shop.phonepe.advance(2)
    (attempt,) = (await shop.order("o1"))["paymentDetails"]
    assert (attempt["paymentMode"], attempt["instrument"]["type"]) == ("NET_BANKING", "NET_BANKING")


async def test_a_card_that_no_bank_gave_out_is_refused(shop: Shop) -> None:
    await shop.pay("o1")
    reply = await shop.http.post(
        f"{shop.phonepe.url}/_sim/orders/o1/pay", json={"mode": "CARD", "card": "4111111111111111"}
    )
    assert (reply.status_code, "test cards" in reply.json()["message"]) == (400, True)
    assert (await shop.order("o1"))["paymentDetails"] == []


async def test_a_person_approves_a_mandate_and_rules_over_it_in_the_console(
    shop: Shop, page: Page, receiver: Receiver
) -> None:
    shop.back = receiver.url
    setup = await shop.mandate("S1")
    await page.goto(setup["redirectUrl"])
    words = await page.inner_text("body")
    assert "₹15,000.00" in words
    assert "as presented" in words
    await page.get_by_role("button", name="Approve with UPI PIN").click()
    assert page.url == receiver.url, "back in the shop, with no word of the result"
    await page.goto(f"{shop.phonepe.url}/_sim/")
    for button, state in (("Pause", "PAUSED"), ("Unpause", "ACTIVE"), ("Revoke", "REVOKED")):
        await page.get_by_role("button", name="+1 minute").click()
        await page.get_by_role("button", name=button, exact=True).click()
        await page.get_by_role("button", name="+1 minute").click()
        assert await page.locator(f"span.state.{state}").count() >= 1
        assert await shop.state("S1") == state


async def test_scenarios_of_the_test_app_can_be_played(shop: Shop, page: Page) -> None:
    await shop.approved("S1")
    await page.goto(f"{shop.phonepe.url}/_sim/")
    await page.select_option("select[name=name]", label="setup success & notify failure")
    await page.get_by_role("button", name="Play").click()
    await shop.notified("c1", "S1")
    assert (await shop.order("c1"))["state"] == "FAILED"

    name = "setup & notify success, redemption failure with PhonePe retries, auto-debit true"
    await shop.phonepe.subscription("S1", "scenario", name=name)
    await shop.notified("c2", "S1", redemptionRetryStrategy="STANDARD", autoDebit=True)
    await shop.phonepe.advance(2 * DAY)
    failed = await shop.order("c2", details="true")
    assert (failed["state"], len(failed["paymentDetails"])) == ("FAILED", 4)


async def test_an_iphone_names_its_app_and_phonepe_the_way_back(shop: Shop) -> None:
    terms = {
        "type": "SUBSCRIPTION_SETUP",
        "merchantSubscriptionId": "S1",
        "authWorkflowType": "PENNY_DROP",
        "amountType": "VARIABLE",
        "maxAmount": 1_500_000,
        "frequency": "ON_DEMAND",
    }

    def setup(app: str, **device: str) -> dict[str, object]:
        mode = {"type": "UPI_INTENT", "targetApp": app}
        flow = terms | {"paymentMode": mode}
        return {"merchantOrderId": "a1", "amount": 200, "paymentFlow": flow} | {
            "deviceContext": {"deviceOS": "iOS"} | device
        }

    path = "/subscriptions/v2/setup"
    assert await shop.refused(path, setup("com.phonepe.app")) == (400, "BAD_REQUEST")
    assert await shop.refused(path, setup("PHONEPE")) == (400, "BAD_REQUEST")
    assert (await shop.post(path, setup("PHONEPE", merchantCallbackScheme="shop")))["state"] == "PENDING"
