"""The simulator's time: frozen until moved, or flowing with the machine's clock plus an offset."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from simulator.books import Books

_KEY = "clock"


class Clock:
    """Unix seconds. The books remember it, so a restart finds the time where it was left."""

    def __init__(self, books: Books, *, flowing: bool, start: int | None = None) -> None:
        self._books = books
        self.flowing = flowing
        self._instant: int | None = None
        self._load(start)

    def _load(self, start: int | None) -> None:
        kept = self._books.note(_KEY)
        if isinstance(kept, dict) and kept.get("flowing") == self.flowing:
            self._value = int(kept["value"])
            return
        machine = int(time.time())
        if self.flowing:
            self._value = 0 if start is None else start - machine
        else:
            self._value = machine if start is None else start
        self._keep()

    def _keep(self) -> None:
        self._books.set_note(_KEY, {"flowing": self.flowing, "value": self._value})

    def now(self) -> int:
        """The present, or the due time of the job that is running."""
        if self._instant is not None:
            return self._instant
        return int(time.time()) + self._value if self.flowing else self._value

    def seconds_until(self, instant: int) -> float:
        """How long a flowing clock takes to reach `instant`."""
        return instant - (time.time() + self._value)

    def move(self, instant: int) -> None:
        """Go forward to `instant`; time never goes back, so an earlier instant changes nothing."""
        ahead = instant - self.now()
        if ahead > 0:
            self._value += ahead
            self._keep()

    def reset(self, start: int | None) -> None:
        """Begin again at `start`, or at the machine's time."""
        self._load(start)

    @contextmanager
    def at(self, instant: int) -> Iterator[None]:
        """Let a job that ran late act at the time it was due."""
        self._instant = instant
        try:
            yield
        finally:
            self._instant = None
