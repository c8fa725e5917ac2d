"""Child processes: they end with us, are found again when we were killed first, and return after a crash."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from local.home import LocalError

_POLL = 0.02
_LOG_LIMIT = 10_000_000  # bytes; a larger log is moved aside when its process starts


@dataclass(frozen=True)
class ProcessIdentity:
    """A process named so that a reused pid cannot be mistaken for it: pid, start tick, boot."""

    pid: int
    started: str
    boot: str

    @classmethod
    def of(cls, pid: int) -> "ProcessIdentity | None":
        """The living process with this pid; None when there is none (a zombie does not count)."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            return None
        fields = stat.rpartition(")")[2].split()  # the name before ")" may hold spaces
        return None if fields[0] in "ZX" else cls(pid, fields[19], boot)

    @classmethod
    def read(cls, file: Path) -> "ProcessIdentity | None":
        """The living process that a pid file names; None when it is gone or the file is damaged."""
        try:
            pid, started, boot = file.read_text().split()
            written = cls(int(pid), started, boot)
        except (OSError, ValueError):
            return None
        return written if cls.of(written.pid) == written else None

    def write(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{self.pid} {self.started} {self.boot}\n")

    def alive(self) -> bool:
        return ProcessIdentity.of(self.pid) == self


# The parent may be gone before the kernel was asked for the signal; whoever adopted us is not the parent.
_STILL_OURS = '[ "$PPID" = "$1" ] || exit 1; shift; exec "$@"'


def leash(death_signal: signal.Signals) -> list[str]:
    """Command prefix that makes the kernel signal the child when the thread that started it is gone."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return []
    name = death_signal.name.removeprefix("SIG")
    return [setpriv, "--pdeathsig", name, "--", "sh", "-c", _STILL_OURS, "leash", str(os.getpid())]


async def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Poll until the condition holds; False when it did not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_POLL)
    return True


class Child:
    """One child process in a session of its own, so that Ctrl-C reaches only us and we stop it in order."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        logs: Path,
        processes: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        grace: float = 10.0,
        leashed: bool = True,
    ) -> None:
        """`grace` is how many seconds the child has after `stop_signal` before SIGKILL."""
        self.name = name
        self.argv = list(argv)
        self.log = logs / f"{name}.log"
        self._pid_file = processes / f"{name}.pid"
        self._env = dict(os.environ if env is None else env)
        self._cwd = cwd
        self._stop_signal = stop_signal
        self._grace = grace
        self._leash = leash(stop_signal) if leashed else []
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Raises LocalError when it was never started."""
        if self._process is None:
            raise LocalError(f"{self.name} was not started")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        return None if self._process is None else self._process.poll()

    async def start(self) -> None:
        """Start it, after ending what an earlier, killed run may have left."""
        if self.running:
            return
        await self.end_leftover()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > _LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - fork and exec only, returns at once
                [*self._leash, *self.argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._env,
                cwd=self._cwd,
                start_new_session=True,
            )
        identity = ProcessIdentity.of(self._process.pid)
        if identity:
            identity.write(self._pid_file)

    async def stop(self) -> None:
        """Ask it to stop, and after the grace period make it."""
        if self.running:
            self._signal(self._stop_signal)
            await until(lambda: not self.running, self._grace)
        await self.kill()

    async def kill(self) -> None:
        """SIGKILL it and whatever it started in its session; returns when it is gone."""
        if self._process is None:
            return
        self._signal(signal.SIGKILL)
        await asyncio.to_thread(self._process.wait)
        self._pid_file.unlink(missing_ok=True)

    async def end_leftover(self) -> None:
        """End the process an earlier run of ours left behind, if it is still that process."""
        left = ProcessIdentity.read(self._pid_file)
        if left:
            for end in (self._stop_signal, signal.SIGKILL):
                send(left.pid, end)
                if await until(lambda: not left.alive(), self._grace):
                    break
            else:
                raise LocalError(
                    f"process {left.pid} ({self.name} of an earlier run) does not end; end it yourself"
                )
        self._pid_file.unlink(missing_ok=True)

    def log_tail(self, lines: int = 15) -> str:
        """The last lines it wrote, for a message about its failure."""
        try:
            with self.log.open(errors="replace") as log:
                return "".join(deque(log, lines)).rstrip()
        except FileNotFoundError:
            return ""

    def _signal(self, which: signal.Signals) -> None:
        """Signal the leader; SIGKILL goes to the whole session, also when the leader is already dead."""
        if which is signal.SIGKILL:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody left in the session
                os.killpg(self.pid, which)
        else:
            send(self.pid, which)


def send(pid: int, which: signal.Signals) -> None:
    """Signal a process; one that is already gone is no error."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, which)


class Service(Protocol):
    """What the supervisor keeps alive."""

    name: str

    @property
    def running(self) -> bool: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class Supervisor:
    """Starts services in order, brings crashed ones back with growing pauses, stops all in reverse order."""

    def __init__(
        self, say: Callable[[str], None], *, first_pause: float = 0.5, longest_pause: float = 30.0
    ) -> None:
        self._say = say
        self._first_pause = first_pause
        self._longest_pause = longest_pause
        self._services: list[Service] = []
        self._pauses: dict[str, float] = {}
        self._restarts: dict[str, asyncio.Task[None]] = {}

    async def start(self, service: Service) -> None:
        """Start it and stop it with the others later, also when its start fails half-way."""
        self._services.append(service)
        await service.start()

    async def watch(self) -> None:
        """Run until cancelled; restarts what crashes. One crash never delays the restart of another."""
        while True:
            for service in self._services:
                restart = self._restarts.get(service.name)
                if not service.running and (restart is None or restart.done()):
                    self._restarts[service.name] = asyncio.create_task(self._restart(service))
            await asyncio.sleep(0.1)

    async def _restart(self, service: Service) -> None:
        pause = self._pauses.get(service.name, self._first_pause)
        self._pauses[service.name] = min(pause * 2, self._longest_pause)
        self._say(f"{service.name} ended unexpectedly; starting it again in {pause:g} s")
        await asyncio.sleep(pause)
        try:
            await service.start()
        except LocalError as error:
            self._say(f"{service.name} did not start: {error}")
            return
        self._say(f"{service.name} is running again")
        if await until(lambda: not service.running, self._longest_pause):
            return  # crashed again soon: the next pause is longer
        self._pauses.pop(service.name, None)

    async def stop(self) -> None:
        """Stop everything, last started first; one that fails to stop does not keep the others alive."""
        for restart in self._restarts.values():
            restart.cancel()
        await asyncio.gather(*self._restarts.values(), return_exceptions=True)
        while self._services:
            service = self._services.pop()
            try:
                await service.stop()
            except (LocalError, OSError) as error:
                self._say(f"{service.name} did not stop: {error}")
