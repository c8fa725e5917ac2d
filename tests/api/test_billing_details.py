"""Who is billed, and the State that decides which tax it is."""

from typing import Any

import pytest

from domain.gst import gstin_check_digit
from tests.api.serving import Served
from tests.db import rows

DETAILS: dict[str, Any] = {
    "name": "Asha Verma",
    "email": "asha@example.com",
    "phone": "+919876543210",
    "address_lines": ["12 MG Road", "Indiranagar"],
    "city": "Bengaluru",
    "state_code": "29",
    "pin": "560001",
}


def gstin(state: str) -> str:
    first = f"{state}AAACI4798L1Z"
    return first + gstin_check_digit(first)


async def put(api: Served, **changes: Any) -> tuple[int, dict[str, Any]]:
    async with api.customer() as customer:
        answer = await customer.put("/v1/billing-details", json={**DETAILS, **changes})
        return answer.status_code, answer.json()


async def test_before_anything_is_on_record_the_tokens_claims_are_shown(api: Served) -> None:
    async with api.customer(name="Asha", email="asha@example.com") as customer:
        details = (await customer.get("/v1/billing-details")).json()
    assert details["name"] == "Asha"
    assert details["complete"] is False


async def test_what_was_put_is_what_is_shown(api: Served) -> None:
    code, stored = await put(api)
    async with api.customer() as customer:
        shown = (await customer.get("/v1/billing-details")).json()
    assert code == 200
    assert shown == stored
    assert {name: shown[name] for name in DETAILS} == DETAILS
    assert (shown["state"], shown["state_origin"], shown["complete"]) == ("Karnataka", "declared", True)


async def test_putting_replaces_all_of_it(api: Served) -> None:
    await put(api)
    async with api.customer() as customer:
        bare = {"name": "A", "email": "a@b.in", "state_code": "27"}
        shown = (await customer.put("/v1/billing-details", json=bare)).json()
    assert (shown["phone"], shown["address_lines"], shown["city"], shown["pin"]) == ("", [], "", "")


async def test_a_gstin_gives_the_state_and_is_stored_in_upper_case(api: Served) -> None:
    code, stored = await put(api, gstin=f" {gstin('27').lower()} ", state_code=None)
    assert code == 200
    assert (stored["gstin"], stored["state_code"], stored["state_origin"]) == (gstin("27"), "27", "gstin")


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"gstin": "29AAACI4798L1Z0"}, "gstin", "check digit"),
        ({"gstin": "29AAACI"}, "gstin", "15 characters"),
        ({"gstin": gstin("27")}, "state_code", "GSTIN of that State"),
        ({"gstin": "29AAACB1234F1Z5"}, "gstin", "seller's own"),
        ({"state_code": "99"}, "state_code", "State code"),
        ({"state_code": None}, "state_code", "invoice"),
        ({"pin": "012345"}, "pin", "form"),
        ({"pin": "5600"}, "pin", "form"),
        ({"email": "asha"}, "email", "form"),
        ({"email": "asha@example.com\r\nBcc: all@example.com"}, "email", "form"),
        ({"name": ""}, "name", "value"),
        ({"name": "Asha\nVerma"}, "name", "form"),
        ({"name": "Asha\u202eamreV"}, "name", "form"),
        ({"city": "Benga\x00luru"}, "city", "form"),
        ({"address_lines": ["x"] * 5}, "address_lines", "fewer"),
        ({"address_lines": ["fine", "not\tfine"]}, "address_lines.1", "form"),
        ({"country": "in"}, "country", "form"),
        ({"country": "US"}, "country", "addresses in India"),
        ({"phone": "call me"}, "phone", "form"),
    ],
)
async def test_what_is_wrong_is_named_with_its_remedy(
    api: Served, changes: dict[str, Any], field: str, says: str
) -> None:
    code, problem = await put(api, **changes)
    assert code == 422
    fault = next(error for error in problem["errors"] if error["field"] == field)
    assert says in fault["message"] + fault["remedy"]
    async with api.customer() as customer:
        assert (await customer.get("/v1/billing-details")).json()["complete"] is False


async def test_a_customer_abroad_is_stored_but_cannot_take_a_paid_plan_yet(api: Served) -> None:
    code, stored = await put(api, country="US", state_code=None, pin="")
    assert (code, stored["complete"]) == (200, False)
    async with api.customer() as customer:
        answer = await customer.post("/v1/subscriptions", json={"plan_id": "plan_pro"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "country"


async def test_without_a_state_a_paid_plan_is_refused_before_anything_happens(api: Served) -> None:
    async with api.customer("fresh") as customer:
        answer = await customer.post("/v1/subscriptions", json={"plan_id": "plan_pro"})
        assert answer.status_code == 422
        assert "PUT /v1/billing-details" in answer.json()["detail"]
    async with api.services.database.reading() as session:
        assert await rows.count(session, "customers") == 0
        assert await rows.count(session, "subscriptions") == 0


async def test_the_country_stays_while_a_paid_subscription_is_in_force(api: Served) -> None:
    await rows.add(api.services.database, rows.customer(state_code="29"), rows.subscription())
    code, problem = await put(api, country="US", state_code=None, pin="")
    assert (code, problem["state"]) == (409, "ACTIVE")


async def test_another_customers_details_are_out_of_reach(api: Served) -> None:
    await put(api)
    async with api.customer("user_2") as other:
        assert (await other.get("/v1/billing-details")).json()["name"] == ""
