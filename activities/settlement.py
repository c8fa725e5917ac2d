"""Booking captured money: the one transaction behind every paid cycle."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.issuer import Issuer
from db import customers, issuing, ledger, models, recording
from db.issuing import Belongs
from db.session import Database
from domain.collection import Charge
from domain.document import DocumentKind, TaxDocument
from domain.errors import InvalidInput, Misconfigured, Unavailable
from domain.events import EventType, payment_event
from domain.ledger import sale, set_aside
from domain.periods import india_date
from domain.pricing import charged, supply_of_paid
from domain.rates import SupplyDates, rate_of_supply
from domain.subscription import LIVE, Subscription
from domain.supply import SupplyNature
from workflows.ports import Recorded, SetAsidePayment, SettleCharge, Settled

_NAMES = uuid.UUID("5b0f3f6a-6a0e-4f0e-9a5e-1d6d7c1b2a90")


def business_id(prefix: str, key: str) -> str:
    """An id derived from a business key: the same happening always gets the same one."""
    return f"{prefix}_{uuid.uuid5(_NAMES, key).hex}"


class Settlement:
    """Implements `settle_charge` and `set_aside_payment`."""

    def __init__(self, database: Database, issuer: Issuer, sinks: Sequence[str]) -> None:
        self._database = database
        self._issuer = issuer
        self._sinks = sinks

    @activity.defn(name="settle_charge")
    async def settle_charge(self, request: SettleCharge) -> Settled:
        """Payment, number, invoice, tax, ledger, period and events: all or nothing, and once."""
        after = request.after
        invoice_id = business_id("inv", f"{after.id}/{request.charge.cycle}")
        async with self._database.transaction() as session:
            if not await recording.save(session, request.before, after, request.at):
                number = await session.scalar(
                    select(models.Document.number).where(models.Document.id == invoice_id)
                )
                return Settled(invoice_id, number or "", await _live_free(session, after))
            payment_id = await _record_payment(session, after, request.charge, "captured", None, request.at)
            try:
                invoice = await self._invoice(session, request, invoice_id, payment_id)
            except (InvalidInput, Misconfigured) as error:
                # The money is here: it waits until the setting is mended, and the subscription with it.
                raise Unavailable(f"no invoice can be written for {after.id} yet: {error}") from error
            await ledger.post(
                session,
                reference=f"invoice/{invoice_id}",
                kind="sale",
                customer_id=after.customer_id,
                document_id=invoice_id,
                occurred_at=request.at,
                postings=sale(invoice.amount),
            )
            await self._announce(session, request, invoice)
            return Settled(invoice_id, invoice.number, await _live_free(session, after))

    @activity.defn(name="set_aside_payment")
    async def set_aside_payment(self, request: SetAsidePayment) -> Recorded:
        """The money goes to suspense and the operators are told; nothing counts as paid."""
        after, payment = request.after, request.charge.payment
        gateway = request.charge.gateway or after.gateway
        payment_id = business_id("pmt", f"{gateway}/{payment.id}")
        async with self._database.transaction() as session:
            known = await session.get(models.Payment, payment_id)
            saved = await recording.save(session, request.before, after, request.at)
            if known is not None and known.status != "failed":
                # Done before, by a try of this or long ago. What was booked is nobody's to give back.
                return Recorded(after.version, "" if known.status == "captured" else payment_id)
            if saved:
                await self._quarantine(session, request, payment_id)
        return Recorded(after.version, payment_id)

    async def _quarantine(self, session: AsyncSession, request: SetAsidePayment, payment_id: str) -> None:
        after, payment = request.after, request.charge.payment
        await _record_payment(session, after, request.charge, "quarantined", request.reason, request.at)
        if payment.currency == after.price.currency:
            await ledger.post(
                session,
                reference=f"payment/{payment_id}",
                kind="set_aside",
                customer_id=after.customer_id,
                occurred_at=request.at,
                postings=set_aside(payment.amount_paise),
            )
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

    async def _invoice(
        self, session: AsyncSession, request: SettleCharge, invoice_id: str, payment_id: str
    ) -> TaxDocument:
        """Priced by the rate of the time of supply and issued: a bill of supply where no tax may be shown."""
        after, charge = request.after, request.charge
        price, period, payment = after.price, charge.period, charge.payment
        customer = await session.get_one(models.Customer, after.customer_id)
        plan = await session.get_one(models.Plan, price.plan_id)
        registration = self._issuer.registrations.chosen(
            customer_key=customer.seller_key or "", plan_key=plan.seller_key or ""
        )
        paid_on = india_date(payment.attempted_at)
        recipient = customers.recipient_of(customer)
        supply = supply_of_paid(registration, recipient, paid_on, self._issuer.rules)
        taxed = supply.nature is not SupplyNature.NOT_TAXED
        kind = DocumentKind.TAX_INVOICE if taxed else DocumentKind.BILL_OF_SUPPLY
        description = f"{plan.name} subscription, {price.interval}"

        def write(number: str, issued_on: date) -> TaxDocument:
            dates = SupplyDates(period.first_day, issued_on, paid_on)
            made = charged(price, description, supply, dates, self._issuer.rules, after.charge_paise)
            return TaxDocument(
                id=invoice_id,
                kind=kind,
                number=number,
                issued_on=issued_on,
                seller=registration.seller_for(supply, paid_on),
                buyer=customers.buyer_of(customer, recipient),
                supply=supply,
                lines=made.lines,
                amount=made.amount,
                period_first_day=period.first_day,
                period_last_day=period.last_day,
                payment_reference=payment.id,
                payment_method=payment.method,
                paid_on=paid_on,
                supplied_on=rate_of_supply(price.sac, dates)[1],
                currency=price.currency,
            )

        series = self._issuer.series(registration.seller.gstin, kind)
        belongs = Belongs(after.customer_id, after.id, payment_id, cycle=charge.cycle, period=period)
        return await issuing.issue(session, series, belongs, request.at, write)

    async def _announce(self, session: AsyncSession, request: SettleCharge, invoice: TaxDocument) -> None:
        before, after, charge = request.before, request.after, request.charge
        announce = recording.Announcer(session, self._sinks, after, request.at)
        money = {**issuing.facts(invoice), "cycle": charge.cycle}
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
    gateway = charge.gateway or subscription.gateway
    payment_id = business_id("pmt", f"{gateway}/{payment.id}")
    standing = {
        "cycle": charge.cycle,
        "gateway_invoice_id": charge.gateway_invoice_id,
        "status": status,
        "amount_paise": payment.amount_paise,
        "currency": payment.currency,
        "method": payment.method,
        "fee_paise": payment.fee_paise,
        "bank_reference": payment.reference,
        "reason": reason,
        "recorded_at": at,
    }
    recorded = insert(models.Payment).values(
        id=payment_id,
        subscription_id=subscription.id,
        customer_id=subscription.customer_id,
        gateway=gateway,
        gateway_payment_id=payment.id,
        attempted_at=payment.attempted_at,
        **standing,
    )
    await session.execute(recorded.on_conflict_do_update(index_elements=[models.Payment.id], set_=standing))
    return payment_id


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
