"""Events: written with the change that makes them true, delivered to each sink at least once, in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Text,
    bindparam,
    cast,
    exists,
    func,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from db.models import OutboxDelivery, OutboxEvent
from domain.errors import InvalidInput
from domain.events import EventType

_APPEND = text(
    """
    WITH turn AS MATERIALIZED (
        SELECT pg_advisory_xact_lock(hashtextextended('outbox/' || :customer_id, 0))
    ), event AS (
        INSERT INTO outbox_events (key, type, customer_id, subscription_id, occurred_at, data)
        SELECT :key, :type, :customer_id, :subscription_id, :occurred_at, :data FROM turn
        ON CONFLICT (key) DO NOTHING
        RETURNING id
    ), deliveries AS (
        INSERT INTO outbox_deliveries (event_id, sink, customer_id)
        SELECT event.id, sink, :customer_id FROM event, unnest(:sinks) AS sink
    )
    SELECT id FROM event
    """
).bindparams(
    bindparam("key", type_=Text),
    bindparam("type", type_=Text),
    bindparam("customer_id", type_=Text),
    bindparam("subscription_id", type_=Text),
    bindparam("data", type_=JSONB),
    bindparam("sinks", type_=ARRAY(Text)),
)

# In the text of the statement, so that its plan can use the partial indexes.
_PENDING: ColumnElement[str] = literal_column("'pending'")


async def append(
    session: AsyncSession,
    *,
    key: str,
    type: EventType,  # noqa: A002 - CloudEvents' own name for it
    customer_id: str,
    subscription_id: str | None,
    occurred_at: datetime,
    data: Mapping[str, Any],
    sinks: Sequence[str],
) -> int | None:
    """Announce a fact, to be delivered to each of `sinks`; its id, or None if `key` was announced before.

    From here to the end of the caller's transaction nobody else appends for this customer, so ids of
    one customer are in the order of commits.
    """
    values = {
        "key": key,
        "type": type.value,
        "customer_id": customer_id,
        "subscription_id": subscription_id,
        "occurred_at": occurred_at,
        "data": dict(data),
        "sinks": list(sinks),
    }
    event_id: int | None = await session.scalar(_APPEND, values)
    return event_id


@dataclass(frozen=True)
class Due:
    """A delivery whose turn it is. `attempts` counts those already made."""

    event: OutboxEvent
    attempts: int


async def due(session: AsyncSession, sink: str, limit: int) -> list[Due]:
    """Claim deliveries to `sink` for the caller's transaction, oldest first.

    At most one per customer: its next is offered when this one is done or has failed for good.
    Other callers skip what is claimed here.
    """
    delivery, earlier = aliased(OutboxDelivery), aliased(OutboxDelivery)
    has_earlier = exists().where(
        earlier.sink == delivery.sink,
        earlier.customer_id == delivery.customer_id,
        earlier.status == _PENDING,
        earlier.event_id < delivery.event_id,
    )
    claim = (
        select(OutboxEvent, delivery.attempts)
        .join(OutboxEvent, OutboxEvent.id == delivery.event_id)
        .where(
            delivery.sink == sink,
            delivery.status == _PENDING,
            delivery.next_attempt_at <= func.now(),
            ~has_earlier,
        )
        .order_by(delivery.event_id)
        .limit(limit)
        .with_for_update(of=delivery, skip_locked=True)
    )
    return [Due(event, attempts) for event, attempts in (await session.execute(claim)).all()]


async def mark_done(session: AsyncSession, event_id: int, sink: str) -> None:
    """Delivered."""
    await _mark(session, event_id, sink, status="done", done_at=func.now(), last_error=None)


async def mark_retry(
    session: AsyncSession, event_id: int, sink: str, next_attempt_at: datetime, error: str
) -> None:
    """To be tried again, not before `next_attempt_at`; the customer's later events wait for it."""
    await _mark(session, event_id, sink, next_attempt_at=next_attempt_at, last_error=error)


async def mark_failed(session: AsyncSession, event_id: int, sink: str, error: str) -> None:
    """Given up for good; the customer's later events go on."""
    await _mark(session, event_id, sink, status="failed", last_error=error)


async def _mark(session: AsyncSession, event_id: int, sink: str, **values: object) -> None:
    delivery = OutboxDelivery
    await session.execute(
        update(delivery)
        .where(delivery.event_id == event_id, delivery.sink == sink)
        .values(attempts=delivery.attempts + 1, **values)
        .execution_options(synchronize_session=False)
    )


async def retry_failed(session: AsyncSession, sink: str) -> int:
    """Offer again what was given up; the number of deliveries."""
    again = (
        update(OutboxDelivery)
        .where(OutboxDelivery.sink == sink, OutboxDelivery.status == "failed")
        .values(status="pending", next_attempt_at=func.now())
        .returning(OutboxDelivery.event_id)
        .execution_options(synchronize_session=False)
    )
    return len((await session.scalars(again)).all())


async def events_after(
    session: AsyncSession, cursor: int | None, limit: int, types: Sequence[EventType] | None = None
) -> list[OutboxEvent]:
    """Events after the one with id `cursor` (None: from the first), in an order that never changes.

    No event is ever skipped: ids are given out before commits, so an event is shown only when every
    transaction older than its own has ended. Continue with the id of the last one. Raises InvalidInput.
    """
    event = OutboxEvent
    horizon = cast(
        cast(func.pg_snapshot_xmin(func.pg_current_snapshot()), Text), BigInteger
    )  # oldest transaction still running
    page = select(event).where(event.txid < horizon).order_by(event.txid, event.id).limit(limit)
    if cursor is not None:
        known = 0 < cursor < 2**63
        txid = await session.scalar(select(event.txid).where(event.id == cursor)) if known else None
        if txid is None:
            raise InvalidInput("after", f"there is no event {cursor}; use the id of an event you were given")
        page = page.where(func.row(event.txid, event.id) > func.row(txid, cursor))
    if types is not None:
        page = page.where(event.type.in_([wanted.value for wanted in types]))
    return list((await session.scalars(page)).all())


async def lag_seconds(session: AsyncSession, sink: str) -> float:
    """Age of the oldest event not yet delivered to `sink`; 0 when there is none."""
    delivery = OutboxDelivery
    oldest = (
        select(func.extract("epoch", func.clock_timestamp() - OutboxEvent.recorded_at))
        .join(delivery, delivery.event_id == OutboxEvent.id)
        .where(delivery.sink == sink, delivery.status == _PENDING)
        .order_by(delivery.event_id)
        .limit(1)
    )
    return max(0.0, float(await session.scalar(oldest) or 0))
