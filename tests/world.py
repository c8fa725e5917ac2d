"""A whole world for a test, opened at a moment of the test's choosing: see local/world.py."""

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import pytest

from local.world import World, open_world


class OpenWorld(Protocol):
    """Opens a world at `now` (aware); `settings` are those of config.py."""

    def __call__(self, now: datetime, **settings: Any) -> AbstractAsyncContextManager[World]: ...


@pytest.fixture
def world_at(tmp_path: Path, database_url: str) -> OpenWorld:
    """One world a test: its folder and its database are the test's own."""

    def open_at(now: datetime, **settings: Any) -> AbstractAsyncContextManager[World]:
        return open_world(tmp_path, database_url, now, **{"log_level": "ERROR", **settings})

    return open_at
