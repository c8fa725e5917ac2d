"""What a paid cycle costs, and that a run sleeps before it does anything else."""

from local.world import Person
from tests.scenarios.telling import KARNATAKA, on
from tests.workflows.runs import runs_of
from tests.world import OpenWorld
from workflows import messages
from workflows.messages import GatewayEvent

EVENTS_PER_PAID_CYCLE = 24


async def a_paid_year(person: Person) -> None:
    await person.subscribe("plan_pro")
    await person.pay("card")
    await person.world.time.travel_to(on(2027, 2, 1))


async def test_a_paid_cycle_is_one_short_run_that_begins_with_its_timer(world_at: OpenWorld) -> None:
    async with world_at(on(2026, 1, 31, "11:22")) as world:
        asha = await world.person("asha", state_code=KARNATAKA)
        await a_paid_year(asha)
        first, *cycles, sleeping = await runs_of(asha)

        assert first.activities == [
            "register_subscription",
            "open_checkout",
            "read_collection",
            "settle_charge",
        ]
        assert len(cycles) == 12
        for run in cycles:
            assert run.commands == ["TIMER_STARTED"]
            assert run.activities == ["read_collection", "settle_charge"]
            assert run.kinds[-1] == "WORKFLOW_EXECUTION_CONTINUED_AS_NEW"
            assert run.own_events <= EVENTS_PER_PAID_CYCLE, run.kinds
        assert sleeping.commands == ["TIMER_STARTED"]
        assert sleeping.activities == []
        assert sleeping.own_events <= 8, sleeping.kinds


async def test_a_renewal_that_no_webhook_tells_of_costs_as_little(world_at: OpenWorld) -> None:
    async with world_at(on(2026, 1, 31, "11:22")) as world:
        asha = await world.person("asha", state_code=KARNATAKA)
        await asha.subscribe("plan_pro")
        await asha.pay("card")
        await world.simulator.control("webhooks/policy", {"drop_all": True})
        await world.time.travel_to(on(2026, 5, 10))
        _, *cycles, sleeping = await runs_of(asha)
        assert len(cycles) == 3
        for run in cycles:
            assert run.commands == ["TIMER_STARTED"]
            assert run.activities == ["read_collection", "settle_charge"]
            assert run.own_events <= EVENTS_PER_PAID_CYCLE, run.kinds
        assert sleeping.commands == ["TIMER_STARTED"]


async def test_a_run_that_is_told_nothing_new_for_long_rolls_over_before_it_grows(
    world_at: OpenWorld,
) -> None:
    async with world_at(on(2026, 1, 31, "11:22")) as world:
        asha = await world.person("asha", state_code=KARNATAKA)
        await asha.subscribe("plan_pro")
        await asha.pay("card")
        workflow = world.workflow(asha.subscription_id)
        for number in range(60):
            hint = GatewayEvent(f"evt_{number}", "subscription.updated")
            await workflow.signal(messages.GATEWAY_SIGNAL, hint)
            if number % 10 == 9:
                await world.time.settle()
        runs = await runs_of(asha)
        assert max(len(run.history.events) for run in runs) < 500
        assert len(runs) >= 3
        assert sum(run.activities.count("read_collection") for run in runs[1:]) == 60
        assert runs[-1].commands == ["TIMER_STARTED"]
