"""Activities of the bare workflows: empty, or with one statement in one Postgres transaction."""

import asyncpg  # type: ignore[import-untyped]
from temporalio import activity

from bench.bare_autopay import ANNOUNCE, DEBIT
from bench.bare_workflow import BOOK, LOOK

CREATE_TABLE = "CREATE TABLE IF NOT EXISTS bare_bookings (id bigserial PRIMARY KEY, at timestamptz NOT NULL)"
_INSERT = "INSERT INTO bare_bookings (at) VALUES (now())"


@activity.defn(name=LOOK)
async def look() -> None:
    """Stands for reading the gateway."""


@activity.defn(name=ANNOUNCE)
async def announce() -> None:
    """Stands for giving notice."""


@activity.defn(name=DEBIT)
async def debit() -> None:
    """Stands for starting a debit."""


@activity.defn(name=BOOK)
async def book_nothing() -> None:
    """Stands for settling."""


class BareBookings:
    """Stands for settling, with a commit."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @activity.defn(name=BOOK)
    async def book(self) -> None:
        """One row."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_INSERT)
