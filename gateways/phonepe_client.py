"""PhonePe over HTTP: one pool, one token for all callers, deadlines, errors of ours (phonepe.md 1)."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar

import httpx

from gateways.loopback import is_loopback
from gateways.phonepe_errors import Repeating, Unreadable, from_failure, from_reply

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 20.0
"""For one exchange, from the first byte to the last."""

_CONNECTIONS = 16
_EARLY_SECONDS = 240.0
"""PhonePe asks for a refresh three to five minutes before expiry (phonepe.md 1.2)."""

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class PhonePeHosts:
    """Where PhonePe is: payments, tokens, and how it feels."""

    pg_url: str
    auth_url: str
    health_url: str


SANDBOX = PhonePeHosts(*("https://api-preprod.phonepe.com/apis/pg-sandbox",) * 3)
PRODUCTION = PhonePeHosts(
    "https://api.phonepe.com/apis/pg",
    "https://api.phonepe.com/apis/identity-manager",
    "https://api.phonepe.com/apis/pg-health",
)


@dataclass(frozen=True)
class PhonePeCredentials:
    """As PhonePe issued them; `client_version` is 1 in its sandbox."""

    client_id: str
    client_version: int
    client_secret: str = field(repr=False)


@dataclass(frozen=True)
class _Token:
    header: str = field(repr=False)
    refresh_at: float
    expires_at: float
    """Both by our clock, seconds."""


class PhonePeClient:
    """Asks, with a token that is fetched once for everybody who waits for it.

    `clock` gives unix seconds. One client belongs to one event loop.
    """

    def __init__(
        self,
        credentials: PhonePeCredentials,
        hosts: PhonePeHosts,
        *,
        connect_seconds: float = CONNECT_SECONDS,
        answer_seconds: float = ANSWER_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._credentials = credentials
        self._hosts = hosts
        self._answer_seconds = answer_seconds
        self._clock = clock
        self._token: _Token | None = None
        self._refreshing: asyncio.Task[_Token] | None = None
        self._http = httpx.AsyncClient(
            timeout=httpx.Timeout(answer_seconds, connect=connect_seconds, pool=connect_seconds),
            limits=httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS),
            follow_redirects=False,
            trust_env=not all(map(is_loopback, (hosts.pg_url, hosts.auth_url, hosts.health_url))),
        )

    async def get(
        self, what: str, path: str, read: Callable[[Any], Answer], query: Mapping[str, str] | None = None
    ) -> Answer:
        """`read` of the answer at `path`; `what` names the call in errors.

        Raises GatewayRefused or GatewayUnavailable.
        """
        url = f"{self._hosts.pg_url.rstrip('/')}{path}"
        return await self._ask(what, "GET", url, read, Repeating.HARMLESS, params=query)

    async def post(
        self,
        what: str,
        path: str,
        body: Mapping[str, Any] | None,
        read: Callable[[Any], Answer],
        repeating: Repeating,
    ) -> Answer:
        """As `get`; raises OutcomeUnknown too where `repeating` says that it creates."""
        url = f"{self._hosts.pg_url.rstrip('/')}{path}"
        return await self._ask(what, "POST", url, read, repeating, json=body)

    async def health(self, read: Callable[[Any], Answer]) -> Answer:
        """As `get`, of the host that knows."""
        url = f"{self._hosts.health_url.rstrip('/')}/v3/health"
        return await self._ask("ask how PhonePe is", "GET", url, read, Repeating.HARMLESS)

    async def close(self) -> None:
        """Close connections; a refresh under way is given up."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)
        await self._http.aclose()

    async def _ask(
        self,
        what: str,
        method: str,
        url: str,
        read: Callable[[Any], Answer],
        repeating: Repeating,
        **sent: Any,
    ) -> Answer:
        token = await self._valid_token()
        reply = await self._exchange(what, method, url, repeating, token, **sent)
        if reply.status_code == HTTPStatus.UNAUTHORIZED:
            # It was turned away at the door, so nothing was done; a token may have died before its time.
            # Once: a product that is not enabled answers so too, and a new token is no cure for that.
            self._drop(token)
            token = await self._valid_token()
            reply = await self._exchange(what, method, url, repeating, token, **sent)
        if not reply.is_success:
            raise from_reply(what, reply.status_code, reply.content, repeating)
        return _understood(what, reply.content, read, repeating)

    async def _exchange(
        self, what: str, method: str, url: str, repeating: Repeating, token: _Token | None, **sent: Any
    ) -> httpx.Response:
        headers = {"Authorization": token.header} if token else {}
        try:
            # A deadline over all: the client's own ones start anew with every byte.
            async with asyncio.timeout(self._answer_seconds):
                return await self._http.request(method, url, headers=headers, **sent)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise from_failure(what, error, repeating) from error

    def _drop(self, token: _Token) -> None:
        """Only the one that failed: another caller may have fetched a new one meanwhile."""
        if self._token is token:
            self._token = None

    async def _valid_token(self) -> _Token:
        token, now = self._token, self._clock()
        if token is not None and now < token.refresh_at:
            return token
        if self._refreshing is None:
            self._refreshing = asyncio.create_task(self._refresh())
            self._refreshing.add_done_callback(self._refreshed)
        if token is not None and now < token.expires_at:
            return token  # still good: nobody waits for the next one
        # Shielded: a caller that gives up must not take it from those that wait beside it.
        return await asyncio.shield(self._refreshing)

    def _refreshed(self, task: "asyncio.Task[_Token]") -> None:
        self._refreshing = None
        if not task.cancelled() and task.exception() is None:
            self._token = task.result()

    async def _refresh(self) -> _Token:
        what = "get PhonePe's token"
        form = {
            "client_id": self._credentials.client_id,
            "client_version": str(self._credentials.client_version),
            "client_secret": self._credentials.client_secret,
            "grant_type": "client_credentials",
        }
        url = f"{self._hosts.auth_url.rstrip('/')}/v1/oauth/token"
        asked_at = self._clock()
        reply = await self._exchange(what, "POST", url, Repeating.HARMLESS, None, data=form)
        if not reply.is_success:
            raise from_reply(what, reply.status_code, reply.content, Repeating.HARMLESS)
        return _understood(
            what, reply.content, lambda answer: _read_token(answer, asked_at), Repeating.HARMLESS
        )


def _understood(what: str, body: bytes, read: Callable[[Any], Answer], repeating: Repeating) -> Answer:
    """`read` of a body; an empty one, as to a cancellation, is None."""
    try:
        try:
            answer = json.loads(body) if body else None
        except (ValueError, RecursionError):
            raise Unreadable("it is no JSON") from None
        return read(answer)
    except Unreadable as error:
        raise from_failure(what, error, repeating) from error


def _read_token(answer: Any, asked_at: float) -> _Token:
    """`expires_at` decides, for `expires_in` may be null (phonepe.md 1.2).

    Where our clock is not between issue and expiry, clocks differ, and the span between them counts.
    """
    if not isinstance(answer, dict):
        raise Unreadable("it is no object")
    token, expires_at, issued_at = (answer.get(each) for each in ("access_token", "expires_at", "issued_at"))
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        raise Unreadable("it holds no token")
    if type(expires_at) is not int:
        raise Unreadable("'expires_at' is not a whole number of seconds")
    left = expires_at - asked_at
    if type(issued_at) is int and not issued_at <= asked_at < expires_at:
        left = float(expires_at - issued_at)
    if left <= 0:
        raise Unreadable("the token has expired already")
    early = min(_EARLY_SECONDS, left / 2)
    return _Token(f"O-Bearer {token}", asked_at + left - early, asked_at + left)
