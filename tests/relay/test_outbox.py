"""The outbox relay: at least once, in order per customer, one sink never in the way of another."""

import asyncio
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import func, text, update
from standardwebhooks import Webhook

from db.models import OutboxDelivery
from db.session import Database
from domain.errors import FinalError, Unavailable
from domain.events import EventType
from gateways.cloud_events import OutgoingEvent
from gateways.event_webhook import EventWebhook
from relay.outbox import LEASE, OutboxRelay
from relay.patience import backoff
from tests.gateways.servers import SECRET, endpoint
from tests.relay.conftest import Records, until, utc_now

RENEWED, CAPTURED = EventType.SUBSCRIPTION_RENEWED, EventType.PAYMENT_CAPTURED


class Collecting:
    """A sink that remembers, and fails as told: one error per call until the list is used up."""

    def __init__(self, *errors: Exception | None) -> None:
        self.seen: list[OutgoingEvent] = []
        self._errors = list(errors)

    async def deliver(self, event: OutgoingEvent) -> None:
        self.seen.append(event)
        error = self._errors.pop(0) if self._errors else None
        if error is not None:
            raise error


class Stuck:
    """A sink that never answers."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def deliver(self, event: OutgoingEvent) -> None:
        self.asked.set()
        await asyncio.Event().wait()


async def make_due(database: Database, sink: str) -> None:
    """Let the waiting time of a retry or lease be over."""
    async with database.transaction() as session:
        await session.execute(
            update(OutboxDelivery).where(OutboxDelivery.sink == sink).values(next_attempt_at=func.now())
        )


async def test_an_event_reaches_each_of_its_sinks_once(database: Database, records: Records) -> None:
    kafka, webhook = Collecting(), Collecting()
    relay = OutboxRelay(database, {"kafka": kafka, "webhook": webhook}, utc_now)
    both = await records.event(RENEWED, "kafka", "webhook", cycle=3)
    one = await records.event(CAPTURED, "kafka")
    assert await relay.drain_once() == 3
    assert [event.id for event in kafka.seen] == [both, one]
    [seen] = webhook.seen
    assert (seen.type, seen.customer_id, seen.data) == (RENEWED, "cus_1", {"cycle": 3})
    assert await relay.drain_once() == 0
    assert (await records.delivery(both, "webhook")).status == "done"


async def test_a_customers_later_events_wait_for_an_earlier_one_that_is_to_be_tried_again(
    database: Database, records: Records
) -> None:
    await records.customer("cus_2")
    sink = Collecting(Unavailable("away"))
    relay = OutboxRelay(database, {"kafka": sink}, utc_now)
    first = await records.event(RENEWED, "kafka")
    second = await records.event(CAPTURED, "kafka")
    other = await records.event(RENEWED, "kafka", customer_id="cus_2")
    await relay.drain_once()
    assert {event.id for event in sink.seen} == {first, other}
    delivery = await records.delivery(first, "kafka")
    assert (delivery.status, delivery.attempts, delivery.last_error) == ("pending", 1, "away")
    await make_due(database, "kafka")
    await relay.drain_once()
    assert [event.id for event in sink.seen[2:]] == [first, second]


async def test_what_can_never_succeed_is_given_up_and_lets_the_next_one_pass(
    database: Database, records: Records
) -> None:
    sink = Collecting(FinalError("no such thing"))
    first, second = await records.event(RENEWED, "kafka"), await records.event(CAPTURED, "kafka")
    await OutboxRelay(database, {"kafka": sink}, utc_now).drain_once()
    assert (await records.delivery(first, "kafka")).status == "failed"
    assert (await records.delivery(second, "kafka")).status == "done"


async def test_the_ladder_ends(database: Database, records: Records) -> None:
    sink = Collecting(*[Unavailable("away")] * 3)
    relay = OutboxRelay(database, {"kafka": sink}, utc_now, most_attempts=3)
    event_id = await records.event(RENEWED, "kafka")
    for _ in range(4):
        await make_due(database, "kafka")
        await relay.drain_once()
    assert len(sink.seen) == 3
    delivery = await records.delivery(event_id, "kafka")
    assert (delivery.status, delivery.attempts) == ("failed", 3)


@pytest.mark.parametrize("error", [RuntimeError("a mistake"), KeyError("data")])
async def test_a_mistake_in_a_sink_loses_nothing(
    database: Database, records: Records, error: Exception
) -> None:
    sink = Collecting(error)
    event_id = await records.event(RENEWED, "kafka")
    await OutboxRelay(database, {"kafka": sink}, utc_now).drain_once()
    delivery = await records.delivery(event_id, "kafka")
    assert delivery.status == "pending" and "unexpected" in str(delivery.last_error)


async def test_a_sink_that_does_not_answer_blocks_no_other_and_is_cut_off(
    database: Database, records: Records
) -> None:
    stuck, quick = Stuck(), Collecting()
    relay = OutboxRelay(database, {"webhook": stuck, "kafka": quick}, utc_now, deadline_seconds=0.3)
    event_id = await records.event(RENEWED, "webhook", "kafka")
    stop = asyncio.Event()
    running = asyncio.create_task(relay.run(stop))
    await stuck.asked.wait()
    await until(lambda: _has(quick, 1))

    async def cut_off() -> bool:
        return (await records.delivery(event_id, "webhook")).attempts == 1

    await until(cut_off)
    stop.set()
    await running


async def _has(sink: Collecting, count: int) -> bool:
    return len(sink.seen) >= count


async def test_a_running_relay_is_woken_by_the_commit(database: Database, records: Records) -> None:
    sink, stop = Collecting(), asyncio.Event()
    # It never polls within this test: only the bell can wake it.
    relay = OutboxRelay(database, {"kafka": sink}, utc_now, poll_seconds=600)
    running = asyncio.create_task(relay.run(stop))
    for number in (1, 2, 3):
        await records.event(RENEWED, "kafka", key=str(number))
        await until(lambda: _has(sink, number))  # noqa: B023
    stop.set()
    async with asyncio.timeout(5):
        await running


async def test_a_relay_goes_on_listening_after_its_connection_was_cut(
    database: Database, records: Records
) -> None:
    sink, stop = Collecting(), asyncio.Event()
    relay = OutboxRelay(database, {"kafka": sink}, utc_now, poll_seconds=600)
    running = asyncio.create_task(relay.run(stop))
    await records.event(RENEWED, "kafka", key="before")
    await until(lambda: _has(sink, 1))
    async with database.transaction() as session:
        listening = "datname = current_database() AND query LIKE 'LISTEN%'"
        cut = await session.scalars(
            text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {listening}")
        )
        assert cut.all() == [True]
    await records.event(RENEWED, "kafka", key="after")
    await until(lambda: _has(sink, 2))
    stop.set()
    await running


async def test_a_relay_that_died_leaves_its_lease_and_the_event_is_delivered_again(
    database: Database, records: Records
) -> None:
    event_id = await records.event(RENEWED, "kafka")
    stuck = Stuck()
    dying = asyncio.create_task(OutboxRelay(database, {"kafka": stuck}, utc_now).drain_once())
    await stuck.asked.wait()
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    sink = Collecting()
    survivor = OutboxRelay(database, {"kafka": sink}, utc_now)
    assert await survivor.drain_once() == 0
    assert (await records.delivery(event_id, "kafka")).next_attempt_at > utc_now() + LEASE / 2
    await make_due(database, "kafka")
    assert await survivor.drain_once() == 1
    assert [event.id for event in sink.seen] == [event_id]


async def test_two_relays_share_the_work_and_keep_each_customers_order(
    database: Database, records: Records
) -> None:
    customers = [await records.customer(f"cus_many_{number}") for number in range(5)]
    sent = [
        await records.event(RENEWED, "kafka", customer_id=customer, key=f"{customer}/{number}")
        for number in range(8)
        for customer in customers
    ]
    sink = Collecting()
    relays = [OutboxRelay(database, {"kafka": sink}, utc_now) for _ in range(2)]

    async def all_seen() -> bool:
        await asyncio.gather(*(relay.drain_once() for relay in relays))
        return len(sink.seen) >= len(sent)

    await until(all_seen)
    assert sorted(event.id for event in sink.seen) == sorted(sent)
    for customer in customers:
        seen = [event.id for event in sink.seen if event.customer_id == customer]
        assert seen == sorted(seen)


async def test_an_event_leaves_as_a_signed_webhook(database: Database, records: Records) -> None:
    async with endpoint(500, 200) as receiver:
        webhook = EventWebhook(receiver.url, SECRET, "https://billing.kaveri.example", utc_now)
        relay = OutboxRelay(database, {"webhook": webhook}, utc_now)
        event_id = await records.event(RENEWED, "webhook", amount_paise=117882)
        await relay.drain_once()
        await make_due(database, "webhook")
        await relay.drain_once()
        await webhook.close()
    assert [request.headers["webhook-id"] for request in receiver.requests] == [f"evt_{event_id}"] * 2
    told = Webhook(SECRET).verify(receiver.requests[1].body, receiver.requests[1].headers)
    assert told["data"] == {"customer_id": "cus_1", "amount_paise": 117882}
    assert (await records.delivery(event_id, "webhook")).status == "done"


async def test_how_far_behind_a_sink_is_can_be_seen(database: Database, records: Records) -> None:
    stuck, stop = Stuck(), asyncio.Event()
    await records.event(RENEWED, "lagging")
    running = asyncio.create_task(
        OutboxRelay(database, {"lagging": stuck}, utc_now, deadline_seconds=0.5).run(stop)
    )

    async def measured() -> bool:
        return (REGISTRY.get_sample_value("bahi_outbox_lag_seconds", {"sink": "lagging"}) or 0) > 0

    await until(measured)
    stop.set()
    await running
    attempts = {"sink": "lagging", "outcome": "retry"}
    assert REGISTRY.get_sample_value("bahi_outbox_deliveries_total", attempts) == 1


def test_the_waiting_time_doubles_up_to_its_limit() -> None:
    longest = timedelta(hours=1)
    assert timedelta(seconds=0.8) <= backoff(0, longest) <= timedelta(seconds=1.2)
    assert timedelta(seconds=50) <= backoff(6, longest) <= timedelta(seconds=77)
    assert backoff(80, longest) <= longest * 1.2
