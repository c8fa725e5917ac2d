"""What receiving an advance and giving one back have in common: the voucher, its posting, its event."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from activities.issuer import Issuer
from db import customers, issuing, ledger, models, outbox
from db.issuing import Belongs
from domain.document import DocumentKind, TaxDocument
from domain.errors import InvalidInput
from domain.events import interested, issued_event
from domain.ledger import Posting
from domain.periods import india_date
from domain.plans import DEFAULT_SAC
from domain.pricing import supply_of_paid
from domain.registrations import SellerRegistration
from domain.tax import advance_amount, supply_of_advance


@dataclass(frozen=True)
class Received:
    """An advance as its voucher is to state it; `amount_paise` with tax inside."""

    voucher_id: str
    amount_paise: int
    description: str
    at: datetime
    reason: str = ""


async def receipt_voucher(
    session: AsyncSession, issuer: Issuer, payment: models.Payment, received: Received
) -> TaxDocument:
    """Number and voucher (rule 50, gst.md 1.4); inter-State where nobody knows where the buyer is."""
    customer = await session.get_one(models.Customer, payment.customer_id)
    registration = await _registration(session, issuer, customer, payment)
    recipient = customers.recipient_of(customer)
    paid_on = india_date(payment.attempted_at)
    try:
        supply = supply_of_paid(registration, recipient, paid_on, issuer.rules)
    except InvalidInput:
        supply = supply_of_advance(registration.supplier.state_code)
    made = advance_amount(received.amount_paise, supply, received.description, DEFAULT_SAC)

    def write(number: str, issued_on: date) -> TaxDocument:
        return TaxDocument(
            id=received.voucher_id,
            kind=DocumentKind.RECEIPT_VOUCHER,
            number=number,
            issued_on=issued_on,
            seller=registration.seller_for(supply, issued_on),
            buyer=customers.buyer_of(customer, recipient),
            supply=supply,
            lines=made.lines,
            amount=made.amount,
            payment_reference=payment.gateway_payment_id,
            payment_method=payment.method,
            paid_on=paid_on,
            supplied_on=paid_on,
            reason=received.reason,
        )

    series = issuer.series(registration.seller.gstin, DocumentKind.RECEIPT_VOUCHER)
    belongs = Belongs(payment.customer_id, payment.subscription_id, payment.id)
    return await issuing.issue(session, series, belongs, received.at, write)


async def _registration(
    session: AsyncSession, issuer: Issuer, customer: models.Customer, payment: models.Payment
) -> SellerRegistration:
    """The customer's, else that of the plan that was to be paid, if one was."""
    plan_key = ""
    if payment.subscription_id is not None:
        subscription = await session.get_one(models.Subscription, payment.subscription_id)
        plan_key = (await session.get_one(models.Plan, subscription.plan_id)).seller_key or ""
    return issuer.registrations.chosen(customer_key=customer.seller_key or "", plan_key=plan_key)


async def book(
    session: AsyncSession,
    document: TaxDocument,
    customer_id: str,
    postings: tuple[Posting, ...],
    at: datetime,
) -> None:
    """Post what a note, a voucher or an invoice paid from advances does to the books."""
    await ledger.post(
        session,
        reference=f"{document.kind}/{document.id}",
        kind=document.kind.value,
        customer_id=customer_id,
        document_id=document.id,
        occurred_at=at,
        postings=postings,
    )


async def announce(
    session: AsyncSession,
    sinks: Sequence[str],
    document: TaxDocument,
    customer_id: str,
    subscription_id: str | None,
    at: datetime,
) -> None:
    """That it is issued: it is drawn and mailed then."""
    event, original = issued_event(document.kind), document.original
    await outbox.append(
        session,
        key=f"{event}/{document.id}",
        type=event,
        customer_id=customer_id,
        subscription_id=subscription_id,
        occurred_at=at,
        data={
            **issuing.facts(document),
            "original_number": original.number if original else None,
            "reason": document.reason,
            "gst_adjusting": document.gst_adjusting,
            "subscription_id": subscription_id,
        },
        sinks=interested(event, sinks),
    )
