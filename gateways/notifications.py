"""What is said to a customer, and whoever carries it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import structlog

_log = structlog.get_logger(__name__)

Fact = str | int | bool | None


@dataclass(frozen=True)
class Attachment:
    """A file that goes with a message; `filename` is safe on every disk (gateways.links.download_name)."""

    filename: str
    content: bytes = field(repr=False)
    content_type: str = "application/pdf"


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
    attachment: Attachment | None = None


class Notifier(Protocol):
    """A way to the customer.

    `send` raises GatewayRefused when it can never succeed, Unavailable when nothing was sent, and
    OutcomeUnknown when it may have been.
    """

    channel: str
    repeatable: bool
    """Whether the same message may be sent twice and still be seen once."""
    carries_files: bool
    """Whether an attachment reaches the customer; others are given none."""

    async def send(self, message: Message) -> None:
        """Hand the message over."""


class LogNotifier:
    """Says in the log that a message was due: for installations that notify in another way, or not yet."""

    channel = "log"
    repeatable = True
    carries_files = False

    async def send(self, message: Message) -> None:
        """Id and kind only."""
        _log.info("notification", notification=message.id, kind=message.kind)
