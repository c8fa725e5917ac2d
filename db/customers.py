"""Customers' rows: made at the first request that needs one, filled in by billing details."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Customer
from domain.document import Buyer
from domain.errors import NotFound
from domain.identifiers import IdKind, parse_gst_id
from domain.supply import BuyerKind, Recipient


@dataclass(frozen=True)
class BillingDetails:
    """Who is billed and where, as `domain.buyers` checked it."""

    name: str
    email: str
    phone: str
    country: str
    state_code: str | None
    state_origin: str | None
    """A `domain.buyers.StateOrigin` (gst.md 2.3)."""
    address_lines: tuple[str, ...]
    city: str
    pin: str
    gstin: str
    in_sez: bool = False
    registration_state_confirmed: bool = False


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
    customer.in_sez = details.in_sez
    customer.registration_state_confirmed = details.registration_state_confirmed
    customer.updated_at = at


async def put_seller(
    session: AsyncSession, customer_id: str, seller_key: str | None, at: datetime
) -> Customer:
    """Which registration bills this customer; None: the plan's, or the default. Raises NotFound."""
    customer = await session.get(Customer, customer_id, with_for_update=True)
    if customer is None:
        raise NotFound(f"There is no customer {customer_id}.")
    customer.seller_key = seller_key
    customer.updated_at = at
    return customer


def recipient_of(customer: Customer) -> Recipient:
    """What of the customer decides the tax; `domain.buyers` checked it when it was recorded."""
    if customer.country != "IN":
        return Recipient(BuyerKind.OVERSEAS, country=customer.country)
    kind = BuyerKind.UNREGISTERED
    if customer.gstin:
        given_as = parse_gst_id(customer.gstin, sandbox=True).kind
        kind = BuyerKind.UIN if given_as is IdKind.UIN else BuyerKind.REGISTERED
    if customer.in_sez:
        kind = BuyerKind.SEZ
    return Recipient(kind, customer.state_code or "", customer.gstin)


def buyer_of(customer: Customer, recipient: Recipient) -> Buyer:
    """The customer as a document shows them."""
    return Buyer(
        name=customer.name or customer.user_id,
        kind=recipient.kind,
        email=customer.email,
        phone=customer.phone,
        address_lines=tuple(customer.address_lines),
        city=customer.city,
        pin=customer.pin,
        state_code=customer.state_code or "",
        country=customer.country,
        gstin=customer.gstin,
    )
