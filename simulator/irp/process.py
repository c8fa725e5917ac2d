"""Runs the portal as a process of its own, for tests and the local stack."""

import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx

from simulator.process import SimulatorOptions, SimulatorProcess


@dataclass(frozen=True)
class PortalOptions(SimulatorOptions):
    """The command line. The signing key lies beside the books."""

    client_id: str = "simulator"
    client_secret: str = "simulator-secret"  # noqa: S105 - a stand-in's default

    def command(self, port: int) -> list[str]:
        """The whole command, for the running interpreter."""
        words = [sys.executable, "-m", "simulator.irp", f"--port={port}", f"--books={self.books}"]
        words += [f"--private-key={self.books.with_suffix('.pem')}", f"--clock={self.clock}"]
        words += [f"--client-id={self.client_id}", f"--client-secret={self.client_secret}"]
        if isinstance(self.now, datetime):
            words.append(f"--now={self.now.isoformat()}")
        return words


class PortalProcess(SimulatorProcess):
    """One running portal. Use `async with PortalProcess.open(...) as portal`."""

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, books: Path, now: datetime | None = None) -> AsyncIterator["PortalProcess"]:
        """Launch on a clock that stands until moved, and stop at the end."""
        portal = cls(PortalOptions(books=books, now=now))
        try:
            await portal.launch()
            yield portal
        finally:
            await portal.stop()
            await portal.aclose()

    async def public_key(self) -> str:
        """PEM."""
        async with httpx.AsyncClient(trust_env=False) as http:
            return (await http.get(f"{self.url}/_sim/key")).raise_for_status().text

    async def fault(self, kind: str, **rule: object) -> None:
        """Put a fault in force; see faults.py."""
        await self.control("faults", {"kind": kind, **rule})

    async def no_more_faults(self) -> None:
        """As it says."""
        await self.control("faults", method="DELETE")

    async def set_clock(self, moment: datetime) -> None:
        """Forward to `moment` (aware); earlier ones change nothing."""
        await self.control("clock", {"set": moment.isoformat()})

    async def registrations(self) -> list[dict[str, object]]:
        """The books."""
        found: list[dict[str, object]] = (await self.ask("books"))["registrations"]
        return found
