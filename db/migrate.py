"""Bring a database to the newest revision: `python -m db.migrate`."""

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from db.session import create_engine

_MIGRATIONS = Path(__file__).with_name("migrations")


async def upgrade(url: str, revision: str = "head") -> None:
    """All missing revisions up to one, in one transaction; nothing happens where there are none.

    Several processes may do so at once. Also mends what a logical restore leaves behind.
    """
    engine = create_engine(url, pool_size=1)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade, revision)
            await connection.run_sync(_continue_event_order)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _continue_event_order(connection: Connection) -> None:
    """Events restored into another cluster carry that cluster's transaction numbers, maybe far ahead of ours.

    New events must sort after them, so theirs are moved below zero, in the same order.
    """
    newest, bound = "(SELECT max(txid) FROM outbox_events)", "pg_snapshot_xmax(pg_current_snapshot())"
    if not connection.scalar(text(f"SELECT {newest} >= {bound}::text::bigint")):
        return
    connection.execute(text("ALTER TABLE outbox_events DISABLE TRIGGER append_only"))
    connection.execute(text(f"UPDATE outbox_events SET txid = txid - 1 - {newest}"))  # noqa: S608
    connection.execute(text("ALTER TABLE outbox_events ENABLE TRIGGER append_only"))


if __name__ == "__main__":
    from config import Settings  # only here: the library itself does not read the environment

    asyncio.run(upgrade(Settings().database_url.get_secret_value()))
