"""What customers paid in advance and may still use.

That is the wallet in the books, less draws not yet invoiced and advances on their way back to the payer.

Whoever takes from a wallet holds `lock` until the commit: draws, their invoice, refunds of advances.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import DateTime, Text, any_, bindparam, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Customer
from domain.periods import india_date
from domain.usage import month_of

AVAILABLE = """greatest(0, (
    SELECT coalesce(sum(-posting.amount_paise), 0)::bigint
    FROM ledger_transactions AS entry JOIN ledger_postings AS posting ON posting.transaction_id = entry.id
    WHERE entry.customer_id = customer.id AND posting.account = 'wallet'
) - (
    SELECT coalesce(sum(amount_paise), 0)::bigint FROM wallet_draws
    WHERE customer_id = customer.id AND document_id IS NULL
) - (
    SELECT coalesce(sum(amount_paise), 0)::bigint FROM refunds
    WHERE customer_id = customer.id AND status IN ('requested', 'pending')
      AND starts_with(document_id, 'rcv_')
))"""
"""Paise of a row `customer`, in SQL. Receipt vouchers bear it in their ids."""

_AVAILABLE = text(
    f"SELECT customer.id, {AVAILABLE} FROM unnest(:customer_ids) AS customer (id)"  # noqa: S608 - our own text
).bindparams(bindparam("customer_ids", type_=ARRAY(Text)))

_GROW = text(
    """
    UPDATE wallet_draws AS draw SET amount_paise = draw.amount_paise + given.paise
    FROM unnest(:customer_ids, CAST(:amounts AS bigint[])) AS given (customer_id, paise)
    WHERE draw.customer_id = given.customer_id AND draw.month = :month AND draw.reference = :reference
      AND draw.document_id IS NULL
    RETURNING draw.customer_id
    """
).bindparams(bindparam("customer_ids", type_=ARRAY(Text)))

_DRAW = text(
    """
    INSERT INTO wallet_draws (id, customer_id, amount_paise, drawn_at, month, reference)
    SELECT 'wdr_' || replace(gen_random_uuid()::text, '-', ''), given.customer_id, given.paise,
           :at, :month, :reference
    FROM unnest(:customer_ids, CAST(:amounts AS bigint[])) AS given (customer_id, paise)
    """
).bindparams(bindparam("customer_ids", type_=ARRAY(Text)), bindparam("at", type_=DateTime(timezone=True)))


async def lock(session: AsyncSession, user_ids: Sequence[str]) -> dict[str, str]:
    """Ids of these users' customers, as far as they have a row. Nobody else takes from their wallets now.

    In one order, so that two who lock several do not wait for each other.
    """
    row = Customer
    locked = (
        select(row.user_id, row.id)
        .where(row.user_id == any_(literal(list(user_ids), ARRAY(Text))))
        .order_by(row.user_id)
        .with_for_update(key_share=True)
    )
    rows = (await session.execute(locked)).all()
    return {row.user_id: row.id for row in rows}


async def lock_one(session: AsyncSession, customer_id: str) -> Customer:
    """As `lock`, by the customer's own id."""
    return await session.get_one(Customer, customer_id, with_for_update={"key_share": True})


async def available(session: AsyncSession, customer_ids: Sequence[str]) -> dict[str, int]:
    """Paise by customer. It only holds for who has the lock."""
    found = await session.execute(_AVAILABLE, {"customer_ids": list(customer_ids)})
    return {customer_id: int(paise) for customer_id, paise in found.all()}


async def draw(session: AsyncSession, paise: Mapping[str, int], at: datetime) -> None:
    """Take these amounts of usage, by customer; the caller has the lock and looked what is `available`.

    A day's draws are one row, of the month in India in which they are made. What an invoice has stays as
    it is.
    """
    day = india_date(at)
    fixed = {"at": at, "month": month_of(day), "reference": f"usage/{day.isoformat()}"}
    given = {"customer_ids": list(paise), "amounts": list(paise.values())}
    grown = set((await session.scalars(_GROW, {**fixed, **given})).all())
    fresh = {customer: amount for customer, amount in paise.items() if customer not in grown}
    if fresh:
        given = {"customer_ids": list(fresh), "amounts": list(fresh.values())}
        await session.execute(_DRAW, {**fixed, **given})
