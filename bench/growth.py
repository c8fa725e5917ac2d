"""Whether a renewal costs the worker more when many other subscriptions sleep beside it."""

import random
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from bench import renewals
from bench.figures import Aim, Figure, Floor
from bench.fleet import Fleet, open_fleet
from bench.renewals import Sample
from bench.scale import Scale
from bench.stand import Stand
from bench.worker import NURSE
from domain.subscription import Subscription

NAME = "growth"


@dataclass(frozen=True)
class _Population:
    fleet: Fleet
    members: list[Subscription]
    samples: list[Sample]


async def measure(stand: Stand, scale: Scale) -> list[Figure]:
    """Few and many sleepers on servers of their own, in turn. Each round has a fresh worker and wakes others,

    so that none is in the worker's cache: after a month's sleep it never is.
    """
    async with AsyncExitStack() as stack:
        few = await _population(stack, stand, scale.few_sleepers)
        many = await _population(stack, stand, scale.many_sleepers)
        for turn in range(scale.rounds):
            for population in (few, many):
                sample = await _renew_some(scale, population, turn)
                population.samples.append(sample)
    beside = f"{scale.few_sleepers:,} sleepers"

    def figure(what: str, unit: str, read: Callable[[Sample], float], aim: Aim | None = None) -> Figure:
        floor = Floor(beside, [*map(read, few.samples)], aim)
        return Figure(
            NAME, f"{what} of {scale.many_sleepers:,} sleepers", unit, [*map(read, many.samples)], [floor]
        )

    return [
        figure("worker CPU per renewal", "ms", lambda sample: sample.worker_ms, Aim(at_most=1.1)),
        figure("all CPU per renewal", "ms", lambda sample: sample.all_ms),
        figure("renewals", "per second", lambda sample: sample.per_second),
    ]


async def _population(stack: AsyncExitStack, stand: Stand, count: int) -> _Population:
    fleet = await stack.enter_async_context(open_fleet(stand))
    async with fleet.crew(NURSE) as crew:
        members = await fleet.populate(count, crew)
    random.Random(count).shuffle(members)
    return _Population(fleet, members, [])


async def _renew_some(scale: Scale, population: _Population, turn: int) -> Sample:
    count, members = scale.grown_renewals, population.members
    chosen = [members[(turn * count + place) % len(members)] for place in range(count)]
    cycle = turn * count // len(members)
    async with population.fleet.crew() as crew:
        return await renewals.run_round(
            population.fleet,
            renewals.subscriptions_of(population.fleet, crew, chosen),
            count,
            cycle,
            scale.in_flight,
        )
