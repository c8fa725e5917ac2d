"""What fault tests share: the process that workers are forked from, and stages to kill things on."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import pytest

from local.postgres import PostgresServer
from tests.faults.stage import Stage, fresh_database, open_stage
from tests.faults.workers import Forge

_numbers = itertools.count(1)
_one_migration = asyncio.Lock()
"""Alembic keeps what it is doing in globals."""


class OpenStage(Protocol):
    """Opens a stage at `now` (aware); `settings` are those of config.py and of `open_stage`."""

    def __call__(
        self, now: datetime, *, server: PostgresServer | None = None, **settings: Any
    ) -> AbstractAsyncContextManager[Stage]: ...


@pytest.fixture(scope="session")
async def forge(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Forge]:
    async with Forge.start(tmp_path_factory.mktemp("workers") / "workers.log") as forge:
        yield forge


@pytest.fixture(scope="session")
def stage_at(postgres: PostgresServer, forge: Forge, tmp_path_factory: pytest.TempPathFactory) -> OpenStage:
    """Stages with a folder, a database and a Temporal server of their own."""

    @asynccontextmanager
    async def open_at(
        now: datetime, *, server: PostgresServer | None = None, **settings: Any
    ) -> AsyncIterator[Stage]:
        folder: Path = tmp_path_factory.mktemp("stage")
        async with _one_migration:
            url = await fresh_database(server or postgres, f"faults_{next(_numbers)}")
        async with open_stage(folder, url, forge, now, **settings) as stage:
            yield stage

    return open_at
