"""One log line and one measurement per request, under a request id. Never paths: they hold ids of people."""

import os
import re
import time

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.logs import logger, set_request_id

_GIVEN_ID = re.compile(rb"[A-Za-z0-9_.-]{8,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_QUIET = frozenset({"/healthz", "/readyz", "/metrics", "/internal/entitlements/{user_id}"})
"""Asked all the time: counted, and logged only where they fail."""


class Metrics:
    """What the API counts, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "bahi_http_requests", "Requests answered", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "bahi_http_request_seconds",
            "Time to answer",
            ("method", "route"),
            buckets=_SECONDS,
            registry=self.registry,
        )


class Observer:
    """Outermost: names the request, times it, logs it."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, mint: "RequestIdMint") -> None:
        self._app = app
        self._metrics = metrics
        self._mint = mint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = self._mint.of(scope)
        set_request_id(name)
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message).setdefault("X-Request-Id", name)
            await send(message)

        began = time.perf_counter()
        try:
            await self._app(scope, receive, watched)
        finally:
            self._record(scope, status, time.perf_counter() - began)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        # Methods and routes from a closed list: a stranger must not be able to make series.
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        route = getattr(scope.get("route"), "path_format", None) or "unmatched"
        self._metrics.requests.labels(method, route, str(status)).inc()
        self._metrics.seconds.labels(method, route).observe(seconds)
        line = logger.debug if route in _QUIET and status < 400 else logger.info
        line("request", method=method, route=route, status=status, ms=round(seconds * 1000, 2))


class RequestIdMint:
    """The caller's request id where it is harmless, else a new one."""

    def __init__(self) -> None:
        self._process = os.urandom(6).hex()
        self._count = 0

    def of(self, scope: Scope) -> str:
        """From the header X-Request-Id, or minted."""
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        if _GIVEN_ID.fullmatch(given):
            return str(given, "ascii")
        self._count += 1
        return f"req_{self._process}_{self._count:x}"
