"""Operators find, read and download issued documents of any customer."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api import document_views
from api.dependencies import CurrentOperator, DocumentId, PageSize, Parts, Services
from api.invoices import download
from api.logs import logger
from api.problems import documented
from api.schemas import Answer, DocumentDetail, DocumentOut
from db import api_reads, refund_reads
from db.api_reads import Issued
from domain.document import DocumentKind
from domain.errors import NotFound

router = APIRouter(tags=["operators"])
_READS = documented(401, 403, 404)


class AdminDocument(DocumentOut):
    """A document with whose it is."""

    user_id: str


class AdminDocumentList(Answer):
    """Newest first."""

    data: list[AdminDocument]


@router.get("/admin/documents", operation_id="find_documents", responses=documented(401, 403))
async def find_documents(
    services: Parts,
    _: CurrentOperator,
    limit: PageSize = 50,
    number: Annotated[str | None, Query(max_length=16, pattern="^[A-Za-z0-9/-]+$")] = None,
    user_id: Annotated[str | None, Query(max_length=255, pattern="^[^\x00-\x1f\x7f]+$")] = None,
    kind: Annotated[DocumentKind | None, Query()] = None,
    original_id: Annotated[str | None, Query(max_length=64, pattern="^[a-z0-9_]+$")] = None,
    subscription_id: Annotated[str | None, Query(max_length=64, pattern="^[A-Za-z0-9_]+$")] = None,
) -> AdminDocumentList:
    """Documents of all customers by any of these; `original_id` finds the notes against an invoice."""
    async with services.database.reading() as session:
        rows = await refund_reads.find_documents(
            session,
            limit=limit,
            number=number,
            user_id=user_id,
            kind=kind.value if kind else None,
            original_id=original_id,
            subscription_id=subscription_id,
        )
    return AdminDocumentList(
        data=[
            AdminDocument(**document_views.document_out(row).model_dump(), user_id=owner)
            for row, owner in rows
        ]
    )


@router.get("/admin/documents/{document_id}", operation_id="inspect_document", responses=_READS)
async def inspect_document(services: Parts, _: CurrentOperator, document_id: DocumentId) -> DocumentDetail:
    """One document of any customer as issued."""
    return document_views.document_detail(await issued_row(services, document_id))


@router.get(
    "/admin/documents/{document_id}/download",
    operation_id="download_any_document",
    status_code=302,
    response_class=Response,
    responses={302: {"description": "The PDF is at Location."}, **documented(401, 403, 404, 409)},
)
async def download_any_document(
    services: Parts, operator: CurrentOperator, document_id: DocumentId
) -> Response:
    """Redirects to the PDF, which holds personal data: looking is logged."""
    logger.info("document downloaded", operator=operator.subject, document_id=document_id)
    return await download(services, await issued_row(services, document_id))


async def issued_row(services: Services, document_id: str) -> Issued:
    """A document with its PDF. Raises NotFound."""
    async with services.database.reading() as session:
        row = await api_reads.document(session, document_id)
    if row is None:
        raise NotFound(f"There is no document {document_id}.")
    return row
