"""Events leave as CloudEvents, to a Kafka broker and to an address of the operator's, over real sockets."""

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_structured_event
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, Producer, TopicPartition
from standardwebhooks import Webhook

from domain.errors import OutcomeUnknown, Unavailable
from gateways.cloud_events import OutgoingEvent, as_json
from gateways.event_webhook import EventWebhook
from gateways.kafka import KafkaEvents
from local.ports import any_free_port
from tests.gateways.servers import SECRET, endpoint

SOURCE = "https://billing.kaveri.example"
TOPIC = "billing-events"


def event(number: int = 1, customer_id: str = "cus_1") -> OutgoingEvent:
    return OutgoingEvent(
        id=number,
        key=f"subscription.renewed/{number}",
        type="subscription.renewed",
        customer_id=customer_id,
        subscription_id="bs_1",
        occurred_at=datetime(2026, 3, 1, 4, 30, tzinfo=UTC),
        data={"amount_paise": 117882, "plan": "₹"},
    )


def test_an_event_is_a_whole_cloud_event() -> None:
    assert json.loads(as_json(event(), SOURCE)) == {
        "specversion": "1.0",
        "id": "1",
        "source": SOURCE,
        "type": "subscription.renewed",
        "subject": "bs_1",
        "time": "2026-03-01T04:30:00Z",
        "datacontenttype": "application/json",
        "partitionkey": "cus_1",
        "data": {"customer_id": "cus_1", "amount_paise": 117882, "plan": "₹"},
    }


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    """librdkafka's own broker, which lives as long as the producer that carries it."""
    carrier = Producer({"bootstrap.servers": "unused:1", "test.mock.num.brokers": 1, "log_level": 0})
    metadata = carrier.list_topics(timeout=10)
    [only] = metadata.brokers.values()
    yield f"{only.host}:{only.port}"


def consumed(servers: str, count: int) -> list[Message]:
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "test"})
    partitions = consumer.list_topics(TOPIC, timeout=10).topics[TOPIC].partitions
    consumer.assign([TopicPartition(TOPIC, number, OFFSET_BEGINNING) for number in partitions])
    found: list[Message] = []
    deadline = threading.Event()
    timer = threading.Timer(20, deadline.set)
    timer.start()
    while len(found) < count and not deadline.is_set():
        message = consumer.poll(0.2)
        if message is not None and message.error() is None:
            found.append(message)
    timer.cancel()
    consumer.close()
    return found


def as_kafka_message(message: Message) -> KafkaMessage:
    headers: Any = message.headers() or []
    value = message.value()
    assert value is not None
    return KafkaMessage(headers=dict(headers), key=message.key(), value=value)


async def test_kafka_gets_every_event_keyed_by_customer_and_in_order(broker: str) -> None:
    kafka = KafkaEvents(broker, TOPIC, SOURCE)
    sent = [event(number, f"cus_{number % 3}") for number in range(30)]
    for number in range(0, 30, 3):
        await asyncio.gather(*(kafka.deliver(each) for each in sent[number : number + 3]))
    await kafka.close()
    found = await asyncio.to_thread(consumed, broker, len(sent))
    assert len(found) == len(sent)
    for customer in ("cus_0", "cus_1", "cus_2"):
        mine = [message for message in found if message.key() == customer.encode()]
        read = [from_structured_event(as_kafka_message(message)) for message in mine]
        assert [int(each.get_id()) for each in read] == [
            each.id for each in sent if each.customer_id == customer
        ]
        assert len({message.partition() for message in mine}) == 1
        assert {each.get_type() for each in read} == {"subscription.renewed"}


async def test_a_broker_that_is_away_is_tried_again_later() -> None:
    kafka = KafkaEvents(f"127.0.0.1:{any_free_port()}", TOPIC, SOURCE, delivery_milliseconds=300)
    with pytest.raises(OutcomeUnknown, match="sending it again"):
        await kafka.deliver(event())
    await kafka.close()


async def test_an_address_gets_signed_events_whose_id_stays_the_same_when_repeated() -> None:
    async with endpoint(200, 500, 200) as receiver:
        webhook = EventWebhook(receiver.url, SECRET, SOURCE, lambda: datetime.now(UTC))
        await webhook.deliver(event(7))
        with pytest.raises(Unavailable):
            await webhook.deliver(event(8))
        await webhook.deliver(event(8))
        await webhook.close()
    for request in receiver.requests:
        assert Webhook(SECRET).verify(request.body, request.headers)["source"] == SOURCE
        assert request.headers["content-type"] == "application/cloudevents+json"
    assert [request.headers["webhook-id"] for request in receiver.requests] == ["evt_7", "evt_8", "evt_8"]
