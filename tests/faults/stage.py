"""Every part of the product as something that can be killed by itself."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import httpx
import jwt
import uvicorn
from pydantic import PrivateAttr
from sqlalchemy import select
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError

from api.app import create_app
from config import PREFIX, Settings
from db import migrate, models
from db.catalogue import load_file
from db.session import Database
from domain.errors import RetryableError
from engine.client import connect
from local.home import REPOSITORY, LocalError
from local.ports import LOOPBACK, any_free_port
from local.postgres import PostgresServer
from local.processes import Child
from local.temporal import TemporalServer
from local.timemachine import TimeMachine
from local.world import open_phonepe, phonepe_settings
from simulator.phonepe.process import PhonePeProcess
from simulator.process import SimulatorProcess
from tests.faults.workers import Forge, Workers
from workflows import search_attributes
from workflows.ports import subscription_workflow_id

_PATIENCE_SECONDS = 120.0
_TRY_SECONDS = 15.0
"""A call that waits for a worker which has died meanwhile is made again."""


@contextmanager
def _unless_interrupted() -> Iterator[None]:
    with suppress(RPCError, RetryableError, TimeoutError, LocalError):
        yield


async def eventually(
    condition: Callable[[], Awaitable[bool]], seconds: float = 100.0, pause: float = 0.05
) -> None:
    """Wait for something that happens in another process, with a deadline."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(pause)


@dataclass
class Customer:
    """Acts through the API and, at the checkout, through the gateway."""

    stage: "Stage"
    user_id: str
    http: httpx.AsyncClient
    subscription_id: str = ""
    gateway_id: str = ""

    async def subscribe(self, plan_id: str = "plan_pro") -> None:
        """Ask for a plan, and again while the API says to: it answers 202 when that takes long."""
        wanted = {"plan_id": plan_id, "interval": "monthly"}
        answer = await self.http.post("/v1/subscriptions", json=wanted)
        while answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            await asyncio.sleep(1)
            answer = await self.http.post("/v1/subscriptions", json=wanted)
        answer.raise_for_status()
        self.subscription_id = answer.json()["subscription_id"]

    async def has_checkout(self) -> bool:
        """Whether there is a page to pay at; remembers the gateway's id."""
        row = models.Subscription
        async with self.stage.database.reading() as session:
            found = await session.scalar(
                select(row.gateway_subscription_id).where(row.id == self.subscription_id)
            )
        self.gateway_id = found or ""
        return found is not None

    async def pay(self, *, wait_webhooks: bool = True, **how: Any) -> None:
        """By card, with success, unless `how` says otherwise (simulator/control.py: authenticate)."""
        chosen = {"method": "card", "card_origin": "domestic", "outcome": "success", **how}
        await self.stage.simulator.act(self.gateway_id, "authenticate", wait_webhooks=wait_webhooks, **chosen)

    async def status(self) -> str:
        """As recorded."""
        row = models.Subscription
        async with self.stage.database.reading() as session:
            return str(await session.scalar(select(row.status).where(row.id == self.subscription_id)))


