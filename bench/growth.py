"""Whether a renewal costs the worker more when many other subscriptions sleep beside it."""

import random
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from bench import renewals
from bench.crews import NURSE
from bench.figures import Aim, Figure, Floor
from bench.fleet import Crew, Fleet, open_fleet
from bench.renewals import Sample
from bench.scale import Scale
from bench.stand import Stand
from domain.subscription import Subscription

NAME = "growth"


@dataclass(frozen=True)
class _Population:
    fleet: Fleet
    crew: Crew
    members: list[Subscription]
    samples: list[Sample]


async def measure(stand: Stand, scale: Scale) -> list[Figure]:
    """Few and many sleepers on servers of their own, in turn.

    Each round wakes others, whom this worker has never seen: after a month's sleep none is in a cache.
    """
    async with AsyncExitStack() as stack:
        few = await _population(stack, stand, scale.few_sleepers)
        many = await _population(stack, stand, scale.many_sleepers)
        for turn in range(scale.rounds):
            for population in (few, many):
                sample = await _renew_some(population, scale, turn)
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
    async with fleet.crew(NURSE) as nurse:
        members = await fleet.populate(count, nurse)
    random.Random(count).shuffle(members)
    return _Population(fleet, await stack.enter_async_context(fleet.crew()), members, [])


async def _renew_some(population: _Population, scale: Scale, turn: int) -> Sample:
    count, fleet = scale.grown_renewals, population.fleet
    chosen = population.members[turn * count : (turn + 1) * count]
    subject = renewals.subscriptions_of(fleet, population.crew, chosen)
    return await renewals.run_round(fleet, subject, count, 0, scale.in_flight)
