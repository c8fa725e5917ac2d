"""The product's API and its floors under the same load, in turn."""

from collections import defaultdict
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import asyncpg  # type: ignore[import-untyped]

from bench import http_load, server
from bench.figures import Aim, Figure, Floor
from bench.http_load import Outcome
from bench.meter import Meter
from bench.scale import Scale
from bench.stand import Stand
from local.ports import any_free_port

FLOORS = {server.FASTAPI: "FastAPI, SQLAlchemy, {}", server.BARE: "bare ASGI, asyncpg, {}"}
_WARM_UP_SECONDS = 0.5


@dataclass(frozen=True)
class Sample:
    """One round of one server."""

    outcome: Outcome
    cpu_ms: float
    """Of the server's process, per request."""


Samples = dict[str, list[Sample]]
"""Rounds by kind of server."""


async def compare(
    stand: Stand, scale: Scale, database_url: str, ours: Callable[[], bytes], floor: Callable[[], bytes]
) -> Samples:
    """Rounds by kind of server; `ours` and `floor` make the next request for ours and for floors."""
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    await connection.execute(server.CREATE_TABLE)
    await connection.close()
    samples: Samples = defaultdict(list)
    async with AsyncExitStack() as stack:
        running: dict[str, tuple[int, Meter]] = {}
        for kind in server.KINDS:
            port = any_free_port()
            arguments = [kind, f"--port={port}", f"--database={database_url}"]
            running[kind] = port, await stack.enter_async_context(stand.process("bench.server", arguments))
            ask = ours if kind == server.OURS else floor
            await http_load.load(port, ask, scale.connections, _WARM_UP_SECONDS)
        for _ in range(scale.load_rounds):
            for kind, (port, meter) in running.items():
                ask = ours if kind == server.OURS else floor
                before = meter.cpu_seconds()
                outcome = await http_load.load(port, ask, scale.connections, scale.load_seconds)
                spent = meter.cpu_seconds() - before
                samples[kind].append(Sample(outcome, spent * 1000 / len(outcome.latencies_ms)))
    return samples


def rate(sample: Sample) -> float:
    """Answers per second."""
    return sample.outcome.per_second


def slowest(sample: Sample) -> float:
    """What 99 of 100 requests stayed below, in milliseconds."""
    return sample.outcome.percentile_ms(0.99)


def cpu(sample: Sample) -> float:
    """Of the server's process, in milliseconds per request."""
    return sample.cpu_ms


def figure(
    bench: str,
    name: str,
    unit: str,
    samples: Samples,
    read: Callable[[Sample], float],
    statement: str,
    aim: Aim | None = None,
) -> Figure:
    """Ours beside both floors; `aim` is for the one that has our framework."""
    floors = [
        Floor(what.format(statement), [*map(read, samples[kind])], aim if kind == server.FASTAPI else None)
        for kind, what in FLOORS.items()
    ]
    return Figure(bench, name, unit, [*map(read, samples[server.OURS])], floors)
