"""A Temporal server, a database, and subscriptions asleep in both: what renewals are measured on."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from temporalio.client import Client

from bench import sleepers
from bench.crews import BARE, BARE_POSTGRES, MODULES, OURS
from bench.meter import Meter
from bench.sleepers import Book
from bench.stand import Stand
from bench.tally import Tally
from config import Settings
from db.session import Database
from domain.subscription import Subscription
from engine.client import connect


@dataclass(frozen=True)
class Crew:
    """A worker process and the count of what it has finished."""

    meter: Meter
    tally: Tally


@dataclass(frozen=True)
class Fleet:
    """`client` speaks as the product does."""

    stand: Stand
    address: str
    database_url: str
    database: Database
    client: Client
    book: Book
    temporal_meter: Meter

    @asynccontextmanager
    async def crew(self, kind: str = OURS, *, simulator: str = "") -> AsyncIterator[Crew]:
        """A fresh worker process; its cache is empty."""
        file = self.stand.file("tally")
        tally = Tally(file)
        arguments = [kind, f"--temporal={self.address}", f"--database={self.database_url}", f"--tally={file}"]
        if kind not in (BARE, BARE_POSTGRES):
            arguments.append(f"--started-at={self.book.started_at.isoformat()}")
            arguments.append(f"--amount-paise={self.book.charge_paise}")
        if simulator:
            arguments.append(f"--simulator={simulator}")
        async with self.stand.process(MODULES[kind], arguments) as meter:
            yield Crew(meter, tally)

    async def populate(self, count: int, crew: Crew) -> list[Subscription]:
        """Put `count` more subscriptions on record and to sleep."""
        made = sleepers.subscriptions(self.book, count)
        await sleepers.put_on_record(self.database, made)
        await sleepers.put_to_sleep(self.client, made)
        await crew.meter.until_idle()
        return made


@asynccontextmanager
async def open_fleet(stand: Stand, *, time_skipping: bool = False) -> AsyncIterator[Fleet]:
    """Empty at first."""
    async with AsyncExitStack() as stack:
        temporal, meter = await stack.enter_async_context(stand.temporal(time_skipping=time_skipping))
        url = await stand.database()
        database = Database.connect(url, pool_size=5)
        stack.push_async_callback(database.close)
        settings = Settings(environment="test", database_url=url, temporal_address=temporal.address)
        client = await connect(settings)
        yield Fleet(stand, temporal.address, url, database, client, await sleepers.open_book(database), meter)
