import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from local.processes import Child, ProcessIdentity, Supervisor, until
from tests.local.conftest import RunProgram, gone, line_of

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(60)
"""
WITH_GRANDCHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])
print(child.pid, flush=True)
time.sleep(60)
"""


def child_of(folder: Path, source: str, name: str = "child", *, grace: float = 10.0) -> Child:
    return Child(name, [sys.executable, "-c", source], logs=folder, processes=folder, grace=grace)


async def logged(child: Child) -> str:
    assert await until(lambda: bool(child.log_tail()), 10)
    return child.log_tail()


@asynccontextmanager
async def watching(supervisor: Supervisor) -> AsyncIterator[None]:
    watch = asyncio.create_task(supervisor.watch())
    try:
        yield
    finally:
        watch.cancel()
        await supervisor.stop()


async def test_stop_asks_politely_and_the_log_keeps_what_was_said(tmp_path: Path) -> None:
    source = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(print("asked to stop")))
print("up", flush=True)
time.sleep(60)
"""
    child = child_of(tmp_path, source)
    await child.start()
    assert await logged(child) == "up"
    await child.stop()
    assert child.exit_code == 0
    assert child.log_tail() == "up\nasked to stop"


async def test_a_stubborn_child_is_killed_after_its_grace(tmp_path: Path) -> None:
    child = child_of(tmp_path, STUBBORN, grace=0.2)
    await child.start()
    await logged(child)
    await child.stop()
    assert child.exit_code == -signal.SIGKILL


async def test_kill_takes_the_grandchildren_too(tmp_path: Path) -> None:
    child = child_of(tmp_path, WITH_GRANDCHILD)
    await child.start()
    grandchild = int(await logged(child))
    await child.kill()
    assert await gone(grandchild)


async def test_a_leftover_of_a_killed_run_is_ended_before_the_next(tmp_path: Path) -> None:
    left = child_of(tmp_path, STUBBORN, grace=0.2)
    await left.start()
    await logged(left)
    following = child_of(tmp_path, "import time; time.sleep(60)", grace=0.2)
    await following.start()
    assert not left.running
    assert following.running
    await following.stop()


async def test_a_stranger_with_a_reused_pid_is_left_alone(tmp_path: Path) -> None:
    stranger = child_of(tmp_path / "elsewhere", "import time; time.sleep(60)")
    await stranger.start()
    identity = ProcessIdentity.of(stranger.pid)
    assert identity is not None
    for note in (
        ProcessIdentity(identity.pid, "1", identity.boot),
        ProcessIdentity(identity.pid, identity.started, "another boot"),
    ):
        note.write(tmp_path / "child.pid")
        child = child_of(tmp_path, "")
        await child.end_leftover()
        assert stranger.running
    (tmp_path / "child.pid").write_text("half writ")
    await child_of(tmp_path, "").end_leftover()
    assert stranger.running
    await stranger.stop()


async def test_a_large_log_is_moved_aside(tmp_path: Path) -> None:
    (tmp_path / "child.log").write_bytes(b"x" * 10_000_001)
    child = child_of(tmp_path, "print('fresh')")
    await child.start()
    assert await logged(child) == "fresh"
    await child.stop()
    assert (tmp_path / "child.log.1").stat().st_size == 10_000_001


async def test_a_crashed_child_is_started_again_with_growing_pauses(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(said.append, first_pause=0.01)
    await supervisor.start(child_of(tmp_path, "print('ran', flush=True)", "crashing"))
    async with watching(supervisor):
        assert await until(lambda: len(said) >= 5, 20)
    assert said[0] == "crashing ended unexpectedly; starting it again in 0.01 s"
    assert said[1] == "crashing is running again"
    assert said[2] == "crashing ended unexpectedly; starting it again in 0.02 s"
    assert said[4] == "crashing ended unexpectedly; starting it again in 0.04 s"


async def test_a_killed_child_returns_and_the_others_stay(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(said.append, first_pause=0.01)
    killed = child_of(tmp_path, "import time; time.sleep(60)", "killed")
    other = child_of(tmp_path, "import time; time.sleep(60)", "other")
    await supervisor.start(killed)
    await supervisor.start(other)
    pids = killed.pid, other.pid
    async with watching(supervisor):
        os.kill(killed.pid, signal.SIGKILL)
        assert await until(lambda: "killed is running again" in said, 10)
        assert killed.pid != pids[0]
        assert other.pid == pids[1]
    assert not killed.running
    assert not other.running


async def test_stopping_goes_backwards_and_past_a_failure() -> None:
    said: list[str] = []

    class Fake:
        def __init__(self, name: str) -> None:
            self.name = name
            self.running = False

        async def start(self) -> None:
            self.running = True

        async def stop(self) -> None:
            said.append(self.name)
            if self.name == "second":
                raise OSError("no")

    supervisor = Supervisor(said.append)
    for name in ("first", "second", "third"):
        await supervisor.start(Fake(name))
    await supervisor.stop()
    assert said == ["third", "second", "second did not stop: no", "first"]


SUPERVISE = """
    import asyncio, signal, sys
    from pathlib import Path
    from local.processes import Child, Supervisor

    async def main():
        stop = asyncio.Event()
        for which in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(which, stop.set)
        supervisor = Supervisor(print)
        folder = Path({folder!r})
        children = [
            Child(name, [sys.executable, "-c", {source!r}], logs=folder, processes=folder)
            for name in ("one", "two")
        ]
        for child in children:
            await supervisor.start(child)
        print(*(child.pid for child in children), flush=True)
        await stop.wait()
        print(*(child.running for child in children), flush=True)
        await supervisor.stop()
        print("stopped", flush=True)

    asyncio.run(main())
"""


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
async def test_ctrl_c_for_the_whole_group_reaches_only_the_supervisor(
    tmp_path: Path, program: RunProgram, which: signal.Signals
) -> None:
    source = "import time; time.sleep(60)"
    supervisor = program(SUPERVISE.format(folder=str(tmp_path), source=source))
    pids = [int(pid) for pid in (await line_of(supervisor)).split()]
    os.killpg(supervisor.pid, which)
    assert await line_of(supervisor) == "True True"
    assert await line_of(supervisor) == "stopped"
    assert all([await gone(pid) for pid in pids])


async def test_no_child_outlives_a_killed_supervisor(tmp_path: Path, program: RunProgram) -> None:
    supervisor = program(SUPERVISE.format(folder=str(tmp_path), source="import time; time.sleep(60)"))
    pids = [int(pid) for pid in (await line_of(supervisor)).split()]
    supervisor.kill()
    assert all([await gone(pid) for pid in pids])
