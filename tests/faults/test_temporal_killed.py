"""Temporal killed in the middle of renewals: what arrives meanwhile is kept, and handed on afterwards."""

import asyncio
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import httpx
from sqlalchemy import select
from temporalio.api.enums.v1 import EventType

from db import models
from domain.periods import IST
from tests.faults.conftest import OpenStage
from tests.faults.oracle import agree
from tests.faults.stage import Customer, Stage, eventually
from workflows.messages import GatewayEvent

NOW = datetime(2026, 3, 5, 6, 30, tzinfo=UTC)


async def test_renewals_go_on_and_webhooks_are_handed_on_in_order_when_temporal_is_back(
    stage_at: OpenStage,
) -> None:
    async with stage_at(NOW) as stage:
        await stage.workers.start()
        early = await stage.paid(2, name="early")
        await stage.travel(timedelta(days=1))
        late = await stage.paid(2, name="late")
        # Cycles begin at midnight in India: those of `late` a day after those of `early`.
        await stage.travel_to(datetime(2026, 4, 5, tzinfo=IST) - timedelta(minutes=1))

        await _kill_while_the_gateway_is_being_read(stage)
        assert await stage.invoices() == 4
        waiting = await _renew_without_temporal(stage)
        await _creates_are_refused_for_now(stage)
        assert (await early[0].http.get("/v1/subscriptions/me")).json()["status"] == "ACTIVE"

        await stage.temporal.restart()
        await stage.travel(timedelta(minutes=5))
        books = await agree(stage)
        assert len(books.captured) == len(books.invoices) == 8
        await _were_handed_on_in_order(stage, early + late, waiting)
        # And those refused may ask again.
        await stage.subscribed(1, name="newcomer")


async def _kill_while_the_gateway_is_being_read(stage: Stage) -> None:
    slow = {"kind": "latency", "method": "GET", "path_regex": "^/v1/", "times": 0, "seconds": 2}
    await stage.simulator.control("faults", slow)
    await stage.advance_gateway(timedelta(minutes=3))

    async def reading() -> bool:
        return bool((await stage.simulator.ask("faults"))["faults"][0]["struck"])

    await eventually(reading)
    await stage.temporal.kill()
    assert not stage.temporal.running
    await stage.simulator.control("faults", method="DELETE")


async def _renew_without_temporal(stage: Stage) -> list[str]:
    """A day passes. Event ids of what was answered 2xx and could not be handed on."""
    before = {each["id"] for each in (await stage.simulator.ask("webhooks/events"))["events"]}
    await stage.advance_gateway(timedelta(days=1))
    deliveries = (await stage.simulator.ask("webhooks/deliveries"))["deliveries"]
    new = [each for each in deliveries if each["event_id"] not in before]
    assert len(new) >= 2
    assert [each["attempts"][0]["status"] for each in new] == [200] * len(new)
    row = models.WebhookInbox
    async with stage.database.reading() as session:
        kept = (
            await session.scalars(select(row).where(row.event_id.in_([e["event_id"] for e in new])))
        ).all()
    assert len(kept) == len(new)
    waiting = [each.event_id for each in kept if each.status == "received"]
    assert any("charged" in each.event_type for each in kept if each.status == "received")
    assert await stage.invoices() == 4
    return waiting


async def _creates_are_refused_for_now(stage: Stage) -> None:
    customer = await stage.customer("impatient")
    began = time.monotonic()
    answer = await customer.http.post(
        "/v1/subscriptions", json={"plan_id": "plan_pro", "interval": "monthly"}
    )
    assert time.monotonic() - began < 10
    assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["code"] == "unavailable"


async def _were_handed_on_in_order(stage: Stage, customers: list[Customer], waiting: list[str]) -> None:
    """Signals stand in the histories in the order in which the calls were stored."""
    row = models.WebhookInbox
    async with stage.database.reading() as session:
        stored = (await session.scalars(select(row).order_by(row.id))).all()
    assert {each.status for each in stored if each.event_id in waiting} <= {"signalled", "known", "unhandled"}
    order: dict[str, list[str]] = defaultdict(list)
    for each in stored:
        if each.status == "signalled":
            assert each.subscription_id
            order[each.subscription_id].append(each.event_id)
    signalled = await asyncio.gather(*(_signals(stage, each) for each in customers))
    for customer, events in zip(customers, signalled, strict=True):
        assert list(dict.fromkeys(events)) == order[customer.subscription_id]
    assert set(waiting) & {event for events in signalled for event in events}


async def _signals(stage: Stage, customer: Customer) -> list[str]:
    """Event ids that the runs of a subscription were told of, oldest first."""
    workflow_id = stage.workflow(customer.subscription_id).id
    runs = [run async for run in stage.client.list_workflows(f"WorkflowId = '{workflow_id}'")]
    events = []
    for run in sorted(runs, key=lambda each: each.start_time):
        handle = stage.client.get_workflow_handle(workflow_id, run_id=run.run_id)
        async for event in handle.fetch_history_events():
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
                told = event.workflow_execution_signaled_event_attributes.input.payloads
                (hint,) = await stage.client.data_converter.decode(told, [GatewayEvent])
                events.append(hint.id)
    return events
