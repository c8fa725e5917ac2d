"""Postgres killed in the middle of settlements: nothing lost, nothing doubled, no 2xx in vain."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from domain.periods import IST
from local.postgres import PostgresServer
from tests.faults.conftest import OpenStage
from tests.faults.oracle import agree
from tests.faults.stage import Stage, eventually
from tests.faults.workers import Hand

NOW = datetime(2026, 3, 5, 6, 30, tzinfo=UTC)


@pytest.fixture
async def mortal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PostgresServer]:
    """A server of this test's own."""
    async with PostgresServer(tmp_path_factory.mktemp("mortal"), throw_away=True) as server:
        yield server


async def test_a_settlement_cut_off_before_its_commit_is_made_again_from_nothing(
    stage_at: OpenStage, mortal: PostgresServer
) -> None:
    async with stage_at(NOW, server=mortal) as stage:
        held = "settle_charge:written"
        await _until_held(stage, held)
        # Numbers are taken and rows written, but nothing is committed.
        assert await stage.invoices() == 3
        unanswered = await _kill_and_charge_meanwhile(stage, mortal)
        stage.workers.release(held)
        await mortal.start()
        await _all_is_as_it_should_be(stage, unanswered)


async def test_a_settlement_whose_commit_stood_when_the_server_died_is_not_made_twice(
    stage_at: OpenStage, mortal: PostgresServer
) -> None:
    async with stage_at(NOW, server=mortal) as stage:
        held = "settle_charge:committed"
        await _until_held(stage, held)
        assert await stage.invoices() >= 4
        unanswered = await _kill_and_charge_meanwhile(stage, mortal)
        # The worker never gets to report what it has done either.
        await stage.workers.stop()
        await mortal.start()
        await stage.workers.start()
        await _all_is_as_it_should_be(stage, unanswered)


async def _until_held(stage: Stage, point: str) -> None:
    """Three renew at midnight. A worker stands still in the first settlement."""
    await stage.workers.start()
    await stage.paid(3)
    await stage.workers.start(Hand(hold=(point,)))
    await stage.travel_to(datetime(2026, 4, 5, tzinfo=IST) - timedelta(minutes=1))
    await stage.advance_gateway(timedelta(minutes=3))

    async def held() -> bool:
        return point in stage.workers.struck

    await eventually(held)


async def _kill_and_charge_meanwhile(stage: Stage, server: PostgresServer) -> int:
    """The number of webhooks that were not answered 2xx."""
    await server.kill()
    assert not server.running
    customer = stage.customers[0]
    answer = await customer.http.get("/v1/subscriptions/me")
    assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
    await stage.simulator.act(customer.gateway_id, "dashboard_pause")
    failed = [
        each
        for each in (await stage.simulator.ask("webhooks/deliveries"))["deliveries"]
        if each["state"] == "waiting" and each["attempts"]
    ]
    assert failed
    assert {each["attempts"][-1]["status"] for each in failed} == {503}
    return len(failed)


async def _all_is_as_it_should_be(stage: Stage, unanswered: int) -> None:
    # The gateway tries again after seconds, then minutes.
    await stage.travel(timedelta(minutes=10))
    deliveries = (await stage.simulator.ask("webhooks/deliveries"))["deliveries"]
    again = [each for each in deliveries if len(each["attempts"]) > 1]
    assert len(again) == unanswered
    assert {each["state"] for each in deliveries} == {"delivered"}
    books = await agree(stage)
    assert len(books.captured) == len(books.invoices) == 6
    assert sorted(row.status for row in books.subscriptions.values()) == ["ACTIVE", "ACTIVE", "PAUSED"]
