"""The hosted page, driven by Chromium and by plain form posts."""

from typing import Any
from urllib.parse import parse_qs, urlparse

import httpx
import pytest
from playwright.async_api import Browser, Page

from tests.simulator.merchant import DAY, START, Merchant

BACK = "http://127.0.0.1:9/account?tab=billing"


async def text(page: Page) -> str:
    return await page.locator("body").inner_text()


async def post(url: str, **form: str) -> httpx.Response:
    filled = {
        "email": "a@b.example",
        "contact": "+919812300045",
        "vpa": "meera@okaxis",
        "expiry": "12/35",
        "cvv": "123",
    }
    async with httpx.AsyncClient(trust_env=False, follow_redirects=True) as client:
        return await client.post(url, data=filled | form)


async def test_a_person_pays_by_upi_and_returns_with_a_signed_answer(merchant: Merchant, page: Page) -> None:
    made = await merchant.subscribe(await merchant.plan(amount=10_499_900))
    await page.goto(f"{made['short_url']}?return_url={BACK}")
    shown = await text(page)
    assert "Kaveri Reader" in shown
    assert await page.get_by_test_id("amount").inner_text() == "₹1,04,999.00"
    assert "12 times at most" in shown
    await page.get_by_label("UPI ID").fill("meera@okaxis")
    await page.get_by_role("button", name="Pay ₹1,04,999.00").click()
    assert "Payment successful" in await text(page)
    now = await merchant.fetch(made["id"])
    assert (now["status"], now["payment_method"]) == ("active", "upi")
    back = await page.get_by_role("link", name="Back to Kaveri Reader").get_attribute("href")
    brought = {name: value[0] for name, value in parse_qs(urlparse(back or "").query).items()}
    assert brought.pop("tab") == "billing"
    assert merchant.client.utility.verify_subscription_payment_signature(brought) is True


async def test_a_person_fails_and_then_pays_by_card(merchant: Merchant, page: Page) -> None:
    made = await merchant.subscribe()
    await page.goto(made["short_url"])
    await page.get_by_role("link", name="Card").click()
    await page.get_by_text("Make this payment fail").click()
    await page.get_by_label("What the bank says").select_option("card_declined")
    await page.get_by_role("button", name="Decline").click()
    assert "Payment failed: card declined" in await page.get_by_role("alert").inner_text()
    assert (await merchant.fetch(made["id"]))["status"] == "created"
    await page.get_by_role("button", name="Pay ₹499.00").click()
    assert "Visa card ending 4366" in await text(page)
    assert (await merchant.fetch(made["id"]))["payment_method"] == "card"


async def test_a_person_leaves_and_comes_back(merchant: Merchant, page: Page) -> None:
    made = await merchant.subscribe()
    await page.goto(made["short_url"])
    await page.get_by_role("link", name="Leave without paying").click()
    assert "You left without paying" in await text(page)
    await page.get_by_role("link", name="Return to payment").click()
    assert await page.get_by_role("button", name="Pay ₹499.00").is_visible()
    assert (await merchant.simulator.books(made["id"]))["subscriptions"][0]["payments"] == []


async def test_a_person_whose_payment_failed_pays_with_another_method(merchant: Merchant, page: Page) -> None:
    sub = await merchant.active("card")
    await merchant.simulator.act(sub, "next_charge", outcomes=["failure"])
    pending = await merchant.to_next_charge(sub)
    await page.goto(pending["short_url"])
    shown = await text(page)
    assert "Your payment did not go through" in shown
    assert "Visa card ending 4366" in shown
    await page.get_by_role("link", name="UPI").click()
    await page.get_by_role("button", name="Pay ₹499.00").click()
    assert "Payment successful" in await text(page)
    now = await merchant.fetch(sub)
    assert (now["status"], now["payment_method"], now["paid_count"]) == ("active", "upi", 2)


async def test_a_halted_person_sets_up_a_new_card_for_the_future(merchant: Merchant, page: Page) -> None:
    sub = await merchant.active("upi")
    await merchant.simulator.act(sub, "next_charge", outcomes=["failure"] * 4)
    await merchant.to_next_charge(sub)
    await merchant.simulator.advance(4 * DAY)
    await page.goto((await merchant.fetch(sub))["short_url"])
    assert "Your subscription is on hold" in await text(page)
    assert await page.get_by_role("link", name="UPI").count() == 0  # from UPI only to a card
    await page.get_by_role("button", name="Use this from now on").click()
    assert "Your card is set up" in await text(page)
    assert (await merchant.fetch(sub))["status"] == "active"


async def test_the_method_can_be_changed_while_all_is_well(merchant: Merchant, page: Page) -> None:
    sub = await merchant.active("card")
    await page.goto((await merchant.fetch(sub))["short_url"])
    assert "You are subscribed" in await text(page)
    await page.get_by_role("link", name="Change payment method").click()
    await page.get_by_role("link", name="UPI").click()
    await page.get_by_role("button", name="Use this from now on").click()
    assert (await merchant.fetch(sub))["payment_method"] == "upi"


