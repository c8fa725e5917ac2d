import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from textwrap import dedent

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from local.home import LocalError
from local.ports import is_free
from local.postgres import PostgresServer
from local.processes import until
from tests.local.conftest import RunProgram, gone, line_of
from tests.local.test_ports import listening

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has somebody to step down to")

SERVE = """
    import asyncio, sys
    from pathlib import Path
    from local.postgres import PostgresServer

    async def main():
        async with PostgresServer(Path({folder!r}), throw_away=True) as server:
            print(server._child.pid, server.port, flush=True)
            await asyncio.sleep({seconds})

    asyncio.run(main())
    print("stopped", flush=True)
"""


@asynccontextmanager
async def connected(server: PostgresServer, dsn: str | None = None) -> AsyncIterator[AsyncConnection]:
    engine = create_async_engine(dsn or server.dsn())
    try:
        async with engine.begin() as connection:
            yield connection
    finally:
        await engine.dispose()


def owner_of(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


async def remember(server: PostgresServer, word: str) -> None:
    async with connected(server) as connection:
        await connection.execute(text("CREATE TABLE IF NOT EXISTS words (word text)"))
        await connection.execute(text("INSERT INTO words VALUES (:word)"), {"word": word})


async def remembered(server: PostgresServer) -> list[str]:
    async with connected(server) as connection:
        return list(await connection.scalars(text("SELECT word FROM words ORDER BY word")))


async def test_a_second_start_finds_its_data_on_the_same_port(tmp_path: Path) -> None:
    async with PostgresServer(tmp_path / "pg") as server:
        await remember(server, "first")
        dsn = server.dsn()
    assert not server.running
    async with PostgresServer(tmp_path / "pg", server.port) as again:
        assert await remembered(again) == ["first"]
        assert again.dsn() == dsn


async def test_what_was_committed_survives_a_kill_of_every_process(tmp_path: Path) -> None:
    async with PostgresServer(tmp_path / "pg") as server:
        await remember(server, "committed")
        await server.kill()
        assert not server.running
        assert is_free(server.port)
        assert (tmp_path / "pg" / "cluster" / "postmaster.pid").exists()
        await server.start()
        assert await remembered(server) == ["committed"]
        await server.restart()
        assert await remembered(server) == ["committed"]


async def test_the_database_is_made_once(tmp_path: Path) -> None:
    async with PostgresServer(tmp_path / "pg", throw_away=True) as server:
        assert await server.ensure_database("bahi-test")
        assert not await server.ensure_database("bahi-test")
        async with connected(server, server.dsn("bahi-test")) as connection:
            assert await connection.scalar(text("SHOW fsync")) == "off"
            assert await connection.scalar(text("SHOW data_checksums")) == "on"
            assert int(await connection.scalar(text("SHOW server_version_num")) or 0) >= 180000


async def test_only_this_machine_and_only_the_password_opens_it(tmp_path: Path) -> None:
    async with PostgresServer(tmp_path / "pg", throw_away=True) as server:
        assert stat.S_IMODE((tmp_path / "pg" / "password").stat().st_mode) == 0o600
        password = (tmp_path / "pg" / "password").read_text().strip()
        with pytest.raises(DBAPIError, match="password authentication failed"):
            async with connected(server, server.dsn().replace(password, "guessed")):
                pass
        async with connected(server) as connection:
            assert await connection.scalar(text("SHOW listen_addresses")) == "127.0.0.1"
            assert await connection.scalar(text("SHOW unix_socket_directories")) == ""


async def test_a_taken_port_is_replaced(tmp_path: Path) -> None:
    with listening() as taken:
        port = taken.getsockname()[1]
        async with PostgresServer(tmp_path / "pg", port, throw_away=True) as server:
            assert server.port != port
            await remember(server, "elsewhere")


async def test_a_second_server_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    async with PostgresServer(tmp_path / "pg", throw_away=True) as server:
        with pytest.raises(LocalError, match=f"in use by process {os.getpid()}"):
            await PostgresServer(tmp_path / "pg", throw_away=True).start()
        await remember(server, "undisturbed")


async def test_a_pid_file_that_names_a_stranger_is_no_obstacle(tmp_path: Path) -> None:
    async with PostgresServer(tmp_path / "pg", throw_away=True) as server:
        await remember(server, "kept")
        await server.kill()
        stale = tmp_path / "pg" / "cluster" / "postmaster.pid"
        lines = stale.read_text().splitlines()
        stale.write_text("\n".join([str(os.getppid()), *lines[1:]]) + "\n")  # after a reboot: any process
        await server.start()
        assert await remembered(server) == ["kept"]


async def test_an_interrupted_first_start_leaves_nothing_half_made(tmp_path: Path) -> None:
    unfinished = tmp_path / "pg" / "cluster.new"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    (tmp_path / "pg" / "password").write_text("of the interrupted start\n")
    async with PostgresServer(tmp_path / "pg", throw_away=True) as server:
        await remember(server, "complete")
    assert not unfinished.exists()


async def test_a_broken_cluster_says_what_postgres_said(tmp_path: Path) -> None:
    async with PostgresServer(tmp_path / "pg", throw_away=True):
        pass
    (tmp_path / "pg" / "cluster" / "PG_VERSION").write_text("9\n")
    server = PostgresServer(tmp_path / "pg", throw_away=True)
    with pytest.raises(LocalError, match="not compatible with this version"):
        await server.start()
    assert not server.running


async def test_the_server_ends_when_its_supervisor_is_killed(tmp_path: Path, program: RunProgram) -> None:
    supervisor = program(SERVE.format(folder=str(tmp_path / "pg"), seconds=60))
    pid = int((await line_of(supervisor)).split()[0])
    supervisor.kill()
    assert await gone(pid)
    async with PostgresServer(tmp_path / "pg", throw_away=True) as server:
        await remember(server, "after")


async def test_an_orphan_is_ended_by_the_next_start(tmp_path: Path, program: RunProgram) -> None:
    source = SERVE.format(folder=str(tmp_path / "pg"), seconds=60)
    supervisor = program("import local.postgres\nlocal.postgres.leash = lambda _: []\n" + dedent(source))
    pid = int((await line_of(supervisor)).split()[0])
    supervisor.kill()
    supervisor.wait()
    os.kill(pid, 0)  # it did outlive its supervisor
    (tmp_path / "pg" / "postgres.pid").unlink()  # not even our own note of it is left
    async with PostgresServer(tmp_path / "pg", throw_away=True) as server:
        await remember(server, "after")
        assert await gone(pid)


async def test_an_ordinary_user_runs_it(
    users_folder: Path, program: RunProgram, ordinary_user: list[str]
) -> None:
    for _ in range(2):
        run = program(SERVE.format(folder=str(users_folder / "pg"), seconds=0), *ordinary_user)
        await line_of(run)
        assert await line_of(run) == "stopped"
    assert (users_folder / "pg" / "cluster").stat().st_uid != 0


@as_root
async def test_root_opens_the_cluster_of_an_ordinary_user_and_leaves_it_theirs(
    users_folder: Path, program: RunProgram, ordinary_user: list[str]
) -> None:
    first = program(SERVE.format(folder=str(users_folder / "pg"), seconds=0), *ordinary_user)
    await line_of(first)
    assert await line_of(first) == "stopped"
    async with PostgresServer(users_folder / "pg", throw_away=True) as server:
        await remember(server, "as root")
    owners = {path.stat().st_uid for path in (users_folder / "pg" / "cluster").rglob("*")}
    assert 0 not in owners


@as_root
async def test_root_without_user_namespaces_runs_it_as_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: RunProgram
) -> None:
    refusing = tmp_path / "bin" / "unshare"
    refusing.parent.mkdir()
    refusing.write_text("#!/bin/sh\necho 'unshare failed: Operation not permitted' >&2\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setenv("PATH", f"{refusing.parent}:{os.environ['PATH']}")
    async with PostgresServer(tmp_path / "pg", throw_away=True) as server:
        await remember(server, "as nobody")
        assert server._child is not None
        assert owner_of(server._child.pid) == 65534
        await server.kill()
        await server.start()
        assert await remembered(server) == ["as nobody"]
    supervisor = program(SERVE.format(folder=str(tmp_path / "pg"), seconds=60))
    pid = int((await line_of(supervisor)).split()[0])
    supervisor.kill()
    assert await gone(pid)


async def test_stop_ends_it_although_clients_are_connected(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path / "pg", throw_away=True)
    await server.start()
    engine = create_async_engine(server.dsn())
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            await server.stop()
            assert not server.running
            assert await until(lambda: is_free(server.port), 5)
            with pytest.raises(DBAPIError):
                await connection.execute(text("SELECT 1"))
    finally:
        await engine.dispose()
