"""Who is let in, and as whom."""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from api.auth import Tokens
from api.limits import Limits
from config import Settings
from domain.errors import Misconfigured
from tests.api.serving import FAR_AWAY, Served, serving

MINE = "/v1/subscriptions/me"


async def status(served: Served, token: str | None, path: str = MINE) -> int:
    async with served.client(token) as client:
        return (await client.get(path)).status_code


async def test_a_customers_token_opens_what_is_theirs(api: Served) -> None:
    assert await status(api, api.customer_token()) == 200


async def test_without_a_token_the_answer_names_what_to_send(api: Served) -> None:
    async with api.client() as anybody:
        answer = await anybody.get(MINE)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "Authorization: Bearer" in answer.json()["detail"]


async def test_expired_foreign_or_unsigned_tokens_are_refused(api: Served) -> None:
    claims = {"sub": "user_1", "exp": FAR_AWAY}
    secret = "local-only-customer-secret-of-32-bytes"
    header = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    bad = [
        api.customer_token(exp=int(time.time()) - 60),
        jwt.encode({"sub": "user_1"}, secret, algorithm="HS256"),
        jwt.encode({"exp": FAR_AWAY}, secret, algorithm="HS256"),
        jwt.encode(claims, "another-secret-of-at-least-32-bytes!", algorithm="HS256"),
        f"{header}.{body}.",
        api.customer_token("a\x00b"),
        api.customer_token("x" * 256),
        "junk",
        "a.b.c",
        api.operator_token(),
        api.settings.service_token.get_secret_value(),
    ]
    for token in bad:
        assert await status(api, token) == 401, token


async def test_a_customers_token_opens_nothing_of_operators_or_services(api: Served) -> None:
    token = api.customer_token(role="operator")
    for path in ("/admin/webhooks", "/admin/subscriptions", "/v1/events", "/internal/entitlements/user_1"):
        assert await status(api, token, path) == 401, path


async def test_a_token_of_the_operators_secret_without_the_role_is_forbidden(api: Served) -> None:
    assert await status(api, api.operator_token(role="viewer"), "/admin/webhooks") == 403
    assert await status(api, api.operator_token(), "/admin/webhooks") == 200


async def test_events_are_for_services_and_operators(api: Served) -> None:
    assert await status(api, api.settings.service_token.get_secret_value(), "/v1/events") == 200
    assert await status(api, api.operator_token(), "/v1/events") == 200
    assert await status(api, None, "/v1/events") == 401


async def test_audience_and_issuer_count_where_they_are_set(database_url: str) -> None:
    async with serving(database_url, customer_jwt_audience="billing", customer_jwt_issuer="app") as api:
        assert await status(api, api.customer_token(aud="billing", iss="app")) == 200
        assert await status(api, api.customer_token(aud="billing", iss="other")) == 401
        assert await status(api, api.customer_token(aud="other", iss="app")) == 401
        assert await status(api, api.customer_token(iss="app")) == 401


async def test_an_audience_is_ignored_where_none_is_set(api: Served) -> None:
    assert await status(api, api.customer_token(aud="whatever")) == 200


async def test_the_tokens_name_and_email_become_the_customers_first(api: Served) -> None:
    async with api.customer("user_9", name="Asha Verma", email="asha@example.com") as customer:
        await customer.post("/v1/subscriptions", json={"plan_id": "plan_free"})
        details = (await customer.get("/v1/billing-details")).json()
    assert (details["name"], details["email"]) == ("Asha Verma", "asha@example.com")


@asynccontextmanager
async def published(keys: dict[str, Any]) -> AsyncIterator[str]:
    """A JWKS endpoint that can change its keys."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = json.dumps(keys).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/jwks"


async def test_published_keys_are_used_instead_of_the_secret(database_url: str) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    keys = {"keys": [{**public, "kid": "one", "use": "sig"}]}
    claims = {"sub": "user_1", "exp": FAR_AWAY}
    async with published(keys) as url, serving(database_url, customer_jwks_url=url) as api:
        signed = jwt.encode(claims, key, algorithm="RS256", headers={"kid": "one"})
        unknown = jwt.encode(claims, key, algorithm="RS256", headers={"kid": "two"})
        assert await status(api, signed) == 200
        assert await status(api, unknown) == 401
        assert await status(api, api.customer_token()) == 401
        assert await status(api, confused(claims, json.dumps(public).encode())) == 401


def confused(claims: dict[str, Any], published_key: bytes) -> str:
    """The oldest trick: the published key taken for a shared secret."""
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "HS256", "kid": "one"}, claims)
    ]
    signature = hmac.digest(published_key, b".".join(parts), "sha256")
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


async def test_while_the_keys_cannot_be_fetched_the_answer_is_503(database_url: str) -> None:
    async with serving(database_url, customer_jwks_url="http://127.0.0.1:9/jwks") as api:
        assert await status(api, jwt.encode({"sub": "x"}, "s" * 32, headers={"kid": "one"})) == 503


def test_operators_and_customers_may_not_share_a_secret() -> None:
    with pytest.raises(Misconfigured, match="could become operators"):
        Tokens(Settings(operator_jwt_secret="same" * 10, customer_jwt_secret="same" * 10))


def test_customers_need_some_way_to_sign_in() -> None:
    with pytest.raises(Misconfigured, match="cannot sign in"):
        Tokens(Settings(customer_jwt_secret=None))


async def test_guessing_tokens_is_slowed_down_and_valid_ones_still_pass(database_url: str) -> None:
    limits = Limits(refused_per_second=0.01, refused_burst=3)
    async with serving(database_url, limits=limits) as api:
        assert [await status(api, "junk") for _ in range(5)] == [401, 401, 401, 429, 429]
        async with api.client("junk") as guessing:
            spoofed = await guessing.get(MINE, headers={"X-Forwarded-For": "203.0.113.9"})
            assert int(spoofed.headers.get("retry-after", "0")) > 0 or spoofed.status_code == 401
        assert await status(api, api.customer_token()) == 200
