"""Operators choose which of the seller's registrations bills a customer."""

from tests.api.serving import Served
from tests.db import rows

CUSTOMER = "cus_" + "a" * 26


async def test_a_registration_is_chosen_and_given_up_again(api: Served) -> None:
    await rows.add(api.services.database, rows.customer(id=CUSTOMER))
    path = f"/admin/customers/{CUSTOMER}/seller"
    async with api.operator() as operator:
        chosen = await operator.put(path, json={"seller_key": "main"})
        assert (chosen.status_code, chosen.json()["seller_key"]) == (200, "main")
        given_up = await operator.put(path, json={"seller_key": None})
    assert given_up.json() == {"customer_id": CUSTOMER, "user_id": "user_1", "seller_key": None}


async def test_a_key_that_no_registration_has_is_refused_with_those_there_are(api: Served) -> None:
    await rows.add(api.services.database, rows.customer(id=CUSTOMER))
    async with api.operator() as operator:
        answer = await operator.put(f"/admin/customers/{CUSTOMER}/seller", json={"seller_key": "mh"})
    assert answer.status_code == 422
    assert "there is main" in answer.json()["detail"]


async def test_an_unknown_customer_is_404_and_no_customer_may_choose(api: Served) -> None:
    path, given = f"/admin/customers/{CUSTOMER}/seller", {"seller_key": "main"}
    async with api.operator() as operator, api.customer() as customer:
        assert (await operator.put(path, json=given)).status_code == 404
        assert (await operator.put(path, json={})).status_code == 422
        assert (await customer.put(path, json=given)).status_code == 401
