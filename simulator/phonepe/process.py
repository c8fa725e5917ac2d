"""Runs the simulator as a process of its own, for tests and the local stack."""

import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from simulator.process import SimulatorOptions, SimulatorProcess

_OPTIONS = (
    "books", "webhook_url", "webhook_username", "webhook_password", "client_id", "client_secret",
    "client_version", "merchant_id", "clock", "host", "merchant", "webhook_timeout",
)  # fmt: skip


@dataclass(frozen=True)
class PhonePeOptions(SimulatorOptions):
    """The command line."""

    webhook_username: str = "sim_user"
    webhook_password: str = "Passw0rd9"  # noqa: S105 - a stand-in's default
    client_id: str = "SIMCLIENT"
    client_secret: str = "simulator-client-secret"  # noqa: S105 - a stand-in's default
    client_version: str = "1"
    merchant_id: str = "SIMMERCHANT"

    def command(self, port: int) -> list[str]:
        """The whole command, for the running interpreter."""
        given: dict[str, object] = {name: getattr(self, name) for name in _OPTIONS}
        given["port"] = port
        given["now"] = self.now.isoformat() if isinstance(self.now, datetime) else self.now
        words = [sys.executable, "-m", "simulator.phonepe"]
        for name, value in given.items():
            if value is not None:
                words.append(f"--{name.replace('_', '-')}={value}")
        return words


class PhonePeProcess(SimulatorProcess):
    """One running simulator. Use `async with PhonePeProcess.open(books, ...) as phonepe`."""

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, books: Path, **options: Any) -> AsyncIterator["PhonePeProcess"]:
        """Launch, wait until it listens, and stop at the end. `options` are those of PhonePeOptions."""
        phonepe = cls(PhonePeOptions(books=books, **options))
        try:
            await phonepe.launch()
            yield phonepe
        finally:
            await phonepe.stop()
            await phonepe.aclose()

    @property
    def pg_url(self) -> str:
        """The sandbox layout's base URL, of OAuth too."""
        return f"{self.url}/apis/pg-sandbox"

    async def order(self, merchant_order_id: str, act: str, **body: Any) -> dict[str, Any]:
        """An act on an order: pay, settle, opt_out, show_state."""
        return await self.control(f"orders/{merchant_order_id}/{act}", body)

    async def subscription(self, merchant_subscription_id: str, act: str, **body: Any) -> dict[str, Any]:
        """An act on a mandate: pause, unpause, revoke, next, show_state."""
        return await self.control(f"subscriptions/{merchant_subscription_id}/{act}", body)
