"""What operators watch: how far behind the relays are, and what became of what they carried."""

from prometheus_client import Counter, Gauge

OUTBOX_LAG = Gauge(
    "bahi_outbox_lag_seconds", "Age of the oldest event not yet delivered to the sink", ["sink"]
)
OUTBOX_DELIVERIES = Counter("bahi_outbox_deliveries", "Attempts to deliver an event", ["sink", "outcome"])
INBOX_LAG = Gauge("bahi_inbox_lag_seconds", "Age of the oldest gateway call not yet handed on")
INBOX_CALLS = Counter("bahi_inbox_calls", "Gateway calls looked at", ["outcome"])
