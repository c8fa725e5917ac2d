"""Telling customers: once per cause, whatever breaks, over real sockets and a real database."""

import asyncio
import json
from collections.abc import Callable
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, update

from db import models
from db.renditions import rendition_id
from db.session import Database
from domain.document import DocumentKind
from domain.events import EventType
from domain.subscription import Status
from gateways.notification_webhook import WebhookNotifier
from gateways.notifications import LogNotifier, Message, Notifier
from gateways.smtp import SmtpNotifier, SmtpSettings
from gateways.storage import LocalStore
from relay.notifications import LARGEST_ATTACHMENT, NotificationsSink
from relay.outbox import OutboxRelay
from tests.db import rows
from tests.gateways.servers import SECRET, Mailbox, endpoint, hang_up, mail_server
from tests.relay.conftest import Records, utc_now

FAILED: dict[str, Any] = {
    "reason": "insufficient_funds",
    "rung": 1,
    "amount_paise": 117882,
    "status": Status.PAST_DUE.value,
    "checkout_url": "https://rzp.io/i/Kv8tQ2m",
}
Make = Callable[[Notifier], OutboxRelay]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path, "https://billing.kaveri.example", "a-secret-for-links")


@pytest.fixture
def relay_with(database: Database, store: LocalStore) -> Make:
    def make(notifier: Notifier) -> OutboxRelay:
        sink = NotificationsSink(database, notifier, store, "Kaveri Reader", utc_now)
        return OutboxRelay(database, {"notifications": sink}, utc_now)

    return make


def by_mail(box: Mailbox) -> SmtpNotifier:
    settings = SmtpSettings("127.0.0.1", box.port, "Kaveri <billing@kaveri.example>", starttls=False)
    return SmtpNotifier(settings, utc_now, seconds=5)


async def tell_again(database: Database) -> None:
    """Let every waiting time be over, as if a relay had died or a customer's turn had come again."""
    async with database.transaction() as session:
        await session.execute(
            update(models.OutboxDelivery).values(status="pending", next_attempt_at=func.now())
        )


async def only(records: Records) -> models.Notification:
    [row] = await records.notifications()
    return row


async def test_a_failed_payment_is_told_by_mail_once_however_often_it_is_announced(
    database: Database, records: Records, relay_with: Make
) -> None:
    async with mail_server() as box:
        relay = relay_with(by_mail(box))
        await records.event(EventType.PAYMENT_FAILED, "notifications", key="payment.failed/1", **FAILED)
        for _ in range(3):
            await relay.drain_once()
            await tell_again(database)
    [raw] = box.mails
    mail = message_from_bytes(raw, policy=default)
    row = await only(records)
    assert mail["Subject"] == "Your payment of ₹1,178.82 did not go through"
    assert box.recipients == ["meera@kaveri.example"]
    assert (row.cause, row.kind, row.status, row.channel) == (
        "payment.failed/1",
        "payment_failed",
        "sent",
        "smtp",
    )
    assert row.sent_at is not None and row.subscription_id == "bs_cus_1"
    assert mail["Message-ID"] == f"<{row.id}@kaveri.example>"


async def test_each_rung_is_a_cause_of_its_own(records: Records, relay_with: Make) -> None:
    async with mail_server() as box:
        for rung in (1, 2, 3, 4):
            await records.event(
                EventType.PAYMENT_FAILED, "notifications", key=str(rung), **FAILED | {"rung": rung}
            )
        await records.event(EventType.SUBSCRIPTION_HALTED, "notifications", key="halted", **FAILED)
        await relay_with(by_mail(box)).drain_once()
    assert len(box.mails) == 5
    assert sorted(row.kind for row in await records.notifications()) == ["halted"] + ["payment_failed"] * 4


