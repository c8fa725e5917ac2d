"""Taking usage in: each event once, sums that agree with it, budgets by plan, wallets never overdrawn."""

import asyncio
import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError

from db import customers, outbox, usage, usage_reads
from db.models import (
    Customer,
    OutboxDelivery,
    OutboxEvent,
    Plan,
    UsageDay,
    UsageEvent,
    UsageMonth,
    WalletDraw,
)
from db.session import Database
from domain.periods import india_date
from domain.usage import month_of as month_name
from tests.db.rows import NOON, add, count, customer, invoice, payment, subscription
from tests.db.using import RATE, drawn, intake_at, month_of, standing_of, tell, top_up, use

DOLLAR = 1_000_000
"""In micro-dollars."""
LAST_MONTH = NOON - timedelta(days=20)


@pytest.fixture
async def growth(database: Database) -> Database:
    """A customer on Growth, which has a budget of 50 dollars."""
    of_growth = {"plan_id": "plan_growth", "price_id": "price_growth_monthly_v1"}
    await add(database, customer(), subscription(**of_growth))
    return database


async def announced(database: Database) -> list[tuple[str, str]]:
    async with database.reading() as session:
        rows = await session.scalars(select(OutboxEvent).order_by(OutboxEvent.id))
        return [(row.customer_id, row.type) for row in rows]


async def test_an_event_id_counts_once_per_user_as_first_told(database: Database) -> None:
    first = [
        use(100, event_id="a"),
        use(5, event_id="a"),
        use(20, event_id="b"),
        use(3, "user_2", event_id="a"),
    ]
    assert await tell(database, first) == 3
    assert await tell(database, [use(7, event_id="a"), use(1, event_id="c")]) == 1
    assert await tell(database, [use(7, event_id="a")]) == 0
    month = await month_of(database)
    assert (month.events, month.used_micropaise) == (3, 121 * RATE)
    assert (await month_of(database, user="user_2")).used_micropaise == 3 * RATE


async def test_users_nobody_knows_become_customers_on_the_fallback_plan(database: Database) -> None:
    await tell(database, [use(DOLLAR + 1, "newcomer")])
    standing = await standing_of(database, user="newcomer")
    assert standing.limit_micropaise == DOLLAR * RATE  # the Free plan's dollar
    assert (await month_of(database, user="newcomer")).excess_micropaise == RATE
    async with database.transaction() as session:
        row = await customers.ensure(
            session, customer_id="cus_other", user_id="newcomer", name="Asha", email="", at=NOON
        )
        assert row.id.startswith("cus_new_")


async def test_a_user_nobody_knows_may_spend_the_fallback_plans_budget(database: Database) -> None:
    standing = await standing_of(database, user="nobody")
    assert (standing.limit_micropaise, standing.wallet_paise) == (DOLLAR * RATE, 0)
    async with database.reading() as session:
        assert await count(session, "customers") == 0


async def test_days_and_months_are_those_in_india(database: Database) -> None:
    before_midnight = datetime(2026, 3, 31, 18, 29, 59, tzinfo=UTC)
    midnight = before_midnight + timedelta(seconds=1)
    await tell(database, [use(1, occurred_at=before_midnight), use(2, occurred_at=midnight, kind="call")])
    async with database.reading() as session:
        days = {(row.day, row.kind): row.cost_micropaise for row in await session.scalars(select(UsageDay))}
        months = {row.month: row.used_micropaise for row in await session.scalars(select(UsageMonth))}
    assert days == {(date(2026, 3, 31), "move"): RATE, (date(2026, 4, 1), "call"): 2 * RATE}
    assert months == {"2026-03": RATE, "2026-04": 2 * RATE}


