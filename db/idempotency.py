"""Creating POSTs that may be repeated: the same key and body give the same answer, once made.

Each call is a short transaction of its own: a claim must be visible before the work begins.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import IdempotencyKey

KEPT_AT_LEAST = timedelta(hours=24)


@dataclass(frozen=True)
class New:
    """Do the work, for this resource: the id given, or that of an earlier claim whose lease ran out."""

    resource_id: str


@dataclass(frozen=True)
class Replay:
    """The work is done; answer with these bytes."""

    status: int
    body: bytes


@dataclass(frozen=True)
class InFlight:
    """Somebody is doing the work; ask again later."""


@dataclass(frozen=True)
class Mismatch:
    """The key was used for another request."""


Claim = New | Replay | InFlight | Mismatch


async def claim(
    session: AsyncSession,
    *,
    owner: str,
    route: str,
    key: str,
    request_sha256: str,
    resource_id: str,
    now: datetime,
    lease: timedelta,
) -> Claim:
    """Claim `key` of `owner` on `route` until `now + lease`, or say what became of it.

    Whoever takes over a claim that ran out continues with its resource id, so that what the first
    attempt began is found and not made twice.
    """
    row = IdempotencyKey
    fresh = insert(row).values(
        owner=owner,
        route=route,
        key=key,
        request_sha256=request_sha256,
        resource_id=resource_id,
        locked_until=now + lease,
        created_at=now,
    )
    taken = fresh.on_conflict_do_update(
        index_elements=row.__table__.primary_key,
        set_={"locked_until": fresh.excluded.locked_until},
        where=(row.request_sha256 == request_sha256)
        & row.response_status.is_(None)
        & (row.locked_until <= now),
    ).returning(row.resource_id)
    claimed = await session.scalar(taken)
    if claimed is not None:
        return New(claimed)
    existing = await session.scalar(select(row).where(row.owner == owner, row.route == route, row.key == key))
    if existing is None:  # pruned or released in between
        return InFlight()
    if existing.request_sha256 != request_sha256:
        return Mismatch()
    if existing.response_status is None:
        return InFlight()
    return Replay(existing.response_status, existing.response_body or b"")


async def complete(
    session: AsyncSession, *, owner: str, route: str, key: str, status: int, body: bytes
) -> None:
    """Store the answer. The first one stays: whoever repeats the request gets that."""
    row = IdempotencyKey
    await session.execute(
        update(row)
        .where(row.owner == owner, row.route == route, row.key == key, row.response_status.is_(None))
        .values(response_status=status, response_body=body, locked_until=None)
    )


async def hand_over(session: AsyncSession, *, owner: str, route: str, key: str, now: datetime) -> None:
    """End a claim whose work goes on elsewhere: whoever repeats the request asks after the same resource."""
    row = IdempotencyKey
    await session.execute(
        update(row)
        .where(row.owner == owner, row.route == route, row.key == key, row.response_status.is_(None))
        .values(locked_until=now)
    )


async def release(session: AsyncSession, *, owner: str, route: str, key: str) -> None:
    """Forget a claim under which nothing was begun (the request was refused), so the key is free again."""
    row = IdempotencyKey
    await session.execute(
        delete(row).where(
            row.owner == owner, row.route == route, row.key == key, row.response_status.is_(None)
        )
    )


async def prune(session: AsyncSession, now: datetime, keep: timedelta = KEPT_AT_LEAST) -> int:
    """Forget keys older than `keep`; how many. Raises ValueError for less than 24 hours."""
    if keep < KEPT_AT_LEAST:
        raise ValueError(f"idempotency keys are kept at least {KEPT_AT_LEAST}")
    result: CursorResult[Any] = await session.execute(  # type: ignore[assignment]
        delete(IdempotencyKey).where(IdempotencyKey.created_at < now - keep)
    )
    return result.rowcount
