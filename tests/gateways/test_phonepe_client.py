"""Talking to PhonePe: one token for all, deadlines, and errors of ours, against a loopback server."""

import asyncio
import json
import time
from typing import Any

import pytest

from domain.errors import GatewayRefused, GatewayUnavailable, OutcomeUnknown
from gateways.phonepe_client import PRODUCTION, SANDBOX, PhonePeClient, PhonePeHosts
from gateways.phonepe_errors import Repeating
from tests.gateways.phonepe_stub import CREDENTIALS, Asked, Reply, Stub, stub, token


def as_it_is(answer: Any) -> Any:
    return answer


async def get(client: PhonePeClient) -> Any:
    return await client.get("ask", "/thing", as_it_is)


async def post(client: PhonePeClient, repeating: Repeating = Repeating.CREATES) -> Any:
    return await client.post("make", "/thing", {"amount": 100}, as_it_is, repeating)


async def test_the_token_is_asked_for_as_documented_and_sent_as_o_bearer() -> None:
    async with stub() as server:
        client = server.client()
        assert await post(client) == {}
        assert server.fetched[0].form == {
            "client_id": "CLIENT",
            "client_version": "1",
            "client_secret": "secret",
            "grant_type": "client_credentials",
        }
        assert server.fetched[0].headers["content-type"] == "application/x-www-form-urlencoded"
        assert "authorization" not in server.fetched[0].headers
        [asked] = server.asked
        assert (asked.method, asked.path) == ("POST", "/pg/thing")
        assert asked.headers["authorization"] == "O-Bearer t1"
        assert "x-merchant-id" not in asked.headers
        assert json.loads(asked.body) == {"amount": 100}
        await client.health(as_it_is)
        assert server.asked[-1].path == "/health/v3/health"
        await client.close()


async def test_all_who_wait_share_one_token_and_connections() -> None:
    async with stub(delay=0.05) as server:
        client = server.client()
        await asyncio.gather(*(get(client) for _ in range(60)))
        assert len(server.fetched) == 1
        assert {asked.headers["authorization"] for asked in server.asked} == {"O-Bearer t1"}
        assert server.connections <= 20
        await client.close()


async def test_a_caller_who_gives_up_does_not_take_the_token_from_the_others() -> None:
    async with stub(delay=0.1) as server:
        client = server.client()
        first = asyncio.create_task(get(client))
        others = [asyncio.create_task(get(client)) for _ in range(3)]
        await asyncio.sleep(0.02)
        first.cancel()
        assert await asyncio.gather(*others) == [{}, {}, {}]
        assert len(server.fetched) == 1
        await client.close()


async def test_a_failed_refresh_fails_all_who_wait_once_and_the_next_call_asks_anew() -> None:
    def tokens(number: int) -> Reply:
        return (503, b"") if number == 1 else token(number)

    async with stub(tokens=tokens, delay=0.05) as server:
        client = server.client()
        outcomes = await asyncio.gather(*(post(client) for _ in range(5)), return_exceptions=True)
        # Nothing was sent yet, so not even a creating call is in doubt.
        assert {type(each) for each in outcomes} == {GatewayUnavailable}
        assert (len(server.fetched), len(server.asked)) == (1, 0)
        assert await post(client) == {}
        await client.close()


async def test_a_token_is_refreshed_minutes_before_it_dies_and_nobody_waits_for_it() -> None:
    now = time.time()
    async with stub(delay=0.05) as server:
        client = server.client(clock=lambda: now)
        await get(client)
        now += 3600 - 241
        await get(client)
        assert len(server.fetched) == 1
        now += 2
        await get(client)
        assert server.asked[-1].headers["authorization"] == "O-Bearer t1"
        async with asyncio.timeout(5):
            while server.asked[-1].headers["authorization"] == "O-Bearer t1":
                await asyncio.sleep(0.02)
                await get(client)
        assert len(server.fetched) == 2
        await client.close()


async def test_a_token_that_still_lives_is_used_while_no_other_can_be_had_and_a_dead_one_is_not() -> None:
    now = time.time()

    def tokens(number: int) -> Reply:
        return token(number) if number == 1 else (500, b"R999")

    async with stub(tokens=tokens) as server:
        client = server.client(clock=lambda: now)
        await get(client)
        now += 3500
        assert await get(client) == {}
        now += 200
        with pytest.raises(GatewayUnavailable, match="answered 500"):
            await get(client)
        await client.close()


@pytest.mark.parametrize("ahead", [-86_400, 86_400])
async def test_clocks_that_differ_do_not_make_every_call_fetch_a_token(ahead: int) -> None:
    now = time.time() + ahead
    async with stub() as server:
        client = server.client(clock=lambda: now)
        await get(client)
        await get(client)
        assert len(server.fetched) == 1
        now += 3601
        await get(client)
        assert len(server.fetched) == 2
        await client.close()


async def test_one_401_means_a_new_token_and_one_more_try() -> None:
    def answer(asked: Asked) -> Reply:
        dead = asked.headers["authorization"] == "O-Bearer t1"
        return (401, b'{"code":"AUTHORIZATION_FAILED","message":"no"}') if dead else (200, b'{"ok":true}')

    async with stub(answer=answer, delay=0.02) as server:
        client = server.client()
        answers = await asyncio.gather(*(post(client) for _ in range(8)))
        assert answers == [{"ok": True}] * 8
        assert len(server.fetched) == 2
        await client.close()


