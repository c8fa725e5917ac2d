"""PhonePe's calls: believed in three ways and no fourth, kept before they are answered, hints only."""

import asyncio
import hashlib
import hmac
import json
import random
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from db.models import WebhookInbox
from tests.api.serving import Served, serving
from tests.gateways.test_phonepe_entities import MANDATE, PAID, REFUND
from tests.gateways.test_phonepe_signatures import CALLBACK, HEADER, SALT, X_VERIFY

PATH = "/webhooks/phonepe"
PATHS = (PATH, "/api/v1/webhooks/phonepe", "/api/v1/billing/webhooks/phonepe")
SECRET = "hmac-secret"
SET_UP: dict[str, Any] = {
    "phonepe_client_id": "SIMCLIENT",
    "phonepe_client_secret": "simulator-client-secret",
    "phonepe_webhook_username": "sim_user",
    "phonepe_webhook_password": "Passw0rd9",
    "phonepe_webhook_keys": json.dumps({"key-1": SECRET}),
    "phonepe_salt_keys": json.dumps({"1": SALT}),
}


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[Served]:
    async with serving(database_url, **SET_UP) as served:
        yield served


def body(event: str = "checkout.order.completed", payload: Any = None, **changed: Any) -> bytes:
    told = PAID | {"merchantOrderId": "pay_1"} if payload is None else payload
    return json.dumps({"event": event, "payload": told, **changed}).encode()


def signed(raw: bytes, secret: str = SECRET, key_id: str = "key-1") -> dict[str, str]:
    signature = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    return {"x-phonepe-checksum-key-id": key_id, "x-phonepe-checksum-signature": signature}


async def send(
    client: httpx.AsyncClient, raw: bytes, headers: dict[str, str] | None = None, path: str = PATH
) -> httpx.Response:
    return await client.post(
        path, content=raw, headers={"Authorization": HEADER} if headers is None else headers
    )


async def kept(api: Served) -> list[WebhookInbox]:
    async with api.services.database.reading() as session:
        return list(await session.scalars(select(WebhookInbox).order_by(WebhookInbox.id)))


@pytest.mark.parametrize("path", PATHS)
async def test_a_call_with_the_login_is_kept_byte_for_byte_under_every_name(api: Served, path: str) -> None:
    raw = body()
    async with api.client() as phonepe:
        answer = await send(phonepe, raw, path=path)
    assert (answer.status_code, answer.json()) == (200, {"status": "stored"})
    (call,) = await kept(api)
    assert (call.body, call.source, call.status) == (raw, "phonepe", "received")
    assert (call.event_type, call.gateway_payment_id) == ("checkout.order.completed", "pay_1")


async def test_news_of_a_mandate_and_of_a_refund_are_kept_by_what_they_name(api: Served) -> None:
    async with api.client() as phonepe:
        await send(phonepe, body("subscription.paused", MANDATE | {"state": "PAUSED"}))
        await send(phonepe, body("pg.refund.completed", REFUND))
    paused, refund = await kept(api)
    assert (paused.gateway_subscription_id, paused.gateway_payment_id) == ("man_1", None)
    assert (refund.gateway_refund_id, refund.gateway_payment_id) == ("rfd_1", "pay_1")


async def test_a_body_signed_with_a_key_of_ours_passes_and_no_other_does(api: Served) -> None:
    raw = body()
    async with api.client() as phonepe:
        assert (await send(phonepe, raw, signed(raw))).status_code == 200
        for headers in (
            signed(raw, "another"),
            signed(raw, key_id="key-2"),
            signed(raw + b" "),
            signed(raw) | {"Authorization": HEADER, "x-phonepe-checksum-signature": "0" * 64},
        ):
            assert (await send(phonepe, raw, headers)).status_code == 401, headers
    assert len(await kept(api)) == 1


async def test_a_legacy_callback_is_read_from_what_its_checksum_covers(api: Served) -> None:
    async with api.client() as phonepe:
        assert (await send(phonepe, CALLBACK, {"X-VERIFY": X_VERIFY})).status_code == 200
        # What stands beside the signed part is anybody's.
        more = json.dumps(json.loads(CALLBACK) | json.loads(body())).encode()
        assert (await send(phonepe, more, {"X-VERIFY": X_VERIFY})).json() == {"status": "duplicate"}
    (call,) = await kept(api)
    assert (call.event_type, call.gateway_payment_id) == ("payment_success", "RF_topup_1")


