"""The live stack on one machine: Postgres, Temporal with its UI, simulators of both gateways, worker, API."""

import asyncio
import json
import os
import shlex
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from config import PREFIX, Settings
from db import migrate
from db.catalogue import load_file
from db.session import Database
from local.home import REPOSITORY, Home, LocalError
from local.narration import Narrator
from local.ports import LOOPBACK, Ports, listens
from local.postgres import USER, PostgresServer
from local.processes import Child, Supervisor
from local.temporal import NAMESPACE, TemporalServer
from local.temporal_pages import TemporalPages
from workflows import search_attributes
from workflows.ports import SUBSCRIPTIONS_QUEUE

DATABASE = "bahi"
_READY_SECONDS = 60.0
_PHONEPE = {
    "CLIENT_ID": "LOCALCLIENT",
    "CLIENT_SECRET": "local-only-phonepe-secret",
    "WEBHOOK_USERNAME": "bahi_local",
    "WEBHOOK_PASSWORD": "Local0nly1",
}
"""With which the application and the simulator know each other."""


class Stack:
    """Starts everything in order, keeps it alive, stops it in reverse order."""

    def __init__(self, home: Home, narrator: Narrator) -> None:
        self.home = home
        self._narrator = narrator
        self._supervisor = Supervisor(narrator.say)
        ports = Ports(home.root / "ports.json", narrator.say)
        self.uses_simulator = f"{PREFIX}RAZORPAY_KEY_ID" not in os.environ
        self.uses_phonepe_simulator = f"{PREFIX}PHONEPE_CLIENT_ID" not in os.environ
        self.api_url = f"http://{LOOPBACK}:{ports.choose('API', 8000)}"
        self.temporal_port = ports.choose("Temporal", 7233)
        self.temporal_ui_url = f"http://{LOOPBACK}:{ports.choose('Temporal UI', 8233)}"
        self.simulator_url = f"http://{LOOPBACK}:{ports.choose('simulator', 8555)}"
        self.phonepe_url = f"http://{LOOPBACK}:{ports.choose('PhonePe simulator', 8557)}"
        self._metrics_port = ports.choose("worker metrics", 9464)
        self._relay_metrics_port = ports.choose("relay metrics", 9465)
        self._postgres = PostgresServer(home.postgres, ports.choose("Postgres", 5432), logs=home.logs)
        self._temporal = TemporalServer(
            home.temporal / "temporal.db",
            self.temporal_port,
            logs=home.logs,
            ui_port=ports.choose("Temporal UI itself", 8234),
            search_attributes=search_attributes.ALL,
            codec_endpoint=f"{self.api_url}/admin/codec",
        )
        self.settings = Settings()

    async def start(self) -> None:
        """Bring everything up; raises LocalError when a part does not come up."""
        self.home.logs.mkdir(exist_ok=True)
        await _together(self._start_postgres(), self._start_temporal())
        self.settings = self._settings()
        self._write_environment()
        await self._load_catalogue()
        simulators = [self._start_simulator()] if self.uses_simulator else []
        if self.uses_phonepe_simulator:
            simulators.append(self._start_phonepe())
        await _together(*simulators, self._start_worker(), self._start_api())

    async def keep_alive(self) -> None:
        """Restart what crashes, until cancelled."""
        await self._supervisor.watch()

    async def stop(self) -> None:
        """Everything, in reverse order."""
        await self._supervisor.stop()

    def _settings(self) -> Settings:
        """What this machine decides; whatever the environment says has the last word."""
        decided = {
            "database_url": self._postgres.dsn(DATABASE),
            "temporal_address": self._temporal.address,
            "temporal_namespace": NAMESPACE,
            "api_host": LOOPBACK,
            "api_port": _port(self.api_url),
            "public_url": self.api_url,
            "metrics_port": self._metrics_port,
            "relay_metrics_port": self._relay_metrics_port,
            "allowed_origins": [self.temporal_ui_url, self.temporal_ui_url.replace(LOOPBACK, "localhost")],
            "storage_folder": str(self.home.files),
            "catalogue_path": str(REPOSITORY / Settings.model_fields["catalogue_path"].default),
        }
        if self.uses_simulator:
            decided["razorpay_base_url"] = self.simulator_url
            # Whoever moves the simulator's clock ahead of ours still gets checkouts that are open there.
            decided["checkout_expires_after_seconds"] = 400 * 24 * 3600
        if self.uses_phonepe_simulator:
            decided |= {
                "phonepe_client_id": _PHONEPE["CLIENT_ID"],
                "phonepe_client_secret": _PHONEPE["CLIENT_SECRET"],
                "phonepe_webhook_username": _PHONEPE["WEBHOOK_USERNAME"],
                "phonepe_webhook_password": _PHONEPE["WEBHOOK_PASSWORD"],
                "phonepe_url": f"{self.phonepe_url}/apis/pg-sandbox",
            }
        own = {name: value for name, value in decided.items() if f"{PREFIX}{name}".upper() not in os.environ}
        self._environment = {
            f"{PREFIX}{name}".upper(): value if isinstance(value, str) else json.dumps(value)
            for name, value in own.items()
        }
        return Settings(**own)  # type: ignore[arg-type] # checked by pydantic

    def _write_environment(self) -> None:
        """For commands beside the stack: `set -a; . .bahi/settings.env; python -m db.catalogue ...`."""
        file = self.home.root / "settings.env"
        file.touch(mode=0o600)
        lines = (f"{name}={shlex.quote(value)}\n" for name, value in self._environment.items())
        file.write_text("".join(lines))

    @property
    def database_address(self) -> str:
        """For `psql`; the password stays in its file."""
        return f"postgresql://{USER}@{LOOPBACK}:{self._postgres.port}/{DATABASE}"

    async def _start_postgres(self) -> None:
        async with self._narrator.step("Postgres") as step:
            await self._supervisor.start(self._postgres)
            await self._postgres.ensure_database(DATABASE)
            step.detail = f"{LOOPBACK}:{self._postgres.port}"

    async def _load_catalogue(self) -> None:
        async with self._narrator.step("Tables and plans") as step:
            url = self.settings.database_url.get_secret_value()
            await migrate.upgrade(url)
            database = Database.connect(url, pool_size=1)
            try:
                changes = await load_file(
                    database,
                    self.settings.catalogue_path,
                    datetime.now(UTC),
                    [each.key for each in self.settings.registrations.all],
                )
            finally:
                await database.close()
            step.detail = f"{len(changes)} changes to the catalogue" if changes else "as they were"

    async def _start_temporal(self) -> None:
        async with self._narrator.step("Temporal") as step:
            await self._supervisor.start(self._temporal)
            assert self._temporal.ui_port is not None
            login = f"{self.api_url}/admin/login"
            pages = TemporalPages(_port(self.temporal_ui_url), self._temporal.ui_port, login)
            await self._supervisor.start(pages)
            step.detail = f"{self._temporal.address}, pages at {self.temporal_ui_url}"

    async def _start_simulator(self) -> None:
        async with self._narrator.step("Razorpay simulator") as step:
            self.home.simulator.mkdir(exist_ok=True)
            options = {
                "PORT": str(_port(self.simulator_url)),
                "BOOKS": str(self.home.simulator / "books.sqlite"),
                "KEY_ID": self.settings.razorpay_key_id,
                "KEY_SECRET": self.settings.razorpay_key_secret.get_secret_value(),
                "WEBHOOK_URL": f"{self.api_url}/webhooks/razorpay",
                "WEBHOOK_SECRET": self.settings.razorpay_webhook_secret.get_secret_value(),
                "MERCHANT": self.settings.registrations.chosen().seller.legal_name,
                "RETURN_URL": f"{self.api_url}/docs",
            }
            environment = {f"SIMULATOR_{name}": value for name, value in options.items()}
            simulator = self._child("simulator", ["-m", "simulator"], environment)
            await self._supervisor.start(simulator)
            await self._answers(simulator, f"{self.simulator_url}/_sim/health")
            step.detail = self.simulator_url

    async def _start_phonepe(self) -> None:
        async with self._narrator.step("PhonePe simulator") as step:
            self.home.simulator.mkdir(exist_ok=True)
            options = _PHONEPE | {
                "PORT": str(_port(self.phonepe_url)),
                "BOOKS": str(self.home.simulator / "phonepe.sqlite"),
                "WEBHOOK_URL": f"{self.api_url}/webhooks/phonepe",
                "MERCHANT": self.settings.registrations.chosen().seller.legal_name,
            }
            environment = {f"PHONEPE_SIMULATOR_{name}": value for name, value in options.items()}
            simulator = self._child("phonepe", ["-m", "simulator.phonepe"], environment)
            await self._supervisor.start(simulator)
            await self._answers(simulator, f"{self.phonepe_url}/_sim/health")
            step.detail = self.phonepe_url

    async def _start_worker(self) -> None:
        async with self._narrator.step("Worker") as step:
            worker = self._child("worker", ["worker.py"], self._environment, grace=35)
            await self._supervisor.start(worker)
            client = await Client.connect(self._temporal.address)
            await self._eventually(worker, lambda: _polled(client, SUBSCRIPTIONS_QUEUE))
            step.detail = f"metrics at http://{LOOPBACK}:{self._metrics_port}/metrics"

    async def _start_api(self) -> None:
        async with self._narrator.step("API") as step:
            api = self._child("api", ["-m", "api"], self._environment, grace=25)
            await self._supervisor.start(api)
            await self._answers(api, f"{self.api_url}/readyz")
            step.detail = self.api_url

    def _child(
        self, name: str, arguments: list[str], environment: Mapping[str, str], grace: float = 10
    ) -> Child:
        return Child(
            name,
            [sys.executable, *arguments],
            logs=self.home.logs,
            processes=self.home.processes,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
            cwd=REPOSITORY,
            grace=grace,
        )

    async def _answers(self, child: Child, url: str) -> None:
        async def answers() -> bool:
            if not listens(child.pid, httpx.URL(url).port or 0):
                return False
            try:
                return (await http.get(url)).is_success
            except httpx.TransportError:
                return False

        async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
            await self._eventually(child, answers)

    async def _eventually(self, child: Child, condition: Callable[[], Awaitable[bool]]) -> None:
        """Wait until the condition holds; raises LocalError with the child's last words when it does not."""
        deadline = time.monotonic() + _READY_SECONDS
        while not await condition():
            if not child.running or time.monotonic() > deadline:
                state = "is not ready" if child.running else f"ended with {child.exit_code}"
                raise LocalError(f"{child.name} {state}; the end of {child.log}:\n{child.log_tail()}")
            await asyncio.sleep(0.1)


async def _polled(client: Client, queue: str) -> bool:
    """Whether a worker asks this task queue for work."""
    request = DescribeTaskQueueRequest(
        namespace=NAMESPACE,
        task_queue=TaskQueue(name=queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    try:
        return bool((await client.workflow_service.describe_task_queue(request)).pollers)
    except RPCError:
        return False


async def _together(*jobs: Coroutine[Any, Any, None]) -> None:
    """Run all at once; the first failure ends the others and is raised as itself."""
    try:
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(job)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])