async def test_every_field_has_a_label_and_nothing_overflows_a_phone(
    merchant: Merchant, browser: Browser
) -> None:
    made = await merchant.subscribe()
    page = await browser.new_page(viewport={"width": 360, "height": 740})
    for method in ("upi", "card", "emandate"):
        await page.goto(f"{made['short_url']}?method={method}")
        fields = "[...document.querySelectorAll('input:not([type=hidden]), select')]"
        assert await page.evaluate(f"{fields}.length") > 2
        assert await page.evaluate(f"{fields}.filter(field => !field.labels.length).length") == 0
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360
    await page.close()


@pytest.mark.parametrize(
    ("number", "reason"),
    [("4100 2800 0008 0001", "insufficient fund"), ("4100 2800 0009 0000", "payment timed out")],
)
async def test_the_test_cards_fail_as_published(merchant: Merchant, number: str, reason: str) -> None:
    made = await merchant.subscribe()
    answer = await post(made["short_url"], method="card", card_number=number, act="pay")
    assert f"Payment failed: {reason}" in answer.text


async def test_a_foreign_card_is_known_by_its_number(merchant: Merchant) -> None:
    made = await merchant.subscribe()
    await post(made["short_url"], method="card", card_number="5104 0155 5555 5558", act="pay")
    [invoice] = await merchant.invoices(made["id"])
    payment = await merchant.call(merchant.client.payment.fetch, invoice["payment_id"])
    assert payment["international"] is True


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"method": "upi", "vpa": "nonsense"}, "A UPI ID looks like name@bank"),
        ({"method": "card", "card_number": "12"}, "A card number has 12 to 19 digits"),
        ({"method": "card", "card_number": "4718609108204366", "expiry": "01/26"}, "a card still valid"),
        ({"method": "card", "card_number": "4718609108204366", "cvv": "x"}, "3 or 4 digits"),
        ({"method": "upi", "email": "nobody"}, "An email address"),
        ({"method": "upi", "contact": "12"}, "At least 8 digits"),
    ],
)
async def test_a_bad_field_is_named_and_nothing_is_charged(
    merchant: Merchant, form: dict[str, str], words: str
) -> None:
    made = await merchant.subscribe()
    answer = await post(made["short_url"], act="pay", **form)
    assert answer.status_code == 422
    assert words in answer.text
    assert (await merchant.simulator.books(made["id"]))["subscriptions"][0]["payments"] == []


async def test_paying_twice_takes_the_money_once(merchant: Merchant) -> None:
    made = await merchant.subscribe()
    for _ in range(3):
        answer = await post(made["short_url"], method="upi", act="pay")
        assert answer.status_code == 200
    assert "You are subscribed" in answer.text
    assert len((await merchant.simulator.books(made["id"]))["subscriptions"][0]["payments"]) == 1


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("expired", "This link has expired"),
        ("cancelled", "This subscription was cancelled"),
        ("completed", "All payments are made"),
        ("paused", "Your subscription is paused"),
        ("authenticated", "Your mandate is set up"),
    ],
)
async def test_the_page_says_how_things_stand(merchant: Merchant, how: str, words: str) -> None:
    simulator = merchant.simulator
    later: dict[str, Any] = {"start_at": int(START.timestamp()) + DAY}
    made = await merchant.subscribe(total_count=1, **(later if how in ("expired", "authenticated") else {}))
    if how == "expired":
        await simulator.advance(2 * DAY)
    elif how in ("authenticated", "completed"):
        await simulator.act(made["id"], "authenticate")
    elif how == "cancelled":
        await simulator.act(made["id"], "dashboard_cancel")
    else:
        made = await merchant.fetch(await merchant.active())
        await simulator.act(made["id"], "dashboard_pause")
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(made["short_url"])
    assert words in answer.text
    assert "<button" not in answer.text


async def test_a_payment_link_and_an_invoice_have_pages_too(merchant: Merchant) -> None:
    sent = {"amount": 49_900, "currency": "INR", "description": "Overdue 117"}
    link = await merchant.call(merchant.client.payment_link.create, sent)
    answer = await post(link["short_url"], method="upi", act="pay")
    assert "Payment successful" in answer.text
    [invoice] = await merchant.invoices(await merchant.active())
    async with httpx.AsyncClient(trust_env=False) as client:
        assert "Paid in full" in (await client.get(invoice["short_url"])).text
        missing = await client.get(f"{merchant.simulator.url}/i/nothing")
    assert missing.status_code == 404


async def test_nothing_from_outside_can_write_into_the_page(merchant: Merchant) -> None:
    made = await merchant.subscribe()
    evil = '"><script>alert(1)</script>'
    answer = await post(made["short_url"], method="upi", vpa=evil, act="pay")
    assert "<script>" not in answer.text
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(
            made["short_url"], params={"return_url": "javascript:alert(1)", "left": "1"}
        )
    assert "javascript:" not in answer.text.replace("javascript%3A", "")
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_a_person_moves_time_and_fails_charges_from_the_panel(merchant: Merchant, page: Page) -> None:
    sub = await merchant.active()
    await page.goto(f"{merchant.simulator.url}/_sim/")
    assert sub in await text(page)
    await page.get_by_role("button", name="Fail next charge").click()
    await page.get_by_role("button", name="+1 month").click()
    assert (await merchant.fetch(sub))["status"] == "pending"
    assert "subscription.pending" in await text(page)
    await page.get_by_role("button", name="To the next event").click()
    await page.get_by_role("button", name="+1 day").click()
    assert (await merchant.fetch(sub))["status"] == "active"
