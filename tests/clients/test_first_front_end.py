"""The product's first front end, in TypeScript, works unchanged on this API."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from clients.building import NODE, compiler
from local.payer import Payer
from local.world import Person
from tests.world import OpenWorld

HERE = Path(__file__).with_name("first_front_end")
NOW = datetime(2026, 1, 1, 5, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def browser(built: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The front end compiled; its types are checked on the way."""
    folder = tmp_path_factory.mktemp("front_end")
    compiler("-p", HERE, "--outDir", folder)
    return folder / "browser.js"


class Browser:
    """Where a customer is signed in."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def __call__(self, name: str, *given: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps([name, given])}\n".encode())
        said: dict[str, Any] = json.loads(await self._process.stdout.readline())
        return said


@asynccontextmanager
async def opened_by(person: Person, browser: Path) -> AsyncIterator[Browser]:
    environment = {**os.environ, "BAHI_URL": person.world.settings.public_url, "BAHI_TOKEN": person.token}
    process = await asyncio.create_subprocess_exec(
        NODE, browser, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=environment
    )
    try:
        yield Browser(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        assert await process.wait() == 0


async def test_a_customer_uses_every_call_of_it(world_at: OpenWorld, browser: Path) -> None:
    async with world_at(NOW, with_phonepe=True) as world:
        asha = await world.person("asha")
        async with opened_by(asha, browser) as page:
            plans = {plan["id"]: plan for plan in (await page("getPlans"))["answer"]}
            assert (plans["growth"]["price_inr"], plans["growth"]["budget_usd"]) == (2999, 50)
            assert (await page("getSubscription"))["answer"] is None
            assert (await page("getInvoices"))["answer"] == []

            free = await page("subscribe", "free")
            assert free == {"answer": {"success": True, "plan": "free"}, "location": ""}
            assert (await page("getSubscription"))["answer"]["plan"] == "free"

            begun = await page("subscribe", "starter")
            assert begun["answer"]["success"] is True
            assert begun["location"] == begun["answer"]["payment_url"], "the browser is sent to pay"
            asha.subscription_id = begun["answer"]["payment_id"]
            await Payer(asha).pay()
            held = (await page("getSubscription"))["answer"]
            assert (held["plan"], held["status"], held["price_inr"]) == ("starter", "active", 799)
            assert datetime.fromisoformat(held["current_period_end"]) > NOW
            (invoice,) = (await page("getInvoices"))["answer"]
            assert (invoice["amount_inr"], invoice["gst_amount"], invoice["total_amount"]) == (
                799, 143.82, 942.82,
            )  # fmt: skip
            assert invoice["metadata"]["billing_cycle"] == "monthly"

            usage = (await page("getUsage"))["answer"]
            assert usage["budget"] == {"limit": 10, "used": 0, "remaining": 10}
            assert usage["daily"]["date"] == "2026-01-01"

            refused = await page("subscribe", "platinum", "annual")
            assert "platinum" in refused["error"], "the text is there to be shown"
