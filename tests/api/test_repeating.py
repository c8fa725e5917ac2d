"""What a repeated request under one key goes on with: the same thing, unless nothing was begun."""

import pytest
from pydantic import BaseModel

from api.idempotency import Made, Repeatable
from domain.errors import BahiError, InvalidInput, Refused, Unavailable
from tests.api.serving import Served


class Wish(BaseModel):
    amount_paise: int = 100


@pytest.mark.parametrize(
    ("error", "same"),
    [
        (Unavailable("the answer did not come in time"), True),
        (Refused("too much", state="refunded", allowed=()), False),
        (InvalidInput("amount", "too little"), False),
    ],
    ids=["unknown", "refused", "invalid"],
)
async def test_only_a_refusal_frees_the_key_for_another_attempt(
    api: Served, error: BahiError, same: bool
) -> None:
    services = api.services
    repeatable = Repeatable(services.database, "operator", "POST /x", "key-1", Wish(), services.clock)
    worked_for: list[str] = []

    async def work(resource_id: str) -> Made:
        worked_for.append(resource_id)
        if len(worked_for) == 1:
            raise error
        return Made(201, b"{}")

    with pytest.raises(type(error)):
        await repeatable.once("first", work)
    assert (await repeatable.once("second", work)).status == 201
    assert worked_for == ["first", "first" if same else "second"]
