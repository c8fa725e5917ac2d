"""Renewals that fail: once, twice, for good; and how their customers come back."""

from datetime import date, timedelta

from sqlalchemy import select

from db import models
from tests.scenarios.conftest import Story
from tests.scenarios.telling import (
    CARD,
    DELHI,
    KARNATAKA,
    MAHARASHTRA,
    at_the_gateway,
    happened,
    letters,
    on,
    plan,
    printed,
    shown,
    stands,
    taxes,
)


async def test_a_renewal_that_fails_twice_and_recovers_costs_one_invoice_and_tells_of_each_rung(
    story: Story,
) -> None:
    async with story(on(2026, 1, 15, "18:40")) as world:
        bharat = await world.person("bharat", state_code=MAHARASHTRA)
        await bharat.subscribe("plan_growth")
        await bharat.pay("upi")
        await world.time.travel_to(on(2026, 3, 10))
        await bharat.next_charges("failure", "failure", "success")

        await world.time.travel_to(on(2026, 3, 15, "01:00"))
        assert (await stands(bharat), await plan(bharat)) == ("PAST_DUE", "GROWTH")
        assert await letters(bharat) == ["payment_failed"]
        await world.time.travel_to(on(2026, 3, 16, "01:00"))
        assert (await stands(bharat), await plan(bharat)) == ("PAST_DUE", "GROWTH")
        assert await letters(bharat) == ["payment_failed", "payment_failed"]
        await world.time.travel_to(on(2026, 3, 17, "01:00"))
        assert (await stands(bharat), await plan(bharat)) == ("ACTIVE", "GROWTH")

        await world.time.travel_to(on(2027, 1, 10))
        assert await letters(bharat) == ["payment_failed", "payment_failed"]
        invoices = await printed(bharat)
        assert invoices[1:4] == [
            ("BH25-26/000002", "2026-02-15", "2026-02-15", "2026-03-14"),
            ("BH25-26/000003", "2026-03-17", "2026-03-15", "2026-04-14"),
            ("BH26-27/000001", "2026-04-15", "2026-04-15", "2026-05-14"),
        ]
        assert len(invoices) == 12
        # ₹2,999 and 18 % on top, to another State.
        assert await taxes(bharat) == 12 * [{"taxable": 2_999_00, "igst": 539_82, "total": 3_538_82}]
        assert await happened(
            bharat, "payment.failed", "subscription.past_due", "subscription.recovered"
        ) == [
            (date(2026, 3, 15), "payment.failed"),
            (date(2026, 3, 15), "subscription.past_due"),
            (date(2026, 3, 16), "payment.failed"),
            (date(2026, 3, 17), "subscription.recovered"),
        ]


