import asyncio
from datetime import timedelta

import pytest

from db import idempotency
from db.idempotency import InFlight, Mismatch, New, Replay
from db.session import Database
from tests.db.rows import NOON

LEASE = timedelta(seconds=30)
ROUTE = "POST /v1/subscriptions"


async def claim(
    database: Database,
    resource_id: str,
    *,
    owner: str = "user_1",
    route: str = ROUTE,
    request: str = "aa",
    after: timedelta = timedelta(0),
) -> idempotency.Claim:
    async with database.transaction() as session:
        return await idempotency.claim(
            session,
            owner=owner,
            route=route,
            key="key-1",
            request_sha256=request,
            resource_id=resource_id,
            now=NOON + after,
            lease=LEASE,
        )


async def complete(database: Database, status: int, body: bytes) -> None:
    async with database.transaction() as session:
        await idempotency.complete(
            session, owner="user_1", route=ROUTE, key="key-1", status=status, body=body
        )


async def test_the_first_is_new_and_the_second_waits_and_then_gets_the_same_answer(
    database: Database,
) -> None:
    assert await claim(database, "sub_1") == New("sub_1")
    assert await claim(database, "sub_2") == InFlight()
    await complete(database, 201, b'{"subscription_id": "sub_1"}')
    assert await claim(database, "sub_3") == Replay(201, b'{"subscription_id": "sub_1"}')


async def test_another_body_under_the_same_key_is_told_so_always(database: Database) -> None:
    await claim(database, "sub_1")
    assert await claim(database, "sub_2", request="bb") == Mismatch()
    assert await claim(database, "sub_2", request="bb", after=timedelta(hours=1)) == Mismatch()
    await complete(database, 201, b"")
    assert await claim(database, "sub_2", request="bb") == Mismatch()


async def test_whoever_takes_over_a_claim_that_ran_out_goes_on_with_its_resource(database: Database) -> None:
    await claim(database, "sub_1")
    assert await claim(database, "sub_2", after=timedelta(seconds=29)) == InFlight()
    assert await claim(database, "sub_2", after=timedelta(seconds=30)) == New("sub_1")
    assert await claim(database, "sub_3", after=timedelta(seconds=31)) == InFlight()


async def test_of_a_hundred_at_once_one_is_new(database: Database) -> None:
    claims = await asyncio.gather(*(claim(database, f"sub_{number}") for number in range(100)))
    assert sum(isinstance(each, New) for each in claims) == 1
    assert sum(isinstance(each, InFlight) for each in claims) == 99


async def test_of_a_hundred_that_take_over_at_once_one_may(database: Database) -> None:
    await claim(database, "sub_first")
    late = timedelta(minutes=1)
    claims = await asyncio.gather(*(claim(database, f"sub_{number}", after=late) for number in range(100)))
    assert [each for each in claims if each != InFlight()] == [New("sub_first")]


async def test_keys_are_each_callers_and_each_routes_own(database: Database) -> None:
    await claim(database, "sub_1")
    assert await claim(database, "sub_2", owner="user_2") == New("sub_2")
    assert await claim(database, "sub_3", route="POST /v1/topups") == New("sub_3")


async def test_the_first_answer_stays(database: Database) -> None:
    await claim(database, "sub_1")
    await complete(database, 201, b"first")
    await complete(database, 500, b"second")
    assert await claim(database, "sub_2") == Replay(201, b"first")


async def test_a_released_key_is_free_again_and_an_answered_one_is_not(database: Database) -> None:
    async def release() -> None:
        async with database.transaction() as session:
            await idempotency.release(session, owner="user_1", route=ROUTE, key="key-1")

    await claim(database, "sub_1")
    await release()
    assert await claim(database, "sub_2", request="bb") == New("sub_2")
    await complete(database, 201, b"")
    await release()
    assert await claim(database, "sub_3", request="bb") == Replay(201, b"")


async def test_keys_are_kept_for_a_day(database: Database) -> None:
    await claim(database, "sub_1")
    await complete(database, 201, b"")
    async with database.transaction() as session:
        assert await idempotency.prune(session, NOON + timedelta(hours=24)) == 0
        assert await idempotency.prune(session, NOON + timedelta(hours=24, seconds=1)) == 1
        with pytest.raises(ValueError, match="at least 1 day"):
            await idempotency.prune(session, NOON, keep=timedelta(hours=23))
    assert await claim(database, "sub_2", request="bb") == New("sub_2")
