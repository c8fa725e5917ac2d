"""What we are about to ask a gateway to create, written down before asking (one row per business key)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import GatewayIntent, GatewayPlan
from domain.errors import NotFound, Refused


def debit_key(gateway: str, order_id: str) -> str:
    """Of the intent behind a debit's notice: how a webhook finds its subscription."""
    return f"{gateway}/debit/{order_id}"


async def plan(
    session: AsyncSession, *, key: str, kind: str, subscription_id: str | None, request: Mapping[str, Any]
) -> GatewayIntent:
    """Write the intent down; where `key` is already there, that row as it stands, whatever its request."""
    planned = insert(GatewayIntent).values(
        key=key, kind=kind, subscription_id=subscription_id, state="planned", request=dict(request)
    )
    await session.execute(planned.on_conflict_do_nothing(index_elements=[GatewayIntent.key]))
    intent = await get(session, key)
    assert intent is not None  # rows are never removed
    return intent


async def get(session: AsyncSession, key: str) -> GatewayIntent | None:
    """The intent as last committed, or changed by this transaction."""
    return await session.scalar(
        select(GatewayIntent).where(GatewayIntent.key == key).execution_options(populate_existing=True)
    )


async def mark_sent(session: AsyncSession, key: str, at: datetime) -> None:
    """The request is about to leave: from here on its outcome is unknown until `mark_done`.

    Commit before sending. `at` is the latest sending. Does nothing where the intent is done.
    """
    await session.execute(
        update(GatewayIntent)
        .where(GatewayIntent.key == key, GatewayIntent.state != "done")
        .values(state="sent", sent_at=at)
    )


async def mark_planned(session: AsyncSession, key: str) -> None:
    """The request certainly created nothing; it may leave again without a search first."""
    await session.execute(
        update(GatewayIntent)
        .where(GatewayIntent.key == key, GatewayIntent.state == "sent")
        .values(state="planned", sent_at=None)
    )


async def mark_done(session: AsyncSession, key: str, gateway_id: str) -> None:
    """The gateway has created `gateway_id` for this intent.

    Raises NotFound for an unknown key and Refused where another id is on record: two were created.
    """
    done = await session.scalar(
        update(GatewayIntent)
        .where(
            GatewayIntent.key == key,
            GatewayIntent.gateway_id.is_(None) | (GatewayIntent.gateway_id == gateway_id),
        )
        .values(state="done", gateway_id=gateway_id)
        .returning(GatewayIntent.key)
    )
    if done is not None:
        return
    intent = await get(session, key)
    if intent is None:
        raise NotFound(f"there is no intent {key!r}; write it down before asking the gateway")
    raise Refused(
        f"{key!r} is already {intent.gateway_id} at the gateway, and now also {gateway_id}: cancel one there",
        state=intent.state,
        allowed=(),
    )


async def gateway_plan(session: AsyncSession, gateway: str, price_id: str, amount_paise: int) -> str | None:
    """The gateway's plan for this price at this total, tax included, if it has one."""
    row = GatewayPlan
    return await session.scalar(
        select(row.gateway_plan_id).where(
            row.gateway == gateway, row.price_id == price_id, row.amount_paise == amount_paise
        )
    )


async def put_gateway_plan(
    session: AsyncSession, gateway: str, price_id: str, amount_paise: int, gateway_plan_id: str
) -> str:
    """Remember the gateway's plan; the one to use, which is another's if another was faster."""
    put = insert(GatewayPlan).values(
        gateway=gateway, price_id=price_id, amount_paise=amount_paise, gateway_plan_id=gateway_plan_id
    )
    await session.execute(put.on_conflict_do_nothing())
    used = await gateway_plan(session, gateway, price_id, amount_paise)
    assert used is not None
    return used
