"""Billing details: who is billed, and what decides which tax it is."""

from fastapi import APIRouter

from api import views
from api.billing_views import BillingDetailsIn, BillingDetailsOut, billing_details_out
from api.dependencies import CurrentCustomer, Parts
from api.ids import new_id
from api.problems import documented
from config import Settings
from db import api_reads, customers
from db.customers import BillingDetails
from domain.buyers import BuyerDetails, StateOrigin, check_buyer
from domain.errors import InvalidInput, Refused
from domain.states import states_of_pin

router = APIRouter(tags=["customers"])
_PATH = "/v1/billing-details"


@router.get(_PATH, operation_id="get_billing_details", responses=documented(401))
async def get_billing_details(services: Parts, customer: CurrentCustomer) -> BillingDetailsOut:
    """As on record; before anything is, what the token says."""
    async with services.database.reading() as session:
        row = await api_reads.customer_of(session, customer.user_id)
    if row is not None:
        return billing_details_out(row)
    return BillingDetailsOut(name=customer.name, email=customer.email)


@router.put(_PATH, operation_id="put_billing_details", responses=documented(401, 409))
async def put_billing_details(
    services: Parts, customer: CurrentCustomer, given: BillingDetailsIn
) -> BillingDetailsOut:
    """Replace all billing details. They count for invoices from now on; issued ones keep theirs.

    `warnings` in the answer name what looks wrong and was stored. A GSTIN of another State than the address
    is refused until `registration_state_confirmed` says that the customer was asked.
    """
    details = checked(given, services.settings)
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
        if (details.country, details.in_sez) != (row.country, row.in_sez):
            # Between taxed and zero-rated the price itself changes, and that one is agreed with the gateway.
            live = await api_reads.live_subscriptions(session, row.id)
            paid = next((item for item in live if not item.subscription.is_free), None)
            if paid is not None:
                raise Refused(
                    "Neither country nor in_sez can change while a paid subscription is in force; "
                    "cancel that first.",
                    state=paid.subscription.status,
                    allowed=views.allowed(paid),
                )
        customers.put_billing_details(row, details, now)
    return billing_details_out(row)


def checked(given: BillingDetailsIn, settings: Settings) -> BillingDetails:
    """What is to be recorded. Raises InvalidInput (rules: gst.md 2.1, 2.3, 2.4, 3.3)."""
    if given.state_origin == StateOrigin.PIN and (
        not given.pin or given.state_code not in states_of_pin(given.pin)
    ):
        raise InvalidInput(
            "state_origin",
            "That PIN does not say this State: correct one of them, or leave state_origin out.",
        )
    details = BuyerDetails(
        gstin=given.gstin,
        state_code=given.state_code or "",
        state_origin=given.state_origin,
        pin=given.pin,
        country=given.country,
        in_sez=given.in_sez,
        registration_state_confirmed=given.registration_state_confirmed,
    )
    buyer = check_buyer(details, settings.registrations.gstins, sandbox=settings.gst_sandbox)
    gstin, state = buyer.recipient.gstin, buyer.recipient.state_code
    return BillingDetails(
        name=given.name,
        email=given.email,
        phone=given.phone,
        country=given.country,
        state_code=state or None,
        state_origin=buyer.state_origin,
        address_lines=tuple(given.address_lines),
        city=given.city,
        pin=given.pin,
        gstin=gstin,
        in_sez=given.in_sez,
        # Kept only where it was asked about.
        registration_state_confirmed=bool(gstin) and gstin[:2] != state,
    )
