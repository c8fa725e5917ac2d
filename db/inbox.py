"""Gateways' calls: stored before they are answered, handed on in order, kept for operators."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, case, exists, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from db.models import WebhookInbox
from domain.errors import NotFound

Outcome = Literal["signalled", "known", "duplicate", "unhandled", "orphan", "late"]
"""What became of a call; see `WebhookInbox.status`."""

# In the text of the statement, so that its plan can use the partial indexes.
_RECEIVED: ColumnElement[str] = literal_column("'received'")


async def store(
    session: AsyncSession,
    *,
    source: str,
    event_id: str,
    event_type: str,
    body: bytes,
    gateway_subscription_id: str | None = None,
    gateway_payment_id: str | None = None,
    gateway_invoice_id: str | None = None,
    gateway_refund_id: str | None = None,
    alike_is_new: bool = False,
) -> bool:
    """Keep a verified call; True if it waits to be handed on. `alike_is_new`: the same body is news again.

    Nothing is written for an event id seen before. A body seen before under another event id is kept
    as `duplicate` (a gateway's event id lies outside its signature): of two at the very same moment
    both may wait, which the workflow must bear anyway.
    """
    digest = hashlib.sha256(body).hexdigest()
    row = WebhookInbox
    seen = exists().where(row.source == source, row.body_sha256 == digest)
    values = {
        "source": source,
        "event_id": event_id,
        "event_type": event_type,
        "body": body,
        "body_sha256": digest,
        "gateway_subscription_id": gateway_subscription_id,
        "gateway_payment_id": gateway_payment_id,
        "gateway_invoice_id": gateway_invoice_id,
        "gateway_refund_id": gateway_refund_id,
        "status": "received" if alike_is_new else case((seen, "duplicate"), else_="received"),
    }
    stored = insert(row).values(values).on_conflict_do_nothing().returning(row.status)
    return await session.scalar(stored) == "received"


async def claim_due(session: AsyncSession, limit: int) -> list[WebhookInbox]:
    """Claim calls whose turn it is for the caller's transaction, oldest first.

    At most one per gateway subscription: its next is offered when this one is no longer `received`.
    Calls that name no subscription wait for nobody. Other callers skip what is claimed here.
    """
    call, earlier = aliased(WebhookInbox), aliased(WebhookInbox)
    has_earlier = exists().where(
        earlier.gateway_subscription_id == call.gateway_subscription_id,
        earlier.status == _RECEIVED,
        earlier.id < call.id,
    )
    claim = (
        select(call)
        .where(call.status == _RECEIVED, call.next_attempt_at <= func.now(), ~has_earlier)
        .order_by(call.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return list((await session.scalars(claim)).all())


async def mark(
    session: AsyncSession,
    entry_id: int,
    status: Outcome,
    subscription_id: str | None = None,
    error: str | None = None,
) -> None:
    """Dealt with. `subscription_id` is ours, where the call was about one."""
    row = WebhookInbox
    await session.execute(
        update(row)
        .where(row.id == entry_id)
        .values(
            status=status,
            attempts=row.attempts + 1,
            last_error=error,
            processed_at=func.now(),
            subscription_id=func.coalesce(subscription_id, row.subscription_id),
        )
        .execution_options(synchronize_session=False)
    )


async def mark_retry(session: AsyncSession, entry_id: int, next_attempt_at: datetime, error: str) -> None:
    """Could not be handed on; to be tried again, not before `next_attempt_at`. Later ones wait for it."""
    row = WebhookInbox
    await session.execute(
        update(row)
        .where(row.id == entry_id)
        .values(attempts=row.attempts + 1, next_attempt_at=next_attempt_at, last_error=error)
        .execution_options(synchronize_session=False)
    )


async def entries(
    session: AsyncSession,
    *,
    limit: int,
    before: int | None = None,
    status: Sequence[str] = (),
    source: str | None = None,
    event_type: str | None = None,
    subscription_id: str | None = None,
) -> list[WebhookInbox]:
    """Stored calls for operators, newest first, with ids below `before`. Continue with the last one's id."""
    row = WebhookInbox
    page = select(row).order_by(row.id.desc()).limit(limit)
    if before is not None:
        page = page.where(row.id < before)
    if status:
        page = page.where(row.status.in_(status))
    if source is not None:
        page = page.where(row.source == source)
    if event_type is not None:
        page = page.where(row.event_type == event_type)
    if subscription_id is not None:
        page = page.where(row.subscription_id == subscription_id)
    return list((await session.scalars(page)).all())


async def entry(session: AsyncSession, entry_id: int) -> WebhookInbox:
    """One stored call. Raises NotFound."""
    found = await session.get(WebhookInbox, entry_id)
    if found is None:
        raise NotFound(f"there is no webhook {entry_id}")
    return found


async def replay(session: AsyncSession, entry_id: int) -> None:
    """Hand a stored call on again, at once, whatever became of it. Raises NotFound."""
    row = WebhookInbox
    replayed = await session.scalar(
        update(row)
        .where(row.id == entry_id)
        .values(status="received", next_attempt_at=func.now(), processed_at=None, last_error=None)
        .returning(row.id)
        .execution_options(synchronize_session=False)
    )
    if replayed is None:
        raise NotFound(f"there is no webhook {entry_id}")
    await session.execute(select(func.pg_notify("webhook_inbox", "")))


async def lag_seconds(session: AsyncSession) -> float:
    """Age of the oldest call not yet handed on; 0 when there is none."""
    row = WebhookInbox
    oldest = (
        select(func.extract("epoch", func.clock_timestamp() - row.received_at))
        .where(row.status == _RECEIVED)
        .order_by(row.id)
        .limit(1)
    )
    return max(0.0, float(await session.scalar(oldest) or 0))
