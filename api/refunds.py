"""Operators give back: refunds, credit notes without one, and money set aside that is kept or returned."""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from api import document_views, temporal
from api.admin_documents import issued_row
from api.auth import Operator
from api.dependencies import (
    CurrentOperator,
    IdempotencyKey,
    InvoiceId,
    PageSize,
    Parts,
    Services,
)
from api.idempotency import Made, Repeatable
from api.logs import logger
from api.problems import documented
from api.schemas import Answer, DocumentDetail, Paise, Request, one_line
from db import refund_reads
from db.models import Document, Payment, Refund
from domain.errors import NotFound, Refused
from domain.refund import RefundOrigin, RefundSpeed, RefundStatus, Settlement
from workflows import ports
from workflows.issuing import CREDIT_NOTE_WORKFLOW, KEEP_PAYMENT_WORKFLOW
from workflows.ports import IssueCreditNote, KeepPayment, NoteIssued, ReserveRefund
from workflows.refund import StartRefund

router = APIRouter(tags=["operators"])
PaymentId = Annotated[str, Path(pattern="^pmt_[0-9a-f]{32}$", examples=["pmt_" + "0" * 32])]
RefundId = Annotated[str, Path(pattern="^rfd_[0-9a-f]{32}$", examples=["rfd_" + "0" * 32])]
Reason = Annotated[str, one_line(200), Field(min_length=3, examples=["service was down for a week"])]
Amount = Annotated[
    int | None,
    Field(default=None, gt=0, le=10**13, description="Paise, tax inside; all that is left without it."),
]
_WRITES = documented(401, 403, 404, 409)
_READS = documented(401, 403, 404)


class RefundIn(Request):
    """What is to go back, and why."""

    amount_paise: Amount = None
    reason: Reason
    speed: RefundSpeed = RefundSpeed.NORMAL


class CreditNoteIn(Request):
    """What is credited without a refund, and why."""

    amount_paise: Amount = None
    reason: Reason
    settlement: Settlement = Field(
        default=Settlement.BALANCE,
        description="`balance`: owed to the customer, and paid out first by a refund of the invoice. "
        "`outside`: given back by other means. `suspense`: for a refund past us that has no note yet.",
    )


class KeepIn(Request):
    """Why money that was set aside is kept as the customer's advance."""

    reason: Reason


class RefundOut(Answer):
    """A refund, as far as it has got."""

    id: str
    status: RefundStatus = Field(
        description="`requested`: not confirmed by the gateway yet. `failed`: the money is still with us."
    )
    payment_id: str
    document_id: str | None
    subscription_id: str | None
    amount_paise: Paise
    currency: str
    speed: RefundSpeed
    speed_processed: str | None
    origin: RefundOrigin
    reason: str
    actor: str
    failure: str | None
    note_id: str | None = Field(description="The credit note or refund voucher, once the money has gone.")
    gateway: str
    gateway_refund_id: str | None
    requested_at: datetime
    settled_at: datetime | None
    temporal_workflow_id: str


class RefundPending(Answer):
    """Taken; the gateway has not confirmed it yet."""

    id: str
    status: RefundStatus
    ask: str = Field(description="Where it can be seen.")


class DocumentPending(Answer):
    """Taken, not finished."""

    id: str
    ask: str = Field(description="Where it can be seen.")


class RefundList(Answer):
    """Newest first."""

    data: list[RefundOut]


_ISSUED: dict[int | str, dict[str, Any]] = {
    202: {"model": DocumentPending, "description": "Taken, not finished: ask there."},
    **_WRITES,
}
_REFUNDED: dict[int | str, dict[str, Any]] = {
    202: {"model": RefundPending, "description": "Taken; the gateway has not confirmed it yet."},
    **_WRITES,
}


@router.post(
    "/admin/invoices/{invoice_id}/refund",
    operation_id="refund_invoice",
    status_code=201,
    response_model=RefundOut,
    responses=_REFUNDED,
)
async def refund_invoice(
    services: Parts,
    operator: CurrentOperator,
    invoice_id: InvoiceId,
    given: RefundIn,
    key: IdempotencyKey = None,
) -> Response:
    """Send money of an invoice back the way it came; the credit note follows when it has gone."""
    invoice = await _document(services, invoice_id)
    if invoice.payment_id is None:
        raise NotFound(f"No payment belongs to {invoice_id}.")
    wish = _Wish(invoice.payment_id, invoice.id, given)
    return await _refund(services, operator, f"POST /admin/invoices/{invoice_id}/refund", wish, key)


