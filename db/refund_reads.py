"""What operators read of documents and refunds; ids already authorised."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db.api_reads import Issued
from db.models import Customer, Document, Payment, Plan, Refund, Rendition, Subscription
from db.renditions import in_use


async def refund(session: AsyncSession, refund_id: str) -> Refund | None:
    """One refund."""
    return await session.get(Refund, refund_id)


async def refunds(
    session: AsyncSession,
    *,
    limit: int,
    status: str | None = None,
    payment_id: str | None = None,
    document_id: str | None = None,
) -> list[Refund]:
    """Newest first."""
    query = select(Refund).order_by(Refund.requested_at.desc(), Refund.id).limit(limit)
    wanted = {Refund.status: status, Refund.payment_id: payment_id, Refund.document_id: document_id}
    for column, value in wanted.items():
        if value is not None:
            query = query.where(column == value)
    return list((await session.scalars(query)).all())


async def payment(session: AsyncSession, payment_id: str) -> Payment | None:
    """One payment."""
    return await session.get(Payment, payment_id)


async def document(session: AsyncSession, document_id: str) -> Document | None:
    """One document, whoever's."""
    return await session.get(Document, document_id)


async def find_documents(
    session: AsyncSession,
    *,
    limit: int,
    number: str | None = None,
    user_id: str | None = None,
    kind: str | None = None,
    original_id: str | None = None,
    subscription_id: str | None = None,
) -> list[tuple[Issued, str]]:
    """Documents of all customers, newest first, each with its customer's `user_id`."""
    query = (
        select(Document, Plan.name, Rendition, Customer.user_id)
        .join(Customer, Customer.id == Document.customer_id)
        .outerjoin(Subscription, Subscription.id == Document.subscription_id)
        .outerjoin(Plan, Plan.id == Subscription.plan_id)
        .outerjoin(Rendition, Rendition.id == in_use(Document.id))
        .order_by(Document.issued_at.desc(), Document.id.desc())
        .limit(limit)
    )
    wanted = {
        Document.number: number.upper() if number else None,
        Customer.user_id: user_id,
        Document.kind: kind,
        Document.original_id: original_id,
        Document.subscription_id: subscription_id,
    }
    for column, value in wanted.items():
        if value is not None:
            query = query.where(column == value)
    rows = (await session.execute(query)).all()
    return [(Issued(row[0], row[1], row[2]), row[3]) for row in rows]
