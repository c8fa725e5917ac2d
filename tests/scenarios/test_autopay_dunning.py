"""Debits that fail, for a day, for a week, for good; and how their payers come back."""

from datetime import date, timedelta

from tests.scenarios.autopay import FROZEN, FUNDS, all_pay, debits, subscribes
from tests.scenarios.conftest import Story
from tests.scenarios.telling import MAHARASHTRA, happened, letters, on, plan, printed, shown, stands, taxes

LADDER = ("payment.failed", "subscription.past_due", "subscription.halted", "subscription.recovered")
GROWTH = {"taxable": 2_999_00, "igst": 539_82, "total": 3_538_82}


async def test_a_debit_without_funds_is_tried_again_on_its_notice_then_on_new_ones_and_last_on_a_page(
    story: Story,
) -> None:
    async with story(on(2026, 1, 15, "18:40"), with_phonepe=True) as world:
        asha, chitra, dev = [
            await subscribes(world, name, "plan_growth", state_code=MAHARASHTRA)
            for name in ("asha", "chitra", "dev")
        ]
        await all_pay(asha, chitra, dev)
        await asha.next_debits(FUNDS)
        await chitra.next_debits(*9 * [FUNDS])
        await dev.next_debits(FROZEN)

        await world.time.travel_to(on(2026, 2, 15, "12:00"))
        assert (await stands(asha.person), await letters(asha.person)) == ("ACTIVE", [])
        # Nobody can be debited whose account is frozen: a page at once.
        assert await stands(dev.person) == "PAST_DUE"
        assert await letters(dev.person) == ["new_method_needed", "payment_due"]
        await dev.pay()
        assert await stands(dev.person) == "ACTIVE"

        await world.time.travel_to(on(2026, 2, 15, "18:00"))
        assert (await stands(chitra.person), await plan(chitra.person)) == ("PAST_DUE", "GROWTH")
        assert await letters(chitra.person) == ["payment_failed"]

        await world.time.travel_to(on(2026, 3, 5))
        assert (await stands(chitra.person), await plan(chitra.person)) == ("HALTED", "FREE")
        assert await letters(chitra.person) == [*3 * ["payment_failed"], *5 * ["payment_due"], "halted"]
        assert (await shown(chitra.person))["uncollected_cycles"] == [1]
        # What has been owed longest is paid first, and the mandate carries on.
        await chitra.pay()
        assert (await stands(chitra.person), await plan(chitra.person)) == ("ACTIVE", "GROWTH")
        assert (await shown(chitra.person))["uncollected_cycles"] == []

        await world.time.travel_to(on(2026, 3, 6))
        paid_on = {"asha": "2026-02-15", "chitra": "2026-03-05", "dev": "2026-02-15"}
        for payer in (asha, chitra, dev):
            assert [days for _, *days in await printed(payer.person)] == [
                ["2026-01-15", "2026-01-15", "2026-02-14"],
                [paid_on[payer.person.user_id], "2026-02-15", "2026-03-14"],
            ]
            assert await taxes(payer.person) == 2 * [GROWTH]
        assert await debits(asha) == [
            (date(2026, 2, 13), [(date(2026, 2, 15), "FAILED"), (date(2026, 2, 15), "COMPLETED")]),
        ]
        assert await debits(dev) == [
            (date(2026, 2, 13), [(date(2026, 2, 15), "FAILED")]),
        ]
        assert [notice for notice, _ in await debits(chitra)] == [date(2026, 2, day) for day in (13, 16, 20)]
        story_of_chitra = await happened(chitra.person, *LADDER, "payment.due")
        # The third notice is used up on the 21st or the 22nd, as the hours of debits have it.
        last = next(at for at, kind in story_of_chitra if kind == "payment.due")
        assert last in (date(2026, 2, 21), date(2026, 2, 22))
        assert story_of_chitra == [
            (date(2026, 2, 15), "payment.failed"),
            (date(2026, 2, 15), "subscription.past_due"),
            (date(2026, 2, 18), "payment.failed"),
            (last, "payment.failed"),
            (last, "payment.due"),
            (last + timedelta(days=1), "payment.due"),
            (last + timedelta(days=2), "payment.due"),
            # The last rung is a page of the other gateway.
            (last + timedelta(days=3), "payment.due"),
            (last + timedelta(days=4), "payment.due"),
            (last + timedelta(days=5), "subscription.halted"),
            (date(2026, 3, 5), "payment.due"),
            (date(2026, 3, 5), "subscription.recovered"),
        ]
