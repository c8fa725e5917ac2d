"""Every command in every state: done, or refused with the state and what is allowed in it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import httpx

from domain.subscription import Command
from local.world import Person, World
from tests.scenarios.conftest import Story
from tests.scenarios.telling import CARD, KARNATAKA, on, shown

COMMANDS = {
    "cancel": "cancel",
    "keep": "keep",
    "cancel-now": "cancel_now",
    "pause": "pause",
    "resume": "resume",
}
"""The last part of the path, and the word in `allowed`."""

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


def asks(command: str) -> Act:
    async def act(person: Person) -> None:
        (await post(person, command)).raise_for_status()

    return act


async def post(person: Person, command: str) -> httpx.Response:
    return await person.http.post(f"/v1/subscriptions/{person.subscription_id}/{command}")


LATE_JANUARY, EARLY_FEBRUARY, NOW = on(2026, 1, 28), on(2026, 2, 2), on(2026, 3, 3)


@dataclass(frozen=True)
class Way:
    """How a state is reached: asked for `since` then, `begins` at once, `ends` when all are there."""

    begins: Act
    since: datetime = NOW
    ends: Act = nothing
    plan: str = "plan_basic"
    done: dict[str, str] = field(default_factory=dict)
    """Commands that are done in it, and the state each leads to."""
    shown_as: str = ""
    """What the customer is told the state is, where it is not its name."""


OVER = {"cancel": "CANCELLED", "cancel-now": "CANCELLED"}
WAYS = {
    # Both agreed cycles are paid, on 2 February and 2 March.
    "COMPLETED": Way(pays, EARLY_FEBRUARY),
    "EXPIRED": Way(nothing, EARLY_FEBRUARY),
    # Fails on 28 February and on the next three days; on 2 and 3 March.
    "HALTED": Way(pays_and_then_fails, LATE_JANUARY, done=OVER),
    "PAST_DUE": Way(pays_and_then_fails, EARLY_FEBRUARY, done=OVER),
    "AUTHENTICATED": Way(pays_too_much, done=OVER),
    "ACTIVE": Way(pays, done={"cancel": "ACTIVE", "cancel-now": "CANCELLED", "pause": "PAUSED"}),
    "ACTIVE, cancelling at period end": Way(
        pays,
        ends=asks("cancel"),
        done={"keep": "ACTIVE", "cancel-now": "CANCELLED", "pause": "PAUSED"},
        shown_as="ACTIVE",
    ),
    "PAUSED": Way(
        pays,
        ends=asks("pause"),
        done={"cancel": "PAUSED", "cancel-now": "CANCELLED", "resume": "ACTIVE"},
    ),
    "CANCELLED": Way(pays, ends=asks("cancel-now")),
    "CREATED": Way(nothing, done=OVER),
    "free": Way(nothing, plan="plan_free", done=OVER, shown_as="ACTIVE"),
}


async def reach(world: World) -> dict[str, list[Person]]:
    """In each state one person for all refusals and one for each command that is done."""
    people: dict[str, list[Person]] = {}
    for since in (LATE_JANUARY, EARLY_FEBRUARY, NOW):
        await world.time.travel_to(since)
        begun = {state: way for state, way in WAYS.items() if way.since == since}
        for state, way in begun.items():
            people[state] = await asyncio.gather(
                *(subscribed(world, state, way.plan, number) for number in range(1 + len(way.done)))
            )
        await world.time.settle()
        noted = {
            entry["notes"]["bahi_subscription"]: entry["id"]
            for entry in (await world.simulator.books())["subscriptions"]
        }
        for state, way in begun.items():
            for person in people[state]:
                person.gateway_id = noted.get(person.subscription_id, "")
                await way.begins(person)
    await world.time.travel(timedelta(minutes=2))
    await asyncio.gather(*(way.ends(person) for state, way in WAYS.items() for person in people[state]))
    await world.time.settle()
    return people


async def subscribed(world: World, state: str, plan: str, number: int) -> Person:
    person = await world.person(f"{state.lower().split(',')[0]}-{len(state)}-{number}", state_code=KARNATAKA)
    answer = await person.http.post("/v1/subscriptions", json={"plan_id": plan})
    person.subscription_id = answer.json()["subscription_id"]
    return person


async def refuses(state: str, way: Way, person: Person) -> None:
    """Everything that is not done in this state, and nothing comes of it."""
    told = way.shown_as or state
    before = await shown(person)
    assert before["status"] == told, state
    assert sorted(before["allowed"]) == sorted(COMMANDS[name] for name in way.done), state
    for name in COMMANDS.keys() - way.done.keys():
        answer = await post(person, name)
        assert answer.status_code == 409, (state, name, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["state"] in (state, told), (state, name)
        assert problem["allowed"] == before["allowed"], (state, name)
        assert problem["detail"], (state, name)
    assert await shown(person) == before, state


async def does(state: str, person: Person, name: str, leads_to: str) -> None:
    answer = await post(person, name)
    assert (answer.status_code, answer.json()["status"]) == (200, leads_to), (state, name, answer.text)
    assert (await shown(person))["status"] == leads_to, (state, name)


async def test_every_command_in_every_state_says_what_happened_or_why_not(story: Story) -> None:
    assert set(COMMANDS.values()) == set(Command)
    settings = {"monthly_total_count": 2, "checkout_expires_after_seconds": 24 * 3600}
    async with story(LATE_JANUARY, same_state=False, **settings) as world:
        people = await reach(world)
        for state, way in WAYS.items():
            first, *others = people[state]
            await refuses(state, way, first)
            for person, (name, leads_to) in zip(others, way.done.items(), strict=True):
                await does(state, person, name, leads_to)
