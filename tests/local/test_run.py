"""`python -m local run` as a person uses it: stopped, killed, and started again."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from local.ports import LOOPBACK, any_free_port
from local.postgres import _servers_on
from local.processes import until
from tests.local.conftest import REPOSITORY
from tests.local.test_ports import listening

NAMES = (
    "API",
    "Temporal",
    "Temporal UI",
    "Temporal UI itself",
    "simulator",
    "Postgres",
    "worker metrics",
    "relay metrics",
)
UP = "Everything stays up until Ctrl-C."
SECONDS_TO_COME_BACK = 10
"""Of processor time, because other tests share the machine; two idle cores need about half of that."""


def processes_of(home: Path) -> list[int]:
    """Everything that runs for this data folder."""
    wanted = f"BAHI_HOME={home}".encode()
    found = _servers_on(home / "postgres" / "cluster")
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and wanted in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
        except OSError:
            continue
    return found


def processor_seconds(pids: list[int]) -> float:
    """User and system time of these processes and of those they waited for."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def bytes_of(file: str) -> bytes:
    return Path(file).read_bytes()


def text_of(file: Path) -> str:
    return file.read_text()


def remember_ports(home: Path, chosen: dict[str, int]) -> None:
    """Whoever works on this machine may have the usual ones."""
    file = home / "ports.json"
    file.write_text(json.dumps({name: any_free_port() for name in NAMES} | chosen))
    os.chown(file, home.stat().st_uid, home.stat().st_gid)


def command(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "local", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "BAHI_HOME": str(home), "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
    )


class Running:
    """A run, what it said, and where its API is."""

    def __init__(self, process: "subprocess.Popen[str]", home: Path) -> None:
        self.process = process
        self.home = home
        self.said: list[str] = []

    async def until_up(self) -> None:
        while not self.said or self.said[-1] != UP:
            self.said.append(await self.next_line())

    async def next_line(self) -> str:
        assert self.process.stdout is not None
        line = await asyncio.wait_for(asyncio.to_thread(self.process.stdout.readline), 60)
        assert line, "it ended:\n" + "\n".join(self.said)
        return line.strip()

    async def ended(self) -> int:
        assert await until(lambda: self.process.poll() is not None, 40)
        assert self.process.returncode is not None
        return self.process.returncode

    def place(self, name: str) -> str:
        lines = [line for line in self.said if re.match(rf"{name}  +", line)]
        return lines[-1].removeprefix(name).strip()

    @property
    def api(self) -> str:
        return self.place("API").removesuffix("/docs")

    async def metrics(self, name: str) -> str:
        port = json.loads((self.home / "ports.json").read_text())[name]
        async with httpx.AsyncClient(trust_env=False) as http:
            return (await http.get(f"http://{LOOPBACK}:{port}/metrics")).raise_for_status().text

    async def me(self) -> dict[str, str]:
        token = (self.home / "customer.token").read_text().strip()
        async with httpx.AsyncClient(trust_env=False) as http:
            headers = {"Authorization": f"Bearer {token}"}
            answer = await http.get(f"{self.api}/v1/subscriptions/me", headers=headers)
        body: dict[str, str] = answer.raise_for_status().json()
        return body


@asynccontextmanager
async def running(home: Path, *prefix: str) -> AsyncIterator[Running]:
    if not (home / "ports.json").exists():
        remember_ports(home, {})
    process = subprocess.Popen(  # noqa: ASYNC220 - fork and exec only
        [*prefix, sys.executable, "-m", "local", "run"],
        cwd=REPOSITORY,
        env={**os.environ, "BAHI_HOME": str(home), "COLUMNS": "200"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    run = Running(process, home)
    try:
        await run.until_up()
        yield run
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            await asyncio.to_thread(process.wait)


async def test_the_main_job_is_shown_found_again_and_survives_a_kill_of_everything(tmp_path: Path) -> None:
    async with running(tmp_path) as first:
        said = "\n".join(first.said)
        assert "₹2,999.00 + CGST ₹269.91 + SGST ₹269.91 = ₹3,538.82" in said
        assert bytes_of(first.place("Invoice")).startswith(b"%PDF-")
        me = await first.me()
        assert (me["status"], me["plan"]) == ("ACTIVE", "GROWTH")
        assert "temporal_worker_task_slots_available" in await first.metrics("worker metrics")
        relayed = await first.metrics("relay metrics")
        assert "bahi_inbox_lag_seconds 0.0" in relayed
        assert 'bahi_inbox_calls_total{outcome="signalled"}' in relayed
        os.killpg(first.process.pid, signal.SIGINT)  # as Ctrl-C does: to the whole group
        assert await first.ended() == 0
        assert processes_of(tmp_path) == []

    async with running(tmp_path) as second:
        assert processor_seconds(processes_of(tmp_path)) <= SECONDS_TO_COME_BACK
        assert "The subscription of an earlier run, found again" in second.said
        assert await second.me() == me
        assert second.place("Checkout page") == first.place("Checkout page")
        for pid in processes_of(tmp_path):
            os.kill(pid, signal.SIGKILL)
        assert await second.ended() == -signal.SIGKILL
        assert await until(lambda: processes_of(tmp_path) == [], 10)

    async with running(tmp_path) as third:
        assert "The subscription of an earlier run, found again" in third.said
        assert await third.me() == me
        assert third.api == first.api
        await nobody_else_may_run_or_wipe(third)
        await a_crash_is_mended(third)


async def nobody_else_may_run_or_wipe(run: Running) -> None:
    again = await asyncio.to_thread(command, run.home, "run")
    assert again.returncode == 1
    assert f"in use by process {run.process.pid}; stop it first" in again.stdout
    assert (await asyncio.to_thread(command, run.home, "reset", "--yes")).returncode == 1
    assert (await run.me())["status"] == "ACTIVE"


async def a_crash_is_mended(run: Running) -> None:
    os.kill(int(text_of(run.home / "processes" / "worker.pid").split()[0]), signal.SIGKILL)
    assert "worker ended unexpectedly; starting it again" in await run.next_line()
    assert "worker is running again" in await run.next_line()


async def test_an_ordinary_user_runs_it_although_ports_are_taken(
    users_folder: Path, ordinary_user: list[str]
) -> None:
    with listening() as api, listening() as postgres:
        taken = {"API": api.getsockname()[1], "Postgres": postgres.getsockname()[1]}
        remember_ports(users_folder, taken)
        async with running(users_folder, *ordinary_user) as run:
            assert (await run.me())["status"] == "ACTIVE"
            for name, port in taken.items():
                told = [line for line in run.said if line.startswith(f"• port {port} is taken, using ")]
                assert [line.endswith(f" for {name}") for line in told] == [True]
            os.kill(run.process.pid, signal.SIGTERM)
            assert await run.ended() == 0
            assert processes_of(users_folder) == []


async def test_reset_asks_and_then_leaves_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "logs").mkdir(parents=True)
    unanswered = await asyncio.to_thread(command, home, "reset")
    assert unanswered.returncode == 1
    assert "nothing was deleted" in unanswered.stdout
    assert (home / "logs").exists()
    assert (await asyncio.to_thread(command, home, "reset", "--yes")).returncode == 0
    assert not home.exists()
