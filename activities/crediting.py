"""Notes and vouchers: credit notes against invoices, receipt and refund vouchers for advances."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.issuer import Issuer
from db import customers, issuing, ledger, models, outbox
from db.issuing import DOCUMENTS, Belongs
from db.session import Database
from domain.credit import MoneyBack, as_credit_note, as_refund_voucher, credit_total, part_of_advance
from domain.document import DocumentKind, TaxDocument
from domain.errors import InvalidInput, Refused
from domain.events import EventType, interested, issued_event
from domain.ledger import Account, Posting, advance_kept, advance_returned, credited
from domain.money import rupees
from domain.periods import india_date
from domain.plans import DEFAULT_SAC
from domain.pricing import supply_of_paid
from domain.refund import SETTLED, RefundStatus, Settlement, left_to_refund
from domain.tax import advance_amount, supply_of_advance
from workflows.ports import IssueCreditNote, KeepPayment, NoteIssued

_ACCOUNTS = {
    Settlement.BALANCE: Account.CUSTOMER_CREDIT,
    Settlement.OUTSIDE: Account.REFUNDS,
    Settlement.SUSPENSE: Account.SUSPENSE,
}
LOCK = {"key_share": True}
"""Rows may be pointed at meanwhile, as a new document does at its payment, but not changed or locked."""
_ADVANCE = "Advance, its use not decided yet"


class Crediting:
    """Implements `issue_credit_note` and `keep_payment`; a refund's note is `give_back`."""

    def __init__(self, database: Database, issuer: Issuer, sinks: Sequence[str]) -> None:
        self._database = database
        self._issuer = issuer
        self._sinks = sinks

    @activity.defn(name="issue_credit_note")
    async def issue_credit_note(self, request: IssueCreditNote) -> NoteIssued:
        """The invoice is locked first: a slow try may still be at it. Refunds under way count as credited."""
        try:
            async with self._database.transaction() as session:
                original = await locked(session, request.document_id)
                if await session.get(models.Document, request.note_id) is not None:
                    return NoteIssued(request.note_id)
                if await is_void(session, original.id):
                    why = f"{original.number} was cancelled at the e-invoice portal: it takes no credit note."
                    return NoteIssued(refused=why, state="void")
                left = await left_to_credit(session, original) - await _under_way(session, original.id)
                asked = left if request.amount_paise is None else request.amount_paise
                if not 0 < asked <= left:
                    return _too_much(original, asked, left)
                note = await self.give_back(
                    session,
                    original,
                    note_id=request.note_id,
                    amount_paise=asked,
                    to=_ACCOUNTS[request.settlement],
                    reason=request.reason,
                    at=request.at,
                )
                return NoteIssued(note.id)
        except Refused as error:
            return NoteIssued(refused=str(error), state=error.state, allowed=tuple(error.allowed))
        except InvalidInput as error:
            return NoteIssued(refused=str(error), state="not_creditable")

    @activity.defn(name="keep_payment")
    async def keep_payment(self, request: KeepPayment) -> NoteIssued:
        """What of a quarantined payment has not gone back becomes an advance (rule 50, gst.md 1.1)."""
        async with self._database.transaction() as session:
            payment = await session.get_one(models.Payment, request.payment_id, with_for_update=LOCK)
            if await session.get(models.Document, request.voucher_id) is not None:
                return NoteIssued(request.voucher_id)
            refunds = models.Refund
            given = (await session.scalars(select(refunds).where(refunds.payment_id == payment.id))).all()
            left = left_to_refund(payment.amount_paise, given)
            if any(RefundStatus(each.status) not in SETTLED for each in given):
                why = "A refund of it is on its way; see how that ends first."
                return NoteIssued(refused=why, state="refund_under_way")
            if payment.status != "quarantined" or payment.currency != "INR" or left == 0:
                return NoteIssued(
                    refused=f"The payment is {payment.status}, {rupees(left)} of it is here: only rupees "
                    "that were set aside can be kept.",
                    state=payment.status,
                )
            payment.status, payment.reason = "kept", request.reason
            voucher = await self._receipt_voucher(session, request, payment, left)
            await self._book(session, voucher, payment.customer_id, advance_kept(voucher.amount), request.at)
            await self._announce(session, voucher, payment.subscription_id, payment.customer_id, request.at)
            await outbox.append(
                session,
                key=f"{EventType.PAYMENT_KEPT}/{payment.id}",
                type=EventType.PAYMENT_KEPT,
                customer_id=payment.customer_id,
                subscription_id=payment.subscription_id,
                occurred_at=request.at,
                data={
                    "payment_id": payment.id,
                    "gateway_payment_id": payment.gateway_payment_id,
                    "amount_paise": left,
                    "reason": request.reason,
                    "actor": request.actor,
                },
                sinks=interested(EventType.PAYMENT_KEPT, self._sinks),
            )
            return NoteIssued(voucher.id)

    async def give_back(
        self,
        session: AsyncSession,
        original: models.Document,
        *,
        note_id: str,
        amount_paise: int,
        to: Account,
        reason: str,
        at: datetime,
        back: MoneyBack | None = None,
    ) -> TaxDocument:
        """Credit note or refund voucher with ledger and event. The caller holds the lock on `original`.

        `back` is the refund that it documents; without one no money went back.
        Raises Refused and InvalidInput as `domain.credit`.
        """
        document = DOCUMENTS.validate_python(original.document)
        earlier = await issuing.against(session, original.id)
        advance = document.kind is DocumentKind.RECEIPT_VOUCHER
        kind = DocumentKind.REFUND_VOUCHER if advance else DocumentKind.CREDIT_NOTE

        def write(number: str, issued_on: date) -> TaxDocument:
            facts = {"document_id": note_id, "number": number, "reason": reason}
            if advance:
                part = part_of_advance(document, earlier, amount_paise)
                return as_refund_voucher(document, earlier, part, issued_on=issued_on, back=back, **facts)
            filed_on = self._issuer.annual_return_of(document)
            part = credit_total(document, earlier, amount_paise, issued_on, filed_on)
            return as_credit_note(document, earlier, part, issued_on=issued_on, back=back, **facts)

        note = await issuing.issue(
            session,
            self._issuer.series(document.seller.gstin, kind),
            Belongs(original.customer_id, original.subscription_id, original.payment_id, original.id),
            at,
            write,
        )
        postings = advance_returned(note.amount) if advance else credited(note.amount, to)
        await self._book(session, note, original.customer_id, postings, at)
        await self._announce(session, note, original.subscription_id, original.customer_id, at)
        return note

    async def _receipt_voucher(
        self, session: AsyncSession, request: KeepPayment, payment: models.Payment, left_paise: int
    ) -> TaxDocument:
        customer = await session.get_one(models.Customer, payment.customer_id)
        subscription = await session.get_one(models.Subscription, payment.subscription_id)
        plan = await session.get_one(models.Plan, subscription.plan_id)
        registration = self._issuer.registrations.chosen(
            customer_key=customer.seller_key or "", plan_key=plan.seller_key or ""
        )
        recipient = customers.recipient_of(customer)
        paid_on = india_date(payment.attempted_at)
        try:
            supply = supply_of_paid(registration, recipient, paid_on, self._issuer.rules)
        except InvalidInput:  # nobody knows where the buyer is
            supply = supply_of_advance(registration.supplier.state_code)
        made = advance_amount(left_paise, supply, _ADVANCE, DEFAULT_SAC)

        def write(number: str, issued_on: date) -> TaxDocument:
            return TaxDocument(
                id=request.voucher_id,
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
                reason=request.reason,
            )

        series = self._issuer.series(registration.seller.gstin, DocumentKind.RECEIPT_VOUCHER)
        belongs = Belongs(payment.customer_id, payment.subscription_id, payment.id)
        return await issuing.issue(session, series, belongs, request.at, write)

    async def _book(
        self,
        session: AsyncSession,
        document: TaxDocument,
        customer_id: str,
        postings: tuple[Posting, ...],
        at: datetime,
    ) -> None:
        await ledger.post(
            session,
            reference=f"{document.kind}/{document.id}",
            kind=document.kind.value,
            customer_id=customer_id,
            document_id=document.id,
            occurred_at=at,
            postings=postings,
        )

    async def _announce(
        self,
        session: AsyncSession,
        document: TaxDocument,
        subscription_id: str | None,
        customer_id: str,
        at: datetime,
    ) -> None:
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
            sinks=interested(event, self._sinks),
        )


