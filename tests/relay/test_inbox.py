"""The inbox relay: every stored call ends somewhere, in order per subscription, and none is lost."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import func, update
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle

from db.models import Subscription, WebhookInbox
from db.session import Database
from domain.periods import Interval
from domain.plans import Price
from domain.subscription import Status
from engine.codec import EncryptionCodec
from engine.plugin import bahi_plugin
from gateways.base import NewSubscription, PlanAtGateway
from gateways.razorpay import RazorpayGateway
from gateways.razorpay_webhook import SUBSCRIPTION_NOTE
from local.ports import any_free_port
from relay.calls import ORPHAN_AFTER
from relay.inbox import InboxRelay
from relay.razorpay_calls import RazorpayCalls
from relay.refunds import RefundNotices
from simulator.process import SimulatorProcess
from tests.relay.conftest import KEYS, QUEUE, Recorder, Records, until, utc_now
from workflows import messages, ports
from workflows.messages import GatewayEvent

BEGIN = datetime(2026, 1, 31, 6, 0, tzinfo=UTC)
KEY_ID, KEY_SECRET = "rzp_test_simulator00001", "simulator-key-secret"


@pytest.fixture(scope="module")
async def simulator(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SimulatorProcess]:
    books: Path = tmp_path_factory.mktemp("razorpay") / "books.sqlite"
    async with SimulatorProcess.start(books, now=BEGIN, clock="virtual") as simulator:
        yield simulator


@pytest.fixture(scope="module")
async def gateway(simulator: SimulatorProcess) -> AsyncIterator[RazorpayGateway]:
    gateway = RazorpayGateway(KEY_ID, KEY_SECRET, simulator.url)
    yield gateway
    await gateway.close()


def inbox_relay(
    database: Database,
    client: Client,
    gateway: RazorpayGateway,
    clock: Callable[[], datetime],
    poll_seconds: float = 5.0,
) -> InboxRelay:
    refunds = RefundNotices(database, client, gateway)
    calls = RazorpayCalls(database, client, gateway, refunds, clock)
    return InboxRelay(database, {"razorpay": calls}, clock, poll_seconds=poll_seconds)


@pytest.fixture
def relay(database: Database, client: Client, gateway: RazorpayGateway) -> InboxRelay:
    return inbox_relay(database, client, gateway, utc_now)


@pytest.fixture
async def subscription_id(database: Database, records: Records) -> str:
    """Of this test's own, since workflow ids are shared by all tests of the server."""
    return await records.subscription(
        subscription_id=f"bs_{uuid.uuid4().hex}", gateway_id="sub_mine", **NOT_LIVE
    )


NOT_LIVE: dict[str, Any] = {"status": Status.ACTIVE, "customer_id": "cus_mine"}


@pytest.fixture
async def records(database: Database) -> Records:
    records = Records(database)
    await records.customer("cus_mine")
    return records


@pytest.fixture
async def running(client: Client, subscription_id: str) -> AsyncIterator[WorkflowHandle[Recorder, None]]:
    """The subscription's workflow."""
    handle = await client.start_workflow(
        Recorder.run, id=ports.subscription_workflow_id(subscription_id), task_queue=QUEUE
    )
    yield handle
    await handle.terminate()


def body(kind: str, note: str | None = None, **entities: str) -> bytes:
    payload: dict[str, Any] = {name: {"entity": {"id": value}} for name, value in entities.items()}
    if note is not None:
        payload["subscription"]["entity"]["notes"] = {SUBSCRIPTION_NOTE: note}
    return json.dumps({"event": kind, "payload": payload, "nonce": uuid.uuid4().hex}).encode()


async def call(
    records: Records,
    event_id: str,
    kind: str,
    *,
    gateway_id: str | None = "sub_mine",
    payment_id: str | None = None,
    invoice_id: str | None = None,
    note: str | None = None,
) -> None:
    await records.call(
        event_id,
        body(kind, note, subscription=gateway_id or "") if gateway_id else body(kind),
        kind,
        gateway_subscription_id=gateway_id,
        gateway_payment_id=payment_id,
        gateway_invoice_id=invoice_id,
    )


