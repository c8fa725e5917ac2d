"""Cycles that we collect by UPI Autopay on our own clock: what one costs, beside one with nothing in it.

Its two long waits are skipped, and neither the skipping nor whoever does it is counted. What is counted is
what happens at the three wakes of a cycle: the notice, the debit, and the webhook that it was paid.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from temporalio.client import Client

from bench import bare_autopay, bare_workflow, mandated, renewals, sleepers
from bench.crews import AUTOPAY, BARE
from bench.figures import Figure, Floor
from bench.fleet import Fleet, open_fleet
from bench.renewals import FLOORS, Sample, Subject
from bench.scale import Scale
from bench.skipping import Handle, Left, Skipping, left_by, pinned
from bench.stand import Stand
from local.home import LocalError
from workflows import ports

NAME = "autopay"
_NOTICE, _DEBIT, _PAID = range(3)
_HISTORIES = 5
_POLL_SECONDS = 0.005
_PATIENCE_SECONDS = 120.0


@dataclass(frozen=True)
class Collected:
    """Something that is collected cycle by cycle: the runs by their places; waking one is its webhook."""

    subject: Subject
    runs: list[Handle]


async def measure(stand: Stand, scale: Scale) -> list[Figure]:
    """Ours and the floors in turn, cycle after cycle."""
    samples: dict[str, list[Sample]] = defaultdict(list)
    left: dict[str, list[Left]] = {}
    async with AsyncExitStack() as stack:
        fleet = await stack.enter_async_context(open_fleet(stand, time_skipping=True))
        row = {AUTOPAY: await stack.enter_async_context(_ours(fleet, scale.autopays))}
        for kind in FLOORS:
            row[kind] = await stack.enter_async_context(_bare(fleet, kind, scale.autopays))
        skipping = Skipping(fleet.client)
        for turn in range(scale.rounds):
            for kind, collected in row.items():
                watched = [] if turn else await pinned(fleet.client, collected.runs[:_HISTORIES])
                samples[kind].append(await _cycle(fleet, collected, skipping, turn, scale.in_flight))
                if watched:
                    left[kind] = [await left_by(run) for run in watched]
        await renewals.check_books(fleet, scale.autopays * scale.rounds)
    return _figures(samples, left)


@asynccontextmanager
async def _ours(fleet: Fleet, count: int) -> AsyncIterator[Collected]:
    async with fleet.crew(AUTOPAY) as crew:
        members = mandated.subscriptions(fleet.book, count)
        await sleepers.put_on_record(fleet.database, members)
        await mandated.put_to_sleep(fleet.client, members)
        await crew.meter.until_idle()
        names = [ports.subscription_workflow_id(member.id) for member in members]

        async def tell(place: int, turn: int) -> None:
            await mandated.announce_payment(fleet.client, members[place], turn)

        yield Collected(Subject(crew, tell), [*map(fleet.client.get_workflow_handle, names)])


@asynccontextmanager
async def _bare(fleet: Fleet, kind: str, count: int) -> AsyncIterator[Collected]:
    async with fleet.crew(kind) as crew:
        client = await Client.connect(fleet.address)
        await renewals.start_bare(client, kind, range(count), bare_autopay.NAME)
        await crew.meter.until_idle()
        runs: list[Handle] = [client.get_workflow_handle(f"{kind}/{place}") for place in range(count)]

        async def tell(place: int, _turn: int) -> None:
            await runs[place].signal(bare_workflow.SIGNAL)

        yield Collected(Subject(crew, tell), runs)


async def _cycle(fleet: Fleet, collected: Collected, skipping: Skipping, turn: int, in_flight: int) -> Sample:
    """One cycle of all: the waits for notice and debit are skipped, the webhooks come as for renewals."""
    subject, count = collected.subject, len(collected.runs)
    meters = (subject.crew.meter, fleet.temporal_meter, fleet.stand.postgres_meter)
    seconds, spent = 0.0, [0.0 for _ in meters]
    for step in (_NOTICE, _DEBIT, _PAID):
        due = 0.0 if step == _PAID else await skipping.to_the_brink(collected.runs)
        before = [meter.cpu_seconds() for meter in meters]
        if step == _PAID:
            seconds += await renewals.renew(subject, count, turn, in_flight)
        else:
            seconds += await _awake(subject, count, due)
        await subject.crew.meter.until_idle()
        for place, meter in enumerate(meters):
            spent[place] += meter.cpu_seconds() - before[place]
    return Sample(count / seconds, *(each * 1000 / count for each in spent))


async def _awake(subject: Subject, count: int, due: float) -> float:
    """Seconds from the moment at which all wake to the last one's being done. Raises LocalError."""
    tally = subject.crew.tally
    first = tally.read()
    while (done := tally.read() - first) < count:
        if time.perf_counter() > due + _PATIENCE_SECONDS:
            raise LocalError(f"only {done} of {count} were done in {_PATIENCE_SECONDS:.0f} s")
        await asyncio.sleep(_POLL_SECONDS)
    return time.perf_counter() - due


def _figures(samples: dict[str, list[Sample]], left: dict[str, list[Left]]) -> list[Figure]:
    def figure(name: str, unit: str, read: Callable[[Sample], float]) -> Figure:
        floors = [Floor(_beside(kind), [*map(read, samples[kind])]) for kind in FLOORS]
        return Figure(NAME, name, unit, [*map(read, samples[AUTOPAY])], floors)

    def history(unit: str, read: Callable[[Left], float]) -> Figure:
        floor = Floor(_beside(BARE), [*map(read, left[BARE])])
        name = "history per cycle collected by autopay, marks of skipping left out"
        return Figure(NAME, name, unit, [*map(read, left[AUTOPAY])], [floor])

    return [
        figure(
            "cycles collected by autopay, by a core that only serves workers",
            "per second",
            lambda sample: 1000 / sample.worker_ms,
        ),
        figure(
            "cycles collected by autopay, all due at once, waits skipped and not counted",
            "per second",
            lambda sample: sample.per_second,
        ),
        figure("worker CPU per cycle collected by autopay", "ms", lambda sample: sample.worker_ms),
        figure("all CPU per cycle collected by autopay", "ms", lambda sample: sample.all_ms),
        history("events", lambda each: each.events),
        history("bytes", lambda each: each.bytes),
    ]


def _beside(kind: str) -> str:
    return f"{FLOORS[kind]}, with the same waits and six of them"