@dataclass
class Stage:
    """Everything, running; `workers` are started by the test."""

    settings: Settings
    temporal: TemporalServer
    client: Client
    database: Database
    simulator: SimulatorProcess
    time: TimeMachine
    workers: Workers
    phonepe: PhonePeProcess | None = None
    api: Child | None = None
    """The API's process, where it has one of its own."""
    customers: list[Customer] = field(default_factory=list)

    async def customer(self, user_id: str, state_code: str = "29") -> Customer:
        """Somebody with billing details."""
        secret = self.settings.customer_jwt_secret
        assert secret is not None
        claims = {"sub": user_id, "email": f"{user_id}@customer.example", "exp": 4_102_444_800}
        token = jwt.encode(claims, secret.get_secret_value(), algorithm="HS256")
        http = httpx.AsyncClient(
            base_url=self.settings.public_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
            trust_env=False,
        )
        customer = Customer(self, user_id, http)
        self.customers.append(customer)
        details = {
            "name": user_id.title(),
            "email": f"{user_id}@customer.example",
            "state_code": state_code,
            "gstin": "",
            "address_lines": ["12 Lake View Road"],
            "city": "Bengaluru",
            "pin": "560001",
        }
        (await http.put("/v1/billing-details", json=details)).raise_for_status()
        return customer

    def operator(self) -> httpx.AsyncClient:
        """Someone of the finance team."""
        secret = self.settings.operator_jwt_secret.get_secret_value()
        claims = {"sub": "operator", "role": "operator", "exp": 4_102_444_800}
        return httpx.AsyncClient(
            base_url=self.settings.public_url,
            headers={"Authorization": f"Bearer {jwt.encode(claims, secret, algorithm='HS256')}"},
            timeout=30,
            trust_env=False,
        )

    async def subscribed(
        self, number: int, plan_id: str = "plan_pro", name: str = "customer"
    ) -> list[Customer]:
        """That many customers, each with an open checkout."""
        customers = [
            await self.customer(f"{name}{index}", ("29", "27")[index % 2]) for index in range(number)
        ]
        await asyncio.gather(*(each.subscribe(plan_id) for each in customers))
        for each in customers:
            await eventually(each.has_checkout)
        return customers

    async def paid(self, number: int, plan_id: str = "plan_pro", name: str = "customer") -> list[Customer]:
        """That many customers whose first cycle is paid."""
        customers = await self.subscribed(number, plan_id, name)
        for each in customers:
            await each.pay()
        await self.travel(timedelta(minutes=2))
        assert [await each.status() for each in customers] == ["ACTIVE"] * number
        return customers

    async def travel_to(self, moment: datetime) -> None:
        """As TimeMachine, but workers may be dying on the way."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while self.time.now < moment:
                with _unless_interrupted():
                    async with asyncio.timeout(_TRY_SECONDS):
                        await self.time.travel_to(moment)
        await self.settle()

    async def travel(self, span: timedelta) -> None:
        """Travel by a span."""
        await self.travel_to(self.time.now + span)

    async def settle(self) -> None:
        """Wait until nothing is under way, though workers may be dying."""
        settled = False
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while not settled:
                with _unless_interrupted():
                    async with asyncio.timeout(_TRY_SECONDS):
                        await self.time.settle()
                        settled = True

    async def advance_gateway(self, span: timedelta, *, wait_webhooks: bool = True) -> None:
        """Time passes at the gateway alone; everybody else follows with the next travel."""
        target = self.time.now + span
        await self.simulator.advance_to(target, wait_webhooks=wait_webhooks)
        self.time.now = target
        self.time.offset = target - datetime.now(UTC)

    async def invoices(self) -> int:
        """How many are issued."""
        async with self.database.reading() as session:
            return len((await session.scalars(select(models.Document.id))).all())

    def workflow(self, subscription_id: str) -> WorkflowHandle[Any, Any]:
        """A subscription's run."""
        return self.client.get_workflow_handle(subscription_workflow_id(subscription_id))


async def fresh_database(server: PostgresServer, name: str) -> str:
    """URL of a new database with the schema and the catalogue."""
    await server.ensure_database(name)
    url = server.dsn(name)
    await migrate.upgrade(url)
    database = Database.connect(url, pool_size=1)
    await load_file(database, REPOSITORY / "catalogue.yaml", datetime(2026, 1, 1, tzinfo=UTC))
    await database.close()
    return url


