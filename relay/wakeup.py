"""Waking relays when the database has work: LISTEN, with a poll behind it in case a call is lost."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import asyncpg  # type: ignore[import-untyped]
import structlog
from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

POLL_SECONDS = 1.0
_CONNECT_SECONDS = 10
_PATIENCE_SECONDS = 2.0

_TROUBLE = (OSError, TimeoutError, SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError)

_log = structlog.get_logger(__name__)


class Bells:
    """One bell per listener; each rings when the database calls on `channel`, and when it is time to stop."""

    def __init__(self, url: URL, channel: str) -> None:
        # Its own connection, since one that listens is no use to a pool; the engine reads the URL as always.
        self._engine = create_async_engine(
            url, poolclass=NullPool, connect_args={"timeout": _CONNECT_SECONDS}
        )
        self._channel = channel
        self._bells: list[asyncio.Event] = []

    def hang(self) -> asyncio.Event:
        """A bell of the caller's own."""
        bell = asyncio.Event()
        self._bells.append(bell)
        return bell

    async def ring_until(self, stop: asyncio.Event) -> None:
        """Listen until `stop`, coming back after every lost connection; then ring once more."""
        while not stop.is_set():
            try:
                async with self._listening() as lost:
                    self._ring()
                    await _first_of(stop, lost)
            except _TROUBLE as error:
                _log.warning("not_listening", channel=self._channel, error=type(error).__name__)
                await pause(stop, _PATIENCE_SECONDS)
        self._ring()

    @contextlib.asynccontextmanager
    async def _listening(self) -> AsyncIterator[asyncio.Event]:
        """Yields an event that is set when the connection is lost."""
        lost = asyncio.Event()
        async with self._engine.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None
            driver.add_termination_listener(lambda _: lost.set())
            await driver.add_listener(self._channel, lambda *_: self._ring())
            yield lost

    def _ring(self) -> None:
        for bell in self._bells:
            bell.set()


async def pause(bell: asyncio.Event, seconds: float) -> None:
    """Sleep until the bell rings, at most `seconds`."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(bell.wait(), seconds)


async def _first_of(*events: asyncio.Event) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
