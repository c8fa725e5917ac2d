"""Documents issued per second: number, row and ledger in one transaction, beside bare inserts."""

import asyncio
import itertools
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import func, select

from bench import specimen
from bench.figures import Figure, Floor
from bench.scale import Scale
from bench.stand import Stand
from db import issuing, ledger, models
from db.issuing import Belongs, Series
from db.session import Database
from domain.document import DocumentKind, TaxDocument
from domain.ledger import sale
from local.home import LocalError

NAME = "issuing"
ONE, OWN = "one", "own"
LOCKED, SEQUENCE = "locked", "sequence"
FLOORS = {
    LOCKED: "bare inserts numbered from a locked row",
    SEQUENCE: "bare inserts numbered by a sequence",
}
"""By asyncpg, of rows as large; a sequence leaves gaps and makes nobody wait."""
_KIND, _PREFIX = DocumentKind.TAX_INVOICE, "BH"
_CUSTOMER = "cus_bench"
_CREATE = """
CREATE TABLE bare_series (series text PRIMARY KEY, last_number int NOT NULL);
INSERT INTO bare_series VALUES ('one', 0);
CREATE SEQUENCE bare_numbers;
CREATE TABLE bare_documents (number int PRIMARY KEY, document jsonb NOT NULL);
CREATE TABLE bare_gapped_documents (number int PRIMARY KEY, document jsonb NOT NULL)
"""
_TAKE = "UPDATE bare_series SET last_number = last_number + 1 WHERE series = 'one' RETURNING last_number"
_INSERT = "INSERT INTO bare_documents VALUES ($1, $2)"
_INSERT_GAPPED = "INSERT INTO bare_gapped_documents VALUES (nextval('bare_numbers'), $1)"

Issue = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Sample:
    """One round of one subject."""

    per_second: float
    cpu_ms: float
    """Of this process and Postgres, per document."""


class Desk:
    """Issues as the product does, from as many registrations, and so series, as asked for."""

    def __init__(self, database: Database, name: str, registrations: int) -> None:
        self._database = database
        self._name = name
        self._gstins = itertools.cycle(
            [f"29AAAC{name[0].upper()}{number:04d}F1Z5" for number in range(registrations)]
        )
        self._count = itertools.count(1)

    async def issue(self) -> None:
        """One invoice, committed."""
        identity, gstin = f"inv_{self._name}_{next(self._count)}", next(self._gstins)

        def write(number: str, issued_on: date) -> TaxDocument:
            return specimen.invoice(identity, number, issued_on, gstin)

        async with self._database.transaction() as session:
            series, at = Series(gstin, _KIND, _PREFIX), datetime.now(UTC)
            document = await issuing.issue(session, series, Belongs(_CUSTOMER), at, write)
            await ledger.post(
                session,
                reference=f"invoice/{identity}",
                kind="sale",
                customer_id=_CUSTOMER,
                document_id=identity,
                occurred_at=at,
                postings=sale(document.amount),
            )


async def measure(stand: Stand, scale: Scale) -> list[Figure]:
    """From this one process, which works harder than the server; ours and floors in turn."""
    samples: dict[str, list[Sample]] = defaultdict(list)
    async with AsyncExitStack() as stack:
        url = await stand.database()
        database = Database.connect(url, pool_size=scale.issuers)
        stack.push_async_callback(database.close)
        async with database.transaction() as session:
            session.add(models.Customer(id=_CUSTOMER, user_id="user_bench"))
        pool = await asyncpg.create_pool(
            url.replace("+asyncpg", ""), min_size=scale.issuers, max_size=scale.issuers
        )
        stack.push_async_callback(pool.close)
        await pool.execute(_CREATE)
        subjects: dict[str, Issue] = {
            ONE: Desk(database, ONE, 1).issue,
            OWN: Desk(database, OWN, scale.issuers).issue,
            **_floors(pool),
        }
        for issue in subjects.values():
            await _issue_all(issue, scale.issuers, scale.issuers)  # opens the connections
        for _ in range(scale.rounds):
            for name, issue in subjects.items():
                samples[name].append(await _round(stand, issue, scale))
        await _check_books(database, 2 * (scale.rounds * scale.issued + scale.issuers))
    return _figures(samples, scale)


def _floors(pool: asyncpg.Pool) -> dict[str, Issue]:
    document = specimen.invoice("inv_bare", "BH26-27/000042", date(2026, 4, 1))
    content = issuing.DOCUMENTS.dump_json(document).decode()

    async def numbered_from_a_locked_row() -> None:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(_INSERT, await connection.fetchval(_TAKE), content)

    async def numbered_by_a_sequence() -> None:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(_INSERT_GAPPED, content)

    return {LOCKED: numbered_from_a_locked_row, SEQUENCE: numbered_by_a_sequence}


async def _round(stand: Stand, issue: Issue, scale: Scale) -> Sample:
    def cpu_seconds() -> float:
        return time.process_time() + stand.postgres_meter.cpu_seconds()

    before, began = cpu_seconds(), time.perf_counter()
    await _issue_all(issue, scale.issued, scale.issuers)
    seconds = time.perf_counter() - began
    spent = cpu_seconds() - before
    return Sample(scale.issued / seconds, spent * 1000 / scale.issued)


async def _issue_all(issue: Issue, count: int, at_once: int) -> None:
    waiting = iter(range(count))

    async def issue_some() -> None:
        for _ in waiting:
            await issue()

    await asyncio.gather(*(issue_some() for _ in range(at_once)))


async def _check_books(database: Database, issued: int) -> None:
    """A figure counts only if every series is whole and every document is booked."""
    async with database.reading() as session:
        documents = await session.scalar(select(func.count()).select_from(models.Document))
        numbers = await session.scalar(select(func.sum(models.NumberSeries.last_number)))
        booked = await session.scalar(select(func.count(models.LedgerTransaction.document_id.distinct())))
    if not issued == documents == numbers == booked:
        raise LocalError(
            f"{issued} documents were issued: {documents} are kept, {numbers} numbers taken, {booked} booked"
        )


def _figures(samples: dict[str, list[Sample]], scale: Scale) -> list[Figure]:
    def figure(what: str, name: str, unit: str, read: Callable[[Sample], float]) -> Figure:
        floors = [Floor(floor, [*map(read, samples[kind])]) for kind, floor in FLOORS.items()]
        return Figure(NAME, what, unit, [*map(read, samples[name])], floors)

    at_once = f"documents issued by {scale.issuers} at once"
    return [
        figure(f"{at_once} in one series", ONE, "per second", lambda sample: sample.per_second),
        figure(f"{at_once} in as many series", OWN, "per second", lambda sample: sample.per_second),
        figure("all CPU per document issued", ONE, "ms", lambda sample: sample.cpu_ms),
    ]
