import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from db import inbox
from db.models import WebhookInbox
from db.session import Database
from domain.errors import NotFound
from tests.db.rows import count


async def store(
    database: Database, event_id: str, body: bytes | None = None, subscription: str | None = "sub_rzp_1"
) -> bool:
    async with database.transaction() as session:
        return await inbox.store(
            session,
            source="razorpay",
            event_id=event_id,
            event_type="subscription.charged",
            body=event_id.encode() if body is None else body,
            gateway_subscription_id=subscription,
            gateway_payment_id="pay_1",
            gateway_invoice_id=None,
        )


async def entry_of(database: Database, event_id: str) -> WebhookInbox:
    async with database.reading() as session:
        (found,) = [each for each in await inbox.entries(session, limit=100) if each.event_id == event_id]
        return found


async def due(session: AsyncSession, limit: int = 10) -> list[str]:
    return [call.event_id for call in await inbox.claim_due(session, limit)]


async def test_a_call_is_kept_to_the_byte(database: Database) -> None:
    body = b'{"name":"\xe0\xa4\x95\\u0000","x": 1.50}\n'
    assert await store(database, "evt_1", body)
    kept = await entry_of(database, "evt_1")
    assert kept.body == body
    assert (kept.status, kept.gateway_subscription_id, kept.attempts) == ("received", "sub_rzp_1", 0)


async def test_an_event_id_seen_before_writes_nothing(database: Database) -> None:
    assert await store(database, "evt_1")
    assert not await store(database, "evt_1", b"another body")
    async with database.reading() as session:
        assert await count(session, "webhook_inbox") == 1


async def test_a_body_seen_before_under_another_event_id_is_kept_as_a_duplicate(database: Database) -> None:
    assert await store(database, "evt_1", b"body")
    assert not await store(database, "evt_2", b"body")
    assert (await entry_of(database, "evt_2")).status == "duplicate"
    async with database.transaction() as session:
        assert await due(session) == ["evt_1"]


async def test_ten_times_the_same_call_at_once_is_one_entry(database: Database) -> None:
    stored = await asyncio.gather(*(store(database, "evt_1") for _ in range(10)))
    assert stored.count(True) == 1
    async with database.reading() as session:
        assert await count(session, "webhook_inbox") == 1


async def test_two_gateways_may_use_the_same_event_id(database: Database) -> None:
    assert await store(database, "evt_1")
    async with database.transaction() as session:
        assert await inbox.store(
            session, source="phonepe", event_id="evt_1", event_type="order.completed", body=b"evt_1"
        )


async def test_calls_of_one_subscription_are_offered_one_after_the_other(database: Database) -> None:
    for event_id, subscription in (("a1", "sub_a"), ("a2", "sub_a"), ("b1", "sub_b")):
        await store(database, event_id, subscription=subscription)
    async with database.transaction() as session:
        assert await due(session) == ["a1", "b1"]
        assert await due(session, limit=1) == ["a1"]
    first = await entry_of(database, "a1")
    async with database.transaction() as session:
        await inbox.mark(session, first.id, "signalled", "sub_1")
    async with database.transaction() as session:
        assert await due(session) == ["a2", "b1"]


async def test_calls_that_name_no_subscription_wait_for_nobody(database: Database) -> None:
    await store(database, "evt_1", subscription=None)
    await store(database, "evt_2", subscription=None)
    async with database.transaction() as session:
        assert await due(session) == ["evt_1", "evt_2"]


async def test_a_call_to_be_retried_holds_back_only_its_subscription(database: Database) -> None:
    for event_id, subscription in (("a1", "sub_a"), ("a2", "sub_a"), ("b1", "sub_b")):
        await store(database, event_id, subscription=subscription)
    first = await entry_of(database, "a1")
    async with database.transaction() as session:
        later = datetime.now(UTC) + timedelta(minutes=1)
        await inbox.mark_retry(session, first.id, later, "Temporal is away")
    async with database.transaction() as session:
        assert await due(session) == ["b1"]
        await session.execute(text("UPDATE webhook_inbox SET next_attempt_at = now()"))
        assert await due(session) == ["a1", "b1"]
    waiting = await entry_of(database, "a1")
    assert (waiting.status, waiting.attempts, waiting.last_error) == ("received", 1, "Temporal is away")


