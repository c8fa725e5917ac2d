"""What operators see and do."""

import re

import httpx

from db import inbox, outbox
from db.models import GatewayIntent
from domain.events import EventType
from tests.api.serving import Served
from tests.api.test_webhooks import body, kept, send
from tests.db import rows


async def test_stored_calls_are_listed_shown_and_handed_on_again(api: Served) -> None:
    async with api.client() as gateway, api.operator() as operator:
        for number in range(3):
            await send(gateway, body(number=number), f"evt_{number}")
        first, *_ = await kept(api)
        async with api.services.database.transaction() as session:
            await inbox.mark(session, first.id, "orphan", error="no such subscription")
        page = (await operator.get("/admin/webhooks", params={"limit": 2})).json()
        assert [item["event_id"] for item in page["data"]] == ["evt_2", "evt_1"]
        rest = (await operator.get("/admin/webhooks", params={"before": page["next_before"]})).json()
        assert [item["event_id"] for item in rest["data"]] == ["evt_0"]
        orphans = (await operator.get("/admin/webhooks", params={"status": ["orphan", "late"]})).json()
        assert [item["last_error"] for item in orphans["data"]] == ["no such subscription"]
        one = (await operator.get(f"/admin/webhooks/{first.id}")).json()
        assert one["body"] == body(number=0).decode()
        replayed = await operator.post(f"/admin/webhooks/{first.id}/replay")
        assert (replayed.status_code, replayed.json()["status"]) == (200, "received")
        assert (await operator.post("/admin/webhooks/999999/replay")).status_code == 404
        assert (await operator.get("/admin/webhooks/999999")).status_code == 404
    assert [call.status for call in await kept(api)] == ["received"] * 3


async def test_money_set_aside_open_intents_and_stuck_deliveries_are_in_sight(api: Served) -> None:
    database = api.services.database
    await rows.add(
        database,
        rows.customer(),
        rows.subscription(),
        rows.payment("7", status="quarantined", reason="paid 1 paise, expected 499900 paise", amount_paise=1),
        GatewayIntent(key="razorpay/subscription/x", kind="subscription", state="sent", request={"a": 1}),
        GatewayIntent(key="done", kind="plan", state="done", request={}, gateway_id="plan_1"),
    )
    async with database.transaction() as session:
        event_id = await outbox.append(
            session,
            key="stuck",
            type=EventType.PAYMENT_FAILED,
            customer_id="cus_1",
            subscription_id="sub_1",
            occurred_at=rows.NOON,
            data={},
            sinks=["webhook", "kafka"],
        )
        assert event_id is not None
        await outbox.mark_retry(session, event_id, "webhook", rows.NOON, "answered 500")
    async with api.operator() as operator:
        (payment,) = (await operator.get("/admin/quarantine")).json()["data"]
        (intent,) = (await operator.get("/admin/intents")).json()["data"]
        (delivery,) = (await operator.get("/admin/deliveries")).json()["data"]
    assert (payment["amount_paise"], payment["reason"]) == (1, "paid 1 paise, expected 499900 paise")
    assert (intent["key"], intent["state"]) == ("razorpay/subscription/x", "sent")
    assert (delivery["sink"], delivery["attempts"], delivery["last_error"]) == ("webhook", 1, "answered 500")


