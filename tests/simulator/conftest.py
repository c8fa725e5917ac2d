"""One simulator per test module, on a clock that stands until moved."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from simulator.process import SimulatorProcess
from tests.simulator.merchant import START, WEBHOOK_SECRET, Merchant, Receiver


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
