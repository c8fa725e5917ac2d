"""e-invoices for operators: where a document stands with the portal, and taking a registration back."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from api import temporal
from api.dependencies import CurrentOperator, DocumentId, Parts, Services
from api.logs import logger
from api.problems import documented
from db import e_invoices
from db.models import IrpRegistration
from domain.e_invoice import LONGEST_REMARK, CancelReason, EInvoiceStatus
from domain.errors import NotFound, Refused
from workflows.e_invoice import CancelRequest

router = APIRouter(tags=["operators"])
_PROBLEMS = documented(401, 403, 404)


class Reason(StrEnum):
    """The portal knows four."""

    DUPLICATE = "duplicate"
    DATA_ENTRY_MISTAKE = "data_entry_mistake"
    ORDER_CANCELLED = "order_cancelled"
    OTHER = "other"


class CancelIn(BaseModel):
    """Why; the portal keeps both."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason
    remark: Annotated[str, Field(min_length=1, max_length=LONGEST_REMARK, pattern=r'^[^"\\\x00-\x1f\x7f]+$')]


class EInvoiceOut(BaseModel):
    """Where a document stands."""

    document_id: str
    status: EInvoiceStatus
    irn: str | None
    acknowledgement_number: str | None
    acknowledged_at: str | None = Field(description="As the portal answered it, Indian time.")
    registered_at: datetime | None
    refusal: str | None = Field(description="Why it is not registered, with what to do.")
    attempts: int
    cancelled_at: datetime | None
    cancel_reason: str | None


class CancelPending(BaseModel):
    """Taken, not finished."""

    document_id: str
    ask: str


_ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {"model": CancelPending, "description": "Taken, not finished: ask at Location."}
}


@router.get("/admin/documents/{document_id}/e-invoice", operation_id="get_e_invoice", responses=_PROBLEMS)
async def get_e_invoice(services: Parts, _: CurrentOperator, document_id: DocumentId) -> EInvoiceOut:
    """404 for a document that is not to be registered."""
    return _shown(await _standing(services, document_id))


@router.post(
    "/admin/documents/{document_id}/e-invoice/cancel",
    operation_id="cancel_e_invoice",
    response_model=EInvoiceOut,
    responses={**_ACCEPTED, **documented(401, 403, 404, 409)},
)
async def cancel_e_invoice(
    services: Parts, operator: CurrentOperator, document_id: DocumentId, given: CancelIn
) -> Response:
    """Within 24 hours of the acknowledgement; later only a credit note helps. Repeating it is harmless."""
    row = await _standing(services, document_id)
    logger.info("e-invoice cancellation", operator=operator.subject, document_id=document_id)
    if row.status != EInvoiceStatus.CANCELLED:
        reason = CancelReason[given.reason.name]
        request = CancelRequest(reason, given.remark, f"operator:{operator.subject}")
        try:
            await temporal.cancel_e_invoice(services.temporal, document_id, request)
        except temporal.StillWorking:
            return _accepted(document_id)
        except temporal.WorkflowOver as over:
            raise _too_late(row) from over
    body = _shown(await _standing(services, document_id))
    return Response(body.model_dump_json(), media_type="application/json")


def _too_late(row: IrpRegistration) -> Refused:
    """Nobody waits for a cancellation any more, or there is nothing to cancel."""
    message = f"The e-invoice is {row.status}; only a registered one is cancelled."
    if row.status == EInvoiceStatus.REGISTERED:
        message = (
            "The 24 hours are over, or the reply was carried by hand: then cancel it where it was registered."
            " Otherwise issue a credit note."
        )
    return Refused(message, state=row.status, allowed=())


def _accepted(document_id: str) -> Response:
    pending = CancelPending(document_id=document_id, ask=f"/admin/documents/{document_id}/e-invoice")
    headers = {"Location": pending.ask, "Retry-After": "2"}
    return Response(pending.model_dump_json(), 202, headers, "application/json")


async def _standing(services: Services, document_id: str) -> IrpRegistration:
    async with services.database.reading() as session:
        row = await e_invoices.standing(session, document_id)
    if row is None:
        raise NotFound(f"There is no document {document_id} that is to be registered as an e-invoice.")
    return row


def _shown(row: IrpRegistration) -> EInvoiceOut:
    return EInvoiceOut.model_validate(row, from_attributes=True)
