"""Every command in every state: done, or refused with the state and what is allowed in it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx

from domain.subscription import Command
from local.world import Person, World
from tests.scenarios.conftest import Story
from tests.scenarios.telling import CARD, KARNATAKA, on, shown

COMMANDS = {command.value for command in Command}
"""The last part of the path, and the word in `allowed`."""

LEAVING = ", cancelling at period end"
DONE: dict[str, dict[str, str]] = {
    "CREATED": {"cancel": "CANCELLED", "cancel-now": "CANCELLED"},
    "AUTHENTICATED": {"cancel": "CANCELLED", "cancel-now": "CANCELLED"},
    "ACTIVE": {"cancel": "ACTIVE" + LEAVING, "cancel-now": "CANCELLED", "pause": "PAUSED"},
    "ACTIVE" + LEAVING: {"keep": "ACTIVE", "cancel-now": "CANCELLED", "pause": "PAUSED" + LEAVING},
    "PAUSED": {"cancel": "PAUSED" + LEAVING, "cancel-now": "CANCELLED", "resume": "ACTIVE"},
    "PAUSED" + LEAVING: {"keep": "PAUSED", "cancel-now": "CANCELLED", "resume": "ACTIVE" + LEAVING},
    "PAST_DUE": {"cancel": "CANCELLED", "cancel-now": "CANCELLED"},
    "HALTED": {"cancel": "CANCELLED", "cancel-now": "CANCELLED"},
    "CANCELLED": {},
    "COMPLETED": {},
    "EXPIRED": {},
    "Free ACTIVE": {"cancel": "CANCELLED", "cancel-now": "CANCELLED"},
}
"""What is done in each state, and what it leads to; everything else is refused."""

Act = Callable[[Person], Awaitable[object]]
"""What a person does, without waiting for what follows: many act at once."""


async def nothing(_: Person) -> None:
    """Left as it is."""


async def pays(person: Person) -> None:
    await person.world.simulator.act(person.gateway_id, "authenticate", **CARD)


async def pays_too_much(person: Person) -> None:
    await person.world.simulator.act(person.gateway_id, "authenticate", **{**CARD, "outcome": "wrong_amount"})


async def pays_and_then_fails(person: Person) -> None:
    await pays(person)
    await person.next_charges("failure", "failure", "failure", "failure")


LATE_JANUARY, EARLY_FEBRUARY, NOW = on(2026, 1, 28), on(2026, 2, 2), on(2026, 3, 3)


@dataclass(frozen=True)
class Walk:
    """How a state is reached, asked for `since` then, and what is commanded from there, in order."""

    state: str
    begins: Act
    commands: tuple[str, ...] = ()
    since: datetime = NOW
    plan: str = "plan_basic"


WALKS = [
    # Both agreed cycles are paid, on 2 February and 2 March.
    Walk("COMPLETED", pays, since=EARLY_FEBRUARY),
    Walk("EXPIRED", nothing, since=EARLY_FEBRUARY),
    # Fails on 28 February and on the next three days; on 2 and 3 March.
    Walk("HALTED", pays_and_then_fails, ("cancel",), LATE_JANUARY),
    Walk("HALTED", pays_and_then_fails, ("cancel-now",), LATE_JANUARY),
    Walk("PAST_DUE", pays_and_then_fails, ("cancel",), EARLY_FEBRUARY),
    Walk("PAST_DUE", pays_and_then_fails, ("cancel-now",), EARLY_FEBRUARY),
    Walk("AUTHENTICATED", pays_too_much, ("cancel",)),
    Walk("AUTHENTICATED", pays_too_much, ("cancel-now",)),
    Walk("CREATED", nothing, ("cancel",)),
    Walk("CREATED", nothing, ("cancel-now",)),
    Walk("Free ACTIVE", nothing, ("cancel",), plan="plan_free"),
    Walk("Free ACTIVE", nothing, ("cancel-now",), plan="plan_free"),
    Walk("ACTIVE", pays, ("pause", "resume", "cancel", "keep", "cancel-now")),
    Walk("ACTIVE", pays, ("cancel", "pause", "keep", "cancel", "resume", "cancel-now")),
    Walk("ACTIVE", pays, ("pause", "cancel", "cancel-now")),
    Walk("ACTIVE", pays, ("pause", "cancel-now")),
]


async def begin(world: World) -> list[Person]:
    """Everyone who walks, in the state in which their walk begins."""
    people: dict[Walk, Person] = {}
    for since in (LATE_JANUARY, EARLY_FEBRUARY, NOW):
        await world.time.travel_to(since)
        for number, walk in enumerate(WALKS):
            if walk.since == since:
                person = people[walk] = await world.person(f"walker-{number}", state_code=KARNATAKA)
                answer = await person.http.post("/v1/subscriptions", json={"plan_id": walk.plan})
                person.subscription_id = answer.json()["subscription_id"]
        await world.time.settle()
        noted = {
            entry["notes"]["bahi_subscription"]: entry["id"]
            for entry in (await world.simulator.books())["subscriptions"]
        }
        for walk, person in people.items():
            if walk.since == since:
                person.gateway_id = noted.get(person.subscription_id, "")
                await walk.begins(person)
    await world.time.travel(timedelta(minutes=2))
    return [people[walk] for walk in WALKS]


async def post(person: Person, command: str) -> httpx.Response:
    return await person.http.post(f"/v1/subscriptions/{person.subscription_id}/{command}")


def told(state: str) -> str:
    """The state, as the customer is told it."""
    return state.removeprefix("Free ").removesuffix(LEAVING)


async def refuses(state: str, person: Person) -> None:
    """Everything that is not done in this state; nothing comes of it."""
    before = await shown(person)
    assert before["status"] == told(state), state
    assert before["cancel_at_period_end"] == state.endswith(LEAVING), state
    assert sorted(before["allowed"]) == sorted(DONE[state]), state
    for name in COMMANDS - DONE[state].keys():
        answer = await post(person, name)
        assert answer.status_code == 409, (state, name, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["state"] in (state, told(state)), (state, name)
        assert problem["allowed"] == before["allowed"], (state, name)
        assert problem["detail"], (state, name)
    assert await shown(person) == before, state


async def does(state: str, person: Person, name: str) -> str:
    """The state it leads to."""
    leads_to = DONE[state][name]
    answer = await post(person, name)
    assert (answer.status_code, answer.json()["status"]) == (200, told(leads_to)), (state, name, answer.text)
    now = await shown(person)
    assert now["status"] == told(leads_to), (state, name)
    assert now["cancel_at_period_end"] == leads_to.endswith(LEAVING), (state, name)
    return leads_to


async def test_every_command_in_every_state_says_what_happened_or_why_not(story: Story) -> None:
    seen: set[str] = set()
    done: set[tuple[str, str]] = set()

    async def walks(walk: Walk, person: Person) -> None:
        state = walk.state
        for name in (*walk.commands, ""):
            if state not in seen:
                seen.add(state)
                await refuses(state, person)
            if name:
                done.add((state, name))
                state = await does(state, person, name)

    settings = {"monthly_total_count": 2, "checkout_expires_after_seconds": 24 * 3600}
    async with story(LATE_JANUARY, same_state=False, **settings) as world:
        people = await begin(world)
        await asyncio.gather(*(walks(walk, person) for walk, person in zip(WALKS, people, strict=True)))
    assert seen == set(DONE)
    assert done == {(state, name) for state, names in DONE.items() for name in names}
