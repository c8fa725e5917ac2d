"""A top-up's run at a gateway that tells everything, nothing, too late, or twice."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select
from temporalio.client import WorkflowExecutionStatus

from db import models
from local.saver import Saver
from local.world import World
from tests.scenarios.telling import KARNATAKA, on
from tests.workflows.deeds import other_page
from tests.workflows.runs import runs_under
from tests.world import OpenWorld, until
from workflows.collecting_ports import top_up_workflow_id

BEGINS = on(2026, 10, 5, "12:30")
DAY = timedelta(days=1)


async def saver(world: World, paise: int = 500_00) -> Saver:
    """Somebody who has asked for a top-up."""
    asha = await world.person("asha", state_code=KARNATAKA)
    found = Saver(asha)
    await found.ask(paise)
    return found


async def status(found: Saver) -> str:
    return str((await found.now())["status"])


async def is_running(found: Saver) -> bool:
    handle = found.person.world.client.get_workflow_handle(top_up_workflow_id(found.top_up_id))
    return (await handle.describe()).status is WorkflowExecutionStatus.RUNNING


async def silent(world: World) -> None:
    assert world.phonepe is not None
    await world.phonepe.control("webhooks/policy", {"drop_all": True})


async def test_money_reaches_the_wallet_and_the_payer_is_thanked(world_at: OpenWorld) -> None:
    async with world_at(BEGINS, with_phonepe=True) as world:
        asha = await saver(world)
        now = await asha.now()
        assert (now["status"], now["amount"], now["currency"]) == ("open", 500, "INR")
        assert now["pay_url"] == f"{world.settings.public_url}/pay/{asha.top_up_id}"
        await asha.pay()
        now = await asha.now()
        assert (now["status"], now["pay_url"]) == ("paid", None)
        voucher = (await asha.person.http.get(f"/v1/documents/{now['voucher_id']}")).json()
        assert (voucher["kind"], voucher["total_paise"]) == ("receipt_voucher", 500_00)
        assert await asha.in_wallet() == 500_00
        assert not await is_running(asha)
        for path in (f"/pay/{asha.top_up_id}/back", f"/pay/{asha.top_up_id}"):
            back = await asha.person.http.get(path)
            assert (back.status_code, "We have received ₹500.00" in back.text) == (200, True)


async def test_without_any_webhook_the_orders_are_read_by_the_clock(world_at: OpenWorld) -> None:
    async with world_at(BEGINS, with_phonepe=True) as world:
        await silent(world)
        asha = await saver(world)
        order_id = await asha.open_page()
        await world.time.travel(timedelta(minutes=2))
        assert world.phonepe is not None
        await world.phonepe.order(order_id, "pay")
        await world.time.travel(timedelta(minutes=1))
        assert (await status(asha), await asha.in_wallet()) == ("paid", 500_00)


async def test_nobody_pays_and_it_expires_at_its_hour_without_a_look_at_the_gateway_meanwhile(
    world_at: OpenWorld,
) -> None:
    async with world_at(BEGINS, with_phonepe=True) as world:
        asha = await saver(world)
        await world.time.travel(DAY - timedelta(minutes=1))
        assert await status(asha) == "open"
        await world.time.travel(timedelta(minutes=2))
        assert (await status(asha), await is_running(asha)) == ("expired", False)
        [run] = await runs_under(world.client, top_up_workflow_id(asha.top_up_id))
        assert run.activities == ["register_top_up", "read_pages", "end_top_up"]
        gone = await asha.person.http.get(f"/pay/{asha.top_up_id}")
        assert gone.status_code == 410


async def test_a_page_that_was_left_is_followed_by_another_one(world_at: OpenWorld) -> None:
    async with world_at(BEGINS, with_phonepe=True) as world:
        asha = await saver(world)
        first = await asha.open_page()
        assert await asha.open_page() == first
        await world.time.travel(timedelta(hours=3))
        second = await asha.pay()
        assert second != first
        assert (await status(asha), await asha.in_wallet()) == ("paid", 500_00)


async def test_money_that_is_under_way_at_the_last_hour_still_counts(world_at: OpenWorld) -> None:
    async with world_at(BEGINS, with_phonepe=True) as world:
        await silent(world)
        asha = await saver(world)
        await world.time.travel(DAY - timedelta(minutes=10))
        order_id = await asha.open_page()
        await asha.at_order(order_id, outcome="pending")
        waiting = await asha.person.http.get(f"/pay/{asha.top_up_id}/back")
        assert "One moment" in waiting.text
        await world.time.travel(timedelta(hours=2))
        assert await status(asha) == "open"
        assert world.phonepe is not None
        await world.phonepe.order(order_id, "settle", outcome="success")
        await world.time.travel(DAY)
        assert (await status(asha), await asha.in_wallet()) == ("paid", 500_00)


async def test_a_payment_that_fails_leaves_the_page_for_another_try(world_at: OpenWorld) -> None:
    async with world_at(BEGINS, with_phonepe=True) as world:
        asha = await saver(world)
        order_id = await asha.open_page()
        await asha.at_order(order_id, outcome="failure")
        assert await status(asha) == "open"
        await asha.pay()
        assert (await status(asha), await asha.in_wallet()) == ("paid", 500_00)


async def test_what_is_cancelled_opens_no_page_but_counts_what_comes_on_an_open_one(
    world_at: OpenWorld,
) -> None:
    async with world_at(BEGINS, with_phonepe=True) as world:
        asha = await saver(world)
        order_id = await asha.open_page()
        cancelled = await asha.person.http.post(f"/v1/topups/{asha.top_up_id}/cancel")
        assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
        again = await asha.person.http.post(f"/v1/topups/{asha.top_up_id}/cancel")
        assert again.json()["reason"] == "cancelled by the customer"
        assert await is_running(asha)
        await asha.at_order(order_id)
        assert (await status(asha), await asha.in_wallet()) == ("paid", 500_00)
        refused = await asha.person.http.post(f"/v1/topups/{asha.top_up_id}/cancel")
        assert (refused.status_code, refused.json()["detail"]) == (409, "This top-up is paid.")


async def test_what_is_cancelled_before_any_page_is_over_at_once(world_at: OpenWorld) -> None:
    async with world_at(BEGINS, with_phonepe=True) as world:
        asha = await saver(world)
        await asha.person.http.post(f"/v1/topups/{asha.top_up_id}/cancel")
        await world.time.settle()
        assert (await status(asha), await is_running(asha)) == ("cancelled", False)


async def begun(world: World) -> bool:
    """Some refund is on record."""
    async with world.database.reading() as session:
        return await session.scalar(select(models.Refund.id)) is not None


@pytest.mark.parametrize("after_the_end", [False, True])
async def test_a_second_payment_goes_back_by_itself(world_at: OpenWorld, after_the_end: bool) -> None:
    async with world_at(BEGINS, with_phonepe=True) as world:
        asha = await saver(world)
        first = await asha.open_page()
        second = await other_page(asha)
        assert world.phonepe is not None
        if after_the_end:
            await asha.at_order(first)
            assert not await is_running(asha)
        else:
            await silent(world)
            await world.phonepe.order(first, "pay")
        await world.phonepe.order(second, "pay")
        await world.time.travel(timedelta(minutes=2))
        await until(lambda: begun(world))
        async with world.database.reading() as session:
            refund = (await session.scalars(select(models.Refund))).one()
        assert (refund.amount_paise, refund.document_id, refund.actor) == (500_00, None, "bahi")
        await world.time.travel(timedelta(days=3))
        async with world.database.reading() as session:
            rows = (await session.scalars(select(models.Payment))).all()
            refund = (await session.scalars(select(models.Refund))).one()
        assert sorted(each.status for each in rows) == ["kept", "returned"]
        assert refund.status == "processed"
        assert await asha.in_wallet() == 500_00


async def test_a_gateway_that_is_away_takes_nothing_and_is_asked_again(world_at: OpenWorld) -> None:
    async with world_at(BEGINS, with_phonepe=True) as world:
        asha = await saver(world)
        assert world.phonepe is not None
        order_id = await asha.open_page()
        await world.phonepe.order(order_id, "pay")
        await world.phonepe.control("faults", {"kind": "http_503", "path_regex": "/status", "times": 0})
        await world.time.travel(timedelta(minutes=20))
        assert await status(asha) == "open"
        await world.phonepe.control("faults", method="DELETE")
        await world.time.travel(timedelta(hours=1))
        assert (await status(asha), await asha.in_wallet()) == ("paid", 500_00)


async def test_a_run_that_has_looked_for_long_goes_on_as_a_new_one(
    world_at: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workflows.top_up.ROLL_AFTER_EVENTS", 100)
    async with world_at(BEGINS, with_phonepe=True) as world:
        await silent(world)
        asha = await saver(world)
        order_id = await asha.open_page()
        await world.time.travel(timedelta(minutes=5))
        assert world.phonepe is not None
        await world.phonepe.order(order_id, "pay")
        await world.time.travel(timedelta(minutes=3))
        assert (await status(asha), await asha.in_wallet()) == ("paid", 500_00)
        assert len(await runs_under(world.client, top_up_workflow_id(asha.top_up_id))) > 1


async def test_asked_for_again_under_one_key_it_is_the_same_and_many_at_once_are_many(
    world_at: OpenWorld,
) -> None:
    async with world_at(BEGINS, with_phonepe=True) as world:
        asha = Saver(await world.person("asha", state_code=KARNATAKA))
        first, again = await asha.ask(500_00, "tap-1"), await asha.ask(500_00, "tap-1")
        assert first == again
        assert (await asha.asked(600_00, "tap-1")).json()["code"] == "idempotency_key_reused"
        await world.time.travel(timedelta(minutes=1))
        many = await asyncio.gather(*(asha.asked(700_00) for _ in range(4)))
        assert len({each.json()["top_up_id"] for each in many}) == 4
        listed = (await asha.person.http.get("/v1/topups")).json()["data"]
        assert len(listed) == 5 and listed[-1]["top_up_id"] == first["top_up_id"]


async def test_a_top_up_is_paid_by_a_payment_link_where_there_is_no_phonepe(world_at: OpenWorld) -> None:
    async with world_at(BEGINS) as world:
        asha = await saver(world)
        await asha.open_page()
        async with world.database.reading() as session:
            [page] = (await session.scalars(select(models.PayPage))).all()
        await world.simulator.control(f"payment_links/{page.gateway_order_id}/pay")
        await world.time.travel(timedelta(minutes=3))
        assert (await status(asha), await asha.in_wallet()) == ("paid", 500_00)
        async with world.operator() as operator:
            path = f"/admin/payments/{(await asha.now())['payment_id']}/refund"
            given = await operator.post(path, json={"reason": "not wanted"})
        assert (given.status_code, given.json()["amount_paise"]) == (201, 500_00)
        await world.time.settle()
        assert await asha.in_wallet() == 0
