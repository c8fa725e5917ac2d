"""What every act of the simulator works on: the books, the time, the ids and the switches."""

import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from simulator.books import Books, Record
from simulator.clock import Clock
from simulator.cycles import IST
from simulator.phonepe.settings import Options, Policy, Switches

_MOST_HAPPENINGS = 10_000


@dataclass
class World:
    """One merchant account."""

    books: Books
    clock: Clock
    options: Options
    base_url: str = ""
    happened: list[Record] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.load()

    def load(self) -> None:
        """Read switches and policy from the books."""
        self.switches = Switches.model_validate(self.books.note("switches") or {})
        self.policy = Policy.model_validate(self.books.note("policy") or {})

    @property
    def now(self) -> int:
        """The present in unix seconds."""
        return self.clock.now()

    @property
    def now_ms(self) -> int:
        """The present in unix milliseconds; those within the second are the machine's."""
        return self.now * 1000 + time.time_ns() // 10**6 % 1000

    def mint(self, prefix: str) -> str:
        """A PhonePe id: prefix, the time in India to the millisecond, seven digits (phonepe.md, 1.4)."""
        now = self.now_ms
        moment = datetime.fromtimestamp(now // 1000, IST)
        return f"{prefix}{moment:%y%m%d%H%M%S}{now % 1000:03d}{self.digits(7)}"

    def digits(self, length: int) -> str:
        """Random decimal digits."""
        return f"{secrets.randbelow(10**length):0{length}d}"

    def tell(self, what: str, subject: str, **more: Any) -> None:
        """Note that something happened, for whoever moves the clock."""
        if len(self.happened) < _MOST_HAPPENINGS:
            self.happened.append(
                {"at": self.now, "at_iso": iso(self.now), "what": what, "subject": subject} | more
            )


def iso(instant: int) -> str:
    """Unix seconds as ISO 8601 in UTC."""
    return datetime.fromtimestamp(instant, UTC).isoformat().replace("+00:00", "Z")
