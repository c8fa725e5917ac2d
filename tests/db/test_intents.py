import asyncio

import pytest

from db import intents
from db.session import Database
from domain.errors import NotFound, Refused
from tests.db.rows import NOON

KEY = "razorpay/subscription/sub_1"


async def plan(database: Database, request: dict[str, object]) -> tuple[str, dict[str, object]]:
    async with database.transaction() as session:
        intent = await intents.plan(
            session, key=KEY, kind="subscription", subscription_id="sub_1", request=request
        )
        return intent.state, intent.request


async def state(database: Database) -> tuple[str, str | None, bool]:
    async with database.reading() as session:
        intent = await intents.get(session, KEY)
    assert intent is not None
    return intent.state, intent.gateway_id, intent.sent_at is not None


async def test_an_intent_is_planned_sent_and_done(database: Database) -> None:
    assert await plan(database, {"total_count": 12}) == ("planned", {"total_count": 12})
    async with database.transaction() as session:
        await intents.mark_sent(session, KEY, NOON)
    assert await state(database) == ("sent", None, True)
    async with database.transaction() as session:
        await intents.mark_done(session, KEY, "sub_rzp_1")
        await intents.mark_done(session, KEY, "sub_rzp_1")
        await intents.mark_sent(session, KEY, NOON)
        await intents.mark_planned(session, KEY)
    assert await state(database) == ("done", "sub_rzp_1", True)


async def test_planning_again_finds_the_first_request(database: Database) -> None:
    await plan(database, {"total_count": 12})
    async with database.transaction() as session:
        await intents.mark_sent(session, KEY, NOON)
    assert await plan(database, {"total_count": 24}) == ("sent", {"total_count": 12})


async def test_a_request_that_certainly_created_nothing_may_leave_again(database: Database) -> None:
    await plan(database, {})
    async with database.transaction() as session:
        await intents.mark_sent(session, KEY, NOON)
        await intents.mark_planned(session, KEY)
    assert await state(database) == ("planned", None, False)


async def test_a_second_thing_created_for_one_intent_is_refused_aloud(database: Database) -> None:
    await plan(database, {})
    async with database.transaction() as session:
        await intents.mark_done(session, KEY, "sub_rzp_1")
    with pytest.raises(Refused, match="already sub_rzp_1 at the gateway, and now also sub_rzp_2"):
        async with database.transaction() as session:
            await intents.mark_done(session, KEY, "sub_rzp_2")
    with pytest.raises(NotFound, match="write it down before asking"):
        async with database.transaction() as session:
            await intents.mark_done(session, "nobody/planned/this", "x")


async def test_of_several_gateway_plans_made_at_once_all_use_the_same(database: Database) -> None:
    async def put(number: int) -> str:
        async with database.transaction() as session:
            return await intents.put_gateway_plan(
                session, "razorpay", "price_pro_monthly_v1", 499900, f"plan_rzp_{number}"
            )

    used = await asyncio.gather(*map(put, range(8)))
    assert len(set(used)) == 1
    async with database.reading() as session:
        found = await intents.gateway_plan(session, "razorpay", "price_pro_monthly_v1", 499900)
        assert found == used[0]
        assert await intents.gateway_plan(session, "razorpay", "price_pro_monthly_v1", 499901) is None
        assert await intents.gateway_plan(session, "phonepe", "price_pro_monthly_v1", 499900) is None
