"""A whole world in one process, with its time in our hands: for the demonstration and for stories in tests.

Real Temporal, real Postgres, the simulator as its own process, the API on a real socket; only time is
ours. Whoever uses it supplies a migrated database with the catalogue loaded.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

import httpx
import jwt
import uvicorn
from pydantic import PrivateAttr
from temporalio.client import Client, WorkflowHandle

from api.app import create_app
from config import Settings
from db.session import Database
from engine.client import connect
from local.home import LocalError
from local.ports import LOOPBACK, any_free_port
from local.temporal import TemporalServer
from local.timemachine import TimeMachine
from simulator.phonepe.process import PhonePeOptions, PhonePeProcess
from simulator.process import SimulatorProcess
from worker import Parts, assemble, build_relays, build_workers
from workflows import search_attributes
from workflows.ports import subscription_workflow_id

_ADDRESS = {"address_lines": ["12 Lake View Road"], "city": "Bengaluru", "pin": "560001"}


class _Server(uvicorn.Server):
    """Signals belong to whoever runs the world."""

    def install_signal_handlers(self) -> None:
        """None of ours."""


class _Settings(Settings):
    """What begins in a world begins at the world's time."""

    _time: TimeMachine = PrivateAttr()

    def moved_by(self, time: TimeMachine) -> Self:
        """With the clock of `time`."""
        self._time = time
        return self

    @property
    def test_clock_offset(self) -> timedelta:
        """How far a new subscription's clock is moved."""
        return self._time.offset


@dataclass
class World:
    """Everything, running. `time` moves it."""

    settings: Settings
    temporal: TemporalServer
    client: Client
    database: Database
    simulator: SimulatorProcess
    time: TimeMachine
    parts: Parts
    phonepe: PhonePeProcess | None = None
    people: list["Person"] = field(default_factory=list)

    async def person(
        self, user_id: str, *, name: str = "", state_code: str = "29", gstin: str = ""
    ) -> "Person":
        """A customer with a signed token and, unless `state_code` is empty, billing details."""
        token = jwt.encode(
            {"sub": user_id, "email": f"{user_id}@customer.example", "exp": 4_102_444_800},
            _secret(self.settings),
            algorithm="HS256",
        )
        http = httpx.AsyncClient(
            base_url=self.settings.public_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
            trust_env=False,
        )
        person = Person(self, user_id, http, token)
        self.people.append(person)
        if state_code:
            details = {
                "name": name or user_id.title(),
                "email": f"{user_id}@customer.example",
                "state_code": state_code,
                "gstin": gstin,
                **_ADDRESS,
            }
            (await http.put("/v1/billing-details", json=details)).raise_for_status()
        return person

    def operator(self) -> httpx.AsyncClient:
        """Someone of the finance team."""
        claims = {"sub": "operator", "role": "operator", "exp": 4_102_444_800}
        token = jwt.encode(claims, self.settings.operator_jwt_secret.get_secret_value(), algorithm="HS256")
        return httpx.AsyncClient(
            base_url=self.settings.public_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
            trust_env=False,
        )

    def workflow(self, subscription_id: str) -> WorkflowHandle[Any, Any]:
        """A subscription's run."""
        return self.client.get_workflow_handle(subscription_workflow_id(subscription_id))


@dataclass
class Person:
    """A customer who acts through the API and, at the checkout, through the gateway's page."""

    world: World
    user_id: str
    http: httpx.AsyncClient
    token: str
    subscription_id: str = ""
    gateway_id: str = ""

    async def subscribe(self, plan_id: str, interval: str = "monthly", **how: Any) -> dict[str, Any]:
        """Ask for a plan and remember the subscription; `how` as the API takes it (`collect_by`)."""
        wanted = {"plan_id": plan_id, "interval": interval, **how}
        answer = await self.http.post("/v1/subscriptions", json=wanted)
        if answer.is_error:
            raise LocalError(f"{self.user_id} could not subscribe to {plan_id}: {answer.text}")
        body: dict[str, Any] = answer.json()
        self.subscription_id = body["subscription_id"]
        await self.world.time.settle()
        if answer.status_code == 202:  # a busy machine: it was taken, and is done by now
            body = dict(await self._get(f"/v1/subscriptions/{self.subscription_id}"))
        books = await self.world.simulator.books()
        for entry in books["subscriptions"]:
            if self.subscription_id in str(entry["notes"]):
                self.gateway_id = entry["id"]
        return body

    async def pay(self, method: str = "card", **how: Any) -> None:
        """Pay at the checkout; `how` as the simulator's `authenticate` takes it."""
        await self.at_gateway(
            "authenticate", **{"method": method, "card_origin": "domestic", "outcome": "success", **how}
        )

    async def at_gateway(self, act: str, **how: Any) -> None:
        """Something happens at the gateway: `customer_pause`, `revoke`, `change_method`, …"""
        await self.world.simulator.act(self.gateway_id, act, **how)
        # The gateway announces the outcome of a payment a minute later.
        await self.world.time.travel(timedelta(minutes=2))

    async def next_charges(self, *outcomes: str | dict[str, Any]) -> None:
        """What the next debits will come to."""
        await self.world.simulator.act(self.gateway_id, "next_charge", outcomes=list(outcomes))

    async def command(self, name: str) -> httpx.Response:
        """cancel, cancel-now, keep, pause or resume."""
        answer = await self.http.post(f"/v1/subscriptions/{self.subscription_id}/{name}")
        await self.world.time.settle()
        return answer

    async def me(self) -> dict[str, Any]:
        """What the customer is told."""
        return dict(await self._get("/v1/subscriptions/me"))

    async def invoices(self) -> list[dict[str, Any]]:
        """All invoices, oldest first."""
        found: list[dict[str, Any]] = (await self._get("/v1/invoices?limit=100"))["data"]
        return sorted(found, key=lambda invoice: str(invoice["number"]))

    async def entitlements(self) -> dict[str, Any]:
        """What services are told."""
        answer = await self.http.get(
            f"/internal/entitlements/{self.user_id}",
            headers={"Authorization": f"Bearer {self.world.settings.service_token.get_secret_value()}"},
        )
        answer.raise_for_status()
        body: dict[str, Any] = answer.json()
        return body

    async def timeline(self) -> list[dict[str, Any]]:
        """The story of the subscription."""
        return list((await self._get(f"/v1/subscriptions/{self.subscription_id}/timeline"))["data"])

    async def _get(self, path: str) -> Any:
        answer = await self.http.get(path)
        answer.raise_for_status()
        return answer.json()