@router.post(
    "/admin/payments/{payment_id}/refund",
    operation_id="refund_payment",
    status_code=201,
    response_model=RefundOut,
    responses=_REFUNDED,
)
async def refund_payment(
    services: Parts,
    operator: CurrentOperator,
    payment_id: PaymentId,
    given: RefundIn,
    key: IdempotencyKey = None,
) -> Response:
    """Send back money that was set aside or kept as an advance; invoiced money goes by its invoice."""
    payment = await _payment(services, payment_id)
    if payment.status == "captured":
        raise Refused(
            "This payment has an invoice: refund that, so that the credit note is against it.",
            state=payment.status,
            allowed=("POST /admin/invoices/{invoice_id}/refund",),
        )
    wish = _Wish(payment.id, None, given)
    return await _refund(services, operator, f"POST /admin/payments/{payment_id}/refund", wish, key)


@router.post(
    "/admin/payments/{payment_id}/keep",
    operation_id="keep_payment",
    status_code=201,
    response_model=DocumentDetail,
    responses=_ISSUED,
)
async def keep_payment(
    services: Parts,
    operator: CurrentOperator,
    payment_id: PaymentId,
    given: KeepIn,
    key: IdempotencyKey = None,
) -> Response:
    """Keep money that was set aside as the customer's advance, with a receipt voucher (rule 50)."""
    await _payment(services, payment_id)

    async def work(voucher_id: str) -> Made:
        request = KeepPayment(voucher_id, payment_id, given.reason, _actor(operator), services.now())
        return await _issued(services, KEEP_PAYMENT_WORKFLOW, request, voucher_id)

    route = f"POST /admin/payments/{payment_id}/keep"
    return await _once(services, operator, route, given, key, f"rcv_{uuid.uuid4().hex}", work)


@router.post(
    "/admin/invoices/{invoice_id}/credit-note",
    operation_id="credit_invoice",
    status_code=201,
    response_model=DocumentDetail,
    responses=_ISSUED,
)
async def credit_invoice(
    services: Parts,
    operator: CurrentOperator,
    invoice_id: InvoiceId,
    given: CreditNoteIn,
    key: IdempotencyKey = None,
) -> Response:
    """Credit an invoice without a refund: as goodwill, to the customer's balance, or settled elsewhere."""
    await _document(services, invoice_id)

    async def work(note_id: str) -> Made:
        request = IssueCreditNote(
            note_id,
            invoice_id,
            given.amount_paise,
            given.settlement,
            given.reason,
            _actor(operator),
            services.now(),
        )
        return await _issued(services, CREDIT_NOTE_WORKFLOW, request, note_id)

    route = f"POST /admin/invoices/{invoice_id}/credit-note"
    return await _once(services, operator, route, given, key, f"crn_{uuid.uuid4().hex}", work)


@router.get("/admin/refunds", operation_id="list_refunds", responses=documented(401, 403))
async def list_refunds(
    services: Parts,
    _: CurrentOperator,
    limit: PageSize = 50,
    status: Annotated[RefundStatus | None, Query()] = None,
    invoice_id: Annotated[str | None, Query(max_length=64, pattern="^[a-z0-9_]+$")] = None,
    payment_id: Annotated[str | None, Query(max_length=64, pattern="^[a-z0-9_]+$")] = None,
) -> RefundList:
    """Refunds of all customers, whoever made them."""
    async with services.database.reading() as session:
        rows = await refund_reads.refunds(
            session,
            limit=limit,
            status=status.value if status else None,
            document_id=invoice_id,
            payment_id=payment_id,
        )
    return RefundList(data=[_shown(row) for row in rows])


@router.get("/admin/refunds/{refund_id}", operation_id="get_refund", responses=_READS)
async def get_refund(services: Parts, _: CurrentOperator, refund_id: RefundId) -> RefundOut:
    """One refund."""
    return _shown(await _refund_row(services, refund_id))


@dataclass(frozen=True)
class _Wish:
    """Money of a payment, against a document if one explains it."""

    payment_id: str
    document_id: str | None
    given: RefundIn


