"""Real servers on loopback for what we send: HTTP and SMTP."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from aiosmtpd.smtp import SMTP, Envelope, Session

SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes .. ").decode()


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Endpoint:
    """Answers each request with the next status, the last one for ever. 0 hangs up, -1 says nothing."""

    statuses: list[int] = field(default_factory=lambda: [200])
    headers: str = ""
    requests: list[Request] = field(default_factory=list)
    port: int = 0
    open: set["asyncio.Task[None]"] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks?tenant=1"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.open.add(task)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
                while True:
                    await self._answer(reader, writer)
        finally:
            self.open.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.requests.append(Request(method, path, headers, body))
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status == 0:
            writer.transport.abort()
            raise ConnectionResetError
        if status == -1:
            await asyncio.Event().wait()
        writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\n{self.headers}\r\n".encode())
        await writer.drain()


@contextlib.asynccontextmanager
async def endpoint(*statuses: int, headers: str = "") -> AsyncIterator[Endpoint]:
    made = Endpoint(list(statuses or (200,)), headers)
    server = await asyncio.start_server(made.handle, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for conversation in tuple(made.open):
            conversation.cancel()
        await asyncio.gather(*made.open, return_exceptions=True)


class Mailbox:
    """What an SMTP server does with mail: keeps it, unless told to answer otherwise at some step."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.recipients: list[str] = []
        self.at_recipient = ""
        self.at_data: Callable[[SMTP], str] = lambda _: "250 taken"
        self.port = 0

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.at_recipient:
            return self.at_recipient
        self.recipients.append(address)
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.mails.append(envelope.content)
        return self.at_data(server)


def hang_up(server: SMTP) -> str:
    """Cut the connection instead of answering."""
    transport_of(server).abort()
    return "250 never arrives"


def transport_of(server: SMTP) -> asyncio.Transport:
    """The connection that the server is talking on."""
    assert isinstance(server.transport, asyncio.Transport)
    return server.transport


@contextlib.asynccontextmanager
async def mail_server() -> AsyncIterator[Mailbox]:
    box = Mailbox()
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(box, hostname="test", enable_SMTPUTF8=False), "127.0.0.1", 0
    )
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
