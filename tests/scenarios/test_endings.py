"""How subscriptions end: at the period's end, at once, unpaid; and taking that back."""

from datetime import date

from tests.scenarios.conftest import Story
from tests.scenarios.telling import (
    KARNATAKA,
    MAHARASHTRA,
    at_the_gateway,
    happened,
    india,
    letters,
    on,
    plan,
    printed,
    shown,
    stands,
    taxes,
)

A_DAY = 24 * 3600


async def test_a_cancellation_can_be_taken_back_until_the_last_hour_and_access_lasts_to_the_end(
    story: Story,
) -> None:
    async with story(on(2026, 7, 25, "13:00")) as world:
        esha = await world.person("esha", state_code=MAHARASHTRA)
        await esha.subscribe("plan_starter")
        await esha.pay("upi")
        await world.time.travel_to(on(2026, 9, 10))

        asked = await esha.command("cancel")
        assert (asked.status_code, asked.json()["status"]) == (200, "ACTIVE")
        assert india(asked.json()["access_until"]) == "2026-09-25 00:00"
        me = await esha.me()
        assert (me["cancel_at_period_end"], me["renews_at"]) == (True, None)
        assert (await shown(esha))["allowed"] == ["keep", "cancel-now", "pause"]
        again = await esha.command("cancel")
        assert (again.status_code, again.json()["allowed"]) == (409, ["keep", "cancel-now", "pause"])

        kept = await esha.command("keep")
        assert (kept.status_code, kept.json()["cancel_at_period_end"]) == (200, False)
        await world.time.travel_to(on(2026, 10, 1))
        assert len(await printed(esha)) == 3

        assert (await esha.command("cancel")).status_code == 200
        # Nothing can be seen of it at the gateway before the last hour.
        await world.time.travel_to(on(2026, 10, 24, "22:55"))
        assert (await stands(esha), await at_the_gateway(esha)) == ("ACTIVE", "active")
        await world.time.travel_to(on(2026, 10, 24, "23:30"))
        assert (await stands(esha), await at_the_gateway(esha)) == ("CANCELLED", "cancelled")
        assert await plan(esha) == "STARTER"
        assert (await esha.command("keep")).status_code == 409
        await world.time.travel_to(on(2026, 10, 25, "00:05"))
        assert await plan(esha) == "FREE"

        await world.time.travel_to(on(2027, 7, 25))
        assert await printed(esha) == [
            ("BH26-27/000001", "2026-07-25", "2026-07-25", "2026-08-24"),
            ("BH26-27/000002", "2026-08-25", "2026-08-25", "2026-09-24"),
            ("BH26-27/000003", "2026-09-25", "2026-09-25", "2026-10-24"),
        ]
        assert await taxes(esha) == 3 * [{"taxable": 799_00, "igst": 143_82, "total": 942_82}]
        assert await letters(esha) == ["cancelled"]
        assert (await happened(esha))[-2:] == [
            (date(2026, 10, 24), "subscription.cancelled"),
            (date(2026, 10, 25), "entitlement.changed"),
        ]
        # There is room for a new one.
        await esha.subscribe("plan_basic")
        await esha.pay("upi")
        assert await plan(esha) == "BASIC"


async def test_cancelled_now_is_over_now_at_both_ends(story: Story) -> None:
    async with story(on(2026, 11, 8, "21:00")) as world:
        asha = await world.person("asha", state_code=KARNATAKA)
        await asha.subscribe("plan_pro")
        await asha.pay("card")
        await world.time.travel_to(on(2026, 12, 20))

        over = await asha.command("cancel-now")
        assert (over.status_code, over.json()["status"], over.json()["access_until"]) == (
            200,
            "CANCELLED",
            None,
        )
        assert (await stands(asha), await plan(asha)) == ("CANCELLED", "FREE")
        assert await at_the_gateway(asha) == "cancelled"
        assert await letters(asha) == ["cancelled"]
        await world.time.travel_to(on(2027, 3, 1))
        assert len(await printed(asha)) == 2


async def test_a_cancellation_while_past_due_or_halted_is_at_once(story: Story) -> None:
    async with story(on(2026, 8, 1, "10:00")) as world:
        asha, bharat = [await world.person(name, state_code=KARNATAKA) for name in ("asha", "bharat")]
        for person in (asha, bharat):
            await person.subscribe("plan_basic")
            await person.pay("card")
            await person.next_charges("failure", "failure", "failure", "failure")
        await world.time.travel_to(on(2026, 9, 2, "12:00"))
        assert await stands(asha) == "PAST_DUE"
        over = await asha.command("cancel")
        assert (over.status_code, over.json()["status"]) == (200, "CANCELLED")
        assert (await plan(asha), await at_the_gateway(asha)) == ("FREE", "cancelled")

        await world.time.travel_to(on(2026, 9, 5, "12:00"))
        assert await stands(bharat) == "HALTED"
        over = await bharat.command("cancel")
        assert (over.status_code, over.json()["status"]) == (200, "CANCELLED")
        assert await at_the_gateway(bharat) == "cancelled"
        await world.time.travel_to(on(2026, 11, 1))
        assert [len(await printed(person)) for person in (asha, bharat)] == [1, 1]


async def test_a_checkout_nobody_pays_expires_and_another_can_be_opened(story: Story) -> None:
    async with story(on(2026, 4, 7, "10:00"), checkout_expires_after_seconds=A_DAY) as world:
        asha = await world.person("asha", state_code=KARNATAKA)
        first = await asha.subscribe("plan_pro")
        await asha.pay("card", outcome="failure", error_reason="payment_cancelled")
        assert await stands(asha) == "CREATED"
        assert await letters(asha) == ["payment_failed"]
        await world.time.travel_to(on(2026, 4, 8, "09:59"))
        assert await stands(asha) == "CREATED"
        await world.time.travel_to(on(2026, 4, 8, "10:30"))
        assert (await stands(asha), await plan(asha)) == ("EXPIRED", "FREE")
        assert await at_the_gateway(asha) == "expired"
        assert (await asha.command("cancel")).status_code == 409

        second = await asha.subscribe("plan_pro")
        assert second["short_url"] != first["short_url"]
        await asha.pay("card")
        assert await plan(asha) == "PRO"
        await world.time.travel_to(on(2026, 5, 10))
        assert await printed(asha) == [
            ("BH26-27/000001", "2026-04-08", "2026-04-08", "2026-05-07"),
            ("BH26-27/000002", "2026-05-08", "2026-05-08", "2026-06-07"),
        ]


async def test_a_payment_in_the_last_minute_before_expiry_counts_though_no_webhook_tells_of_it(
    story: Story,
) -> None:
    async with story(on(2026, 4, 7, "10:00"), checkout_expires_after_seconds=A_DAY) as world:
        asha = await world.person("asha", state_code=KARNATAKA)
        await asha.subscribe("plan_pro")
        await world.simulator.control("webhooks/policy", {"drop_all": True})
        await world.time.travel_to(on(2026, 4, 8, "09:59"))
        await world.simulator.act(asha.gateway_id, "authenticate", method="card", outcome="success")
        await world.time.travel_to(on(2026, 4, 8, "10:30"))

        assert (await stands(asha), await plan(asha)) == ("ACTIVE", "PRO")
        assert await at_the_gateway(asha) == "active"
        assert await printed(asha) == [("BH26-27/000001", "2026-04-08", "2026-04-08", "2026-05-07")]
        await world.time.travel_to(on(2026, 5, 10))
        assert len(await printed(asha)) == 2