RAZORPAYS = hmac.new(b"local-only-razorpay-webhook", body(), hashlib.sha256).hexdigest()
WRONG = [
    # phonepe.md 6: what the formula over the whole body gives.
    (CALLBACK, {"X-VERIFY": "bc85ee88125701af21d17acc8dadbbe2be3a6b0f7319ce72bfeffc5cfc1c7a04###1"}),
    (CALLBACK, {"X-VERIFY": X_VERIFY.replace("###1", "###2")}),
    (CALLBACK, {"X-VERIFY": X_VERIFY.partition("#")[0]}),
    (CALLBACK, {"X-VERIFY": ""}),
    (CALLBACK, {"X-VERIFY": "", "Authorization": HEADER}),
    # phonepe.md 4.2: bare and in lower case.
    (body(), {}),
    (body(), {"Authorization": ""}),
    (body(), {"Authorization": HEADER.upper()}),
    (body(), {"Authorization": f"SHA256({HEADER})"}),
    (body(), {"Authorization": f"O-Bearer {HEADER}"}),
    (body(), {"Authorization": "bc842c31a9e54efe320d30d948be61291f3ceee4766e36ab25fa65243cd76e0e"}),
    (body(), {"Authorization": hashlib.sha256(b":").hexdigest()}),
    (body(), {"X-Razorpay-Signature": RAZORPAYS}),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "headers"), WRONG)
async def test_what_is_signed_otherwise_is_refused_and_not_kept(
    api: Served, raw: bytes, headers: dict[str, str]
) -> None:
    async with api.client() as stranger:
        for path in PATHS:
            answer = await send(stranger, raw, headers, path)
            assert answer.status_code == 401
            problem = answer.json()
            assert problem["code"] == "unauthorised"
            assert HEADER not in answer.text
    assert await kept(api) == []


async def test_a_header_sent_twice_leaves_open_which_one_counts(api: Served) -> None:
    async with api.client() as stranger:
        for name, value in (("authorization", HEADER), ("x-verify", X_VERIFY)):
            raw = CALLBACK if name == "x-verify" else body()
            for other in (value, "0" * 64):
                twice = [(name, value), (name, other)]
                answer = await stranger.post(PATH, content=raw, headers=twice)
                assert answer.status_code == 401
    assert await kept(api) == []


async def test_flipped_bits_in_what_is_signed_are_noticed(api: Served) -> None:
    seed = 20261201
    dice, raw = random.Random(seed), body()
    async with api.client() as stranger:
        for _ in range(60):
            forged = bytearray(raw)
            forged[dice.randrange(len(forged))] ^= 1 << dice.randrange(8)
            assert (await send(stranger, bytes(forged), signed(raw))).status_code == 401, seed
            digest = bytearray(X_VERIFY.encode())
            place = dice.randrange(64)
            digest[place] = dice.choice([each for each in b"0123456789abcdef" if each != digest[place]])
            answer = await send(stranger, CALLBACK, {"X-VERIFY": digest.decode()})
            assert answer.status_code == 401, seed
    assert await kept(api) == []


@pytest.mark.parametrize("settings", [{}, {**SET_UP, "phonepe_client_id": ""}])
async def test_where_phonepe_is_not_set_up_nobody_is_believed(
    database_url: str, settings: dict[str, Any]
) -> None:
    async with serving(database_url, **settings) as api, api.client() as stranger:
        empty = hashlib.sha256(b":").hexdigest()
        for raw, headers in (
            (body(), {"Authorization": HEADER}),
            (body(), {"Authorization": empty}),
            (body(), signed(body())),
            (CALLBACK, {"X-VERIFY": X_VERIFY}),
            (CALLBACK, {"X-VERIFY": hashlib.sha256(b"").hexdigest() + "###1"}),
        ):
            assert (await send(stranger, raw, headers)).status_code == 401
        assert await kept(api) == []


