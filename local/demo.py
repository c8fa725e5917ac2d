"""A year of nine subscriptions in about a minute, on the real servers, told as a dated story."""

import tempfile
import time
from collections.abc import Awaitable, Callable
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
from local.payer import Payer
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
    await story.tell()
    farah = await _autopay(world, "farah", "plan_starter")
    gita = await _autopay(world, "gita", "plan_growth")
    hari = await _autopay(world, "hari", "plan_starter")
    indu = await _autopay(world, "indu", "plan_growth", "annual")
    await story.tell()

    async def bharat_runs_short() -> None:
        await bharat.next_charges("failure", "failure", "success")

    async def chitra_card_expires() -> None:
        await chitra.next_charges("failure", "failure", "failure", "failure")

    async def chitra_comes_back() -> None:
        await chitra.at_gateway("change_method", method="card", card_origin="domestic", outcome="success")

    async def esha_pauses() -> None:
        await esha.command("pause")

    async def esha_resumes() -> None:
        await esha.command("resume")

    async def esha_leaves() -> None:
        await esha.command("cancel")

    async def dev_is_given_back() -> None:
        (invoice,) = await dev.invoices()
        async with world.operator() as operator:
            given = {"amount_paise": 1_000_00, "reason": "a week of outages"}
            (await operator.post(f"/admin/invoices/{invoice['id']}/refund", json=given)).raise_for_status()

    async def farah_runs_short() -> None:
        # Every debit of the first notice.
        await farah.next_debits(*4 * [{"outcome": "failure", "code": "Z9"}])

    async def farah_has_money_again() -> None:
        await farah.next_debits("success", replace=True)

    async def gita_pauses_in_her_app() -> None:
        await gita.at_mandate("pause")

    async def gita_takes_it_up_again() -> None:
        await gita.at_mandate("unpause")

    async def hari_revokes_his_mandate() -> None:
        await hari.at_mandate("revoke")

    async def hari_pays_by_link() -> None:
        await hari.pay()

    async def hari_gives_a_new_mandate() -> None:
        await hari.at_order(await hari.open_page(path="/mandate"), "pay")

    async def indu_pays_by_link() -> None:
        await indu.pay()

    plot: list[tuple[datetime, Callable[[], Awaitable[None]]]] = [
        (_on(2026, 3, 10), bharat_runs_short),
        (_on(2026, 3, 20), farah_runs_short),
        (_on(2026, 4, 2), farah_has_money_again),
        (_on(2026, 4, 15), chitra_card_expires),
        (_on(2026, 4, 26), gita_pauses_in_her_app),
        (_on(2026, 5, 2), gita_takes_it_up_again),
        (_on(2026, 5, 20), chitra_comes_back),
        (_on(2026, 6, 10), esha_pauses),
        (_on(2026, 7, 6), dev_is_given_back),
        (_on(2026, 7, 20), hari_revokes_his_mandate),
        (_on(2026, 7, 29), hari_pays_by_link),
        (_on(2026, 8, 2), hari_gives_a_new_mandate),
        (_on(2026, 8, 5), esha_resumes),
        (_on(2026, 10, 12), esha_leaves),
        (_on(2027, 1, 29), indu_pays_by_link),
    ]
    for month in range(2, 15):
        until = _on(2026 + (month - 1) // 12, (month - 1) % 12 + 1, 25)
        while plot and plot[0][0] <= until:
            moment, act = plot.pop(0)
            await world.time.travel_to(moment)
            await act()
        await world.time.travel_to(until)
        await story.tell()
    return [asha, bharat, chitra, dev, esha, farah.person, gita.person, hari.person, indu.person]


async def _autopay(world: World, user_id: str, plan_id: str, interval: str = "monthly") -> Payer:
    """Somebody who approves a mandate at PhonePe, or pays there each year where none carries the price."""
    person = await world.person(user_id, name=user_id.title(), state_code="32")
    await person.subscribe(plan_id, interval, collect_by="phonepe")
    payer = Payer(person)
    await payer.pay()
    return payer


def _on(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, 12, 0, tzinfo=IST).astimezone(UTC)


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