async def _refund(
    services: Services, operator: Operator, route: str, wish: _Wish, key: str | None
) -> Response:
    given = wish.given

    async def work(refund_id: str) -> Made:
        reserve = ReserveRefund(
            refund_id,
            wish.payment_id,
            wish.document_id,
            given.amount_paise,
            given.speed,
            given.reason,
            _actor(operator),
            services.now(),
        )
        start = StartRefund(refund_id, wish=reserve, test_clock_offset=services.settings.test_clock_offset)
        try:
            reply = await temporal.ask_for_refund(services.temporal, start)
        except temporal.StillWorking:
            pending = RefundPending(
                id=refund_id, status=RefundStatus.REQUESTED, ask=f"/admin/refunds/{refund_id}"
            )
            return Made(202, pending.model_dump_json().encode(), final=False)
        if reply.standing is None:
            raise Refused(reply.refused, state=reply.state, allowed=reply.allowed)
        shown = _shown(await _refund_row(services, refund_id))
        if shown.status is RefundStatus.FAILED:
            raise Refused(
                f"The payment gateway refused the refund: {shown.failure}", state=shown.status, allowed=()
            )
        return Made(201, shown.model_dump_json().encode())

    return await _once(services, operator, route, given, key, f"rfd_{uuid.uuid4().hex}", work)


async def _issued(
    services: Services, workflow: str, request: IssueCreditNote | KeepPayment, document_id: str
) -> Made:
    try:
        issued = await temporal.carry_out(
            services.temporal,
            workflow,
            request,
            workflow_id=ports.credit_note_workflow_id(document_id),
            task_queue=ports.SUBSCRIPTIONS_QUEUE,
            answer=NoteIssued,
        )
    except temporal.StillWorking:
        pending = DocumentPending(id=document_id, ask=f"/admin/documents/{document_id}")
        return Made(202, pending.model_dump_json().encode(), final=False)
    if issued.refused:
        raise Refused(issued.refused, state=issued.state, allowed=issued.allowed)
    detail = document_views.document_detail(await issued_row(services, issued.document_id))
    return Made(201, detail.model_dump_json().encode())


async def _once(
    services: Services,
    operator: Operator,
    route: str,
    given: Request,
    key: str | None,
    resource_id: str,
    work: Callable[[str], Awaitable[Made]],
) -> Response:
    logger.info("money given back", operator=operator.subject, route=route)
    repeatable = Repeatable(services.database, _actor(operator), route, key, given, services.clock)
    made = await repeatable.once(resource_id, work)
    headers = {} if made.final else {"Retry-After": "2"}
    return Response(made.body, made.status, headers, "application/json")


def _actor(operator: Operator) -> str:
    return f"operator:{operator.subject}"


async def _document(services: Services, document_id: str) -> Document:
    async with services.database.reading() as session:
        row = await refund_reads.document(session, document_id)
    if row is None:
        raise NotFound(f"There is no document {document_id}.")
    return row


async def _payment(services: Services, payment_id: str) -> Payment:
    async with services.database.reading() as session:
        row = await refund_reads.payment(session, payment_id)
    if row is None:
        raise NotFound(f"There is no payment {payment_id}.")
    return row


async def _refund_row(services: Services, refund_id: str) -> Refund:
    async with services.database.reading() as session:
        row = await refund_reads.refund(session, refund_id)
    if row is None:
        raise NotFound(f"There is no refund {refund_id}.")
    return row


def _shown(row: Refund) -> RefundOut:
    return RefundOut(
        id=row.id,
        status=RefundStatus(row.status),
        payment_id=row.payment_id,
        document_id=row.document_id,
        subscription_id=row.subscription_id,
        amount_paise=row.amount_paise,
        currency=row.currency,
        speed=RefundSpeed(row.speed),
        speed_processed=row.speed_processed,
        origin=RefundOrigin(row.origin),
        reason=row.reason,
        actor=row.actor,
        failure=row.failure,
        note_id=row.note_id,
        gateway=row.gateway,
        gateway_refund_id=row.gateway_refund_id,
        requested_at=row.requested_at,
        settled_at=row.settled_at,
        temporal_workflow_id=ports.refund_workflow_id(row.id),
    )
