"""Worker processes of a test: started, killed, replaced when they die."""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator
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
from worker import ROLES

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

    async def fork(self, order: Order) -> ProcessIdentity:
        """A new worker. Not to be cancelled: the answer would be taken for the next one's."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._turn:
            self._process.stdin.write(order.model_dump_json().encode() + b"\n")
            line = await self._process.stdout.readline()
        assert line, f"the process that workers are forked from has ended with {await self._process.wait()}"
        pid = int(json.loads(line))
        return ProcessIdentity.of(pid) or ProcessIdentity(pid, "", "dead already")


@dataclass
class Hand:
    """One worker process, replaced at once when it dies, as a supervisor would."""

    roles: tuple[str, ...] = ROLES
    strike: tuple[str, ...] = ()
    """Points at which it is to die, once each."""
    hold: tuple[str, ...] = ()
    """Points at which it is to wait until released."""
    activity_seconds: float = 2.0
    """After which an activity is taken for dead."""
    living: ProcessIdentity | None = None
    dismissed: bool = False


@dataclass
class Workers:
    """The worker processes of a stage. Only one hand may relay: see `_let_leases_run_out`."""

    forge: Forge
    database: Database
    settings: dict[str, Any]
    markers: Path
    deaths: int = 0
    _hands: list[tuple[Hand, asyncio.Task[None]]] = field(default_factory=list)

    @property
    def struck(self) -> dict[str, str]:
        """Points at which a worker died or stopped since the start, with whom it was about."""
        return {
            marker.name: marker.read_text()
            for marker in self.markers.iterdir()
            if not marker.name.startswith(".")
        }

    @property
    def missed(self) -> set[str]:
        """Points at which a worker was to die and has not yet."""
        return {point for hand, _ in self._hands for point in hand.strike} - self.struck.keys()

    async def start(self, *hands: Hand) -> None:
        """Have these hands, or one that does everything, instead of any before; no point is struck yet."""
        await self.stop()
        for marker in self.struck:
            (self.markers / marker).unlink()
        for hand in hands or (Hand(),):
            self._hands.append((hand, asyncio.create_task(self._keep(hand))))
        assert await until(lambda: all(hand.living for hand, _ in self._hands), 10)

    def kill(self) -> None:
        """SIGKILL all from outside, at whatever they are doing."""
        for hand, _ in self._hands:
            if hand.living is not None:
                send(hand.living.pid, signal.SIGKILL)

    async def stop(self) -> None:
        """No worker any more: killed, not asked."""
        for hand, _ in self._hands:
            hand.dismissed = True
        self.kill()
        await asyncio.gather(*(keeper for _, keeper in self._hands))
        self._hands.clear()

    def release(self, point: str) -> None:
        """Let a worker go on that waits at `point`."""
        (self.markers / point).rename(self.markers / f"{point}.over")

    async def _keep(self, hand: Hand) -> None:
        while True:
            if "relay" in hand.roles:
                await self._let_leases_run_out()
            left = tuple(point for point in hand.strike if point not in self.struck)
            order = Order(
                settings=self.settings,
                markers=self.markers,
                roles=hand.roles,
                strike=left,
                hold=hand.hold,
                activity_seconds=hand.activity_seconds,
            )
            hand.living = living = await self.forge.fork(order)
            while living.alive():
                if hand.dismissed:
                    send(living.pid, signal.SIGKILL)
                await asyncio.sleep(0.02)
            self.deaths += 1
            if hand.dismissed:
                return
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
