"""Words for stories: dates in India, what was printed, what the customer was told."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from db import models
from local.world import Person

INDIA = ZoneInfo("Asia/Kolkata")
KARNATAKA, MAHARASHTRA, DELHI, TAMIL_NADU = "29", "27", "07", "33"
CARD = {"method": "card", "card_origin": "domestic", "outcome": "success"}


def on(year: int, month: int, day: int, clock: str = "12:00") -> datetime:
    """A moment by the clock in India."""
    hour, minute = clock.split(":")
    return datetime(year, month, day, int(hour), int(minute), tzinfo=INDIA).astimezone(UTC)


def india(moment: str | datetime | None) -> str:
    """`2026-02-28 00:00` by the clock in India, of a moment as the API gives it; empty for none."""
    if moment is None:
        return ""
    parsed = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return f"{parsed.astimezone(INDIA):%Y-%m-%d %H:%M}"


async def stands(person: Person) -> str:
    """The state, as its customer is told."""
    return str((await person.me())["status"])


async def plan(person: Person) -> str:
    """What services let this person use."""
    return str((await person.entitlements())["plan"])


async def shown(person: Person) -> dict[str, Any]:
    """The subscription, as its customer sees it."""
    answer = await person.http.get(f"/v1/subscriptions/{person.subscription_id}")
    answer.raise_for_status()
    return dict(answer.json())


async def at_the_gateway(person: Person) -> str:
    """The gateway's word for its state."""
    books = await person.world.simulator.books(person.gateway_id)
    return str(books["subscriptions"][0]["status"])


async def printed(person: Person) -> list[tuple[str, str, str, str]]:
    """Of every invoice: number, date, first and last day of its period."""
    return [
        (each["number"], each["issued_on"], each["period_first_day"], each["period_last_day"])
        for each in await person.invoices()
    ]


async def taxes(person: Person) -> list[dict[str, int]]:
    """Of every invoice its sums in paise, without those that are nothing."""
    return [
        {
            name.removesuffix("_paise"): paise
            for name, paise in each.items()
            if name.endswith("_paise") and paise
        }
        for each in await person.invoices()
    ]


async def letters(person: Person) -> list[str]:
    """Kinds of the messages this person got, in order, receipts aside."""
    row = models.Notification
    query = (
        select(row.kind)
        .where(row.subscription_id == person.subscription_id, row.kind != "receipt")
        .order_by(row.created_at)
    )
    async with person.world.database.reading() as session:
        return list((await session.scalars(query)).all())


async def receipts(person: Person) -> int:
    """How many receipts this person got."""
    row = models.Notification
    query = select(row.id).where(row.subscription_id == person.subscription_id, row.kind == "receipt")
    async with person.world.database.reading() as session:
        return len((await session.scalars(query)).all())


async def happened(person: Person, *kinds: str) -> list[tuple[date, str]]:
    """Events of these kinds with their dates in India; of all, without the documents', if none is named."""
    row = models.OutboxEvent
    query = (
        select(row.occurred_at, row.type)
        .where(row.subscription_id == person.subscription_id)
        .order_by(row.id)
    )
    async with person.world.database.reading() as session:
        found = (await session.execute(query)).all()
    return [
        (at.astimezone(INDIA).date(), kind)
        for at, kind in found
        if (kind in kinds if kinds else kind != "invoice.document_ready")
    ]


async def moves(person: Person, state_code: str, city: str, pin: str) -> None:
    """New billing details; the name and the mail address stay."""
    details = (await person.http.get("/v1/billing-details")).json()
    answer = await person.http.put(
        "/v1/billing-details",
        json={
            "name": details["name"] or person.user_id.title(),
            "email": details["email"],
            "address_lines": ["1 New Street"],
            "city": city,
            "state_code": state_code,
            "pin": pin,
        },
    )
    answer.raise_for_status()
