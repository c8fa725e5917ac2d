"""Postgres for tests: one throw-away server a session, a database a test, cloned from a migrated template."""

import itertools
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from db.catalogue import load_file
from db.migrate import upgrade
from db.session import Database
from local.postgres import PostgresServer

CATALOGUE = Path(__file__).resolve().parent.parent / "catalogue.yaml"
CATALOGUE_LOADED_AT = datetime(2026, 1, 1, tzinfo=UTC)
_TEMPLATE = "migrated"


@pytest.fixture(scope="session")
async def postgres() -> AsyncIterator[PostgresServer]:
    """A running server; it outlives tests, so those that stop or kill it start one of their own."""
    with TemporaryDirectory(prefix="bahi-test-", dir=_fastest_folder()) as folder:
        async with PostgresServer(Path(folder), throw_away=True) as server:
            yield server


def _fastest_folder() -> Path | None:
    """Memory, where there is enough: a clone is some three hundred files."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 2 * 1024**3
    return memory if roomy and os.access(memory, os.W_OK) else None


@pytest.fixture(scope="session")
async def _maintenance(postgres: PostgresServer) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(postgres.dsn("postgres"), isolation_level="AUTOCOMMIT")
    yield engine
    await engine.dispose()


@pytest.fixture(scope="session")
async def _template(postgres: PostgresServer) -> str:
    await postgres.ensure_database(_TEMPLATE)
    await upgrade(postgres.dsn(_TEMPLATE))
    database = Database.connect(postgres.dsn(_TEMPLATE), pool_size=1)
    await load_file(database, CATALOGUE, CATALOGUE_LOADED_AT)
    await database.close()
    return _TEMPLATE


@pytest.fixture(scope="session")
def _names() -> Iterator[str]:
    return (f"test_{number}" for number in itertools.count(1))


@pytest.fixture
async def database_url(
    postgres: PostgresServer, _maintenance: AsyncEngine, _template: str, _names: Iterator[str]
) -> AsyncIterator[str]:
    """A database of this test's own: newest schema, catalogue loaded, nothing else."""
    name = next(_names)
    async with _maintenance.connect() as connection:
        await connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {_template}"))
    yield postgres.dsn(name)
    async with _maintenance.connect() as connection:
        await connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Connections to this test's database."""
    database = Database.connect(database_url, pool_size=10)
    yield database
    await database.close()
