"""The gateway is slow, down, loses its answers or hides what it has: what callers are told, and healing."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx

from domain.subscription import Subscription
from local.world import Person, World
from tests.scenarios import oracle
from tests.scenarios.telling import KARNATAKA, at_the_gateway, on, plan, printed, shown, stands
from tests.workflows.runs import runs_of
from tests.world import OpenWorld, until
from workflows import messages

CREATES = {"method": "POST", "path_regex": "/v1/subscriptions$"}
FOR_EVER = {"times": 0}


async def faults(world: World, *rules: dict[str, Any]) -> None:
    await world.simulator.control("faults", list(rules))


async def no_more_faults(world: World) -> None:
    await world.simulator.control("faults", method="DELETE")


async def struck(world: World) -> list[int]:
    return [rule["struck"] for rule in (await world.simulator.ask("faults"))["faults"]]


async def wants(person: Person) -> httpx.Response:
    answer = await person.http.post("/v1/subscriptions", json={"plan_id": "plan_pro"})
    person.subscription_id = answer.json().get("subscription_id", "")
    return answer


async def paying(world: World) -> Person:
    person = await world.person("asha", state_code=KARNATAKA)
    await person.subscribe("plan_pro")
    await person.pay("card")
    return person


async def has_checkout(person: Person) -> bool:
    return (await shown(person))["short_url"] is not None


async def at_gateway(person: Person) -> list[str]:
    """States of all that was made there for this one subscription."""
    return [
        entry["status"]
        for entry in (await person.world.simulator.books())["subscriptions"]
        if entry["notes"]["bahi_subscription"] == person.subscription_id
    ]


async def pays(person: Person) -> None:
    """At the checkout that is there, and all is well."""
    (theirs,) = [
        entry
        for entry in (await person.world.simulator.books())["subscriptions"]
        if entry["status"] == "created"
    ]
    person.gateway_id = theirs["id"]
    await person.pay("card")
    assert (await stands(person), await plan(person)) == ("ACTIVE", "PRO")
    await oracle.agree(person.world)


LOST: list[dict[str, Any]] = [
    {"kind": "drop_after_commit"},
    {"kind": "http_502_html", "after_commit": True},
    {"kind": "http_504", "after_commit": True},
    {"kind": "partial_json"},
    {"kind": "drop_before_commit"},
    {"kind": "http_500"},
]
PRICES = [
    ("plan_pro", "monthly"),
    ("plan_basic", "monthly"),
    ("plan_growth", "monthly"),
    ("plan_growth", "annual"),
    ("plan_starter", "monthly"),
    ("plan_starter", "annual"),
]
"""Each asked for by one customer, who is the first: the plan is to be made at the gateway too."""


async def test_an_answer_lost_on_creating_leaves_exactly_one_subscription(world_at: OpenWorld) -> None:
    async with world_at(on(2026, 3, 2)) as world:
        people = [await world.person(f"customer-{number}", state_code=KARNATAKA) for number in range(6)]
        for path in ("/v1/plans$", "/v1/subscriptions$"):
            rules = [
                {**CREATES, "path_regex": path, "nth": nth, **fault} for nth, fault in enumerate(LOST, 1)
            ]
            await faults(world, *rules)

        async def opens(person: Person, plan_id: str, interval: str) -> None:
            wanted = {"plan_id": plan_id, "interval": interval}
            answer = await person.http.post("/v1/subscriptions", json=wanted)
            assert answer.status_code in (201, 202), answer.text
            person.subscription_id = answer.json()["subscription_id"]
            await until(lambda: has_checkout(person))
            again = await person.http.post("/v1/subscriptions", json=wanted)
            assert (again.status_code, again.json()["short_url"]) == (200, (await shown(person))["short_url"])

        await asyncio.gather(*(opens(person, *price) for person, price in zip(people, PRICES, strict=True)))
        assert await struck(world) == 12 * [1]
        for person in people:
            assert await at_gateway(person) == ["created"]
        await oracle.agree(world)


async def test_what_a_lost_answer_left_behind_is_closed_with_the_subscription(world_at: OpenWorld) -> None:
    async with world_at(on(2026, 3, 2)) as world:
        asha = await world.person("asha", state_code=KARNATAKA)
        lost = {"kind": "drop_after_commit", **CREATES}
        unreadable = {"kind": "http_503", "method": "GET", **FOR_EVER}
        await faults(world, lost, unreadable)
        assert (await wants(asha)).status_code == 202
        await world.time.settle()  # three minutes of tries, and given up for now
        assert await at_gateway(asha) == ["created"]
        path, once = f"/v1/subscriptions/{asha.subscription_id}/cancel", {"Idempotency-Key": "away-1"}
        asking = asyncio.create_task(asha.http.post(path, headers=once))
        await until(lambda: is_searching(asha))
        await world.time.settle()
        assert (await asking).status_code == 503
        assert await stands(asha) == "CREATED"

        await no_more_faults(world)
        assert (await asha.http.post(path, headers=once)).json()["status"] == "CANCELLED"
        assert await at_gateway(asha) == ["cancelled"]
        await oracle.agree(world)


async def is_searching(person: Person) -> bool:
    return "find_checkout" in (await runs_of(person))[-1].activities


async def test_what_lists_hide_for_a_while_is_not_created_twice(world_at: OpenWorld) -> None:
    async with world_at(on(2026, 3, 2), gateway_list_lag_seconds=3) as world:
        await world.simulator.control("switches", {"list_lag_seconds": 1.5, "list_lag_by": "wall"})
        asha = await world.person("asha", state_code=KARNATAKA)
        await faults(world, {"kind": "drop_after_commit", **CREATES})
        assert (await wants(asha)).status_code == 202
        await until(lambda: has_checkout(asha))
        assert await struck(world) == [1]
        assert await at_gateway(asha) == ["created"]
        assert (await runs_of(asha))[-1].activities == ["register_subscription", "open_checkout"]
        await pays(asha)


async def test_bills_that_lists_hide_are_waited_for(world_at: OpenWorld) -> None:
    async with world_at(on(2026, 3, 2)) as world:
        asha = await paying(world)
        await world.simulator.control("switches", {"list_lag_seconds": 1800, "list_lag_by": "clock"})
        await world.time.travel_to(on(2026, 4, 2, "08:00"))
        assert len(await printed(asha)) == 2
        await world.time.travel_to(on(2026, 5, 3))
        assert len(await printed(asha)) == 3
        await oracle.agree(world)


async def test_a_slow_gateway_gets_a_place_to_ask_and_the_checkout_is_there_later(
    world_at: OpenWorld,
) -> None:
    async with world_at(on(2026, 3, 2)) as world:
        asha = await world.person("asha", state_code=KARNATAKA)
        await faults(world, {"kind": "latency", "seconds": 3, **CREATES})
        answer = await wants(asha)
        assert answer.status_code == 202
        assert answer.headers["location"] == answer.json()["ask"]
        asked = (await asha.http.get(answer.headers["location"])).json()
        assert (asked["status"], asked["short_url"]) == ("CREATED", None)
        await until(lambda: has_checkout(asha))
        assert await struck(world) == [1]
        await pays(asha)


async def test_a_gateway_that_is_down_for_a_quarter_of_an_hour_delays_the_checkout(
    world_at: OpenWorld,
) -> None:
    async with world_at(on(2026, 3, 2)) as world:
        asha = await world.person("asha", state_code=KARNATAKA)
        await faults(world, {"kind": "http_503", **CREATES, **FOR_EVER})
        assert (await wants(asha)).status_code == 202
        await world.time.travel_to(on(2026, 3, 2, "12:15"))
        assert not await has_checkout(asha)
        (failures,) = await struck(world)
        assert failures > 5
        await no_more_faults(world)
        # A run whose tries fail goes ahead of the world's clock, the further the busier the machine; its
        # waits grow to an hour.
        await world.time.travel_to(on(2026, 3, 2, "17:00"))
        assert await has_checkout(asha)
        await pays(asha)


async def test_a_gateway_that_refuses_is_an_answer_and_leaves_room(world_at: OpenWorld) -> None:
    async with world_at(on(2026, 3, 2), monthly_total_count=1201) as world:
        asha = await world.person("asha", state_code=KARNATAKA)
        refused = await wants(asha)
        assert refused.status_code == 409
        assert "Exceeds the maximum total_count" in refused.json()["detail"]
        assert await stands(asha) == "CANCELLED"
        await asha.subscribe("plan_growth", "annual")
        await asha.pay("card")
        assert await plan(asha) == "GROWTH"


async def test_a_gateway_that_does_not_know_our_keys_is_no_refusal_to_the_customer(
    world_at: OpenWorld,
) -> None:
    async with world_at(on(2026, 3, 2)) as world:
        asha = await world.person("asha", state_code=KARNATAKA)
        await faults(world, {"kind": "no_route", "times": 2, **CREATES})
        for _ in range(2):
            answer = await wants(asha)
            assert (answer.status_code, answer.json()["short_url"]) == (202, None)
        await world.time.travel(timedelta(minutes=30))
        assert await struck(world) == [2]
        assert (await wants(asha)).status_code == 200
        await pays(asha)


async def test_a_command_the_gateway_keeps_waiting_is_taken_and_done_later(world_at: OpenWorld) -> None:
    async with world_at(on(2026, 3, 2)) as world:
        asha = await paying(world)
        await faults(world, {"kind": "hang", "seconds": 5.5, "path_regex": "/cancel$"})
        path = f"/v1/subscriptions/{asha.subscription_id}/cancel-now"
        answer = await asha.http.post(path, headers={"Idempotency-Key": "over-1"})
        assert answer.status_code == 202
        assert answer.headers["location"] == f"/v1/subscriptions/{asha.subscription_id}"
        assert answer.headers["retry-after"]

        async def over() -> bool:
            return await stands(asha) == "CANCELLED"

        await until(over)
        assert await struck(world) == [1]
        assert (await at_the_gateway(asha), await plan(asha)) == ("cancelled", "FREE")
        await oracle.agree(world)


async def test_a_command_the_gateway_cannot_be_told_is_not_confirmed_and_may_be_sent_again(
    world_at: OpenWorld,
) -> None:
    async with world_at(on(2026, 3, 2)) as world:
        asha = await paying(world)
        await faults(world, {"kind": "http_503", "path_regex": "/pause$", **FOR_EVER})
        path, once = f"/v1/subscriptions/{asha.subscription_id}/pause", {"Idempotency-Key": "rest-1"}
        asking = asyncio.create_task(asha.http.post(path, headers=once))
        await until(lambda: is_under_way(asha))
        await world.time.settle()  # three minutes of tries
        answer = await asking
        assert answer.status_code == 503
        assert answer.json()["code"] == "gateway_unavailable"
        assert "repeat the same request" in answer.json()["detail"]
        assert (await stands(asha), await at_the_gateway(asha)) == ("ACTIVE", "active")
        assert (await struck(world))[0] > 3

        await no_more_faults(world)
        answer = await asha.http.post(path, headers=once)
        assert (answer.status_code, answer.json()["status"]) == (200, "PAUSED")
        assert await at_the_gateway(asha) == "paused"
        await oracle.agree(world)


async def is_under_way(person: Person) -> bool:
    return "instruct_gateway" in (await runs_of(person))[-1].activities


async def test_a_gateway_that_cannot_be_read_for_an_hour_costs_an_hour_and_no_more(
    world_at: OpenWorld,
) -> None:
    async with world_at(on(2026, 3, 2)) as world:
        asha = await paying(world)
        await world.time.travel_to(on(2026, 4, 1, "20:00"))
        await faults(world, {"kind": "http_500", "method": "GET", **FOR_EVER})
        await world.time.travel_to(on(2026, 4, 2, "00:50"))
        # It charged, but nobody could ask; who has paid so far keeps access.
        assert (await stands(asha), await plan(asha), len(await printed(asha))) == ("ACTIVE", "PRO", 1)
        assert (await struck(world))[0] > 10
        await no_more_faults(world)
        await world.time.travel_to(on(2026, 4, 2, "02:00"))
        assert len(await printed(asha)) == 2
        state = await world.workflow(asha.subscription_id).query(
            messages.STATE_QUERY, result_type=Subscription
        )
        assert state.paid_cycle == 1
        await oracle.agree(world)


async def test_a_planned_cancellation_is_told_as_soon_as_the_gateway_listens_again(
    world_at: OpenWorld,
) -> None:
    async with world_at(on(2026, 3, 2)) as world:
        asha = await paying(world)
        assert (await asha.command("cancel")).status_code == 200
        await faults(world, {"kind": "http_503", "path_regex": "/cancel$", **FOR_EVER})
        await world.time.travel_to(on(2026, 4, 1, "23:45"))
        assert (await stands(asha), await at_the_gateway(asha)) == ("ACTIVE", "active")
        assert (await struck(world))[0] > 3
        await no_more_faults(world)
        await world.time.travel_to(on(2026, 4, 2, "00:30"))
        # Too late for this one: it was charged at midnight. What is paid is booked, and usable to its end.
        assert (await stands(asha), await at_the_gateway(asha)) == ("CANCELLED", "cancelled")
        await oracle.agree(world)
