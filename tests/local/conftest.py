"""Accounts and programs for tests that need another process or another user."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.processes import ProcessIdentity, until

REPOSITORY = Path(__file__).resolve().parents[2]
NOBODY = 65534

RunProgram = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def program(tmp_path: Path) -> Iterator[RunProgram]:
    """Start a Python program of its own; whatever it is, it does not outlive the test."""
    started: list[subprocess.Popen[str]] = []

    def run(source: str, *prefix: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [*prefix, sys.executable, "-c", textwrap.dedent(source)],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), **(env or {})},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(child)
        return child

    yield run
    for child in started:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


@pytest.fixture
def ordinary_user() -> list[str]:
    """Command prefix that gives up root; empty when the tests already run as somebody else.

    The interpreter may lie in a folder only root may enter: the one capability left is for reading it.
    """
    if os.geteuid() != 0:
        return []
    stepped_down = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    return [*stepped_down, "--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--"]


@pytest.fixture
def users_folder() -> Iterator[Path]:
    """A folder that belongs to the ordinary user."""
    folder = Path(tempfile.mkdtemp(prefix="bahi-test-"))
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    yield folder
    shutil.rmtree(folder)


async def line_of(child: "subprocess.Popen[str]") -> str:
    """The next line the program prints; fails when it ends without one."""
    assert child.stdout is not None
    line = await asyncio.wait_for(asyncio.to_thread(child.stdout.readline), 30)
    assert line, f"the program ended with {child.wait()} and said nothing"
    return line.strip()


async def gone(pid: int, seconds: float = 15) -> bool:
    return await until(lambda: ProcessIdentity.of(pid) is None, seconds)