async def test_a_mail_server_that_is_away_gets_the_message_later(
    database: Database, records: Records, relay_with: Make
) -> None:
    async with mail_server() as box:
        box.at_recipient = "450 greylisted"
        relay = relay_with(by_mail(box))
        await records.event(EventType.PAYMENT_FAILED, "notifications", **FAILED)
        await relay.drain_once()
        assert (await only(records)).status == "failed"
        box.at_recipient = ""
        await tell_again(database)
        await relay.drain_once()
    assert len(box.mails) == 1
    assert (await only(records)).status == "sent"


async def test_a_mail_whose_fate_is_unknown_is_not_sent_again(
    database: Database, records: Records, relay_with: Make
) -> None:
    async with mail_server() as box:
        box.at_data = hang_up
        relay = relay_with(by_mail(box))
        event_id = await records.event(EventType.PAYMENT_FAILED, "notifications", **FAILED)
        await relay.drain_once()
        assert (await only(records)).status == "unknown"
        assert (await records.delivery(event_id, "notifications")).status == "done"
        await tell_again(database)
        await relay.drain_once()
    assert len(box.mails) == 1


class Dying:
    """A relay's process ends while it sends: the message went out, nobody noted it."""

    def __init__(self, inner: Notifier) -> None:
        self.channel, self.repeatable = inner.channel, inner.repeatable
        self.carries_files = inner.carries_files
        self._inner = inner

    async def send(self, message: Message) -> None:
        await self._inner.send(message)
        raise asyncio.CancelledError


async def test_after_a_crash_in_the_middle_a_mail_is_not_sent_again(
    database: Database, records: Records, relay_with: Make
) -> None:
    async with mail_server() as box:
        await records.event(EventType.PAYMENT_FAILED, "notifications", **FAILED)
        with pytest.raises(asyncio.CancelledError):
            await relay_with(Dying(by_mail(box))).drain_once()
        assert (await only(records)).status == "sending"
        await tell_again(database)
        await relay_with(by_mail(box)).drain_once()
    assert len(box.mails) == 1
    assert (await only(records)).status == "unknown"


async def test_after_a_crash_in_the_middle_a_service_is_told_again_under_the_same_id(
    database: Database, records: Records, relay_with: Make
) -> None:
    async with endpoint() as service:
        notifier = WebhookNotifier(service.url, SECRET, utc_now)
        await records.event(EventType.PAYMENT_FAILED, "notifications", **FAILED)
        with pytest.raises(asyncio.CancelledError):
            await relay_with(Dying(notifier)).drain_once()
        await tell_again(database)
        await relay_with(notifier).drain_once()
        await notifier.close()
    row = await only(records)
    assert row.status == "sent"
    assert [request.headers["webhook-id"] for request in service.requests] == [row.id, row.id]


async def test_a_service_that_hung_up_is_told_again_under_the_same_id(
    database: Database, records: Records, relay_with: Make
) -> None:
    async with endpoint(0, 200) as service:
        notifier = WebhookNotifier(service.url, SECRET, utc_now)
        relay = relay_with(notifier)
        event_id = await records.event(EventType.PAYMENT_FAILED, "notifications", **FAILED)
        await relay.drain_once()
        assert (await records.delivery(event_id, "notifications")).status == "pending"
        await tell_again(database)
        await relay.drain_once()
        await notifier.close()
    assert len({request.headers["webhook-id"] for request in service.requests}) == 1
    body = json.loads(service.requests[-1].body)
    assert body["type"] == "notification.payment_failed"
    assert body["data"]["facts"]["amount_paise"] == 117882
    assert body["data"]["facts"]["customer_id"] == "cus_1"
    assert (await only(records)).status == "sent"


async def test_a_customer_without_an_address_cannot_be_told_by_mail_and_that_is_on_record(
    database: Database, records: Records, relay_with: Make
) -> None:
    async with database.transaction() as session:
        await session.execute(update(models.Customer).values(email=""))
    async with mail_server() as box:
        event_id = await records.event(EventType.PAYMENT_FAILED, "notifications", **FAILED)
        await relay_with(by_mail(box)).drain_once()
        assert box.mails == []
    assert (await only(records)).status == "failed"
    assert (await records.delivery(event_id, "notifications")).status == "failed"


