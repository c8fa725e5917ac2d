"""What a month's returns are made from. Days are Indian dates, both ends included; amounts are paise."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Integer, Select, and_, cast, func, literal, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Invoice, LedgerPosting, LedgerTransaction, NumberSeries
from db.session import Database
from domain.invoice import document_number
from domain.periods import financial_year, india_midnight

INVOICE_KIND = "tax_invoice"
"""The only kind of document that is in the books so far."""


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

    first: str
    last: str


@dataclass(frozen=True)
class Credited:
    """What was credited less debited to one account for one invoice; `invoice_id` is "" where for none."""

    invoice_id: str
    account: str
    amount_paise: int


@dataclass(frozen=True)
class Booked:
    """One posting with its transaction: a debit if positive. `invoice_number` is "" where there is none."""

    occurred_at: datetime
    reference: str
    kind: str
    account: str
    amount_paise: int
    invoice_number: str


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


async def invoices_issued(session: AsyncSession, gstin: str, days: Days) -> list[dict[str, Any]]:
    """The invoices of a GSTIN as they were stored when issued, by date and number."""
    query = (
        select(Invoice.document)
        .where(Invoice.seller_gstin == gstin, Invoice.issued_on.between(days.first, days.last))
        .order_by(Invoice.issued_on, func.length(Invoice.number), Invoice.number)
    )
    return list(await session.scalars(query))


async def kinds_not_read(session: AsyncSession, gstin: str, days: Days) -> list[str]:
    """Kinds of document that took numbers on or after the first day, and that are not read here."""
    series = NumberSeries
    query = select(series.kind).distinct().order_by(series.kind)
    asked = query.where(
        series.gstin == gstin, series.kind != INVOICE_KIND, series.last_issued_on >= days.first
    )
    return list(await session.scalars(asked))


async def numbers_taken(session: AsyncSession, gstin: str, days: Days) -> list[Taken]:
    """The runs of invoice numbers that belong to the days, which lie in one financial year.

    Numbers and dates go the same way (rule 46(b)), so a run goes from after the last number before the
    days to before the first one after them, or to the last one taken: a number lost at an end shows.
    """
    year = financial_year(days.first)
    query = (
        select(NumberSeries)
        .where(
            NumberSeries.gstin == gstin,
            NumberSeries.kind == INVOICE_KIND,
            NumberSeries.financial_year == year,
        )
        .order_by(NumberSeries.prefix)
    )
    runs: list[Taken] = []
    for series in await session.scalars(query):
        before, after = (await session.execute(_neighbours(gstin, series.prefix, days))).one()
        first, last = (before or 0) + 1, after - 1 if after else series.last_number
        if first <= last:
            named = [document_number(series.prefix, days.first, end) for end in (first, last)]
            runs.append(Taken(named[0], named[1]))
    return runs


def _neighbours(gstin: str, prefix: str, days: Days) -> Select[int, int]:
    """Last count of a series before the days, and first one after them."""
    stem = document_number(prefix, days.first, 1).removesuffix("000001")
    count = cast(func.substr(Invoice.number, len(stem) + 1), Integer)
    return select(
        func.max(count).filter(Invoice.issued_on < days.first),
        func.min(count).filter(Invoice.issued_on > days.last),
    ).where(
        Invoice.seller_gstin == gstin,
        Invoice.financial_year == financial_year(days.first),
        func.starts_with(Invoice.number, stem),
    )


async def credited(session: AsyncSession, gstin: str, days: Days, accounts: Sequence[str]) -> list[Credited]:
    """Per invoice of the days and account; and what was posted within them to `accounts` for no invoice."""
    begins, ends = days.moments
    invoice, transaction, posting = Invoice, LedgerTransaction, LedgerPosting
    query = (
        select(func.coalesce(invoice.id, ""), posting.account, func.sum(-posting.amount_paise))
        .join(transaction, transaction.id == posting.transaction_id)
        .outerjoin(invoice, transaction.reference == literal("invoice/") + invoice.id)
        .where(
            posting.account.in_(accounts),
            or_(
                and_(invoice.seller_gstin == gstin, invoice.issued_on.between(days.first, days.last)),
                and_(
                    invoice.id.is_(None),
                    transaction.occurred_at >= begins,
                    transaction.occurred_at < ends,
                ),
            ),
        )
        .group_by(invoice.id, posting.account)
        .order_by(invoice.id, posting.account)
    )
    rows = (await session.execute(query)).all()
    return [Credited(invoice_id, account, int(paise)) for invoice_id, account, paise in rows]


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
            func.coalesce(Invoice.number, ""),
        )
        .join(transaction, transaction.id == posting.transaction_id)
        .outerjoin(Invoice, transaction.reference == literal("invoice/") + Invoice.id)
        .where(transaction.occurred_at >= begins, transaction.occurred_at < ends)
        .order_by(transaction.occurred_at, transaction.id, posting.id)
    )
    return [Booked(*row) for row in (await session.execute(query)).all()]
