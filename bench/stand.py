"""What everything is measured on: one durable Postgres, Temporal servers, processes to load."""

import asyncio
import itertools
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from bench.meter import Meter
from db.catalogue import load_file
from db.migrate import upgrade
from db.session import Database
from local.home import REPOSITORY, LocalError
from local.postgres import PostgresServer
from local.processes import Child, ProcessIdentity, until
from local.temporal import TemporalServer
from workflows import search_attributes

_TEMPLATE = "template_bench"
_READY_SECONDS = 60.0


class Stand:
    """Lives in a folder of its own, which is thrown away. All servers listen on loopback only."""

    def __init__(self, folder: Path, postgres: PostgresServer) -> None:
        self._folder = folder
        self._postgres = postgres
        self._numbers = itertools.count(1)

    @property
    def postgres_meter(self) -> Meter:
        """CPU of the server with all its backends."""
        return Meter(_pid(self._postgres.folder / "postgres.pid"))

    def file(self, name: str) -> Path:
        """A path nobody else has."""
        return self._folder / f"{next(self._numbers)}-{name}"

    async def database(self) -> str:
        """URL of a new database: newest schema, catalogue loaded, nothing else."""
        name = f"bench_{next(self._numbers)}"
        engine = create_async_engine(self._postgres.dsn(), isolation_level="AUTOCOMMIT")
        async with engine.connect() as connection:
            await connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}"))
        await engine.dispose()
        return self._postgres.dsn(name)

    @asynccontextmanager
    async def temporal(self, *, time_skipping: bool = False) -> AsyncIterator[tuple[TemporalServer, Meter]]:
        """A server that keeps everything in memory, so that no disk is measured."""
        folder = self.file("temporal")
        known = search_attributes.ALL
        async with TemporalServer(
            folder=folder, search_attributes=known, time_skipping=time_skipping
        ) as server:
            yield server, Meter(_pid(folder / "temporal.pid"))

    @asynccontextmanager
    async def process(self, module: str, arguments: Sequence[str]) -> AsyncIterator[Meter]:
        """`python -m module …`, serving once it has said so. Raises LocalError."""
        folder = self.file(module)
        child = Child(
            module, [sys.executable, "-m", module, *arguments], logs=folder, processes=folder, cwd=REPOSITORY
        )
        await child.start()
        try:
            await until(lambda: not child.running or "serving" in child.log_tail(), _READY_SECONDS)
            if not child.running or "serving" not in child.log_tail():
                raise LocalError(f"{module} did not start:\n{child.log_tail()}")
            yield Meter(child.pid)
            if not child.running:
                raise LocalError(f"{module} ended while it was measured:\n{child.log_tail()}")
        finally:
            await child.stop()


def _pid(file: Path) -> int:
    identity = ProcessIdentity.read(file)
    if identity is None:
        raise LocalError(f"the process of {file} has ended")
    return identity.pid


@asynccontextmanager
async def open_stand() -> AsyncIterator[Stand]:
    """Postgres is durable, as in production: a commit costs what it costs there."""
    with tempfile.TemporaryDirectory(prefix="bahi-bench-") as name:
        folder = Path(name)
        async with PostgresServer(folder / "postgres") as postgres:
            await postgres.ensure_database(_TEMPLATE)
            url = postgres.dsn(_TEMPLATE)
            await upgrade(url)
            database = Database.connect(url, pool_size=1)
            await load_file(database, REPOSITORY / "catalogue.yaml", datetime.now(UTC))
            await database.close()
            yield Stand(folder, postgres)
            await asyncio.sleep(0)