async def test_subscriptions_are_found_by_what_support_is_told(api: Served) -> None:
    database = api.services.database
    await rows.add(database, rows.customer("1"), rows.customer("2"))
    for number, user in ((1, "1"), (2, "2"), (3, "2")):
        status = "HALTED" if number == 2 else "CANCELLED" if number == 3 else "ACTIVE"
        await rows.add(
            database,
            rows.subscription(
                id="sub_" + str(number) * 26,
                customer_id=f"cus_{user}",
                status=status,
                gateway_subscription_id=f"sub_Gateway{number}",
            ),
        )

    async def found(operator: httpx.AsyncClient, **by: str) -> list[str]:
        answer = await operator.get("/admin/subscriptions", params=by)
        return [item["subscription_id"][-1] for item in answer.json()["data"]]

    async with api.operator() as operator:
        assert await found(operator) == ["3", "2", "1"]
        assert await found(operator, user_id="user_2") == ["3", "2"]
        assert await found(operator, status="HALTED") == ["2"]
        assert await found(operator, gateway_subscription_id="sub_Gateway1") == ["1"]
        assert await found(operator, limit="1") == ["3"]
        assert await found(operator, before="sub_" + "3" * 26) == ["2", "1"]
        one = (await operator.get("/admin/subscriptions/sub_" + "2" * 26)).json()
    assert (one["user_id"], one["customer_id"], one["status"]) == ("user_2", "cus_2", "HALTED")


async def test_an_operators_browser_signs_in_with_a_cookie_that_scripts_cannot_read(api: Served) -> None:
    async with api.client() as browser:
        page = await browser.get("/admin/login")
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "<script" not in page.text
        assert (await browser.post("/admin/login", data={"token": api.customer_token()})).status_code == 401
        assert (await browser.get("/admin/webhooks")).status_code == 401
        signed_in = await browser.post("/admin/login", data={"token": api.operator_token()})
        assert signed_in.status_code == 303
        cookie = signed_in.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        assert "path=/admin" in cookie
        assert (await browser.get("/admin/webhooks")).status_code == 200
        assert "signed in" in (await browser.get("/admin/login")).text
        await browser.post("/admin/logout")
        assert (await browser.get("/admin/webhooks")).status_code == 401


async def test_a_session_changes_nothing_for_a_page_of_another_site(api: Served) -> None:
    await rows.add(api.services.database, rows.customer())
    temporal_ui = api.settings.allowed_origins[0]
    async with api.client() as browser, api.client() as gateway:
        await send(gateway, body())
        (call,) = await kept(api)
        await browser.post("/admin/login", data={"token": api.operator_token()})
        path = f"/admin/webhooks/{call.id}/replay"
        for headers in ({}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
            assert (await browser.post(path, headers=headers)).status_code == 403, headers
        assert (await browser.post(path, headers={"Origin": temporal_ui})).status_code == 200
        assert (await browser.post(path, headers={"Origin": api.url})).status_code == 200


async def test_pages_are_whole_and_ask_nothing_of_other_hosts(api: Served) -> None:
    async with api.client() as browser:
        for path in ("/docs", "/admin/login"):
            page = await browser.get(path)
            assert page.status_code == 200
            foreign = [
                link for link in re.findall(r'(?:src|href)="([^"]*)"', page.text) if link[0] not in "/#"
            ]
            assert foreign == [], path
        assert (await browser.get("/style.css")).headers["content-type"].startswith("text/css")
        assert "/v1/subscriptions/{subscription_id}/timeline" in (await browser.get("/docs")).text


async def test_a_delivery_that_was_given_up_can_be_offered_again(api: Served) -> None:
    database = api.services.database
    await rows.add(database, rows.customer(), rows.subscription())
    async with database.transaction() as session:
        event_id = await outbox.append(
            session,
            key="given up",
            type=EventType.PAYMENT_FAILED,
            customer_id="cus_1",
            subscription_id="sub_1",
            occurred_at=rows.NOON,
            data={},
            sinks=["webhook"],
        )
        assert event_id is not None
        await outbox.mark_failed(session, event_id, "webhook", "answered 410")
    async with api.operator() as operator:
        answer = await operator.post("/admin/deliveries/retry", json={"sink": "webhook"})
        assert (answer.status_code, answer.json()) == (200, {"retried": 1})
        assert (await operator.post("/admin/deliveries/retry", json={"sink": "pigeon"})).status_code == 422
    async with database.transaction() as session:
        assert [due.event.id for due in await outbox.due(session, "webhook", 10)] == [event_id]
