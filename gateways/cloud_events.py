"""Facts as CloudEvents 1.0 (JSON), the one form in which events leave: on Kafka and by webhook."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

CONTENT_TYPE = "application/cloudevents+json"


@dataclass(frozen=True)
class OutgoingEvent:
    """An announced fact. `id` grows within a customer; `key` is the business's own name for the fact."""

    id: int
    key: str
    type: str
    """As in domain.events, without prefix."""
    customer_id: str
    subscription_id: str | None
    occurred_at: datetime
    data: Mapping[str, Any]


def as_json(event: OutgoingEvent, source: str) -> str:
    """A receiver keeps order by `partitionkey` and drops repeats by `id`; `source` is this installation."""
    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": str(event.id),
        "source": source,
        "type": event.type,
        "subject": event.subscription_id or event.customer_id,
        "time": event.occurred_at.astimezone(UTC),
        "datacontenttype": "application/json",
        "partitionkey": event.customer_id,
    }
    data = {"customer_id": event.customer_id, **event.data}
    return JSONFormat().write(CloudEvent(attributes, data)).decode()
