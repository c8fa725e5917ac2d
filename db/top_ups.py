"""Top-ups as the API reads them."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Customer, TopUp


async def top_up(session: AsyncSession, top_up_id: str, *, user_id: str) -> TopUp | None:
    """One of the user's own."""
    query = select(TopUp).join(Customer, Customer.id == TopUp.customer_id)
    return await session.scalar(query.where(TopUp.id == top_up_id, Customer.user_id == user_id))


async def top_ups_of(session: AsyncSession, user_id: str, *, limit: int) -> list[TopUp]:
    """The user's, newest first."""
    query = (
        select(TopUp)
        .join(Customer, Customer.id == TopUp.customer_id)
        .where(Customer.user_id == user_id)
        .order_by(TopUp.created_at.desc(), TopUp.id.desc())
        .limit(limit)
    )
    return list(await session.scalars(query))
