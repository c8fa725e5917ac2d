"""One simulator per test module, on a clock that stands until moved."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright

from simulator.process import SimulatorProcess
from tests.simulator.merchant import START, WEBHOOK_SECRET, Merchant, Receiver

_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
              "--disable-background-networking", "--disable-component-update", "--disable-sync"]  # fmt: skip


@pytest.fixture(scope="module")
async def receiver() -> AsyncIterator[Receiver]:
    """Where webhooks arrive."""
    receiver = Receiver()
    async with await receiver.serve():
        yield receiver


@pytest.fixture(scope="module")
async def simulator(
    tmp_path_factory: pytest.TempPathFactory, receiver: Receiver
) -> AsyncIterator[SimulatorProcess]:
    """A running simulator with books of its own."""
    books: Path = tmp_path_factory.mktemp("simulator") / "books.sqlite"
    started = SimulatorProcess.start(
        books, now=START, webhook_url=receiver.url, webhook_secret=WEBHOOK_SECRET, webhook_timeout=0.5
    )
    async with started as simulator:
        yield simulator


@pytest.fixture
async def merchant(simulator: SimulatorProcess, receiver: Receiver) -> Merchant:
    """A merchant with nothing behind them: books, clock, faults and policy as new."""
    await simulator.control("reset", {"now": START.isoformat()})
    receiver.reset()
    return Merchant(simulator)


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Chromium without scripts, which the page must not need."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert found, "these tests need a browser: apt install chromium"
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=found, args=_ARGUMENTS)
        yield chromium
        await chromium.close()


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A fresh tab."""
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    page.set_default_timeout(8000)
    yield page
    await context.close()
