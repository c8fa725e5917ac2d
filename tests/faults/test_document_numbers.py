"""Two hundred issue documents of every kind at once, their processes are killed: every series stays whole."""

import asyncio
import contextlib
import os
import random
import signal
import sys
from asyncio.subprocess import PIPE
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from db.models import Customer, Document, LedgerPosting, LedgerTransaction, NumberSeries
from db.session import Database
from domain.document import DocumentKind
from domain.ledger import Account
from domain.periods import financial_year
from local.home import REPOSITORY
from local.postgres import PostgresServer
from local.processes import ProcessIdentity, send, until
from tests.faults.issuers import CUSTOMER, MONEYLESS, NAME, Crew, orders
from tests.faults.stage import fresh_database

PROCESSES = 8
ISSUERS_EACH = 25
KILLS = 8
SEED = int(os.environ.get("FAULTS_SEED", "20270401"))
_PATIENCE_SECONDS = 60.0
_HOLDING = text(
    "SELECT DISTINCT substr(application_name, :skipped)::int AS crew FROM pg_stat_activity "
    "WHERE application_name LIKE :pattern AND state = 'idle in transaction' "
    "AND query LIKE 'INSERT INTO documents%' ORDER BY crew"
)


@pytest.fixture
async def database_url(tmp_path: Path) -> AsyncIterator[str]:
    """On a server that lets two hundred in."""
    async with PostgresServer(tmp_path / "postgres", throw_away=True) as server:
        connections = PROCESSES * ISSUERS_EACH + 60
        engine = Database.connect(server.dsn(), pool_size=1).engine
        async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            await connection.execute(text(f"ALTER SYSTEM SET max_connections = {connections}"))
        await engine.dispose()
        await server.restart()
        yield await fresh_database(server, "issuing")


async def test_two_hundred_issuers_leave_every_series_whole_whoever_is_killed(database_url: str) -> None:
    database = Database.connect(database_url, pool_size=2)
    async with database.transaction() as session:
        session.add(Customer(id=CUSTOMER, user_id="user_1"))
    crews = [Crew(database_url, number, ISSUERS_EACH, SEED) for number in range(PROCESSES)]

    await _issue_and_kill(database, crews)

    async with database.reading() as session:
        documents = (await session.scalars(select(Document))).all()
        series = (await session.scalars(select(NumberSeries))).all()
    wanted = {order.id for crew in crews for issuer in range(ISSUERS_EACH) for order in orders(crew, issuer)}
    assert Counter(document.id for document in documents) == Counter(wanted)
    _series_are_whole(documents, series)
    await _money_is_booked_with_its_document(database, documents)
    await database.close()


async def _issue_and_kill(database: Database, crews: Sequence[Crew]) -> None:
    """All crews to the end of their work, with KILLS of them killed and replaced on the way."""
    chance = random.Random(SEED)
    async with _forge() as fork:
        running = {crew.number: await fork(crew) for crew in crews}
        for _ in range(KILLS):
            await asyncio.sleep(chance.uniform(0.01, 0.1))
            victim = chance.choice(await _holding(database))
            send(running[victim].pid, signal.SIGKILL)
            running[victim] = await fork(crews[victim])
        assert await until(lambda: not any(each.alive() for each in running.values()), _PATIENCE_SECONDS)


@contextlib.asynccontextmanager
async def _forge() -> AsyncIterator[Callable[[Crew], Awaitable[ProcessIdentity]]]:
    """Starts crews; what still runs at the end is ended."""
    command = [sys.executable, "-m", "tests.faults.issuers"]
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, cwd=REPOSITORY)
    assert process.stdin is not None
    assert process.stdout is not None
    stdin, stdout = process.stdin, process.stdout

    async def fork(crew: Crew) -> ProcessIdentity:
        stdin.write(crew.line())
        pid = int(await stdout.readline())
        return ProcessIdentity.of(pid) or ProcessIdentity(pid, "", "dead already")

    try:
        yield fork
    finally:
        stdin.close()
        await process.wait()


async def _holding(database: Database) -> list[int]:
    """Crews with a document written but not committed, its number in hand; waits until there is one."""
    asked = {"skipped": len(NAME) + 2, "pattern": f"{NAME} %"}
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            async with database.reading() as session:
                crews = (await session.scalars(_HOLDING, asked)).all()
            if crews:
                return [*crews]
            await asyncio.sleep(0.002)


def _series_are_whole(documents: Sequence[Document], series: Sequence[NumberSeries]) -> None:
    """Numbers from 1 to the last without gap or duplicate; by number, dates never go back."""
    issued: dict[tuple[str, str], list[Document]] = defaultdict(list)
    for document in sorted(documents, key=lambda document: document.number):
        assert document.financial_year == financial_year(document.issued_on)
        issued[document.kind, document.financial_year].append(document)
    assert set(issued) == {(kind.value, year) for kind in DocumentKind for year in ("2026-27", "2027-28")}
    assert {(each.kind, each.financial_year): each.last_number for each in series} == {
        key: len(found) for key, found in issued.items()
    }
    for found in issued.values():
        assert [int(document.number[-6:]) for document in found] == [*range(1, len(found) + 1)]
        dates = [document.issued_on for document in found]
        assert dates == sorted(dates)


async def _money_is_booked_with_its_document(database: Database, documents: Sequence[Document]) -> None:
    """One ledger transaction for each, over its total; none for what moves no money."""
    booked = select(
        LedgerTransaction.document_id,
        func.count(LedgerTransaction.id.distinct()).label("transactions"),
        func.sum(LedgerPosting.amount_paise).label("balance"),
        func.sum(LedgerPosting.amount_paise)
        .filter(LedgerPosting.account == Account.GATEWAY_CLEARING)
        .label("moved_paise"),
    ).join(LedgerPosting, LedgerPosting.transaction_id == LedgerTransaction.id)
    async with database.reading() as session:
        rows = (await session.execute(booked.group_by(LedgerTransaction.document_id))).all()
    assert {(row.transactions, row.balance) for row in rows} == {(1, 0)}
    back = (DocumentKind.CREDIT_NOTE, DocumentKind.REFUND_VOUCHER)
    assert {row.document_id: row.moved_paise for row in rows} == {
        document.id: -document.total_paise if document.kind in back else document.total_paise
        for document in documents
        if document.kind != MONEYLESS
    }