async def locked(session: AsyncSession, document_id: str) -> models.Document:
    """The original, so that notes against it are issued one after the other (gst.md 5.6)."""
    return await session.get_one(models.Document, document_id, with_for_update=LOCK)


async def is_void(session: AsyncSession, document_id: str) -> bool:
    """Whether its IRN is cancelled, or being cancelled: then nothing is credited any more.

    Its money is in suspense, or will be. The caller holds the lock on the document.
    """
    row = models.IrpRegistration
    query = select(row.document_id).where(row.document_id == document_id, row.cancel_reason.is_not(None))
    return await session.scalar(query) is not None


async def owed_of(session: AsyncSession, document_id: str) -> int:
    """Paise of the customer's balance that come from credit notes on this invoice and were not paid out."""
    note, entry, posting = models.Document, models.LedgerTransaction, models.LedgerPosting
    notes = select(note.id).where(note.original_id == document_id)
    owed = (
        select(func.sum(-posting.amount_paise))
        .join(entry, entry.id == posting.transaction_id)
        .where(
            posting.account == Account.CUSTOMER_CREDIT.value,
            or_(entry.document_id == document_id, entry.document_id.in_(notes)),
        )
    )
    return int(await session.scalar(owed) or 0)


async def left_to_credit(session: AsyncSession, original: models.Document) -> int:
    """Paise of it that no note or voucher has given back."""
    row = models.Document
    noted = await session.scalar(
        select(func.sum(row.total_paise)).where(row.original_id == original.id, issuing.in_force(row.id))
    )
    return original.total_paise - int(noted or 0)


async def _under_way(session: AsyncSession, document_id: str) -> int:
    """Paise that refunds on their way will be credited with."""
    row = models.Refund
    settled = [status.value for status in SETTLED]
    total = await session.scalar(
        select(func.sum(row.amount_paise)).where(row.document_id == document_id, row.status.not_in(settled))
    )
    return int(total or 0)


def _too_much(original: models.Document, asked: int, left: int) -> NoteIssued:
    if left <= 0:
        return NoteIssued(
            refused=f"{original.number} is credited in full already, or a refund of the rest is on its way.",
            state="fully_credited",
        )
    return NoteIssued(
        refused=f"{rupees(asked)} was asked for, but {rupees(left)} is left of {original.number}: "
        "lower the amount.",
        state="partly_credited",
        allowed=("a lower amount",),
    )
