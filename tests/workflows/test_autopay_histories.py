"""What a cycle on our own clock costs, and that its run sleeps before it does anything else."""

from tests.scenarios.autopay import phonepe, subscribes
from tests.scenarios.telling import on
from tests.workflows.runs import Run, runs_of
from tests.world import OpenWorld

EVENTS_PER_CYCLE = 74
"""Mandate and order read, notice, read, both read, debit, read, settled; three calls of PhonePe's."""
EVENTS_WITHOUT_CALLS = 68
ASLEEP = 8
PAID_CYCLE = [
    "read_standing", "give_notice", "read_standing", "read_standing", "start_debit", "read_standing",
    "settle_charge",
]  # fmt: skip


def sleeps_first(run: Run) -> None:
    assert run.commands == ["TIMER_STARTED"]


async def test_a_debited_cycle_is_one_run_that_begins_with_its_timer_and_costs_little(
    world_at: OpenWorld,
) -> None:
    async with world_at(on(2026, 1, 31, "11:22"), with_phonepe=True) as world:
        asha = await subscribes(world, "asha", "plan_pro")
        await asha.pay()
        await world.time.travel_to(on(2026, 4, 10))
        await phonepe(world).control("webhooks/policy", {"drop_all": True})
        await world.time.travel_to(on(2026, 5, 10))

        first, *told, untold, sleeping = await runs_of(asha.person)
        assert first.activities == [
            "register_subscription", "offer_checkout", "open_page", "read_pages", "settle_charge",
            "record_mandate",
        ]  # fmt: skip
        assert len(told) == 2
        for run, most in (*((each, EVENTS_PER_CYCLE) for each in told), (untold, EVENTS_WITHOUT_CALLS)):
            sleeps_first(run)
            assert run.activities == PAID_CYCLE
            assert run.kinds[-1] == "WORKFLOW_EXECUTION_CONTINUED_AS_NEW"
            assert run.own_events <= most, run.kinds
        sleeps_first(sleeping)
        assert sleeping.activities == []
        assert sleeping.own_events <= ASLEEP, sleeping.kinds
