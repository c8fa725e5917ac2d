"""Runs revisions: on the connection `db.migrate` hands over, else on one of its own (command line)."""

import asyncio
from logging.config import fileConfig

from alembic import context
from sqlalchemy import Connection, text

from db.models import Base
from db.session import create_engine

_ONE_AT_A_TIME = (
    "SET LOCAL lock_timeout = '5min'",
    "SELECT pg_advisory_xact_lock(hashtextextended('migration', 0))",
)
"""Processes that start together wait for the first; revisions set their own, short, lock_timeout."""


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        for statement in _ONE_AT_A_TIME:
            connection.execute(text(statement))
        context.run_migrations()


async def _run_by_itself() -> None:
    engine = create_engine(_url(), pool_size=1)
    async with engine.connect() as connection:
        await connection.run_sync(_run)
    await engine.dispose()


def _url() -> str:
    given = context.get_x_argument(as_dictionary=True).get("url")
    if given:
        return given
    from config import Settings  # only here: the library itself does not read the environment

    return Settings().database_url.get_secret_value()


if context.is_offline_mode():
    raise SystemExit("offline mode is not supported: revisions read the database they change")
if (handed_over := context.config.attributes.get("connection")) is not None:
    _run(handed_over)
else:
    if context.config.config_file_name:
        fileConfig(context.config.config_file_name, disable_existing_loggers=False)
    asyncio.run(_run_by_itself())
