"""Asking for a subscription, with the real workflow, the real server and the simulated gateway."""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from api.schemas import SubscribeIn
from db import idempotency
from tests.api.serving import until
from tests.world import OpenWorld

NOW = datetime(2026, 1, 1, 5, 0, tzinfo=UTC)


async def test_a_paid_plan_answers_with_a_checkout_and_is_active_once_paid(world_at: OpenWorld) -> None:
    async with world_at(NOW) as world:
        asha = await world.person("asha")
        answer = await asha.http.post("/v1/subscriptions", json={"plan_id": "plan_pro"})
        created = answer.json()
        assert answer.status_code == 201, answer.text
        assert created["status"] == "CREATED"
        assert created["short_url"].startswith("http")
        assert answer.headers["location"] == f"/v1/subscriptions/{created['subscription_id']}"
        assert (created["price"], created["charge_paise"], created["access"]) == (4999, 499900, False)
        assert created["allowed"] == ["cancel", "cancel-now"]

        again = await asha.http.post("/v1/subscriptions", json={"plan_id": "plan_pro"})
        assert (again.status_code, again.json()) == (200, created)

        await asha.subscribe("plan_pro")
        await asha.pay()
        me = await asha.me()
        assert (me["status"], me["plan"], me["renews_at"]) == ("ACTIVE", "PRO", "2026-02-01")

        refused = await asha.http.post("/v1/subscriptions", json={"plan_id": "plan_growth"})
        assert refused.status_code == 409
        problem = refused.json()
        assert (problem["state"], problem["allowed"]) == ("ACTIVE", ["cancel", "cancel-now", "pause"])
        assert "POST /v1/subscriptions/cancel" in problem["detail"]

        (invoice,) = await asha.invoices()
        download = await asha.http.get(invoice["download_url"])
        pdf = await asha.http.get(download.headers["location"])
        assert pdf.content.startswith(b"%PDF")
        kinds = [entry["kind"] for entry in await asha.timeline()]
        assert kinds.index("subscription.created") < kinds.index("payment.captured")


async def test_another_plan_replaces_a_checkout_that_nobody_paid(world_at: OpenWorld) -> None:
    async with world_at(NOW) as world:
        ravi = await world.person("ravi", state_code="27")
        first = (await ravi.http.post("/v1/subscriptions", json={"plan_id": "plan_basic"})).json()
        answer = await ravi.http.post(
            "/v1/subscriptions", json={"plan_id": "plan_growth", "interval": "annual"}
        )
        second = answer.json()
        assert answer.status_code == 201, answer.text
        assert second["subscription_id"] != first["subscription_id"]
        # ₹29,990 and 18 % IGST on top.
        assert (second["price_paise"], second["charge_paise"]) == (2_999_000, 3_538_820)
        old = (await ravi.http.get(f"/v1/subscriptions/{first['subscription_id']}")).json()
        assert (old["status"], old["short_url"]) == ("CANCELLED", None)
        books = await world.simulator.books()
        live = [entry for entry in books["subscriptions"] if entry["status"] == "created"]
        assert len(live) == 1


async def test_free_begins_at_once_and_gives_way_to_what_is_paid(world_at: OpenWorld) -> None:
    async with world_at(NOW) as world:
        mira = await world.person("mira", state_code="")
        free = await mira.http.post("/v1/subscriptions", json={"plan_id": "plan_free"})
        assert (free.status_code, free.json()["status"], free.json()["short_url"]) == (201, "ACTIVE", None)
        again = await mira.http.post("/v1/subscriptions", json={"plan_id": "plan_free"})
        assert (again.status_code, again.json()["subscription_id"]) == (200, free.json()["subscription_id"])

        await mira.http.put(
            "/v1/billing-details", json={"name": "Mira", "email": "mira@example.com", "state_code": "29"}
        )
        await mira.subscribe("plan_pro")
        me = await mira.me()
        assert (me["status"], me["plan"]) == ("ACTIVE", "FREE")
        assert me["pending"]["plan"] == "PRO"
        await mira.pay()
        me = await mira.me()
        assert (me["status"], me["plan"], me["pending"]) == ("ACTIVE", "PRO", None)
        ended = (await mira.http.get(f"/v1/subscriptions/{free.json()['subscription_id']}")).json()
        assert ended["status"] == "CANCELLED"
        back = await mira.http.post("/v1/subscriptions", json={"plan_id": "plan_free"})
        assert back.status_code == 409


