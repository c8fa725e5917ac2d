"""Where documents stand with the invoice registration portal: one row each, announced as it changes."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from db import ledger, outbox
from db.issuing import DOCUMENTS, against, facts
from db.models import Document, IrpRegistration, Rendition, WalletDraw
from db.session import Database
from domain.document import DocumentKind, Registration, TaxDocument
from domain.e_invoice import CancelReason, EInvoiceStatus, needs_registration
from domain.errors import NotFound
from domain.events import EventType, interested
from domain.ledger import Posting, advance_used, opposite, voided

_OPEN = (EInvoiceStatus.DUE, EInvoiceStatus.REFUSED)


async def document_of(session: AsyncSession, document_id: str) -> TaxDocument:
    """As issued. Raises NotFound."""
    row = await session.get(Document, document_id)
    if row is None:
        raise NotFound(f"There is no document {document_id}.")
    return DOCUMENTS.validate_python(row.document)


async def standing(session: AsyncSession, document_id: str) -> IrpRegistration | None:
    """Its row; None for a document that was never to be registered."""
    return await session.get(IrpRegistration, document_id)


async def registration_of(session: AsyncSession, document_id: str) -> Registration | None:
    """What is printed of it; None unless it is registered."""
    row = await standing(session, document_id)
    if row is None or row.status != EInvoiceStatus.REGISTERED:
        return None
    assert row.irn and row.acknowledgement_number and row.acknowledged_at and row.signed_qr
    return Registration(row.irn, row.acknowledgement_number, row.acknowledged_at, row.signed_qr)


async def awaited(database: Database, document_id: str) -> date | None:
    """The day of a document that nobody may hand out before the portal has answered; None for others.

    Whether the seller is above the limit is the caller's to know. Raises NotFound, Unavailable.
    """
    async with database.reading() as session:
        if await session.get(Rendition, document_id) is not None:
            return None
        document = await document_of(session, document_id)
    return document.issued_on if needs_registration(document) else None


async def begin_attempt(session: AsyncSession, document_id: str, at: datetime) -> EInvoiceStatus:
    """Count another attempt; `due` from the first one on. Where it stood before this one."""
    await _ensure(session, document_id, at)
    found = await _locked(session, document_id)
    if found.status == EInvoiceStatus.DUE:
        found.attempts += 1
        found.updated_at = at
    return EInvoiceStatus(found.status)


async def register(
    session: AsyncSession,
    document_id: str,
    registration: Registration,
    signed_invoice: str | None,
    at: datetime,
    sinks: Sequence[str],
) -> bool:
    """Record the portal's verified answer, also after a refusal. False if it is on record already."""
    await _ensure(session, document_id, at)
    row = await _locked(session, document_id)
    if row.status not in _OPEN:
        return False
    row.status = EInvoiceStatus.REGISTERED.value
    row.irn, row.acknowledged_at = registration.irn, registration.acknowledged_at
    row.acknowledgement_number = registration.acknowledgement_number
    row.signed_qr, row.signed_invoice = registration.signed_qr, signed_invoice
    row.refusal, row.registered_at, row.updated_at = None, at, at
    told = {"irn": registration.irn, "acknowledgement_number": registration.acknowledgement_number}
    await _announce(session, EventType.E_INVOICE_REGISTERED, document_id, at, sinks, **told)
    return True


async def refuse(
    session: AsyncSession, document_id: str, refusal: str, at: datetime, sinks: Sequence[str]
) -> bool:
    """Record why it will not be registered. False unless it was due."""
    await _ensure(session, document_id, at)
    row = await _locked(session, document_id)
    if row.status != EInvoiceStatus.DUE:
        return False
    row.status, row.refusal, row.updated_at = EInvoiceStatus.REFUSED.value, refusal, at
    await _announce(session, EventType.E_INVOICE_REFUSED, document_id, at, sinks, refusal=refusal)
    return True


