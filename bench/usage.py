"""Usage events per second taken in by batches over HTTP, and how long "may this user spend X?" takes.

Beside them what the same machine does without ours: the same rows put into one bare table, and `SELECT 1`.
"""

import asyncio
import itertools
import json
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import func, select

from api.usage import MOST_EVENTS
from bench import http_load, server, serving, sleepers
from bench.figures import Aim, Figure, Floor
from bench.scale import Scale
from bench.stand import Stand
from config import Settings
from db import ledger, models
from db.session import Database
from domain.ledger import Account, Posting
from domain.subscription import Subscription
from local.home import LocalError
from local.ports import any_free_port

NAME = "usage"
_CONNECTIONS = 4
_PLACE = "NNNNNNNN"
_WARM_UP_SECONDS = 0.5
_COST_MICROUSD = 1250
_TOP_UPS = 24
"""Movements in the wallet of whoever asks: two years of monthly ones."""
_BARE_TABLE = """
    CREATE TABLE bare_usage (user_id text, event_id text, kind text, occurred_at timestamptz, cost bigint,
                             PRIMARY KEY (user_id, event_id))
"""
_BARE_INSERT = """
    INSERT INTO bare_usage
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::bigint[])
    ON CONFLICT DO NOTHING
"""


async def measure(stand: Stand, scale: Scale) -> list[Figure]:
    """Random paying users in every batch, so that batches meet at the same customers."""
    url = await stand.database()
    database = Database.connect(url, pool_size=1)
    members = sleepers.subscriptions(await sleepers.open_book(database), scale.few_sleepers)
    await sleepers.put_on_record(database, members)
    await _fill_wallets(database, members[:100])
    taken_in = await _taken_in(stand, scale, url, database, members)
    await database.close()
    return [taken_in, *await _answers(stand, scale, url, members[:100])]


async def _fill_wallets(database: Database, members: Sequence[Subscription]) -> None:
    async with database.transaction() as session:
        for member, number in itertools.product(members, range(_TOP_UPS)):
            await ledger.post(
                session,
                reference=f"bench/{member.customer_id}/{number}",
                kind="advance",
                customer_id=member.customer_id,
                occurred_at=datetime.now(UTC),
                postings=[Posting(Account.GATEWAY_CLEARING, 100), Posting(Account.WALLET, -100)],
            )


def _service() -> dict[str, str]:
    token = Settings(environment="test").service_token.get_secret_value()
    return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}


async def _taken_in(
    stand: Stand, scale: Scale, url: str, database: Database, members: Sequence[Subscription]
) -> Figure:
    users = [sleepers.user_id(member) for member in members]
    requests, ours, floor = _batches(users), list[float](), list[float]()
    dsn = url.replace("+asyncpg", "")
    async with AsyncExitStack() as stack:
        port = any_free_port()
        arguments = [server.OURS, f"--port={port}", f"--database={url}"]
        await stack.enter_async_context(stand.process("bench.server", arguments))
        pool = await stack.enter_async_context(
            asyncpg.create_pool(dsn, min_size=_CONNECTIONS, max_size=_CONNECTIONS)
        )
        await pool.execute(_BARE_TABLE)
        warm_up = await http_load.load(port, lambda: next(requests), _CONNECTIONS, _WARM_UP_SECONDS)
        answered = len(warm_up.latencies_ms)
        for _ in range(scale.load_rounds):
            outcome = await http_load.load(port, lambda: next(requests), _CONNECTIONS, scale.load_seconds)
            answered += len(outcome.latencies_ms)
            ours.append(outcome.per_second * MOST_EVENTS)
            floor.append(await _bare(pool, users, scale.load_seconds))
    await _check(database, answered * MOST_EVENTS)
    return Figure(
        NAME,
        f"usage events, {MOST_EVENTS} a call on {_CONNECTIONS} connections",
        "per second",
        ours,
        [Floor("asyncpg, the same rows into one table", floor)],
        Aim(at_least=2_000),
    )


def _batches(users: Sequence[str]) -> Iterator[bytes]:
    """Ever new events; making them costs next to nothing, for it would be measured too."""
    dice, now = random.Random(0), datetime.now(UTC).isoformat()
    events = [
        {
            "event_id": f"{number}-{_PLACE}",
            "user_id": dice.choice(users),
            "occurred_at": now,
            "kind": dice.choice(("move", "call", "search")),
            "cost_microusd": _COST_MICROUSD,
        }
        for number in range(MOST_EVENTS)
    ]
    template, headers = json.dumps({"events": events}).encode(), _service()
    for number in itertools.count():
        body = template.replace(_PLACE.encode(), b"%08d" % number)
        yield http_load.request("POST", "/internal/usage", headers, body)


async def _bare(pool: asyncpg.Pool, users: Sequence[str], seconds: float) -> float:
    """Rows per second."""
    began = time.perf_counter()
    rounds = itertools.count()
    now, dice = datetime.now(UTC), random.Random(0)
    chosen = [dice.choice(users) for _ in range(MOST_EVENTS)]
    done = 0

    async def insert() -> None:
        nonlocal done
        while time.perf_counter() - began < seconds:
            batch = f"{began}-{next(rounds)}"
            ids = [f"{number}-{batch}" for number in range(MOST_EVENTS)]
            kinds, moments = ["move"] * MOST_EVENTS, [now] * MOST_EVENTS
            await pool.execute(_BARE_INSERT, chosen, ids, kinds, moments, [_COST_MICROUSD] * MOST_EVENTS)
            done += MOST_EVENTS

    await asyncio.gather(*(insert() for _ in range(_CONNECTIONS)))
    return done / (time.perf_counter() - began)


async def _check(database: Database, told: int) -> None:
    """A figure counts only if events and sums are there."""
    async with database.reading() as session:
        kept = await session.scalar(select(func.count()).select_from(models.UsageEvent)) or 0
        summed = await session.scalar(select(func.sum(models.UsageMonth.events))) or 0
    if not told <= kept == summed:
        raise LocalError(f"{told} uses were answered 200, {kept} are kept and {summed} are summed")


async def _answers(stand: Stand, scale: Scale, url: str, members: Sequence[Subscription]) -> list[Figure]:
    """One question at a time, of users with months of use and movements in their wallets."""
    headers = _service()
    asking = itertools.cycle(
        http_load.request("GET", f"/internal/spend/{sleepers.user_id(member)}?cost_microusd=1250", headers)
        for member in members
    )
    floor = http_load.request("GET", server.READ, headers)
    alone = replace(scale, connections=1)
    samples = await serving.compare(stand, alone, url, lambda: next(asking), lambda: floor)
    name, statement = "may this user spend X?", "SELECT 1"
    slowest = serving.figure(NAME, f"{name} p99", "ms", samples, serving.slowest, statement)
    return [
        replace(slowest, aim=Aim(at_most=5)),
        serving.figure(NAME, f"{name} median", "ms", samples, _median, statement),
        serving.figure(NAME, f"{name} API CPU", "ms", samples, serving.cpu, statement),
    ]


def _median(sample: serving.Sample) -> float:
    """Half of the answers were as fast, in milliseconds."""
    return sample.outcome.percentile_ms(0.5)
