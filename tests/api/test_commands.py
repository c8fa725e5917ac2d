"""Steering a subscription: done, refused with the state and what is allowed, or still being done."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from db import api_reads
from local.temporal import TemporalServer
from tests.api.serving import Served, serving, until
from tests.db import rows
from tests.world import OpenWorld
from workflows import search_attributes

NOW = datetime(2026, 1, 1, 5, 0, tzinfo=UTC)
DETAILS = {"name": "Asha", "email": "asha@example.com", "state_code": "29"}


async def test_a_subscription_is_cancelled_kept_paused_resumed_and_ended(world_at: OpenWorld) -> None:
    async with world_at(NOW) as world:
        asha = await world.person("asha")
        await asha.subscribe("plan_pro")
        await asha.pay()

        answer = await asha.http.post("/v1/subscriptions/cancel")
        said = answer.json()
        assert answer.status_code == 200, answer.text
        assert (said["status"], said["cancel_at_period_end"]) == ("ACTIVE", True)
        assert said["access_until"].startswith("2026-01-31T18:30")
        me = await asha.me()
        assert (me["renews_at"], me["cancel_at_period_end"], me["access"]) == (None, True, True)

        refused = await asha.command("cancel")
        assert refused.status_code == 409
        assert refused.json()["allowed"] == ["keep", "cancel-now", "pause"]
        assert refused.json()["state"] == "ACTIVE, cancelling at period end"

        kept = await asha.command("keep")
        assert (kept.status_code, kept.json()["cancel_at_period_end"]) == (200, False)
        assert (await asha.me())["renews_at"] == "2026-02-01"

        paused = await asha.command("pause")
        assert (paused.status_code, paused.json()["status"]) == (200, "PAUSED"), paused.text
        refused = await asha.command("pause")
        assert (refused.status_code, refused.json()["state"]) == (409, "PAUSED")
        resumed = await asha.command("resume")
        assert (resumed.status_code, resumed.json()["status"]) == (200, "ACTIVE"), resumed.text

        ended = await asha.command("cancel-now")
        assert (ended.status_code, ended.json()["status"]) == (200, "CANCELLED"), ended.text
        assert (await asha.entitlements())["plan"] == "FREE"
        for name in ("cancel", "cancel-now", "keep", "pause", "resume"):
            refused = await asha.command(name)
            assert (refused.status_code, refused.json()["state"]) == (409, "CANCELLED"), name
            assert refused.json()["allowed"] == []
        refused = await asha.http.post("/v1/subscriptions/cancel")
        assert (refused.status_code, refused.json()["state"]) == (409, "CANCELLED")


async def test_a_command_repeated_under_its_key_is_one_command(world_at: OpenWorld) -> None:
    async with world_at(NOW) as world:
        asha = await world.person("asha")
        await asha.subscribe("plan_pro")
        await asha.pay()
        path = f"/v1/subscriptions/{asha.subscription_id}"
        key = {"Idempotency-Key": "cancel-please"}
        answers = await asyncio.gather(*(asha.http.post(f"{path}/cancel", headers=key) for _ in range(8)))
        answers.append(await asha.http.post(f"{path}/cancel", headers=key))
        assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers]
        assert len({answer.content for answer in answers}) == 1
        other = await asha.http.post(f"{path}/keep", headers=key)
        assert other.status_code == 200, "the same key on another command is another command"


async def test_operators_steer_for_customers_who_see_that_it_was_support(world_at: OpenWorld) -> None:
    async with world_at(NOW) as world:
        asha = await world.person("asha")
        await asha.subscribe("plan_pro")
        await asha.pay()
        async with world.operator() as support:
            path = f"/admin/subscriptions/{asha.subscription_id}"
            answer = await support.post(f"{path}/pause", json={"reason": "asked for by phone"})
            assert (answer.status_code, answer.json()["status"]) == (200, "PAUSED"), answer.text
            found = (await support.get("/admin/subscriptions", params={"user_id": "asha"})).json()["data"]
            assert [item["subscription_id"] for item in found] == [asha.subscription_id]
            assert found[0]["temporal_workflow_id"] == f"subscription/{asha.subscription_id}"
            story = (await support.get(f"{path}/timeline")).text
            unknown = await support.post(f"{path}/explode")
        await world.time.settle()
        assert "asked for by phone" in story
        assert "operator:operator" in story
        assert unknown.status_code == 404
        theirs = str(await asha.timeline())
        assert "asked for by phone" in theirs
        assert "operator:operator" not in theirs
        assert not any(entry["kind"].startswith("webhook") for entry in await asha.timeline())


@pytest.fixture
async def temporal(tmp_path: Path) -> AsyncIterator[TemporalServer]:
    """A server nobody works for."""
    attributes = search_attributes.ALL
    async with TemporalServer(tmp_path / "temporal" / "state.db", search_attributes=attributes) as server:
        yield server


async def test_without_a_worker_a_subscription_is_taken_and_can_be_asked_for(
    database_url: str, temporal: TemporalServer
) -> None:
    async with (
        serving(database_url, temporal_address=temporal.address) as api,
        api.customer("asha") as asha,
        api.customer("ravi") as ravi,
    ):
        await asha.put("/v1/billing-details", json=DETAILS)
        await ravi.put("/v1/billing-details", json=DETAILS)
        key = {"Idempotency-Key": "one"}
        answer = await asha.post("/v1/subscriptions", json={"plan_id": "plan_pro"}, headers=key)
        assert answer.status_code == 202, answer.text
        assert answer.elapsed < timedelta(seconds=5)
        place = answer.headers["location"]
        waiting = await asha.get(place)
        assert (waiting.status_code, waiting.json()["status"]) == (202, "CREATED")
        assert (await ravi.get(place)).status_code == 404
        again = await asha.post("/v1/subscriptions", json={"plan_id": "plan_pro"}, headers=key)
        assert (again.status_code, again.headers["location"]) == (202, place)

        await put_on_record(api, answer.json()["subscription_id"], "asha")
        command = await asha.post(f"{place}/cancel")
        assert (command.status_code, command.headers["location"]) == (202, place)
        assert command.elapsed < timedelta(seconds=7)


async def put_on_record(api: Served, subscription_id: str, user_id: str) -> None:
    """What a worker would do first."""
    async with api.services.database.reading() as session:
        customer = await api_reads.customer_of(session, user_id)
    assert customer is not None
    row = rows.subscription(id=subscription_id, customer_id=customer.id, status="CREATED")
    await rows.add(api.services.database, row)


async def running(api: Served) -> str:
    """A subscription on record whose workflow nobody answers for."""
    name = "0" * 26
    await rows.add(api.services.database, rows.customer(state_code="29"), rows.subscription(name))
    return f"sub_{name}"


async def test_while_temporal_is_away_commands_are_503_in_time_and_reads_go_on(
    database_url: str, temporal: TemporalServer
) -> None:
    await temporal.stop()
    async with serving(database_url, temporal_address=temporal.address) as api:
        subscription_id = await running(api)
        async with api.customer() as customer:
            began = time.monotonic()
            answers = await asyncio.gather(
                customer.post(f"/v1/subscriptions/{subscription_id}/cancel"),
                customer.put("/v1/billing-details", json=DETAILS),
                customer.get("/v1/subscriptions/me"),
                customer.get("/readyz"),
            )
            assert time.monotonic() - began < 12
            assert [answer.status_code for answer in answers] == [503, 200, 200, 200]
            assert answers[0].headers["retry-after"]
            assert answers[3].json() == {"status": "degraded", "database": True, "temporal": False}
            await temporal.start()

            async def ready() -> bool:
                return bool((await customer.get("/readyz")).json()["status"] == "ready")

            await until(ready)
            gone = await customer.post(f"/v1/subscriptions/{subscription_id}/cancel")
    assert gone.status_code == 503, "on record as live, and no workflow: somebody must look"
