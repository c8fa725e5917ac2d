"""What customers ask of us, and what payers do in a UPI app, while we own the charge clock."""

from datetime import date

from local.world import World
from relay.mandates import MandateSweep
from tests.scenarios.autopay import all_pay, debits, mandate_state, orders, subscribes
from tests.scenarios.conftest import Story
from tests.scenarios.telling import happened, letters, on, plan, printed, shown, stands


async def sweep(world: World) -> None:
    """The daily look at every mandate in use."""
    await MandateSweep(world.database, world.client, world.parts.collecting, world.time.clock).look()
    await world.time.settle()


async def test_who_cancels_pauses_or_changes_their_mind_is_debited_for_what_they_use(story: Story) -> None:
    async with story(on(2026, 4, 10, "09:00"), with_phonepe=True) as world:
        chitra, dev, esha = [await subscribes(world, name, "plan_pro") for name in ("chitra", "dev", "esha")]
        await all_pay(chitra, dev, esha)

        await world.time.travel_to(on(2026, 4, 20))
        await chitra.person.command("cancel")
        assert (await dev.person.command("cancel-now")).json()["status"] == "CANCELLED"
        assert (await plan(dev.person), await mandate_state(dev)) == ("FREE", "CANCEL_IN_PROGRESS")
        await world.time.travel_to(on(2026, 4, 25))
        assert await mandate_state(dev) == "CANCELLED"
        await chitra.person.command("keep")

        # Announced for the next day, and called off.
        await world.time.travel_to(on(2026, 5, 9, "12:00"))
        assert await debits(esha) == [(date(2026, 5, 8), [])]
        await esha.person.command("pause")
        await world.time.travel_to(on(2026, 5, 11))
        assert (await stands(esha.person), await plan(esha.person)) == ("PAUSED", "FREE")
        assert await stands(chitra.person) == "ACTIVE"
        await chitra.person.command("cancel")
        await world.time.travel_to(on(2026, 5, 20, "09:00"))
        resumed = await esha.person.command("resume")
        assert "4,999.00 for the running period is collected" in resumed.json()["message"]
        await world.time.travel_to(on(2026, 6, 10, "09:00"))

        assert await stands(chitra.person) == "CANCELLED"
        assert (await plan(chitra.person), await mandate_state(chitra)) == ("FREE", "CANCELLED")
        assert await debits(chitra) == [(date(2026, 5, 8), [(date(2026, 5, 10), "COMPLETED")])]
        assert await debits(dev) == []
        assert await debits(esha) == [
            (date(2026, 5, 8), []),
            (date(2026, 5, 20), [(date(2026, 5, 21), "COMPLETED")]),
            (date(2026, 6, 8), [(date(2026, 6, 10), "COMPLETED")]),
        ]
        assert [days for _, *days in await printed(esha.person)] == [
            ["2026-04-10", "2026-04-10", "2026-05-09"],
            ["2026-05-21", "2026-05-10", "2026-06-09"],
            ["2026-06-10", "2026-06-10", "2026-07-09"],
        ]


async def test_what_payers_do_in_a_upi_app_is_followed_though_nobody_tells_of_it(story: Story) -> None:
    async with story(on(2026, 4, 10, "09:00"), with_phonepe=True) as world:
        farid, gita, hari, ila, jaya = [
            await subscribes(world, name, "plan_pro") for name in ("farid", "gita", "hari", "ila", "jaya")
        ]
        await all_pay(farid, gita, hari, ila, jaya)

        await world.time.travel_to(on(2026, 4, 20))
        await farid.at_mandate("pause")
        assert (await stands(farid.person), await plan(farid.person)) == ("PAUSED", "PRO")
        refused = await farid.person.command("resume")
        assert (refused.status_code, "UPI app" in refused.json()["detail"]) == (409, True)
        await gita.at_mandate("revoke")
        assert await happened(gita.person, "mandate.ended") == [(date(2026, 4, 20), "mandate.ended")]
        await hari.at_mandate("revoke", webhook=False)
        assert await happened(hari.person, "mandate.ended") == []
        await sweep(world)
        assert await happened(hari.person, "mandate.ended") == [(date(2026, 4, 20), "mandate.ended")]

        # Where no mandate is left, a page three days ahead: gita pays it, hari does not.
        await world.time.travel_to(on(2026, 5, 8, "12:00"))
        assert await letters(gita.person) == ["payment_due", "payment_due"]
        await gita.pay()
        assert (await printed(gita.person))[1][1:] == ("2026-05-08", "2026-05-10", "2026-06-09")

        # Announced for the 10th: ila refuses it there, jaya would rather pay here.
        await world.time.travel_to(on(2026, 5, 9, "12:00"))
        [announced] = await orders(ila)
        await ila.at_order(announced["merchantOrderId"], "opt_out")
        await jaya.pay(instead=True)
        assert (await printed(jaya.person))[1][1:] == ("2026-05-09", "2026-05-10", "2026-06-09")
        await world.time.travel_to(on(2026, 5, 10, "12:00"))
        assert [await stands(each.person) for each in (farid, gita, hari, ila, jaya)] == [
            "PAUSED", "ACTIVE", "PAST_DUE", "PAST_DUE", "ACTIVE",
        ]  # fmt: skip
        assert await plan(farid.person) == "FREE"
        await ila.pay()
        await farid.at_mandate("unpause")
        assert await stands(farid.person) == "ACTIVE"
        await world.time.travel_to(on(2026, 5, 16))
        assert (await stands(hari.person), await plan(hari.person)) == ("HALTED", "FREE")
        assert await letters(hari.person) == [*5 * ["payment_due"], "halted"]

        # A new mandate in place of the lost one costs nothing; what is owed is collected by it.
        for payer in (gita, hari):
            order_id = await payer.open_page(path="/mandate")
            await payer.at_order(order_id, "pay")
            assert await mandate_state(payer) == "ACTIVE"
        await world.time.travel_to(on(2026, 5, 18))
        assert [await stands(each.person) for each in (farid, gita, hari, ila, jaya)] == 5 * ["ACTIVE"]
        assert (await shown(hari.person))["uncollected_cycles"] == []
        assert {each.person.user_id: await debits(each) for each in (farid, gita, hari, ila, jaya)} == {
            "farid": [(date(2026, 5, 10), [(date(2026, 5, 11), "COMPLETED")])],
            "gita": [],
            "hari": [(date(2026, 5, 16), [(date(2026, 5, 17), "COMPLETED")])],
            "ila": [(date(2026, 5, 8), [])],
            "jaya": [(date(2026, 5, 8), [])],
        }
        assert [order["captured_paise"] for order in await orders(gita, "setup")] == [0]
