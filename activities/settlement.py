"""Booking captured money: the one transaction behind every paid cycle."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime

from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from db import ledger, models, numbering, recording
from db.session import Database
from domain import gst
from domain.collection import Charge
from domain.events import EventType, payment_event
from domain.invoice import Buyer, InvoiceLine, Seller, TaxInvoice, document_number
from domain.ledger import Posting, sale, set_aside
from domain.periods import financial_year, india_date
from domain.subscription import LIVE, Subscription
from workflows.ports import Recorded, SetAsidePayment, SettleCharge, Settled

INVOICES = TypeAdapter(TaxInvoice)
"""How an invoice is written to and read from its row."""

_NAMES = uuid.UUID("5b0f3f6a-6a0e-4f0e-9a5e-1d6d7c1b2a90")


def business_id(prefix: str, key: str) -> str:
    """An id derived from a business key: the same happening always gets the same one."""
    return f"{prefix}_{uuid.uuid5(_NAMES, key).hex}"


class Settlement:
    """Implements `settle_charge` and `set_aside_payment`."""

    def __init__(self, database: Database, seller: Seller, invoice_prefix: str, sinks: Sequence[str]) -> None:
        self._database = database
        self._seller = seller
        self._prefix = invoice_prefix
        self._sinks = sinks

    @activity.defn(name="settle_charge")
    async def settle_charge(self, request: SettleCharge) -> Settled:
        """Payment, number, invoice, tax, ledger, period and events: all or nothing, and once."""
        after = request.after
        invoice_id = business_id("inv", f"{after.id}/{request.charge.cycle}")
        async with self._database.transaction() as session:
            if not await recording.save(session, request.before, after, request.at):
                number = await session.scalar(
                    select(models.Invoice.number).where(models.Invoice.id == invoice_id)
                )
                return Settled(invoice_id, number or "", await _live_free(session, after))
            payment_id = await _record_payment(session, after, request.charge, "captured", None, request.at)
            invoice = await self._invoice(session, request, invoice_id)
            _add_invoice(session, request, invoice, payment_id)
            await self._post(session, request, f"invoice/{invoice_id}", "sale", sale(invoice.amount))
            await self._announce(session, request, invoice)
            return Settled(invoice_id, invoice.number, await _live_free(session, after))

    @activity.defn(name="set_aside_payment")
    async def set_aside_payment(self, request: SetAsidePayment) -> Recorded:
        """The money goes to suspense and the operators are told; nothing counts as paid."""
        after, payment = request.after, request.charge.payment
        async with self._database.transaction() as session:
            if await recording.save(session, request.before, after, request.at):
                payment_id = await _record_payment(
                    session, after, request.charge, "quarantined", request.reason, request.at
                )
                if payment.currency == after.price.currency:
                    postings = set_aside(payment.amount_paise)
                    await self._post(session, request, f"payment/{payment_id}", "set_aside", postings)
                announce = recording.Announcer(session, self._sinks, after, request.at)
                await announce(
                    EventType.PAYMENT_QUARANTINED,
                    key=payment_id,
                    payment_id=payment_id,
                    gateway_payment_id=payment.id,
                    amount_paise=payment.amount_paise,
                    currency=payment.currency,
                    reason=request.reason,
                    cycle=request.charge.cycle,
                )
        return Recorded(after.version)

    async def _invoice(self, session: AsyncSession, request: SettleCharge, invoice_id: str) -> TaxInvoice:
        after, charge = request.after, request.charge
        price, period = after.price, charge.period
        customer = await session.get_one(models.Customer, after.customer_id)
        plan = await session.get_one(models.Plan, price.plan_id)
        place = customer.state_code or self._seller.state_code
        supplied_on = india_date(charge.payment.attempted_at)
        amount = _amount(after, self._seller.state_code, place, supplied_on)
        # Last, because it holds the series' lock until the commit.
        sequence, issued_on = await numbering.take_number(
            session,
            gstin=self._seller.gstin,
            kind="tax_invoice",
            prefix=self._prefix,
            on=india_date(request.at),
        )
        description = f"{plan.name} subscription, {price.interval}"
        return TaxInvoice(
            id=invoice_id,
            number=document_number(self._prefix, issued_on, sequence),
            issued_on=issued_on,
            seller=self._seller,
            buyer=_buyer(customer, place),
            place_of_supply=place,
            lines=(InvoiceLine(description, price.sac, 1, amount.taxable_paise, amount.taxable_paise),),
            amount=amount,
            period_first_day=period.first_day,
            period_last_day=period.last_day,
            payment_reference=charge.payment.id,
            payment_method=charge.payment.method,
            paid_on=supplied_on,
            currency=price.currency,
        )

    async def _post(
        self,
        session: AsyncSession,
        request: SettleCharge | SetAsidePayment,
        reference: str,
        kind: str,
        postings: tuple[Posting, ...],
    ) -> None:
        await ledger.post(
            session,
            reference=reference,
            kind=kind,
            customer_id=request.after.customer_id,
            occurred_at=request.at,
            postings=postings,
        )

    async def _announce(self, session: AsyncSession, request: SettleCharge, invoice: TaxInvoice) -> None:
        before, after, charge = request.before, request.after, request.charge
        announce = recording.Announcer(session, self._sinks, after, request.at)
        money: dict[str, str | int] = {
            "amount_paise": charge.payment.amount_paise,
            "cycle": charge.cycle,
            "invoice_id": invoice.id,
            "invoice_number": invoice.number,
        }
        await announce(
            EventType.PAYMENT_CAPTURED,
            key=charge.payment.id,
            gateway_payment_id=charge.payment.id,
            method=charge.payment.method,
            **money,
        )
        meaning = payment_event(before.status, before.paid_cycle)
        if meaning is not None:
            await announce(
                meaning,
                key=f"{after.id}/{charge.cycle}",
                plan_id=after.price.plan_id,
                period_start=charge.period.start.isoformat(),
                period_end=charge.period.end.isoformat(),
                **money,
            )
        await announce(EventType.INVOICE_ISSUED, key=invoice.id, **money)
        await announce.access_change(before)


def _amount(after: Subscription, seller_state: str, place: str, supplied_on: date) -> gst.TaxedAmount:
    """The invoice of exactly what was charged: the customer may have moved State since the price was set."""
    price = after.price
    rate_bp = gst.rate_for(price.sac, supplied_on)
    if not price.tax_inclusive:
        amount = gst.tax_on_top(seller_state, place, rate_bp, price.amount_paise)
        if amount.total_paise == after.charge_paise:
            return amount
    return gst.tax_inside(seller_state, place, rate_bp, after.charge_paise)


def _buyer(customer: models.Customer, place: str) -> Buyer:
    city = " ".join(part for part in (customer.city, customer.pin) if part)
    lines = (*customer.address_lines, city) if city else tuple(customer.address_lines)
    return Buyer(customer.name or customer.user_id, customer.email, lines, place, customer.gstin)


async def _record_payment(
    session: AsyncSession,
    subscription: Subscription,
    charge: Charge,
    status: str,
    reason: str | None,
    at: datetime,
) -> str:
    """One row per payment at the gateway; a failed one that succeeded late changes its standing."""
    payment = charge.payment
    payment_id = business_id("pmt", f"{subscription.gateway}/{payment.id}")
    standing = {
        "cycle": charge.cycle,
        "gateway_invoice_id": charge.gateway_invoice_id,
        "status": status,
        "amount_paise": payment.amount_paise,
        "currency": payment.currency,
        "method": payment.method,
        "fee_paise": payment.fee_paise,
        "reason": reason,
        "recorded_at": at,
    }
    recorded = insert(models.Payment).values(
        id=payment_id,
        subscription_id=subscription.id,
        customer_id=subscription.customer_id,
        gateway=subscription.gateway,
        gateway_payment_id=payment.id,
        attempted_at=payment.attempted_at,
        **standing,
    )
    await session.execute(recorded.on_conflict_do_update(index_elements=[models.Payment.id], set_=standing))
    return payment_id


def _add_invoice(session: AsyncSession, request: SettleCharge, invoice: TaxInvoice, payment_id: str) -> None:
    amount, period = invoice.amount, request.charge.period
    session.add(
        models.Invoice(
            id=invoice.id,
            number=invoice.number,
            seller_gstin=invoice.seller.gstin,
            financial_year=financial_year(invoice.issued_on),
            customer_id=request.after.customer_id,
            subscription_id=request.after.id,
            payment_id=payment_id,
            cycle=request.charge.cycle,
            period_start=period.start,
            period_end=period.end,
            issued_on=invoice.issued_on,
            issued_at=request.at,
            place_of_supply=invoice.place_of_supply,
            currency=invoice.currency,
            taxable_paise=amount.taxable_paise,
            cgst_paise=amount.head_paise(gst.TaxHead.CGST),
            sgst_paise=amount.head_paise(gst.TaxHead.SGST),
            utgst_paise=amount.head_paise(gst.TaxHead.UTGST),
            igst_paise=amount.head_paise(gst.TaxHead.IGST),
            round_off_paise=amount.round_off_paise,
            total_paise=amount.total_paise,
            document=INVOICES.dump_python(invoice, mode="json"),
        )
    )


async def _live_free(session: AsyncSession, paid: Subscription) -> str | None:
    row = models.Subscription
    if paid.is_final:
        return None
    return await session.scalar(
        select(row.id).where(
            row.customer_id == paid.customer_id,
            row.is_free,
            row.status.in_([status.value for status in LIVE]),
        )
    )
