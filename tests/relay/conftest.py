"""Rows to relay, a Temporal server to relay to, and a workflow that notes what it is told."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from db import inbox, models, outbox
from db.session import Database
from domain.events import EventType
from domain.subscription import Status
from engine.codec import EncryptionCodec
from engine.plugin import bahi_plugin
from local.temporal import TemporalServer
from workflows import messages, search_attributes
from workflows.messages import GatewayEvent

KEYS = "test:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
QUEUE = "relay-tests"


def utc_now() -> datetime:
    return datetime.now(UTC)


@workflow.defn(name="Recorder")
class Recorder:
    """Stands where a subscription's workflow would."""

    def __init__(self) -> None:
        self._told: list[GatewayEvent] = []
        self._over = False

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: self._over)

    @workflow.signal(name=messages.GATEWAY_SIGNAL)
    def gateway_event(self, event: GatewayEvent) -> None:
        self._told.append(event)

    @workflow.signal
    def finish(self) -> None:
        self._over = True

    @workflow.query
    def told(self) -> list[GatewayEvent]:
        return self._told


@pytest.fixture(scope="session")
async def temporal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TemporalServer]:
    async with TemporalServer(
        folder=tmp_path_factory.mktemp("temporal"), search_attributes=search_attributes.ALL
    ) as server:
        yield server


async def connected(server: TemporalServer) -> Client:
    return await Client.connect(server.address, plugins=[bahi_plugin(EncryptionCodec.from_setting(KEYS))])


@pytest.fixture(scope="session")
async def client(temporal: TemporalServer) -> AsyncIterator[Client]:
    client = await connected(temporal)
    runner = UnsandboxedWorkflowRunner()
    async with Worker(client, task_queue=QUEUE, workflows=[Recorder], workflow_runner=runner):
        yield client


@dataclass
class Records:
    """Writes rows as the rest of the product would."""

    database: Database

    async def customer(self, customer_id: str = "cus_1", email: str = "meera@kaveri.example") -> str:
        async with self.database.transaction() as session:
            session.add(
                models.Customer(id=customer_id, user_id=f"user_{customer_id}", name="Meera", email=email)
            )
        return customer_id

    async def subscription(
        self,
        customer_id: str = "cus_1",
        gateway_id: str | None = "sub_1",
        status: Status = Status.ACTIVE,
        subscription_id: str | None = None,
    ) -> str:
        async with self.database.transaction() as session:
            price = (
                await session.scalars(
                    select(models.Price).where(models.Price.plan_id == "plan_basic").limit(1)
                )
            ).one()
            row = models.Subscription(
                id=subscription_id or f"bs_{customer_id}",
                customer_id=customer_id,
                plan_id=price.plan_id,
                price_id=price.id,
                gateway="razorpay",
                is_free=False,
                charge_paise=117882,
                total_count=12,
                status=status.value,
                version=1,
                gateway_subscription_id=gateway_id,
                created_at=utc_now(),
                updated_at=utc_now(),
            )
            session.add(row)
        return row.id

    async def payment(self, subscription_id: str, gateway_payment_id: str, status: str = "captured") -> None:
        async with self.database.transaction() as session:
            subscription = await session.get_one(models.Subscription, subscription_id)
            session.add(
                models.Payment(
                    id=f"pmt_{gateway_payment_id}",
                    subscription_id=subscription_id,
                    customer_id=subscription.customer_id,
                    cycle=0,
                    gateway="razorpay",
                    gateway_payment_id=gateway_payment_id,
                    gateway_invoice_id="inv_1",
                    status=status,
                    amount_paise=117882,
                    currency="INR",
                    method="upi",
                    attempted_at=utc_now(),
                    recorded_at=utc_now(),
                )
            )

    async def event(
        self,
        event: EventType,
        *sinks: str,
        customer_id: str = "cus_1",
        key: str | None = None,
        of_subscription: bool = True,
        **data: Any,
    ) -> int:
        async with self.database.transaction() as session:
            event_id = await outbox.append(
                session,
                key=key or f"{event}/{customer_id}/{utc_now().isoformat()}",
                type=event,
                customer_id=customer_id,
                subscription_id=f"bs_{customer_id}" if of_subscription else None,
                occurred_at=utc_now(),
                data=data,
                sinks=sinks,
            )
        assert event_id is not None
        return event_id

    async def call(self, event_id: str, body: bytes, event_type: str, **named: Any) -> None:
        async with self.database.transaction() as session:
            await inbox.store(
                session, source="razorpay", event_id=event_id, event_type=event_type, body=body, **named
            )

    async def delivery(self, event_id: int, sink: str) -> models.OutboxDelivery:
        async with self.database.reading() as session:
            return await session.get_one(models.OutboxDelivery, (event_id, sink))

    async def calls(self) -> dict[str, models.WebhookInbox]:
        async with self.database.reading() as session:
            rows = (await session.scalars(select(models.WebhookInbox))).all()
        return {row.event_id: row for row in rows}

    async def notifications(self) -> list[models.Notification]:
        async with self.database.reading() as session:
            return list((await session.scalars(select(models.Notification))).all())


@pytest.fixture
async def records(database: Database) -> Records:
    records = Records(database)
    await records.customer()
    await records.subscription()
    return records


async def until(condition: Any, seconds: float = 10.0) -> None:
    """Wait for something that happens elsewhere, with a deadline."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - what happens is in the database or elsewhere
            await asyncio.sleep(0.01)
