"""How long to wait before another try."""

import random
from datetime import timedelta

FIRST = timedelta(seconds=1)
_MOST_DOUBLINGS = 30


def backoff(attempts: int, longest: timedelta) -> timedelta:
    """1 s after the first failed attempt, doubling up to `longest`, each 20 % more or less.

    So after an outage of any length things go on within about as long again.
    """
    doublings: int = 1 << min(attempts, _MOST_DOUBLINGS)
    return min(FIRST * doublings, longest) * random.uniform(0.8, 1.2)  # noqa: S311 - keeps no secret
