"""Asking the local API until it has an answer."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from local.home import LocalError

PATIENCE_SECONDS = 60.0
Body = dict[str, Any]


async def eventually(
    what: str, ask: Callable[[], Awaitable[Body | None]], patience: float = PATIENCE_SECONDS
) -> Body:
    """Ask until there is an answer. Raises LocalError when there is none in time."""
    deadline = time.monotonic() + patience
    while (answer := await ask()) is None:
        if time.monotonic() > deadline:
            raise LocalError(f"{what} did not come within {patience:g} s; see the logs")
        await asyncio.sleep(0.1)
    return answer
