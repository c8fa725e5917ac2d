"""Removes what nobody will ask for any more."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime

import structlog

from db import idempotency
from db.session import Database
from domain.errors import RetryableError

EVERY_SECONDS = 3600.0
_log = structlog.get_logger(__name__)


class Housekeeping:
    """Forgets idempotency keys older than a day."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Once an hour until `stop`; several at once do no harm."""
        while not stop.is_set():
            try:
                await self.clean()
            except RetryableError as error:
                _log.warning("not_cleaned", error=str(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), EVERY_SECONDS)

    async def clean(self) -> int:
        """How many keys were forgotten."""
        async with self._database.transaction() as session:
            return await idempotency.prune(session, self._clock())
