"""Gateways' calls: kept before they are answered, and nothing kept that is forged."""

import asyncio
import hashlib
import hmac
import json
import random
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from db.models import WebhookInbox
from tests.api.serving import Served, serving
from tests.db.rows import count

PATH = "/webhooks/razorpay"
SECRET = "local-only-razorpay-webhook"
VECTOR = Path(__file__).parents[1] / "vectors" / "razorpay-webhook-example.json"


def body(**changes: Any) -> bytes:
    event = {
        "entity": "event",
        "event": "subscription.charged",
        "contains": ["subscription", "payment"],
        "payload": {
            "subscription": {"entity": {"id": "sub_RzpAbCdEf12345", "notes": []}},
            "payment": {"entity": {"id": "pay_RzpAbCdEf12345", "invoice_id": "inv_RzpAbCdEf12345"}},
        },
        "created_at": 1_790_000_000,
        **changes,
    }
    return json.dumps(event).encode()


def sign(raw: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()


async def send(
    client: httpx.AsyncClient, raw: bytes, event_id: str | None = "evt_1", signature: str | None = None
) -> httpx.Response:
    headers = {"X-Razorpay-Signature": sign(raw) if signature is None else signature}
    if event_id is not None:
        headers["X-Razorpay-Event-Id"] = event_id
    return await client.post(PATH, content=raw, headers=headers)


async def kept(api: Served) -> list[WebhookInbox]:
    async with api.services.database.reading() as session:
        return list(await session.scalars(select(WebhookInbox).order_by(WebhookInbox.id)))


async def test_a_signed_call_is_kept_byte_for_byte_before_it_is_answered(api: Served) -> None:
    raw = body()
    async with api.client() as gateway:
        answer = await send(gateway, raw)
    assert (answer.status_code, answer.json()) == (200, {"status": "stored"})
    (call,) = await kept(api)
    assert call.body == raw
    assert (call.source, call.event_id, call.event_type) == ("razorpay", "evt_1", "subscription.charged")
    assert call.gateway_subscription_id == "sub_RzpAbCdEf12345"
    assert call.gateway_payment_id == "pay_RzpAbCdEf12345"
    assert call.gateway_invoice_id == "inv_RzpAbCdEf12345"
    assert call.status == "received"


async def test_a_repetition_is_answered_200_and_waits_only_once(api: Served) -> None:
    async with api.client() as gateway:
        answers = await asyncio.gather(*(send(gateway, body()) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(answer.json()["status"] for answer in answers) == ["duplicate"] * 9 + ["stored"]
    assert len(await kept(api)) == 1


async def test_the_same_body_under_another_event_id_is_kept_as_a_duplicate(api: Served) -> None:
    async with api.client() as gateway:
        await send(gateway, body(), "evt_1")
        answer = await send(gateway, body(), "evt_2")
    assert answer.json() == {"status": "duplicate"}
    assert [call.status for call in await kept(api)] == ["received", "duplicate"]


async def test_a_call_without_an_event_id_is_known_by_its_body(api: Served) -> None:
    async with api.client() as gateway:
        first = await send(gateway, body(), None)
        second = await send(gateway, body(), "no id: it has spaces")
    assert (first.json(), second.json()) == ({"status": "stored"}, {"status": "duplicate"})
    assert (await kept(api))[0].event_id == "body:" + hashlib.sha256(body()).hexdigest()


@pytest.mark.parametrize(
    "raw",
    [b"", b"{}", b"[]", b"not json", b"\x00\xff", b'{"event": 5}', body(event="something.new"), b"[" * 5000],
)
async def test_whatever_the_gateway_signs_is_kept_and_answered_200(api: Served, raw: bytes) -> None:
    async with api.client() as gateway:
        answer = await send(gateway, raw)
    assert answer.status_code == 200
    assert [call.body for call in await kept(api)] == [raw]


async def test_the_previous_secret_counts_while_a_rotation_lasts(database_url: str) -> None:
    raw = body()
    async with (
        serving(database_url, razorpay_webhook_secret="new", razorpay_webhook_secret_previous="old") as api,
        api.client() as gateway,
    ):
        assert (await send(gateway, raw, "evt_1", sign(raw, "new"))).status_code == 200
        assert (await send(gateway, raw, "evt_2", sign(raw, "old"))).status_code == 200
        assert (await send(gateway, raw, "evt_3", sign(raw, "older"))).status_code == 401


async def test_forged_calls_change_nothing(api: Served) -> None:
    """Bit flips in body and signature, wrong keys, odd headers, JSON written anew: seeded, all refused."""
    seed = 20261122
    dice = random.Random(seed)
    raw = body()
    good = sign(raw)
    forgeries: list[tuple[bytes, list[tuple[bytes, bytes]]]] = []

    def forge(sent: bytes, *signatures: bytes) -> None:
        forgeries.append((sent, [(b"x-razorpay-signature", signature) for signature in signatures]))

    for _ in range(150):
        flipped = bytearray(raw)
        flipped[dice.randrange(len(flipped))] ^= 1 << dice.randrange(8)
        forge(bytes(flipped), good.encode())
        wrong = bytearray(good.encode())
        place = dice.randrange(len(wrong))
        wrong[place] = dice.choice([digit for digit in b"0123456789abcdef" if digit != wrong[place]])
        forge(raw, bytes(wrong))
    forge(raw)
    forge(raw, b"")
    forge(raw, good.encode(), good.encode())
    forge(raw, good.encode(), b"")
    forge(raw, good.upper().encode())
    forge(raw, b"\xff" * 64)
    forge(raw, "ß٣".encode())
    forge(raw, b"sha256=" + good.encode())
    forge(raw, sign(raw, "").encode())
    forge(raw, sign(raw, "another").encode())
    forge(json.dumps(json.loads(raw), separators=(",", ":")).encode(), good.encode())
    forge(raw + b"\n", good.encode())
    async with api.client() as gateway:
        for sent, headers in forgeries:
            answer = await gateway.post(PATH, content=sent, headers=headers)
            assert answer.status_code == 401, (seed, sent, headers)
            assert answer.json()["code"] == "unauthorised"
    async with api.services.database.reading() as session:
        assert await count(session, "webhook_inbox") == 0


async def test_the_published_example_is_understood(api: Served) -> None:
    async with api.client() as gateway:
        answer = await send(gateway, VECTOR.read_bytes(), "evt_example")
    assert answer.status_code == 200
    (call,) = await kept(api)
    assert (call.event_type, call.gateway_subscription_id) == ("subscription.charged", "sub_SEKk61J6Teb3wW")


async def test_while_the_database_is_away_the_gateway_is_asked_to_come_again() -> None:
    async with (
        serving("postgresql+asyncpg://bahi:secret@127.0.0.1:1/bahi") as api,
        api.client() as gateway,
    ):
        assert (await send(gateway, body())).status_code == 503
        assert (await send(gateway, body(), "evt_1", "forged")).status_code == 401
