"""Customers' rows: made at the first request that needs one, filled in by billing details."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Customer


@dataclass(frozen=True)
class BillingDetails:
    """Who is billed and where. `state_origin` is `declared` or `gstin` (gst.md 2.3)."""

    name: str
    email: str
    phone: str
    country: str
    state_code: str | None
    state_origin: str | None
    address_lines: tuple[str, ...]
    city: str
    pin: str
    gstin: str


async def ensure(
    session: AsyncSession, *, customer_id: str, user_id: str, name: str, email: str, at: datetime
) -> Customer:
    """The customer of `user_id`, made with these values if there is none. Locked until the commit."""
    new = insert(Customer).values(
        id=customer_id, user_id=user_id, name=name, email=email, created_at=at, updated_at=at
    )
    await session.execute(new.on_conflict_do_nothing(index_elements=[Customer.user_id]))
    return (
        await session.scalars(select(Customer).where(Customer.user_id == user_id).with_for_update())
    ).one()


def put_billing_details(customer: Customer, details: BillingDetails, at: datetime) -> None:
    """Replace all of them; invoices already issued keep what they say."""
    customer.name = details.name
    customer.email = details.email
    customer.phone = details.phone
    customer.country = details.country
    customer.state_code = details.state_code
    customer.state_origin = details.state_origin
    customer.address_lines = list(details.address_lines)
    customer.city = details.city
    customer.pin = details.pin
    customer.gstin = details.gstin
    customer.updated_at = at
