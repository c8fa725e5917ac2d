"""CPU and memory of other processes."""

import asyncio
import contextlib

import psutil  # type: ignore[import-untyped]

from local.home import LocalError

_WINDOW_SECONDS = 0.2
_IDLE_SHARE = 0.05
"""One tick of the kernel's clock per window: a worker that polls needs no more."""
_IDLE_WINDOWS = 2
_WINDOWS = 1_500
"""Looked at before giving up."""


class Meter:
    """One process with all it has started."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)

    def cpu_seconds(self) -> float:
        """User and system time so far, children that ended included."""
        own = self._process.cpu_times()
        spent = own.user + own.system + own.children_user + own.children_system
        for child in self._process.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                times = child.cpu_times()
                spent += times.user + times.system
        return float(spent)

    def resident_bytes(self) -> int:
        """Memory of the process itself."""
        return int(self._process.memory_info().rss)

    async def until_idle(self) -> None:
        """Until it spends next to nothing. Raises LocalError."""
        quiet, before = 0, self.cpu_seconds()
        for _ in range(_WINDOWS):
            await asyncio.sleep(_WINDOW_SECONDS)
            now = self.cpu_seconds()
            quiet = quiet + 1 if now - before <= _IDLE_SHARE * _WINDOW_SECONDS else 0
            before = now
            if quiet == _IDLE_WINDOWS:
                return
        raise LocalError(f"process {self._process.pid} does not come to rest")
