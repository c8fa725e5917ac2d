"""Shapes and refusals of the API, driven by the official SDK (razorpay.md, sections 1 and 4)."""

from typing import Any

import pytest
import razorpay

from tests.simulator.merchant import START, Merchant

NOWHERE = "sub_SEKk61J6Teb3wW"


async def test_a_new_subscription_looks_as_documented(merchant: Merchant) -> None:
    plan = await merchant.plan()
    made = await merchant.subscribe(plan, notes={"our_sub": "s_91b2"}, customer_notify=0)
    assert list(made) == [
        "id", "entity", "plan_id", "status", "current_start", "current_end", "ended_at", "quantity", "notes",
        "charge_at", "start_at", "end_at", "auth_attempts", "total_count", "paid_count", "customer_notify",
        "created_at", "expire_by", "short_url", "has_scheduled_changes", "change_scheduled_at", "source",
        "remaining_count",
    ]  # fmt: skip
    assert made["status"] == "created"
    assert made["remaining_count"] == 11  # the first invoice is issued with an immediate start
    assert (made["start_at"], made["end_at"], made["charge_at"]) == (None, None, None)
    assert made["notes"] == {"our_sub": "s_91b2"}
    assert made["customer_notify"] is False
    assert made["created_at"] == int(START.timestamp())
    assert made["short_url"].startswith(merchant.simulator.url + "/i/")
    [invoice] = await merchant.invoices(made["id"])
    assert (invoice["status"], invoice["amount"], invoice["billing_start"]) == ("issued", 49_900, None)


async def test_a_later_start_has_its_dates_and_no_invoice(merchant: Merchant) -> None:
    start = int(START.timestamp()) + 30 * 86_400
    made = await merchant.subscribe(start_at=start)
    assert (made["start_at"], made["charge_at"], made["remaining_count"]) == (start, start, 12)
    assert made["end_at"] is not None
    assert await merchant.invoices(made["id"]) == []


async def test_empty_notes_are_a_list(merchant: Merchant) -> None:
    assert (await merchant.subscribe())["notes"] == []


CREATES: list[tuple[dict[str, Any], str]] = [
    ({"total_count": None}, "The total_count field is required."),
    ({"plan_id": None}, "The plan_id field is required."),
    ({"plan_id": "plan_nonsense"}, "plan_nonsense is not a valid id"),
    ({"plan_id": "plan_SDwCyVFYAYy9Pf"}, "The id provided does not exist"),
    (
        {"total_count": 1201},
        "Exceeds the maximum total_count (1200) allowed for the given period and interval",
    ),
    ({"customer_id": "cust_SEKllY9dmYeeby"}, "customer_id is/are not required and should not be sent"),
    ({"expire_by": 1700000000}, "Link expire by cannot be lesser than the current time."),
    ({"offer_id": "offer_SEKllY9dmYeeby"}, "Offer Not Found"),
    ({"quantity": "two"}, "The quantity must be an integer."),
    (
        {"addons": [{"item": {"name": "x", "amount": 50, "currency": "INR"}}]},
        "The amount must be at least INR 1.00",
    ),
    (
        {"notes": {f"n{k}": "v" for k in range(16)}},
        "Number of fields in notes should be less than or equal to 15",
    ),
]


@pytest.mark.parametrize(("sent", "words"), CREATES, ids=[words[:40] for _, words in CREATES])
async def test_a_bad_subscription_is_refused_in_razorpays_words(
    merchant: Merchant, sent: dict[str, Any], words: str
) -> None:
    plan = await merchant.plan()
    body = {"plan_id": plan["id"], "total_count": 12} | sent
    body = {name: value for name, value in body.items() if value is not None}
    assert await merchant.refused(merchant.client.subscription.create, body) == words
    assert merchant.status == 400
    assert '"code":"BAD_REQUEST_ERROR"' in merchant.text


