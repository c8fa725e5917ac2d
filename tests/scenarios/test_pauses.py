"""Pauses: asked for here, made in the customer's UPI app, made in the gateway's dashboard."""

from datetime import date

from tests.scenarios.conftest import Story
from tests.scenarios.telling import (
    KARNATAKA,
    TAMIL_NADU,
    at_the_gateway,
    happened,
    india,
    on,
    plan,
    printed,
    shown,
    stands,
    taxes,
)


async def test_a_pause_across_a_cycle_charges_nothing_and_ends_with_the_next_cycle(story: Story) -> None:
    async with story(on(2026, 5, 12, "16:20")) as world:
        esha = await world.person("esha", state_code=TAMIL_NADU)
        await esha.subscribe("plan_pro")
        await esha.pay("card")
        await world.time.travel_to(on(2026, 6, 20))

        paused = await esha.command("pause")
        assert (paused.status_code, paused.json()["status"]) == (200, "PAUSED")
        assert await at_the_gateway(esha) == "paused"
        # What is paid for may be used up.
        assert india((await shown(esha))["access_until"]) == "2026-07-12 00:00"
        await world.time.travel_to(on(2026, 7, 11, "23:30"))
        assert await plan(esha) == "PRO"
        await world.time.travel_to(on(2026, 7, 12, "00:30"))
        assert (await stands(esha), await plan(esha)) == ("PAUSED", "FREE")

        await world.time.travel_to(on(2026, 7, 20))
        assert len(await printed(esha)) == 2
        resumed = await esha.command("resume")
        assert (resumed.status_code, resumed.json()["status"]) == (200, "ACTIVE")
        assert await plan(esha) == "PRO"
        history = await world.workflow(esha.subscription_id).fetch_history()
        await world.time.travel_to(on(2026, 8, 11))
        # Nothing is due before the next charge, so nobody asks the gateway day after day.
        assert (await world.workflow(esha.subscription_id).fetch_history()).run_id == history.run_id
        later = len((await world.workflow(esha.subscription_id).fetch_history()).events)
        assert later - len(history.events) < 20

        await world.time.travel_to(on(2027, 5, 1))
        invoices = await printed(esha)
        assert invoices[:4] == [
            ("BH26-27/000001", "2026-05-12", "2026-05-12", "2026-06-11"),
            ("BH26-27/000002", "2026-06-12", "2026-06-12", "2026-07-11"),
            ("BH26-27/000003", "2026-08-12", "2026-08-12", "2026-09-11"),
            ("BH26-27/000004", "2026-09-12", "2026-09-12", "2026-10-11"),
        ]
        assert len(invoices) == 11
        assert await taxes(esha) == 11 * [{"taxable": 4_236_44, "igst": 762_56, "total": 4_999_00}]
        assert (await shown(esha))["uncollected_cycles"] == []
        assert await happened(esha, "subscription.paused", "subscription.resumed", "entitlement.changed") == [
            (date(2026, 5, 12), "entitlement.changed"),
            (date(2026, 6, 20), "subscription.paused"),
            (date(2026, 7, 12), "entitlement.changed"),
            (date(2026, 7, 20), "subscription.resumed"),
            (date(2026, 7, 20), "entitlement.changed"),
        ]


async def test_a_pause_made_in_the_upi_app_can_only_be_lifted_there(story: Story) -> None:
    async with story(on(2026, 10, 3, "07:05")) as world:
        dev = await world.person("dev", state_code=KARNATAKA)
        await dev.subscribe("plan_basic")
        await dev.pay("upi")
        await world.time.travel_to(on(2026, 10, 20))

        await dev.at_gateway("customer_pause")
        assert (await stands(dev), await plan(dev)) == ("PAUSED", "BASIC")
        refused = await dev.command("resume")
        assert refused.status_code == 409
        assert refused.json()["state"] == "PAUSED"
        assert "only they can resume" in refused.json()["detail"]
        assert await stands(dev) == "PAUSED"

        await world.time.travel_to(on(2026, 11, 5))
        await dev.at_gateway("customer_resume")
        assert (await stands(dev), await plan(dev)) == ("ACTIVE", "BASIC")
        await world.time.travel_to(on(2026, 12, 10))
        assert await printed(dev) == [
            ("BH26-27/000001", "2026-10-03", "2026-10-03", "2026-11-02"),
            ("BH26-27/000002", "2026-12-03", "2026-12-03", "2027-01-02"),
        ]


async def test_what_is_done_in_the_gateways_dashboard_is_followed_as_a_fact(story: Story) -> None:
    async with story(on(2026, 6, 1, "12:00")) as world:
        asha, bharat, chitra, dev = [
            await world.person(name, state_code=KARNATAKA) for name in ("asha", "bharat", "chitra", "dev")
        ]
        for person, method in ((asha, "card"), (bharat, "card"), (chitra, "upi"), (dev, "card")):
            await person.subscribe("plan_basic")
            await person.pay(method)
        await world.time.travel_to(on(2026, 6, 10))

        await asha.at_gateway("dashboard_cancel")
        assert (await stands(asha), await plan(asha)) == ("CANCELLED", "BASIC")
        assert india((await shown(asha))["access_until"]) == "2026-07-01 00:00"

        await bharat.at_gateway("dashboard_pause")
        assert await stands(bharat) == "PAUSED"
        await bharat.at_gateway("dashboard_resume")
        assert await stands(bharat) == "ACTIVE"

        await chitra.at_gateway("revoke")
        assert (await stands(chitra), await plan(chitra)) == ("CANCELLED", "BASIC")
        assert (await chitra.command("keep")).status_code == 409

        # The gateway keeps this one to itself until the cycle ends.
        await dev.at_gateway("dashboard_cancel", cancel_at_cycle_end=True)
        assert await stands(dev) == "ACTIVE"

        await world.time.travel_to(on(2026, 7, 1, "12:00"))
        assert [await plan(each) for each in (asha, bharat, chitra, dev)] == ["FREE", "BASIC", "FREE", "FREE"]
        assert await stands(dev) == "CANCELLED"
        await world.time.travel_to(on(2026, 8, 5))
        assert [len(await printed(each)) for each in (asha, bharat, chitra, dev)] == [1, 3, 1, 1]
