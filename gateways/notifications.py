"""What is said to a customer, and whoever carries it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import structlog

_log = structlog.get_logger(__name__)

Fact = str | int | bool | None


@dataclass(frozen=True)
class Message:
    """One message. `id` stays the same however often it is tried. Personal fields are kept out of `repr`."""

    id: str
    kind: str
    to_email: str = field(repr=False)
    to_name: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str | None = field(default=None, repr=False)
    data: Mapping[str, Fact] = field(default_factory=dict, repr=False)
    """The facts the text is made of, for services that write their own."""


class Notifier(Protocol):
    """A way to the customer.

    `send` raises GatewayRefused when it can never succeed, Unavailable when nothing was sent, and
    OutcomeUnknown when it may have been.
    """

    channel: str
    repeatable: bool
    """Whether the same message may be sent twice and still be seen once."""

    async def send(self, message: Message) -> None:
        """Hand the message over."""


class LogNotifier:
    """Says in the log that a message was due: for installations that notify in another way, or not yet."""

    channel = "log"
    repeatable = True

    async def send(self, message: Message) -> None:
        """Id and kind only."""
        _log.info("notification", notification=message.id, kind=message.kind)
