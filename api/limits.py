"""How much a caller may ask of us: size and pace of bodies, number of requests."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import RequestRejected, rejection

MAX_BODY_BYTES = 1024 * 1024
BODY_SECONDS = 10.0


@dataclass(frozen=True)
class Limits:
    """`per_second` is the steady pace, `burst` what may come at once."""

    customer_per_second: float = 20
    customer_burst: int = 100
    refused_per_second: float = 5
    """Failed sign-ins, and addresses that nobody pays at, per client address."""
    refused_burst: int = 50
    payer_per_second: float = 1
    """Visits to one payer's address: each asks a workflow, and that a gateway."""
    payer_burst: int = 30
    body_seconds: float = BODY_SECONDS


DEFAULT_LIMITS = Limits()


class BodyLimit:
    """Refuses bodies above 1 MiB, declared or streamed (413), and those that trickle in (408)."""

    def __init__(self, app: ASGIApp, seconds: float = BODY_SECONDS) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        if declared.isdigit() and int(declared) > MAX_BODY_BYTES:
            await rejection(_too_large())(scope, receive, send)
            return
        body = _WatchedBody(receive, self._seconds)
        await self._app(scope, body.receive, send)


def _too_large() -> RequestRejected:
    return RequestRejected(413, "too_large", f"Bodies are limited to {MAX_BODY_BYTES} bytes; send less.")


class _WatchedBody:
    """Counts and times one request's body; once it is complete, receiving means waiting for the client."""

    def __init__(self, receive: Receive, seconds: float) -> None:
        self._receive = receive
        self._seconds = seconds
        self._deadline: float | None = None
        self._bytes = 0
        self._complete = False

    async def receive(self) -> Message:
        """See ASGI. Raises the one kind of exception that FastAPI passes on while it reads a body."""
        if self._complete:
            return await self._receive()
        self._deadline = self._deadline or asyncio.get_running_loop().time() + self._seconds
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408) from None
        if message["type"] == "http.request":
            self._bytes += len(message.get("body", b""))
            if self._bytes > MAX_BODY_BYTES:
                raise HTTPException(413)
            self._complete = not message.get("more_body", False)
        return message


class RateLimiter:
    """Token buckets by key, in this process; the least recently used are forgotten first."""

    _REMEMBERED = 20_000

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float]) -> None:
        """`clock` gives monotonic seconds."""
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> None:
        """One request. Raises RequestRejected (429) with the seconds to wait."""
        now = self._clock()
        tokens, seen = self._buckets.pop(key, (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - seen) * self._per_second)
        allowed = tokens >= 1
        self._buckets[key] = (tokens - 1 if allowed else tokens, now)
        if len(self._buckets) > self._REMEMBERED:
            self._buckets.popitem(last=False)
        if not allowed:
            wait = max(1, int((1 - tokens) / self._per_second + 0.999))
            raise RequestRejected(
                429, "too_many_requests", f"Too many requests; wait {wait} s.", retry_after=wait
            )
