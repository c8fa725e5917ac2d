"""Telling customers: once per cause, whatever breaks, over real sockets and a real database."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, update

from db import models
from db.session import Database
from domain.events import EventType
from domain.subscription import Status
from gateways.notification_webhook import WebhookNotifier
from gateways.notifications import LogNotifier, Message, Notifier
from gateways.smtp import SmtpNotifier, SmtpSettings
from gateways.storage import LocalStore
from relay.notifications import NotificationsSink
from relay.outbox import OutboxRelay
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


async def test_a_receipt_leads_to_the_stored_invoice(
    database: Database, records: Records, relay_with: Make, store: LocalStore
) -> None:
    key = "invoices/2026-27/abc.pdf"
    await store.put(key, b"%PDF", "application/pdf")
    await _stored_invoice(database, records, key)
    async with mail_server() as box:
        await records.event(
            EventType.INVOICE_DOCUMENT_READY,
            "notifications",
            document_id="inv_1",
            document_number="BH26-27/000042",
            amount_paise=117882,
        )
        await relay_with(by_mail(box)).drain_once()
    [mail] = [message_from_bytes(raw, policy=default) for raw in box.mails]
    text = mail.get_body(("plain",))
    assert text is not None
    content = text.get_content().replace("=\n", "")
    assert "BH26-27/000042" in content
    assert f"https://billing.kaveri.example/files/{key}?expires=" in content


async def _stored_invoice(database: Database, records: Records, key: str) -> None:
    await records.payment("bs_cus_1", "pay_1")
    now = utc_now()
    async with database.transaction() as session:
        session.add(
            models.Document(
                id="inv_1",
                kind="tax_invoice",
                number="BH26-27/000042",
                seller_gstin="29AAACB1234F1Z5",
                financial_year="2026-27",
                customer_id="cus_1",
                subscription_id="bs_cus_1",
                payment_id="pmt_pay_1",
                cycle=0,
                period_start=now,
                period_end=now + timedelta(days=30),
                issued_on=now.date(),
                issued_at=now,
                place_of_supply="29",
                currency="INR",
                taxable_paise=99900,
                cgst_paise=8991,
                sgst_paise=8991,
                utgst_paise=0,
                igst_paise=0,
                round_off_paise=0,
                total_paise=117882,
                document={},
            )
        )
        await session.flush()
        session.add(
            models.Rendition(
                document_id="inv_1", object_key=key, sha256="abc", size_bytes=4, rendered_at=now
            )
        )


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
