"""What the HTTP edge reads: each function one statement, ids already authorised by the customer they ask for.

Moments are aware UTC, money is paise. Pages continue after the last row of the page before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Text, bindparam, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from db.issuing import in_force
from db.models import (
    Customer,
    Document,
    GatewayIntent,
    LedgerPosting,
    LedgerTransaction,
    Mandate,
    OutboxDelivery,
    OutboxEvent,
    Payment,
    Plan,
    Price,
    Rendition,
    Subscription,
    TopUp,
)
from db.renditions import in_use
from domain.document import DocumentKind
from domain.ledger import Account
from domain.subscription import LIVE

_LIVE = sorted(status.value for status in LIVE)


@dataclass(frozen=True)
class Offered:
    """A plan at its current price for one interval."""

    plan: Plan
    price: Price


@dataclass(frozen=True)
class Subscribed:
    """A subscription with what it is to."""

    subscription: Subscription
    plan: Plan
    price: Price


async def offers(session: AsyncSession) -> list[Offered]:
    """All that can be subscribed to, cheapest plan first."""
    query = (
        select(Plan, Price)
        .join(Price, Price.plan_id == Plan.id)
        .where(Plan.offered, Price.superseded_at.is_(None))
        .order_by(Plan.rank, Plan.id, Price.amount_paise, Price.interval)
    )
    return [Offered(plan, price) for plan, price in (await session.execute(query)).all()]


async def customer_of(session: AsyncSession, user_id: str) -> Customer | None:
    """The customer whom the application calls `user_id`."""
    return await session.scalar(select(Customer).where(Customer.user_id == user_id))


def _subscribed() -> Select[Subscription, Plan, Price]:
    return (
        select(Subscription, Plan, Price)
        .join(Plan, Plan.id == Subscription.plan_id)
        .join(Price, Price.id == Subscription.price_id)
    )


async def subscription(
    session: AsyncSession, subscription_id: str, *, user_id: str | None = None
) -> Subscribed | None:
    """One subscription; with `user_id` only if it is theirs."""
    query = _subscribed().where(Subscription.id == subscription_id)
    if user_id is not None:
        query = query.join(Customer, Customer.id == Subscription.customer_id).where(
            Customer.user_id == user_id
        )
    found = (await session.execute(query)).one_or_none()
    return Subscribed(found[0], found[1], found[2]) if found else None


async def subscriptions_of(session: AsyncSession, user_id: str, limit: int = 100) -> list[Subscribed]:
    """A customer's subscriptions, newest first."""
    query = (
        _subscribed()
        .join(Customer, Customer.id == Subscription.customer_id)
        .where(Customer.user_id == user_id)
        .order_by(Subscription.created_at.desc(), Subscription.id.desc())
        .limit(limit)
    )
    return [Subscribed(row[0], row[1], row[2]) for row in (await session.execute(query)).all()]


async def mandate_of(session: AsyncSession, subscription_id: str) -> Mandate | None:
    """The mandate in use, or that was last."""
    query = select(Mandate).where(Mandate.subscription_id == subscription_id)
    return await session.scalar(query.order_by(Mandate.in_use.desc(), Mandate.created_at.desc()).limit(1))


async def live_subscriptions(session: AsyncSession, customer_id: str) -> list[Subscribed]:
    """The customer's subscriptions that have not ended: at most one paid and one Free."""
    query = _subscribed().where(Subscription.customer_id == customer_id, Subscription.status.in_(_LIVE))
    return [Subscribed(row[0], row[1], row[2]) for row in (await session.execute(query)).all()]


async def find_subscriptions(
    session: AsyncSession,
    *,
    limit: int,
    before: str | None = None,
    status: str | None = None,
    plan_id: str | None = None,
    user_id: str | None = None,
    gateway_subscription_id: str | None = None,
) -> list[tuple[Subscribed, str]]:
    """For operators, newest first, each with its customer's `user_id`."""
    query = (
        select(Subscription, Plan, Price, Customer.user_id)
        .join(Plan, Plan.id == Subscription.plan_id)
        .join(Price, Price.id == Subscription.price_id)
        .join(Customer, Customer.id == Subscription.customer_id)
        .order_by(Subscription.id.desc())
        .limit(limit)
    )
    wanted = {
        Subscription.status: status,
        Subscription.plan_id: plan_id,
        Customer.user_id: user_id,
        Subscription.gateway_subscription_id: gateway_subscription_id,
    }
    for column, value in wanted.items():
        if value is not None:
            query = query.where(column == value)
    if before is not None:
        query = query.where(Subscription.id < before)
    rows = (await session.execute(query)).all()
    return [(Subscribed(row[0], row[1], row[2]), row[3]) for row in rows]


