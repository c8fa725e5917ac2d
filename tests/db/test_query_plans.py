"""Queries asked all the time find their rows by index, also when there are many."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncSession

from db import api_reads, inbox, outbox, usage_reads
from db.session import Database
from domain.subscription import Status, has_access
from tests.db.rows import NOON, add, customer, subscription

MANY = """
    INSERT INTO customers (id, user_id) SELECT 'cus_' || n, 'user_' || n FROM generate_series(1, 5000) n;
    INSERT INTO subscriptions (id, customer_id, plan_id, price_id, gateway, is_free, charge_paise,
                               total_count, status, version, created_at, updated_at)
    SELECT 'sub_' || n, 'cus_' || n, 'plan_pro', 'price_pro_monthly_v1', 'razorpay', false, 1, 1,
           'ACTIVE', 1, now(), now() FROM generate_series(1, 5000) n;
    INSERT INTO outbox_events (key, type, customer_id, subscription_id, occurred_at, data)
    SELECT 'k' || n, 'payment.captured', 'cus_' || n, 'sub_' || n, now(), '{}'
    FROM generate_series(1, 5000) n;
    INSERT INTO outbox_deliveries (event_id, sink, customer_id, status)
    SELECT id, 'kafka', customer_id, CASE WHEN id % 100 = 0 THEN 'pending' ELSE 'done' END FROM outbox_events;
    INSERT INTO webhook_inbox (source, event_id, event_type, body, body_sha256,
                               gateway_subscription_id, status)
    SELECT 'razorpay', 'evt_' || n, 'x', '', n::text, 'sub_rzp_' || n,
           CASE WHEN n % 100 = 0 THEN 'received' ELSE 'signalled' END FROM generate_series(1, 5000) n;
    INSERT INTO ledger_transactions (reference, kind, customer_id, occurred_at)
    SELECT 'entry/' || n, 'sale', 'cus_' || (n % 5000 + 1), now() FROM generate_series(1, 20000) n;
    INSERT INTO ledger_postings (transaction_id, account, amount_paise)
    SELECT id, account, amount FROM ledger_transactions,
           (VALUES ('gateway_clearing', 100), ('wallet', -60), ('revenue', -40)) AS sides (account, amount);
    INSERT INTO wallet_draws (id, customer_id, amount_paise, drawn_at, month, reference)
    SELECT 'wdr_' || n, 'cus_' || (n % 5000 + 1), 1, now(), '2026-04', 'usage'
    FROM generate_series(1, 20000) n;
    INSERT INTO usage_months (customer_id, month, events, usd_rate_paise, used_micropaise, excess_micropaise,
                              drawn_paise, over_paise)
    SELECT 'cus_' || n, month, 1, 9000, 1, 0, 0, 0
    FROM generate_series(1, 5000) n, unnest(ARRAY['2026-03', '2026-04']) AS month;
    ANALYZE;
"""


@pytest.fixture
async def crowded(database: Database) -> Database:
    async with database.transaction() as session:
        for statement in MANY.split(";\n"):
            if statement.strip():
                await session.execute(text(statement))
    return database


async def plan_of(database: Database, ask: Any) -> tuple[int, str]:
    """How many statements `ask(session)` sends, and how Postgres carries them out."""
    sent: list[tuple[str, Any]] = []

    def notice(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        sent.append((statement, parameters))

    async with database.transaction() as session:
        event.listen(database.engine.sync_engine, "before_cursor_execute", notice)
        try:
            await ask(session)
        finally:
            event.remove(database.engine.sync_engine, "before_cursor_execute", notice)
        raw = await (await session.connection()).get_raw_connection()
        driver = raw.driver_connection
        assert driver is not None
        plans = [await driver.fetch(f"EXPLAIN {statement}", *values) for statement, values in sent]
    return len(sent), "\n".join(row[0] for plan in plans for row in plan)


async def test_an_entitlement_is_one_statement_by_index(crowded: Database) -> None:
    async def ask(session: AsyncSession) -> None:
        await api_reads.entitlement_json(session, "user_77", NOON)

    statements, plan = await plan_of(crowded, ask)
    assert statements == 1
    assert "uq_customers_user_id" in plan
    assert "ix_subscriptions_customer_created" in plan or "uq_subscriptions_one_live" in plan
    assert "Seq Scan on customers" not in plan
    assert "Seq Scan on subscriptions" not in plan


async def test_whether_one_may_spend_is_one_statement_by_index(crowded: Database) -> None:
    async def ask(session: AsyncSession) -> None:
        found = await usage_reads.standing(session, "user_77", NOON, 9_000)
        assert (found.wallet_paise, found.month.used_micropaise) == (4 * 60 - 4, 1)

    statements, plan = await plan_of(crowded, ask)
    assert statements == 1
    for index in (
        "uq_customers_user_id",
        "pk_usage_months",
        "ix_ledger_transactions_customer_id",
        "ix_ledger_postings_wallet",
        "ix_wallet_draws_open",
    ):
        assert index in plan
    assert set(re.findall(r"Seq Scan on (\w+)", plan)) <= {"plans", "refunds"}  # six rows, and none


async def test_what_is_due_is_found_among_much_that_is_done(crowded: Database) -> None:
    statements, plan = await plan_of(crowded, lambda session: outbox.due(session, "kafka", 10))
    assert statements == 1
    assert "ix_outbox_deliveries_due" in plan or "ix_outbox_deliveries_turn" in plan
    assert "Seq Scan" not in plan
    statements, plan = await plan_of(crowded, lambda session: inbox.claim_due(session, 10))
    assert statements == 1
    assert "ix_webhook_inbox_due" in plan or "ix_webhook_inbox_turn" in plan
    assert "Seq Scan" not in plan


async def test_a_reader_of_events_goes_along_an_index(crowded: Database) -> None:
    async with crowded.reading() as session:
        some_id = await session.scalar(text("SELECT max(id) FROM outbox_events"))
    _, plan = await plan_of(crowded, lambda session: outbox.events_after(session, some_id, 10))
    assert "ix_outbox_events_position" in plan
    assert "Seq Scan" not in plan
    assert "Sort" not in plan


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("until", [None, timedelta(seconds=-1), timedelta(0), timedelta(seconds=1)])
async def test_entitlements_follow_the_rule_of_the_domain(
    database: Database, status: Status, until: timedelta | None
) -> None:
    access_until = None if until is None else NOON + until
    await add(database, customer(), subscription(status=status.value, access_until=access_until))
    async with database.reading() as session:
        found = await api_reads.entitlement_json(session, "user_1", NOON)
    granted = has_access(status, access_until, NOON)
    assert found is not None
    assert ('"PRO"' in found, '"FREE"' in found) == (granted, not granted)


async def test_the_best_plan_counts_and_a_stranger_has_the_fallback(database: Database) -> None:
    async def plan(user_id: str) -> str:
        async with database.reading() as session:
            found = await api_reads.entitlement_json(session, user_id, NOON)
        assert found is not None
        return str(json.loads(found)["plan"])

    free = subscription("1", is_free=True, plan_id="plan_free", price_id="price_free_monthly_v1")
    paid = subscription("2", plan_id="plan_basic", price_id="price_basic_monthly_v1")
    until = NOON + timedelta(days=3)
    running_out = subscription("3", status="CANCELLED", access_until=until)
    await add(database, customer(), customer("2"), free, paid, running_out)
    assert await plan("user_1") == "PRO"
    assert await plan("user_2") == "FREE"
    assert await plan("nobody") == "FREE"
