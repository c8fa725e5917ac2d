"""A PhonePe stand-in as a process of its own, our adapter to it, and a subscription to collect there."""

from collections.abc import AsyncIterator

import pytest

from db.session import Database
from gateways.phonepe import PhonePeGateway
from simulator.phonepe.process import PhonePeProcess
from tests.activities.collecting import Desk
from tests.gateways.phonepe_till import AS_USUAL, BEGIN, Till, connect


@pytest.fixture(scope="module")
async def phonepe(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PhonePeProcess]:
    books = tmp_path_factory.mktemp("phonepe") / "books.sqlite"
    async with PhonePeProcess.open(books, now=BEGIN, clock="virtual") as phonepe:
        yield phonepe


@pytest.fixture(scope="module")
async def gateway(phonepe: PhonePeProcess) -> AsyncIterator[PhonePeGateway]:
    gateway = connect(phonepe.pg_url)
    yield gateway
    await gateway.close()


@pytest.fixture
async def desk(database: Database, phonepe: PhonePeProcess, gateway: PhonePeGateway) -> AsyncIterator[Desk]:
    yield await Desk(database, Till(gateway, phonepe), gateway).open()
    await phonepe.control("faults", method="DELETE")
    await phonepe.control("switches", AS_USUAL)
