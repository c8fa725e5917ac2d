"""Every refusal says what was wrong and what to do, in one shape."""

import pytest

from tests.api.serving import Served, serving

DETAILS = {"name": "Asha Verma", "email": "asha@example.com", "state_code": "29"}


def fault(answer_json: dict[str, object], field: str) -> dict[str, str]:
    errors = answer_json["errors"]
    assert isinstance(errors, list)
    return next(error for error in errors if error["field"] == field)


async def test_an_unknown_route_is_a_problem_that_names_where_routes_are_listed(api: Served) -> None:
    async with api.client() as anybody:
        answer = await anybody.get("/v1/nothing")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["code"], problem["status"]) == ("not_found", 404)
    assert problem["type"] == "urn:bahi:problem:not_found"
    assert "/openapi.json" in problem["detail"]


async def test_a_problem_carries_the_request_id_of_the_answer(api: Served) -> None:
    async with api.client() as anybody:
        minted = await anybody.get("/v1/nothing")
        given = await anybody.get("/v1/nothing", headers={"X-Request-Id": "abcd-1234"})
        harmful = await anybody.get("/v1/nothing", headers={"X-Request-Id": "<script>alert(1)"})
    assert minted.json()["request_id"] == minted.headers["x-request-id"]
    assert given.json()["request_id"] == "abcd-1234"
    assert harmful.json()["request_id"].startswith("req_")


@pytest.mark.parametrize("body", [b"{", b"", b"\xff\xfe", b"[" * 100_000, b'{"plan_id": NaN', b"null"])
async def test_a_body_that_is_not_a_json_object_is_refused_without_a_fault_of_ours(
    api: Served, body: bytes
) -> None:
    async with api.customer() as customer:
        answer = await customer.post(
            "/v1/subscriptions", content=body, headers={"Content-Type": "application/json"}
        )
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_an_unknown_field_is_named_with_its_remedy(api: Served) -> None:
    async with api.customer() as customer:
        answer = await customer.post("/v1/subscriptions", json={"plan_id": "plan_pro", "price": 1})
    assert answer.status_code == 422
    assert fault(answer.json(), "price") == {
        "field": "price",
        "message": "There is no such field",
        "remedy": "Leave it out.",
    }


async def test_a_missing_field_is_named_with_its_remedy(api: Served) -> None:
    async with api.customer() as customer:
        answer = await customer.post("/v1/subscriptions", json={})
    assert answer.status_code == 422
    assert fault(answer.json(), "plan_id")["remedy"] == "Add it."


async def test_a_lone_surrogate_is_refused_and_not_echoed(api: Served) -> None:
    async with api.customer() as customer:
        answer = await customer.put(
            "/v1/billing-details",
            content=b'{"name": "\\ud800", "email": "a@b.in", "state_code": "29"}',
            headers={"Content-Type": "application/json"},
        )
    assert answer.status_code == 422
    assert fault(answer.json(), "name")["remedy"] == "Send valid UTF-8."


async def test_values_are_never_echoed_in_a_problem(api: Served) -> None:
    canary = "canary-7d1f"
    async with api.customer() as customer:
        answer = await customer.put("/v1/billing-details", json={**DETAILS, "pin": canary, canary: "x"})
    assert answer.status_code == 422
    assert canary not in answer.json()["detail"].replace(f"{canary}:", "")


async def test_no_field_of_an_answer_can_be_posted_back(api: Served) -> None:
    """Mass assignment: whatever we show, only what a request takes is taken."""
    async with api.customer() as customer:
        stored = (await customer.put("/v1/billing-details", json=DETAILS)).json()
        for field in ("state", "warnings", "complete"):
            answer = await customer.put("/v1/billing-details", json={**DETAILS, field: stored[field]})
            assert answer.status_code == 422, field
            assert fault(answer.json(), field)
        for field in ("subscription_id", "status", "charge_paise", "access", "customer_id", "user_id"):
            body = {"plan_id": "plan_free", field: "x"}
            answer = await customer.post("/v1/subscriptions", json=body)
            assert answer.status_code == 422, field


async def test_without_the_database_the_answer_is_503_and_says_when_to_come_back() -> None:
    nowhere = "postgresql+asyncpg://bahi:secret@127.0.0.1:1/bahi"
    async with serving(nowhere) as api, api.customer() as customer:
        answer = await customer.get("/v1/subscriptions")
        ready = await customer.get("/readyz")
        alive = await customer.get("/healthz")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "2"
    assert "127.0.0.1" not in answer.text
    assert (ready.status_code, ready.json()["status"]) == (503, "down")
    assert alive.status_code == 200
