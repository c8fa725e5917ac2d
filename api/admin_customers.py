"""Operators: which of the seller's registrations bills a customer."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field

from api.dependencies import CurrentOperator, Parts
from api.ids import ID_CHARACTERS
from api.logs import logger
from api.problems import documented
from api.schemas import Answer, Request
from db import customers
from domain.errors import InvalidInput

router = APIRouter(tags=["operators"])
CustomerId = Annotated[str, Path(pattern=f"^cus_{ID_CHARACTERS}$", examples=["cus_" + "0" * 26])]


class SellerIn(Request):
    """Which registration; null for the plan's, or else the usual one."""

    seller_key: str | None = Field(max_length=20, description="As in the settings.", examples=["main"])


class CustomerSeller(Answer):
    """Which registration bills a customer."""

    customer_id: str
    user_id: str
    seller_key: str | None = Field(description="Null: the plan's, or else the usual one.")


@router.put(
    "/admin/customers/{customer_id}/seller",
    operation_id="put_customers_seller",
    responses=documented(401, 403, 404),
)
async def put_customers_seller(
    services: Parts, operator: CurrentOperator, customer_id: CustomerId, given: SellerIn
) -> CustomerSeller:
    """Bill a customer from another of the seller's registrations, from the next charge on."""
    known = [each.key for each in services.settings.registrations.all]
    if given.seller_key is not None and given.seller_key not in known:
        raise InvalidInput(
            "seller_key",
            f"No seller registration has the key {given.seller_key!r}; there is {', '.join(known)}.",
        )
    async with services.database.transaction() as session:
        row = await customers.put_seller(session, customer_id, given.seller_key, services.now())
    logger.info(
        "customer's seller chosen",
        operator=operator.subject,
        customer_id=customer_id,
        seller_key=given.seller_key,
    )
    return CustomerSeller(customer_id=row.id, user_id=row.user_id, seller_key=row.seller_key)
