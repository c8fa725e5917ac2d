"""The daily look at mandates: what changed in silence is told, and one that cannot be read stops nobody."""

import itertools
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import select
from temporalio.client import Client, WorkflowHandle

from db import models
from db.session import Database
from domain.errors import GatewayUnavailable
from domain.mandate import MandateStatus
from gateways.phonepe import PhonePeGateway
from relay.mandates import EVERY, MandateSweep
from simulator.phonepe.process import PhonePeProcess
from tests.gateways.phonepe_till import AS_USUAL, BEGIN, Till, connect
from tests.relay.conftest import QUEUE, Recorder, Records, utc_now
from workflows import ports

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
async def phonepe(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PhonePeProcess]:
    books = tmp_path_factory.mktemp("phonepe") / "books.sqlite"
    async with PhonePeProcess.open(books, now=BEGIN, clock="virtual") as phonepe:
        yield phonepe


@pytest.fixture
async def gateway(phonepe: PhonePeProcess) -> AsyncIterator[PhonePeGateway]:
    gateway = connect(phonepe.pg_url)
    yield gateway
    await gateway.close()
    await phonepe.control("faults", method="DELETE")
    await phonepe.control("switches", AS_USUAL)


@dataclass
class Watch:
    """Mandates on record, their runs, and the sweep; its clock is days ahead of the rows."""

    database: Database
    client: Client
    till: Till
    runs: dict[str, WorkflowHandle[Recorder, None]] = field(default_factory=dict)

    async def holds(self, mandate_id: str, *, in_use: bool = True, gateway: str = "phonepe") -> str:
        name = f"cus_{next(_numbers)}"
        records = Records(self.database)
        await records.customer(name)
        subscription_id = await records.subscription(
            name, gateway_id=None, subscription_id=f"bs_{uuid.uuid4().hex}"
        )
        row = models.Mandate(
            id=mandate_id, subscription_id=subscription_id, customer_id=name, gateway=gateway, kind="upi",
            status=MandateStatus.ACTIVE.value, max_amount_paise=1_500_000, in_use=in_use,
            created_at=utc_now(), updated_at=utc_now(),
        )  # fmt: skip
        async with self.database.transaction() as session:
            session.add(row)
        workflow_id = ports.subscription_workflow_id(subscription_id)
        self.runs[mandate_id] = await self.client.start_workflow(
            Recorder.run, id=workflow_id, task_queue=QUEUE
        )
        return mandate_id

    def sweep(self, later: timedelta = EVERY + timedelta(minutes=1)) -> MandateSweep:
        gateways = {"phonepe": self.till.gateway}
        return MandateSweep(self.database, self.client, gateways, lambda: utc_now() + later)

    async def told(self, mandate_id: str) -> list[str | None]:
        return [each.mandate_id for each in await self.runs[mandate_id].query(Recorder.told)]

    async def stale(self) -> set[str]:
        """Those not looked at."""
        row = models.Mandate
        async with self.database.reading() as session:
            return set(await session.scalars(select(row.id).where(row.updated_at <= utc_now())))


@pytest.fixture
async def watch(
    database: Database, client: Client, gateway: PhonePeGateway, phonepe: PhonePeProcess
) -> AsyncIterator[Watch]:
    watch = Watch(database, client, Till(gateway, phonepe))
    yield watch
    for run in watch.runs.values():
        await run.terminate()


async def test_a_mandate_that_was_ended_in_silence_is_told_to_its_subscription(watch: Watch) -> None:
    revoked = await watch.holds(await watch.till.active())
    unchanged = await watch.holds(await watch.till.active())
    await watch.till.phonepe.subscription(revoked, "revoke", webhook=False)
    await watch.till.phonepe.advance(3)
    assert await watch.sweep().look() == 2
    assert await watch.told(revoked) == [revoked]
    assert await watch.told(unchanged) == []
    assert await watch.stale() == set()


async def test_one_that_its_gateway_does_not_know_is_no_news(watch: Watch) -> None:
    """Other credentials answer so too: operators find it in the log."""
    unknown = await watch.holds(f"man_{uuid.uuid4().hex}_1")
    assert await watch.sweep().look() == 1
    assert await watch.told(unknown) == []


async def test_each_is_read_once_a_day_and_only_if_it_is_in_use_there(watch: Watch) -> None:
    await watch.holds(await watch.till.active())
    await watch.holds("man_old_1", in_use=False)
    await watch.holds("man_elsewhere_1", gateway="another")
    assert await watch.sweep(EVERY - timedelta(minutes=1)).look() == 0
    assert await watch.sweep().look() == 1
    assert await watch.sweep().look() == 0
    assert await watch.sweep(2 * EVERY + timedelta(minutes=2)).look() == 1


async def test_one_that_cannot_be_read_does_not_keep_the_others_from_their_turn(watch: Watch) -> None:
    refused = await watch.holds(await watch.till.active())
    revoked = await watch.holds(await watch.till.active())
    await watch.till.phonepe.subscription(revoked, "revoke", webhook=False)
    await watch.till.phonepe.advance(3)
    await watch.till.fault("http_400", method="GET", path_regex=f"{refused}/status", times=0)
    assert await watch.sweep().look() == 2
    assert (await watch.told(refused), await watch.told(revoked)) == ([], [revoked])
    assert await watch.stale() == set()


async def test_while_the_gateway_is_away_nothing_counts_as_looked_at(watch: Watch) -> None:
    mandate_id = await watch.holds(await watch.till.active())
    await watch.till.fault("http_503", method="GET", path_regex="/status", times=0)
    with pytest.raises(GatewayUnavailable):
        await watch.sweep().look()
    assert await watch.stale() == {mandate_id}


async def test_a_subscription_whose_run_is_over_stops_nobody(watch: Watch) -> None:
    mandate_id = await watch.holds(f"man_{uuid.uuid4().hex}_1")
    await watch.runs[mandate_id].signal(Recorder.finish)
    await watch.runs[mandate_id].result()
    assert await watch.sweep().look() == 1
    assert await watch.stale() == set()
    watch.runs.clear()
