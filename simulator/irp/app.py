"""HTTP of the portal, and of whoever controls it.

POST /Invoice                       INV-01: {"Status": 1, "Data": {AckNo, AckDt, Irn, SignedInvoice, ...}}
GET  /Invoice/irnbydocdetails       ?doctype=INV&docnum=...&docdate=DD/MM/YYYY
POST /Invoice/Cancel                {"Irn", "CnlRsn", "CnlRem"}: {"Irn", "CancelDate"}
headers client_id, client_secret, Gstin

GET  /_sim/key                      the public key, PEM
GET  /_sim/books                    {"registrations": [...]}
GET, POST /_sim/clock               {"set": ISO 8601} or {"advance_seconds": n}
GET, POST, DELETE /_sim/faults      see faults.py
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from simulator.irp.faults import Faults, Rule
from simulator.irp.portal import Portal
from simulator.irp.refusals import Json, PortalRefusal

Act = Callable[[Request, Json], Json]


class Edge:
    """Routes to the portal."""

    def __init__(self, portal: Portal, client_id: str, client_secret: str) -> None:
        self._portal = portal
        self._credentials = (client_id, client_secret)
        self._faults = Faults()

    def app(self) -> ASGIApp:
        """Must be served by uvicorn, whose connections the faults can cut."""
        inner = Starlette(
            routes=[
                Route("/Invoice", self._portal_call(self._register), methods=["POST"]),
                Route("/Invoice/irnbydocdetails", self._portal_call(self._find), methods=["GET"]),
                Route("/Invoice/Cancel", self._portal_call(self._cancel), methods=["POST"]),
                Route("/_sim/key", self._key),
                Route("/_sim/books", self._books),
                Route("/_sim/clock", self._clock, methods=["GET", "POST"]),
                Route("/_sim/faults", self._switch, methods=["GET", "POST", "DELETE"]),
            ]
        )

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await inner({**scope, "servers_send": send}, receive, send)

        return app

    def _register(self, request: Request, body: Json) -> Json:
        return self._portal.register(request.headers.get("gstin", ""), body)

    def _find(self, request: Request, _body: Json) -> Json:
        asked = request.query_params
        details = (asked.get("doctype", ""), asked.get("docnum", ""), asked.get("docdate", ""))
        return self._portal.find(request.headers.get("gstin", ""), *details)

    def _cancel(self, request: Request, body: Json) -> Json:
        return self._portal.cancel(request.headers.get("gstin", ""), body)

    def _portal_call(self, act: Act) -> Callable[[Request], Awaitable[Response]]:
        def perform(request: Request, body: Json) -> Response:
            try:
                return JSONResponse({"Status": 1, "Data": act(request, body), "ErrorDetails": None})
            except PortalRefusal as refusal:
                return JSONResponse(refusal.body)

        async def answer(request: Request) -> Response:
            given = (request.headers.get("client_id"), request.headers.get("client_secret"))
            if given != self._credentials:
                return JSONResponse({"Status": 0, "message": "unknown client"}, 401)
            raw = await request.body()
            try:
                body = json.loads(raw, parse_float=Decimal) if raw else {}
            except ValueError:
                return JSONResponse({"Status": 0, "message": "no JSON"}, 400)
            rule = self._faults.strike(request.method, request.url.path)
            if rule is None:
                return perform(request, body)
            return await self._struck(rule, request, body, perform)

        return answer

    async def _struck(
        self, rule: Rule, request: Request, body: Json, perform: Callable[[Request, Json], Response]
    ) -> Response:
        if rule.kind == "refuse":
            return JSONResponse(PortalRefusal(rule.code, "refused by a fault").body)
        if rule.kind == "number_taken":
            self._portal.take_number(body)
            return perform(request, body)
        if rule.kind == "latency":
            await asyncio.sleep(rule.seconds)
            return perform(request, body)
        if rule.after_commit:
            perform(request, body)
        if rule.kind == "timeout":
            await asyncio.sleep(rule.seconds)
        if rule.kind in ("timeout", "drop"):
            return await _cut(request)
        return PlainTextResponse("the portal is under maintenance", int(rule.kind.removeprefix("http_")))

    # control

    async def _key(self, _request: Request) -> Response:
        return PlainTextResponse(self._portal.public_key)

    async def _books(self, _request: Request) -> Response:
        return JSONResponse({"registrations": self._portal.registrations()})

    async def _clock(self, request: Request) -> Response:
        if request.method == "POST":
            asked = await request.json()
            if "set" in asked:
                moment = int(datetime.fromisoformat(asked["set"]).timestamp())
                self._portal.move(moment - self._portal.clock.now())
            else:
                self._portal.move(int(asked["advance_seconds"]))
        now = self._portal.now
        return JSONResponse({"now": int(now.timestamp()), "iso": now.isoformat()})

    async def _switch(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._faults.clear()
        if request.method == "POST":
            try:
                self._faults.add(Rule.model_validate(await request.json()))
            except ValidationError as fault:
                return PlainTextResponse(str(fault), 400)
        return JSONResponse({"faults": self._faults.shown()})


async def _cut(request: Request) -> Response:
    """Close the socket without a byte of answer. ASGI has no message for it, so uvicorn's cycle is asked."""
    cycle = request.scope["servers_send"].__self__
    cycle.transport.abort()
    for _ in range(3):  # let the server notice before this request ends
        await asyncio.sleep(0)
    return Response()