async def test_the_login_before_counts_while_a_change_lasts(database_url: str) -> None:
    changed = SET_UP | {
        "phonepe_webhook_password": "N3wPassword",
        "phonepe_webhook_password_previous": "Passw0rd9",
    }
    new = hashlib.sha256(b"sim_user:N3wPassword").hexdigest()
    async with serving(database_url, **changed) as api, api.client() as phonepe:
        assert (await send(phonepe, body())).status_code == 200
        assert (await send(phonepe, body("pg.order.failed"), {"Authorization": new})).status_code == 200


# Repetitions.


async def test_the_same_news_told_ten_times_at_once_waits_once(api: Served) -> None:
    async with api.client() as phonepe:
        answers = await asyncio.gather(*(send(phonepe, body()) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(answer.json()["status"] for answer in answers) == ["duplicate"] * 9 + ["stored"]
    assert len(await kept(api)) == 1


async def test_the_same_news_in_other_words_is_a_repetition_and_another_attempt_is_news(api: Served) -> None:
    order = PAID | {"merchantOrderId": "pay_1", "state": "PENDING"}
    failed = [{"transactionId": "OM1", "state": "FAILED"}]
    async with api.client() as phonepe:
        first = await send(phonepe, body("pg.transaction.attempt.failed", order | {"paymentDetails": failed}))
        other = order | {"paymentDetails": failed, "feeAmount": 1}
        again = await send(phonepe, body("pg.transaction.attempt.failed", other))
        more = order | {"paymentDetails": [*failed, {"transactionId": "OM2", "state": "FAILED"}]}
        news = await send(phonepe, body("pg.transaction.attempt.failed", more))
    assert [answer.json()["status"] for answer in (first, again, news)] == ["stored", "duplicate", "stored"]


async def test_a_mandate_taken_up_twice_alike_is_told_twice(api: Served) -> None:
    """Paused, unpaused, paused, unpaused: the second time reads like the first (phonepe.md 4.2)."""
    raw = body("subscription.unpaused", MANDATE)
    async with api.client() as phonepe:
        answers = [await send(phonepe, raw) for _ in range(2)]
    assert [answer.json()["status"] for answer in answers] == ["stored", "stored"]
    assert [call.status for call in await kept(api)] == ["received", "received"]


async def test_two_pauses_are_told_apart_by_when_they_began(api: Served) -> None:
    async with api.client() as phonepe:
        for began in (1_790_000_000_000, 1_790_000_000_000, 1_791_000_000_000):
            await send(phonepe, body("subscription.paused", MANDATE | {"pauseStartDate": began}))
    assert len(await kept(api)) == 2


# Junk.


JUNK = [
    b"", b"{}", b"[]", b"null", b"not json", b"\x00\xff", b"[" * 5000, b'{"event": 5}', b'{"payload": []}',
    body("something.new", {}), body(payload={"merchantOrderId": "a" * 65}),
    body(payload={"merchantOrderId": "'; --"}),
    body(payload={"merchantOrderId": 7, "paymentFlow": [], "paymentDetails": "x"}),
]  # fmt: skip


@pytest.mark.parametrize("raw", JUNK)
async def test_whatever_comes_with_the_login_is_kept_and_answered_200(api: Served, raw: bytes) -> None:
    async with api.client() as phonepe:
        assert (await send(phonepe, raw)).status_code == 200
    (call,) = await kept(api)
    assert (call.body, call.gateway_payment_id, call.status) == (raw, None, "received")


async def test_a_huge_body_is_refused_before_it_is_read_to_its_end(api: Served) -> None:
    async with api.client() as phonepe:
        whole = await send(phonepe, b"x" * (1024 * 1024))
        huge = await send(phonepe, b"x" * (1024 * 1024 + 1))
    assert (whole.status_code, huge.status_code) == (200, 413)
    assert len(await kept(api)) == 1


async def test_while_the_database_is_away_phonepe_is_asked_to_come_again() -> None:
    away = "postgresql+asyncpg://bahi:secret@127.0.0.1:1/bahi"
    async with serving(away, **SET_UP) as api, api.client() as phonepe:
        assert (await send(phonepe, body())).status_code == 503
        assert (await send(phonepe, body(), {"Authorization": "forged"})).status_code == 401
