"""The portal's answers, carried by hand: read from a file, verified, recorded (gst.md 6.4)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console

from db import e_invoices
from db.session import Database
from documents.einvoice import BulkReply, accept_bulk, named_in, signed_invoices
from domain.errors import InvalidInput
from filing.telling import say


@dataclass(frozen=True)
class Portal:
    """What its answers are verified with, and who is told of them."""

    keys: tuple[str, ...] = ()
    sinks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Brought:
    """A file of answers: numbers that are registered now or were before, and what was not taken."""

    registered: Sequence[str]
    known: Sequence[str]
    reply: BulkReply

    @property
    def clean(self) -> bool:
        """Nothing was left out."""
        return not self.reply.refused and not self.reply.unmatched


async def bring(database: Database, file: Path, portal: Portal, now: datetime) -> Brought:
    """Record every answer that is genuine and about a document of ours; one bad one spoils no other.

    Raises InvalidInput for a file that cannot be read or is no list of answers, Misconfigured without
    keys, Unavailable.
    """
    try:
        content = await asyncio.to_thread(file.read_bytes)
    except OSError as error:
        raise InvalidInput("file", f"{file} cannot be read: {error.strerror}.") from error
    async with database.reading() as session:
        documents = await e_invoices.numbered(session, named_in(content))
    reply, signed = accept_bulk(documents, content, portal.keys), signed_invoices(content)
    registered: list[str] = []
    known: list[str] = []
    for document in documents:
        registration = reply.registered.get(document.id)
        if registration is None:
            continue
        invoice = signed.get(registration.irn)
        async with database.transaction() as session:
            new = await e_invoices.register(session, document.id, registration, invoice, now, portal.sinks)
        (registered if new else known).append(document.number)
    return Brought(registered, known, reply)


async def bring_in(file: Path, database: Database, console: Console, portal: Portal, now: datetime) -> int:
    """`bring`, told in the terminal. Exit code 1 if an answer was not taken."""
    brought = await bring(database, file, portal, now)
    tell(console, brought)
    return 0 if brought.clean else 1


def tell(console: Console, brought: Brought) -> None:
    """What became of every answer."""
    say(console, f"registered: {len(brought.registered)}; known before: {len(brought.known)}")
    for number in brought.registered:
        say(console, f"  ✓ {number}", "green")
    for fault in brought.reply.refused.values():
        say(console, f"  ✗ {fault}", "red")
    for answer in brought.reply.unmatched:
        say(console, f"  ✗ of no document here: {answer}", "red")