async def test_sums_are_those_of_the_events_whatever_came_twice_or_late(database: Database) -> None:
    dice = random.Random(4)
    pool = [
        use(
            dice.randrange(2 * DOLLAR),
            f"user_{dice.randrange(5)}",
            kind=dice.choice(["move", "call"]),
            occurred_at=NOON - timedelta(minutes=dice.randrange(80_000)),
        )
        for _ in range(300)
    ]
    for _ in range(30):
        await tell(database, dice.sample(pool, 25))
    days: Counter[tuple[str, date, str]] = Counter()
    months: Counter[tuple[str, str]] = Counter()
    async with database.reading() as session:
        for event in await session.scalars(select(UsageEvent)):
            day = india_date(event.occurred_at)
            days[event.customer_id, day, event.kind] += event.cost_micropaise
            months[event.customer_id, month_name(day)] += event.cost_micropaise
        day_rows = list(await session.scalars(select(UsageDay)))
        month_rows = list(await session.scalars(select(UsageMonth)))
        assert sum(row.events for row in day_rows) == await count(session, "usage_events")
        assert sum(row.events for row in month_rows) == await count(session, "usage_events")
    assert {(row.customer_id, row.day, row.kind): row.cost_micropaise for row in day_rows} == dict(days)
    assert {(row.customer_id, row.month): row.used_micropaise for row in month_rows} == dict(months)


async def test_the_budget_is_that_of_the_plan_in_force(growth: Database) -> None:
    assert (await standing_of(growth)).limit_micropaise == 50 * DOLLAR * RATE
    async with growth.transaction() as session:
        await session.execute(text("UPDATE subscriptions SET status = 'HALTED'"))
    assert (await standing_of(growth)).limit_micropaise == DOLLAR * RATE


async def test_a_plan_without_a_budget_sets_no_limit(database: Database) -> None:
    await add(database, customer(), subscription())  # Pro has none
    await tell(database, [use(10**10)])
    month = await month_of(database)
    assert (month.limit_micropaise, month.excess_micropaise) == (None, 0)
    assert await announced(database) == []


async def test_a_budget_may_be_in_rupees(growth: Database) -> None:
    async with growth.transaction() as session:
        budget = {"monthly_budget_usd_cents": None, "monthly_budget_paise": 1_000}
        await session.execute(update(Plan).where(Plan.id == "plan_growth").values(**budget))
    await top_up(growth, 5_000)
    await tell(growth, [use(cost_paise=999), use(cost_paise=3)])
    assert await drawn(growth) == 2


async def test_a_month_that_is_over_keeps_its_budget(growth: Database) -> None:
    await tell(growth, [use(40 * DOLLAR, occurred_at=LAST_MONTH)], at=LAST_MONTH)
    async with growth.transaction() as session:
        await session.execute(text("UPDATE subscriptions SET status = 'CANCELLED'"))
    await tell(growth, [use(5 * DOLLAR, occurred_at=LAST_MONTH), use(5 * DOLLAR)])
    assert (await month_of(growth, LAST_MONTH)).excess_micropaise == 0
    assert (await month_of(growth)).excess_micropaise == 4 * DOLLAR * RATE


async def test_the_rate_of_a_months_first_use_counts_to_its_end(growth: Database) -> None:
    await tell(growth, [use(10 * DOLLAR)], rate=9_000)
    await tell(growth, [use(10 * DOLLAR)], rate=10_000)
    assert (await month_of(growth)).used_micropaise == 20 * DOLLAR * 9_000
    standing = await standing_of(growth, rate=10_000)
    assert standing.limit_micropaise == 50 * DOLLAR * 9_000


async def test_beyond_the_budget_the_wallet_pays_and_then_nobody(growth: Database) -> None:
    await top_up(growth, 3 * RATE)
    await tell(growth, [use(52 * DOLLAR)])
    assert await drawn(growth) == 2 * RATE
    assert (await standing_of(growth)).wallet_paise == RATE
    await tell(growth, [use(3 * DOLLAR)])
    month = await month_of(growth)
    assert (month.drawn_paise, month.over_paise) == (3 * RATE, 2 * RATE)
    assert (await standing_of(growth)).wallet_paise == 0


