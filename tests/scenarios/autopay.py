"""Words for stories of those who pay at PhonePe, by mandate or page by page."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from local.payer import Payer
from local.world import World
from simulator.phonepe.process import PhonePeProcess
from tests.scenarios.telling import INDIA, KARNATAKA

FUNDS = {"outcome": "failure", "code": "Z9"}
FROZEN = {"outcome": "failure", "code": "YE"}
Record = dict[str, Any]


def phonepe(world: World) -> PhonePeProcess:
    """Its process; the world is open with it."""
    assert world.phonepe is not None
    return world.phonepe


async def subscribes(
    world: World, name: str, plan_id: str, interval: str = "monthly", *, state_code: str = KARNATAKA
) -> Payer:
    """Somebody new has asked for a plan, to be paid at PhonePe."""
    person = await world.person(name, state_code=state_code)
    await person.subscribe(plan_id, interval, collect_by="phonepe")
    return Payer(person)


async def all_pay(*payers: Payer) -> None:
    """Each at the page that our address leads to, at one moment."""
    world = payers[0].person.world
    for payer in payers:
        await phonepe(world).order(await payer.open_page(), "pay")
    await world.time.travel(timedelta(minutes=1))


async def orders(payer: Payer, kind: str = "redemption") -> list[Record]:
    """What PhonePe has on the mandate in use, oldest first: of kind redemption, or setup."""
    books = await phonepe(payer.person.world).books(await payer.mandate_id())
    return [order for order in books["orders"] if order["kind"] == kind]


def day(seconds: int) -> date:
    """In India."""
    return datetime.fromtimestamp(seconds, UTC).astimezone(INDIA).date()


async def debits(payer: Payer) -> list[tuple[date, list[tuple[date, str]]]]:
    """Of every notice on the mandate in use its day, and the days and ends of its debits."""
    return [
        (day(order["created_at"]), [(day(each["began"]), each["state"]) for each in order["attempts"]])
        for order in await orders(payer)
    ]


async def mandate_state(payer: Payer) -> str:
    """PhonePe's word."""
    books = await phonepe(payer.person.world).books(await payer.mandate_id())
    return str(books["subscriptions"][0]["state"])
