"""Rows in the first front end's shapes: the same facts as under /v1, nothing computed again."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from api import views
from api.frontend import shapes
from api.frontend.exact import hundredths
from db.api_reads import Issued, Offered, PaidFor, Subscribed
from db.issuing import DOCUMENTS
from domain.document import Buyer, Seller
from domain.periods import Interval
from domain.states import STATES
from domain.subscription import LIVE, Status
from domain.supply import SupplyNature

_PREFIX = "plan_"
FREE = "free"
"""What those have who have nothing."""


def plan_name(plan_id: str) -> str:
    """`plan_starter` is called `starter` here."""
    return plan_id.removeprefix(_PREFIX)


def plan_id(name: str) -> str:
    """And back."""
    return name if name.startswith(_PREFIX) else _PREFIX + name


def plans(offers: Sequence[Offered]) -> shapes.FrontPlans:
    """Each plan once, at its monthly price."""
    monthly = [offer for offer in offers if offer.price.interval == Interval.MONTHLY]
    return shapes.FrontPlans(
        plans=[
            shapes.FrontPlan(
                id=plan_name(offer.plan.id),
                name=offer.plan.name,
                price_inr=hundredths(offer.price.amount_paise),
                budget_usd=_dollars(offer.plan.monthly_budget_usd_cents),
                features=offer.plan.highlights,
            )
            for offer in monthly
        ]
    )


def _dollars(cents: int | None) -> Decimal | None:
    return None if cents is None else hundredths(cents)


def standing(rows: list[Subscribed], user_id: str, now: datetime) -> shapes.FrontStanding:
    """What is in force, or has halted; a checkout that nobody paid is not."""
    counting = [
        row
        for row in rows
        if views.grants_access(row, now)
        or (Status(row.subscription.status) in LIVE and row.subscription.status != Status.CREATED)
    ]
    if not counting:
        return shapes.FrontStanding(subscription=None, plan=FREE)
    shown = views.foremost(counting, now)
    return shapes.FrontStanding(subscription=subscription(shown, user_id), plan=plan_name(shown.plan.id))


def subscription(row: Subscribed, user_id: str) -> shapes.FrontSubscription:
    """One of them."""
    item = row.subscription
    return shapes.FrontSubscription(
        id=item.id,
        user_id=user_id,
        plan=plan_name(row.plan.id),
        status=item.status.lower(),
        price_inr=hundredths(row.price.amount_paise),
        billing_cycle=Interval(row.price.interval),
        current_period_start=item.current_period_start or item.started_at,
        current_period_end=item.current_period_end,
        cancel_at_period_end=item.cancel_at_period_end,
        created_at=item.created_at,
    )


def payment_record(row: PaidFor, user_id: str) -> shapes.FrontPaymentRecord:
    """A payment with what it was for."""
    paid, document = row.payment, row.document
    subscribed = row.plan is not None and row.price is not None
    return shapes.FrontPaymentRecord(
        id=paid.id,
        user_id=user_id,
        subscription_id=document.subscription_id,
        invoice_id=document.id,
        invoice_number=document.number,
        amount_inr=hundredths(document.taxable_paise),
        gst_amount=hundredths(
            document.cgst_paise + document.sgst_paise + document.utgst_paise + document.igst_paise
        ),
        total_amount=hundredths(document.total_paise),
        payment_method=paid.method,
        phonepe_merchant_transaction_id=paid.gateway_payment_id if paid.gateway == "phonepe" else None,
        completed_at=paid.attempted_at,
        created_at=paid.recorded_at,
        metadata=shapes.FrontPurpose(
            order_type="subscription" if subscribed else "top_up",
            plan=plan_name(row.plan.id) if row.plan else None,
            billing_cycle=Interval(row.price.interval) if row.price else None,
        ),
    )


def invoice(row: Issued) -> shapes.FrontInvoice:
    """What was printed when it was issued."""
    item = row.document
    document = DOCUMENTS.validate_python(item.document)
    tax_paise = item.cgst_paise + item.sgst_paise + item.utgst_paise + item.igst_paise
    home = document.supply.place == document.seller.state_code
    within = home and document.supply.nature in (SupplyNature.INTRA_STATE, SupplyNature.NOT_TAXED)
    return shapes.FrontInvoice(
        invoice_number=item.number,
        invoice_date=item.issued_on,
        seller=_seller(document.seller),
        buyer=_buyer(document.buyer),
        items=[
            shapes.FrontItem(
                description=line.description,
                hsn_code=line.sac,
                quantity=line.quantity,
                unit_price=hundredths(line.unit_paise),
                amount=hundredths(line.taxable_paise),
            )
            for line in document.lines
        ],
        subtotal=hundredths(item.taxable_paise),
        base_amount=hundredths(item.taxable_paise),
        cgst=hundredths(item.cgst_paise),
        sgst=hundredths(item.sgst_paise + item.utgst_paise),
        igst=hundredths(item.igst_paise),
        total_gst=hundredths(tax_paise),
        round_off=hundredths(item.round_off_paise),
        total_amount=hundredths(item.total_paise),
        gst_type="INTRA" if within else "INTER",
        gst_rate=hundredths(max(line.rate_bp for line in document.lines)),
        payment_id=item.payment_id,
        transaction_id=document.payment_reference,
        payment_method=document.payment_method,
    )


def _seller(seller: Seller) -> shapes.FrontSeller:
    return shapes.FrontSeller(
        name=seller.legal_name,
        gstin=seller.gstin,
        address=_address(seller),
        state=STATES.get(seller.state_code, ""),
        state_code=seller.state_code,
    )


def _buyer(buyer: Buyer) -> shapes.FrontBuyer:
    return shapes.FrontBuyer(
        name=buyer.name,
        gstin=buyer.gstin or None,
        address=_address(buyer),
        state=STATES.get(buyer.state_code, ""),
        state_code=buyer.state_code,
        email=buyer.email,
    )


def _address(party: Seller | Buyer) -> str:
    place = f"{party.city} {party.pin}".strip()
    return ", ".join(part for part in (*party.address_lines, place) if part)
