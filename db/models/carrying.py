"""What comes in and goes out: webhooks, events, messages, repeated requests."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, one_of


class WebhookInbox(Base):
    """A gateway's call, stored before it is answered. Duplicates by event id or by body are kept apart."""

    __tablename__ = "webhook_inbox"
    __table_args__ = (
        UniqueConstraint("source", "event_id"),
        CheckConstraint(
            one_of("status", ["received", "signalled", "known", "duplicate", "unhandled", "orphan", "late"]),
            name="status",
        ),
        Index("ix_webhook_inbox_due", "id", postgresql_where=text("status = 'received'")),
        Index(
            "ix_webhook_inbox_turn",
            "gateway_subscription_id",
            "id",
            postgresql_where=text("status = 'received'"),
        ),
        Index("ix_webhook_inbox_body", "source", "body_sha256"),
        Index("ix_webhook_inbox_subscription", "subscription_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    source: Mapped[str]
    event_id: Mapped[str]
    event_type: Mapped[str]
    body: Mapped[bytes]
    body_sha256: Mapped[str]
    gateway_subscription_id: Mapped[str | None]
    gateway_payment_id: Mapped[str | None]
    gateway_invoice_id: Mapped[str | None]
    gateway_refund_id: Mapped[str | None]
    subscription_id: Mapped[str | None]
    status: Mapped[str] = mapped_column(server_default="received")
    """received → signalled | known (already in our books) | duplicate | unhandled | orphan | late (ended)."""
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    last_error: Mapped[str | None]
    next_attempt_at: Mapped[datetime] = mapped_column(server_default=func.now())
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
    processed_at: Mapped[datetime | None]


class OutboxEvent(Base):
    """A fact, announced. Written in the transaction that makes it true.

    `id` is in order per customer. Over all customers the order is (`txid`, `id`): see db/outbox.py.
    """

    __tablename__ = "outbox_events"
    __table_args__ = (
        Index("ix_outbox_events_subscription", "subscription_id", "id"),
        Index("ix_outbox_events_customer", "customer_id", "id"),
        Index("ix_outbox_events_position", "txid", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    """Business key: the same fact is announced once."""
    type: Mapped[str]
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"))
    subscription_id: Mapped[str | None]
    occurred_at: Mapped[datetime]
    data: Mapped[dict[str, Any]]
    txid: Mapped[int] = mapped_column(BigInteger, server_default=text("(pg_current_xact_id()::text)::bigint"))
    """The writing transaction: lets a reader know which events cannot be overtaken any more."""
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.now())
    """By the database's clock."""


class OutboxDelivery(Base):
    """Progress of one event towards one sink (`kafka`, `webhook`, `documents`, `notifications`)."""

    __tablename__ = "outbox_deliveries"
    __table_args__ = (
        CheckConstraint(one_of("status", ["pending", "done", "failed"]), name="status"),
        Index("ix_outbox_deliveries_due", "sink", "event_id", postgresql_where=text("status = 'pending'")),
        Index("ix_outbox_deliveries_failed", "sink", "event_id", postgresql_where=text("status = 'failed'")),
        Index(
            "ix_outbox_deliveries_turn",
            "sink",
            "customer_id",
            "event_id",
            postgresql_where=text("status = 'pending'"),
        ),
    )

    event_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("outbox_events.id"), primary_key=True)
    sink: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="pending")
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    next_attempt_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_error: Mapped[str | None]
    done_at: Mapped[datetime | None]


class Notification(Base):
    """One message to a customer for one cause; `cause` and `kind` make it unique."""

    __tablename__ = "notifications"
    __table_args__ = (
        UniqueConstraint("cause", "kind"),
        CheckConstraint(one_of("status", ["sending", "sent", "failed", "unknown"]), name="status"),
        Index("ix_notifications_subscription", "subscription_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    cause: Mapped[str]
    kind: Mapped[str]
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"))
    subscription_id: Mapped[str | None]
    channel: Mapped[str]
    status: Mapped[str]
    last_error: Mapped[str | None]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]


class IdempotencyKey(Base):
    """A creating POST and the answer it got, per caller and route; kept at least a day."""

    __tablename__ = "idempotency_keys"

    owner: Mapped[str] = mapped_column(primary_key=True)
    route: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_sha256: Mapped[str]
    resource_id: Mapped[str]
    locked_until: Mapped[datetime | None]
    response_status: Mapped[int | None]
    response_body: Mapped[bytes | None]
    created_at: Mapped[datetime]
