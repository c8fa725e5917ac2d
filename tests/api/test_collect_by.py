"""Saying how a subscription is collected, with the real workflow, server and both gateways' stand-ins."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config.collecting import CollectBy, collected_by, way_of
from domain.subscription import Collection
from local.payer import Payer
from local.world import Person
from tests.world import OpenWorld

NOW = datetime(2026, 1, 1, 5, 0, tzinfo=UTC)


async def asked(person: Person, plan_id: str = "plan_pro", **how: Any) -> tuple[int, dict[str, Any]]:
    answer = await person.http.post("/v1/subscriptions", json={"plan_id": plan_id, **how})
    return answer.status_code, answer.json()


@pytest.mark.parametrize("way", CollectBy)
def test_every_way_is_a_gateway_and_a_clock_and_reads_back(way: CollectBy) -> None:
    gateway, collection = way_of(way)
    assert collected_by(gateway, collection.value) is way
    assert (collection is Collection.GATEWAY) == (way is CollectBy.RAZORPAY)


async def test_what_is_not_set_up_is_refused_naming_what_is_offered(world_at: OpenWorld) -> None:
    async with world_at(NOW) as world:
        asha = await world.person("asha")
        status, problem = await asked(asha, collect_by="phonepe")
        assert (status, problem["errors"][0]["field"]) == (422, "collect_by")
        assert "phonepe is not set up here; offered are razorpay, razorpay_tokens." in str(problem)
        status, problem = await asked(asha, collect_by="cash")
        assert (status, problem["errors"][0]["field"]) == (422, "collect_by")
        for way in CollectBy:
            assert way in str(problem["errors"])
        books = await world.simulator.books()
        assert books["subscriptions"] == []


async def test_a_customer_of_ours_gets_our_address_and_no_gateway_is_asked_before_somebody_comes(
    world_at: OpenWorld,
) -> None:
    async with world_at(NOW, with_phonepe=True) as world:
        asha = await world.person("asha")
        status, created = await asked(asha, collect_by="phonepe")
        assert status == 201, created
        address = f"{world.settings.public_url}/pay/{created['subscription_id']}"
        assert (created["short_url"], created["status"]) == (address, "CREATED")
        assert await asked(asha, collect_by="phonepe") == (200, created)
        assert await asked(asha) == (200, created)  # whoever does not care gets the one that is open
        assert world.phonepe is not None
        assert (await world.phonepe.books())["orders"] == []

        await asha.subscribe("plan_pro", collect_by="phonepe")
        await Payer(asha).pay()
        me = await asha.me()
        assert (me["status"], me["renews_at"]) == ("ACTIVE", "2026-02-01")
        status, problem = await asked(asha, collect_by="razorpay")
        assert (status, problem["state"]) == (409, "ACTIVE")


async def test_an_open_checkout_of_another_way_gives_place(world_at: OpenWorld) -> None:
    async with world_at(NOW, with_phonepe=True) as world:
        ravi = await world.person("ravi")
        _, ours = await asked(ravi, collect_by="phonepe")
        status, theirs = await asked(ravi, collect_by="razorpay")
        assert status == 201, theirs
        assert theirs["subscription_id"] != ours["subscription_id"]
        assert not theirs["short_url"].startswith(world.settings.public_url)
        old = (await ravi.http.get(f"/v1/subscriptions/{ours['subscription_id']}")).json()
        assert (old["status"], old["short_url"]) == ("CANCELLED", None)
        gone = await ravi.http.get(f"/pay/{ours['subscription_id']}")
        assert (gone.status_code, "Too late" in gone.text) == (410, True)

        status, again = await asked(ravi, collect_by="phonepe")
        assert (status, again["short_url"]) == (
            201,
            f"{world.settings.public_url}/pay/{again['subscription_id']}",
        )
        old = (await ravi.http.get(f"/v1/subscriptions/{theirs['subscription_id']}")).json()
        assert old["status"] == "CANCELLED"

        status, by_page = await asked(ravi, collect_by="phonepe", autopay=False)
        assert (status, by_page["subscription_id"] == again["subscription_id"]) == (201, False)


async def test_the_installation_says_how_those_who_do_not_care_are_collected(world_at: OpenWorld) -> None:
    async with world_at(NOW, with_phonepe=True, collect_by="phonepe") as world:
        mira = await world.person("mira")
        status, created = await asked(mira)
        assert (status, "/pay/" in created["short_url"]) == (201, True)
        free = await world.person("free")
        status, begun = await asked(free, "plan_free", collect_by="phonepe")
        assert (status, begun["status"], begun["short_url"]) == (201, "ACTIVE", None)
        assert (await free.http.get(f"/pay/{begun['subscription_id']}")).status_code == 404


async def test_between_two_rungs_the_payer_hears_that_it_is_tried_again_and_may_pay_instead(
    world_at: OpenWorld,
) -> None:
    async with world_at(NOW, with_phonepe=True) as world:
        asha = await world.person("asha")
        await asha.subscribe("plan_pro", collect_by="phonepe")
        payer = Payer(asha)
        await payer.pay()
        await payer.next_debits(*5 * [{"outcome": "failure", "code": "Z9"}])
        await world.time.travel(timedelta(days=31))
        for _ in range(40):  # until the first notice is used up and the next one is not given yet
            await world.time.travel(timedelta(hours=3))
            shown = await asha.http.get(f"/pay/{asha.subscription_id}")
            if "in the coming days" in shown.text:
                break
        assert "is debited by itself in the coming days" in shown.text, shown.text
        assert "Pay now instead" in shown.text
        assert (await asha.me())["status"] == "PAST_DUE"
        await payer.pay(instead=True)
        me = await asha.me()
        assert (me["status"], me["renews_at"]) == ("ACTIVE", "2026-03-01")


async def test_razorpay_sets_no_mandate_up_for_somebody_without_a_phone(world_at: OpenWorld) -> None:
    async with world_at(NOW) as world:
        ravi = await world.person("ravi")
        status, refused = await asked(ravi, collect_by="razorpay_tokens")
        assert (status, refused["errors"][0]["field"]) == (422, "phone"), refused