READY: dict[DocumentKind, tuple[EventType, str, str]] = {
    DocumentKind.TAX_INVOICE: (EventType.INVOICE_DOCUMENT_READY, "BH26-27/000042", "receipt"),
    DocumentKind.BILL_OF_SUPPLY: (EventType.INVOICE_DOCUMENT_READY, "BS26-27/000042", "receipt"),
    DocumentKind.CREDIT_NOTE: (EventType.CREDIT_NOTE_DOCUMENT_READY, "CN26-27/000042", "credit_note"),
    DocumentKind.RECEIPT_VOUCHER: (EventType.VOUCHER_DOCUMENT_READY, "RV26-27/000042", "voucher"),
    DocumentKind.REFUND_VOUCHER: (EventType.VOUCHER_DOCUMENT_READY, "RF26-27/000042", "voucher"),
    DocumentKind.PROFORMA: (EventType.PROFORMA_DOCUMENT_READY, "PI26-27/000042", "proforma"),
}
KEY = "invoices/2026-27/abc.pdf"
PDF = b"%PDF-1.7\n\x00\xff\r\n.\r\nbytes that no mail may change\n%%EOF\n"


@pytest.mark.parametrize("kind", list(DocumentKind))
async def test_a_mail_brings_the_document_and_leads_to_it(
    database: Database, records: Records, relay_with: Make, store: LocalStore, kind: DocumentKind
) -> None:
    _, number, told = READY[kind]
    await _drawn(database, store, kind)
    async with mail_server() as box:
        await _announce(records, kind)
        await relay_with(by_mail(box)).drain_once()
    [mail] = [message_from_bytes(raw, policy=default) for raw in box.mails]
    [attached] = list(mail.iter_attachments())
    assert attached.get_content_type() == "application/pdf"
    assert attached.get_filename() == number.replace("/", "-") + ".pdf"
    assert attached.get_content() == PDF
    for form in ("plain", "html"):
        body = mail.get_body((form,))
        assert body is not None
        text = body.get_content().replace("=\n", "")
        assert number in text and "attached to this mail" in text
        assert f"https://billing.kaveri.example/files/{KEY}?expires=" in text
    assert (await only(records)).kind == told


async def test_a_service_gets_the_link_and_not_the_document(
    database: Database, records: Records, relay_with: Make, store: LocalStore
) -> None:
    await _drawn(database, store, DocumentKind.TAX_INVOICE)
    async with endpoint() as service:
        notifier = WebhookNotifier(service.url, SECRET, utc_now)
        await _announce(records, DocumentKind.TAX_INVOICE)
        await relay_with(notifier).drain_once()
        await notifier.close()
    [request] = service.requests
    told = json.loads(request.body)["data"]
    assert told["facts"]["document_link"].startswith(f"https://billing.kaveri.example/files/{KEY}?")
    assert "attached" not in told["text"] and b"bytes that no mail" not in request.body


async def test_a_document_that_is_too_large_for_a_mail_is_linked(
    database: Database, records: Records, relay_with: Make, store: LocalStore
) -> None:
    await _drawn(database, store, DocumentKind.TAX_INVOICE, size_bytes=LARGEST_ATTACHMENT + 1)
    async with mail_server() as box:
        await _announce(records, DocumentKind.TAX_INVOICE)
        await relay_with(by_mail(box)).drain_once()
    [mail] = [message_from_bytes(raw, policy=default) for raw in box.mails]
    assert list(mail.iter_attachments()) == []
    body = mail.get_body(("plain",))
    assert body is not None
    assert f"/files/{KEY}?" in body.get_content().replace("=\n", "")


