"""Creating POSTs under an Idempotency-Key: repeated, they answer the same bytes and do their work once."""

import contextlib
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import BaseModel

from api.problems import RequestRejected
from db import idempotency
from db.session import Database
from domain.errors import FinalError, Unavailable

LEASE = timedelta(seconds=15)
"""Longer than any such request lasts; after a crash, whoever repeats it takes over."""


@dataclass(frozen=True)
class Made:
    """An answer. One that is not `final` is not kept: the work goes on, and a repetition asks again."""

    status: int
    body: bytes
    final: bool = True


@dataclass(frozen=True)
class Repeatable:
    """A request that may come again. `owner` is the caller, `route` the template it was sent to."""

    database: Database
    owner: str
    route: str
    key: str | None
    request: BaseModel
    clock: Callable[[], datetime]

    async def once(self, resource_id: str, work: Callable[[str], Awaitable[Made]]) -> Made:
        """Do `work` for `resource_id`, or for the id of an attempt that was cut off.

        A refusal is not kept, so its key stays free. Raises RequestRejected for a key that is in use or
        was used for another request, and what `work` raises.
        """
        if self.key is None:
            return await work(resource_id)
        match await self._claim(self.key, resource_id):
            case idempotency.Replay(status=status, body=body):
                return Made(status, body)
            case idempotency.InFlight():
                raise RequestRejected(
                    409, "in_flight", "The first request with this key is still being served.", retry_after=1
                )
            case idempotency.Mismatch():
                raise RequestRejected(
                    422,
                    "idempotency_key_reused",
                    "This Idempotency-Key was used for another request; take a new one.",
                )
            case idempotency.New(resource_id=claimed_id):
                return await self._work(self.key, claimed_id, work)

    async def _claim(self, key: str, resource_id: str) -> idempotency.Claim:
        digest = hashlib.sha256(self.request.model_dump_json().encode()).hexdigest()
        async with self.database.transaction() as session:
            return await idempotency.claim(
                session,
                owner=self.owner,
                route=self.route,
                key=key,
                request_sha256=digest,
                resource_id=resource_id,
                now=self.clock(),
                lease=LEASE,
            )

    async def _work(self, key: str, resource_id: str, work: Callable[[str], Awaitable[Made]]) -> Made:
        try:
            made = await work(resource_id)
        except Exception as error:
            # Only a refusal is certain to have begun nothing; else a repetition goes on with the same id.
            with contextlib.suppress(Unavailable):  # then the lease runs out by itself
                async with self.database.transaction() as session:
                    if isinstance(error, FinalError | RequestRejected):
                        await idempotency.release(session, owner=self.owner, route=self.route, key=key)
                    else:
                        await idempotency.hand_over(
                            session, owner=self.owner, route=self.route, key=key, now=self.clock()
                        )
            raise
        named = {"owner": self.owner, "route": self.route, "key": key}
        async with self.database.transaction() as session:
            if made.final:
                await idempotency.complete(session, **named, status=made.status, body=made.body)
            else:
                await idempotency.hand_over(session, **named, now=self.clock())
        return made
