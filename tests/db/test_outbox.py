import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from db import outbox
from db.migrate import upgrade
from db.models import OutboxEvent
from db.session import Database
from domain.errors import InvalidInput
from domain.events import EventType
from tests.db.rows import NOON, add, count, customer


@pytest.fixture
async def customers(database: Database) -> Database:
    await add(database, *(customer(str(number)) for number in range(1, 6)))
    return database


async def append(
    session: AsyncSession, key: str, customer_id: str = "cus_1", sinks: Sequence[str] = ("kafka",)
) -> int | None:
    return await outbox.append(
        session,
        key=key,
        type=EventType.PAYMENT_CAPTURED,
        customer_id=customer_id,
        subscription_id="sub_1",
        occurred_at=NOON,
        data={"amount_paise": 499900},
        sinks=sinks,
    )


async def announce(database: Database, key: str, customer_id: str = "cus_1") -> int:
    async with database.transaction() as session:
        event_id = await append(session, key, customer_id)
    assert event_id is not None
    return event_id


async def keys_due(session: AsyncSession, limit: int = 10) -> list[str]:
    return [due.event.key for due in await outbox.due(session, "kafka", limit)]


async def read_all(database: Database, cursor: int | None, expected: int) -> list[OutboxEvent]:
    """Other databases of the server hold the horizon back for moments, so ask until it is there."""
    deadline = asyncio.get_running_loop().time() + 10
    while True:
        async with database.reading() as session:
            found = await outbox.events_after(session, cursor, 1000)
        if len(found) >= expected or asyncio.get_running_loop().time() > deadline:
            return found
        await asyncio.sleep(0.01)


async def test_an_event_is_written_with_a_delivery_for_each_sink(customers: Database) -> None:
    async with customers.transaction() as session:
        event_id = await append(session, "k1", sinks=["kafka", "webhook"])
    async with customers.reading() as session:
        (event,) = await read_all(customers, None, 1)
        sinks = await session.scalars(text("SELECT sink FROM outbox_deliveries ORDER BY sink"))
        assert list(sinks) == ["kafka", "webhook"]
    assert (event.id, event.key, event.type) == (event_id, "k1", "payment.captured")
    assert event.data == {"amount_paise": 499900}


async def test_an_event_nobody_wants_delivered_can_still_be_read(customers: Database) -> None:
    async with customers.transaction() as session:
        await append(session, "k1", sinks=[])
    assert [event.key for event in await read_all(customers, None, 1)] == ["k1"]


async def test_the_same_fact_is_announced_once(customers: Database) -> None:
    assert await announce(customers, "k1")
    async with customers.transaction() as session:
        assert await append(session, "k1", sinks=["kafka", "webhook"]) is None
    async with customers.reading() as session:
        assert await count(session, "outbox_events") == await count(session, "outbox_deliveries") == 1


async def test_the_same_fact_announced_by_many_at_once_is_announced_once(customers: Database) -> None:
    async def one() -> int | None:
        async with customers.transaction() as session:
            return await append(session, "k1")

    ids = await asyncio.gather(*(one() for _ in range(20)))
    assert len([event_id for event_id in ids if event_id is not None]) == 1