async def test_less_than_a_paisa_is_drawn_once_it_has_come_to_one(growth: Database) -> None:
    await top_up(growth, 100)
    await tell(growth, [use(50 * DOLLAR)])
    for _ in range(100):  # a micro-dollar is 0.009 paise
        await tell(growth, [use(1)])
    assert await drawn(growth) == 1
    month = await month_of(growth)
    assert (month.drawn_paise, month.over_paise, month.excess_micropaise) == (1, 0, 100 * RATE)


async def test_a_days_draws_are_one_row_until_an_invoice_has_it(growth: Database) -> None:
    await top_up(growth, 100_000)
    await tell(growth, [use(50 * DOLLAR), use(cost_paise=10)])
    await tell(growth, [use(cost_paise=5)])
    await add(growth, payment(), invoice())
    async with growth.transaction() as session:
        await session.execute(update(WalletDraw).values(document_id="inv_1"))
    await tell(growth, [use(cost_paise=1)])
    await tell(growth, [use(cost_paise=2)], at=NOON + timedelta(days=1))
    await tell(growth, [use(cost_paise=4)], at=NOON + timedelta(days=30))
    async with growth.reading() as session:
        rows = await session.scalars(
            select(WalletDraw).order_by(WalletDraw.drawn_at, WalletDraw.amount_paise)
        )
        told = [(row.amount_paise, row.month, row.reference, row.document_id) for row in rows]
    assert told == [
        (1, "2026-04", "usage/2026-04-10", None),
        (15, "2026-04", "usage/2026-04-10", "inv_1"),
        (2, "2026-04", "usage/2026-04-11", None),
        (4, "2026-05", "usage/2026-05-10", None),
    ]


async def test_two_months_in_one_batch_share_one_wallet(growth: Database) -> None:
    await top_up(growth, 1_000)
    late = use(50 * DOLLAR, occurred_at=LAST_MONTH), use(cost_paise=700, occurred_at=LAST_MONTH)
    await tell(growth, [use(50 * DOLLAR), use(cost_paise=700), *late])
    assert await drawn(growth) == 1_000
    months = await month_of(growth, LAST_MONTH), await month_of(growth)
    assert [(month.drawn_paise, month.over_paise) for month in months] == [(700, 0), (300, 400)]


async def test_many_batches_at_once_never_overdraw_a_wallet(growth: Database) -> None:
    await top_up(growth, 1_000)
    await tell(growth, [use(50 * DOLLAR)])
    batches = [[use(cost_paise=7), use(cost_paise=6)] for _ in range(100)]
    told = await asyncio.gather(*(tell(growth, batch) for batch in batches))
    assert sum(told) == 200
    month = await month_of(growth)
    assert (month.drawn_paise, month.over_paise) == (1_000, 300)
    assert await drawn(growth) == 1_000
    assert (await standing_of(growth)).wallet_paise == 0


async def test_the_same_batch_sent_many_times_at_once_counts_once(growth: Database) -> None:
    await top_up(growth, 1_000)
    batch = [use(50 * DOLLAR), use(cost_paise=400), *(use(1, f"new_{number}") for number in range(20))]
    told = await asyncio.gather(
        *(tell(growth, random.Random(n).sample(batch, len(batch))) for n in range(12))
    )
    assert sorted(told) == [*([0] * 11), len(batch)]
    assert await drawn(growth) == 400
    async with growth.reading() as session:
        assert await count(session, "customers") == 21


async def test_batches_about_the_same_customers_do_not_wait_for_each_other_for_ever(
    database: Database,
) -> None:
    def batch(seed: int) -> list[str]:
        return random.Random(seed).sample([f"user_{number}" for number in range(40)], 30)

    told = await asyncio.gather(
        *(tell(database, [use(90_000, user) for user in batch(seed)]) for seed in range(40))
    )
    assert sum(told) == 40 * 30
    async with database.reading() as session:
        rows = list(await session.scalars(select(UsageMonth)))
    assert sum(row.used_micropaise for row in rows) == 40 * 30 * 90_000 * RATE
    kinds = Counter(kind for _, kind in await announced(database))
    assert kinds["usage.budget_used_up"] == sum(row.used_micropaise >= DOLLAR * RATE for row in rows) > 0


