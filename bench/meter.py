"""CPU and memory of other processes."""

import asyncio
import contextlib

import psutil  # type: ignore[import-untyped]

_WINDOW_SECONDS = 0.2
_IDLE_SHARE = 0.04
_IDLE_WINDOWS = 2
_PATIENCE_SECONDS = 300.0


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
        """Until it spends next to nothing. Raises TimeoutError."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            quiet, before = 0, self.cpu_seconds()
            while quiet < _IDLE_WINDOWS:
                await asyncio.sleep(_WINDOW_SECONDS)
                now = self.cpu_seconds()
                quiet = quiet + 1 if now - before <= _IDLE_SHARE * _WINDOW_SECONDS else 0
                before = now