async def test_unknown_and_malformed_ids_are_told_apart(merchant: Merchant) -> None:
    fetch = merchant.client.subscription.fetch
    assert await merchant.refused(fetch, NOWHERE) == "The id provided does not exist"
    assert merchant.status == 400
    assert await merchant.refused(fetch, "sub_SEKk61J6Teb3w!") == "sub_SEKk61J6Teb3w! is not a valid id"
    assert await merchant.refused(fetch, "sub_1") == ""  # a body without an envelope: the SDK finds no words
    assert (merchant.status, merchant.text) == (404, '{"message":"no Route matched with those values"}')


async def test_unknown_paths_and_verbs_are_told_apart(merchant: Merchant) -> None:
    reply = await merchant.raw("GET", "/v1/nothing")
    assert reply.status_code == 400
    assert reply.json()["error"]["description"] == "The requested URL was not found on the server."
    reply = await merchant.raw("PUT", "/v1/plans", json={})
    assert (reply.status_code, reply.json()) == (404, {"message": "no Route matched with those values"})
    await merchant.simulator.control("switches", {"recurring_payments": False})
    reply = await merchant.raw("POST", "/v1/payments/create/recurring", json={})
    assert reply.json()["error"]["description"] == "The requested URL was not found on the server."


@pytest.mark.parametrize(
    ("auth", "header", "words"),
    [
        (("rzp_test_other000000000", "x"), None, "The api key provided is invalid"),
        (("rzp_test_simulator00001", "wrong"), None, "Authentication failed"),
        (None, None, "Authentication failed"),
        (None, "basic cnpwX3Rlc3Q6eA==", "Authentication failed"),
        (None, "Basic ***", "Authentication failed"),
    ],
)
async def test_wrong_credentials_are_401(
    merchant: Merchant, auth: tuple[str, str] | None, header: str | None, words: str
) -> None:
    headers = {"Authorization": header} if header else {}
    reply = await merchant.raw("GET", "/v1/plans", auth=auth, headers=headers)
    assert reply.status_code == 401
    assert reply.json()["error"]["description"] == words


async def test_lists_are_newest_first_and_paged(merchant: Merchant) -> None:
    plan = await merchant.plan()
    made = [await merchant.subscribe(plan) for _ in range(12)]
    await merchant.simulator.advance(10)
    late = await merchant.subscribe(plan)
    every = merchant.client.subscription.all
    first = await merchant.call(every, {"plan_id": plan["id"]})
    assert (first["entity"], first["count"], len(first["items"])) == ("collection", 10, 10)
    assert first["items"][0]["id"] == late["id"]
    rest = await merchant.call(every, {"plan_id": plan["id"], "skip": 10, "count": 100})
    assert [each["id"] for each in rest["items"]] == [each["id"] for each in made[2::-1]]
    recent = await merchant.call(every, {"from": late["created_at"], "to": late["created_at"]})
    assert [each["id"] for each in recent["items"]] == [late["id"]]
    assert await merchant.refused(every, {"count": 101}) == "The count may not be greater than 100."
    words = "status is/are not required and should not be sent"
    assert await merchant.refused(every, {"status": "active"}) == words


async def test_lists_may_lag_behind_single_fetches(merchant: Merchant) -> None:
    await merchant.simulator.control("switches", {"list_lag_seconds": 120})
    made = await merchant.subscribe()
    assert (await merchant.call(merchant.client.subscription.all))["items"] == []
    assert (await merchant.fetch(made["id"]))["id"] == made["id"]
    await merchant.simulator.advance(121)
    assert [each["id"] for each in (await merchant.call(merchant.client.subscription.all))["items"]] == [
        made["id"]
    ]


async def test_plans_are_checked_and_immutable(merchant: Merchant) -> None:
    plan = await merchant.plan()
    assert plan["item"]["unit_amount"] == 49_900
    assert (await merchant.call(merchant.client.plan.fetch, plan["id"]))["notes"] == []
    item = {"name": "x", "amount": 49_900, "currency": "INR"}
    create = merchant.client.plan.create
    words = await merchant.refused(create, {"period": "daily", "interval": 6, "item": item})
    assert words == "The interval must be at least 7."
    words = await merchant.refused(
        create, {"period": "monthly", "interval": 1, "item": item | {"amount": 99}}
    )
    assert words == "The amount must be at least INR 1.00"
    reply = await merchant.raw("PATCH", f"/v1/plans/{plan['id']}", json={})
    assert reply.status_code == 404


