"""Rendering issued invoices and putting them where they can be downloaded."""

import asyncio
import hashlib
from collections.abc import Sequence

from sqlalchemy.dialects.postgresql import insert
from temporalio import activity

from activities.settlement import INVOICES
from db import models, outbox
from db.session import Database
from documents.invoice_pdf import render_invoice
from domain.events import EventType, interested
from gateways.storage import ObjectStore
from workflows.ports import RenderDocument, Rendered


class Documents:
    """Implements `render_document`."""

    def __init__(self, database: Database, store: ObjectStore, sinks: Sequence[str]) -> None:
        self._database = database
        self._store = store
        self._sinks = sinks

    @activity.defn(name="render_document")
    async def render_document(self, request: RenderDocument) -> Rendered:
        """Stored under its own hash, so that rendering again changes nothing."""
        async with self._database.reading() as session:
            row = await session.get_one(models.Invoice, request.invoice_id)
        # Off the event loop: drawing is CPU work and other activities are waiting.
        pdf = await asyncio.to_thread(render_invoice, INVOICES.validate_python(row.document))
        sha256 = hashlib.sha256(pdf).hexdigest()
        key = f"invoices/{row.financial_year}/{sha256}.pdf"
        await self._store.put(key, pdf, "application/pdf")
        async with self._database.transaction() as session:
            await session.execute(
                insert(models.InvoiceDocument)
                .values(
                    invoice_id=row.id,
                    object_key=key,
                    sha256=sha256,
                    size_bytes=len(pdf),
                    rendered_at=request.at,
                )
                .on_conflict_do_nothing()
            )
            await outbox.append(
                session,
                key=f"{EventType.INVOICE_DOCUMENT_READY}/{row.id}",
                type=EventType.INVOICE_DOCUMENT_READY,
                customer_id=row.customer_id,
                subscription_id=row.subscription_id,
                occurred_at=request.at,
                data={
                    "invoice_id": row.id,
                    "invoice_number": row.number,
                    "amount_paise": row.total_paise,
                    "subscription_id": row.subscription_id,
                },
                sinks=interested(EventType.INVOICE_DOCUMENT_READY, self._sinks),
            )
        return Rendered(key, sha256)
