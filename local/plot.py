"""What happens to whom in the demonstration's year."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from domain.periods import IST
from local.payer import Payer
from local.world import Person, World

Scene = tuple[datetime, Callable[[], Awaitable[object]]]


@dataclass
class Cast:
    """People, and what they will do or meet with, in any order."""

    people: list[Person] = field(default_factory=list)
    plot: list[Scene] = field(default_factory=list)


def on(year: int, month: int, day: int) -> datetime:
    """Noon in India."""
    return datetime(year, month, day, 12, 0, tzinfo=IST).astimezone(UTC)


async def by_razorpay(world: World) -> Cast:
    """Charged by Razorpay: short of money, an expired card, a refund, a pause, a farewell."""
    asha = await world.person("asha", name="Asha", state_code="29")
    bharat = await world.person("bharat", name="Bharat", state_code="27")
    chitra = await world.person("chitra", name="Chitra", state_code="07")
    dev = await world.person("dev", name="Dev", state_code="29")
    esha = await world.person("esha", name="Esha", state_code="33")
    await asha.subscribe("plan_pro")
    await bharat.subscribe("plan_growth")
    await chitra.subscribe("plan_pro")
    await dev.subscribe("plan_starter", "annual")
    await esha.subscribe("plan_basic")
    for person, method in ((asha, "card"), (bharat, "upi"), (chitra, "card"), (dev, "card"), (esha, "upi")):
        await person.pay(method)

    async def dev_is_given_back() -> None:
        (invoice,) = await dev.invoices()
        async with world.operator() as operator:
            given = {"amount_paise": 1_000_00, "reason": "a week of outages"}
            (await operator.post(f"/admin/invoices/{invoice['id']}/refund", json=given)).raise_for_status()

    new_card = {"method": "card", "card_origin": "domestic", "outcome": "success"}
    plot: list[Scene] = [
        (on(2026, 3, 10), lambda: bharat.next_charges("failure", "failure", "success")),
        (on(2026, 4, 15), lambda: chitra.next_charges(*4 * ["failure"])),
        (on(2026, 5, 20), lambda: chitra.at_gateway("change_method", **new_card)),
        (on(2026, 6, 10), lambda: esha.command("pause")),
        (on(2026, 7, 6), dev_is_given_back),
        (on(2026, 8, 5), lambda: esha.command("resume")),
        (on(2026, 10, 12), lambda: esha.command("cancel")),
    ]
    return Cast([asha, bharat, chitra, dev, esha], plot)


async def by_phonepe(world: World) -> Cast:
    """Collected by us at PhonePe: short of money on one rung, a pause in the UPI app, a revoked mandate
    rescued by a pay link, a price that no mandate carries."""
    farah = await _autopay(world, "farah", "plan_starter")
    gita = await _autopay(world, "gita", "plan_growth")
    hari = await _autopay(world, "hari", "plan_starter")
    indu = await _autopay(world, "indu", "plan_growth", "annual")

    async def hari_gives_a_new_mandate() -> None:
        await hari.at_order(await hari.open_page(path="/mandate"), "pay")

    no_money = {"outcome": "failure", "code": "Z9"}
    plot: list[Scene] = [
        (on(2026, 3, 20), lambda: farah.next_debits(*4 * [no_money])),
        (on(2026, 4, 2), lambda: farah.next_debits("success", replace=True)),
        (on(2026, 4, 26), lambda: gita.at_mandate("pause")),
        (on(2026, 5, 2), lambda: gita.at_mandate("unpause")),
        (on(2026, 7, 20), lambda: hari.at_mandate("revoke")),
        (on(2026, 7, 29), hari.pay),
        (on(2026, 8, 2), hari_gives_a_new_mandate),
        (on(2027, 1, 29), indu.pay),
    ]
    return Cast([each.person for each in (farah, gita, hari, indu)], plot)


async def _autopay(world: World, user_id: str, plan_id: str, interval: str = "monthly") -> Payer:
    """Somebody who approves a mandate on PhonePe's page, or just pays there."""
    person = await world.person(user_id, name=user_id.title(), state_code="32")
    await person.subscribe(plan_id, interval, collect_by="phonepe")
    payer = Payer(person)
    await payer.pay()
    return payer