async def test_form_encoded_bodies_are_read_too(merchant: Merchant) -> None:
    form = {
        "period": "monthly",
        "interval": "1",
        "item[name]": "x",
        "item[amount]": "49900",
        "item[currency]": "INR",
    }
    reply = await merchant.raw("POST", "/v1/plans", data=form)
    assert reply.json()["item"]["amount"] == 49_900


async def test_customers_are_found_again_when_asked_not_to_fail(merchant: Merchant) -> None:
    sent = {"name": "Meera S", "email": "meera@kaveri.example", "contact": "+919812300045"}
    create = merchant.client.customer.create
    made = await merchant.call(create, sent)
    assert await merchant.refused(create, sent) == "Customer already exists for the merchant"
    assert (await merchant.call(create, sent | {"fail_existing": "0"}))["id"] == made["id"]
    words = await merchant.refused(create, {"contact": "12345"})
    assert words == "Contact number should be at least 8 digits, including country code."
    edited = await merchant.call(merchant.client.customer.edit, made["id"], {"name": "Meera Shah"})
    assert edited["name"] == "Meera Shah"


async def test_invoices_payments_and_orders_are_joined(merchant: Merchant) -> None:
    subscription = await merchant.active("upi")
    [invoice] = await merchant.invoices(subscription)
    assert (invoice["status"], invoice["amount_paid"], invoice["amount_due"]) == ("paid", 49_900, 0)
    payment = await merchant.call(merchant.client.payment.fetch, invoice["payment_id"])
    assert payment["description"] == "Recurring Payment via Subscription"
    assert (payment["fee"], payment["tax"], payment["captured"]) == (1178, 180, True)
    assert payment["invoice_id"] == invoice["id"]
    assert "subscription_id" not in payment
    assert payment["upi"] == {"vpa": payment["vpa"]}
    found = await merchant.call(merchant.client.invoice.all, {"payment_id": payment["id"]})
    assert [each["subscription_id"] for each in found["items"]] == [subscription]
    order = await merchant.call(merchant.client.order.fetch, invoice["order_id"])
    assert (order["status"], order["attempts"], order["amount_due"]) == ("paid", 1, 0)
    tries = await merchant.call(merchant.client.order.payments, order["id"])
    assert [each["id"] for each in tries["items"]] == [payment["id"]]
    noted = await merchant.call(merchant.client.payment.edit, payment["id"], {"notes": {"a": "b"}})
    assert noted["notes"] == {"a": "b"}


async def test_an_order_is_paid_captured_and_not_captured_twice(merchant: Merchant) -> None:
    sent = {"amount": 50_000, "currency": "INR", "receipt": "r-1", "payment_capture": False}
    order = await merchant.call(merchant.client.order.create, sent)
    path = f"orders/{order['id']}/pay"
    assert (await merchant.simulator.control(path, {"outcome": "failure"}))["payment"]["status"] == "failed"
    payment = (await merchant.simulator.control(path, {"method": "card"}))["payment"]
    assert payment["status"] == "authorized"
    capture = merchant.client.payment.capture
    words = await merchant.refused(capture, payment["id"], 100, {"currency": "INR"})
    assert words == "Capture amount must be equal to the amount authorized."
    taken = await merchant.call(capture, payment["id"], 50_000, {"currency": "INR"})
    assert taken["status"] == "captured"
    words = await merchant.refused(capture, payment["id"], 50_000, {"currency": "INR"})
    assert words == "This payment has already been captured"
    assert (await merchant.call(merchant.client.order.fetch, order["id"]))["status"] == "paid"


