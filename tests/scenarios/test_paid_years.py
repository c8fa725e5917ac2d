"""Years in which everybody pays on time."""

from datetime import date

from tests.scenarios.conftest import Story
from tests.scenarios.telling import (
    KARNATAKA,
    MAHARASHTRA,
    at_the_gateway,
    happened,
    letters,
    moves,
    on,
    plan,
    printed,
    receipts,
    shown,
    stands,
    taxes,
)


async def test_a_year_of_pro_from_31_january_in_the_sellers_own_state(story: Story) -> None:
    async with story(on(2026, 1, 31, "11:22")) as world:
        asha = await world.person("asha", state_code=KARNATAKA)
        await asha.subscribe("plan_pro")
        assert await stands(asha) == "CREATED"
        assert await plan(asha) == "FREE"
        await asha.pay("card")
        assert await stands(asha) == "ACTIVE"
        assert await plan(asha) == "PRO"
        assert (await asha.me())["renews_at"] == "2026-02-28"

        await world.time.travel_to(on(2027, 1, 15))

        # The month's last day where it has no 31st; numbers begin anew with the financial year in April.
        assert await printed(asha) == [
            ("BH25-26/000001", "2026-01-31", "2026-01-31", "2026-02-27"),
            ("BH25-26/000002", "2026-02-28", "2026-02-28", "2026-03-30"),
            ("BH25-26/000003", "2026-03-31", "2026-03-31", "2026-04-29"),
            ("BH26-27/000001", "2026-04-30", "2026-04-30", "2026-05-30"),
            ("BH26-27/000002", "2026-05-31", "2026-05-31", "2026-06-29"),
            ("BH26-27/000003", "2026-06-30", "2026-06-30", "2026-07-30"),
            ("BH26-27/000004", "2026-07-31", "2026-07-31", "2026-08-30"),
            ("BH26-27/000005", "2026-08-31", "2026-08-31", "2026-09-29"),
            ("BH26-27/000006", "2026-09-30", "2026-09-30", "2026-10-30"),
            ("BH26-27/000007", "2026-10-31", "2026-10-31", "2026-11-29"),
            ("BH26-27/000008", "2026-11-30", "2026-11-30", "2026-12-30"),
            ("BH26-27/000009", "2026-12-31", "2026-12-31", "2027-01-30"),
        ]
        # ₹4,999 with the tax inside: 4,236.44 and twice 381.28.
        assert await taxes(asha) == 12 * [
            {"taxable": 4_236_44, "cgst": 381_28, "sgst": 381_28, "total": 4_999_00}
        ]
        assert await receipts(asha) == 12
        assert await letters(asha) == []
        assert (await asha.me())["renews_at"] == "2027-01-31"


async def test_an_annual_plan_begun_on_29_february_comes_back_to_it_in_leap_years(story: Story) -> None:
    async with story(on(2028, 2, 29, "17:45")) as world:
        asha = await world.person("asha", state_code=KARNATAKA)
        await asha.subscribe("plan_starter", "annual")
        await asha.pay("card")
        assert await plan(asha) == "STARTER"

        await world.time.travel_to(on(2032, 3, 1))

        assert await printed(asha) == [
            ("BH27-28/000001", "2028-02-29", "2028-02-29", "2029-02-27"),
            ("BH28-29/000001", "2029-02-28", "2029-02-28", "2030-02-27"),
            ("BH29-30/000001", "2030-02-28", "2030-02-28", "2031-02-27"),
            ("BH30-31/000001", "2031-02-28", "2031-02-28", "2032-02-28"),
            ("BH31-32/000001", "2032-02-29", "2032-02-29", "2033-02-27"),
        ]
        # ₹7,990 and 18 % on top.
        assert await taxes(asha) == 5 * [
            {"taxable": 7_990_00, "cgst": 719_10, "sgst": 719_10, "total": 9_428_20}
        ]