def _secret(settings: Settings) -> str:
    assert settings.customer_jwt_secret is not None
    return settings.customer_jwt_secret.get_secret_value()


@asynccontextmanager
async def open_world(
    folder: Path, database_url: str, now: datetime, *, with_phonepe: bool = False, **settings: Any
) -> AsyncIterator[World]:
    """Start everything on an empty, migrated database, at `now` (aware); stop it at the end."""
    api_port = any_free_port()
    public_url = f"http://{LOOPBACK}:{api_port}"
    async with AsyncExitStack() as stack:
        attributes = search_attributes.ALL
        temporal = TemporalServer(folder / "temporal", time_skipping=True, search_attributes=attributes)
        defaults = Settings()
        starting = SimulatorProcess.start(
            folder / "simulator.sqlite",
            webhook_url=f"{public_url}/webhooks/razorpay",
            webhook_secret=defaults.razorpay_webhook_secret.get_secret_value(),
            key_id=defaults.razorpay_key_id,
            key_secret=defaults.razorpay_key_secret.get_secret_value(),
            now=now,
        )
        phonepe = open_phonepe(stack, folder, public_url, now) if with_phonepe else None
        _, simulator = await asyncio.gather(
            stack.enter_async_context(temporal), stack.enter_async_context(starting)
        )
        phonepe_process = await phonepe if phonepe is not None else None
        # Nobody comes back to this server, and it takes a second to leave by itself.
        stack.push_async_callback(temporal.kill)
        chosen = {
            "environment": "test",
            "database_url": database_url,
            "temporal_address": temporal.address,
            "razorpay_base_url": simulator.url,
            "api_port": api_port,
            "public_url": public_url,
            "storage_folder": folder / "files",
            "metrics_port": 0,
            "relay_metrics_port": 0,
            # The simulator's lists do not lag unless a test asks for it.
            "gateway_list_lag_seconds": 1,
            "razorpay_calls_per_second": 500,
            **(phonepe_settings(phonepe_process) if phonepe_process else {}),
            **settings,
        }
        world = await _assemble(_Settings(**chosen), temporal, simulator, phonepe_process, now)
        stack.push_async_callback(world.database.close)
        await _serve(stack, world)
        yield world
        for person in world.people:
            await person.http.aclose()


def phonepe_settings(phonepe: PhonePeProcess) -> dict[str, Any]:
    """With which the application speaks to a simulator."""
    options = phonepe.options
    assert isinstance(options, PhonePeOptions)
    return {
        "phonepe_client_id": options.client_id,
        "phonepe_client_secret": options.client_secret,
        "phonepe_client_version": int(options.client_version),
        "phonepe_url": phonepe.pg_url,
        "phonepe_webhook_username": options.webhook_username,
        "phonepe_webhook_password": options.webhook_password,
        "phonepe_calls_per_second": 500,
    }


async def open_phonepe(stack: AsyncExitStack, folder: Path, public_url: str, now: datetime) -> PhonePeProcess:
    """A simulator that ends with the stack and calls the API at `public_url`."""
    starting = PhonePeProcess.open(
        folder / "phonepe.sqlite", webhook_url=f"{public_url}/webhooks/phonepe", now=now
    )
    return await stack.enter_async_context(starting)


async def _assemble(
    settings: _Settings,
    temporal: TemporalServer,
    simulator: SimulatorProcess,
    phonepe: PhonePeProcess | None,
    now: datetime,
) -> World:
    client = await connect(settings)
    database = Database.connect(settings.database_url.get_secret_value(), 20)
    simulators = [simulator] if phonepe is None else [simulator, phonepe]
    time = TimeMachine(client, simulators, database, now)
    parts = assemble(settings)
    return World(settings.moved_by(time), temporal, client, database, simulator, time, parts, phonepe=phonepe)


async def _serve(stack: AsyncExitStack, world: World) -> None:
    """API, workers and relays, all in this loop."""
    stop = asyncio.Event()
    relays = [asyncio.create_task(relay.run(stop)) for relay in build_relays(world.client, world.parts)]
    app = create_app(world.settings, clock=world.time.clock)
    server = _Server(
        uvicorn.Config(app, host=LOOPBACK, port=world.settings.api_port, log_config=None, lifespan="on")
    )
    serving = asyncio.create_task(server.serve())

    async def end() -> None:
        stop.set()
        server.should_exit = True
        await asyncio.gather(serving, *relays)
        await world.parts.closing.aclose()

    stack.push_async_callback(end)
    for worker in build_workers(world.client, world.parts):
        await stack.enter_async_context(worker)
    while not server.started:
        if serving.done():
            await serving
        await asyncio.sleep(0.01)