@dataclass(frozen=True)
class Issued:
    """A document with the name of the plan it is about, if any, and the PDF in use, if any is rendered."""

    document: Document
    plan_name: str | None
    rendition: Rendition | None


def _issued(user_id: str | None) -> Select[Document, str | None, Rendition | None]:
    query = (
        select(Document, Plan.name, Rendition)
        .outerjoin(Subscription, Subscription.id == Document.subscription_id)
        .outerjoin(Plan, Plan.id == Subscription.plan_id)
        .outerjoin(Rendition, Rendition.id == in_use(Document.id))
    )
    if user_id is None:
        return query
    return query.join(Customer, Customer.id == Document.customer_id).where(Customer.user_id == user_id)


async def documents_of(
    session: AsyncSession,
    user_id: str,
    *,
    kinds: Sequence[str],
    limit: int,
    after: tuple[datetime, str] | None = None,
) -> list[Issued]:
    """A customer's documents of some kinds, newest first, after the one of that moment and id."""
    query = _issued(user_id).order_by(Document.issued_at.desc(), Document.id.desc()).limit(limit)
    query = query.where(Document.kind.in_(kinds))
    if after is not None:
        query = query.where(func.row(Document.issued_at, Document.id) < func.row(*after))
    return [Issued(row[0], row[1], row[2]) for row in (await session.execute(query)).all()]


async def document(session: AsyncSession, document_id: str, *, user_id: str | None = None) -> Issued | None:
    """One document; with `user_id` only if it is theirs."""
    found = (await session.execute(_issued(user_id).where(Document.id == document_id))).one_or_none()
    return Issued(found[0], found[1], found[2]) if found else None


@dataclass(frozen=True)
class PaidFor:
    """Money taken and not given back, the document it led to, and what was subscribed to, if anything was."""

    payment: Payment
    document: Document
    plan: Plan | None
    price: Price | None


_TAKEN = ["captured", "kept"]
"""For a period, or as an advance."""
_PAID_KINDS = [DocumentKind.TAX_INVOICE, DocumentKind.BILL_OF_SUPPLY, DocumentKind.RECEIPT_VOUCHER]


async def paid_for(session: AsyncSession, user_id: str, limit: int) -> list[PaidFor]:
    """A customer's payments that were taken, newest first."""
    query = (
        select(Payment, Document, Plan, Price)
        .join(Document, Document.payment_id == Payment.id)
        .join(Customer, Customer.id == Document.customer_id)
        .outerjoin(Subscription, Subscription.id == Document.subscription_id)
        .outerjoin(Plan, Plan.id == Subscription.plan_id)
        .outerjoin(Price, Price.id == Subscription.price_id)
        .where(Customer.user_id == user_id, Payment.status.in_(_TAKEN), Document.kind.in_(_PAID_KINDS))
        .order_by(Document.issued_at.desc(), Document.id.desc())
        .limit(limit)
    )
    rows = (await session.execute(query)).all()
    return [PaidFor(row[0], row[1], row[2], row[3]) for row in rows]


async def document_of_payment(session: AsyncSession, reference: str, user_id: str) -> Issued | None:
    """What a payment of the customer led to: by its id, or by that of the top-up or subscription it began."""
    row = Document
    voucher = select(TopUp.voucher_id).where(TopUp.id == reference).scalar_subquery()
    query = (
        _issued(user_id)
        .where(row.kind.in_(_PAID_KINDS))
        .where(
            or_(
                row.payment_id == reference,
                (row.subscription_id == reference) & (row.cycle == 0),
                row.id == voucher,
            )
        )
        .order_by(row.issued_at, row.id)
        .limit(1)
    )
    found = (await session.execute(query)).one_or_none()
    return Issued(found[0], found[1], found[2]) if found else None


