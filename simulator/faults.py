"""Faults on the API: rules that strike chosen requests, before or after the act is in the books.

The rules and their counts live in the books, so they survive a killed process.
"""

import asyncio
import json
import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simulator.world import World

Kind = Literal[
    "http_400", "http_429", "http_500", "http_502_html", "http_503", "http_504", "hang", "latency",
    "drop_before_commit", "drop_after_commit", "partial_json", "no_route", "operation_in_progress",
    "refund_store_failure",
]  # fmt: skip
_HTML = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


class Rule(BaseModel):
    """Which requests a fault strikes. Without `nth` it strikes the first `times` matching requests."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    method: str | None = None
    path_regex: str = "."
    nth: int = Field(default=1, ge=1, description="the first matching request to strike, from 1")
    times: int = Field(default=1, ge=0, description="how many from there on; 0 is every one")
    seconds: float = Field(default=30.0, ge=0, description="of hang and latency")
    after_commit: bool = Field(default=False, description="let the act happen, then answer with the fault")

    @field_validator("path_regex")
    @classmethod
    def _compiles(cls, value: str) -> str:
        re.compile(value)
        return value


def rules(world: World) -> list[dict[str, Any]]:
    """The rules with how many requests each saw (`matched`) and struck (`struck`)."""
    return list(world.books.note("faults") or [])


def add(world: World, new: list[Rule]) -> list[dict[str, Any]]:
    """Put rules in force beside those there are."""
    known = rules(world)
    number = world.books.note("fault_number") or 0
    for rule in new:
        number += 1
        known.append(rule.model_dump() | {"id": number, "matched": 0, "struck": 0, "requests": []})
    world.books.set_note("faults", known)
    world.books.set_note("fault_number", number)
    return known


def clear(world: World) -> None:
    """No more faults."""
    world.books.set_note("faults", [])


def strike(world: World, method: str, path: str) -> Rule | None:
    """The rule that strikes this request, if any; counts it."""
    known = rules(world)
    struck: Rule | None = None
    touched = False
    for each in known:
        if each["method"] not in (None, method) or not re.search(each["path_regex"], path):
            continue
        touched = True
        each["matched"] += 1
        past = each["matched"] - each["nth"]
        if struck is None and past >= 0 and (each["times"] == 0 or past < each["times"]):
            each["struck"] += 1
            each["requests"] = [*each["requests"], f"{method} {path}"][-50:]
            struck = Rule(**{name: each[name] for name in Rule.model_fields})
    if touched:
        world.books.set_note("faults", known)
    return struck


def _error(code: str, description: str) -> dict[str, Any]:
    error = {"code": code, "description": description, "source": "internal", "step": "NA", "reason": "NA"}
    return {"error": error | {"metadata": {}}}


_ANSWERS: dict[str, tuple[int, Any]] = {
    "http_400": (400, _error("BAD_REQUEST_ERROR", "Your request could not be completed.")),
    "http_429": (429, _error("BAD_REQUEST_ERROR", "Throttling Error")),
    "http_500": (
        500,
        _error("SERVER_ERROR", "We are facing some trouble completing your request at the moment."),
    ),
    "http_502_html": (502, _HTML),
    "http_503": (503, _error("SERVER_ERROR", "The server is currently unable to handle the request.")),
    "http_504": (504, _error("SERVER_ERROR", "The gateway did not answer in time.")),
    "no_route": (404, {"message": "no Route matched with those values"}),
    "operation_in_progress": (
        400,
        _error("BAD_REQUEST_ERROR", "Request failed because another subscription operation is in progress."),
    ),
    "refund_store_failure": (
        500,
        _error("SERVER_ERROR", "Internal server error - Failed to fetch idempotency record"),
    ),
}


class Faults:
    """ASGI middleware around the API; must be the outermost, it reaches for the socket."""

    def __init__(self, app: ASGIApp, world: World) -> None:
        self._app = app
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, unless a rule strikes it."""
        if scope["type"] != "http" or not scope["path"].startswith("/v1"):
            await self._app(scope, receive, send)
            return
        rule = strike(self._world, scope["method"], scope["path"])
        if rule is None:
            await self._app(scope, receive, send)
        elif rule.kind == "latency":
            await asyncio.sleep(rule.seconds)
            await self._app(scope, receive, send)
        elif rule.kind in ("hang", "drop_before_commit", "drop_after_commit"):
            if rule.after_commit or rule.kind == "drop_after_commit":
                await self._swallow(scope, receive)
            if rule.kind == "hang":
                await asyncio.sleep(rule.seconds)
            await _cut(send)
        elif rule.kind == "partial_json":
            _, body = await self._swallow(scope, receive)
            await _answer(send, 200, body[: len(body) // 2], "application/json")
        else:
            if rule.after_commit:
                await self._swallow(scope, receive)
            await _answer_with(send, *_ANSWERS[rule.kind])

    async def _swallow(self, scope: Scope, receive: Receive) -> tuple[int, bytes]:
        """Let the act happen and keep its answer from the caller."""
        kept: list[Message] = []

        async def keep(message: Message) -> None:
            kept.append(message)

        await self._app(scope, receive, keep)
        body = b"".join(message.get("body", b"") for message in kept)
        return kept[0]["status"] if kept else 0, body


async def _answer_with(send: Send, status: int, content: Any) -> None:
    if isinstance(content, str):
        await _answer(send, status, content.encode(), "text/html")
    else:
        await _answer(send, status, json.dumps(content).encode(), "application/json")


async def _answer(send: Send, status: int, body: bytes, content_type: str) -> None:
    headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _cut(send: Send) -> None:
    """Close the socket without a byte of answer. ASGI has no message for it, so uvicorn's cycle is asked."""
    cycle = getattr(send, "__self__", None)
    transport = getattr(cycle, "transport", None)
    if transport is None:
        raise RuntimeError("the server does not let its connection be cut; run the simulator under uvicorn")
    transport.abort()
    for _ in range(3):  # let the server notice before this request ends
        await asyncio.sleep(0)