async def test_alerts_are_announced_once_a_month_each_also_by_batches_at_once(growth: Database) -> None:
    await tell(growth, [use(39 * DOLLAR)])
    assert await announced(growth) == []
    await asyncio.gather(*(tell(growth, [use(DOLLAR)]) for _ in range(20)))
    warned, used_up = ("cus_1", "usage.budget_warned"), ("cus_1", "usage.budget_used_up")
    assert await announced(growth) == [warned, used_up]
    next_month = NOON + timedelta(days=30)
    await tell(growth, [use(60 * DOLLAR, occurred_at=next_month)], at=next_month)
    assert await announced(growth) == [warned, used_up, warned, used_up]


async def test_an_alert_says_of_what_month_and_what_is_left(growth: Database) -> None:
    await top_up(growth, 1_000)
    await tell(growth, [use(45 * DOLLAR)])
    async with growth.reading() as session:
        [event] = await session.scalars(select(OutboxEvent))
        sinks = set(await session.scalars(select(OutboxDelivery.sink)))
    assert event.data == {
        "month": "2026-04",
        "used_percent": 90,
        "budget_paise": 50 * RATE,
        "used_paise": 45 * RATE,
        "wallet_paise": 1_000,
    }
    assert (event.subscription_id, sinks) == ("sub_1", {"notifications", "kafka"})


async def test_a_batch_that_fails_leaves_nothing(growth: Database) -> None:
    await top_up(growth, 1_000)

    async def fail_after_all() -> None:
        async with growth.transaction() as session:
            await usage.take_in(session, [use(60 * DOLLAR), use(1, "stranger")], intake_at())
            raise RuntimeError("the process dies")

    with pytest.raises(RuntimeError):
        await fail_after_all()
    async with growth.reading() as session:
        for table in ("usage_events", "usage_days", "usage_months", "wallet_draws", "outbox_events"):
            assert await count(session, table) == 0, table
        assert await session.scalar(select(Customer.id).where(Customer.user_id == "stranger")) is None


async def test_usage_that_was_told_is_never_edited(database: Database) -> None:
    await tell(database, [use(1)])
    with pytest.raises(DBAPIError, match="UPDATE is refused"):
        async with database.transaction() as session:
            await session.execute(text("UPDATE usage_events SET cost_microusd = 0"))


async def test_an_overview_shows_days_kinds_months_budget_and_wallet(growth: Database) -> None:
    await top_up(growth, 700)
    yesterday = NOON - timedelta(days=1)
    await tell(growth, [use(5, occurred_at=LAST_MONTH), use(3, occurred_at=yesterday, kind="call"), use(4)])
    await tell(growth, [use(6), use(9, occurred_at=NOON - timedelta(days=70)), use(1, "user_2")])
    async with growth.reading() as session:
        found = await usage_reads.overview(session, "user_1", NOON, RATE)
    assert [(day.heading, day.events, day.cost_micropaise) for day in found.days] == [
        ("2026-03-21", 1, 5 * RATE),
        ("2026-04-09", 1, 3 * RATE),
        ("2026-04-10", 2, 10 * RATE),
    ]
    assert [(kind.heading, kind.events) for kind in found.kinds] == [("move", 2), ("call", 1)]
    assert [(month.heading, month.events) for month in found.months] == [
        ("2026-04", 3),
        ("2026-03", 1),
        ("2026-01", 1),
    ]
    assert found.standing.month.used_micropaise == 13 * RATE
    assert found.standing.wallet_paise == 700


async def test_events_of_one_customer_stay_in_the_order_of_their_commits(growth: Database) -> None:
    await tell(growth, [use(60 * DOLLAR)])
    async with growth.reading() as session:
        events = await outbox.events_after(session, None, 10)
    assert [event.type for event in events] == ["usage.budget_warned", "usage.budget_used_up"]
