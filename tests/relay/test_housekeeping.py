"""Idempotency keys are kept for a day and no longer."""

import asyncio
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from db import idempotency, models
from db.session import Database
from relay.housekeeping import Housekeeping

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


async def claim(database: Database, key: str, at: datetime) -> None:
    async with database.transaction() as session:
        await idempotency.claim(
            session,
            owner="usr",
            route="POST /v1/subscriptions",
            key=key,
            request_sha256="0" * 64,
            resource_id="sub_1",
            now=at,
            lease=timedelta(seconds=15),
        )


async def test_keys_of_the_day_before_yesterday_are_forgotten_and_todays_are_kept(database: Database) -> None:
    await claim(database, "old", NOW - timedelta(days=2))
    await claim(database, "young", NOW - timedelta(hours=23))
    stop = asyncio.Event()
    running = asyncio.create_task(Housekeeping(database, lambda: NOW).run(stop))
    async with asyncio.timeout(10):
        while True:
            async with database.reading() as session:
                keys = (await session.scalars(select(models.IdempotencyKey.key))).all()
            if keys == ["young"]:
                break
            await asyncio.sleep(0.01)
        stop.set()
        await running
