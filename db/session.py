"""Connections and transactions. Commits happen here and nowhere else."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Self

from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import QueuePool

from domain.errors import InvalidInput, Misconfigured, Unavailable

APPLICATION_NAME = "bahi"
_CONNECT_SECONDS = 10
_POOL_WAIT_SECONDS = 10
_SESSION = {
    "application_name": APPLICATION_NAME,
    "timezone": "UTC",
    "lock_timeout": "10s",
    # Whoever hangs inside a transaction may be holding an invoice series: cut it off.
    "idle_in_transaction_session_timeout": "60s",
}

_RETRYABLE = ("08", "40", "53", "57", "58", "55P03", "25P03", "25P04")
"""SQLSTATEs, or their classes: connection, serialization and deadlock, resources, operator intervention,
system; lock not available; transaction cut off for idling or for its length."""
_SIGN_IN = frozenset({"28000", "28P01", "3D000"})
"""Unknown user, wrong password, no such database."""
_NOT_STORABLE = "22021"


def create_engine(url: str | URL, pool_size: int = 10, *, read_only: bool = False) -> AsyncEngine:
    """A pool of at most `pool_size` connections; dead ones are noticed before use.

    `read_only` connections refuse to write and run each statement by itself, without BEGIN.
    """
    settings = {**_SESSION, "default_transaction_read_only": "on"} if read_only else _SESSION
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=_POOL_WAIT_SECONDS,
        pool_pre_ping=True,
        isolation_level="AUTOCOMMIT" if read_only else "READ COMMITTED",
        connect_args={"server_settings": settings, "timeout": _CONNECT_SECONDS},
    )


class Database:
    """The book of record. Every error that a later attempt may not meet is raised as Unavailable."""

    def __init__(self, engine: AsyncEngine) -> None:
        """`engine` writes; a second pool of the same size, which cannot write, serves `reading`."""
        pool = engine.pool
        size = pool.size() if isinstance(pool, QueuePool) else 5
        self.engine = engine
        self._reader = create_engine(engine.url, size, read_only=True)
        self._writing = async_sessionmaker(engine, expire_on_commit=False)
        self._reading = async_sessionmaker(self._reader, expire_on_commit=False, autoflush=False)

    @classmethod
    def connect(cls, url: str | URL, pool_size: int = 10) -> Self:
        """Opens nothing yet: connections are made when needed."""
        return cls(create_engine(url, pool_size))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """One READ COMMITTED transaction, committed at the end, rolled back on any exception.

        Raises Unavailable when repeating the whole block may succeed. If the connection broke in
        the commit, it may have been done: what runs in here must bear being run again.
        """
        async with self._writing() as session:
            with _connecting():
                await session.connection()
            with _speaking():
                yield session
                await session.commit()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """For reading only; each statement sees what is committed when it starts. Raises Unavailable."""
        async with self._reading() as session:
            with _connecting():
                await session.connection()
            with _speaking():
                yield session

    async def ping(self) -> None:
        """Raises Unavailable unless the database answers."""
        async with self.reading() as session:
            await session.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close all connections."""
        await self._reader.dispose()
        await self.engine.dispose()


@contextmanager
def _connecting() -> Iterator[None]:
    """Nothing was sent yet, so trouble of any kind (refused, unresolved, timed out) is retryable."""
    try:
        with _speaking():
            yield
    except PoolTimeout as error:
        raise Unavailable(
            "all database connections are busy; try again, or raise BAHI_DATABASE_POOL_SIZE"
        ) from error
    except (OSError, TimeoutError) as error:
        raise Unavailable(f"the database cannot be reached ({_reason(error)}); try again") from error


@contextmanager
def _speaking() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None) or ""
        if state in _SIGN_IN:
            raise Misconfigured(f"{_reason(error.orig)}; check BAHI_DATABASE_URL") from error
        if state == _NOT_STORABLE:
            raise InvalidInput("text", "a text holds a character that cannot be stored (NUL)") from error
        if error.connection_invalidated or state.startswith(_RETRYABLE):
            raise Unavailable(f"the database could not finish ({_reason(error.orig)}); try again") from error
        raise


def _reason(error: BaseException | None) -> str:
    """First line, without parameters: they may be personal data."""
    lines = str(error).splitlines()
    return lines[0].removeprefix("<class 'asyncpg.exceptions.").replace("'>:", ":") if lines else repr(error)