@pytest.mark.parametrize("status", ["signalled", "known", "duplicate", "unhandled", "orphan", "late"])
async def test_what_became_of_a_call_is_on_record(database: Database, status: inbox.Outcome) -> None:
    await store(database, "evt_1")
    entry = await entry_of(database, "evt_1")
    async with database.transaction() as session:
        await inbox.mark(session, entry.id, status, "sub_1", "why")
        assert await due(session) == []
    marked = await entry_of(database, "evt_1")
    assert (marked.status, marked.subscription_id, marked.last_error) == (status, "sub_1", "why")
    assert marked.processed_at is not None
    assert marked.attempts == 1


async def test_what_one_relay_has_claimed_no_other_is_offered(database: Database) -> None:
    for number in range(4):
        await store(database, f"evt_{number}", subscription=f"sub_{number}")
    async with database.transaction() as one, database.transaction() as other:
        assert await due(one, 2) == ["evt_0", "evt_1"]
        assert await due(other) == ["evt_2", "evt_3"]


async def test_relays_together_hand_on_each_call_once_and_in_order(database: Database) -> None:
    for number in range(40):
        await store(database, f"{number:02}", subscription=f"sub_{number % 4}")
    handed: dict[str, list[str]] = {}

    async def relay() -> None:
        while True:
            async with database.transaction() as session:
                for call in await inbox.claim_due(session, 3):
                    handed.setdefault(call.gateway_subscription_id or "", []).append(call.event_id)
                    await asyncio.sleep(0.001)
                    await inbox.mark(session, call.id, "signalled")
            async with database.reading() as session:
                if not await inbox.entries(session, limit=1, status=["received"]):
                    return

    await asyncio.wait_for(asyncio.gather(*(relay() for _ in range(3))), 60)
    assert handed == {f"sub_{of}": [f"{number:02}" for number in range(of, 40, 4)] for of in range(4)}


async def test_a_call_can_be_replayed(database: Database) -> None:
    await store(database, "evt_1")
    entry = await entry_of(database, "evt_1")
    async with database.transaction() as session:
        await inbox.mark(session, entry.id, "orphan", error="no such subscription")
    async with database.transaction() as session:
        await inbox.replay(session, entry.id)
        assert await due(session) == ["evt_1"]
    replayed = await entry_of(database, "evt_1")
    assert (replayed.status, replayed.processed_at, replayed.last_error) == ("received", None, None)
    with pytest.raises(NotFound, match="there is no webhook 99"):
        async with database.transaction() as session:
            await inbox.replay(session, 99)


async def test_operators_page_through_what_they_filter_for(database: Database) -> None:
    for number in range(6):
        await store(database, f"evt_{number}", subscription=None)
    async with database.transaction() as session:
        for call in (await inbox.claim_due(session, 10))[::2]:
            await inbox.mark(session, call.id, "unhandled", "sub_1" if call.event_id == "evt_2" else None)
    async with database.reading() as session:
        page = await inbox.entries(session, limit=2, status=["unhandled"])
        assert [call.event_id for call in page] == ["evt_4", "evt_2"]
        page = await inbox.entries(session, limit=2, status=["unhandled"], before=page[-1].id)
        assert [call.event_id for call in page] == ["evt_0"]
        assert len(await inbox.entries(session, limit=9, subscription_id="sub_1")) == 1
        assert await inbox.entries(session, limit=9, source="phonepe") == []
        assert await inbox.entries(session, limit=9, event_type="payment.failed") == []
        assert (await inbox.entry(session, page[0].id)).event_id == "evt_0"
        with pytest.raises(NotFound):
            await inbox.entry(session, 99)


async def test_lag_is_the_age_of_the_oldest_call_not_handed_on(database: Database) -> None:
    async with database.reading() as session:
        assert await inbox.lag_seconds(session) == 0
    await store(database, "evt_1")
    await asyncio.sleep(0.05)
    async with database.reading() as session:
        assert 0.05 <= await inbox.lag_seconds(session) < 5
    entry = await entry_of(database, "evt_1")
    async with database.transaction() as session:
        await inbox.mark(session, entry.id, "signalled")
        assert await inbox.lag_seconds(session) == 0
