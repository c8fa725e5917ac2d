"""Entity ids: a prefix, ten base-62 digits that count nanoseconds since 2014, four random ones."""

import random
import re
import secrets
import time
from collections.abc import Callable

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
EPOCH = 1_388_534_400  # 2014-01-01T00:00:00Z in unix seconds
_SHAPE = re.compile(r"[0-9A-Za-z]{14}")
_NANO = 10**9


def encode(unix_ns: int, tail: str) -> str:
    """The 14 characters for an instant in unix nanoseconds, ending in the four characters of `tail`."""
    number, digits = unix_ns - EPOCH * _NANO, ""
    while number:
        number, rest = divmod(number, 62)
        digits = ALPHABET[rest] + digits
    return digits.rjust(10, "0") + tail


def well_formed(value: str, prefix: str) -> bool:
    """Whether `value` is `prefix` followed by 14 base-62 characters."""
    return value.startswith(prefix) and _SHAPE.fullmatch(value[len(prefix) :]) is not None


class Mint:
    """Makes ids at the simulator's own time, so that an id dates its entity as the real ones do."""

    def __init__(self, now: Callable[[], int], rng: random.Random | None = None) -> None:
        self._now = now
        self._rng = rng or secrets.SystemRandom()
        self._second = self._last = 0

    def __call__(self, prefix: str) -> str:
        """A new id. The nanoseconds within the second are the machine's, so that ids of one second differ.

        While the clock stands, the machine's second goes by: later ids still come after earlier ones.
        """
        second = self._now()
        instant = second * _NANO + time.time_ns() % _NANO
        if second == self._second:
            instant = max(instant, self._last + 1)
        self._second, self._last = second, instant
        return prefix + encode(instant, self.word(4))

    def word(self, length: int) -> str:
        """Random base-62 characters."""
        return "".join(self._rng.choice(ALPHABET) for _ in range(length))

    def digits(self, length: int) -> str:
        """Random decimal digits, the first of them not zero."""
        return str(self._rng.randrange(10 ** (length - 1), 10**length))
