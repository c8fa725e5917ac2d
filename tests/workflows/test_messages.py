"""What arrives while the loop is busy, twice, or after a roll-over is taken once and answered the same."""

import asyncio

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from domain.subscription import Command, Status
from local.world import Person, World
from tests.scenarios.telling import KARNATAKA, on, printed, stands
from tests.workflows.runs import runs_of
from tests.world import OpenWorld, until
from workflows import messages
from workflows.messages import CommandReply, CommandRequest, GatewayEvent


async def paying(world: World, method: str = "card") -> Person:
    person = await world.person("asha", state_code=KARNATAKA)
    await person.subscribe("plan_pro")
    await person.pay(method)
    return person


async def hint(person: Person, event_id: str) -> None:
    await person.world.workflow(person.subscription_id).signal(
        messages.GATEWAY_SIGNAL, GatewayEvent(event_id, "subscription.updated")
    )


async def ask(person: Person, request_id: str, command: Command) -> CommandReply:
    reply: CommandReply = await person.world.workflow(person.subscription_id).execute_update(
        messages.COMMAND_UPDATE, CommandRequest(request_id, command, "customer"), result_type=CommandReply
    )
    return reply


async def looks(person: Person) -> int:
    return (await runs_of(person))[-1].activities.count("read_collection")


async def is_looking(person: Person) -> bool:
    return await looks(person) > 0


async def has_rolled(person: Person) -> bool:
    return len(await runs_of(person)) > 1


async def test_a_gateway_event_told_many_times_is_looked_into_once(world_at: OpenWorld) -> None:
    async with world_at(on(2026, 1, 31)) as world:
        asha = await paying(world)
        before = await looks(asha)
        for _ in range(5):
            await hint(asha, "evt_one")
        await world.time.settle()
        assert await looks(asha) == before + 1

        # Also in the runs after this one.
        await world.time.travel_to(on(2026, 2, 28, "06:00"))
        before = await looks(asha)
        await hint(asha, "evt_one")
        await world.time.settle()
        assert await looks(asha) == before
        await hint(asha, "evt_two")
        await world.time.settle()
        assert await looks(asha) == before + 1


async def test_what_arrives_during_an_activity_waits_for_its_turn(world_at: OpenWorld) -> None:
    async with world_at(on(2026, 1, 31)) as world:
        asha = await paying(world)
        await world.simulator.control(
            "faults", {"kind": "latency", "seconds": 1, "path_regex": "/v1/invoices"}
        )
        await hint(asha, "evt_slow")
        await until(lambda: is_looking(asha))
        # The look is under way: hints, and a command that must not overtake it.
        for number in range(3):
            await hint(asha, f"evt_{number}")
        reply = await ask(asha, "c1", Command.CANCEL)
        assert (reply.status, reply.cancel_at_period_end) == (Status.ACTIVE, True)
        await world.time.settle()
        (rule,) = (await world.simulator.ask("faults"))["faults"]
        assert rule["struck"] == 1
        run = (await runs_of(asha))[-1]
        assert run.activities == [*4 * ["read_collection"], "record_change"]


async def test_a_command_sent_twice_at_once_is_one_command(world_at: OpenWorld) -> None:
    async with world_at(on(2026, 1, 31)) as world:
        asha = await paying(world)
        replies = await asyncio.gather(*(ask(asha, "p1", Command.PAUSE) for _ in range(3)))
        assert replies[0].status is Status.PAUSED
        assert replies == [replies[0]] * 3
        assert (await runs_of(asha))[-1].activities[:2] == ["instruct_gateway", "record_change"]
        assert (await runs_of(asha))[-1].activities.count("instruct_gateway") == 1


