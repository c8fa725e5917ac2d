"""`python -m api` as a process: starts while all else is away, stops when told, refuses known secrets."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import httpx
import pytest

from local.ports import any_free_port
from tests.api.serving import until

ROOT = Path(__file__).resolve().parents[2]


async def start(*command: str, **settings: str) -> asyncio.subprocess.Process:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BAHI_")}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        cwd=ROOT,
        env={**environment, **{f"BAHI_{name}": value for name, value in settings.items()}},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_a_gstin_that_was_mistyped_stops_the_start_in_words() -> None:
    process = await start("-m", "api", SELLER_GSTIN="29AAACB1234F1Z6")
    _, said = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    (line,) = said.decode().splitlines()
    assert line.startswith("Bahi does not start: the settings BAHI_SELLER_")
    assert "check digit" in line


@pytest.mark.parametrize("factory", [False, True])
async def test_it_serves_and_logs_json_and_ends_on_sigterm(factory: bool) -> None:
    port = str(any_free_port())
    by_uvicorn = ("-m", "uvicorn", "--factory", "api.app:create_app", "--port", port)
    process = await start(
        *(by_uvicorn if factory else ("-m", "api")),
        API_PORT=port,
        DATABASE_URL="postgresql+asyncpg://bahi:nothing@127.0.0.1:1/bahi",
        TEMPORAL_ADDRESS="127.0.0.1:1",
    )
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:

        async def alive() -> bool:
            assert process.returncode is None
            try:
                return (await client.get("/healthz")).status_code == 200
            except httpx.TransportError:
                return False

        await until(alive)
        assert (await client.get("/v1/plans")).status_code == 503
        assert (await client.get("/nothing?email=canary@example.com")).status_code == 404
    process.send_signal(signal.SIGTERM)
    said, _ = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode in (0, -signal.SIGTERM)
    # uvicorn's own command says its first words before it has asked for the application.
    lines = [json.loads(line) for line in said.decode().splitlines() if line.startswith("{")]
    assert {line["status"] for line in lines if line["event"] == "request"} >= {503, 404}
    assert b"canary@example.com" not in said
    if not factory:
        assert len(lines) == len(said.decode().splitlines())


async def test_in_production_it_refuses_to_start_with_the_secrets_of_this_repository() -> None:
    process = await start("-m", "api", ENVIRONMENT="production", API_PORT=str(any_free_port()))
    _, said = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode != 0
    for name in ("OPERATOR_JWT_SECRET", "SERVICE_TOKEN", "RAZORPAY_WEBHOOK_SECRET", "STORAGE_LINK_SECRET"):
        assert f"BAHI_{name} still has its local default" in said.decode()
