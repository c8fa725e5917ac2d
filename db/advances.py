"""Receipt vouchers and what was taken of them: given back by refund vouchers, used up by invoices."""

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.issuing import DOCUMENTS, against, in_force
from db.models import AdvanceUse, Document
from domain.credit import Part
from domain.document import DocumentKind
from domain.wallet import Advance


async def open_advances(session: AsyncSession, customer_id: str) -> list[Advance]:
    """The customer's advances of which something is left, oldest first; their vouchers are locked.

    The caller has the lock of the wallet.
    """
    row = Document
    query = (
        select(row.id, row.document)
        .where(
            row.customer_id == customer_id,
            row.kind == DocumentKind.RECEIPT_VOUCHER.value,
            row.total_paise > _given_back() + _used(),
        )
        .order_by(row.issued_at, row.id)
        .with_for_update(key_share=True)
    )
    return [
        Advance(DOCUMENTS.validate_python(document), tuple(await parts_taken(session, voucher_id)))
        for voucher_id, document in (await session.execute(query)).all()
    ]


async def parts_taken(session: AsyncSession, voucher_id: str) -> list[Part]:
    """Refund vouchers against it, and its uses by invoices in force."""
    row, use = Document, AdvanceUse
    invoices = (
        select(row.document)
        .join(use, use.invoice_id == row.id)
        .where(use.voucher_id == voucher_id, in_force(use.invoice_id))
        .order_by(row.issued_at, row.id)
    )
    return [
        *await against(session, voucher_id),
        *(
            part
            for document in await session.scalars(invoices)
            for part in DOCUMENTS.validate_python(document).adjusts
            if part.voucher_id == voucher_id
        ),
    ]


async def used_paise(session: AsyncSession, voucher_id: str) -> int:
    """What invoices in force use of a voucher."""
    use = AdvanceUse
    query = select(func.sum(use.amount_paise)).where(use.voucher_id == voucher_id, in_force(use.invoice_id))
    return int(await session.scalar(query) or 0)


def _given_back() -> ColumnElement[int]:
    """Of the `documents` row of the query around it."""
    back = Document.__table__.alias("given_back")
    query = select(func.coalesce(func.sum(back.c.total_paise), 0)).where(
        back.c.original_id == Document.id, in_force(back.c.id)
    )
    return query.correlate(Document).scalar_subquery()


def _used() -> ColumnElement[int]:
    use = AdvanceUse
    query = select(func.coalesce(func.sum(use.amount_paise), 0)).where(
        use.voucher_id == Document.id, in_force(use.invoice_id)
    )
    return query.correlate(Document).scalar_subquery()
