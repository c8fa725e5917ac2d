"""Who is billed, and the State that decides which tax it is."""

from pathlib import Path
from typing import Any

import pytest

from domain.gst import gstin_check_digit
from tests.api.serving import Served, serving
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
    assert (details["name"], details["customer_id"]) == ("Asha", None)
    assert details["complete"] is False


async def test_what_was_put_is_what_is_shown(api: Served) -> None:
    code, stored = await put(api)
    async with api.customer() as customer:
        shown = (await customer.get("/v1/billing-details")).json()
    assert code == 200
    assert shown == stored
    assert shown["customer_id"].startswith("cus_")
    assert {name: shown[name] for name in DETAILS} == DETAILS
    assert (shown["state"], shown["state_origin"], shown["complete"]) == ("Karnataka", "declared", True)
    assert (shown["in_sez"], shown["registration_state_confirmed"], shown["warnings"]) == (False, False, [])


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
    assert not stored["registration_state_confirmed"]


async def test_a_pin_of_another_state_warns_and_is_kept(api: Served) -> None:
    code, stored = await put(api, pin="400001")
    assert (code, stored["pin"], stored["state_code"]) == (200, "400001", "29")
    (warning,) = stored["warnings"]
    assert "Maharashtra" in warning and "Karnataka" in warning
    async with api.customer() as customer:
        assert (await customer.get("/v1/billing-details")).json() == stored
    _, mended = await put(api)
    assert mended["warnings"] == []


async def test_a_gstin_of_another_state_is_asked_about_and_taken_once_confirmed(api: Served) -> None:
    code, problem = await put(api, gstin=gstin("27"))
    assert (code, problem["errors"][0]["field"]) == (422, "state_code")
    assert "Maharashtra" in problem["detail"] and "confirm" in problem["detail"]
    code, stored = await put(api, gstin=gstin("27"), registration_state_confirmed=True)
    assert (code, stored["gstin"], stored["state_code"]) == (200, gstin("27"), "29")
    assert (stored["registration_state_confirmed"], stored["warnings"]) == (True, [])


async def test_a_confirmation_of_nothing_is_not_kept(api: Served) -> None:
    """Else it would let another GSTIN through unasked."""
    _, stored = await put(api, gstin=gstin("29"), registration_state_confirmed=True)
    assert stored["registration_state_confirmed"] is False


async def test_a_state_may_be_told_by_the_pin(api: Served) -> None:
    _, stored = await put(api, state_origin="pin")
    assert (stored["state_origin"], stored["state_code"]) == ("pin", "29")


async def test_an_sez_unit_and_an_embassy_are_recorded_as_what_they_are(api: Served) -> None:
    _, unit = await put(api, gstin=gstin("29"), in_sez=True)
    assert (unit["in_sez"], unit["gstin"], unit["complete"]) == (True, gstin("29"), True)
    _, embassy = await put(api, gstin="0717uno00157uno", state_code="07", pin="110021")
    assert (embassy["gstin"], embassy["in_sez"], embassy["warnings"]) == ("0717UNO00157UNO", False, [])


async def test_a_customer_abroad_needs_no_state(api: Served) -> None:
    code, stored = await put(api, country="SG", state_code=None, pin="")
    assert (code, stored["complete"], stored["country"]) == (200, True, "SG")
    assert (stored["state_code"], stored["state_origin"], stored["warnings"]) == (None, None, [])


async def test_none_of_the_sellers_registrations_buys_from_the_seller(
    database_url: str, tmp_path: Path
) -> None:
    sellers = tmp_path / "sellers.yaml"
    sellers.write_text(
        "sellers:\n"
        f"  - {{key: ka, legal_name: Demo, gstin: {gstin('29')}, address: [1 Street]}}\n"
        f"  - {{key: mh, legal_name: Demo, gstin: {gstin('27')}, address: [1 Street]}}\n"
    )
    async with serving(database_url, sellers_path=sellers) as api:
        for state in ("27", "29"):
            code, problem = await put(api, gstin=gstin(state), state_code=state, pin="")
            assert (code, problem["errors"][0]["field"]) == (422, "gstin")
            assert "seller's own" in problem["detail"]
        assert (await put(api, gstin=gstin("33"), state_code="33", pin=""))[0] == 200


async def test_the_portals_test_identifiers_are_taken_in_its_sandbox_alone(
    api: Served, database_url: str
) -> None:
    made_up = {"gstin": "29AABCT1332L000"}
    assert (await put(api, **made_up))[0] == 422
    async with serving(database_url, gst_sandbox=True) as sandbox:
        assert (await put(sandbox, **made_up))[0] == 200


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
        ({"country": "US", "state_code": None, "pin": "", "in_sez": True}, "country", "addresses in India"),
        ({"in_sez": True}, "gstin", "give its GSTIN"),
        ({"gstin": "0717UNO00157UNO", "state_code": "07", "in_sez": True}, "gstin", "UIN"),
        ({"gstin": "9917IRL29003OSG", "state_code": None}, "gstin", "business abroad"),
        ({"state_origin": "pin", "pin": "400001"}, "state_origin", "correct one"),
        ({"state_origin": "pin", "pin": ""}, "state_origin", "correct one"),
        ({"state_origin": "ip"}, "state_origin", "listed"),
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


async def test_without_a_state_a_paid_plan_is_refused_before_anything_happens(api: Served) -> None:
    async with api.customer("fresh") as customer:
        answer = await customer.post("/v1/subscriptions", json={"plan_id": "plan_pro"})
        assert answer.status_code == 422
        assert "PUT /v1/billing-details" in answer.json()["detail"]
    async with api.services.database.reading() as session:
        assert await rows.count(session, "customers") == 0
        assert await rows.count(session, "subscriptions") == 0


@pytest.mark.parametrize(
    "changes",
    [{"country": "US", "state_code": None, "pin": ""}, {"gstin": gstin("29"), "in_sez": True}],
)
async def test_what_makes_the_price_zero_rated_stays_while_a_paid_subscription_is_in_force(
    api: Served, changes: dict[str, Any]
) -> None:
    await rows.add(api.services.database, rows.customer(state_code="29"), rows.subscription())
    code, problem = await put(api, **changes)
    assert (code, problem["state"]) == (409, "ACTIVE")
    assert (await put(api, gstin=gstin("29")))[0] == 200


async def test_a_customer_abroad_may_correct_an_address_while_subscribed(api: Served) -> None:
    await rows.add(api.services.database, rows.customer(country="SG"), rows.subscription())
    code, stored = await put(api, country="SG", state_code=None, pin="", city="Singapore")
    assert (code, stored["city"]) == (200, "Singapore")


async def test_another_customers_details_are_out_of_reach(api: Served) -> None:
    await put(api)
    async with api.customer("user_2") as other:
        assert (await other.get("/v1/billing-details")).json()["name"] == ""
