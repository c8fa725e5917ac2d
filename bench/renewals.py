"""Paid renewals per second, and what each costs, beside a workflow that does nothing."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import func, select
from temporalio.client import Client

from bench import bare_workflow, sleepers
from bench.canned_gateway import payment_id
from bench.crews import BARE, BARE_POSTGRES, OURS
from bench.figures import Aim, Figure, Floor
from bench.fleet import Crew, Fleet, open_fleet
from bench.gateway_books import open_gateway_books
from bench.scale import Scale
from bench.stand import Stand
from db import models
from domain.subscription import Subscription
from local.home import LocalError

NAME = "renewals"
_POLL_SECONDS = 0.005
_PATIENCE_SECONDS = 120.0
_STARTS_AT_ONCE = 40

FLOORS = {
    BARE: "a bare workflow with empty activities",
    BARE_POSTGRES: "a bare workflow whose last activity commits one row",
}


@dataclass(frozen=True)
class Sample:
    """One round of one subject, per renewal."""

    per_second: float
    worker_ms: float
    temporal_ms: float
    postgres_ms: float

    @property
    def all_ms(self) -> float:
        """Worker, Temporal and Postgres: what decides how many a machine can do."""
        return self.worker_ms + self.temporal_ms + self.postgres_ms


Samples = dict[str, list[Sample]]
"""Rounds by kind of worker."""


@dataclass(frozen=True)
class Subject:
    """Something that renews: `wake` takes the place in the row of all its runs, and the round."""

    crew: Crew
    wake: Callable[[int, int], Awaitable[None]]


async def run_round(fleet: Fleet, subject: Subject, count: int, turn: int, in_flight: int) -> Sample:
    """Wake `count` runs once each, `in_flight` of them at a time, and wait until nothing is left to do."""
    meters = (subject.crew.meter, fleet.temporal_meter, fleet.stand.postgres_meter)
    before = [meter.cpu_seconds() for meter in meters]
    seconds = await renew(subject, count, turn, in_flight)
    await subject.crew.meter.until_idle()
    spent = [
        (meter.cpu_seconds() - start) * 1000 / count for meter, start in zip(meters, before, strict=True)
    ]
    return Sample(count / seconds, *spent)


async def renew(subject: Subject, count: int, turn: int, in_flight: int) -> float:
    """Seconds from the first signal to the last settlement. Raises LocalError."""
    tally = subject.crew.tally
    first, began, woken = tally.read(), time.perf_counter(), 0
    while (done := tally.read() - first) < count:
        if time.perf_counter() > began + _PATIENCE_SECONDS:
            raise LocalError(f"only {done} of {count} renewals in {_PATIENCE_SECONDS:.0f} s")
        places = range(woken, min(done + in_flight, count))
        woken = places.stop
        await asyncio.gather(*(subject.wake(place, turn) for place in places))
        await asyncio.sleep(_POLL_SECONDS)
    return time.perf_counter() - began


def subscriptions_of(fleet: Fleet, crew: Crew, members: list[Subscription]) -> Subject:
    """Ours: each turn pays the next cycle."""

    async def wake(place: int, turn: int) -> None:
        member = members[place]
        await sleepers.announce_payment(
            fleet.client, member, payment_id(sleepers.PAID_CYCLES + turn, member.id)
        )

    return Subject(crew, wake)


@asynccontextmanager
async def bare_subject(fleet: Fleet, kind: str, count: int) -> AsyncIterator[Subject]:
    """The floor: `count` bare workflows, asleep, on the same servers."""
    async with fleet.crew(kind) as crew:
        client = await Client.connect(fleet.address)
        await start_bare(client, kind, range(count))
        await crew.meter.until_idle()

        async def wake(place: int, _turn: int) -> None:
            await client.get_workflow_handle(f"{kind}/{place}").signal(bare_workflow.SIGNAL)

        yield Subject(crew, wake)


async def start_bare(
    client: Client, kind: str, places: Iterable[int], name: str = bare_workflow.NAME
) -> None:
    """Start bare workflows by their places."""
    waiting = iter(places)

    async def start_some() -> None:
        for place in waiting:
            await client.start_workflow(name, 0, id=f"{kind}/{place}", task_queue=kind)

    await asyncio.gather(*(start_some() for _ in range(_STARTS_AT_ONCE)))


async def measure(stand: Stand, scale: Scale) -> list[Figure]:
    """Ours with a canned gateway beside floors, in turn; then the same with the simulator."""
    canned = await _with_canned_gateway(stand, scale)
    simulated = await _with_simulator(stand, scale)
    return [*_figures("canned gateway", canned), *_figures("simulator", simulated)]


async def _with_canned_gateway(stand: Stand, scale: Scale) -> Samples:
    """What our engine costs."""
    samples: Samples = defaultdict(list)
    async with AsyncExitStack() as stack:
        fleet = await stack.enter_async_context(open_fleet(stand))
        crew = await stack.enter_async_context(fleet.crew())
        members = await fleet.populate(scale.renewals, crew)
        subjects = {OURS: subscriptions_of(fleet, crew, members)}
        for kind in FLOORS:
            subjects[kind] = await stack.enter_async_context(bare_subject(fleet, kind, scale.renewals))
        for turn in range(scale.rounds):
            for kind, subject in subjects.items():
                samples[kind].append(await run_round(fleet, subject, scale.renewals, turn, scale.in_flight))
        await check_books(fleet, scale.renewals * scale.rounds)
    return samples


async def _with_simulator(stand: Stand, scale: Scale) -> Samples:
    """What it costs when the gateway is read by Razorpay's SDK. Fewer: the simulator works as well."""
    samples: Samples = defaultdict(list)
    count = scale.renewals // 3
    async with AsyncExitStack() as stack:
        fleet = await stack.enter_async_context(open_fleet(stand))
        books = await stack.enter_async_context(open_gateway_books(fleet, count))
        crew = await stack.enter_async_context(fleet.crew(simulator=books.simulator.url))

        async def wake(place: int, _turn: int) -> None:
            await sleepers.announce_payment(fleet.client, books.members[place], books.payments[place])

        subjects = {OURS: Subject(crew, wake)}
        subjects[BARE] = await stack.enter_async_context(bare_subject(fleet, BARE, count))
        for turn in range(scale.rounds):
            await books.charge_next_month()
            for kind, subject in subjects.items():
                samples[kind].append(await run_round(fleet, subject, count, turn, scale.in_flight))
        await check_books(fleet, count * scale.rounds)
    return samples


async def check_books(fleet: Fleet, renewals: int) -> None:
    """A figure counts only if the books hold what was measured."""
    async with fleet.database.reading() as session:
        invoices = await session.scalar(select(func.count()).select_from(models.Document))
        balance = await session.scalar(select(func.sum(models.LedgerPosting.amount_paise)))
    if invoices != renewals or balance != 0:
        raise LocalError(f"{renewals} renewals left {invoices} invoices and {balance} paise too many")


def _figures(gateway: str, samples: Samples) -> list[Figure]:
    def figure(name: str, unit: str, read: Callable[[Sample], float], aim: Aim | None = None) -> Figure:
        floors = [
            Floor(what, [*map(read, samples[kind])], aim if kind == BARE else None)
            for kind, what in FLOORS.items()
            if kind in samples
        ]
        return Figure(NAME, f"{name} ({gateway})", unit, [*map(read, samples[OURS])], floors)

    return [
        figure("paid renewals", "per second", lambda sample: sample.per_second, Aim(at_least=0.7)),
        figure("worker CPU per renewal", "ms", lambda sample: sample.worker_ms),
        figure("all CPU per renewal", "ms", lambda sample: sample.all_ms),
    ]
