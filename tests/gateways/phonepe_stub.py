"""A loopback server that answers as a test says, for what no honest stand-in would do."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from gateways.phonepe_client import PhonePeClient, PhonePeCredentials, PhonePeHosts

Reply = tuple[int, bytes] | None
"""Status and body; None hangs up without a word."""

TOKEN_PATH = "/auth/v1/oauth/token"
CREDENTIALS = PhonePeCredentials("CLIENT", 1, "secret")


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


def token(number: int, lifetime: float = 3600, **changed: object) -> Reply:
    now = int(time.time())
    body = {"access_token": f"t{number}", "expires_in": None, "issued_at": now, "token_type": "O-Bearer"}
    return 200, json.dumps(body | {"expires_at": now + int(lifetime)} | changed).encode()


@dataclass
class Stub:
    """`tokens` and `answer` say what to reply; both may wait."""

    answer: Callable[[Asked], Reply] = lambda _: (200, b"{}")
    tokens: Callable[[int], Reply] = token
    asked: list[Asked] = field(default_factory=list)
    fetched: list[Asked] = field(default_factory=list)
    fetching: asyncio.Event = field(default_factory=asyncio.Event)
    connections: int = 0
    delay: float = 0
    port: int = 0
    open: set["asyncio.Task[None]"] = field(default_factory=set)

    @property
    def hosts(self) -> PhonePeHosts:
        base = f"http://127.0.0.1:{self.port}"
        return PhonePeHosts(f"{base}/pg", f"{base}/auth", f"{base}/health")

    def client(self, **options: Any) -> PhonePeClient:
        return PhonePeClient(CREDENTIALS, self.hosts, **({"answer_seconds": 2.0} | options))

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self.open.add(task)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
                while await self._one(reader, writer):
                    pass
        finally:
            self.open.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        lines = (line.partition(":") for line in head[1:] if line)
        headers = {name.lower(): value.strip() for name, _, value in lines}
        asked = Asked(method, path, headers, await reader.readexactly(int(headers.get("content-length", 0))))
        if path == TOKEN_PATH:
            self.fetched.append(asked)
            self.fetching.set()
            await asyncio.sleep(self.delay)
            reply = self.tokens(len(self.fetched))
        else:
            self.asked.append(asked)
            reply = self.answer(asked)
        if reply is None:
            writer.transport.abort()
            return False
        status, body = reply
        location = "location: /elsewhere\r\n" if 300 <= status < 400 else ""
        writer.write(f"HTTP/1.1 {status} X\r\n{location}content-length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()
        return True


@contextlib.asynccontextmanager
async def stub(**settings: Any) -> AsyncIterator[Stub]:
    made = Stub(**settings)
    server = await asyncio.start_server(made.handle, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for conversation in tuple(made.open):
            conversation.cancel()
        await asyncio.gather(*made.open, return_exceptions=True)