async def status_of(records: Records, event_id: str) -> str:
    return (await records.calls())[event_id].status


async def set_status(database: Database, subscription_id: str, status: Status) -> None:
    async with database.transaction() as session:
        await session.execute(
            update(Subscription).where(Subscription.id == subscription_id).values(status=status.value)
        )


async def test_a_charge_wakes_the_subscriptions_workflow(
    records: Records, relay: InboxRelay, subscription_id: str, running: WorkflowHandle[Recorder, None]
) -> None:
    await call(records, "evt_1", "subscription.charged", payment_id="pay_1")
    assert await relay.drain_once() == 1
    assert await running.query(Recorder.told) == [GatewayEvent("evt_1", "subscription.charged", "pay_1")]
    entry = (await records.calls())["evt_1"]
    assert (entry.status, entry.subscription_id) == ("signalled", subscription_id)
    assert entry.processed_at is not None
    assert await relay.drain_once() == 0


async def test_calls_about_one_subscription_are_handed_on_in_order_by_any_number_of_relays(
    database: Database,
    client: Client,
    gateway: RazorpayGateway,
    records: Records,
    running: WorkflowHandle[Recorder, None],
) -> None:
    sent = [f"evt_{number:02}" for number in range(20)]
    for event_id in sent:
        await call(records, event_id, "subscription.pending")
    relays = [inbox_relay(database, client, gateway, utc_now) for _ in range(3)]

    async def all_told() -> bool:
        await asyncio.gather(*(relay.drain_once() for relay in relays))
        return len(await running.query(Recorder.told)) >= len(sent)

    await until(all_told)
    assert [event.id for event in await running.query(Recorder.told)] == sent


async def test_a_running_relay_is_woken_by_the_commit(
    database: Database,
    client: Client,
    gateway: RazorpayGateway,
    records: Records,
    running: WorkflowHandle[Recorder, None],
) -> None:
    relay = inbox_relay(database, client, gateway, utc_now, poll_seconds=600)
    stop = asyncio.Event()
    task = asyncio.create_task(relay.run(stop))
    for number in (1, 2):
        await call(records, f"evt_{number}", "subscription.charged")

        async def told() -> bool:
            return len(await running.query(Recorder.told)) == number  # noqa: B023

        await until(told)
    stop.set()
    async with asyncio.timeout(5):
        await task


@pytest.mark.parametrize(
    "kind",
    ["payment.captured", "order.paid", "invoice.paid", "refund.created", "unreadable", "subscription.new"],
)
async def test_what_changes_no_subscription_is_kept_and_left_alone(
    records: Records, relay: InboxRelay, subscription_id: str, kind: str
) -> None:
    await call(records, "evt_1", kind)
    await relay.drain_once()
    assert await status_of(records, "evt_1") == "unhandled"


async def test_a_call_of_another_gateway_is_left_alone(
    records: Records, relay: InboxRelay, database: Database
) -> None:
    await call(records, "evt_1", "subscription.charged")
    async with database.transaction() as session:
        await session.execute(update(WebhookInbox).values(source="phonepe"))
    await relay.drain_once()
    assert await status_of(records, "evt_1") == "unhandled"


