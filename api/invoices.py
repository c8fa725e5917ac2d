"""Customers' documents: tax invoices, and everything else that was issued to them."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response

from api import document_views as shown
from api.auth import CustomerIdentity
from api.dependencies import CurrentCustomer, DocumentId, InvoiceId, PageSize, Parts, Services
from api.pages import cursor_after, read_cursor
from api.problems import RequestRejected, documented
from api.schemas import BalanceOut, DocumentDetail, DocumentPage, InvoiceDetail, InvoicePage
from db import api_reads, wallet
from db.api_reads import Issued
from domain.document import DocumentKind
from domain.errors import NotFound

router = APIRouter(tags=["invoices"])
Cursor = Annotated[
    str | None, Query(pattern="^[A-Za-z0-9_-]{1,200}$", description="`next_cursor` of before.")
]
_LINK = {
    302: {
        "description": "The PDF is at Location, which works for a few minutes and needs no token.",
        "headers": {"Location": {"description": "Signed link.", "schema": {"type": "string"}}},
    },
    **documented(401, 404, 409),
}


@router.get("/v1/invoices", operation_id="list_invoices", responses=documented(401))
async def list_invoices(
    services: Parts, customer: CurrentCustomer, cursor: Cursor = None, limit: PageSize = 20
) -> InvoicePage:
    """The customer's invoices, newest first."""
    rows, next_cursor = await _page(services, customer, shown.SALES, cursor, limit)
    async with services.database.reading() as session:
        credited = await api_reads.given_back_paise(session, [row.document.id for row in rows])
    return InvoicePage(
        data=[shown.invoice_out(row, credited.get(row.document.id, 0)) for row in rows],
        next_cursor=next_cursor,
    )


@router.get("/v1/invoices/{invoice_id}", operation_id="get_invoice", responses=documented(401, 404))
async def get_invoice(services: Parts, customer: CurrentCustomer, invoice_id: InvoiceId) -> InvoiceDetail:
    """One invoice as issued."""
    row = await _mine(services, customer, invoice_id)
    async with services.database.reading() as session:
        credited = await api_reads.given_back_paise(session, [invoice_id])
    return shown.invoice_detail(row, credited.get(invoice_id, 0))


@router.get(
    "/v1/invoices/{invoice_id}/download",
    operation_id="download_invoice",
    status_code=302,
    response_class=Response,
    responses=_LINK,
)
async def download_invoice(services: Parts, customer: CurrentCustomer, invoice_id: InvoiceId) -> Response:
    """Redirects to the PDF. 409 with Retry-After for the moment between issue and rendering."""
    return await download(services, await _mine(services, customer, invoice_id))


@router.get("/v1/documents", operation_id="list_documents", responses=documented(401))
async def list_documents(
    services: Parts,
    customer: CurrentCustomer,
    cursor: Cursor = None,
    limit: PageSize = 20,
    kind: Annotated[list[DocumentKind] | None, Query(description="All kinds without it.")] = None,
) -> DocumentPage:
    """Invoices, credit notes, vouchers and proformas of the customer, newest first."""
    rows, next_cursor = await _page(services, customer, tuple(kind or DocumentKind), cursor, limit)
    return DocumentPage(data=[shown.document_out(row) for row in rows], next_cursor=next_cursor)


@router.get("/v1/documents/{document_id}", operation_id="get_document", responses=documented(401, 404))
async def get_document(services: Parts, customer: CurrentCustomer, document_id: DocumentId) -> DocumentDetail:
    """One document as issued."""
    return shown.document_detail(await _mine(services, customer, document_id))


@router.get(
    "/v1/documents/{document_id}/download",
    operation_id="download_document",
    status_code=302,
    response_class=Response,
    responses=_LINK,
)
async def download_document(services: Parts, customer: CurrentCustomer, document_id: DocumentId) -> Response:
    """Redirects to the PDF. 409 with Retry-After for the moment between issue and rendering."""
    return await download(services, await _mine(services, customer, document_id))


@router.get("/v1/balance", operation_id="get_balance", responses=documented(401))
async def get_balance(services: Parts, customer: CurrentCustomer) -> BalanceOut:
    """What the customer has with us: credit notes not paid out, and advances."""
    async with services.database.reading() as session:
        owed = await api_reads.owed_to(session, customer.user_id)
        row = await api_reads.customer_of(session, customer.user_id)
        in_wallet = await wallet.available(session, [row.id]) if row else {}
    return BalanceOut(owed_paise=owed, advances_paise=sum(in_wallet.values()))


async def download(services: Services, row: Issued) -> Response:
    """The redirect. Raises RequestRejected while the PDF is being made."""
    if row.rendition is None:
        raise RequestRejected(
            409, "not_ready", "The PDF is being made; ask again in a few seconds.", retry_after=3
        )
    link = await services.store.signed_url(
        row.rendition.object_key,
        filename=f"{row.document.number}.pdf",
        expires=timedelta(seconds=services.settings.storage_link_seconds),
        now=services.clock(),
    )
    return Response(status_code=302, headers={"Location": link})


async def _page(
    services: Services,
    customer: CustomerIdentity,
    kinds: tuple[DocumentKind, ...],
    cursor: str | None,
    limit: int,
) -> tuple[list[Issued], str | None]:
    after = read_cursor(cursor) if cursor is not None else None
    async with services.database.reading() as session:
        rows = await api_reads.documents_of(
            session, customer.user_id, kinds=kinds, limit=limit + 1, after=after
        )
    page = rows[:limit]
    if len(rows) <= limit:
        return page, None
    last = page[-1].document
    return page, cursor_after(last.issued_at, last.id)


async def _mine(services: Services, customer: CustomerIdentity, document_id: str) -> Issued:
    """Raises NotFound, for another customer's too."""
    async with services.database.reading() as session:
        row = await api_reads.document(session, document_id, user_id=customer.user_id)
    if row is None:
        raise NotFound(f"There is no document {document_id}.")
    return row