async def test_money_never_captured_goes_back_by_itself(merchant: Merchant) -> None:
    sent = {"amount": 50_000, "currency": "INR", "payment_capture": False}
    order = await merchant.call(merchant.client.order.create, sent)
    payment = (await merchant.simulator.control(f"orders/{order['id']}/pay", {}))["payment"]
    await merchant.simulator.advance(4 * 86_400)
    assert (await merchant.call(merchant.client.payment.fetch, payment["id"]))["status"] == "refunded"


async def test_a_payment_link_is_made_listed_paid_and_closed(merchant: Merchant) -> None:
    client = merchant.client.payment_link
    sent = {"amount": 49_900, "currency": "INR", "reference_id": "dun-117-1", "description": "Overdue 117"}
    link = await merchant.call(client.create, sent)
    assert link["status"] == "created"
    listed = await merchant.call(client.all, {"reference_id": "dun-117-1"})
    assert [each["id"] for each in listed["payment_links"]] == [link["id"]]
    await merchant.simulator.control(f"payment_links/{link['id']}/pay", {"method": "upi"})
    paid = await merchant.call(client.fetch, link["id"])
    assert (paid["status"], paid["amount_paid"]) == ("paid", 49_900)
    other = await merchant.call(client.create, {"amount": 100, "expire_by": link["created_at"] + 1000})
    assert (await merchant.call(client.cancel, other["id"]))["status"] == "cancelled"
    third = await merchant.call(client.create, {"amount": 100, "expire_by": link["created_at"] + 1000})
    await merchant.simulator.advance(1001)
    assert (await merchant.call(client.fetch, third["id"]))["status"] == "expired"


async def test_tokens_are_listed_and_cancelled(merchant: Merchant) -> None:
    subscription = await merchant.fetch(await merchant.active("upi"))
    client, customer = merchant.client.token, subscription["customer_id"]
    [token] = (await merchant.call(client.all, customer))["items"]
    assert token["recurring_details"] == {"status": "confirmed", "failure_reason": None}
    cancelled = await merchant.call(client.cancel, customer, token["id"])
    assert cancelled == {"status": "cancellation_initiated"}
    assert (await merchant.call(client.fetch, customer, token["id"]))["recurring_details"][
        "status"
    ] == "cancelled"
    assert await merchant.call(client.delete, customer, token["id"]) == {"deleted": True}


async def test_a_plain_invoice_is_drafted_issued_and_cancelled(merchant: Merchant) -> None:
    client = merchant.client.invoice
    line = {"name": "Setup", "amount": 20_000, "currency": "INR", "quantity": 2}
    draft = await merchant.call(client.create, {"type": "invoice", "line_items": [line], "draft": "1"})
    assert (draft["status"], draft["amount"]) == ("draft", 40_000)
    issued = await merchant.call(client.issue, draft["id"])
    assert issued["status"] == "issued"
    assert (
        await merchant.refused(client.delete, issued["id"])
        == "Operation not allowed for Invoice in issued status."
    )
    assert (await merchant.call(client.cancel, issued["id"]))["status"] == "cancelled"
    other = await merchant.call(client.create, {"type": "invoice", "line_items": [line], "draft": "1"})
    assert await merchant.call(client.delete, other["id"]) == []


async def test_the_signature_of_the_browsers_return_is_what_the_sdk_checks(merchant: Merchant) -> None:
    made = await merchant.subscribe()
    done = await merchant.simulator.act(made["id"], "authenticate", method="upi")
    brought = {
        "razorpay_payment_id": done["payment"]["id"],
        "razorpay_subscription_id": made["id"],
        "razorpay_signature": done["signature"],
    }
    check = merchant.client.utility.verify_subscription_payment_signature
    assert check(brought) is True
    with pytest.raises(razorpay.errors.SignatureVerificationError):
        check(brought | {"razorpay_payment_id": "pay_SEKllMQaTsabP3"})


async def test_the_rate_limit_answers_429_when_set(merchant: Merchant) -> None:
    await merchant.simulator.control("switches", {"rate_limit_per_second": 1})
    statuses = [(await merchant.raw("GET", "/v1/plans")).status_code for _ in range(5)]
    assert 429 in statuses
