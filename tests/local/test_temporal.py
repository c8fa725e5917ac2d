import os
import signal
from pathlib import Path

import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from local.home import LocalError
from local.ports import is_free
from local.temporal import TemporalServer
from tests.local.conftest import RunProgram, gone, line_of
from tests.local.test_ports import listening

SERVE = """
    import asyncio
    from pathlib import Path
    from local.temporal import TemporalServer

    async def main():
        async with TemporalServer(Path({file!r}), ui_port=0) as server:
            print(server._child.pid, server.port, flush=True)
            await asyncio.sleep({seconds})

    asyncio.run(main())
    print("stopped", flush=True)
"""


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def begin(server: TemporalServer, workflow_id: str) -> None:
    """Start a workflow that nobody works on: it only has to be remembered."""
    client = await Client.connect(server.address)
    await client.start_workflow("Nobody", id=workflow_id, task_queue="nobody")


async def remembers(server: TemporalServer, workflow_id: str) -> bool:
    client = await Client.connect(server.address)
    described = await client.get_workflow_handle(workflow_id).describe()
    return described.status is WorkflowExecutionStatus.RUNNING


async def test_workflows_outlive_restart_and_kill_on_the_same_ports(tmp_path: Path) -> None:
    attributes = {"SubscriptionState": "Keyword", "NextDue": "Datetime"}
    async with TemporalServer(tmp_path / "temporal.db", ui_port=0, search_attributes=attributes) as server:
        ports = (server.port, server.ui_port)
        await begin(server, "kept")
        await server.restart()
        assert await remembers(server, "kept")
        await server.kill()
        assert not server.running
        assert is_free(server.port)
        await server.start()
        assert await remembers(server, "kept")
        assert (server.port, server.ui_port) == ports
    assert not server.running


async def test_a_server_in_memory_forgets_and_shows_no_page(tmp_path: Path) -> None:
    async with TemporalServer(folder=tmp_path) as server:
        assert server.ui_url is None
        await begin(server, "forgotten")
    assert names_in(tmp_path) == {"lock", "temporal.log"}
    with pytest.raises(LocalError, match="needs a folder"):
        TemporalServer()


async def test_taken_ports_are_replaced(tmp_path: Path) -> None:
    with listening() as first, listening() as second:
        port, ui_port = first.getsockname()[1], second.getsockname()[1]
        async with TemporalServer(tmp_path / "temporal.db", port, ui_port=ui_port) as server:
            assert server.port != port
            assert server.ui_port != ui_port
            await begin(server, "elsewhere")


async def test_a_second_server_on_the_same_file_is_refused(tmp_path: Path) -> None:
    async with TemporalServer(tmp_path / "temporal.db"):
        with pytest.raises(LocalError, match=f"in use by process {os.getpid()}"):
            await TemporalServer(tmp_path / "temporal.db").start()


async def test_a_wrong_setting_says_what_the_server_said(tmp_path: Path) -> None:
    server = TemporalServer(tmp_path / "temporal.db", search_attributes={"SubscriptionState": "Letter"})
    with pytest.raises(LocalError, match="Letter"):
        await server.start()
    assert not server.running


async def test_the_server_ends_when_its_supervisor_is_killed(tmp_path: Path, program: RunProgram) -> None:
    supervisor = program(SERVE.format(file=str(tmp_path / "temporal.db"), seconds=60))
    pid = int((await line_of(supervisor)).split()[0])
    supervisor.kill()
    assert await gone(pid)
    async with TemporalServer(tmp_path / "temporal.db") as server:
        await begin(server, "after")


async def test_a_killed_pair_starts_again_with_its_data(tmp_path: Path, program: RunProgram) -> None:
    supervisor = program(SERVE.format(file=str(tmp_path / "temporal.db"), seconds=60))
    pid, port = map(int, (await line_of(supervisor)).split())
    client = await Client.connect(f"127.0.0.1:{port}")
    await client.start_workflow("Nobody", id="kept", task_queue="nobody")
    os.kill(pid, signal.SIGKILL)
    supervisor.kill()
    supervisor.wait()
    async with TemporalServer(tmp_path / "temporal.db", port) as server:
        assert await remembers(server, "kept")


async def test_an_ordinary_user_runs_it(
    users_folder: Path, program: RunProgram, ordinary_user: list[str]
) -> None:
    for _ in range(2):
        file = str(users_folder / "temporal.db")
        run = program(SERVE.format(file=file, seconds=0), *ordinary_user, env={"HOME": ""})
        await line_of(run)
        assert await line_of(run) == "stopped"
