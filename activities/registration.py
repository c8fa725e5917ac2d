"""First row of a subscription."""

from collections.abc import Sequence

from temporalio import activity

from db import recording
from db.session import Database
from domain.events import EventType
from workflows.ports import Registered, RegisterSubscription


class Registration:
    """Implements `register_subscription`."""

    def __init__(self, database: Database, sinks: Sequence[str]) -> None:
        self._database = database
        self._sinks = sinks

    @activity.defn(name="register_subscription")
    async def register_subscription(self, request: RegisterSubscription) -> Registered:
        """One transaction: the row and its event, unless a live subscription is in the way."""
        subscription = request.subscription
        async with self._database.transaction() as session:
            existing = await recording.register(session, subscription, request.at)
            if existing is not None:
                return Registered(existing_id=existing)
            event = recording.Announcer(session, self._sinks, subscription, request.at)
            await event(
                EventType.SUBSCRIPTION_CREATED,
                plan_id=subscription.price.plan_id,
                charge_paise=subscription.charge_paise,
                interval=subscription.price.interval.value,
                actor=request.actor,
            )
            if subscription.is_free:
                await event(EventType.SUBSCRIPTION_ACTIVATED, plan_id=subscription.price.plan_id)
                await event.entitlement(granted=True)
        return Registered()
