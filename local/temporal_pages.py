"""The Temporal UI behind a thin proxy, because the dev server cannot be told two things about the codec.

Its pages must send the operator's session with requests to the codec, and say where to sign in when
there is none. The production image has settings for both.
"""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from local.home import LocalError
from local.ports import LOOPBACK
from local.processes import until

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_OF_THIS_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "host"}
_READY_SECONDS = 10.0


class _Server(uvicorn.Server):
    """Signals belong to whoever runs the stack."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class TemporalPages:
    """Serves the UI that listens on `behind` (a port) on `port`."""

    name = "temporal pages"

    def __init__(self, port: int, behind: int, login_url: str) -> None:
        self.url = f"http://{LOOPBACK}:{port}"
        self._port = port
        self._behind = f"http://{LOOPBACK}:{behind}"
        self._login_url = login_url
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        return self._serving is not None and not self._serving.done()

    async def start(self) -> None:
        """Raises LocalError when the port is taken."""
        routes = [
            Route("/api/v1/settings", self._settings),
            Route("/{path:path}", self._forward, methods=_METHODS),
        ]
        self._http = httpx.AsyncClient(base_url=self._behind, trust_env=False, timeout=60)
        config = uvicorn.Config(
            Starlette(routes=routes), host=LOOPBACK, port=self._port, log_config=None, access_log=False,
            timeout_graceful_shutdown=1,
        )  # fmt: skip
        server = self._server = _Server(config)
        self._serving = asyncio.create_task(self._serve(server))
        await until(lambda: server.started or not self.running, _READY_SECONDS)
        if not self.running:
            raise LocalError(f"the Temporal pages cannot listen on port {self._port}")

    async def stop(self) -> None:
        """Connections under way have a second."""
        if self._server and self._serving:
            self._server.should_exit = True
            await self._serving
            await self._http.aclose()

    async def _serve(self, server: _Server) -> None:
        try:
            await server.serve()
        except SystemExit:  # uvicorn's way to say that it cannot listen
            return

    async def _settings(self, _request: Request) -> Response:
        try:
            settings = (await self._http.get("/api/v1/settings")).json()
        except (httpx.TransportError, json.JSONDecodeError):
            return Response(status_code=502)
        settings["Codec"] |= {
            "IncludeCredentials": True,
            "DefaultErrorMessage": "Payloads are encrypted. Operators can read them after signing in.",
            "DefaultErrorLink": self._login_url,
        }
        return JSONResponse(settings)

    async def _forward(self, request: Request) -> Response:
        headers = [(name, value) for name, value in request.headers.items() if name not in _OF_THIS_HOP]
        # As it was sent: a workflow id with a slash in it is one part of the path.
        target = request.scope["raw_path"] + (b"?" + request.scope["query_string"]).rstrip(b"?")
        onward = self._http.build_request(
            request.method, httpx.URL(self._behind).copy_with(raw_path=target), headers=headers,
            content=await request.body(),
        )  # fmt: skip
        try:
            answer = await self._http.send(onward, stream=True)
        except httpx.TransportError:
            return Response("Temporal does not answer", status_code=502)
        passed_on = {name: value for name, value in answer.headers.items() if name not in _OF_THIS_HOP}
        return StreamingResponse(
            answer.aiter_raw(), answer.status_code, passed_on, background=BackgroundTask(answer.aclose)
        )