async def test_forty_requests_at_once_under_one_key_make_one_subscription(world_at: OpenWorld) -> None:
    async with world_at(NOW) as world:
        asha = await world.person("asha")

        async def ask() -> tuple[int, bytes]:
            answer = await asha.http.post(
                "/v1/subscriptions", json={"plan_id": "plan_pro"}, headers={"Idempotency-Key": "order-7"}
            )
            return answer.status_code, answer.content

        answers = await asyncio.gather(*(ask() for _ in range(40)))
        made = {answer for answer in answers if answer[0] == 201}
        assert len(made) == 1, "one object, identical bytes"
        assert {code for code, _ in answers} <= {201, 409}
        assert await ask() in made
        other = await asha.http.post(
            "/v1/subscriptions", json={"plan_id": "plan_basic"}, headers={"Idempotency-Key": "order-7"}
        )
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        ravi = await world.person("ravi")
        theirs = await ravi.http.post(
            "/v1/subscriptions", json={"plan_id": "plan_basic"}, headers={"Idempotency-Key": "order-7"}
        )
        assert theirs.status_code == 201, "keys are each customer's own"
        assert len((await world.simulator.books())["subscriptions"]) == 2


async def test_twenty_requests_at_once_without_a_key_make_one_subscription(world_at: OpenWorld) -> None:
    async with world_at(NOW) as world:
        asha = await world.person("asha")
        answers = await asyncio.gather(
            *(asha.http.post("/v1/subscriptions", json={"plan_id": "plan_pro"}) for _ in range(20))
        )
        assert {answer.status_code for answer in answers} <= {200, 201, 202}, [a.text for a in answers]
        assert len({answer.json()["subscription_id"] for answer in answers if answer.status_code < 202}) == 1
        await world.time.settle()
        books = await world.simulator.books()
        assert len(books["subscriptions"]) == 1


async def test_a_slow_gateway_gives_202_and_a_place_to_ask(world_at: OpenWorld) -> None:
    async with world_at(NOW) as world:
        asha = await world.person("asha")
        await world.simulator.control(
            "faults",
            {"method": "POST", "path_regex": "^/v1/subscriptions$", "kind": "latency", "seconds": 4},
        )
        answer = await asha.http.post(
            "/v1/subscriptions", json={"plan_id": "plan_pro"}, headers={"Idempotency-Key": "slow"}
        )
        assert answer.status_code == 202, answer.text
        assert answer.elapsed < timedelta(seconds=4)
        place = answer.headers["location"]
        assert answer.json()["ask"] == place

        async def with_checkout() -> dict[str, Any] | None:
            shown: dict[str, Any] = (await asha.http.get(place)).json()
            return shown if shown["short_url"] else None

        found = await until(with_checkout)
        assert found["status"] == "CREATED"
        again = await asha.http.post("/v1/subscriptions", json={"plan_id": "plan_pro"})
        assert (again.status_code, again.json()["subscription_id"]) == (200, found["subscription_id"])


async def test_what_the_gateway_refuses_is_refused_with_its_reason(world_at: OpenWorld) -> None:
    async with world_at(NOW, monthly_total_count=100_000) as world:
        asha = await world.person("asha")
        answer = await asha.http.post("/v1/subscriptions", json={"plan_id": "plan_pro"})
        assert (answer.status_code, answer.json()["code"]) == (409, "gateway_refused")
        assert "refused to open a checkout" in answer.json()["detail"]


async def test_whoever_repeats_a_request_that_was_cut_off_finishes_that_one(world_at: OpenWorld) -> None:
    """The API died between its claim and its answer; its subscription is the one that is made."""
    async with world_at(NOW) as world:
        asha = await world.person("asha")
        wanted = SubscribeIn(plan_id="plan_free")
        begun = "sub_" + "0" * 26
        async with world.database.transaction() as session:
            await idempotency.claim(
                session,
                owner="customer/asha",
                route="POST /v1/subscriptions",
                key="cut-off",
                request_sha256=hashlib.sha256(wanted.model_dump_json().encode()).hexdigest(),
                resource_id=begun,
                now=NOW - timedelta(minutes=5),
                lease=timedelta(seconds=15),
            )
        key = {"Idempotency-Key": "cut-off"}
        made = await asha.http.post("/v1/subscriptions", json={"plan_id": "plan_free"}, headers=key)
        again = await asha.http.post("/v1/subscriptions", json={"plan_id": "plan_free"}, headers=key)
    assert (made.status_code, made.json()["subscription_id"]) == (201, begun)
    assert (again.status_code, again.content) == (201, made.content)
    assert again.headers["location"] == made.headers["location"]


async def test_a_refused_request_leaves_its_key_free(world_at: OpenWorld) -> None:
    async with world_at(NOW) as world:
        mira = await world.person("mira", state_code="")
        key = {"Idempotency-Key": "first-try"}
        refused = await mira.http.post("/v1/subscriptions", json={"plan_id": "plan_pro"}, headers=key)
        assert refused.status_code == 422
        details = {"name": "Mira", "email": "mira@example.com", "state_code": "29"}
        await mira.http.put("/v1/billing-details", json=details)
        made = await mira.http.post("/v1/subscriptions", json={"plan_id": "plan_pro"}, headers=key)
        assert made.status_code == 201, made.text
