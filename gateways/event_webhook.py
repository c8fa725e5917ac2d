"""Events to one address of the operator's, by signed webhook."""

from collections.abc import Callable
from datetime import datetime

from gateways.cloud_events import CONTENT_TYPE, OutgoingEvent, as_json
from gateways.signed_webhook import SignedWebhook


class EventWebhook:
    """At least once, in order per customer as long as the caller sends one at a time per customer."""

    def __init__(
        self,
        url: str,
        secret: str,
        source: str,
        clock: Callable[[], datetime],
        *,
        answer_seconds: float = 15.0,
    ) -> None:
        """`source` is this installation's public URL. Raises Misconfigured."""
        self._source = source
        self._webhook = SignedWebhook(
            url, secret, clock, setting="EVENTS_WEBHOOK", answer_seconds=answer_seconds
        )

    async def deliver(self, event: OutgoingEvent) -> None:
        """Raises GatewayRefused, Unavailable or OutcomeUnknown."""
        await self._webhook.post(f"evt_{event.id}", as_json(event, self._source), CONTENT_TYPE)

    async def close(self) -> None:
        """Close connections."""
        await self._webhook.close()
