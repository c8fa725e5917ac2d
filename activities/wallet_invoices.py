"""The month's invoice of what a customer drew from the wallet, paid from advances."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities import advances
from activities.issuer import Issuer
from activities.settlement import business_id
from db import customers, issuing, models, wallet
from db.advances import open_advances
from db.issuing import Belongs
from db.session import Database
from domain.document import AdvanceUse, DocumentKind, TaxDocument
from domain.errors import InvalidInput, Misconfigured, Refused, Unavailable
from domain.ledger import advance_used
from domain.periods import Period, month_period
from domain.plans import DEFAULT_SAC
from domain.pricing import inclusive, supply_of_paid
from domain.rates import SupplyDates, rate_of_supply
from domain.supply import SupplyNature
from domain.wallet import Advance, use_advances
from workflows.wallet_ports import DrawsInvoiced, InvoiceDraws


@dataclass(frozen=True)
class _Bill:
    """What one registration invoices: an advance is adjusted by the registration that received it."""

    gstin: str
    uses: tuple[AdvanceUse, ...]

    @property
    def total_paise(self) -> int:
        return sum(use.amount.total_paise for use in self.uses)


class WalletInvoices:
    """Implements `invoice_draws`."""

    def __init__(self, database: Database, issuer: Issuer, sinks: Sequence[str]) -> None:
        self._database = database
        self._issuer = issuer
        self._sinks = sinks

    @activity.defn(name="invoice_draws")
    async def invoice_draws(self, request: InvoiceDraws) -> DrawsInvoiced:
        """The wallet is locked meanwhile; draws that an invoice has are not billed again.

        One invoice, or one per registration whose advances pay. Raises Unavailable as long as none can be
        written.
        """
        try:
            async with self._database.transaction() as session:
                customer = await wallet.lock_one(session, request.customer_id)
                draws = await _open_draws(session, request)
                if not draws:
                    return DrawsInvoiced()
                total = sum(draw.amount_paise for draw in draws)
                bills = _bills(await open_advances(session, customer.id), total)
                made = [await self._issue(session, request, customer, bill) for bill in bills]
                # Marked once the invoices are there to point at. A draw that two of them pay has the last.
                await _mark(session, draws, bills, [invoice.id for invoice in made])
                return DrawsInvoiced(tuple(invoice.id for invoice in made))
        except (InvalidInput, Misconfigured, Refused) as error:
            what = f"what {request.customer_id} drew in {request.month}"
            raise Unavailable(f"{what} cannot be invoiced yet: {error}") from error

    async def _issue(
        self, session: AsyncSession, request: InvoiceDraws, customer: models.Customer, bill: _Bill
    ) -> TaxDocument:
        period = month_period(request.month)
        invoice = await self._invoice(session, request, customer, bill, period)
        session.add_all(
            models.AdvanceUse(
                voucher_id=use.voucher_id, invoice_id=invoice.id, amount_paise=use.amount.total_paise
            )
            for use in bill.uses
        )
        advance_tax = sum(use.amount.tax_paise for use in bill.uses)
        postings = advance_used(invoice.amount, advance_tax)
        await advances.book(session, invoice, customer.id, postings, request.at)
        await advances.announce(session, self._sinks, invoice, customer.id, None, request.at)
        return invoice

    async def _invoice(
        self,
        session: AsyncSession,
        request: InvoiceDraws,
        customer: models.Customer,
        bill: _Bill,
        period: Period,
    ) -> TaxDocument:
        """Place and rate as of the month's last day, by which the service was rendered and paid."""
        registration = self._issuer.registrations.of_gstin(bill.gstin)
        recipient = customers.recipient_of(customer)
        day = period.last_day
        supply = supply_of_paid(registration, recipient, day, self._issuer.rules)
        taxed = supply.nature is not SupplyNature.NOT_TAXED
        kind = DocumentKind.TAX_INVOICE if taxed else DocumentKind.BILL_OF_SUPPLY

        def write(number: str, issued_on: date) -> TaxDocument:
            dates = SupplyDates(day, issued_on, day)
            made = inclusive(
                f"Usage beyond the plan, {day:%B %Y}", DEFAULT_SAC, supply, dates, bill.total_paise
            )
            return TaxDocument(
                id=business_id("inv", f"{request.key}/{bill.gstin}"),
                kind=kind,
                number=number,
                issued_on=issued_on,
                seller=registration.seller_for(supply, day),
                buyer=customers.buyer_of(customer, recipient),
                supply=supply,
                lines=made.lines,
                amount=made.amount,
                period_first_day=period.first_day,
                period_last_day=day,
                supplied_on=rate_of_supply(DEFAULT_SAC, dates)[1],
                adjusts=bill.uses,
            )

        series = self._issuer.series(bill.gstin, kind)
        return await issuing.issue(session, series, Belongs(customer.id, period=period), request.at, write)


async def _open_draws(session: AsyncSession, request: InvoiceDraws) -> list[models.WalletDraw]:
    row = models.WalletDraw
    query = select(row).where(
        row.customer_id == request.customer_id, row.month == request.month, row.document_id.is_(None)
    )
    return list(await session.scalars(query.order_by(row.drawn_at, row.id).with_for_update()))


def _bills(open_now: Sequence[Advance], total_paise: int) -> list[_Bill]:
    """The sum, by who received what pays it; in the order of the advances."""
    sellers = {advance.voucher.id: advance.voucher.seller.gstin for advance in open_now}
    by_seller: dict[str, list[AdvanceUse]] = {}
    for use in use_advances(open_now, total_paise):
        by_seller.setdefault(sellers[use.voucher_id], []).append(use)
    return [_Bill(gstin, tuple(uses)) for gstin, uses in by_seller.items()]


async def _mark(
    session: AsyncSession,
    draws: Sequence[models.WalletDraw],
    bills: Sequence[_Bill],
    invoice_ids: Sequence[str],
) -> None:
    row = models.WalletDraw
    position, reaches, drawn = 0, bills[0].total_paise, 0
    for draw in draws:
        drawn += draw.amount_paise
        while drawn > reaches:
            position += 1
            reaches += bills[position].total_paise
        await session.execute(update(row).where(row.id == draw.id).values(document_id=invoice_ids[position]))
