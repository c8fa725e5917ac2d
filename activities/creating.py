"""Creating something at a gateway once: stored intent → look-up if an earlier attempt may have arrived →
create → record (razorpay.md 1.0, 5.1; phonepe.md 10).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from db import intents, models
from db.session import Database
from domain.errors import GatewayRefused, GatewayUnavailable, OutcomeUnknown

Made = TypeVar("Made")


@dataclass(frozen=True)
class Creation(Generic[Made]):
    """One thing to create once. `find` looks for what a lost reply may have left behind."""

    key: str
    kind: str
    subscription_id: str | None
    request: dict[str, str | int]
    create: Callable[[], Awaitable[Made]]
    find: Callable[[], Awaitable[Made | None]]


class Creating:
    """Keeps the order of steps. `list_lag` is how long the gateway's lists may hide a creation."""

    def __init__(self, database: Database, list_lag: timedelta, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._list_lag = list_lag
        self._clock = clock

    async def once(self, creation: Creation[Made]) -> Made:
        """What was created, now or earlier. Raises what the gateway raises, and OutcomeUnknown."""
        async with self._database.transaction() as session:
            intent = await intents.plan(
                session,
                key=creation.key,
                kind=creation.kind,
                subscription_id=creation.subscription_id,
                request=creation.request,
            )
            fresh = intent.state == "planned"
            if fresh:
                await intents.mark_sent(session, creation.key, self._clock())
        if not fresh:
            found = await creation.find()
            if found is not None:
                return found
            self.check_lists_are_complete(intent)
            async with self._database.transaction() as session:
                await intents.mark_sent(session, creation.key, self._clock())
        try:
            return await creation.create()
        except (GatewayRefused, GatewayUnavailable):
            # Certainly not created: the next attempt need not search first.
            async with self._database.transaction() as session:
                await intents.mark_planned(session, creation.key)
            raise

    def check_lists_are_complete(self, intent: models.GatewayIntent) -> None:
        """Raises OutcomeUnknown while the gateway's lists may still hide what an earlier request made."""
        if intent.sent_at is not None and self._clock() < intent.sent_at + self._list_lag:
            raise OutcomeUnknown(
                f"{intent.kind} for {intent.subscription_id}: an earlier request may have arrived; "
                "the gateway's lists do not show it yet, looking again"
            )
