"""Mandates that changed without a word: banks end some in silence (phonepe.md 3.3).

Each mandate in use is read once a day; where it is not as we have it, its subscription is told to look.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select, update
from temporalio.client import Client

from db.models import Mandate
from db.session import Database
from domain.errors import BahiError, GatewayRefused
from domain.mandate import MandateStatus
from gateways.base import MandateGateway
from relay.calls import signalled
from workflows import messages, ports

EVERY = timedelta(days=1)
_PAUSE_SECONDS = 300
_AT_ONCE = 200
_SIDE_BY_SIDE = 4
_LIVE = [MandateStatus.ACTIVE.value, MandateStatus.PAUSED.value]

_log = structlog.get_logger(__name__)


class MandateSweep:
    """Reads gently: a batch, then a pause."""

    def __init__(
        self,
        database: Database,
        client: Client,
        gateways: Mapping[str, MandateGateway],
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._client = client
        self._gateways = gateways
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; several at once do no harm."""
        while not stop.is_set():
            try:
                more = True
                while more and not stop.is_set():
                    more = await self.look() == _AT_ONCE
            except BahiError as error:
                _log.warning("mandates_not_swept", error=str(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _PAUSE_SECONDS)

    async def look(self) -> int:
        """Read those whose turn it is, gateway by gateway; the most that were read at one of them.

        Raises what the first gateway that is away raised, once the others were asked.
        """
        most, away = 0, None
        for gateway in self._gateways:
            try:
                most = max(most, await self._look_at(gateway))
            except BahiError as error:
                away = away or error
        if away is not None:
            raise away
        return most

    async def _look_at(self, gateway: str) -> int:
        row, now = Mandate, self._clock()
        query = select(row).where(
            row.in_use, row.status.in_(_LIVE), row.gateway == gateway, row.updated_at <= now - EVERY
        )
        async with self._database.reading() as session:
            due = list(await session.scalars(query.order_by(row.updated_at).limit(_AT_ONCE)))
        waiting = iter(due)

        async def read_some() -> None:
            for mandate in waiting:
                await self._read(mandate, now)

        try:
            async with asyncio.TaskGroup() as readers:
                for _ in range(_SIDE_BY_SIDE):
                    readers.create_task(read_some())
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return len(due)

    async def _read(self, mandate: Mandate, now: datetime) -> None:
        if await self._has_changed(mandate):
            event_id = f"swept/{mandate.id}/{now.isoformat()}"
            hint = messages.GatewayEvent(event_id, "swept", mandate_id=mandate.id)
            await signalled(self._client, ports.subscription_workflow_id(mandate.subscription_id), hint)
        async with self._database.transaction() as session:
            await session.execute(update(Mandate).where(Mandate.id == mandate.id).values(updated_at=now))

    async def _has_changed(self, mandate: Mandate) -> bool:
        try:
            found = await self._gateways[mandate.gateway].find_mandate(mandate.id)
        except GatewayRefused as error:
            # One that cannot be read must not keep the others from their turn.
            _log.error("mandate_not_read", mandate=mandate.id, error=str(error))
            return False
        if found is None:
            _log.error("mandate_not_known", mandate=mandate.id, gateway=mandate.gateway)
            return False
        return found.mandate.status != mandate.status
