"""Customers' top-ups of the wallet: asking for one, seeing it, leaving it."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import Field

from api import temporal, topping_up
from api.auth import CustomerIdentity
from api.dependencies import CurrentCustomer, IdempotencyKey, PageSize, Parts, Services
from api.idempotency import Made, Repeatable
from api.ids import ID_CHARACTERS, new_id
from api.opening import ACTOR
from api.problems import documented
from api.schemas import Answer, Paise, Request
from api.topping_up import TopUpOut, TopUpPending
from db import top_ups
from db.models import TopUp
from domain.errors import NotFound, Unavailable
from domain.top_up import TopUpStatus
from workflows.top_up import CancelTopUp

router = APIRouter(tags=["wallet"])
_PATH = "/v1/topups"
_LOCATION = {"Location": {"description": "Where to ask.", "schema": {"type": "string"}}}
TopUpId = Annotated[str, Path(pattern=f"^top_{ID_CHARACTERS}$", examples=["top_" + "0" * 26])]


class TopUpIn(Request):
    """How much."""

    amount_paise: Paise = Field(gt=0, le=10**13, examples=[50000])


class TopUpReference(Answer):
    """What every answer about a top-up names."""

    top_up_id: str


class TopUpList(Answer):
    """Newest first."""

    data: list[TopUpOut]


_CREATED: dict[int | str, dict[str, Any]] = {
    201: {"description": "It can be paid at `pay_url`.", "headers": _LOCATION},
    202: {
        "model": TopUpPending,
        "description": "Taken, not finished within the deadline: ask at Location.",
        "headers": _LOCATION,
    },
    **documented(401, 409),
}


@router.post(
    _PATH, operation_id="create_top_up", status_code=201, response_model=TopUpOut, responses=_CREATED
)
async def create_top_up(
    services: Parts, customer: CurrentCustomer, wanted: TopUpIn, key: IdempotencyKey = None
) -> Response:
    """Put money into the wallet, which pays for usage beyond the plan. The customer pays at `pay_url`.

    It is an advance: a receipt voucher follows the payment, and a tax invoice each month of what was used.
    Needs billing details on record.
    """

    async def work(top_up_id: str) -> Made:
        asked = await topping_up.top_up(services, customer, wanted.amount_paise, top_up_id)
        return Made(asked.status, asked.body.model_dump_json().encode(), final=asked.status != 202)

    repeatable = Repeatable(
        services.database, f"customer/{customer.user_id}", f"POST {_PATH}", key, wanted, services.clock
    )
    made = await repeatable.once(new_id("top", services.now()), work)
    body = TopUpReference.model_validate_json(made.body)
    headers = {"Location": f"{_PATH}/{body.top_up_id}"}
    if not made.final:
        headers["Retry-After"] = "2"
    return Response(made.body, made.status, headers, "application/json")


@router.get(_PATH, operation_id="list_top_ups", responses=documented(401))
async def list_top_ups(services: Parts, customer: CurrentCustomer, limit: PageSize = 50) -> TopUpList:
    """The customer's top-ups."""
    async with services.database.reading() as session:
        rows = await top_ups.top_ups_of(session, customer.user_id, limit=limit)
    return TopUpList(data=[_shown(services, row) for row in rows])


@router.get(f"{_PATH}/{{top_up_id}}", operation_id="get_top_up", responses=documented(401, 404))
async def get_top_up(services: Parts, customer: CurrentCustomer, top_up_id: TopUpId) -> TopUpOut:
    """One top-up."""
    return _shown(services, await _mine(services, customer, top_up_id))


@router.post(
    f"{_PATH}/{{top_up_id}}/cancel", operation_id="cancel_top_up", responses=documented(401, 404, 409)
)
async def cancel_top_up(
    services: Parts, customer: CurrentCustomer, top_up_id: TopUpId, _: IdempotencyKey = None
) -> TopUpOut:
    """Leave it; repeating that changes nothing. What is paid on a page that is open already still counts."""
    row = await _mine(services, customer, top_up_id)
    if row.status == TopUpStatus.OPEN:
        try:
            await temporal.cancel_top_up(services.temporal, top_up_id, CancelTopUp(ACTOR))
        except temporal.StillWorking:
            raise Unavailable("It could not be cancelled in time; ask again.") from None
        except temporal.WorkflowOver:
            pass  # it has just ended
        row = await _mine(services, customer, top_up_id)
    if row.status != TopUpStatus.CANCELLED:
        raise topping_up.refused(row)
    return _shown(services, row)


def _shown(services: Services, row: TopUp) -> TopUpOut:
    return topping_up.shown(row, services.settings.public_url)


async def _mine(services: Services, customer: CustomerIdentity, top_up_id: str) -> TopUp:
    """Raises NotFound, for another customer's too."""
    async with services.database.reading() as session:
        row = await top_ups.top_up(session, top_up_id, user_id=customer.user_id)
    if row is None:
        raise NotFound(f"There is no top-up {top_up_id}.")
    return row