async def test_a_fact_that_was_rolled_back_was_never_announced(customers: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with customers.transaction() as session:
            await append(session, "k1")
            raise ZeroDivisionError
    assert await announce(customers, "k1")


async def test_one_customers_events_are_offered_one_after_the_other(customers: Database) -> None:
    first, _, other = [
        await announce(customers, key, of) for key, of in (("a1", "cus_1"), ("a2", "cus_1"), ("b1", "cus_2"))
    ]
    async with customers.transaction() as session:
        assert await keys_due(session) == ["a1", "b1"]
    async with customers.transaction() as session:
        await outbox.mark_done(session, first, "kafka")
        await outbox.mark_done(session, other, "kafka")
    async with customers.transaction() as session:
        assert await keys_due(session) == ["a2"]


async def test_a_delivery_to_be_retried_holds_back_only_its_customer(customers: Database) -> None:
    first = await announce(customers, "a1")
    await announce(customers, "a2")
    await announce(customers, "b1", "cus_2")
    later = datetime.now(UTC) + timedelta(hours=1)
    async with customers.transaction() as session:
        await outbox.mark_retry(session, first, "kafka", later, "connection refused")
    async with customers.transaction() as session:
        assert await keys_due(session) == ["b1"]
        await session.execute(text("UPDATE outbox_deliveries SET next_attempt_at = now()"))
        due = await outbox.due(session, "kafka", 10)
    assert [(each.event.key, each.attempts) for each in due] == [("a1", 1), ("b1", 0)]


async def test_a_delivery_that_failed_for_good_holds_nothing_back(customers: Database) -> None:
    first = await announce(customers, "a1")
    await announce(customers, "a2")
    async with customers.transaction() as session:
        await outbox.mark_failed(session, first, "kafka", "410 Gone")
    async with customers.transaction() as session:
        assert await keys_due(session) == ["a2"]
    async with customers.transaction() as session:
        assert await outbox.retry_failed(session, "webhook") == 0
        assert await outbox.retry_failed(session, "kafka") == 1
    async with customers.transaction() as session:
        assert await keys_due(session) == ["a1"]


async def test_sinks_go_at_their_own_pace(customers: Database) -> None:
    async with customers.transaction() as session:
        event_id = await append(session, "a1", sinks=["kafka", "webhook"])
        assert event_id is not None
        await outbox.mark_done(session, event_id, "kafka")
    async with customers.transaction() as session:
        assert await keys_due(session) == []
        assert len(await outbox.due(session, "webhook", 10)) == 1


async def test_what_one_relay_has_claimed_no_other_is_offered(customers: Database) -> None:
    for number in range(1, 5):
        await announce(customers, f"k{number}", f"cus_{number}")
    await announce(customers, "k1b", "cus_1")
    async with customers.transaction() as one, customers.transaction() as other:
        assert await keys_due(one, 2) == ["k1", "k2"]
        assert await keys_due(other) == ["k3", "k4"]


async def test_a_relay_that_dies_loses_nothing(customers: Database) -> None:
    await announce(customers, "a1")
    with pytest.raises(ZeroDivisionError):
        async with customers.transaction() as session:
            assert await keys_due(session) == ["a1"]
            raise ZeroDivisionError
    async with customers.transaction() as session:
        assert await keys_due(session) == ["a1"]


async def test_relays_together_deliver_everything_once_and_in_order_per_customer(customers: Database) -> None:
    chance = random.Random(7)
    order: dict[str, list[int]] = {}
    for number in range(60):
        customer_id = f"cus_{chance.randint(1, 5)}"
        order.setdefault(customer_id, []).append(await announce(customers, f"k{number}", customer_id))
    delivered: dict[str, list[int]] = {}

    async def relay() -> None:
        while True:
            async with customers.transaction() as session:
                for due in await outbox.due(session, "kafka", 2):
                    if chance.random() < 0.2:
                        await outbox.mark_retry(session, due.event.id, "kafka", datetime.now(UTC), "again")
                    else:
                        delivered.setdefault(due.event.customer_id, []).append(due.event.id)
                        await outbox.mark_done(session, due.event.id, "kafka")
            async with customers.reading() as session:
                if not await session.scalar(
                    text("SELECT count(*) FROM outbox_deliveries WHERE status <> 'done'")
                ):
                    return

    await asyncio.wait_for(asyncio.gather(*(relay() for _ in range(4))), 60)
    assert delivered == order


async def test_ids_of_one_customer_are_in_the_order_of_commits(customers: Database) -> None:
    """The second to append waits for the first to commit, so it cannot be seen before it."""
    appended = asyncio.Event()

    async def slow() -> None:
        async with customers.transaction() as session:
            await append(session, "slow")
            appended.set()
            await asyncio.sleep(0.1)

    slow_one = asyncio.create_task(slow())
    await appended.wait()
    await announce(customers, "other", "cus_2")
    assert not slow_one.done()
    async with customers.transaction() as session:
        await append(session, "quick")
        visible = await session.scalars(text("SELECT key FROM outbox_events WHERE customer_id = 'cus_1'"))
        assert sorted(visible) == ["quick", "slow"]
    await slow_one


async def test_a_reader_never_skips_an_event_that_was_committed_late(customers: Database) -> None:
    """The first id goes to the transaction that commits last."""
    async with customers.transaction() as late:
        late_id = await append(late, "late", "cus_1")
        early_id = await announce(customers, "early", "cus_2")
        assert late_id is not None
        assert late_id < early_id
        async with customers.reading() as session:
            assert await outbox.events_after(session, None, 10) == []
    seen = [event.key for event in await read_all(customers, None, 2)]
    assert sorted(seen) == ["early", "late"]


async def test_a_reader_meets_every_event_whatever_the_order_of_commits(customers: Database) -> None:
    chance = random.Random(11)
    done = asyncio.Event()

    async def write(number: int) -> None:
        async with customers.transaction() as session:
            if chance.random() < 0.5:  # the transaction's number may be older than the event's id
                await session.execute(text("SELECT pg_current_xact_id()"))
            await asyncio.sleep(chance.random() / 100)
            await append(session, f"k{number}", f"cus_{1 + number % 5}")
            await asyncio.sleep(chance.random() / 100)

    seen: list[int] = []

    async def read() -> None:
        while True:
            finished = done.is_set()
            async with customers.reading() as session:
                page = await outbox.events_after(session, seen[-1] if seen else None, 7)
            seen.extend(event.id for event in page)
            if finished and len(seen) >= 200:
                return
            await asyncio.sleep(0)

    reader = asyncio.create_task(read())
    for start in range(0, 200, 8):
        await asyncio.gather(*(write(number) for number in range(start, start + 8)))
    done.set()
    await asyncio.wait_for(reader, 30)
    assert len(seen) == len(set(seen)) == 200
    assert [event.id for event in await read_all(customers, None, 200)] == seen


async def test_events_can_be_chosen_by_type(customers: Database) -> None:
    await announce(customers, "a1")
    await read_all(customers, None, 1)
    async with customers.reading() as session:
        assert await outbox.events_after(session, None, 10, [EventType.INVOICE_ISSUED]) == []
        assert len(await outbox.events_after(session, None, 10, [EventType.PAYMENT_CAPTURED])) == 1


@pytest.mark.parametrize("cursor", [0, -1, 12345, 2**70])
async def test_a_cursor_nobody_was_given_is_refused(customers: Database, cursor: int) -> None:
    with pytest.raises(InvalidInput, match="there is no event"):
        async with customers.reading() as session:
            await outbox.events_after(session, cursor, 10)


async def test_after_a_restore_into_another_cluster_readers_go_on_where_they_were(
    database_url: str, customers: Database
) -> None:
    """A dump carries the old cluster's transaction numbers, far ahead of the new one's."""
    ids = [await announce(customers, f"old{number}", f"cus_{number}") for number in (1, 2, 3)]
    async with customers.transaction() as session:
        await session.execute(text("ALTER TABLE outbox_events DISABLE TRIGGER append_only"))
        await session.execute(text("UPDATE outbox_events SET txid = 9000000000 - id"))  # last first
        await session.execute(text("ALTER TABLE outbox_events ENABLE TRIGGER append_only"))
    async with customers.reading() as session:
        assert await outbox.events_after(session, None, 10) == []
    await upgrade(database_url)
    assert [event.id for event in await read_all(customers, None, 3)] == ids[::-1]
    new = await announce(customers, "new")
    assert [event.id for event in await read_all(customers, ids[1], 2)] == [ids[0], new]
    await upgrade(database_url)
    assert [event.id for event in await read_all(customers, None, 4)] == [*ids[::-1], new]


async def test_lag_is_the_age_of_the_oldest_event_not_delivered(customers: Database) -> None:
    async with customers.reading() as session:
        assert await outbox.lag_seconds(session, "kafka") == 0
    event_id = await announce(customers, "a1")
    await asyncio.sleep(0.05)
    async with customers.reading() as session:
        assert 0.05 <= await outbox.lag_seconds(session, "kafka") < 5
        assert await outbox.lag_seconds(session, "webhook") == 0
    async with customers.transaction() as session:
        await outbox.mark_done(session, event_id, "kafka")
    async with customers.reading() as session:
        assert await outbox.lag_seconds(session, "kafka") == 0