@pytest.mark.parametrize(
    ("kind", "ours", "payment", "expected"),
    [
        ("subscription.charged", Status.ACTIVE, "captured", "known"),
        ("subscription.activated", Status.ACTIVE, "captured", "known"),
        ("subscription.completed", Status.COMPLETED, "captured", "known"),
        ("subscription.pending", Status.PAST_DUE, "failed", "known"),
        ("payment.failed", Status.PAST_DUE, "failed", "known"),
        # A late success, a state not reached, or money that was set aside: worth a look.
        ("subscription.charged", Status.ACTIVE, "failed", "signalled"),
        ("subscription.charged", Status.PAST_DUE, "captured", "signalled"),
        ("subscription.completed", Status.ACTIVE, "captured", "signalled"),
        ("subscription.charged", Status.ACTIVE, "quarantined", "signalled"),
        ("subscription.charged", Status.ACTIVE, None, "signalled"),
        ("subscription.halted", Status.PAST_DUE, "failed", "signalled"),
    ],
)
async def test_what_the_books_already_say_wakes_nobody(
    database: Database,
    records: Records,
    relay: InboxRelay,
    subscription_id: str,
    running: WorkflowHandle[Recorder, None],
    kind: str,
    ours: Status,
    payment: str | None,
    expected: str,
) -> None:
    await set_status(database, subscription_id, ours)
    if payment is not None:
        await records.payment(subscription_id, "pay_1", payment)
    await call(records, "evt_1", kind, payment_id="pay_1")
    await relay.drain_once()
    assert await status_of(records, "evt_1") == expected


async def test_a_failed_payment_finds_its_subscription_by_its_bill(
    database: Database,
    simulator: SimulatorProcess,
    gateway: RazorpayGateway,
    records: Records,
    relay: InboxRelay,
    subscription_id: str,
    running: WorkflowHandle[Recorder, None],
) -> None:
    price = Price("price_1", "plan_basic", Interval.MONTHLY, 1, 99900, False)
    plan_id = await gateway.create_plan(PlanAtGateway(price, "Basic", 117882))
    expires = datetime.fromtimestamp(await simulator.now(), UTC) + timedelta(days=1)
    created = await gateway.create_subscription(NewSubscription(subscription_id, plan_id, 12, expires))
    failed = (await simulator.act(created.id, "authenticate", outcome="failure"))["payment"]
    async with database.transaction() as session:
        await session.execute(
            update(Subscription)
            .where(Subscription.id == subscription_id)
            .values(gateway_subscription_id=created.id)
        )
    await call(
        records,
        "evt_1",
        "payment.failed",
        gateway_id=None,
        payment_id=failed["id"],
        invoice_id=failed["invoice_id"],
    )
    await call(records, "evt_2", "payment.failed", gateway_id=None, payment_id="pay_2", invoice_id=None)
    await call(records, "evt_3", "payment.failed", gateway_id=None, invoice_id="inv_AAAAAAAAAAAAAA")
    await relay.drain_once()
    assert await running.query(Recorder.told) == [GatewayEvent("evt_1", "payment.failed", failed["id"])]
    assert [await status_of(records, f"evt_{number}") for number in (1, 2, 3)] == [
        "signalled",
        "unhandled",
        "unhandled",
    ]


async def test_a_gateway_that_cannot_be_asked_is_asked_again(
    database: Database, client: Client, records: Records
) -> None:
    nowhere = RazorpayGateway(KEY_ID, KEY_SECRET, f"http://127.0.0.1:{any_free_port()}")
    await call(records, "evt_1", "payment.failed", gateway_id=None, invoice_id="inv_1")
    await inbox_relay(database, client, nowhere, utc_now).drain_once()
    await nowhere.close()
    entry = (await records.calls())["evt_1"]
    assert (entry.status, entry.attempts) == ("received", 1)
    assert "cannot be reached" in str(entry.last_error)


async def test_a_call_that_overtakes_our_own_record_is_known_by_our_note(
    database: Database,
    records: Records,
    relay: InboxRelay,
    subscription_id: str,
    running: WorkflowHandle[Recorder, None],
) -> None:
    async with database.transaction() as session:
        await session.execute(update(Subscription).values(gateway_subscription_id=None))
    await call(records, "evt_1", "subscription.activated", gateway_id="sub_new", note=subscription_id)
    await relay.drain_once()
    assert await status_of(records, "evt_1") == "signalled"


