"""A worker killed at every boundary of create, activate and renew; another takes over."""

from datetime import UTC, datetime, timedelta

from tests.faults.conftest import OpenStage
from tests.faults.oracle import agree

NOW = datetime(2026, 3, 5, 6, 30, tzinfo=UTC)


async def test_trial(stage_at: OpenStage) -> None:
    import time
    t = time.monotonic()
    async with stage_at(NOW) as stage:
        print("stage", time.monotonic() - t); t = time.monotonic()
        await stage.workers.start()
        print("w", time.monotonic() - t); t = time.monotonic()
        await stage.paid(4)
        print("paid", time.monotonic() - t); t = time.monotonic()
        await stage.travel(timedelta(days=32))
        print("month", time.monotonic() - t); t = time.monotonic()
        verdict = await agree(stage)
        assert (verdict.captures, verdict.invoices) == (8, 8)
