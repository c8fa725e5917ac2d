"""Customers' tax invoices."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response

from api import views
from api.auth import CustomerIdentity
from api.dependencies import CurrentCustomer, InvoiceId, PageSize, Parts, Services
from api.pages import cursor_after, read_cursor
from api.problems import RequestRejected, documented
from api.schemas import InvoiceDetail, InvoicePage
from db import api_reads
from db.api_reads import IssuedInvoice
from domain.errors import NotFound

router = APIRouter(tags=["invoices"])
Cursor = Annotated[
    str | None, Query(pattern="^[A-Za-z0-9_-]{1,200}$", description="`next_cursor` of before.")
]


@router.get("/v1/invoices", operation_id="list_invoices", responses=documented(401))
async def list_invoices(
    services: Parts, customer: CurrentCustomer, cursor: Cursor = None, limit: PageSize = 20
) -> InvoicePage:
    """The customer's invoices, newest first."""
    after = read_cursor(cursor) if cursor is not None else None
    async with services.database.reading() as session:
        rows = await api_reads.invoices_of(session, customer.user_id, limit=limit + 1, after=after)
    shown = rows[:limit]
    more = len(rows) > limit
    last = shown[-1].invoice if shown else None
    return InvoicePage(
        data=[views.invoice_out(row) for row in shown],
        next_cursor=cursor_after(last.issued_at, last.id) if more and last else None,
    )


@router.get("/v1/invoices/{invoice_id}", operation_id="get_invoice", responses=documented(401, 404))
async def get_invoice(services: Parts, customer: CurrentCustomer, invoice_id: InvoiceId) -> InvoiceDetail:
    """One invoice as issued."""
    return views.invoice_detail(await _mine(services, customer, invoice_id))


@router.get(
    "/v1/invoices/{invoice_id}/download",
    operation_id="download_invoice",
    status_code=302,
    response_class=Response,
    responses={
        302: {
            "description": "The PDF is at Location, which works for a few minutes and needs no token.",
            "headers": {"Location": {"description": "Signed link.", "schema": {"type": "string"}}},
        },
        **documented(401, 404, 409),
    },
)
async def download_invoice(services: Parts, customer: CurrentCustomer, invoice_id: InvoiceId) -> Response:
    """Redirects to the PDF. 409 with Retry-After for the moment between issue and rendering."""
    row = await _mine(services, customer, invoice_id)
    if row.document is None:
        raise RequestRejected(
            409, "not_ready", "The PDF is being made; ask again in a few seconds.", retry_after=3
        )
    link = await services.store.signed_url(
        row.document.object_key,
        filename=f"{row.invoice.number}.pdf",
        expires=timedelta(seconds=services.settings.storage_link_seconds),
        now=services.clock(),
    )
    return Response(status_code=302, headers={"Location": link})


async def _mine(services: Services, customer: CustomerIdentity, invoice_id: str) -> IssuedInvoice:
    """Raises NotFound, for another customer's too."""
    async with services.database.reading() as session:
        row = await api_reads.invoice(session, invoice_id, user_id=customer.user_id)
    if row is None:
        raise NotFound(f"There is no invoice {invoice_id}.")
    return row
