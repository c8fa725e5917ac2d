"""One simulator per test module, on a clock that stands until moved."""

from collections.abc import AsyncIterator

import httpx
import pytest

from simulator.phonepe.process import PhonePeProcess
from tests.simulator.merchant import Receiver
from tests.simulator.phonepe.shop import NIGHT, Shop


@pytest.fixture(scope="module")
async def phonepe(
    tmp_path_factory: pytest.TempPathFactory, receiver: Receiver
) -> AsyncIterator[PhonePeProcess]:
    """A running simulator with books of its own."""
    books = tmp_path_factory.mktemp("phonepe") / "books.sqlite"
    async with PhonePeProcess.open(
        books, now=NIGHT, webhook_url=receiver.url, webhook_timeout=0.5
    ) as process:
        yield process


@pytest.fixture
async def shop(phonepe: PhonePeProcess, receiver: Receiver) -> AsyncIterator[Shop]:
    """A merchant with nothing behind them."""
    await phonepe.control("reset", {"now": NIGHT.isoformat()})
    receiver.reset()
    async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
        yield Shop(phonepe, http)
