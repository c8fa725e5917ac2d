"""Events to a Kafka topic, keyed by customer so that each customer's events keep their order.

The library's own asyncio producer cannot send headers, and CloudEvents on Kafka are recognised by one;
so the plain producer is used, with a thread that waits for its delivery reports.
"""

import asyncio
import contextlib
import logging
import threading

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from domain.errors import OutcomeUnknown, Unavailable
from gateways.cloud_events import CONTENT_TYPE, OutgoingEvent, as_json

_DELIVERY_MILLISECONDS = 15_000
_POLL_SECONDS = 0.2

_log = structlog.get_logger(__name__)
_librdkafka = logging.getLogger("bahi.kafka")


class KafkaEvents:
    """An idempotent producer: the broker drops what its own retries repeat."""

    def __init__(
        self,
        servers: str,
        topic: str,
        source: str,
        *,
        delivery_milliseconds: int = _DELIVERY_MILLISECONDS,
        options: dict[str, str | int | bool] | None = None,
    ) -> None:
        """`servers` is host:port, comma-separated; `source` this installation's public URL.

        `options` are librdkafka's, for what an installation needs beside (SASL, TLS).
        """
        self._topic = topic
        self._source = source
        self._settings: dict[str, str | int | bool] = {
            "bootstrap.servers": servers,
            "client.id": "bahi",
            "enable.idempotence": True,
            "acks": "all",
            "compression.type": "lz4",
            "linger.ms": 5,
            "message.timeout.ms": delivery_milliseconds,
            **(options or {}),
        }
        self._producer: Producer | None = None
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._reports = threading.Thread(target=self._wait_for_reports, name="kafka", daemon=True)

    async def deliver(self, event: OutgoingEvent) -> None:
        """Returns when all in-sync replicas have it. Raises Unavailable or OutcomeUnknown."""
        loop = asyncio.get_running_loop()
        delivered: asyncio.Future[KafkaError | None] = loop.create_future()

        def report(error: KafkaError | None, _: Message) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits any more
                loop.call_soon_threadsafe(_settle, delivered, error)

        try:
            self._started().produce(
                self._topic,
                key=event.customer_id.encode(),
                value=as_json(event, self._source).encode(),
                headers={"content-type": CONTENT_TYPE},
                on_delivery=report,
            )
        except (BufferError, KafkaException) as error:
            self._drop_if_fatal(error.args[0] if error.args else None)
            raise Unavailable(f"Kafka takes no more events ({type(error).__name__}); trying again") from error
        failure = await delivered
        if failure is not None:
            self._drop_if_fatal(failure)
            raise OutcomeUnknown(f"Kafka did not confirm an event ({failure.name()}); sending it again")

    def _started(self) -> Producer:
        with self._lock:
            if self._producer is None:
                self._producer = Producer(self._settings, logger=_librdkafka)
                if not self._reports.is_alive():
                    self._reports.start()
            return self._producer

    def _drop_if_fatal(self, error: object) -> None:
        """After a fatal error (its sequence at the broker is lost) a producer is of no more use."""
        if isinstance(error, KafkaError) and error.fatal():
            _log.warning("kafka_producer_replaced", error=error.name())
            with self._lock:
                self._producer = None

    def _wait_for_reports(self) -> None:
        while not self._closing.is_set():
            producer = self._producer
            if producer is None:
                self._closing.wait(_POLL_SECONDS)
            else:
                producer.poll(_POLL_SECONDS)

    async def close(self) -> None:
        """Wait for what is under way, then end."""
        producer = self._producer
        if producer is not None:
            await asyncio.to_thread(producer.flush, _DELIVERY_MILLISECONDS / 1000)
        self._closing.set()
        if self._reports.is_alive():
            await asyncio.to_thread(self._reports.join)


def _settle(delivered: "asyncio.Future[KafkaError | None]", error: KafkaError | None) -> None:
    if not delivered.done():
        delivered.set_result(error)
