"""Proformas: an offer in the form of an invoice. No ledger, no tax series and no return knows of it."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.issuer import Issuer
from db import customers, issuing, models, outbox
from db.issuing import Belongs, facts
from db.restoring import price_of
from db.session import Database
from domain.document import DocumentKind, TaxDocument
from domain.errors import InvalidInput, Refused
from domain.events import EventType, interested
from domain.periods import india_date
from domain.pricing import priced, supply_for
from domain.rates import SupplyDates
from workflows.ports import IssueProforma, ProformaIssued


class Proformas:
    """Implements `issue_proforma`."""

    def __init__(self, database: Database, issuer: Issuer, sinks: Sequence[str]) -> None:
        self._database = database
        self._issuer = issuer
        self._sinks = sinks

    @activity.defn(name="issue_proforma")
    async def issue_proforma(self, request: IssueProforma) -> ProformaIssued:
        """Priced as a subscription that begins on the day, and numbered in its own series; once."""
        try:
            async with self._database.transaction() as session:
                if await session.get(models.Document, request.document_id) is None:
                    proforma = await self._issue(session, request)
                    await self._announce(session, request.customer_id, proforma, request.at)
        except InvalidInput as error:
            return ProformaIssued(str(error), field=error.field)
        except Refused as error:
            return ProformaIssued(str(error), state=error.state, allowed=error.allowed)
        return ProformaIssued()

    async def _issue(self, session: AsyncSession, request: IssueProforma) -> TaxDocument:
        customer = await session.get_one(models.Customer, request.customer_id)
        row = await session.get_one(models.Price, request.price_id)
        plan = await session.get_one(models.Plan, row.plan_id)
        price, rules = price_of(row), self._issuer.rules
        registration = self._issuer.registrations.chosen(
            customer_key=customer.seller_key or "", plan_key=plan.seller_key or ""
        )
        recipient = customers.recipient_of(customer)
        day = india_date(request.at)
        supply = supply_for(registration, recipient, day, rules)
        description = f"{plan.name} subscription, {price.interval}"
        cost = priced(price, description, supply, SupplyDates(day, day, day), rules)

        def write(number: str, issued_on: date) -> TaxDocument:
            return TaxDocument(
                id=request.document_id,
                kind=DocumentKind.PROFORMA,
                number=number,
                issued_on=issued_on,
                seller=registration.seller_for(supply, day),
                buyer=customers.buyer_of(customer, recipient),
                supply=supply,
                lines=cost.lines,
                amount=cost.amount,
                currency=price.currency,
            )

        series = self._issuer.series(registration.seller.gstin, DocumentKind.PROFORMA)
        return await issuing.issue(session, series, Belongs(customer.id), request.at, write)

    async def _announce(
        self, session: AsyncSession, customer_id: str, proforma: TaxDocument, at: datetime
    ) -> None:
        event = EventType.PROFORMA_ISSUED
        await outbox.append(
            session,
            key=f"{event}/{proforma.id}",
            type=event,
            customer_id=customer_id,
            subscription_id=None,
            occurred_at=at,
            data=dict(facts(proforma)),
            sinks=interested(event, self._sinks),
        )
