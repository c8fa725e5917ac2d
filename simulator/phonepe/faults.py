"""Faults on the API: rules that strike chosen requests, before or after the act is in the books.

The rules and their counts live in the books, so they survive a killed process.
"""

import asyncio
import json
import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simulator.phonepe import refusals
from simulator.phonepe.world import World

Kind = Literal[
    "http_400", "http_401", "http_403", "http_429", "http_500", "http_503", "r999", "hang", "latency",
    "drop_before_commit", "drop_after_commit", "partial_json",
]  # fmt: skip
_TROUBLE = "There is an error trying to process your transaction at the moment. Please try again in a while."
_ANSWERS: dict[str, tuple[int, bytes]] = {
    kind: (status, json.dumps({"code": code, "message": message}).encode())
    for kind, status, code, message in (
        ("http_400", 400, "BAD_REQUEST", "Please check the inputs you have provided."),
        ("http_401", 401, "AUTHORIZATION_FAILED", str(refusals.unauthorized())),
        ("http_403", 403, "FORBIDDEN", "This product is not enabled for the merchant"),
        ("http_429", 429, "TOO_MANY_REQUESTS", "Too many requests"),
        ("http_500", 500, "INTERNAL_SERVER_ERROR", _TROUBLE),
        ("http_503", 503, "SERVICE_UNAVAILABLE", "Service unavailable"),
    )
} | {"r999": (500, b"R999")}


class Rule(BaseModel):
    """Which requests a fault strikes. Without `nth` it strikes the first `times` matching requests."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    method: str | None = None
    path_regex: str = "."
    nth: int = Field(default=1, ge=1, description="the first matching request to strike, from 1")
    times: int = Field(default=1, ge=0, description="how many from there on; 0 is every one")
    seconds: float = Field(default=30.0, ge=0, description="real seconds of hang and latency")
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
    known = rules(world) + [rule.model_dump() | {"matched": 0, "struck": 0} for rule in new]
    world.books.set_note("faults", known)
    return known


def clear(world: World) -> None:
    """No more faults."""
    world.books.set_note("faults", [])


def strike(world: World, method: str, path: str) -> Rule | None:
    """The rule that strikes this request, if any; counts it."""
    known = rules(world)
    struck: Rule | None = None
    for each in known:
        if each["method"] not in (None, method) or not re.search(each["path_regex"], path):
            continue
        each["matched"] += 1
        past = each["matched"] - each["nth"]
        if struck is None and past >= 0 and (each["times"] == 0 or past < each["times"]):
            each["struck"] += 1
            struck = Rule(**{name: each[name] for name in Rule.model_fields})
    if known:
        world.books.set_note("faults", known)
    return struck


class Faults:
    """ASGI middleware around the API; must be the outermost, it reaches for the socket."""

    def __init__(self, app: ASGIApp, world: World) -> None:
        self._app = app
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, unless a rule strikes it."""
        rule = None
        if scope["type"] == "http" and scope["path"].startswith("/apis/"):
            rule = strike(self._world, scope["method"], scope["path"])
        if rule is None:
            await self._app(scope, receive, send)
            return
        if rule.kind == "latency":
            await asyncio.sleep(rule.seconds)
            await self._app(scope, receive, send)
            return
        status, body = 0, b""
        if rule.after_commit or rule.kind in ("drop_after_commit", "partial_json"):
            status, body = await self._swallow(scope, receive)
        if rule.kind == "hang":
            await asyncio.sleep(rule.seconds)
        if rule.kind in ("hang", "drop_before_commit", "drop_after_commit"):
            await _cut(send)
        elif rule.kind == "partial_json":
            await _answer(send, status, body[: len(body) // 2])
        else:
            await _answer(send, *_ANSWERS[rule.kind])

    async def _swallow(self, scope: Scope, receive: Receive) -> tuple[int, bytes]:
        """Let the act happen and keep its answer from the caller."""
        kept: list[Message] = []

        async def keep(message: Message) -> None:
            kept.append(message)

        await self._app(scope, receive, keep)
        return kept[0]["status"], b"".join(message.get("body", b"") for message in kept)


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _cut(send: Send) -> None:
    """Close the socket without a byte of answer. ASGI has no message for it, so uvicorn's cycle is asked."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise RuntimeError("the server does not let its connection be cut; run the simulator under uvicorn")
    transport.abort()
    for _ in range(3):  # let the server notice before this request ends
        await asyncio.sleep(0)
