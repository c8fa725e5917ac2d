"""Asking for a subscription: again, for another plan, beside one in force, without a State."""

import asyncio
from datetime import date

from tests.scenarios.conftest import Story
from tests.scenarios.telling import (
    KARNATAKA,
    at_the_gateway,
    happened,
    letters,
    moves,
    on,
    plan,
    printed,
    shown,
    stands,
)

WANTED = "/v1/subscriptions"


async def test_asking_again_gives_the_same_checkout_and_another_plan_replaces_it(story: Story) -> None:
    async with story(on(2026, 5, 4, "10:00")) as world:
        asha = await world.person("asha", state_code=KARNATAKA)
        first = await asha.subscribe("plan_basic")
        again = await asha.http.post(WANTED, json={"plan_id": "plan_basic"})
        assert again.status_code == 200
        assert again.json() == first
        at_once = await asyncio.gather(
            *(asha.http.post(WANTED, json={"plan_id": "plan_basic"}) for _ in range(3))
        )
        assert {answer.json()["short_url"] for answer in at_once} == {first["short_url"]}

        basic_at_gateway = asha.gateway_id
        pro = await asha.subscribe("plan_pro")
        assert pro["subscription_id"] != first["subscription_id"]
        replaced = (await asha.http.get(f"{WANTED}/{first['subscription_id']}")).json()
        assert replaced["status"] == "CANCELLED"
        theirs = (await world.simulator.books(basic_at_gateway))["subscriptions"][0]
        assert theirs["status"] == "cancelled"

        # Annual instead of monthly is something else too.
        await asha.subscribe("plan_growth", "annual")
        await asha.pay("card")
        assert await plan(asha) == "GROWTH"
        taken = await asha.http.post(WANTED, json={"plan_id": "plan_pro"})
        assert (taken.status_code, taken.json()["state"]) == (409, "ACTIVE")
        assert taken.json()["allowed"] == ["cancel", "cancel-now", "pause"]
        assert "subscribe again" in taken.json()["detail"]
        same = await asha.http.post(WANTED, json={"plan_id": "plan_growth", "interval": "annual"})
        assert same.status_code == 409
        await world.time.travel_to(on(2026, 6, 10))
        assert await printed(asha) == [("BH26-27/000001", "2026-05-04", "2026-05-04", "2027-05-03")]


async def test_without_a_state_on_record_nothing_is_asked_for_or_charged(story: Story) -> None:
    async with story(on(2026, 5, 4, "10:00")) as world:
        asha = await world.person("asha", state_code="")
        refused = await asha.http.post(WANTED, json={"plan_id": "plan_pro"})
        assert refused.status_code == 422
        assert [fault["field"] for fault in refused.json()["errors"]] == ["state_code"]
        assert "PUT /v1/billing-details" in refused.json()["detail"]
        assert (await world.simulator.books())["subscriptions"] == []
        assert await stands(asha) == "NONE"

        await moves(asha, KARNATAKA, "Bengaluru", "560001")
        await asha.subscribe("plan_pro")
        await asha.pay("card")
        assert await plan(asha) == "PRO"


async def test_the_same_key_is_one_request_however_often_it_comes(story: Story) -> None:
    async with story(on(2026, 5, 4, "10:00")) as world:
        asha = await world.person("asha", state_code=KARNATAKA)
        headers = {"Idempotency-Key": "order-17"}
        wanted = {"plan_id": "plan_pro"}
        answers = [await asha.http.post(WANTED, json=wanted, headers=headers) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [201, 201, 201]
        assert len({answer.text for answer in answers}) == 1
        other = await asha.http.post(WANTED, json={"plan_id": "plan_basic"}, headers=headers)
        assert other.status_code == 422
        assert len((await world.simulator.books())["subscriptions"]) == 1


async def test_a_first_payment_that_failed_may_be_tried_again_at_the_same_checkout(story: Story) -> None:
    async with story(on(2026, 5, 4, "10:00")) as world:
        asha = await world.person("asha", state_code=KARNATAKA)
        await asha.subscribe("plan_pro")
        await asha.pay("card", outcome="failure", error_reason="insufficient_funds")
        await asha.pay("upi", outcome="failure", error_reason="payment_timed_out")
        assert (await stands(asha), await plan(asha)) == ("CREATED", "FREE")
        assert await letters(asha) == ["payment_failed", "payment_failed"]
        await world.time.travel_to(on(2026, 5, 5))
        await asha.pay("upi")
        assert (await stands(asha), await plan(asha)) == ("ACTIVE", "PRO")
        assert await printed(asha) == [("BH26-27/000001", "2026-05-05", "2026-05-05", "2026-06-04")]
        assert await happened(asha, "payment.failed", "subscription.activated", "subscription.past_due") == [
            (date(2026, 5, 4), "payment.failed"),
            (date(2026, 5, 4), "payment.failed"),
            (date(2026, 5, 5), "subscription.activated"),
        ]
        await world.time.travel_to(on(2026, 6, 10))
        assert len(await printed(asha)) == 2


async def test_a_bank_that_confirms_a_mandate_a_day_later_begins_the_subscription_then(story: Story) -> None:
    async with story(on(2026, 5, 4, "10:00")) as world:
        asha = await world.person("asha", state_code=KARNATAKA)
        await asha.subscribe("plan_pro")
        await asha.pay("emandate")
        assert await stands(asha) == "CREATED"
        await world.time.travel_to(on(2026, 5, 5, "11:00"))
        assert (await stands(asha), await plan(asha)) == ("ACTIVE", "PRO")
        assert await at_the_gateway(asha) == "active"
        # Each debit too is answered a day later; access stays.
        await world.time.travel_to(on(2026, 6, 5, "12:00"))
        assert (await stands(asha), len(await printed(asha))) == ("ACTIVE", 1)
        await world.time.travel_to(on(2026, 6, 6, "12:00"))
        assert (await printed(asha))[1:] == [("BH26-27/000002", "2026-06-06", "2026-06-05", "2026-07-04")]
        assert (await shown(asha))["renews_at"] == "2026-07-05"