async def test_a_mail_waits_until_its_document_can_be_read(
    database: Database, records: Records, relay_with: Make, store: LocalStore, tmp_path: Path
) -> None:
    await _drawn(database, store, DocumentKind.TAX_INVOICE)
    stored = tmp_path / KEY
    stored.rename(tmp_path / "elsewhere")
    async with mail_server() as box:
        relay = relay_with(by_mail(box))
        event_id = await _announce(records, DocumentKind.TAX_INVOICE)
        await relay.drain_once()
        assert box.mails == [] and await records.notifications() == []
        assert (await records.delivery(event_id, "notifications")).status == "failed"
        (tmp_path / "elsewhere").rename(stored)
        await tell_again(database)
        await relay.drain_once()
    assert len(box.mails) == 1


async def test_a_document_without_a_subscription_reaches_its_customer(
    database: Database, records: Records, relay_with: Make, store: LocalStore
) -> None:
    await _drawn(database, store, DocumentKind.PROFORMA)
    async with mail_server() as box:
        await _announce(records, DocumentKind.PROFORMA, of_subscription=False)
        await relay_with(by_mail(box)).drain_once()
    assert box.recipients == ["meera@kaveri.example"]
    row = await only(records)
    assert (row.kind, row.status, row.subscription_id) == ("proforma", "sent", None)


async def test_a_refund_without_a_subscription_brings_no_document(
    database: Database, records: Records, relay_with: Make, store: LocalStore
) -> None:
    """The credit note comes by a mail of its own."""
    await _drawn(database, store, DocumentKind.CREDIT_NOTE)
    facts: dict[str, Any] = {"document_id": "doc_1", "amount_paise": 117882}
    async with mail_server() as box:
        await records.event(EventType.PAYMENT_REFUNDED, "notifications", of_subscription=False, **facts)
        await relay_with(by_mail(box)).drain_once()
    [mail] = [message_from_bytes(raw, policy=default) for raw in box.mails]
    assert mail["Subject"] == "Your refund of ₹1,178.82" and list(mail.iter_attachments()) == []


async def test_an_alert_of_a_budget_reaches_its_customer_with_their_plan(
    records: Records, relay_with: Make
) -> None:
    facts: dict[str, Any] = {"month": "2026-11", "used_percent": 85, "wallet_paise": 0}
    async with mail_server() as box:
        await records.event(EventType.USAGE_BUDGET_WARNED, "notifications", **facts)
        await relay_with(by_mail(box)).drain_once()
    [mail] = [message_from_bytes(raw, policy=default) for raw in box.mails]
    assert mail["Subject"] == "85 % of your usage budget is used"
    body = mail.get_body(("plain",))
    assert body is not None and "the budget for November 2026 that comes with" in body.get_content()


async def test_an_event_about_nobody_on_record_is_given_up(records: Records, relay_with: Make) -> None:
    async with records.database.transaction() as session:
        await session.execute(delete(models.Subscription))
    event_id = await records.event(EventType.PAYMENT_FAILED, "notifications", **FAILED)
    await relay_with(LogNotifier()).drain_once()
    assert (await records.delivery(event_id, "notifications")).status == "failed"


async def _announce(records: Records, kind: DocumentKind, *, of_subscription: bool = True) -> int:
    event, number, _ = READY[kind]
    return await records.event(
        event,
        "notifications",
        of_subscription=of_subscription,
        document_id="doc_1",
        document_kind=kind.value,
        document_number=number,
        amount_paise=117882,
    )


async def _drawn(
    database: Database, store: LocalStore, kind: DocumentKind, size_bytes: int = len(PDF)
) -> None:
    """A document that is issued, drawn and stored; after its original, where it has one."""
    await store.put(KEY, PDF, "application/pdf")
    issued: dict[str, Any] = {"id": "doc_1", "subscription_id": None, "payment_id": None, "cycle": None}
    drawn = rows.invoice(**issued, kind=kind.value, number=READY[kind][1])
    if kind in (DocumentKind.CREDIT_NOTE, DocumentKind.REFUND_VOUCHER):
        await rows.add(database, rows.invoice(**issued | {"id": "doc_0"}))
        drawn.original_id = "doc_0"
    await rows.add(database, drawn, _rendition(KEY, size_bytes=size_bytes))


