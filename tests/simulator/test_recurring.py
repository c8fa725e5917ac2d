"""Mandates by registration link, notices, and debits on the merchant's clock (razorpay.md 1.9)."""

from typing import Any

import httpx
import pytest

from tests.simulator.merchant import DAY, START, Merchant, Receiver

HOUR = 3600
NOW = int(START.timestamp())
UPI_WAIT, CARD_WAIT = 25 * HOUR, 36 * HOUR
CUSTOMER = {"name": "Meera S", "email": "meera@kaveri.example", "contact": "9812300045"}


def registration(amount: int = 49_900, method: str = "upi", **more: Any) -> dict[str, Any]:
    terms = {"method": method, "max_amount": 500_000, "expire_at": NOW + 3650 * DAY}
    return {
        "customer": CUSTOMER,
        "type": "link",
        "amount": amount,
        "currency": "INR",
        "description": "AutoPay for Kaveri Reader",
        "subscription_registration": terms | more.pop("terms", {}),
        "notes": {"our_sub": "s_91b2"},
    } | more


async def link(merchant: Merchant, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = await merchant.call(merchant.client.registration_link.create, registration(**more))
    return made


async def approved(merchant: Merchant, method: str = "upi", **asked: Any) -> dict[str, Any]:
    """The token of a mandate."""
    made = await link(merchant, method=method)
    answer = await merchant.simulator.control(f"registrations/{made['id']}/authenticate", asked)
    token: dict[str, Any] = answer["token"]
    return token


async def announced(merchant: Merchant, token: dict[str, Any], wait: int = UPI_WAIT) -> dict[str, Any]:
    after = await merchant.simulator.now() + wait
    sent = {"amount": 49_900, "currency": "INR", "notes": {"our_sub": "s_91b2"}}
    sent["notification"] = {"token_id": token["id"], "payment_after": after}
    order: dict[str, Any] = await merchant.call(merchant.client.order.create, sent)
    return order


def debit(order: dict[str, Any], token: dict[str, Any]) -> dict[str, Any]:
    return {
        "email": CUSTOMER["email"],
        "contact": CUSTOMER["contact"],
        "amount": order["amount"],
        "currency": "INR",
        "order_id": order["id"],
        "customer_id": token["customer_id"],
        "token": token["id"],
        "recurring": True,
    }


async def payment_of(merchant: Merchant, order: dict[str, Any]) -> dict[str, Any]:
    [found] = (await merchant.call(merchant.client.order.payments, order["id"]))["items"]
    payment: dict[str, Any] = found
    return payment


async def test_a_registration_link_is_an_invoice_that_makes_a_token(
    merchant: Merchant, receiver: Receiver
) -> None:
    made = await link(merchant, receipt="mandate-s_91b2", expire_by=NOW + DAY)
    assert (made["entity"], made["type"], made["status"], made["amount"]) == (
        "invoice",
        "link",
        "issued",
        49_900,
    )
    assert made["order_id"].startswith("order_")
    assert made["customer_details"]["email"] == CUSTOMER["email"]
    answer = await merchant.simulator.control(f"registrations/{made['id']}/authenticate")
    token = answer["token"]
    assert (token["recurring_details"]["status"], token["max_amount"], token["vpa"]["handle"]) == (
        "confirmed",
        500_000,
        "okaxis",
    )
    invoice = await merchant.call(merchant.client.invoice.fetch, made["id"])
    assert (invoice["status"], invoice["payment_id"]) == ("paid", answer["payment"]["id"])
    payment = await merchant.call(merchant.client.payment.fetch, invoice["payment_id"])
    assert (payment["token_id"], payment["customer_id"], payment["status"]) == (
        token["id"],
        made["customer_id"],
        "captured",
    )
    listed = await merchant.call(merchant.client.token.all, made["customer_id"])
    assert [each["id"] for each in listed["items"]] == [token["id"]]
    assert set(receiver.names()) == {
        "payment.authorized", "payment.captured", "order.paid", "invoice.paid", "token.confirmed",
    }  # fmt: skip
    twice = registration(receipt="mandate-s_91b2")
    words = await merchant.refused(merchant.client.registration_link.create, twice)
    assert words == "The receipt has already been taken."


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"terms": {"max_amount": 499}}, "The minimum transaction amount allowed is Re. 5."),
        ({"terms": {"max_amount": 9_999_901}}, "Amount exceeds maximum amount allowed."),
        ({"terms": {"frequency": "hourly"}}, "The selected frequency is invalid."),
        ({"terms": {"expire_at": NOW}}, "expire_at cannot be lesser than the current time."),
        ({"terms": {"colour": 1}}, "colour is/are not required and should not be sent"),
        (
            {"customer": {"name": "Meera S", "email": "a@b.example"}},
            "The customer.contact field is required.",
        ),
        ({"method": "card", "amount": 0}, "The amount must be at least INR 1.00"),
        ({"method": "emandate", "amount": 0}, "The bank_account field is required."),
        ({"callback_url": "https://x.example"}, "callback_url is/are not required and should not be sent"),
        ({"expire_by": NOW + 60}, "expire_by should be at least 15 minutes after current time."),
    ],
)
async def test_a_registration_is_refused_in_words(merchant: Merchant, more: Any, words: str) -> None:
    sent = registration(**more)
    assert await merchant.refused(merchant.client.registration_link.create, sent) == words


