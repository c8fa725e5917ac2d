"""The API as a process would serve it, on a real socket; and people with tokens."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import jwt
import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.dependencies import Services
from api.limits import Limits
from config import Settings
from local.ports import LOOPBACK, any_free_port

PATIENT = Limits(
    customer_per_second=10_000,
    customer_burst=100_000,
    refused_per_second=10_000,
    refused_burst=100_000,
    payer_per_second=10_000,
    payer_burst=100_000,
)
FAR_AWAY = 4_102_444_800


class QuietServer(uvicorn.Server):
    """Leaves signals to the test run."""

    def install_signal_handlers(self) -> None:
        """None of ours."""


def utc_now() -> datetime:
    return datetime.now(UTC)


async def until(condition: Callable[[], Awaitable[Any]], seconds: float = 20) -> Any:
    """What `condition` gives once it gives something."""
    deadline = time.monotonic() + seconds
    while True:
        if found := await condition():
            return found
        assert time.monotonic() < deadline, f"still not so after {seconds} s"
        await asyncio.sleep(0.05)


@dataclass
class Served:
    """A running API."""

    app: FastAPI
    settings: Settings

    @property
    def url(self) -> str:
        return self.settings.public_url

    @property
    def services(self) -> Services:
        services: Services = self.app.state.services
        return services

    def client(self, token: str | None = None, **options: Any) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30, trust_env=False, **options)

    def customer(self, user_id: str = "user_1", **claims: Any) -> httpx.AsyncClient:
        return self.client(self.customer_token(user_id, **claims))

    def operator(self, **claims: Any) -> httpx.AsyncClient:
        return self.client(self.operator_token(**claims))

    def service(self) -> httpx.AsyncClient:
        return self.client(self.settings.service_token.get_secret_value())

    def customer_token(self, user_id: str = "user_1", **claims: Any) -> str:
        assert self.settings.customer_jwt_secret is not None
        secret = self.settings.customer_jwt_secret.get_secret_value()
        return jwt.encode({"sub": user_id, "exp": FAR_AWAY, **claims}, secret, algorithm="HS256")

    def operator_token(self, **claims: Any) -> str:
        secret = self.settings.operator_jwt_secret.get_secret_value()
        claims = {"sub": "asha", "role": "operator", "exp": FAR_AWAY, **claims}
        return jwt.encode(claims, secret, algorithm="HS256")


@asynccontextmanager
async def serving(
    database_url: str,
    *,
    limits: Limits = PATIENT,
    clock: Callable[[], datetime] | None = None,
    **settings: Any,
) -> AsyncIterator[Served]:
    """Serve until the end of the block. Without a `temporal_address`, Temporal is away."""
    port = any_free_port()
    folder = tempfile.TemporaryDirectory()
    chosen = {
        "environment": "test",
        "database_url": database_url,
        "temporal_address": f"{LOOPBACK}:{any_free_port()}",
        "api_port": port,
        "public_url": f"http://{LOOPBACK}:{port}",
        "storage_folder": folder.name,
        "log_level": "ERROR",
        **settings,
    }
    made = Settings(**chosen)
    app = create_app(made, limits=limits, **({"clock": clock} if clock else {}))
    # The parser that production has.
    config = uvicorn.Config(app, host=LOOPBACK, port=port, log_config=None, lifespan="on", http="h11")
    server = QuietServer(config)
    running = asyncio.create_task(server.serve())
    try:
        deadline = time.monotonic() + 20
        while not server.started:
            if running.done():
                await running
            assert time.monotonic() < deadline, "the API did not start"
            await asyncio.sleep(0.01)
        yield Served(app, made)
    finally:
        server.should_exit = True
        await running
        folder.cleanup()
