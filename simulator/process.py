"""Runs the simulator as a process of its own, for tests and the local stack."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

_ROOT = Path(__file__).resolve().parent.parent
_READY_SECONDS = 20.0
_STOP_SECONDS = 5.0
_CONTROL_SECONDS = 600.0


@dataclass(frozen=True)
class SimulatorOptions:
    """The command line; port 0 takes a free one, which a restart then keeps."""

    books: Path
    webhook_url: str | None = None
    webhook_secret: str = "simulator-webhook-secret"  # noqa: S105 - a stand-in's default
    key_id: str = "rzp_test_simulator00001"
    key_secret: str = "simulator-key-secret"  # noqa: S105 - a stand-in's default
    clock: str = "virtual"
    now: datetime | int | None = None
    host: str = "127.0.0.1"
    port: int = 0
    merchant: str | None = None
    return_url: str | None = None
    webhook_timeout: float | None = None

    def command(self, port: int) -> list[str]:
        """The whole command, for the running interpreter."""
        given: dict[str, object] = {name: getattr(self, name) for name in self.__dataclass_fields__}
        given["port"] = port
        if isinstance(self.now, datetime):
            given["now"] = self.now.isoformat()
        words = [sys.executable, "-m", "simulator"]
        for name, value in given.items():
            if value is not None:
                words.append(f"--{name.replace('_', '-')}={value}")
        return words


class SimulatorProcess:
    """One running simulator. Use `async with SimulatorProcess.start(...) as simulator`."""

    def __init__(self, options: SimulatorOptions) -> None:
        self.options = options
        self.url = ""
        self._process: asyncio.subprocess.Process | None = None
        self._client = httpx.AsyncClient(timeout=_CONTROL_SECONDS, trust_env=False)

    @classmethod
    @contextlib.asynccontextmanager
    async def start(cls, books: Path, **options: Any) -> AsyncIterator["SimulatorProcess"]:
        """Launch, wait until it listens, and stop at the end. `options` are those of SimulatorOptions."""
        simulator = cls(SimulatorOptions(books=books, **options))
        try:
            await simulator.launch()
            yield simulator
        finally:
            await simulator.stop()
            await simulator.aclose()

    async def launch(self) -> None:
        """Start the process, on the port it had before if it was killed or stopped."""
        port = self.options.port or (httpx.URL(self.url).port or 0 if self.url else 0)
        self._process = await asyncio.create_subprocess_exec(
            *self.options.command(port),
            stdout=asyncio.subprocess.PIPE,
            cwd=_ROOT,
            env=os.environ | {"NO_PROXY": "*"},
        )
        assert self._process.stdout is not None
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), _READY_SECONDS)
        except TimeoutError:
            await self.kill()
            raise
        if not line:
            raise RuntimeError(f"the simulator did not start (exit code {await self._process.wait()})")
        self.url = json.loads(line)["url"]

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    async def aclose(self) -> None:
        """Close the connections to it."""
        await self._client.aclose()

    async def stop(self) -> None:
        """End it with SIGTERM; what it knows stays in the books."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """End it with SIGKILL, as a power cut would."""
        await self._end(signal.SIGKILL)

    async def _end(self, how: signal.Signals) -> None:
        if self._process is None or self._process.returncode is not None:
            return
        self._process.send_signal(how)
        try:
            await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def restart(self) -> None:
        """Kill it and start it again on the same books and port."""
        await self.kill()
        await self.launch()

    # control

    async def control(self, path: str, body: Any = None, *, method: str = "POST") -> dict[str, Any]:
        """Call /_sim/<path>. Raises RuntimeError with the simulator's words when it refuses."""
        url = f"{self.url}/_sim/{path.lstrip('/')}"
        reply = await self._client.request(
            method, url, json={} if body is None and method == "POST" else body
        )
        if reply.status_code != 200:
            raise RuntimeError(f"{method} /_sim/{path}: {reply.status_code} {reply.text}")
        answer: dict[str, Any] = reply.json()
        return answer

    async def ask(self, path: str) -> dict[str, Any]:
        """GET /_sim/<path>."""
        return await self.control(path, method="GET")

    async def advance_to(
        self, instant: datetime | int, *, wait_webhooks: bool = True
    ) -> list[dict[str, Any]]:
        """Move the clock forward, running everything due. Returns what happened."""
        when = instant.isoformat() if isinstance(instant, datetime) else instant
        moved = await self.control("clock", {"set": when, "wait_webhooks": wait_webhooks})
        happened: list[dict[str, Any]] = moved["happened"]
        return happened

    async def advance(self, seconds: int) -> list[dict[str, Any]]:
        """Move the clock forward by seconds."""
        happened: list[dict[str, Any]] = (await self.control("clock", {"advance_seconds": seconds}))[
            "happened"
        ]
        return happened

    async def now(self) -> int:
        """The simulator's time in unix seconds."""
        return int((await self.ask("clock"))["now"])

    async def books(self, subscription_id: str | None = None) -> dict[str, Any]:
        """The audit of the books: of all subscriptions, or of one."""
        return await self.ask("books" if subscription_id is None else f"books/{subscription_id}")

    async def act(self, subscription_id: str, name: str, **body: Any) -> dict[str, Any]:
        """An act on a subscription: authenticate, next_charge, change_method, revoke ..."""
        return await self.control(f"subscriptions/{subscription_id}/{name}", body)