async def test_a_upi_mandate_for_nothing_is_a_failed_payment_and_a_confirmed_token(
    merchant: Merchant, receiver: Receiver
) -> None:
    made = await link(merchant, amount=0)
    answer = await merchant.simulator.control(f"registrations/{made['id']}/authenticate")
    assert (answer["payment"]["status"], answer["payment"]["error_reason"]) == ("failed", "upi_dummy_payment")
    assert answer["token"]["recurring_details"]["status"] == "confirmed"
    assert receiver.names() == ["payment.failed", "token.confirmed"]


async def test_an_emandate_is_confirmed_a_day_later_and_needs_no_notice(merchant: Merchant) -> None:
    terms = {"bank_account": {"ifsc_code": "HDFC0000001"}, "auth_type": "netbanking"}
    made = await link(merchant, amount=0, method="emandate", terms=terms)
    answer = await merchant.simulator.control(f"registrations/{made['id']}/authenticate")
    token = answer["token"]
    assert token["recurring_details"]["status"] == "initiated"
    await merchant.simulator.advance(DAY)
    order = await merchant.call(merchant.client.order.create, {"amount": 49_900, "currency": "INR"})
    await merchant.call(merchant.client.payment.createRecurring, debit(order, token))
    await merchant.simulator.advance(DAY)
    assert (await payment_of(merchant, order))["status"] == "captured"


async def test_a_debit_waits_for_its_notice_and_ends_later(merchant: Merchant, receiver: Receiver) -> None:
    token = await approved(merchant)
    receiver.reset()
    order = await announced(merchant, token)
    assert order["notification"]["id"].startswith("notification_")
    await merchant.simulator.advance(60)
    told = await merchant.call(merchant.client.order.fetch, order["id"])
    assert (told["notification"]["status"], told["notification"]["delivered_at"]) == ("delivered", NOW + 60)
    await merchant.simulator.advance(UPI_WAIT)
    answer = await merchant.call(merchant.client.payment.createRecurring, debit(order, token))
    assert list(answer) == ["razorpay_payment_id"]
    assert (await payment_of(merchant, order))["status"] == "created"
    words = await merchant.refused(merchant.client.payment.createRecurring, debit(order, token))
    assert words == "A payment of this order has not ended."
    await merchant.simulator.advance(30)
    payment = await payment_of(merchant, order)
    assert (payment["id"], payment["status"]) == (answer["razorpay_payment_id"], "captured")
    words = await merchant.refused(merchant.client.payment.createRecurring, debit(order, token))
    assert "already paid" in words
    assert receiver.names() == [
        "order.notification.delivered", "payment.authorized", "payment.captured", "order.paid",
    ]  # fmt: skip
    [noticed] = [each for each in receiver.deliveries if each.name == "order.notification.delivered"]
    assert noticed.event["payload"]["notification"]["entity"]["order_id"] == order["id"]


@pytest.mark.parametrize(("method", "wait"), [("upi", UPI_WAIT), ("card", CARD_WAIT)])
async def test_a_second_too_early_is_too_early(merchant: Merchant, method: str, wait: int) -> None:
    await merchant.simulator.control("switches", {"barred_debit": "refused"})
    token = await approved(merchant, method)
    order = await announced(merchant, token, HOUR)
    create = merchant.client.payment.createRecurring
    await merchant.refused(create, debit(order, token))
    assert "pre_debit_notification_not_sent" in merchant.text
    await merchant.simulator.advance(60 + wait - 1)
    await merchant.refused(create, debit(order, token))
    assert "BAD_REQUEST_MANDATE_PROMISED_DEBIT_DATE_NOT_HONOURED" in merchant.text
    await merchant.simulator.advance(1)
    await merchant.call(create, debit(order, token))


async def test_upi_has_one_debit_per_order_and_a_card_may_be_tried_again(merchant: Merchant) -> None:
    create = merchant.client.payment.createRecurring
    for method, wait in (("upi", UPI_WAIT), ("card", CARD_WAIT)):
        token = await approved(merchant, method)
        await merchant.simulator.control(
            f"tokens/{token['id']}/next_debit",
            {"outcomes": [{"outcome": "failure", "error_reason": "insufficient_funds"}]},
        )
        order = await announced(merchant, token, wait)
        await merchant.simulator.advance(60 + wait)
        await merchant.call(create, debit(order, token))
        await merchant.simulator.advance(30)
        assert (await payment_of(merchant, order))["error_reason"] == "insufficient_funds"
        if method == "upi":
            words = await merchant.refused(create, debit(order, token))
            assert words == "This order has had its debit; create a new one."
        else:
            await merchant.simulator.advance(CARD_WAIT)
            await merchant.call(create, debit(order, token))