async def test_who_moves_to_another_state_pays_the_same_and_gets_the_other_tax(story: Story) -> None:
    async with story(on(2026, 4, 10, "09:00")) as world:
        asha = await world.person("asha", state_code=KARNATAKA)
        await asha.subscribe("plan_growth")
        await asha.pay("upi")
        await world.time.travel_to(on(2026, 5, 20))

        await moves(asha, MAHARASHTRA, "Mumbai", "400050")
        await world.time.travel_to(on(2026, 7, 20))
        await moves(asha, "35", "Port Blair", "744101")
        await world.time.travel_to(on(2026, 8, 20))

        within = {"taxable": 2_999_00, "cgst": 269_91, "sgst": 269_91, "total": 3_538_82}
        across = {"taxable": 2_999_00, "igst": 539_82, "total": 3_538_82}
        assert await taxes(asha) == [within, within, across, across, across]
        places = [invoice["place_of_supply"] for invoice in await asha.invoices()]
        assert places == ["29", "29", "27", "27", "35"]
        # What was issued before the move stays as it was.
        first = (await asha.invoices())[0]
        printed_then = (await asha.http.get(f"/v1/invoices/{first['id']}")).json()["buyer"]
        assert printed_then["state_code"] == "29"


async def test_the_free_plan_is_there_at_once_and_ends_when_a_paid_one_is_paid(story: Story) -> None:
    async with story(on(2026, 3, 1, "10:00")) as world:
        asha = await world.person("asha", state_code="")  # nobody asks for a State before money is asked for
        free = await asha.subscribe("plan_free")
        assert (free["status"], free["short_url"]) == ("ACTIVE", None)
        free_id = asha.subscription_id
        await world.time.travel_to(on(2026, 4, 1))
        assert await stands(asha) == "ACTIVE"

        await moves(asha, KARNATAKA, "Bengaluru", "560001")
        await asha.subscribe("plan_basic")
        assert asha.subscription_id != free_id
        me = await asha.me()
        assert (me["plan"], me["pending"]["plan"]) == ("FREE", "BASIC")
        assert await plan(asha) == "FREE"

        await asha.pay("upi")
        assert await plan(asha) == "BASIC"
        assert (await asha.me())["plan"] == "BASIC"
        old = (await asha.http.get(f"/v1/subscriptions/{free_id}")).json()
        assert old["status"] == "CANCELLED"

        await world.time.travel_to(on(2026, 7, 15))
        assert await printed(asha) == [
            ("BH26-27/000001", "2026-04-01", "2026-04-01", "2026-04-30"),
            ("BH26-27/000002", "2026-05-01", "2026-05-01", "2026-05-31"),
            ("BH26-27/000003", "2026-06-01", "2026-06-01", "2026-06-30"),
            ("BH26-27/000004", "2026-07-01", "2026-07-01", "2026-07-31"),
        ]
        assert await taxes(asha) == 4 * [
            {"taxable": 846_61, "cgst": 76_19, "sgst": 76_19, "round_off": 1, "total": 999_00}
        ]


async def test_the_agreed_number_of_cycles_ends_it_and_access_lasts_to_the_end(story: Story) -> None:
    async with story(on(2026, 8, 15, "20:30"), monthly_total_count=3) as world:
        asha = await world.person("asha", state_code=KARNATAKA)
        await asha.subscribe("plan_pro")
        await asha.pay("card")
        await world.time.travel_to(on(2026, 10, 14, "23:00"))
        assert await stands(asha) == "ACTIVE"

        await world.time.travel_to(on(2026, 10, 15, "03:00"))
        assert await stands(asha) == "COMPLETED"
        assert await at_the_gateway(asha) == "completed"
        assert await plan(asha) == "PRO"
        assert (await shown(asha))["access_until"] == on(2026, 11, 15, "00:00").isoformat().replace(
            "+00:00", "Z"
        )

        await world.time.travel_to(on(2026, 11, 14, "23:50"))
        assert await plan(asha) == "PRO"
        await world.time.travel_to(on(2026, 11, 15, "00:10"))
        assert await plan(asha) == "FREE"
        assert await printed(asha) == [
            ("BH26-27/000001", "2026-08-15", "2026-08-15", "2026-09-14"),
            ("BH26-27/000002", "2026-09-15", "2026-09-15", "2026-10-14"),
            ("BH26-27/000003", "2026-10-15", "2026-10-15", "2026-11-14"),
        ]
        assert await happened(asha, "subscription.completed", "entitlement.changed") == [
            (date(2026, 8, 15), "entitlement.changed"),
            (date(2026, 10, 15), "subscription.completed"),
            (date(2026, 11, 15), "entitlement.changed"),
        ]
