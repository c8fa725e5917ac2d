"""The API killed while webhooks pour in: what it answered 2xx is kept, the rest comes again."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import select

from db import models
from simulator.webhooks import sign
from tests.faults.conftest import OpenStage
from tests.faults.oracle import agree
from tests.faults.stage import Stage, start_api

CUSTOMERS = 6
ANSWERS = 12
"""After how many it is killed."""


async def test_a_webhook_answered_2xx_survives_the_api_that_answered_it(stage_at: OpenStage) -> None:
    async with stage_at(datetime.now(UTC), api_process=True) as stage:
        await stage.workers.start()
        customers = await stage.subscribed(CUSTOMERS)
        # Nobody hands anything on, so that what is kept is only in the inbox.
        await stage.workers.stop()
        await stage.simulator.control("webhooks/policy", {"drop_all": True})
        for customer in customers:
            await customer.pay()
        await stage.advance_gateway(timedelta(minutes=2))
        events = (await stage.simulator.ask("webhooks/events"))["events"]

        answered = await _deliver_until_killed(stage, events)
        assert ANSWERS <= len(answered) < len(events)
        assert answered <= await _kept(stage)

        assert stage.api is not None
        await start_api(stage.api, stage.settings.public_url)
        await stage.simulator.control("webhooks/policy", {"reset": True})
        await stage.simulator.control("webhooks/redeliver", {"state": "dropped"})
        assert await _kept(stage) == {event["id"] for event in events}
        await stage.workers.start()
        await stage.settle()
        assert [await each.status() for each in customers] == ["ACTIVE"] * CUSTOMERS
        books = await agree(stage)
        assert len(books.captured) == len(books.invoices) == CUSTOMERS


async def _deliver_until_killed(stage: Stage, events: list[dict[str, Any]]) -> set[str]:
    """All events at once, as the gateway would send them; the ids of those answered 2xx."""
    assert stage.api is not None
    api, answered = stage.api, set[str]()
    secret = stage.settings.razorpay_webhook_secret.get_secret_value()
    gate = asyncio.Semaphore(4)

    async def deliver(http: httpx.AsyncClient, event: dict[str, Any]) -> None:
        body = event["body"].encode()
        headers = {"X-Razorpay-Signature": sign(body, secret), "X-Razorpay-Event-Id": event["id"]}
        async with gate:
            try:
                answer = await http.post("/webhooks/razorpay", content=body, headers=headers)
            except httpx.TransportError:
                return
        if answer.is_success:
            answered.add(event["id"])
            if len(answered) == ANSWERS:
                await api.kill()

    async with httpx.AsyncClient(base_url=stage.settings.public_url, trust_env=False) as http:
        await asyncio.gather(*(deliver(http, event) for event in events))
    assert not api.running
    return answered


async def _kept(stage: Stage) -> set[str]:
    async with stage.database.reading() as session:
        return set((await session.scalars(select(models.WebhookInbox.event_id))).all())