async def test_after_four_failures_it_is_free_until_a_new_method_and_what_was_missed_is_known(
    story: Story,
) -> None:
    async with story(on(2026, 4, 5, "08:15")) as world:
        chitra = await world.person("chitra", state_code=DELHI)
        await chitra.subscribe("plan_pro")
        await chitra.pay("card")
        await chitra.next_charges("failure", "failure", "failure", "failure")

        ladder = []
        for day in (5, 6, 7, 8):
            await world.time.travel_to(on(2026, 5, day, "01:00"))
            ladder.append((await stands(chitra), await plan(chitra)))
        assert ladder == [("PAST_DUE", "PRO"), ("PAST_DUE", "PRO"), ("PAST_DUE", "PRO"), ("HALTED", "FREE")]
        assert await letters(chitra) == ["payment_failed"] * 4 + ["halted"]
        assert (await shown(chitra))["uncollected_cycles"] == [1]
        again = await chitra.http.post("/v1/subscriptions", json={"plan_id": "plan_pro"})
        assert (again.status_code, again.json()["state"]) == (409, "HALTED")

        # Another bill is issued that nobody tries to collect.
        await world.time.travel_to(on(2026, 6, 10))
        assert (await stands(chitra), await at_the_gateway(chitra)) == ("HALTED", "halted")
        assert (await shown(chitra))["uncollected_cycles"] == [1, 2]

        await chitra.at_gateway("change_method", **CARD)
        assert (await stands(chitra), await plan(chitra)) == ("ACTIVE", "PRO")
        await world.time.travel_to(on(2027, 4, 1))
        assert (await shown(chitra))["uncollected_cycles"] == [1, 2]
        invoices = await printed(chitra)
        assert invoices[:3] == [
            ("BH26-27/000001", "2026-04-05", "2026-04-05", "2026-05-04"),
            ("BH26-27/000002", "2026-07-05", "2026-07-05", "2026-08-04"),
            ("BH26-27/000003", "2026-08-05", "2026-08-05", "2026-09-04"),
        ]
        assert len(invoices) == 10
        # ₹4,999 with the tax inside, to another State: IGST, where the halves were 381.28 each.
        assert await taxes(chitra) == 10 * [{"taxable": 4_236_44, "igst": 762_56, "total": 4_999_00}]
        assert await happened(
            chitra,
            "subscription.halted",
            "subscription.recovered",
            "charge.uncollected",
            "entitlement.changed",
        ) == [
            (date(2026, 4, 5), "entitlement.changed"),
            (date(2026, 5, 8), "subscription.halted"),
            (date(2026, 5, 8), "entitlement.changed"),
            (date(2026, 5, 8), "charge.uncollected"),
            (date(2026, 6, 5), "charge.uncollected"),
            (date(2026, 6, 10), "subscription.recovered"),
            (date(2026, 6, 10), "entitlement.changed"),
        ]
        # The new card was tried with ₹5 that came back: no revenue, no trace in our books.
        tried = [
            payment
            for entry in (await world.simulator.books(chitra.gateway_id))["subscriptions"]
            for payment in entry["payments"]
            if payment["invoice_id"] is None
        ]
        assert [(each["amount"], each["amount_refunded"]) for each in tried] == [(500, 500)]
        async with world.database.reading() as session:
            known = await session.scalars(select(models.Payment.amount_paise).distinct())
            assert set(known.all()) == {4_999_00}


async def test_a_new_method_while_it_is_past_due_pays_at_once(story: Story) -> None:
    async with story(on(2026, 9, 20, "10:00")) as world:
        dev = await world.person("dev", state_code=KARNATAKA)
        await dev.subscribe("plan_basic")
        await dev.pay("card")
        await dev.next_charges({"outcome": "failure", "error_reason": "card_expired"})
        await world.time.travel_to(on(2026, 10, 20, "09:00"))
        assert await stands(dev) == "PAST_DUE"
        assert await letters(dev) == ["new_method_needed"]

        await dev.at_gateway("change_method", **CARD)
        assert await stands(dev) == "ACTIVE"
        assert (await printed(dev))[1:] == [("BH26-27/000002", "2026-10-20", "2026-10-20", "2026-11-19")]
        await world.time.travel_to(on(2026, 11, 25))
        assert len(await printed(dev)) == 3


async def test_a_payment_that_failed_and_succeeds_late_counts(story: Story) -> None:
    async with story(on(2026, 2, 10, "10:00")) as world:
        esha = await world.person("esha", state_code=KARNATAKA)
        await esha.subscribe("plan_basic")
        await esha.pay("upi")
        two_hours = int(timedelta(hours=2).total_seconds())
        await esha.next_charges({"outcome": "late_success", "after_seconds": two_hours})

        await world.time.travel_to(on(2026, 3, 10, "01:00"))
        assert await stands(esha) == "PAST_DUE"
        await world.time.travel_to(on(2026, 3, 10, "03:00"))
        assert await stands(esha) == "ACTIVE"
        assert (await printed(esha))[1:] == [("BH25-26/000002", "2026-03-10", "2026-03-10", "2026-04-09")]

        # After the last rung, when it was halted already.
        late = {"outcome": "late_success", "after_seconds": two_hours}
        await esha.next_charges("failure", "failure", "failure", late)
        await world.time.travel_to(on(2026, 4, 13, "01:00"))
        assert (await stands(esha), await plan(esha)) == ("HALTED", "FREE")
        await world.time.travel_to(on(2026, 4, 13, "03:00"))
        assert (await stands(esha), await plan(esha)) == ("ACTIVE", "BASIC")
        assert (await shown(esha))["uncollected_cycles"] == []
        assert (await printed(esha))[2:] == [("BH26-27/000001", "2026-04-13", "2026-04-10", "2026-05-09")]
        await world.time.travel_to(on(2026, 5, 15))
        assert len(await printed(esha)) == 4
