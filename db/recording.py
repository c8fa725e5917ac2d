"""Writing a subscription's row and announcing what changed, inside the caller's transaction."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from db import models, outbox
from domain.errors import Unavailable
from domain.events import EventType, interested
from domain.subscription import LIVE, Status, Subscription, has_access

_LIVE = [status.value for status in LIVE]


async def register(session: AsyncSession, subscription: Subscription, at: datetime) -> str | None:
    """Insert the first row; or the id of the customer's live subscription that is in the way.

    A paid one may be asked for beside a Free one, which ends when the paid one is paid.
    """
    customer = models.Customer
    await session.execute(
        select(customer.id).where(customer.id == subscription.customer_id).with_for_update()
    )
    row = models.Subscription
    live = select(row.id, row.is_free).where(
        row.customer_id == subscription.customer_id, row.status.in_(_LIVE)
    )
    for existing_id, is_free in (await session.execute(live)).all():
        if existing_id == subscription.id:
            return None
        if subscription.is_free or not is_free:
            return str(existing_id)
    status = Status.ACTIVE if subscription.is_free else subscription.status
    session.add(
        row(
            id=subscription.id,
            customer_id=subscription.customer_id,
            plan_id=subscription.price.plan_id,
            price_id=subscription.price.id,
            gateway=subscription.gateway,
            collection=subscription.collection.value,
            by_mandate=subscription.by_mandate,
            is_free=subscription.is_free,
            charge_paise=subscription.charge_paise,
            total_count=subscription.total_count,
            status=status.value,
            version=subscription.version,
            checkout_expires_at=None if subscription.is_free else subscription.checkout_expires_at,
            uncollected=[],
            created_at=subscription.created_at,
            updated_at=at,
        )
    )
    await session.flush()
    return None


async def set_checkout(
    session: AsyncSession,
    subscription_id: str,
    gateway_id: str | None,
    checkout_url: str | None,
    at: datetime,
) -> None:
    """Where the customer pays, as soon as it is known."""
    row = models.Subscription
    await session.execute(
        update(row)
        .where(row.id == subscription_id)
        .values(gateway_subscription_id=gateway_id, checkout_url=checkout_url, updated_at=at)
    )


async def save(session: AsyncSession, before: Subscription, after: Subscription, at: datetime) -> bool:
    """Record `after` over `before`. False if that was done already: an activity is run at least once.

    Raises Unavailable if neither version is on record, which only a lost database explains.
    """
    row = models.Subscription
    period = after.period
    saved = await session.scalar(
        update(row)
        .where(row.id == after.id, row.version == before.version)
        .values(
            status=after.status.value,
            version=after.version,
            started_at=after.started_at,
            current_period_start=period.start if period else None,
            current_period_end=period.end if period else None,
            paid_cycle=after.paid_cycle,
            cancel_at_period_end=after.cancel_at_period_end,
            access_until=after.access_until,
            uncollected=list(after.uncollected),
            updated_at=at,
        )
        .returning(row.id)
    )
    if saved is not None:
        return True
    on_record = await session.scalar(select(row.version).where(row.id == after.id))
    if on_record is None or on_record < before.version:
        raise Unavailable(
            f"{after.id} is on record at version {on_record}, its workflow is at {before.version}: "
            "the database was set back; restore it"
        )
    return False


class Announcer:
    """Writes outbox events of one recorded change; keys make each fact announced once."""

    def __init__(
        self, session: AsyncSession, sinks: Sequence[str], subscription: Subscription, at: datetime
    ) -> None:
        self._session = session
        self._sinks = sinks
        self._subscription = subscription
        self._at = at

    async def __call__(
        self, event: EventType, *, key: str | None = None, **data: str | int | bool | None
    ) -> None:
        """Announce `event`. `key` defaults to the subscription's version, which has one such event."""
        subscription = self._subscription
        await outbox.append(
            self._session,
            key=f"{event}/{key or f'{subscription.id}/{subscription.version}'}",
            type=event,
            customer_id=subscription.customer_id,
            subscription_id=subscription.id,
            occurred_at=self._at,
            data={
                "subscription_id": subscription.id,
                "status": subscription.status.value,
                "collection": subscription.collection.value,
                **data,
            },
            sinks=interested(event, self._sinks),
        )

    async def entitlement(self, *, granted: bool) -> None:
        """Announce that the plan's features are granted or withdrawn."""
        await self(EventType.ENTITLEMENT_CHANGED, granted=granted, plan_id=self._subscription.price.plan_id)

    async def access_change(self, before: Subscription) -> None:
        """Announce the entitlement if this change gave or took it."""
        had = has_access(before.status, before.access_until, self._at)
        has = has_access(self._subscription.status, self._subscription.access_until, self._at)
        if had != has:
            await self.entitlement(granted=has)
