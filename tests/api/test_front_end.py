"""`/api/v1/billing/…`: the first document's shapes over the same use cases as /v1."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from db.api_reads import paid_for
from domain.periods import india_date
from domain.subscription import Status
from local.payer import Payer
from tests.api.serving import Served, utc_now
from tests.db import rows
from tests.world import OpenWorld

NOW = datetime(2026, 1, 1, 5, 0, tzinfo=UTC)
BILLING = "/api/v1/billing"
PAYMENT, INVOICE, SUBSCRIPTION = "pmt_" + "a" * 32, "inv_" + "a" * 32, "sub_" + "a" * 26


def exactly(answer: httpx.Response) -> Any:
    """Numbers with a point as they were written."""
    assert answer.headers["content-type"] == "application/json"
    return answer.json(parse_float=Decimal)


async def test_the_plans_of_the_document_are_listed_in_its_shape(api: Served) -> None:
    async with api.client() as anybody:
        answer = await anybody.get(f"{BILLING}/plans")
    plans = {plan["id"]: plan for plan in exactly(answer)["plans"]}
    assert [name for name in plans if name in ("free", "starter", "growth", "enterprise")] == [
        "free", "starter", "growth", "enterprise",
    ]  # fmt: skip
    assert plans["starter"] == {
        "id": "starter",
        "name": "Starter",
        "price_inr": 799,
        "budget_usd": 10,
        "features": ["All features", "3 ICPs", "Unlimited moves", "Priority support"],
    }
    assert [plans[name]["price_inr"] for name in ("free", "growth", "enterprise")] == [0, 2999, 9999]
    assert '"price_inr":799,' in answer.text


async def test_who_never_subscribed_has_no_subscription_and_the_free_plan(api: Served) -> None:
    async with api.customer("user_9") as nobody:
        assert (await nobody.get(f"{BILLING}/subscription")).json() == {"subscription": None, "plan": "free"}
        assert (await nobody.get(f"{BILLING}/invoices")).json() == {"invoices": []}
        for path in (f"invoices/{PAYMENT}", f"invoices/{INVOICE}", f"invoices/{SUBSCRIPTION}"):
            answer = await nobody.get(f"{BILLING}/{path}")
            assert answer.status_code == 404
            assert answer.headers["content-type"] == "application/problem+json"
            assert isinstance(answer.json()["detail"], str)
        cancel = await nobody.post(f"{BILLING}/subscription/cancel")
        assert (cancel.status_code, cancel.json()["detail"]) == (404, "There is no subscription to cancel.")


async def test_invoices_are_the_completed_payments_and_each_is_shown_as_issued(api: Served) -> None:
    await rows.add(
        api.services.database,
        rows.customer(state_code="29"),
        rows.subscription(
            id=SUBSCRIPTION,
            plan_id="plan_starter",
            price_id="price_starter_annual_v1",
            gateway="phonepe",
            current_period_start=rows.NOON,
            current_period_end=rows.NOON + timedelta(days=365),
        ),
        rows.payment("2", id="pmt_" + "b" * 32, subscription_id=SUBSCRIPTION, status="failed"),
        rows.payment(id=PAYMENT, subscription_id=SUBSCRIPTION, gateway="phonepe", gateway_payment_id="deb_1"),
        rows.invoice(id=INVOICE, subscription_id=SUBSCRIPTION, payment_id=PAYMENT),
    )
    async with api.customer("user_1") as owner:
        listed = await owner.get(f"{BILLING}/invoices")
        shown = [await owner.get(f"{BILLING}/invoices/{each}") for each in (INVOICE, PAYMENT, SUBSCRIPTION)]
        standing = (await owner.get(f"{BILLING}/subscription")).json()["subscription"]
    (record,) = exactly(listed)["invoices"]
    assert record == {
        "id": PAYMENT,
        "user_id": "user_1",
        "subscription_id": SUBSCRIPTION,
        "invoice_id": INVOICE,
        "invoice_number": "BH26-27/000001",
        "amount_inr": Decimal("4236.44"),
        "gst_amount": Decimal("762.56"),
        "total_amount": 4999,
        "status": "completed",
        "payment_method": "upi",
        "phonepe_merchant_transaction_id": "deb_1",
        "completed_at": "2026-04-10T06:30:00+00:00",
        "created_at": "2026-04-10T06:30:00+00:00",
        "metadata": {"order_type": "subscription", "plan": "starter", "billing_cycle": "annual"},
    }
    assert '"total_amount":4999,' in listed.text
    assert len({answer.content for answer in shown}) == 1
    invoice = exactly(shown[0])["invoice"]
    assert (invoice["invoice_number"], invoice["invoice_date"]) == ("BH26-27/000001", "2026-04-10")
    assert invoice["seller"] == {
        "name": "Bahi Demo Private Limited",
        "gstin": "29AAACB1234F1Z5",
        "address": "4 Residency Road",
        "state": "Karnataka",
        "state_code": "29",
    }
    assert (invoice["buyer"]["gstin"], invoice["buyer"]["address"]) == (None, "12 MG Road")
    (item,) = invoice["items"]
    assert (item["hsn_code"], item["quantity"], item["unit_price"]) == ("998315", 1, Decimal("4236.44"))
    sums = [invoice[name] for name in ("subtotal", "cgst", "sgst", "igst", "total_gst", "total_amount")]
    half = Decimal("381.28")
    assert sums == [Decimal("4236.44"), half, half, 0, Decimal("762.56"), 4999]
    assert (invoice["gst_type"], invoice["gst_rate"], invoice["status"]) == ("INTRA", 18, "paid")
    assert (invoice["payment_id"], invoice["transaction_id"]) == (PAYMENT, "pay_1")
    assert standing["plan"] == "starter"
    assert (standing["status"], standing["price_inr"], standing["billing_cycle"]) == (
        "active",
        7990,
        "annual",
    )
    assert standing["current_period_end"] == "2027-04-10T06:30:00+00:00"


@pytest.mark.parametrize("status", [Status.CREATED, Status.EXPIRED, Status.CANCELLED])
async def test_what_is_not_in_force_is_no_subscription(api: Served, status: Status) -> None:
    await rows.add(api.services.database, rows.customer(), rows.subscription(status=status.value))
    async with api.customer("user_1") as owner:
        assert (await owner.get(f"{BILLING}/subscription")).json() == {"subscription": None, "plan": "free"}


async def test_what_has_halted_is_shown(api: Served) -> None:
    await rows.add(api.services.database, rows.customer(), rows.subscription(status=Status.HALTED.value))
    async with api.customer("user_1") as owner:
        assert (await owner.get(f"{BILLING}/subscription")).json()["subscription"]["status"] == "halted"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"plan_id": "platinum"}, "plan_id"),
        ({"plan_id": "pro", "billing_cycle": "annual"}, "billing_cycle"),
        ({"plan_id": "starter", "billing_cycle": "weekly"}, "billing_cycle"),
        ({"plan_id": "starter"}, "state_code"),
        ({}, "plan_id"),
    ],
)
async def test_a_wrong_wish_is_refused_with_a_text_to_show(api: Served, body: Any, field: str) -> None:
    async with api.customer("user_1") as asha:
        answer = await asha.post(f"{BILLING}/subscription", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"] == field
    assert "plan_" not in answer.json()["detail"].replace("plan_id", "")


async def test_a_customer_goes_from_free_to_a_paid_year_and_cancels(world_at: OpenWorld) -> None:
    async with world_at(NOW) as world:
        asha = await world.person("asha", state_code="27")
        free = await asha.http.post(f"{BILLING}/subscription", json={"plan_id": "free"})
        assert (free.status_code, free.json()) == (200, {"success": True, "plan": "free"})
        standing = (await asha.http.get(f"{BILLING}/subscription")).json()
        assert (standing["plan"], standing["subscription"]["status"]) == ("free", "active")

        wish = {"plan_id": "starter", "billing_cycle": "annual"}
        opened = (await asha.http.post(f"{BILLING}/subscription", json=wish)).json()
        assert opened["success"] is True
        assert opened["payment_url"].startswith("http")
        again = (await asha.http.post(f"{BILLING}/subscription", json=wish)).json()
        assert again == opened
        assert (await asha.http.get(f"{BILLING}/subscription")).json()["plan"] == "free"
        unpaid = await asha.http.get(f"{BILLING}/invoices/{opened['payment_id']}")
        assert unpaid.status_code == 404

        await asha.subscribe("plan_starter", "annual")  # the same checkout, at the gateway
        await asha.pay()
        held = (await asha.http.get(f"{BILLING}/subscription")).json()["subscription"]
        assert (held["plan"], held["status"], held["price_inr"]) == ("starter", "active", 7990)
        assert held["current_period_end"].startswith("2026-12-31T18:30")
        paid = exactly(await asha.http.get(f"{BILLING}/invoices/{opened['payment_id']}"))["invoice"]
        assert (paid["subtotal"], paid["igst"], paid["gst_type"]) == (7990, Decimal("1438.2"), "INTER")
        assert paid["total_amount"] == Decimal("9428.2")
        (record,) = exactly(await asha.http.get(f"{BILLING}/invoices"))["invoices"]
        assert record["phonepe_merchant_transaction_id"] is None

        refused = await asha.http.post(f"{BILLING}/subscription", json={"plan_id": "growth"})
        assert refused.status_code == 409
        assert isinstance(refused.json()["detail"], str)
        ended = await asha.http.post(f"{BILLING}/subscription/cancel")
        assert (ended.status_code, ended.json()["success"]) == (200, True)
        assert ended.json()["subscription"]["cancel_at_period_end"] is True
        assert date.fromisoformat(paid["invoice_date"]) == date(2026, 1, 1)


async def test_where_phonepe_is_set_up_it_collects_what_comes_by_this_door(world_at: OpenWorld) -> None:
    async with world_at(NOW, with_phonepe=True) as world:
        asha = await world.person("asha")
        opened = (await asha.http.post(f"{BILLING}/subscription", json={"plan_id": "growth"})).json()
        assert opened["payment_url"] == f"{world.settings.public_url}/pay/{opened['payment_id']}"
        asha.subscription_id = opened["payment_id"]
        order_id = await Payer(asha).pay()
        (record,) = exactly(await asha.http.get(f"{BILLING}/invoices"))["invoices"]
        assert record["phonepe_merchant_transaction_id"] == order_id
        assert record["total_amount"] == Decimal("3538.82")
        held = (await asha.http.get(f"{BILLING}/subscription")).json()["subscription"]
        assert (held["plan"], held["status"]) == ("growth", "active")


async def test_a_repeated_request_under_one_key_gives_one_answer(world_at: OpenWorld) -> None:
    async with world_at(NOW) as world:
        asha = await world.person("asha")
        sent: dict[str, Any] = {"json": {"plan_id": "starter"}, "headers": {"Idempotency-Key": "k"}}
        answers = [await asha.http.post(f"{BILLING}/subscription", **sent) for _ in range(2)]
        assert answers[0].content == answers[1].content


async def test_usage_is_told_in_dollars_for_today_this_month_and_the_budget(api: Served) -> None:
    used = {
        "events": [
            {"event_id": "1", "user_id": "user_1", "kind": "move", "occurred_at": utc_now().isoformat()}
            | {"cost_microusd": 250_000},
        ]
    }
    async with api.service() as service:
        (await service.post("/internal/usage", json=used)).raise_for_status()
    async with api.customer("user_1") as asha, api.customer("user_9") as nobody:
        told = exactly(await asha.get(f"{BILLING}/usage"))
        nothing = exactly(await nobody.get(f"{BILLING}/usage"))
    today = india_date(utc_now())
    assert told == {
        "daily": {"date": today.isoformat(), "events": 1, "cost_usd": Decimal("0.25")},
        "monthly": {"month": f"{today:%Y-%m}", "events": 1, "cost_usd": Decimal("0.25")},
        "budget": {"limit": 1, "used": Decimal("0.25"), "remaining": Decimal("0.75")},
    }
    assert nothing["budget"] == {"limit": 1, "used": 0, "remaining": 1}
    assert (nothing["daily"]["cost_usd"], nothing["monthly"]["events"]) == (0, 0)


async def test_a_sum_in_dollars_is_paid_in_rupees_and_becomes_a_voucher(world_at: OpenWorld) -> None:
    async with world_at(NOW, with_phonepe=True, usd_rate_paise=9_050) as world:
        asha = await world.person("asha")
        for wrong in ("five", -1, 0.001, None):
            refused = await asha.http.post(f"{BILLING}/topup", json={"amount_usd": wrong})
            assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "amount_usd")
        opened = (await asha.http.post(f"{BILLING}/topup", json={"amount_usd": 12.5})).json()
        assert opened["payment_url"] == f"{world.settings.public_url}/pay/{opened['payment_id']}"
        assert (await asha.http.get(f"{BILLING}/invoices/{opened['payment_id']}")).status_code == 404
        asha.subscription_id = opened["payment_id"]  # what the address names
        order_id = await Payer(asha).pay()
        (record,) = exactly(await asha.http.get(f"{BILLING}/invoices"))["invoices"]
        assert (record["total_amount"], record["metadata"]["order_type"]) == (Decimal("1131.25"), "top_up")
        assert record["phonepe_merchant_transaction_id"] == order_id
        voucher = exactly(await asha.http.get(f"{BILLING}/invoices/{opened['payment_id']}"))["invoice"]
        assert (voucher["total_amount"], voucher["status"]) == (Decimal("1131.25"), "paid")


async def test_money_taken_and_set_aside_is_no_invoice(api: Served) -> None:
    await rows.add(
        api.services.database,
        rows.customer(),
        rows.subscription(),
        rows.payment(status="quarantined"),
    )
    async with api.services.database.reading() as session:
        assert await paid_for(session, "user_1", 10) == []