async def given_back_paise(session: AsyncSession, original_ids: Sequence[str]) -> dict[str, int]:
    """What credit notes and refund vouchers took of each original, where any did; paise."""
    row = Document
    query = select(row.original_id, func.sum(row.total_paise)).where(
        row.original_id.in_(original_ids), in_force(row.id)
    )
    rows = (await session.execute(query.group_by(row.original_id))).all()
    return {str(original_id): int(total) for original_id, total in rows}


async def owed_to(session: AsyncSession, user_id: str) -> int:
    """Paise that were credited to the customer and not paid out."""
    entry, posting = LedgerTransaction, LedgerPosting
    query = (
        select(func.sum(-posting.amount_paise))
        .join(entry, entry.id == posting.transaction_id)
        .join(Customer, Customer.id == entry.customer_id)
        .where(Customer.user_id == user_id, posting.account == Account.CUSTOMER_CREDIT.value)
    )
    return int(await session.scalar(query) or 0)


GRANTED = """(subscription.status IN ('ACTIVE', 'PAST_DUE')
               OR (subscription.status IN ('PAUSED', 'CANCELLED', 'COMPLETED')
                   AND subscription.access_until > :now))"""
"""`domain.subscription.has_access` of a row `subscription`, in SQL. A test holds the two together."""

_ENTITLEMENT = text(
    f"""
    SELECT json_build_object('plan', code, 'features', features)::text FROM (
        SELECT plan.code, plan.features, plan.rank, true AS granted
        FROM customers AS customer
        JOIN subscriptions AS subscription ON subscription.customer_id = customer.id
        JOIN plans AS plan ON plan.id = subscription.plan_id
        WHERE customer.user_id = :user_id
          AND {GRANTED}
        UNION ALL
        SELECT code, features, rank, false FROM plans WHERE fallback
    ) AS entitled
    ORDER BY granted DESC, rank DESC LIMIT 1
    """  # noqa: S608 - our own text
).bindparams(bindparam("user_id", type_=Text))


async def entitlement_json(session: AsyncSession, user_id: str, now: datetime) -> str | None:
    """`{"plan", "features"}` of the best plan granted to `user_id` at `now`, else of the fallback plan.

    In one statement, for services ask this all the time. None only where no catalogue is loaded.
    """
    found: str | None = await session.scalar(_ENTITLEMENT, {"user_id": user_id, "now": now})
    return found


async def quarantined(session: AsyncSession, limit: int) -> list[Payment]:
    """Money set aside until someone decides, newest first."""
    query = (
        select(Payment)
        .where(Payment.status == "quarantined")
        .order_by(Payment.recorded_at.desc(), Payment.id)
        .limit(limit)
    )
    return list((await session.scalars(query)).all())


async def open_intents(session: AsyncSession, limit: int) -> list[GatewayIntent]:
    """What we mean to create at a gateway and do not yet know to be there, oldest first."""
    query = (
        select(GatewayIntent)
        .where(GatewayIntent.state != "done")
        .order_by(GatewayIntent.created_at, GatewayIntent.key)
        .limit(limit)
    )
    return list((await session.scalars(query)).all())


async def stuck_deliveries(session: AsyncSession, limit: int) -> list[tuple[OutboxDelivery, OutboxEvent]]:
    """Events that a sink did not take at the first attempt, or not at all; oldest first."""
    query = (
        select(OutboxDelivery, OutboxEvent)
        .join(OutboxEvent, OutboxEvent.id == OutboxDelivery.event_id)
        .where(
            or_(
                OutboxDelivery.status == "failed",
                (OutboxDelivery.status == "pending") & (OutboxDelivery.attempts > 0),
            )
        )
        .order_by(OutboxDelivery.event_id, OutboxDelivery.sink)
        .limit(limit)
    )
    rows: Sequence[Any] = (await session.execute(query)).all()
    return [(row[0], row[1]) for row in rows]


async def user_of(session: AsyncSession, customer_id: str) -> str:
    """What the application calls this customer."""
    return (await session.scalars(select(Customer.user_id).where(Customer.id == customer_id))).one()
