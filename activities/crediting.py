"""Notes and vouchers: credit notes against invoices, receipt and refund vouchers for advances."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities import advances
from activities.advances import Received
from activities.issuer import Issuer
from db import issuing, models, outbox
from db.advances import parts_taken, used_paise
from db.issuing import DOCUMENTS, Belongs
from db.session import Database
from domain.credit import MoneyBack, Part, as_credit_note, as_refund_voucher, credit_total, part_of_advance
from domain.document import DocumentKind, TaxDocument
from domain.errors import InvalidInput, Refused
from domain.events import EventType, interested
from domain.ledger import Account, advance_received, advance_returned, credited
from domain.money import rupees
from domain.refund import SETTLED, RefundStatus, Settlement, left_to_refund
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
            received = Received(request.voucher_id, left, _ADVANCE, request.at, request.reason)
            voucher = await advances.receipt_voucher(session, self._issuer, payment, received)
            kept = advance_received(voucher.amount, Account.SUSPENSE)
            await advances.book(session, voucher, payment.customer_id, kept, request.at)
            await self._announce(session, voucher, payment, request.at)
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
        advance = document.kind is DocumentKind.RECEIPT_VOUCHER
        # Of an advance, also what invoices use of it.
        earlier: Sequence[Part] = await (parts_taken if advance else issuing.against)(session, original.id)
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
        await advances.book(session, note, original.customer_id, postings, at)
        await self._announce(session, note, original, at)
        return note

    async def _announce(
        self,
        session: AsyncSession,
        document: TaxDocument,
        of: models.Document | models.Payment,
        at: datetime,
    ) -> None:
        await advances.announce(session, self._sinks, document, of.customer_id, of.subscription_id, at)


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
    """Paise of it that no note or voucher has given back, and of an advance that no invoice uses."""
    row = models.Document
    noted = await session.scalar(
        select(func.sum(row.total_paise)).where(row.original_id == original.id, issuing.in_force(row.id))
    )
    return original.total_paise - int(noted or 0) - await used_paise(session, original.id)


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
