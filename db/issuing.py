"""Issuing a document: its number, date and row, in the transaction of what it documents."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from db import models, numbering
from domain.document import DocumentKind, TaxDocument, document_number
from domain.e_invoice import EInvoiceStatus
from domain.gst import TaxHead
from domain.periods import Period, financial_year, india_date

DOCUMENTS = TypeAdapter(TaxDocument)
"""How a document is written to and read from its row."""


@dataclass(frozen=True)
class Series:
    """Where the next number comes from: one per GSTIN, kind and financial year (rule 46(b), gst.md 1.6)."""

    gstin: str
    kind: DocumentKind
    prefix: str


@dataclass(frozen=True)
class Belongs:
    """What a document is about, beside what it says."""

    customer_id: str
    subscription_id: str | None = None
    payment_id: str | None = None
    original_id: str | None = None
    cycle: int | None = None
    period: Period | None = None


async def issue(
    session: AsyncSession,
    series: Series,
    belongs: Belongs,
    at: datetime,
    write: Callable[[str, date], TaxDocument],
) -> TaxDocument:
    """Take the next number and store what `write(number, issued_on)` makes of it.

    The series stays locked until the caller's transaction ends, so issue last; a rollback, also because
    `write` refuses, gives the number back.
    """
    sequence, issued_on = await numbering.take_number(
        session, gstin=series.gstin, kind=series.kind, prefix=series.prefix, on=india_date(at)
    )
    document = write(document_number(series.prefix, issued_on, sequence), issued_on)
    period, amount = belongs.period, document.amount
    session.add(
        models.Document(
            id=document.id,
            kind=document.kind.value,
            number=document.number,
            seller_gstin=document.seller.gstin,
            financial_year=financial_year(issued_on),
            customer_id=belongs.customer_id,
            subscription_id=belongs.subscription_id,
            payment_id=belongs.payment_id,
            original_id=belongs.original_id,
            cycle=belongs.cycle,
            period_start=period.start if period else None,
            period_end=period.end if period else None,
            issued_on=issued_on,
            issued_at=at,
            place_of_supply=document.supply.place,
            currency=document.currency,
            taxable_paise=amount.taxable_paise,
            cgst_paise=amount.head_paise(TaxHead.CGST),
            sgst_paise=amount.head_paise(TaxHead.SGST),
            utgst_paise=amount.head_paise(TaxHead.UTGST),
            igst_paise=amount.head_paise(TaxHead.IGST),
            round_off_paise=amount.round_off_paise,
            total_paise=amount.total_paise,
            gst_adjusting=document.gst_adjusting,
            document=DOCUMENTS.dump_python(document, mode="json"),
        )
    )
    await session.flush()
    return document


def facts(document: TaxDocument) -> dict[str, str | int]:
    """What events say of a document; paise."""
    told: dict[str, str | int] = {
        "document_id": document.id,
        "document_kind": document.kind.value,
        "document_number": document.number,
        "amount_paise": document.amount.total_paise,
    }
    if document.kind in (DocumentKind.TAX_INVOICE, DocumentKind.BILL_OF_SUPPLY):
        told |= {"invoice_id": document.id, "invoice_number": document.number}
    if document.adjusts:
        told["from_wallet_paise"] = document.amount.total_paise - document.due_paise
    return told


def in_force(document_id: ColumnElement[str] | InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """That a document was not cancelled at the e-invoice portal."""
    row = models.IrpRegistration
    return ~exists().where(row.document_id == document_id, row.status == EInvoiceStatus.CANCELLED.value)


async def against(session: AsyncSession, original_id: str) -> list[TaxDocument]:
    """All notes or vouchers in force that gave back of an original, oldest first."""
    row = models.Document
    query = select(row.document).where(row.original_id == original_id, in_force(row.id))
    query = query.order_by(row.issued_at, row.id)
    return [DOCUMENTS.validate_python(each) for each in await session.scalars(query)]
