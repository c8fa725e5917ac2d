"""Rows back into what the domain knows."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db import models
from domain.periods import Interval
from domain.plans import Price
from domain.subscription import REMEMBERED, Collection, Status, Subscription


def price_of(row: models.Price) -> Price:
    """One version of a price."""
    return Price(
        id=row.id,
        plan_id=row.plan_id,
        interval=Interval(row.interval),
        version=row.version,
        amount_paise=row.amount_paise,
        tax_inclusive=row.tax_inclusive,
        currency=row.currency,
        sac=row.sac,
    )


def subscription_of(
    row: models.Subscription,
    price: models.Price,
    *,
    failures: tuple[str, ...] = (),
    settled: tuple[str, ...] = (),
) -> Subscription:
    """The subscription as last recorded; when the gateway means to charge next only its workflow knows."""
    return Subscription(
        id=row.id,
        customer_id=row.customer_id,
        price=price_of(price),
        charge_paise=row.charge_paise,
        total_count=row.total_count,
        created_at=row.created_at,
        gateway=row.gateway,
        collection=Collection(row.collection),
        by_mandate=row.by_mandate,
        status=Status(row.status),
        version=row.version,
        gateway_id=row.gateway_subscription_id,
        checkout_url=row.checkout_url,
        checkout_expires_at=row.checkout_expires_at,
        started_at=row.started_at,
        paid_cycle=row.paid_cycle,
        cancel_at_period_end=row.cancel_at_period_end,
        access_until=row.access_until,
        failures=failures,
        settled=settled,
        uncollected=tuple(row.uncollected),
    )


async def subscription(session: AsyncSession, subscription_id: str) -> Subscription:
    """With the payments it remembers: enough to go on from, for one whose run is over."""
    row = await session.get_one(models.Subscription, subscription_id)
    price = await session.get_one(models.Price, row.price_id)
    paid = models.Payment
    latest = select(paid.gateway_payment_id, paid.status).where(paid.subscription_id == subscription_id)
    newest_first = (await session.execute(latest.order_by(paid.recorded_at.desc()).limit(REMEMBERED))).all()
    payments = newest_first[::-1]
    return subscription_of(
        row,
        price,
        failures=tuple(payment for payment, status in payments if status == "failed"),
        settled=tuple(payment for payment, status in payments if status != "failed"),
    )
