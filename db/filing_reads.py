"""What a month's returns are made from. Days are Indian dates, both ends included; amounts are paise."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Integer, Select, and_, cast, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from db.issuing import DOCUMENTS
from db.models import Document, IrpRegistration, LedgerPosting, LedgerTransaction, NumberSeries
from db.session import Database
from domain.document import DocumentKind, Registration, TaxDocument, document_number
from domain.e_invoice import EInvoiceStatus
from domain.periods import financial_year, india_midnight

FILED_KINDS = [kind.value for kind in DocumentKind if kind is not DocumentKind.PROFORMA]
"""A proforma is an offer: no return knows of it."""


@dataclass(frozen=True)
class Days:
    """Indian days from `first` to `last`."""

    first: date
    last: date

    @property
    def moments(self) -> tuple[datetime, datetime]:
        """Where they begin and where they are over, as UTC."""
        return india_midnight(self.first), india_midnight(self.last + timedelta(days=1))


@dataclass(frozen=True)
class Taken:
    """Numbers of one series that belong to some days, first to last."""

    kind: DocumentKind
    first: str
    last: str


@dataclass(frozen=True)
class AtPortal:
    """How far a document has got at the invoice registration portal (gst.md 6.3, 6.4)."""

    status: EInvoiceStatus
    registration: Registration | None = None
    """What the portal answered; cancelled ones keep it."""
    refusal: str = ""


@dataclass(frozen=True)
class Credited:
    """What was credited less debited to one account for one document; `document_id` is "" where for none."""

    document_id: str
    account: str
    amount_paise: int


@dataclass(frozen=True)
class Booked:
    """One posting with its transaction: a debit if positive. `document_number` is "" where there is none."""

    occurred_at: datetime
    reference: str
    kind: str
    account: str
    amount_paise: int
    document_number: str


@asynccontextmanager
async def snapshot(database: Database) -> AsyncIterator[AsyncSession]:
    """Reading as of one moment: numbers, documents and ledger must not run ahead of each other."""
    async with database.transaction() as session:
        await session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        yield session


async def issuing_gstins(session: AsyncSession) -> list[str]:
    """Every GSTIN a number was ever taken for."""
    query = select(NumberSeries.gstin).distinct().order_by(NumberSeries.gstin)
    return list(await session.scalars(query))


async def documents_issued(session: AsyncSession, gstin: str, days: Days) -> list[TaxDocument]:
    """The documents of a GSTIN as they were stored when issued, by kind, date and number."""
    row = Document
    query = (
        select(row.document)
        .where(
            row.seller_gstin == gstin,
            row.issued_on.between(days.first, days.last),
            row.kind.in_(FILED_KINDS),
        )
        .order_by(row.kind, row.issued_on, func.length(row.number), row.number)
    )
    return [DOCUMENTS.validate_python(each) for each in await session.scalars(query)]


async def at_portal(session: AsyncSession, gstin: str, days: Days) -> dict[str, AtPortal] | None:
    """By document id. None where no document of the GSTIN was ever to be registered: e-invoicing is off."""
    row = IrpRegistration
    of_gstin = select(row, Document.issued_on).join(Document).where(Document.seller_gstin == gstin)
    if await session.scalar(select(of_gstin.exists())) is not True:
        return None
    found = await session.scalars(of_gstin.where(Document.issued_on.between(days.first, days.last)))
    return {each.document_id: _at_portal(each) for each in found}


def _at_portal(row: IrpRegistration) -> AtPortal:
    registration = Registration(
        row.irn or "", row.acknowledgement_number or "", row.acknowledged_at or "", row.signed_qr or ""
    )
    return AtPortal(EInvoiceStatus(row.status), registration if row.irn else None, row.refusal or "")


async def numbers_taken(session: AsyncSession, gstin: str, days: Days) -> list[Taken]:
    """The runs of numbers that belong to the days, which lie in one financial year.

    Numbers and dates go the same way (rule 46(b)), so a run goes from after the last number before the
    days to before the first one after them, or to the last one taken: a number lost at an end shows.
    """
    year = financial_year(days.first)
    query = (
        select(NumberSeries)
        .where(
            NumberSeries.gstin == gstin,
            NumberSeries.kind.in_(FILED_KINDS),
            NumberSeries.financial_year == year,
        )
        .order_by(NumberSeries.kind, NumberSeries.prefix)
    )
    runs: list[Taken] = []
    for series in await session.scalars(query):
        before, after = (await session.execute(_neighbours(gstin, series.prefix, days))).one()
        first, last = (before or 0) + 1, after - 1 if after else series.last_number
        if first <= last:
            named = [document_number(series.prefix, days.first, end) for end in (first, last)]
            runs.append(Taken(DocumentKind(series.kind), named[0], named[1]))
    return runs


def _neighbours(gstin: str, prefix: str, days: Days) -> Select[int, int]:
    """Last count of a series before the days, and first one after them."""
    stem = document_number(prefix, days.first, 1).removesuffix("000001")
    count = cast(func.substr(Document.number, len(stem) + 1), Integer)
    return select(
        func.max(count).filter(Document.issued_on < days.first),
        func.min(count).filter(Document.issued_on > days.last),
    ).where(
        Document.seller_gstin == gstin,
        Document.financial_year == financial_year(days.first),
        func.starts_with(Document.number, stem),
    )


async def credited(session: AsyncSession, gstin: str, days: Days, accounts: Sequence[str]) -> list[Credited]:
    """Per document of the days and account; and what was posted within them to `accounts` for none."""
    begins, ends = days.moments
    document, transaction, posting = Document, LedgerTransaction, LedgerPosting
    query = (
        select(func.coalesce(document.id, ""), posting.account, func.sum(-posting.amount_paise))
        .join(transaction, transaction.id == posting.transaction_id)
        .outerjoin(document, document.id == transaction.document_id)
        .where(
            posting.account.in_(accounts),
            or_(
                and_(document.seller_gstin == gstin, document.issued_on.between(days.first, days.last)),
                and_(
                    document.id.is_(None),
                    transaction.occurred_at >= begins,
                    transaction.occurred_at < ends,
                ),
            ),
        )
        .group_by(document.id, posting.account)
        .order_by(document.id, posting.account)
    )
    rows = (await session.execute(query)).all()
    return [Credited(document_id, account, int(paise)) for document_id, account, paise in rows]


async def booked(session: AsyncSession, days: Days) -> list[Booked]:
    """Every posting of the days, in the order of the books."""
    begins, ends = days.moments
    transaction, posting = LedgerTransaction, LedgerPosting
    query = (
        select(
            transaction.occurred_at,
            transaction.reference,
            transaction.kind,
            posting.account,
            posting.amount_paise,
            func.coalesce(Document.number, ""),
        )
        .join(transaction, transaction.id == posting.transaction_id)
        .outerjoin(Document, Document.id == transaction.document_id)
        .where(transaction.occurred_at >= begins, transaction.occurred_at < ends)
        .order_by(transaction.occurred_at, transaction.id, posting.id)
    )
    return [Booked(*row) for row in (await session.execute(query)).all()]
