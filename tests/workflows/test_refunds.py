"""A refund's run when nobody tells it anything, when it is told too much, and when the gateway is away."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from temporalio.client import Client

from api import temporal
from db import models
from domain.errors import Unavailable
from domain.refund import RefundAtGateway, RefundStatus
from local.world import Person, World
from relay.refunds import RefundNotices
from tests.scenarios import oracle
from tests.scenarios.telling import KARNATAKA, on
from tests.workflows.runs import runs_under
from tests.world import OpenWorld, until
from workflows import ports
from workflows.refund import HINT_SIGNAL, RefundReply, StartRefund

BEGINS = on(2026, 8, 3, "12:30")
AWAY = {"times": 0, "kind": "http_503", "path_regex": "/refund"}


async def paying(world: World) -> tuple[Person, str]:
    """Somebody with an invoice, and where its refund is asked for."""
    asha = await world.person("asha", state_code=KARNATAKA)
    await asha.subscribe("plan_pro")
    await asha.pay("card")
    [invoice] = await asha.invoices()
    return asha, f"/admin/invoices/{invoice['id']}/refund"


async def ask(world: World, path: str, key: str = "") -> httpx.Response:
    async with world.operator() as operator:
        asked = {"amount_paise": 1_000_00, "reason": "as promised on the phone"}
        return await operator.post(path, json=asked, headers={"Idempotency-Key": key} if key else {})


async def on_record(world: World) -> models.Refund:
    async with world.database.reading() as session:
        [refund] = (await session.scalars(select(models.Refund))).all()
        return refund


async def at_gateway(world: World) -> list[tuple[int, str]]:
    """Every refund there: paise and status."""
    [theirs] = (await world.simulator.books())["subscriptions"]
    return [(each["amount"], each["status"]) for payment in theirs["payments"] for each in payment["refunds"]]


async def settles(world: World) -> None:
    refund = await on_record(world)
    await world.simulator.control(f"refunds/{refund.gateway_refund_id}/settle", {"outcome": "processed"})


async def has(world: World, status: RefundStatus) -> bool:
    return (await on_record(world)).status == status.value


async def agree_on_one(world: World) -> None:
    """One refund of the amount asked for, on both sides, with one note."""
    await world.time.settle()
    books = await oracle.agree(world)
    assert await at_gateway(world) == [(1_000_00, "processed")]
    assert [each.total_paise for each in books.notes] == [1_000_00]


async def reads(world: World, refund_id: str) -> int:
    [run] = await runs_under(world.client, ports.refund_workflow_id(refund_id))
    return run.activities.count("read_refund")


async def test_a_refund_that_no_webhook_tells_of_is_followed_by_the_clock(world_at: OpenWorld) -> None:
    async with world_at(BEGINS) as world:
        _, path = await paying(world)
        await world.simulator.control("webhooks/policy", {"drop_all": True})
        refund_id = (await ask(world, path)).json()["id"]
        await world.time.travel(timedelta(minutes=10))
        assert await has(world, RefundStatus.PENDING)
        looks = await reads(world, refund_id)
        assert looks == 3  # after 1, 3 and 7 minutes
        await settles(world)
        await world.time.travel(timedelta(minutes=10))
        assert await reads(world, refund_id) == looks + 1
        await agree_on_one(world)


async def test_a_hint_that_comes_while_the_gateway_is_read_is_not_lost(
    world_at: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world_at(BEGINS) as world:
        _, path = await paying(world)
        await world.simulator.control("webhooks/policy", {"drop_all": True})
        refund_id = (await ask(world, path)).json()["id"]
        handle = world.client.get_workflow_handle(ports.refund_workflow_id(refund_id))
        gateway, answers = world.parts.refunds, list[RefundStatus]()
        reading = gateway.read_refund

        async def settled_meanwhile(payment_id: str, gateway_refund_id: str) -> RefundAtGateway:
            seen = await reading(payment_id, gateway_refund_id)
            answers.append(seen.status)
            if len(answers) == 1:
                await settles(world)
                await handle.signal(HINT_SIGNAL)
            return seen

        monkeypatch.setattr(gateway, "read_refund", settled_meanwhile)
        await handle.signal(HINT_SIGNAL)
        await until(lambda: has(world, RefundStatus.PROCESSED))
        assert answers == [RefundStatus.PENDING, RefundStatus.PROCESSED]
        await agree_on_one(world)


async def test_more_hints_than_news_cost_a_look_each_at_most(world_at: OpenWorld) -> None:
    async with world_at(BEGINS) as world:
        _, path = await paying(world)
        await world.simulator.control("webhooks/policy", {"drop_all": True})
        refund_id = (await ask(world, path)).json()["id"]
        handle = world.client.get_workflow_handle(ports.refund_workflow_id(refund_id))
        await asyncio.gather(handle.signal(HINT_SIGNAL), handle.signal(HINT_SIGNAL))
        await world.time.settle()
        assert 1 <= await reads(world, refund_id) <= 2
        assert await has(world, RefundStatus.PENDING)
        await settles(world)
        await asyncio.gather(handle.signal(HINT_SIGNAL), handle.signal(HINT_SIGNAL))
        await until(lambda: has(world, RefundStatus.PROCESSED))
        await agree_on_one(world)
        notices = RefundNotices(world.database, world.client, world.parts.refunds)
        await notices.wake(refund_id)  # it is over: nothing is woken, and nothing fails


@pytest.mark.parametrize("lost", [True, False])
async def test_a_refund_asked_for_while_the_gateway_is_away_is_made_once(
    world_at: OpenWorld, lost: bool
) -> None:
    async with world_at(BEGINS) as world:
        _, path = await paying(world)
        arrives: list[dict[str, Any]] = [{"kind": "drop_after_commit", "path_regex": "/refund$"}]
        await world.simulator.control("faults", [*(arrives if lost else []), AWAY])
        taken = await ask(world, path, "promised-1")
        assert (taken.status_code, taken.json()["status"]) == (202, "requested")
        assert taken.headers["retry-after"]
        await world.time.travel(timedelta(minutes=12))
        assert await has(world, RefundStatus.REQUESTED)
        assert await at_gateway(world) == ([(1_000_00, "pending")] if lost else [])

        await world.simulator.control("faults", method="DELETE")
        await world.time.travel(timedelta(hours=3))
        done = await ask(world, path, "promised-1")
        assert (done.status_code, done.json()["status"]) == (201, "pending")
        assert done.json()["id"] == taken.json()["id"]
        assert (await ask(world, path, "promised-1")).content == done.content
        await settles(world)
        await world.time.travel(timedelta(hours=1))
        await agree_on_one(world)


async def test_a_refund_whose_answer_never_reached_the_api_is_the_same_when_asked_for_again(
    world_at: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world_at(BEGINS) as world:
        _, path = await paying(world)
        asking = temporal.ask_for_refund

        async def cut_off(client: Client, start: StartRefund) -> RefundReply:
            await asking(client, start)
            raise Unavailable("the connection broke")

        monkeypatch.setattr(temporal, "ask_for_refund", cut_off)
        assert (await ask(world, path, "promised-1")).status_code == 503
        monkeypatch.undo()
        assert (await ask(world, path, "promised-1")).json()["id"] == (await on_record(world)).id
        await settles(world)
        await world.time.travel(timedelta(minutes=2))
        await agree_on_one(world)


async def test_whoever_keeps_asking_while_the_gateway_is_away_is_told_to_wait(world_at: OpenWorld) -> None:
    async with world_at(BEGINS) as world:
        _, path = await paying(world)
        await world.simulator.control("faults", [AWAY])
        refund_id = (await ask(world, path)).json()["id"]
        start = StartRefund(refund_id)  # it has begun: what it began with counts
        answers = await asyncio.gather(
            *(temporal.ask_for_refund(world.client, start) for _ in range(12)), return_exceptions=True
        )
        assert {type(each) for each in answers} == {temporal.StillWorking}
        await world.simulator.control("faults", method="DELETE")
        await world.time.travel(timedelta(minutes=30))
        await settles(world)
        await world.time.travel(timedelta(minutes=30))
        await agree_on_one(world)