def _rendition(key: str, *, registered: bool = False, size_bytes: int = len(PDF)) -> models.Rendition:
    return models.Rendition(
        id=rendition_id("doc_1", registered=registered),
        document_id="doc_1",
        registered=registered,
        object_key=key,
        sha256="abc",
        size_bytes=size_bytes,
        rendered_at=utc_now(),
    )


async def test_the_mail_about_a_document_that_is_registered_now_brings_the_one_with_the_irn(
    database: Database, records: Records, relay_with: Make, store: LocalStore
) -> None:
    await _drawn(database, store, DocumentKind.TAX_INVOICE)
    with_irn = b"%PDF-1.7\nregistered\n%%EOF\n"
    await store.put("invoices/2026-27/irn.pdf", with_irn, "application/pdf")
    await rows.add(database, _rendition("invoices/2026-27/irn.pdf", registered=True))
    async with mail_server() as box:
        await _announce(records, DocumentKind.TAX_INVOICE)
        await relay_with(by_mail(box)).drain_once()
    [mail] = [message_from_bytes(raw, policy=default) for raw in box.mails]
    [attached] = list(mail.iter_attachments())
    assert attached.get_content() == with_irn


async def test_what_was_never_paid_for_ends_without_a_word_and_what_was_does_not(
    records: Records, relay_with: Make
) -> None:
    """A Free plan gives way to a paid one by being cancelled; nobody wants a letter about that."""
    await records.event(EventType.SUBSCRIPTION_CANCELLED, "notifications", key="free", period_end=None)
    ends = "2026-03-09T18:30:00+00:00"
    await records.event(
        EventType.SUBSCRIPTION_CANCELLED, "notifications", key="paid", period_end=ends, access_until=ends
    )
    await relay_with(LogNotifier()).drain_once()
    row = await only(records)
    assert (row.cause, row.kind, row.status, row.channel) == ("paid", "cancelled", "sent", "log")


async def test_other_events_tell_nobody(records: Records, relay_with: Make) -> None:
    await records.event(EventType.PAYMENT_CAPTURED, "notifications", amount_paise=1)
    await records.event(EventType.PAYMENT_FAILED, "notifications", reason="upi_dummy_payment")
    await relay_with(LogNotifier()).drain_once()
    assert await records.notifications() == []


async def test_a_sum_that_is_due_is_asked_for_and_each_reminder_is_a_mail_of_its_own(
    records: Records, relay_with: Make
) -> None:
    due: dict[str, Any] = {
        "subscription_id": "bs_cus_1",
        "status": "ACTIVE",
        "collection": "engine",
        "amount_paise": 117882,
        "due_at": "2026-03-09T18:30:00+00:00",
        "open_until": "2026-03-13T12:00:00+00:00",
        "checkout_url": "https://billing.kaveri.example/pay/bs_cus_1",
    }
    async with mail_server() as box:
        for reminder in (0, 1):
            await records.event(
                EventType.PAYMENT_DUE, "notifications", key=f"due/{reminder}", **due, reminder=reminder
            )
        await relay_with(by_mail(box)).drain_once()
    assert sorted(row.kind for row in await records.notifications()) == ["payment_due"] * 2
    subjects = sorted(str(message_from_bytes(raw, policy=default)["Subject"]) for raw in box.mails)
    assert subjects == ["Reminder: ₹1,178.82 for your Basic plan", "₹1,178.82 for your Basic plan"]


async def test_a_failure_on_our_own_ladder_is_told_in_its_own_words(
    records: Records, relay_with: Make
) -> None:
    async with mail_server() as box:
        await records.event(EventType.PAYMENT_FAILED, "notifications", **FAILED | {"collection": "engine"})
        await relay_with(by_mail(box)).drain_once()
    body = message_from_bytes(box.mails[0], policy=default).get_body(("plain",))
    assert body is not None
    assert "your bank tells you a day before" in body.get_content().replace("\n", " ")
    assert "of 4" not in body.get_content()
