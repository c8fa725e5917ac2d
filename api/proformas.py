"""Proforma invoices: what a plan would cost, on paper, before anything is subscribed to."""

import json
import uuid
from typing import Any

from fastapi import APIRouter, Response
from pydantic import Field

from api import temporal
from api.auth import CustomerIdentity
from api.dependencies import CurrentCustomer, IdempotencyKey, Parts, Services
from api.document_views import document_detail
from api.idempotency import Made, Repeatable
from api.problems import documented
from api.schemas import Answer, DocumentDetail, SubscribeIn
from db import api_reads
from db.models import Customer, Price
from domain.errors import InvalidInput, Refused, Unavailable
from workflows import ports, proforma
from workflows.ports import IssueProforma, ProformaIssued

router = APIRouter(tags=["invoices"])
_PATH = "/v1/proformas"
_LOCATION = {"Location": {"description": "Where to ask.", "schema": {"type": "string"}}}


class ProformaIn(SubscribeIn):
    """What to name the price of."""


class ProformaPending(Answer):
    """Accepted, not finished: ask at `ask`, which is also the header Location."""

    id: str = Field(examples=["pro_" + "0" * 32])
    ask: str = Field(examples=["/v1/documents/pro_" + "0" * 32])


_RESPONSES: dict[int | str, dict[str, Any]] = {
    201: {"description": "Issued; its PDF follows in seconds, by mail too.", "headers": _LOCATION},
    202: {
        "model": ProformaPending,
        "description": "Taken, not finished within the deadline: ask at Location.",
        "headers": _LOCATION,
    },
    **documented(401, 409),
}


@router.post(
    _PATH,
    operation_id="create_proforma",
    status_code=201,
    response_model=DocumentDetail,
    responses=_RESPONSES,
)
async def create_proforma(
    services: Parts, customer: CurrentCustomer, wanted: ProformaIn, key: IdempotencyKey = None
) -> Response:
    """What one period of a plan would cost, as a numbered document to pass on to whoever approves it.

    It is no tax invoice and promises nothing; needs billing details on record.
    """

    async def work(document_id: str) -> Made:
        return await _issue(services, customer, wanted, document_id)

    repeatable = Repeatable(
        services.database, f"customer/{customer.user_id}", f"POST {_PATH}", key, wanted, services.clock
    )
    made = await repeatable.once(f"pro_{uuid.uuid4().hex}", work)
    headers = {"Location": f"/v1/documents/{json.loads(made.body)['id']}"}
    if not made.final:
        headers["Retry-After"] = "2"
    return Response(made.body, made.status, headers, "application/json")


async def _issue(
    services: Services, identity: CustomerIdentity, wanted: ProformaIn, document_id: str
) -> Made:
    """Raises InvalidInput, Refused, Unavailable."""
    customer, price = await _asked_for(services, identity, wanted)
    try:
        issued = await temporal.carry_out(
            services.temporal,
            proforma.WORKFLOW_NAME,
            IssueProforma(document_id, customer.id, price.id, services.now()),
            workflow_id=ports.proforma_workflow_id(document_id),
            task_queue=ports.SUBSCRIPTIONS_QUEUE,
            answer=ProformaIssued,
        )
    except temporal.StillWorking:
        pending = ProformaPending(id=document_id, ask=f"/v1/documents/{document_id}")
        return Made(202, pending.model_dump_json().encode(), final=False)
    if issued.field:
        raise InvalidInput(issued.field, issued.refused)
    if issued.refused:
        raise Refused(issued.refused, state=issued.state, allowed=issued.allowed)
    async with services.database.reading() as session:
        row = await api_reads.document(session, document_id, user_id=identity.user_id)
    if row is None:
        raise Unavailable(f"{document_id} is issued but cannot be read; ask again")
    return Made(201, document_detail(row).model_dump_json().encode())


async def _asked_for(
    services: Services, identity: CustomerIdentity, wanted: ProformaIn
) -> tuple[Customer, Price]:
    """Raises InvalidInput for what is not offered, costs nothing, or cannot be billed yet."""
    async with services.database.reading() as session:
        offers = await api_reads.offers(session)
        customer = await api_reads.customer_of(session, identity.user_id)
    found = [offer for offer in offers if offer.plan.id == wanted.plan_id]
    offered = next((offer for offer in found if offer.price.interval == wanted.interval), None)
    if offered is None:
        field, asked = ("interval", wanted.interval) if found else ("plan_id", wanted.plan_id)
        raise InvalidInput(field, f"{asked} is not offered; GET /v1/plans lists what is.")
    if offered.price.amount_paise == 0:
        raise InvalidInput("plan_id", f"{offered.plan.name} costs nothing, so there is nothing to approve.")
    if customer is None or (customer.country == "IN" and customer.state_code is None):
        raise InvalidInput(
            "state_code",
            "A proforma needs the customer's billing details, the State above all: put them with "
            "PUT /v1/billing-details, then ask again.",
        )
    return customer, offered.price
