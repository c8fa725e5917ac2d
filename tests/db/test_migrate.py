import asyncio
import sys

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from db.migrate import upgrade
from local.postgres import PostgresServer


async def scalar(url: str, query: str) -> object:
    engine = create_async_engine(url)
    try:
        async with engine.connect() as connection:
            return await connection.scalar(text(query))
    finally:
        await engine.dispose()


async def test_an_up_to_date_database_stays_as_it_is(database_url: str) -> None:
    tables = "SELECT string_agg(oid::text || relname, ',' ORDER BY oid) FROM pg_class"
    before = await scalar(database_url, tables)
    await upgrade(database_url)
    assert await scalar(database_url, tables) == before


async def test_processes_that_start_together_migrate_once(postgres: PostgresServer) -> None:
    await postgres.ensure_database("started_together")
    url = postgres.dsn("started_together")

    async def migrate() -> int | None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "db.migrate", env={"BAHI_DATABASE_URL": url}
        )
        return await process.wait()

    assert await asyncio.gather(*(migrate() for _ in range(3))) == [0, 0, 0]
    assert await scalar(url, "SELECT string_agg(version_num, ',') FROM alembic_version") == "0001"
    assert await scalar(url, "SELECT count(*) FROM prices") == 0