async def begin_cancelling(session: AsyncSession, document_id: str, reason: CancelReason) -> str | None:
    """Keep notes off it from now on; or why it cannot be. Nothing happens unless it is registered."""
    await session.get_one(Document, document_id, with_for_update={"key_share": True})
    row = await _locked(session, document_id)
    if row.status != EInvoiceStatus.REGISTERED:
        return None
    credited = await against(session, document_id)
    if credited:
        return f"{credited[0].number} credits it already: what is void takes no credit note"
    row.cancel_reason = reason.name.lower()
    return None


async def give_up_cancelling(session: AsyncSession, document_id: str) -> None:
    """The portal will not: it stands as before."""
    row = await _locked(session, document_id)
    if row.status == EInvoiceStatus.REGISTERED:
        row.cancel_reason = None


async def cancel(
    session: AsyncSession,
    document_id: str,
    reason: CancelReason,
    cancelled_at: datetime,
    sinks: Sequence[str],
    **told: str,
) -> bool:
    """Record that the portal took it back, and void what it posted. False unless it was registered."""
    row = await _locked(session, document_id)
    if row.status != EInvoiceStatus.REGISTERED:
        return False
    document = await session.get_one(Document, document_id)
    issued = DOCUMENTS.validate_python(document.document)
    await ledger.post(
        session,
        reference=f"void/{document_id}",
        kind="void",
        customer_id=document.customer_id,
        document_id=document_id,
        occurred_at=cancelled_at,
        postings=_void(issued),
    )
    # What an invoice took from the wallet is for the next one to take.
    draws = update(WalletDraw).where(WalletDraw.document_id == document_id).values(document_id=None)
    await session.execute(draws)
    row.status, row.cancel_reason = EInvoiceStatus.CANCELLED.value, reason.name.lower()
    row.cancelled_at = row.updated_at = cancelled_at
    told = {"irn": row.irn or "", "reason": row.cancel_reason, **told}
    await _announce(session, EventType.E_INVOICE_CANCELLED, document_id, cancelled_at, sinks, **told)
    return True


def _void(issued: TaxDocument) -> tuple[Posting, ...]:
    if not issued.adjusts:
        return voided(issued.amount, note=issued.kind is DocumentKind.CREDIT_NOTE)
    return opposite(advance_used(issued.amount, sum(use.amount.tax_paise for use in issued.adjusts)))


async def numbered(session: AsyncSession, names: Collection[tuple[str, str]]) -> list[TaxDocument]:
    """Documents by (seller's GSTIN, number); unknown ones are left out."""
    row = Document
    query = select(row.document).where(tuple_(row.seller_gstin, row.number).in_(list(names)))
    return [DOCUMENTS.validate_python(each) for each in await session.scalars(query.order_by(row.number))]


async def _ensure(session: AsyncSession, document_id: str, at: datetime) -> None:
    values = {"document_id": document_id, "status": EInvoiceStatus.DUE.value, "updated_at": at}
    await session.execute(insert(IrpRegistration).values(**values).on_conflict_do_nothing())


async def _locked(session: AsyncSession, document_id: str) -> IrpRegistration:
    row = IrpRegistration
    found = await session.scalar(select(row).where(row.document_id == document_id).with_for_update())
    if found is None:
        raise NotFound(f"{document_id} was never to be registered.")
    return found


async def _announce(
    session: AsyncSession,
    event: EventType,
    document_id: str,
    at: datetime,
    sinks: Sequence[str],
    **told: Any,
) -> None:
    row = await session.get_one(Document, document_id)
    await outbox.append(
        session,
        key=f"{event}/{document_id}",
        type=event,
        customer_id=row.customer_id,
        subscription_id=row.subscription_id,
        occurred_at=at,
        data={
            **facts(DOCUMENTS.validate_python(row.document)),
            "subscription_id": row.subscription_id,
            **told,
        },
        sinks=interested(event, sinks),
    )