async def test_a_second_401_is_a_refusal_that_names_the_credentials() -> None:
    async with stub(answer=lambda _: (401, b'{"success":false,"code":"401"}')) as server:
        client = server.client()
        with pytest.raises(GatewayRefused, match="check the client id") as refused:
            await post(client)
        assert (refused.value.status, refused.value.reason) == (401, "401")
        assert (len(server.fetched), len(server.asked)) == (2, 2)
        await client.close()


@pytest.mark.parametrize("status", [400, 401])
async def test_wrong_credentials_are_final_and_the_secret_is_not_told(status: int) -> None:
    body = {
        "code": "INVALID_CLIENT",
        "errorCode": "OIM000",
        "message": "Bad Request: Invalid Client, trackingId: 2123d",
        "context": {"error_description": "Client authentication failure"},
    }
    async with stub(tokens=lambda _: (status, json.dumps(body).encode())) as server:
        client = server.client()
        with pytest.raises(GatewayRefused, match="OIM000 Bad Request") as refused:
            await get(client)
        assert "secret" not in str(refused.value).replace("and secret", "")
        assert "secret" not in repr(CREDENTIALS).replace("client_secret", "")
        assert server.asked == []
        await client.close()


@pytest.mark.parametrize(
    "reply",
    [
        (200, b""),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b'{"access_token":"t"}'),
        token(1, access_token="a\nb"),
        token(1, expires_at="soon"),
        token(1, expires_at=1.5e9),
        token(1, lifetime=-5, issued_at=None),
        token(1, lifetime=0),
        None,
    ],
)
async def test_a_token_that_is_none_is_not_used(reply: Reply) -> None:
    async with stub(tokens=lambda _: reply) as server:
        client = server.client()
        with pytest.raises(GatewayUnavailable, match="token"):
            await post(client)
        assert server.asked == []
        await client.close()


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ((500, b"R999"), OutcomeUnknown),
        ((502, b"<html>bad gateway"), OutcomeUnknown),
        ((200, b"<html>fine"), OutcomeUnknown),
        ((200, b"["), OutcomeUnknown),
        ((200, b"[" * 100_000), OutcomeUnknown),
        (None, OutcomeUnknown),
        ((429, b""), GatewayUnavailable),
        ((400, b""), GatewayRefused),
        ((404, b"<html>"), GatewayRefused),
        ((499, b"{}"), GatewayRefused),
        ((302, b""), GatewayRefused),
    ],
)
async def test_what_became_of_a_creating_call_is_never_guessed(reply: Reply, kind: type[Exception]) -> None:
    async with stub(answer=lambda _: reply) as server:
        client = server.client()
        with pytest.raises(kind, match="make: "):
            await post(client)
        assert len(server.asked) == 1
        harmless = GatewayUnavailable if kind is OutcomeUnknown else kind
        with pytest.raises(harmless):
            await get(client)
        with pytest.raises(GatewayRefused if kind is GatewayRefused else OutcomeUnknown):
            await post(client, Repeating.DEBITS)
        await client.close()


async def test_silence_ends_with_the_deadline() -> None:
    over = asyncio.Event()

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    quiet = await asyncio.start_server(never, "127.0.0.1", 0)
    port = quiet.sockets[0].getsockname()[1]
    async with stub() as auth:
        hosts = PhonePeHosts(f"http://127.0.0.1:{port}", auth.hosts.auth_url, auth.hosts.health_url)
        client = PhonePeClient(CREDENTIALS, hosts, answer_seconds=0.2)
        begun = time.monotonic()
        with pytest.raises(OutcomeUnknown, match="no answer of PhonePe"):
            await post(client)
        assert time.monotonic() - begun < 2
        await client.close()
    over.set()
    quiet.close()


async def test_a_host_that_is_not_there_saw_nothing() -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    async with stub() as auth:
        gone = PhonePeHosts(f"http://127.0.0.1:{port}", auth.hosts.auth_url, auth.hosts.health_url)
        client = PhonePeClient(CREDENTIALS, gone)
        with pytest.raises(GatewayUnavailable, match="cannot be reached"):
            await post(client, Repeating.DEBITS)
        await client.close()


async def test_an_address_that_is_none_is_refused() -> None:
    async with stub() as auth:
        client = PhonePeClient(CREDENTIALS, PhonePeHosts("gopher://x", auth.hosts.auth_url, "gopher://x"))
        with pytest.raises(GatewayRefused, match="check the base URLs"):
            await get(client)
        await client.close()


async def test_an_empty_answer_is_none() -> None:
    async with stub(answer=lambda _: (204, b"")) as server:
        client = server.client()
        assert await post(client) is None
        await client.close()


async def test_closing_gives_up_a_refresh_under_way() -> None:
    server: Stub
    async with stub(delay=30) as server:
        client = server.client(answer_seconds=60)
        waiting = asyncio.create_task(get(client))
        async with asyncio.timeout(5):
            await server.fetching.wait()
        await client.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting


def test_the_hosts_are_those_of_version_two() -> None:
    assert SANDBOX.pg_url == SANDBOX.auth_url == "https://api-preprod.phonepe.com/apis/pg-sandbox"
    assert PRODUCTION.pg_url == "https://api.phonepe.com/apis/pg"
    assert PRODUCTION.auth_url == "https://api.phonepe.com/apis/identity-manager"
