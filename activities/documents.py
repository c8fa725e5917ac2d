"""Rendering issued documents and putting them where they can be downloaded."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence

from sqlalchemy.dialects.postgresql import insert
from temporalio import activity

from db import e_invoices, models, outbox
from db.issuing import DOCUMENTS, facts
from db.renditions import rendition_id
from db.session import Database
from documents.tax_document_pdf import render
from domain.document import DocumentKind, Registration, TaxDocument
from domain.events import interested, ready_event
from gateways.storage import ObjectStore
from workflows.ports import RenderDocument, Rendered

_FOLDERS = {
    DocumentKind.TAX_INVOICE: "invoices",
    DocumentKind.BILL_OF_SUPPLY: "invoices",
    DocumentKind.CREDIT_NOTE: "credit-notes",
    DocumentKind.PROFORMA: "proformas",
    DocumentKind.RECEIPT_VOUCHER: "vouchers",
    DocumentKind.REFUND_VOUCHER: "vouchers",
}


class Documents:
    """Implements `render_document`."""

    def __init__(
        self, database: Database, store: ObjectStore, logos: Mapping[str, bytes], sinks: Sequence[str]
    ) -> None:
        """`logos`: pictures by their SHA-256, which is all that a document says of its seller's."""
        self._database = database
        self._store = store
        self._logos = logos
        self._sinks = sinks

    @activity.defn(name="render_document")
    async def render_document(self, request: RenderDocument) -> Rendered:
        """Stored under its own hash, so that rendering again changes nothing.

        One that has got its IRN since is announced again.
        """
        async with self._database.reading() as session:
            row = await session.get_one(models.Document, request.document_id)
            registration = await e_invoices.registration_of(session, request.document_id)
        document = DOCUMENTS.validate_python(row.document)
        # Off the event loop: drawing is CPU work and other activities are waiting.
        pdf = await asyncio.to_thread(self._draw, document, registration)
        sha256 = hashlib.sha256(pdf).hexdigest()
        rendition = rendition_id(row.id, registered=registration is not None)
        key = f"{_FOLDERS[document.kind]}/{row.financial_year}/{sha256}.pdf"
        await self._store.put(key, pdf, "application/pdf")
        async with self._database.transaction() as session:
            await session.execute(
                insert(models.Rendition)
                .values(
                    id=rendition,
                    document_id=row.id,
                    registered=registration is not None,
                    object_key=key,
                    sha256=sha256,
                    size_bytes=len(pdf),
                    rendered_at=request.at,
                )
                .on_conflict_do_nothing()
            )
            ready = ready_event(document.kind)
            await outbox.append(
                session,
                key=f"{ready}/{rendition}",
                type=ready,
                customer_id=row.customer_id,
                subscription_id=row.subscription_id,
                occurred_at=request.at,
                data={**facts(document), "subscription_id": row.subscription_id},
                sinks=interested(ready, self._sinks),
            )
        return Rendered(key, sha256)

    def _draw(self, document: TaxDocument, registration: Registration | None) -> bytes:
        return render(document, registration, logo=self._logos.get(document.seller.logo))