async def test_somebody_elses_subscription_is_an_orphan_at_once(records: Records, relay: InboxRelay) -> None:
    await call(records, "evt_1", "subscription.charged", gateway_id="sub_theirs")
    await relay.drain_once()
    assert await status_of(records, "evt_1") == "orphan"


async def test_a_note_of_ours_without_a_record_is_waited_for_and_then_an_orphan(
    database: Database, client: Client, gateway: RazorpayGateway, records: Records, relay: InboxRelay
) -> None:
    await call(records, "evt_1", "subscription.charged", gateway_id="sub_lost", note="bs_lost")
    await relay.drain_once()
    assert await status_of(records, "evt_1") == "received"
    await make_due(database)
    later = inbox_relay(database, client, gateway, lambda: utc_now() + ORPHAN_AFTER)
    await later.drain_once()
    assert await status_of(records, "evt_1") == "orphan"


async def make_due(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(update(WebhookInbox).values(next_attempt_at=func.now()))


async def test_the_lag_is_the_age_of_the_oldest_call_that_waits(
    database: Database, records: Records, relay: InboxRelay
) -> None:
    await call(records, "evt_1", "subscription.charged", gateway_id="sub_lost", note="bs_lost")
    async with database.transaction() as session:
        late = func.now() - timedelta(minutes=3)
        await session.execute(
            update(WebhookInbox).values(received_at=late, next_attempt_at=func.now() + timedelta(hours=1))
        )
    stop = asyncio.Event()
    running = asyncio.create_task(relay.run(stop))
    await until(lambda: measured(179))
    stop.set()
    await running


async def measured(seconds: float) -> bool:
    return (REGISTRY.get_sample_value("bahi_inbox_lag_seconds") or 0) > seconds


async def test_a_call_after_the_end_is_late(
    database: Database, client: Client, records: Records, relay: InboxRelay, subscription_id: str
) -> None:
    handle = await client.start_workflow(
        Recorder.run, id=ports.subscription_workflow_id(subscription_id), task_queue=QUEUE
    )
    await handle.signal(Recorder.finish)
    await handle.result()
    await call(records, "evt_1", "subscription.cancelled")
    await relay.drain_once()
    # Not ended as far as the books know: the workflow may be about to be found again.
    assert await status_of(records, "evt_1") == "received"
    await set_status(database, subscription_id, Status.CANCELLED)
    await make_due(database)
    await relay.drain_once()
    assert await status_of(records, "evt_1") == "late"

    # Money is no mere news: the subscription is woken for it.
    await call(records, "evt_2", "subscription.charged", payment_id="pay_1")
    await relay.drain_once()
    assert await status_of(records, "evt_2") == "signalled"
    woken = client.get_workflow_handle(ports.subscription_workflow_id(subscription_id))
    kinds = [event.event_type async for event in woken.fetch_history_events()]
    assert EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED in kinds
    assert (await woken.describe()).workflow_type == messages.WORKFLOW_NAME
    await woken.terminate()


async def test_while_temporal_is_away_calls_wait_in_order_and_nothing_is_lost(
    database: Database,
    gateway: RazorpayGateway,
    records: Records,
    relay: InboxRelay,
    subscription_id: str,
    running: WorkflowHandle[Recorder, None],
) -> None:
    plugin = bahi_plugin(EncryptionCodec.from_setting(KEYS))
    nowhere = await Client.connect(f"127.0.0.1:{any_free_port()}", plugins=[plugin], lazy=True)
    for number in (1, 2):
        await call(records, f"evt_{number}", "subscription.charged")
    assert await inbox_relay(database, nowhere, gateway, utc_now).drain_once() == 1
    entry = (await records.calls())["evt_1"]
    assert (entry.status, entry.attempts) == ("received", 1)
    await make_due(database)
    await relay.drain_once()
    assert [event.id for event in await running.query(Recorder.told)] == ["evt_1", "evt_2"]
