"""Putting money into the wallet, as the first front end asks for it: a sum in dollars, paid in rupees."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field

from api import topping_up
from api.dependencies import CurrentCustomer, IdempotencyKey, Parts
from api.frontend.exact import Amount, Exact
from api.frontend.shapes import FrontPayment
from api.idempotency import Made, Repeatable
from api.ids import new_id
from api.problems import documented
from api.schemas import Request
from domain.errors import GatewayUnavailable
from domain.money import round_half_up

router = APIRouter(prefix="/api/v1/billing", tags=["front end"])
_PATH = "/topup"
_CENTS = 100


class FrontTopUpIn(Request):
    """How much."""

    amount_usd: Annotated[Amount, Field(gt=0, max_digits=9, decimal_places=2, examples=[5])]


@router.post(_PATH, operation_id="front_top_up", response_model=FrontPayment, responses=documented(401, 409))
async def front_top_up(
    services: Parts, customer: CurrentCustomer, wanted: FrontTopUpIn, key: IdempotencyKey = None
) -> Response:
    """Put money into the wallet; dollars count at the installation's rate, and rupees are paid."""
    cents = int(wanted.amount_usd * _CENTS)
    amount_paise = round_half_up(cents * services.settings.usd_rate_paise, _CENTS)

    async def work(top_up_id: str) -> Made:
        asked = await topping_up.top_up(services, customer, amount_paise, top_up_id, field="amount_usd")
        if asked.body.pay_url is None:
            raise GatewayUnavailable("the page to pay on is still being opened")
        answer = FrontPayment(payment_url=asked.body.pay_url, payment_id=top_up_id)
        return Made(200, bytes(Exact(answer).body))

    repeatable = Repeatable(
        services.database,
        f"customer/{customer.user_id}",
        f"POST {router.prefix}{_PATH}",
        key,
        wanted,
        services.clock,
    )
    made = await repeatable.once(new_id("top", services.now()), work)
    return Response(made.body, made.status, media_type="application/json")
