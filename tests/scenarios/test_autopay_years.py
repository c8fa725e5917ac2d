"""Years with PhonePe: debited in silence each month, or paid on a page each year where no mandate may."""

from datetime import date

from tests.scenarios.autopay import debits, mandate_state, orders, phonepe, subscribes
from tests.scenarios.conftest import Story
from tests.scenarios.telling import MAHARASHTRA, happened, letters, on, plan, printed, shown, stands, taxes


async def test_months_by_autopay_to_the_agreed_end_and_years_by_page_above_what_a_mandate_may_carry(
    story: Story,
) -> None:
    async with story(on(2026, 1, 31, "11:22"), with_phonepe=True, monthly_total_count=4) as world:
        asha = await subscribes(world, "asha", "plan_pro")
        bharat = await subscribes(world, "bharat", "plan_growth", "annual", state_code=MAHARASHTRA)
        await asha.pay()
        await bharat.pay()
        assert (await stands(asha.person), await plan(asha.person)) == ("ACTIVE", "PRO")
        assert (await stands(bharat.person), await plan(bharat.person)) == ("ACTIVE", "GROWTH")
        [setup] = await orders(asha, "setup")
        # The first debit is the payment; twice as much may be taken later, and no more.
        [mandate] = (await phonepe(world).books())["subscriptions"]
        assert (setup["amount"], mandate["maxAmount"]) == (4_999_00, 9_998_00)

        await world.time.travel_to(on(2026, 4, 30, "06:00"))
        assert (await stands(asha.person), await plan(asha.person)) == ("COMPLETED", "PRO")
        assert await printed(asha.person) == [
            ("BH25-26/000001", "2026-01-31", "2026-01-31", "2026-02-27"),
            ("BH25-26/000003", "2026-02-28", "2026-02-28", "2026-03-30"),
            ("BH25-26/000004", "2026-03-31", "2026-03-31", "2026-04-29"),
            ("BH26-27/000001", "2026-04-30", "2026-04-30", "2026-05-30"),
        ]
        assert await taxes(asha.person) == 4 * [
            {"taxable": 4_236_44, "cgst": 381_28, "sgst": 381_28, "total": 4_999_00}
        ]
        assert await debits(asha) == [
            (date(2026, 2, 26), [(date(2026, 2, 28), "COMPLETED")]),
            (date(2026, 3, 29), [(date(2026, 3, 31), "COMPLETED")]),
            (date(2026, 4, 28), [(date(2026, 4, 30), "COMPLETED")]),
        ]
        assert await mandate_state(asha) == "CANCELLED"

        await world.time.travel_to(on(2027, 1, 28, "12:00"))
        assert (await plan(asha.person), await letters(asha.person)) == ("FREE", [])
        assert await letters(bharat.person) == ["payment_due"]
        await bharat.pay()
        await world.time.travel_to(on(2027, 2, 5))
        assert await letters(bharat.person) == ["payment_due"]
        assert await stands(bharat.person) == "ACTIVE"
        assert await printed(bharat.person) == [
            ("BH25-26/000002", "2026-01-31", "2026-01-31", "2027-01-30"),
            ("BH26-27/000002", "2027-01-28", "2027-01-31", "2028-01-30"),
        ]
        assert await taxes(bharat.person) == 2 * [
            {"taxable": 29_990_00, "igst": 5_398_20, "total": 35_388_20}
        ]
        assert (await shown(bharat.person))["renews_at"] == "2028-01-31"
        assert await happened(asha.person, "mandate.activated", "debit.announced", "mandate.ended") == [
            (date(2026, 1, 31), "mandate.activated"),
            (date(2026, 2, 26), "debit.announced"),
            (date(2026, 3, 29), "debit.announced"),
            (date(2026, 4, 28), "debit.announced"),
            (date(2026, 4, 30), "mandate.ended"),
        ]
