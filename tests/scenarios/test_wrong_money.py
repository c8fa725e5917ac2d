"""Money that is not what was asked for is set aside and reported, and pays for nothing."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from db import models
from domain.collection import GatewayStatus
from gateways.razorpay_client import RazorpayClient
from local.world import Person, World
from tests.scenarios.conftest import Story
from tests.scenarios.telling import KARNATAKA, letters, on, plan, printed, stands
from tests.world import until


async def aside(world: World) -> list[tuple[int | None, int, str, str | None]]:
    """Cycle, sum, currency and reason of what was quarantined."""
    row = models.Payment
    query = select(row.cycle, row.amount_paise, row.currency, row.reason).where(row.status == "quarantined")
    async with world.database.reading() as session:
        found = await session.execute(query.order_by(row.attempted_at))
        return [(cycle, amount, currency, reason) for cycle, amount, currency, reason in found]


async def in_suspense(world: World) -> int:
    """Balance of the suspense account in paise."""
    row = models.LedgerPosting
    async with world.database.reading() as session:
        amounts = await session.scalars(select(row.amount_paise).where(row.account == "suspense"))
        return sum(amounts.all())


@pytest.mark.parametrize(
    ("how", "quarantined", "suspense"),
    [
        ({"outcome": "wrong_amount", "amount": 4_998_99}, (0, 4_998_99, "INR"), -4_998_99),
        ({"outcome": "wrong_currency", "currency": "USD"}, (0, 4_999_00, "USD"), 0),
    ],
    ids=["amount", "currency"],
)
async def test_a_first_payment_of_something_else_begins_nothing(
    story: Story, how: dict[str, Any], quarantined: tuple[int, int, str], suspense: int
) -> None:
    async with story(on(2026, 8, 3, "12:30"), same_state=False) as world:
        asha = await world.person("asha", state_code=KARNATAKA)
        await asha.subscribe("plan_pro")
        await asha.pay("card", **how)
        await world.time.travel_to(on(2026, 8, 6))

        assert (await stands(asha), await plan(asha)) == ("AUTHENTICATED", "FREE")
        assert await printed(asha) == []
        ((*found, reason),) = await aside(world)
        assert tuple(found) == quarantined
        assert reason is not None and reason.startswith("paid ")
        assert await in_suspense(world) == suspense
        await operators_are_told(world, asha)


async def test_a_renewal_of_another_amount_renews_nothing_and_the_next_right_one_does(story: Story) -> None:
    async with story(on(2026, 8, 3, "12:30")) as world:
        asha = await world.person("asha", state_code=KARNATAKA)
        await asha.subscribe("plan_pro")
        await asha.pay("card")
        await asha.next_charges({"outcome": "wrong_amount", "amount": 5_000_00})
        await world.time.travel_to(on(2026, 9, 20))
        assert len(await printed(asha)) == 1
        assert [found[:3] for found in await aside(world)] == [(1, 5_000_00, "INR")]
        assert await in_suspense(world) == -5_000_00
        assert await letters(asha) == []
        await operators_are_told(world, asha)

        await world.time.travel_to(on(2026, 10, 10))
        assert (await stands(asha), await plan(asha)) == ("ACTIVE", "PRO")
        assert await printed(asha) == [
            ("BH26-27/000001", "2026-08-03", "2026-08-03", "2026-09-02"),
            ("BH26-27/000002", "2026-10-03", "2026-10-03", "2026-11-02"),
        ]


async def test_money_for_a_subscription_whose_run_is_over_wakes_it_and_is_set_aside(story: Story) -> None:
    """However it came to that: the row says EXPIRED, nobody runs, and the customer's money arrives."""
    async with story(on(2026, 8, 3, "12:30"), same_state=False) as world:
        asha = await world.person("asha", state_code=KARNATAKA)
        await asha.subscribe("plan_pro")
        await world.workflow(asha.subscription_id).terminate("an operator's slip")
        async with world.database.transaction() as session:
            await session.execute(update(models.Subscription).values(status="EXPIRED"))
        await asha.pay("upi")
        await until(lambda: has_set_aside(world))
        assert [found[:3] for found in await aside(world)] == [(0, 4_999_00, "INR")]
        assert await in_suspense(world) == -4_999_00
        await operators_are_told(world, asha)
        assert await printed(asha) == []
        assert (await stands(asha), await plan(asha)) == ("EXPIRED", "FREE")
        woken = world.workflow(asha.subscription_id)
        assert await woken.result() == "EXPIRED"


async def has_set_aside(world: World) -> bool:
    return bool(await aside(world))


async def operators_are_told(world: World, person: Person) -> None:
    """The money is on the operators' list, and the event went out."""
    async with world.operator() as operator:
        listed = (await operator.get("/admin/quarantine")).json()
    assert [entry["subscription_id"] for entry in listed["data"]] == [person.subscription_id]
    row = models.OutboxEvent
    async with world.database.reading() as session:
        told = await session.scalars(select(row.subscription_id).where(row.type == "payment.quarantined"))
        assert told.all() == [person.subscription_id]


async def test_five_rupees_that_only_tried_a_card_are_no_charge(story: Story) -> None:
    """Our API opens no trial yet, so the subscription with a later start is made at the gateway directly."""
    async with story(on(2026, 8, 3, "12:30"), same_state=False) as world:
        await world.simulator.control("webhooks/policy", {"drop_all": True})
        settings = world.settings
        razorpay = RazorpayClient(
            settings.razorpay_key_id, settings.razorpay_key_secret.get_secret_value(), world.simulator.url
        )
        item = {"name": "Trial", "amount": 999_00, "currency": "INR"}
        made_plan = await razorpay.ask(
            "plan", lambda sdk: sdk.plan.create({"period": "monthly", "interval": 1, "item": item})
        )
        starts = world.time.now + timedelta(days=14)
        trial = await razorpay.ask(
            "trial",
            lambda sdk: sdk.subscription.create(
                {
                    "plan_id": made_plan["id"],
                    "total_count": 12,
                    "start_at": int(starts.timestamp()),
                    "notes": {"trial": "of another system"},
                }
            ),
        )
        paid = await world.simulator.act(trial["id"], "authenticate", method="card", outcome="success")
        assert paid["payment"]["amount"] == 500

        for payment_id in (None, paid["payment"]["id"]):
            snapshot = await world.parts.gateway.read(
                trial["id"], settled=frozenset(), payment_id=payment_id, at=world.time.now
            )
            assert snapshot.status is GatewayStatus.AUTHENTICATED
            assert snapshot.invoices == ()
            assert snapshot.paid_count == 0
        await razorpay.ask("cancel", lambda sdk: sdk.subscription.cancel(trial["id"]))
        await razorpay.close()
        async with world.database.reading() as session:
            assert (await session.scalars(select(models.Payment))).all() == []
