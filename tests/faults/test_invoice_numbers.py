"""Fifty settlements at once, and workers killed among them: no number is skipped, none is used twice."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from tests.faults.conftest import OpenStage
from tests.faults.oracle import agree
from tests.faults.stage import Stage, eventually
from tests.faults.workers import Hand

SETTLEMENTS = 50
SETTLERS = 4
AT_ONCE_EACH = 12
"""Connections per process, and so transactions."""
_WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
_SETTLING = ("subscriptions",)
_REST = Hand(("gateway", "documents", "relay"))
_LONG = 5.0
"""Standing in the queue for a number is no reason to be taken for dead."""


async def test_numbers_stay_gapless_when_whoever_holds_one_is_killed(stage_at: OpenStage) -> None:
    now = datetime(2026, 3, 5, 6, 30, tzinfo=UTC)
    async with stage_at(now, database_pool_size=AT_ONCE_EACH) as stage:
        await stage.workers.start()
        customers = await stage.subscribed(SETTLEMENTS)

        held = "settle_charge:written"
        killed = (("settle_charge:committed",), ("settle_charge:after",), ("settle_charge:before",))
        settlers = [Hand(_SETTLING, hold=(held,), activity_seconds=_LONG)]
        settlers += [Hand(_SETTLING, points, activity_seconds=_LONG) for points in killed]
        await stage.workers.start(*settlers, _REST)
        for customer in customers:
            await customer.pay(wait_webhooks=False)
        await stage.advance_gateway(timedelta(minutes=2))

        waiting = await _everybody_waits_for_the_series(stage, held)
        assert waiting > SETTLEMENTS // 2
        # The number in its hands is given back, and the transactions of those that wait never happen.
        assert await stage.invoices() < SETTLEMENTS // 2
        before = stage.workers.deaths
        stage.workers.kill()
        stage.workers.release(held)
        await stage.settle()
        assert stage.workers.deaths > before + SETTLERS
        assert any(point in stage.workers.struck for points in killed for point in points)

        books = await agree(stage)
        assert len(books.captured) == len(books.invoices) == SETTLEMENTS


async def _everybody_waits_for_the_series(stage: Stage, held: str) -> int:
    """One process stands still with the first number in its hands; the most that waited for it."""
    seen = [0]

    async def held_and_waited_for() -> bool:
        async with stage.database.reading() as session:
            seen.append(int(await session.scalar(_WAITING) or 0))
        return held in stage.workers.struck and max(seen) > SETTLEMENTS // 2

    await eventually(held_and_waited_for)
    return max(seen)
