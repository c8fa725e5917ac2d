"""A year of nine subscriptions in about a minute, on the real servers, told as a dated story."""

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table
from rich.text import Text
from sqlalchemy import func, select

from db import catalogue, migrate, models
from db.session import Database
from db.wording import event_told
from domain.events import EventType
from domain.money import rupees
from domain.periods import IST
from local.home import REPOSITORY
from local.narration import Narrator
from local.plot import by_phonepe, by_razorpay, on
from local.postgres import PostgresServer
from local.world import Person, World, open_world

BEGINS = datetime(2026, 1, 31, 11, 22, tzinfo=IST).astimezone(UTC)
_SILENT = {
    EventType.CHECKOUT_OPENED,
    EventType.INVOICE_ISSUED,
    EventType.INVOICE_DOCUMENT_READY,
    EventType.CREDIT_NOTE_DOCUMENT_READY,
    EventType.PAYMENT_CAPTURED,
    EventType.DEBIT_ANNOUNCED,
    EventType.ENTITLEMENT_CHANGED,
}
_PAID = {
    EventType.SUBSCRIPTION_ACTIVATED,
    EventType.SUBSCRIPTION_RENEWED,
    EventType.SUBSCRIPTION_RECOVERED,
}


class Story:
    """Prints each event once, in the order in which it was recorded."""

    def __init__(self, world: World, narrator: Narrator) -> None:
        self._world = world
        self._narrator = narrator
        self._last = 0

    async def tell(self) -> None:
        """What has been announced since the last time."""
        event = models.OutboxEvent
        query = (
            select(event, models.Customer.name)
            .join(models.Customer, models.Customer.id == event.customer_id)
            .where(event.id > self._last)
            .order_by(event.id)
        )
        async with self._world.database.reading() as session:
            rows = (await session.execute(query)).all()
        for row, name in rows:
            self._last = row.id
            kind = EventType(row.type)
            if kind not in _SILENT:
                title, detail = event_told(kind, row.data)
                if kind in _PAID and "amount_paise" in row.data:
                    title = f"{rupees(row.data['amount_paise'])} paid. {title}"
                self._line(row.occurred_at, name, title, detail)

    def _line(self, at: datetime, name: str, title: str, detail: str) -> None:
        line = Text(f"  {at.astimezone(IST):%d %b %Y}  ", style="dim")
        line.append(f"{name:<8}", style="bold").append(title)
        if detail:
            line.append(f"  {detail}", style="dim")
        self._narrator.console.print(line, soft_wrap=True)


async def demo(narrator: Narrator) -> None:
    """Everything is made in a temporary folder and thrown away."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bahi-demo-") as name:
        folder = Path(name)
        async with PostgresServer(folder / "postgres", throw_away=True) as postgres:
            await postgres.ensure_database("demo")
            url = postgres.dsn("demo")
            await migrate.upgrade(url)
            database = Database.connect(url, pool_size=1)
            await catalogue.load_file(database, REPOSITORY / "catalogue.yaml", BEGINS)
            await database.close()
            async with open_world(folder, url, BEGINS, with_phonepe=True, log_level="ERROR") as world:
                story = Story(world, narrator)
                people = await _year(world, story, narrator)
                await _sum_up(world, people, narrator)
    narrator.say(f"a year in {time.monotonic() - began:.0f} seconds", style="green")


async def _year(world: World, story: Story, narrator: Narrator) -> list[Person]:
    narrator.headline("A year of nine subscriptions; time is skipped, everything else is real")
    charged = await by_razorpay(world)
    collected = await by_phonepe(world)
    await story.tell()
    plot = sorted([*charged.plot, *collected.plot], key=lambda scene: scene[0])
    for month in range(2, 15):
        until = on(2026 + (month - 1) // 12, (month - 1) % 12 + 1, 25)
        while plot and plot[0][0] <= until:
            moment, act = plot.pop(0)
            await world.time.travel_to(moment)
            await act()
        await world.time.travel_to(until)
        await story.tell()
    return [*charged.people, *collected.people]


async def _sum_up(world: World, people: list[Person], narrator: Narrator) -> None:
    narrator.headline("What the year came to")
    table = Table("", "Plan", "Stands", "Invoices", "Paid", "Access", box=None, padding=(0, 2))
    for person in people:
        mine, invoices = await person.me(), await person.invoices()
        paid = sum(invoice["total_paise"] - invoice["credited_paise"] for invoice in invoices)
        access = (await person.entitlements())["plan"]
        name, stands = person.user_id.title(), str(mine["status"])
        table.add_row(name, str(mine["plan"]), stands, str(len(invoices)), rupees(paid), str(access))
    narrator.console.print(table)
    books = await world.simulator.books()
    # A new card is tried with ₹5, which goes back at once and is nobody's revenue.
    captured = sum(item["captured_paise"] - item["refunded_paise"] for item in books["subscriptions"])
    assert world.phonepe is not None
    theirs = (await world.phonepe.books())["orders"]
    captured += sum(order["captured_paise"] - order["refunded_paise"] for order in theirs)
    async with world.database.reading() as session:
        total, kind = func.sum(models.Document.total_paise), models.Document.kind
        issued = {each: int(sum_) for each, sum_ in await session.execute(select(kind, total).group_by(kind))}
        ledger = int(await session.scalar(select(func.sum(models.LedgerPosting.amount_paise))) or 0)
    invoiced, credited = issued["tax_invoice"], issued.get("credit_note", 0)
    agree = "agree" if captured == invoiced - credited and ledger == 0 else "DO NOT AGREE"
    narrator.say(
        f"the gateways' books: {rupees(captured)} kept; ours: {rupees(invoiced)} invoiced, "
        f"{rupees(credited)} credited, ledger balance {rupees(ledger)}: they {agree}",
        style="green" if agree == "agree" else "red",
    )
