"""Logs tell what happened and hold no secret, no body and nobody's personal data."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from api.logs import configure_logging, logger
from tests.api.serving import Served, serving
from tests.api.test_webhooks import body, send

CANARIES = {
    "email": "canary.person@canary.example",
    "phone": "+919812345678",
    "name": "Canaria Verma",
    "gstin": "27AAPFU0939F1ZV",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl",
    "bearer": "Bearer canary-token-123456",
    "key": "rzp_live_CanaryKey0001",
    "password": "canary-password",
}


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """All that is logged, from DEBUG on."""
    configure_logging("DEBUG")
    handler = next(item for item in logging.getLogger().handlers if item.get_name() == "bahi")
    assert isinstance(handler, logging.StreamHandler)
    stream = io.StringIO()
    before = handler.setStream(stream)
    yield stream
    handler.setStream(before or stream)
    configure_logging("ERROR")


def no_canary(text: str) -> None:
    leaked = {kind for kind, canary in CANARIES.items() if canary in text}
    assert not leaked, text


def test_the_redactor_finds_canaries_under_any_key_and_inside_any_text(written: io.StringIO) -> None:
    logger.info("fields", **{**CANARIES, "nested": {"deep": [dict(CANARIES)], "email": CANARIES["email"]}})
    logger.info("headers", headers={"Authorization": CANARIES["bearer"], "Cookie": "s=" + CANARIES["jwt"]})
    texts = {key: value for key, value in CANARIES.items() if key not in ("name", "password")}
    logger.info("texts: " + " | ".join(texts.values()), note=" ".join(texts.values()))
    logger.info("a url", url=f"postgresql+asyncpg://bahi:{CANARIES['password']}@db/bahi")
    logging.getLogger("a.library").warning("password=%s and %s", CANARIES["password"], CANARIES["email"])
    no_canary(written.getvalue())
    assert written.getvalue().count("[redacted]") > 20


def test_exceptions_are_redacted_with_the_parameters_of_their_statements(written: io.StringIO) -> None:
    text = (
        f"(asyncpg) duplicate\nDETAIL:  Key (email)=({CANARIES['email']}) exists.\n"
        f"[SQL: INSERT INTO customers VALUES ($1)]\n[parameters: ('{CANARIES['name']}', '29')]\n(Background)"
    )
    try:
        raise RuntimeError(text)
    except RuntimeError:
        logger.exception("failed")
        logging.getLogger("uvicorn.error").exception("failed too")
    said = written.getvalue()
    no_canary(said)
    assert "INSERT INTO customers" in said
    assert "RuntimeError" in said


async def test_a_days_traffic_leaves_no_canary_and_names_each_request(
    written: io.StringIO, database_url: str
) -> None:
    async with serving(database_url, log_level="DEBUG") as api:
        handler = next(item for item in logging.getLogger().handlers if item.get_name() == "bahi")
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(written)
        await traffic(api)
    said = written.getvalue()
    no_canary(said)
    lines = [json.loads(line) for line in said.splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert {line["route"] for line in requests} >= {
        "/v1/billing-details",
        "/webhooks/razorpay",
        "/internal/entitlements/{user_id}",
    }
    for line in requests:
        assert line["request_id"]
        assert line["status"]
        assert line["ms"] >= 0
    assert api.settings.service_token.get_secret_value() not in said


async def traffic(api: Served) -> None:
    user = CANARIES["email"]
    details = {"name": CANARIES["name"], "email": CANARIES["email"], "phone": CANARIES["phone"]}
    async with api.customer(user, name=CANARIES["name"]) as customer, api.service() as service:
        for extra in ({"gstin": CANARIES["gstin"]}, {"state_code": "29"}, {"state_code": CANARIES["name"]}):
            await customer.put("/v1/billing-details", json={**details, **extra})
        await customer.post("/v1/subscriptions", json={"plan_id": CANARIES["password"]})
        await customer.post("/v1/subscriptions", json={"plan_id": "plan_pro"})
        await service.get(f"/internal/entitlements/{user}")
        await customer.get(f"/{CANARIES['password']}?token={CANARIES['password']}")
        await send(customer, body(note=CANARIES["name"], email=CANARIES["email"]))
        await send(customer, body(), signature=CANARIES["password"])
    async with api.client(CANARIES["jwt"]) as stranger:
        await stranger.get("/v1/subscriptions/me")
        await stranger.post("/admin/login", data={"token": CANARIES["jwt"]})