async def test_a_reply_is_remembered_across_the_roll_over(world_at: OpenWorld) -> None:
    async with world_at(on(2026, 1, 31)) as world:
        asha = await paying(world)
        cancelled = await ask(asha, "c1", Command.CANCEL)
        kept = await ask(asha, "k1", Command.KEEP)
        assert (cancelled.cancel_at_period_end, kept.cancel_at_period_end) == (True, False)
        runs = len(await runs_of(asha))
        await world.time.travel_to(on(2026, 3, 31, "06:00"))
        assert len(await runs_of(asha)) == runs + 2

        # Two renewals later the old request is a repetition: the same answer, and nothing is cancelled.
        assert await ask(asha, "c1", Command.CANCEL) == cancelled
        assert await ask(asha, "k1", Command.KEEP) == kept
        assert (await asha.me())["cancel_at_period_end"] is False
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await ask(asha, "k2", Command.KEEP)
        assert isinstance(refused.value.cause, ApplicationError)
        assert refused.value.cause.type == messages.REFUSED
        assert refused.value.cause.details == ("ACTIVE", ["cancel", "cancel-now", "pause"])


async def test_the_same_idempotency_key_is_one_command_at_the_api_too(world_at: OpenWorld) -> None:
    async with world_at(on(2026, 1, 31)) as world:
        asha = await paying(world)
        path = f"/v1/subscriptions/{asha.subscription_id}/cancel"
        answers = [await asha.http.post(path, headers={"Idempotency-Key": "leave-1"}) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 200]
        assert len({answer.text for answer in answers}) == 1
        other = await asha.http.post(path, headers={"Idempotency-Key": "leave-2"})
        assert other.status_code == 409


async def test_webhook_and_command_at_the_turn_of_the_cycle_both_count(world_at: OpenWorld) -> None:
    """The command arrives while the renewal is being settled, just before the run rolls over."""
    async with world_at(on(2026, 1, 31)) as world:
        asha = await paying(world)
        await world.time.travel_to(on(2026, 2, 27, "23:59"))
        await world.simulator.control(
            "faults", {"kind": "latency", "seconds": 1, "path_regex": "/v1/invoices"}
        )
        await world.simulator.control("webhooks/policy", {"charged_delay_seconds": 0})
        runs = len(await runs_of(asha))
        travelling = asyncio.create_task(world.time.travel_to(on(2026, 2, 28, "00:01")))
        await until(lambda: is_looking(asha))
        reply = await ask(asha, "c1", Command.CANCEL)
        await travelling
        assert reply.cancel_at_period_end
        assert await stands(asha) == "ACTIVE"
        assert len(await printed(asha)) == 2
        assert (await asha.me())["cancel_at_period_end"] is True
        assert len(await runs_of(asha)) == runs + 1


async def test_a_free_subscription_whose_run_is_gone_does_not_stop_the_paid_one(world_at: OpenWorld) -> None:
    async with world_at(on(2026, 1, 31)) as world:
        asha = await world.person("asha", state_code=KARNATAKA)
        await asha.subscribe("plan_free")
        await world.workflow(asha.subscription_id).terminate("an operator's slip")
        asked = await asha.http.post("/v1/subscriptions", json={"plan_id": "plan_pro"})
        asha.subscription_id = asked.json()["subscription_id"]
        (theirs,) = (await world.simulator.books())["subscriptions"]
        await world.simulator.act(theirs["id"], "authenticate", method="card", outcome="success")
        await world.simulator.advance(120)
        await until(lambda: has_rolled(asha))
        assert (await asha.me())["plan"] == "PRO"
        runs = await runs_of(asha)
        assert runs[0].activities[-1] == "settle_charge"
        assert "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED" in runs[0].kinds
        assert runs[1].commands == ["TIMER_STARTED"]


async def test_a_free_subscription_ends_when_asked_and_its_run_with_it(world_at: OpenWorld) -> None:
    async with world_at(on(2026, 1, 31)) as world:
        asha = await world.person("asha")
        await asha.subscribe("plan_free")
        (run,) = await runs_of(asha)
        assert run.activities == ["register_subscription"]
        assert "TIMER_STARTED" not in run.kinds
        answer = await asha.command("cancel")
        assert (answer.status_code, answer.json()["status"]) == (200, "CANCELLED")
        assert await world.workflow(asha.subscription_id).result() == Status.CANCELLED
        again = await asha.command("cancel")
        assert (again.status_code, again.json()["allowed"]) == (409, [])
