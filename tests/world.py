"""A whole world for a test, opened at a moment of the test's choosing: see local/world.py."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import pytest

from local.world import World, open_world


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
    """Ask until it is so; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, f"still not so after {seconds} s"
        await asyncio.sleep(0.02)


class OpenWorld(Protocol):
    """Opens a world at `now` (aware); `settings` are those of config.py."""

    def __call__(self, now: datetime, **settings: Any) -> AbstractAsyncContextManager[World]: ...


@pytest.fixture
def world_at(tmp_path: Path, database_url: str) -> OpenWorld:
    """One world a test: its folder and its database are the test's own."""

    def open_at(now: datetime, **settings: Any) -> AbstractAsyncContextManager[World]:
        return open_world(tmp_path, database_url, now, **{"log_level": "ERROR", **settings})

    return open_at
