"""Billing details: who is billed, and the State that decides which tax it is."""

from fastapi import APIRouter

from api import views
from api.dependencies import CurrentCustomer, Parts
from api.ids import new_id
from api.problems import documented
from api.schemas import BillingDetailsIn, BillingDetailsOut
from db import api_reads, customers
from db.customers import BillingDetails
from domain import gst
from domain.errors import InvalidInput, Refused

router = APIRouter(tags=["customers"])
_PATH = "/v1/billing-details"


@router.get(_PATH, operation_id="get_billing_details", responses=documented(401))
async def get_billing_details(services: Parts, customer: CurrentCustomer) -> BillingDetailsOut:
    """As on record; before anything is, what the token says."""
    async with services.database.reading() as session:
        row = await api_reads.customer_of(session, customer.user_id)
    if row is not None:
        return views.billing_details_out(row)
    return BillingDetailsOut(
        name=customer.name,
        email=customer.email,
        phone="",
        address_lines=[],
        city="",
        state_code=None,
        state=None,
        state_origin=None,
        pin="",
        gstin="",
        country="IN",
        complete=False,
    )


@router.put(_PATH, operation_id="put_billing_details", responses=documented(401, 409))
async def put_billing_details(
    services: Parts, customer: CurrentCustomer, given: BillingDetailsIn
) -> BillingDetailsOut:
    """Replace all billing details. They count for invoices from now on; issued ones keep theirs."""
    details = checked(given, services.settings.seller_gstin)
    now = services.now()
    async with services.database.transaction() as session:
        row = await customers.ensure(
            session,
            customer_id=new_id("cus", now),
            user_id=customer.user_id,
            name=details.name,
            email=details.email,
            at=now,
        )
        if details.country != "IN":
            live = await api_reads.live_subscriptions(session, row.id)
            paid = next((item for item in live if not item.subscription.is_free), None)
            if paid is not None:
                raise Refused(
                    "The country cannot change while a paid subscription is in force; cancel that first.",
                    state=paid.subscription.status,
                    allowed=views.allowed(paid),
                )
        customers.put_billing_details(row, details, now)
    return views.billing_details_out(row)


def checked(given: BillingDetailsIn, seller_gstin: str) -> BillingDetails:
    """What is to be recorded. Raises InvalidInput (rules: gst.md 2.1, 2.3, 3.1, 3.3)."""
    gstin = gst.parse_gstin(given.gstin) if given.gstin.strip() else ""
    if gstin and gstin == seller_gstin:
        raise InvalidInput("gstin", "This is the seller's own GSTIN; give the buyer's, or none.")
    state_code = gst.parse_state_code(given.state_code) if given.state_code else None
    if given.country != "IN":
        if gstin or state_code or given.pin:
            raise InvalidInput(
                "country",
                "A GSTIN, a State or a PIN is for addresses in India: leave them out, or set country to IN.",
            )
    elif gstin and state_code is not None and state_code != gstin[:2]:
        raise InvalidInput(
            "state_code",
            f"The GSTIN is registered in {gst.STATES[gstin[:2]]} ({gstin[:2]}), the address says "
            f"{gst.STATES[state_code]} ({state_code}): give the GSTIN of that State, or correct state_code.",
        )
    elif not gstin and state_code is None:
        raise InvalidInput(
            "state_code", "Needed in India, for the invoice's tax: two digits such as 29 for Karnataka."
        )
    return BillingDetails(
        name=given.name,
        email=given.email,
        phone=given.phone,
        country=given.country,
        state_code=state_code or gstin[:2] or None,
        state_origin="gstin" if gstin else ("declared" if state_code else None),
        address_lines=tuple(given.address_lines),
        city=given.city,
        pin=given.pin,
        gstin=gstin,
    )