@asynccontextmanager
async def open_stage(
    folder: Path,
    database_url: str,
    forge: Forge,
    now: datetime,
    *,
    api_process: bool = False,
    with_phonepe: bool = False,
    **settings: Any,
) -> AsyncIterator[Stage]:
    """Everything but workers, on a fresh database, at `now` (aware).

    An API in a process of its own has the true time: `now` must be the present then.
    """
    async with AsyncExitStack() as stack:
        temporal = TemporalServer(
            folder / "temporal" / "state.sqlite", time_skipping=True, search_attributes=search_attributes.ALL
        )
        await stack.enter_async_context(temporal)
        api_port = any_free_port()
        public_url = f"http://{LOOPBACK}:{api_port}"
        simulator = await stack.enter_async_context(_simulator(folder, public_url, now))
        phonepe = await open_phonepe(stack, folder, public_url, now) if with_phonepe else None
        chosen = {
            "environment": "test",
            "log_level": "ERROR",
            "database_url": database_url,
            "temporal_address": temporal.address,
            "razorpay_base_url": simulator.url,
            "api_port": api_port,
            "public_url": public_url,
            "storage_folder": str(folder / "files"),
            "metrics_port": 0,
            "relay_metrics_port": 0,
            "gateway_list_lag_seconds": 1,
            "razorpay_calls_per_second": 500,
            **(phonepe_settings(phonepe) if phonepe else {}),
            **settings,
        }
        client = await connect(Settings(**chosen))
        database = Database.connect(database_url, 10)
        stack.push_async_callback(database.close)
        simulators = [simulator] if phonepe is None else [simulator, phonepe]
        time = TimeMachine(client, simulators, database, now)
        markers = folder / "markers"
        markers.mkdir()
        workers = Workers(forge, database, chosen, markers)
        stack.push_async_callback(workers.stop)
        moved = _MovedSettings(**chosen).by(time)
        stage = Stage(moved, temporal, client, database, simulator, time, workers, phonepe=phonepe)
        if api_process:
            stage.api = await _api_process(stack, folder, chosen)
        else:
            await _api_in_this_process(stack, stage)
        yield stage
        for customer in stage.customers:
            await customer.http.aclose()


def _simulator(folder: Path, public_url: str, now: datetime) -> Any:
    defaults = Settings()
    return SimulatorProcess.start(
        folder / "simulator.sqlite",
        webhook_url=f"{public_url}/webhooks/razorpay",
        webhook_secret=defaults.razorpay_webhook_secret.get_secret_value(),
        key_id=defaults.razorpay_key_id,
        key_secret=defaults.razorpay_key_secret.get_secret_value(),
        now=now,
    )


class _MovedSettings(Settings):
    """What begins on a stage begins at the stage's time."""

    _time: TimeMachine = PrivateAttr()

    def by(self, time: TimeMachine) -> Self:
        """Moved as `time` is."""
        self._time = time
        return self

    @property
    def test_clock_offset(self) -> timedelta:
        """How far a new subscription's clock is moved."""
        return self._time.offset


class _Server(uvicorn.Server):
    """Signals belong to whoever runs the tests."""

    def install_signal_handlers(self) -> None:
        """None of ours."""


async def _api_in_this_process(stack: AsyncExitStack, stage: Stage) -> None:
    app = create_app(stage.settings, clock=stage.time.clock)
    port = stage.settings.api_port
    server = _Server(uvicorn.Config(app, host=LOOPBACK, port=port, log_config=None, lifespan="on"))
    serving = asyncio.create_task(server.serve())

    async def end() -> None:
        server.should_exit = True
        await serving

    stack.push_async_callback(end)

    async def started() -> bool:
        assert not serving.done(), serving.exception()
        return server.started

    await eventually(started, pause=0.01)


async def _api_process(stack: AsyncExitStack, folder: Path, chosen: dict[str, Any]) -> Child:
    environment = {
        f"{PREFIX}{name}".upper(): value if isinstance(value, str) else json.dumps(value)
        for name, value in chosen.items()
    }
    child = Child(
        "api",
        [sys.executable, "-m", "api"],
        logs=folder,
        processes=folder,
        env={**os.environ, **environment},
        cwd=REPOSITORY,
    )
    stack.push_async_callback(child.stop)
    await start_api(child, chosen["public_url"])
    return child


async def start_api(child: Child, public_url: str) -> None:
    """Start, or start again, and wait until it answers."""
    await child.start()
    async with httpx.AsyncClient(trust_env=False, timeout=5) as http:

        async def answers() -> bool:
            assert child.running, child.log_tail()
            try:
                return (await http.get(f"{public_url}/healthz")).is_success
            except httpx.TransportError:
                return False

        await eventually(answers)
