"""What is drawn from a wallet is billed when the month is over in India, once, whoever asks however often."""

import asyncio
from datetime import timedelta

from local.saver import Saver
from local.world import Person, World
from tests.api.serving import until
from tests.scenarios.telling import KARNATAKA, on
from tests.workflows.deeds import sweep_of, use
from tests.world import OpenWorld

BEGINS = on(2026, 10, 5, "12:30")


async def spending(world: World) -> Person:
    """Somebody who put ₹500 into the wallet and used ₹200 of it."""
    asha = await world.person("asha", state_code=KARNATAKA)
    saver = Saver(asha)
    await saver.ask(500_00)
    await saver.pay()
    await use(asha, 200_00)
    assert await saver.in_wallet() == 300_00
    return asha


async def test_a_month_is_billed_at_its_last_midnight_in_india_and_not_before(world_at: OpenWorld) -> None:
    async with world_at(BEGINS, with_phonepe=True) as world:
        asha = await spending(world)
        await world.time.travel_to(on(2026, 10, 31, "23:59"))
        assert await sweep_of(world).look() == 0
        await world.time.travel(timedelta(minutes=2))
        begun = await asyncio.gather(*(sweep_of(world).look() for _ in range(4)))
        assert set(begun) == {1}
        [invoice] = await until(asha.invoices)
        assert (invoice["total_paise"], invoice["issued_on"]) == (200_00, "2026-11-01")
        assert (invoice["period_first_day"], invoice["period_last_day"]) == ("2026-10-01", "2026-10-31")
        await world.time.settle()
        assert await sweep_of(world).look() == 0
        assert len(await asha.invoices()) == 1
        detail = (await asha.http.get(f"/v1/invoices/{invoice['id']}")).json()
        [paid_from] = detail["paid_from"]
        assert paid_from["amount_paise"] == 200_00
        assert await Saver(asha).in_wallet() == 300_00
        drawn = await asha.http.get(f"/v1/invoices/{invoice['id']}/download")
        assert drawn.status_code == 302


async def test_a_refund_gives_back_what_the_wallet_has_left_and_no_more(world_at: OpenWorld) -> None:
    async with world_at(BEGINS, with_phonepe=True) as world:
        asha = await spending(world)
        async with world.operator() as operator:
            found = (await asha.http.get("/v1/topups")).json()["data"]

            path = f"/admin/payments/{found[0]['payment_id']}/refund"
            asked = {"amount_paise": 300_01, "reason": "not wanted"}
            refused = await operator.post(path, json=asked)
            assert (refused.status_code, "₹300.00 is left" in refused.text) == (409, True)
            given = await operator.post(path, json={"reason": "not wanted"})
            assert given.json()["amount_paise"] == 300_00
        assert await Saver(asha).in_wallet() == 0
        await use(asha, 50_00)  # nobody pays for it
        await world.time.travel(timedelta(days=31))
        assert await sweep_of(world).look() == 1
        [invoice] = await until(asha.invoices)
        assert invoice["total_paise"] == 200_00