async def test_a_debit_of_another_sum_customer_or_token_is_refused(merchant: Merchant) -> None:
    token = await approved(merchant)
    order = await announced(merchant, token)
    create = merchant.client.payment.createRecurring
    for wrong, words in (
        ({"amount": 49_901}, "different from your order amount"),
        ({"customer_id": "cust_AAAAAAAAAAAAAA"}, "The id provided does not exist"),
        ({"token": "token_AAAAAAAAAAAAAA"}, "The id provided does not exist"),
        ({"recurring": False}, "must be true"),
        ({"contact": None}, "The contact field is required."),
    ):
        assert words in await merchant.refused(create, debit(order, token) | wrong)


@pytest.mark.parametrize(
    ("act", "reason"),
    [("pause", "mandate_paused"), ("revoke", "mandate_cancelled"), ("expire", "mandate_expired")],
)
async def test_what_the_payer_ended_while_a_debit_ran_fails_it(
    merchant: Merchant, act: str, reason: str
) -> None:
    token = await approved(merchant)
    order = await announced(merchant, token)
    await merchant.simulator.advance(60 + UPI_WAIT)
    await merchant.call(merchant.client.payment.createRecurring, debit(order, token))
    await merchant.simulator.control(f"tokens/{token['id']}/{act}")
    await merchant.simulator.advance(30)
    payment = await payment_of(merchant, order)
    assert (payment["status"], payment["error_reason"]) == ("failed", reason)


async def test_what_happens_to_a_mandate_is_told(merchant: Merchant, receiver: Receiver) -> None:
    token = await approved(merchant)
    for act in ("pause", "resume", "revoke"):
        await merchant.simulator.control(f"tokens/{token['id']}/{act}")
    with pytest.raises(RuntimeError, match="The mandate is cancelled"):
        await merchant.simulator.control(f"tokens/{token['id']}/pause")
    told = [name for name in receiver.names() if name.startswith("token.")]
    assert told == ["token.confirmed", "token.paused", "token.resumed", "token.cancelled"]
    cancel = merchant.client.token.cancel
    words = await merchant.refused(cancel, token["customer_id"], token["id"])
    assert words == "Token cannot be cancelled in cancelled status."


async def test_the_books_show_what_was_captured_per_reference(merchant: Merchant) -> None:
    made = await link(merchant, receipt="setup-1")
    token = (await merchant.simulator.control(f"registrations/{made['id']}/authenticate"))["token"]
    sent = {"amount": 20_000, "reference_id": "page-1"}
    page = await merchant.call(merchant.client.payment_link.create, sent)
    await merchant.simulator.control(f"payment_links/{page['id']}/pay")
    plain = {"amount": 49_900, "currency": "INR", "receipt": "debit-1"}
    await merchant.call(merchant.client.order.create, plain)
    books = await merchant.simulator.books()
    shown = {each["reference"]: (each["kind"], each["captured_paise"]) for each in books["orders"]}
    assert shown == {
        "setup-1": ("registration", 49_900),
        "page-1": ("payment_link", 20_000),
        "debit-1": ("order", 0),
    }
    assert [(each["id"], each["status"]) for each in books["tokens"]] == [(token["id"], "confirmed")]


async def test_a_person_sets_a_mandate_up_on_its_page(merchant: Merchant) -> None:
    made = await link(merchant, amount=0)
    async with httpx.AsyncClient(trust_env=False, follow_redirects=True) as client:
        shown = (await client.get(made["short_url"])).text
        assert "Set up AutoPay" in shown
        assert "up to ₹5,000.00" in shown
        form = {"method": "upi", "vpa": "meera@okaxis", "email": "a@b.example", "contact": "+919812300045"}
        declined = await client.post(
            made["short_url"], data=form | {"act": "decline", "reason": "payment_cancelled"}
        )
        assert "Payment failed" in declined.text
        done = await client.post(made["short_url"], data=form)
        assert "Your mandate is set up" in done.text
        panel = (await client.get(f"{merchant.simulator.url}/_sim/")).text
        assert "Mandates debited" in panel
        [token] = (await merchant.simulator.books())["tokens"]
        paused = await client.post(f"{merchant.simulator.url}/_sim/panel/{token['id']}/pause")
        assert "Lift pause" in paused.text
        assert "Your mandate is paused" in (await client.get(made["short_url"])).text
