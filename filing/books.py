"""One registration's month, read from the book of record."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from db import filing_reads
from db.filing_reads import Credited, Days
from db.session import Database
from documents.figures import Figures
from documents.gstr1 import Filing, PortalSettings, Series
from documents.gstr1.filing import Period
from documents.reconciliation import Posted
from documents.registers import JournalRow
from domain.errors import InvalidInput, NotFound
from domain.identifiers import parse_gstin
from domain.ledger import Account
from domain.periods import add_months, india_date

_FIGURES = {
    Account.REVENUE: Figures(1, 0, 0, 0),
    Account.OUTPUT_IGST: Figures(0, 1, 0, 0),
    Account.OUTPUT_CGST: Figures(0, 0, 1, 0),
    Account.OUTPUT_SGST: Figures(0, 0, 0, 1),
    Account.OUTPUT_UTGST: Figures(0, 0, 0, 1),
}
"""Where an account's credit stands among the figures of a return."""


@dataclass(frozen=True)
class Month:
    """What a GSTIN issued in a month, and what the ledger holds for each of its documents."""

    filing: Filing
    ledger: Mapping[str, Posted]
    last_day: date


def days_of(period: str) -> Days:
    """The days of `2026-10`. Raises InvalidInput."""
    text = Period(period).text
    first = date.fromisoformat(f"{text}-01")
    return Days(first, add_months(first, 1) - timedelta(days=1))


async def read_month(
    database: Database, gstin: str, period: str, settings: PortalSettings | None = None
) -> Month:
    """The month as of one moment.

    Raises InvalidInput for a bad GSTIN or period, NotFound for a GSTIN that nothing was ever issued from.
    """
    gstin, days = parse_gstin(gstin), days_of(period)
    async with filing_reads.snapshot(database) as session:
        known = await filing_reads.issuing_gstins(session)
        if gstin not in known:
            issuing = f"it has documents of {', '.join(known)}" if known else "it has no documents yet"
            raise NotFound(f"nothing was ever issued from GSTIN {gstin} in this database; {issuing}.")
        documents = tuple(await filing_reads.documents_issued(session, gstin, days))
        taken = await filing_reads.numbers_taken(session, gstin, days)
        credited = await filing_reads.credited(session, gstin, days, [*_FIGURES, Account.ROUND_OFF])
    series = tuple(Series(run.kind, run.first, run.last) for run in taken)
    filing = Filing(gstin, period, documents, series, settings=settings or PortalSettings())
    return Month(filing, posted(credited), days.last)


def posted(rows: list[Credited]) -> dict[str, Posted]:
    """What was credited, by document id; what belongs to no document stands under ""."""
    found: dict[str, Posted] = {}
    for row in rows:
        before = found.get(row.document_id, Posted(Figures()))
        account = Account(row.account)
        if account is Account.ROUND_OFF:
            after = replace(before, round_off_paise=before.round_off_paise + row.amount_paise)
        else:
            after = replace(before, figures=before.figures + _FIGURES[account].times(row.amount_paise))
        found[row.document_id] = after
    return found


async def read_journal(database: Database, days: Days) -> list[JournalRow]:
    """Every posting of the days, in order. Raises InvalidInput where they end before they begin."""
    if days.last < days.first:
        raise InvalidInput("to", f"{days.last} is before {days.first}: give the earlier day as --from.")
    async with filing_reads.snapshot(database) as session:
        booked = await filing_reads.booked(session, days)
    return [
        JournalRow(
            posted_on=india_date(row.occurred_at),
            reference=row.reference,
            account=row.account,
            debit_paise=max(row.amount_paise, 0),
            credit_paise=max(-row.amount_paise, 0),
            narration=" ".join(part for part in (row.kind.replace("_", " "), row.document_number) if part),
        )
        for row in booked
    ]
