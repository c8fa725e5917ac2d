"""One registration's month, read from the book of record."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from db import filing_reads
from db.filing_reads import AtPortal, Credited, Days, Taken
from db.session import Database
from documents.figures import Figures
from documents.gstr1 import Filing, PortalSettings, Series, adjustments_of
from documents.gstr1.filing import Period
from documents.reconciliation import Posted
from documents.registers import JournalRow
from domain.document import Registration, TaxDocument
from domain.e_invoice import EInvoiceStatus
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
_GST_BEGAN, _LAST_YEAR = 2017, 2099
_COMPARED = [*_FIGURES, Account.ROUND_OFF, Account.WALLET, Account.OUTPUT_TAX_ON_ADVANCES]


@dataclass(frozen=True)
class Month:
    """What a GSTIN issued in a month, and what the ledger holds for each of its documents."""

    filing: Filing
    ledger: Mapping[str, Posted]
    last_day: date
    at_portal: Mapping[str, AtPortal] | None = None
    """By document id; None where e-invoicing is off (gst.md 1.10)."""

    @property
    def registrations(self) -> Mapping[str, Registration] | None:
        """IRNs in force by document id; None where e-invoicing is off."""
        if self.at_portal is None:
            return None
        return {
            document_id: each.registration
            for document_id, each in self.at_portal.items()
            if each.registration and each.status is EInvoiceStatus.REGISTERED
        }


def days_of(period: str) -> Days:
    """The days of `2026-10`. Raises InvalidInput."""
    text = Period(period).text
    first = date.fromisoformat(f"{text}-01")
    return Days(first, add_months(first, 1) - timedelta(days=1))


async def read_month(
    database: Database,
    gstin: str,
    period: str,
    settings: PortalSettings | None = None,
    *,
    e_invoicing: bool = False,
) -> Month:
    """The month as of one moment. `e_invoicing`: the seller is above the limit, as far as settings know.

    Raises InvalidInput for a bad GSTIN or period, NotFound for a GSTIN that nothing was ever issued from.
    """
    settings = settings or PortalSettings()
    gstin, days = parse_gstin(gstin, sandbox=settings.sandbox), days_of(period)
    async with filing_reads.snapshot(database) as session:
        known = await filing_reads.issuing_gstins(session)
        if gstin not in known:
            issuing = f"it has documents of {', '.join(known)}" if known else "it has no documents yet"
            raise NotFound(f"nothing was ever issued from GSTIN {gstin} in this database; {issuing}.")
        documents = tuple(await filing_reads.documents_issued(session, gstin, days))
        taken = await filing_reads.numbers_taken(session, gstin, days)
        credited = await filing_reads.credited(session, gstin, days, _COMPARED)
        found = await filing_reads.at_portal(session, gstin, days)
    at_portal = {} if found is None and e_invoicing else found
    void = {key for key, each in (at_portal or {}).items() if each.status is EInvoiceStatus.CANCELLED}
    cancelled = tuple(document for document in documents if document.id in void)
    in_force = tuple(document for document in documents if document.id not in void)
    filing = Filing(
        gstin,
        period,
        in_force,
        tuple(_series(run, cancelled) for run in taken),
        adjustments=adjustments_of(in_force),
        settings=settings,
        cancelled=cancelled,
    )
    return Month(filing, posted(credited), days.last, at_portal)


def _series(run: Taken, cancelled: tuple[TaxDocument, ...]) -> Series:
    """The run as Table 13 has it: a cancelled document's number stays taken and is not issued."""
    series = Series(run.kind, run.first, run.last)
    taken = set(series.numbers()) if cancelled else set()
    numbers = tuple(each.number for each in cancelled if each.kind is run.kind and each.number in taken)
    return replace(series, cancelled=numbers)


def posted(rows: list[Credited]) -> dict[str, Posted]:
    """What was credited, by document id; what belongs to no document stands under ""."""
    found: dict[str, Posted] = {}
    for row in rows:
        before = found.get(row.document_id, Posted(Figures()))
        account = Account(row.account)
        if account is Account.ROUND_OFF:
            after = replace(before, round_off_paise=before.round_off_paise + row.amount_paise)
        elif account is Account.WALLET:
            after = replace(before, held_paise=before.held_paise + row.amount_paise)
        elif account is Account.OUTPUT_TAX_ON_ADVANCES:
            taxed = before.tax_on_advances_paise + row.amount_paise
            after = replace(before, tax_on_advances_paise=taxed)
        else:
            after = replace(before, figures=before.figures + _FIGURES[account].times(row.amount_paise))
        found[row.document_id] = after
    return found


async def read_journal(database: Database, days: Days) -> list[JournalRow]:
    """Every posting of the days, in order. Raises InvalidInput where they end before they begin."""
    if not _GST_BEGAN <= days.first.year <= _LAST_YEAR or not _GST_BEGAN <= days.last.year <= _LAST_YEAR:
        raise InvalidInput("from", f"{days.first} to {days.last}: give days from {_GST_BEGAN} on.")
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
