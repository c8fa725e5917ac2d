"""Worker processes of a test: started, killed, replaced when they die."""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from sqlalchemy import func, update

from db.models import OutboxDelivery, WebhookInbox
from db.session import Database
from domain.errors import RetryableError
from local.home import REPOSITORY
from local.processes import ProcessIdentity, send, until
from tests.faults.worker import Order

_RESTART_SECONDS = 0.1


class Forge:
    """The process that workers are forked from: importing everything takes two seconds, a fork none."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._turn = asyncio.Lock()

    @classmethod
    @contextlib.asynccontextmanager
    async def start(cls, log: Path) -> AsyncIterator[Self]:
        """Ends with all its workers."""
        with log.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.faults.worker",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                cwd=REPOSITORY,
            )
        try:
            yield cls(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            await process.wait()

    async def fork(self, order: Order) -> ProcessIdentity | None:
        """A new worker; None if it is dead already."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._turn:
            self._process.stdin.write(order.model_dump_json().encode() + b"\n")
            line = await self._process.stdout.readline()
        return ProcessIdentity.of(int(json.loads(line)))


@dataclass
class Workers:
    """One worker at a time, replaced at once when it dies, as a supervisor would."""

    forge: Forge
    database: Database
    settings: dict[str, Any]
    markers: Path
    strike: list[str] = field(default_factory=list)
    """Points at which workers are still to die, one worker each."""
    deaths: int = 0
    _living: ProcessIdentity | None = None
    _keeper: asyncio.Task[None] | None = None

    @property
    def struck(self) -> dict[str, str]:
        """Points at which a worker died or stopped, with whom it was about."""
        return {
            marker.name: marker.read_text()
            for marker in self.markers.iterdir()
            if not marker.name.startswith(".")
        }

    async def start(self, *, hold: Sequence[str] = (), strike: Sequence[str] = (), **order: Any) -> None:
        """Have a worker from now on; it dies once at each of `strike` and waits at each of `hold`."""
        self.strike = list(strike)
        self._keeper = asyncio.create_task(self._keep(hold=tuple(hold), **order))
        assert await until(lambda: self._living is not None, 10)

    async def again(self, *, strike: Sequence[str]) -> None:
        """From now on die at these points: the present worker is replaced by one that does."""
        self.strike = list(strike)
        self.kill()

    def kill(self) -> None:
        """SIGKILL from outside, at whatever it is doing."""
        if self._living is not None:
            send(self._living.pid, signal.SIGKILL)

    async def stop(self) -> None:
        """No worker any more."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        self._keeper = None
        self.kill()
        living = self._living
        assert living is None or await until(lambda: not living.alive(), 10)
        self._living = None

    def release(self, point: str) -> None:
        """Let a worker go on that waits at `point`."""
        (self.markers / point).rename(self.markers / f"{point}.over")

    async def _keep(self, **order: Any) -> None:
        while True:
            left = tuple(point for point in self.strike if point not in self.struck)
            self._living = living = await self.forge.fork(
                Order(settings=self.settings, markers=self.markers, strike=left, **order)
            )
            while living is not None and living.alive():
                await asyncio.sleep(0.02)
            self.deaths += 1
            await self._let_leases_run_out()
            await asyncio.sleep(_RESTART_SECONDS)

    async def _let_leases_run_out(self) -> None:
        """A dead relay's leases end after 90 s; nobody else holds any, so that time is skipped."""
        with contextlib.suppress(RetryableError):
            async with self.database.transaction() as session:
                for row, waiting in ((WebhookInbox, "received"), (OutboxDelivery, "pending")):
                    await session.execute(
                        update(row)
                        .where(row.status == waiting, row.next_attempt_at > func.now())
                        .values(next_attempt_at=func.now())
                        .execution_options(synchronize_session=False)
                    )
