"""Notifications through the operator's own notification service, by signed webhook."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

from gateways.notifications import Message
from gateways.signed_webhook import SignedWebhook


class WebhookNotifier:
    """Posts each message; the service sees a repeated one by its `webhook-id` and sends it once."""

    channel = "webhook"
    repeatable = True
    carries_files = False

    def __init__(
        self, url: str, secret: str, clock: Callable[[], datetime], *, answer_seconds: float = 15.0
    ) -> None:
        """Raises Misconfigured."""
        self._clock = clock
        self._webhook = SignedWebhook(
            url, secret, clock, setting="NOTIFICATION_WEBHOOK", answer_seconds=answer_seconds
        )

    async def send(self, message: Message) -> None:
        """Address, ready-made texts, and the facts they are made of."""
        body = {
            "type": f"notification.{message.kind}",
            "timestamp": self._clock().astimezone(UTC).isoformat(),
            "data": {
                "to": {"email": message.to_email, "name": message.to_name},
                "subject": message.subject,
                "text": message.text,
                "html": message.html,
                "facts": dict(message.data),
            },
        }
        await self._webhook.post(message.id, json.dumps(body, ensure_ascii=False))

    async def close(self) -> None:
        """Close connections."""
        await self._webhook.close()
