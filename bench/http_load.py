"""Keeps HTTP connections busy, one request under way on each. Loopback only.

Clients of the usual libraries cost more CPU per request than the server does and would be what is measured.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from local.home import LocalError
from local.ports import LOOPBACK

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


@dataclass
class Outcome:
    """What came of it. Latencies in milliseconds."""

    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Answers of status 200; others end the measurement."""
        return len(self.latencies_ms) / self.seconds

    def percentile_ms(self, share: float) -> float:
        """`share` of the answers were at least as fast."""
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def load(port: int, next_request: Callable[[], bytes], connections: int, seconds: float) -> Outcome:
    """Ask for `seconds` on `connections`. Raises LocalError on any answer but 200."""
    loop = asyncio.get_running_loop()
    outcome, began = Outcome(), time.perf_counter()
    until = began + seconds
    open_ = [
        await loop.create_connection(lambda: _Connection(outcome, next_request, until), LOOPBACK, port)
        for _ in range(connections)
    ]
    await asyncio.gather(*(protocol.done for _, protocol in open_))
    outcome.seconds = time.perf_counter() - began
    return outcome


class _Connection(asyncio.Protocol):
    def __init__(self, outcome: Outcome, next_request: Callable[[], bytes], until: float) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._outcome = outcome
        self._next_request = next_request
        self._until = until
        self._received = b""
        self._sent_at = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head_end = self._received.find(_HEAD_END)
        if head_end < 0 or len(self._received) < head_end + len(_HEAD_END) + self._body_bytes(head_end):
            return
        now = time.perf_counter()
        if self._received[9:12] != b"200":
            self._fail(self._received.decode(errors="replace"))
            return
        self._outcome.latencies_ms.append((now - self._sent_at) * 1000)
        self._received = b""
        if now < self._until:
            self._send()
        elif self._transport is not None:
            self._transport.close()
            self.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self._fail(f"the connection was lost: {exc}")

    def _send(self) -> None:
        assert self._transport is not None
        self._sent_at = time.perf_counter()
        self._transport.write(self._next_request())

    def _body_bytes(self, head_end: int) -> int:
        head = self._received[:head_end].lower()
        start = head.find(_LENGTH)
        return 0 if start < 0 else int(head[start + len(_LENGTH) :].split(b"\r\n", 1)[0])

    def _fail(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(LocalError(why))
        if self._transport is not None:
            self._transport.abort()


def request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """An HTTP/1.1 request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {LOOPBACK}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + _HEAD_END + body
