"""Tables. Money is BIGINT paise, moments are timestamptz, kinds are text with a CHECK.

Issued invoices, ledger postings and outbox events are append-only: the database refuses changes
(see the migrations). A ledger transaction that does not balance cannot be committed.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from domain.periods import Interval
from domain.subscription import LIVE, Status

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def _one_of(column: str, values: list[str]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


class Base(DeclarativeBase):
    """Common naming and types."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        str: Text,
        datetime: DateTime(timezone=True),
        date: Date,
        bytes: LargeBinary,
        dict[str, Any]: JSONB,
        list[str]: ARRAY(Text),
        list[int]: ARRAY(Integer),
    }


class Customer(Base):
    """Who pays. `user_id` is the application's own name for them (the JWT's `sub`)."""

    __tablename__ = "customers"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(server_default="")
    email: Mapped[str] = mapped_column(server_default="")
    phone: Mapped[str] = mapped_column(server_default="")
    country: Mapped[str] = mapped_column(server_default="IN")
    state_code: Mapped[str | None]
    state_origin: Mapped[str | None]
    """How the State was learned: `declared` or `gstin` (gst.md 2.3)."""
    address_lines: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    city: Mapped[str] = mapped_column(server_default="")
    pin: Mapped[str] = mapped_column(server_default="")
    gstin: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Plan(Base):
    """A row of the catalogue."""

    __tablename__ = "plans"
    __table_args__ = (Index("uq_plans_fallback", "fallback", unique=True, postgresql_where=text("fallback")),)

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    code: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    features: Mapped[dict[str, Any]]
    highlights: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    monthly_budget_usd_cents: Mapped[int | None] = mapped_column(BigInteger)
    rank: Mapped[int]
    fallback: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    """The one plan of everybody who has no access to another."""
    offered: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))


class Price(Base):
    """One version of a plan's price; versions are never edited."""

    __tablename__ = "prices"
    __table_args__ = (
        UniqueConstraint("plan_id", "interval", "version"),
        Index(
            "uq_prices_current",
            "plan_id",
            "interval",
            unique=True,
            postgresql_where=text("superseded_at IS NULL"),
        ),
        CheckConstraint(_one_of("interval", [item.value for item in Interval]), name="interval"),
        CheckConstraint("amount_paise >= 0", name="amount"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    plan_id: Mapped[str] = mapped_column(ForeignKey("plans.id"))
    interval: Mapped[str]
    version: Mapped[int]
    amount_paise: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(server_default="INR")
    tax_inclusive: Mapped[bool] = mapped_column(Boolean)
    sac: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    superseded_at: Mapped[datetime | None]


class GatewayPlan(Base):
    """The gateway's immutable plan for one price and one total (tax included)."""

    __tablename__ = "gateway_plans"

    gateway: Mapped[str] = mapped_column(primary_key=True)
    price_id: Mapped[str] = mapped_column(ForeignKey("prices.id"), primary_key=True)
    amount_paise: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    gateway_plan_id: Mapped[str]


class Subscription(Base):
    """A subscription as last recorded by its workflow. `version` guards against a stale writer."""

    __tablename__ = "subscriptions"
    __table_args__ = (
        CheckConstraint(_one_of("status", [item.value for item in Status]), name="status"),
        CheckConstraint("charge_paise >= 0", name="charge"),
        Index(
            "uq_subscriptions_one_live",
            "customer_id",
            "is_free",
            unique=True,
            postgresql_where=text(_one_of("status", sorted(item.value for item in LIVE))),
        ),
        Index("ix_subscriptions_customer_created", "customer_id", "created_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"))
    plan_id: Mapped[str] = mapped_column(ForeignKey("plans.id"))
    price_id: Mapped[str] = mapped_column(ForeignKey("prices.id"))
    gateway: Mapped[str]
    is_free: Mapped[bool] = mapped_column(Boolean)
    charge_paise: Mapped[int] = mapped_column(BigInteger)
    total_count: Mapped[int]
    status: Mapped[str]
    version: Mapped[int]
    gateway_subscription_id: Mapped[str | None] = mapped_column(unique=True)
    checkout_url: Mapped[str | None]
    checkout_expires_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    current_period_start: Mapped[datetime | None]
    current_period_end: Mapped[datetime | None]
    paid_cycle: Mapped[int | None]
    cancel_at_period_end: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    access_until: Mapped[datetime | None]
    uncollected: Mapped[list[int]] = mapped_column(server_default=text("'{}'"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class GatewayIntent(Base):
    """What we are about to ask a gateway to create, stored first. `sent` without an id: outcome unknown."""

    __tablename__ = "gateway_intents"
    __table_args__ = (
        CheckConstraint(_one_of("state", ["planned", "sent", "done"]), name="state"),
        Index("ix_gateway_intents_open", "created_at", postgresql_where=text("state <> 'done'")),
    )

    key: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    subscription_id: Mapped[str | None]
    state: Mapped[str]
    request: Mapped[dict[str, Any]]
    gateway_id: Mapped[str | None]
    sent_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Payment(Base):
    """One attempt to take money, as the gateway reported it. At most one captured per cycle."""

    __tablename__ = "payments"
    __table_args__ = (
        UniqueConstraint("gateway", "gateway_payment_id"),
        Index(
            "uq_payments_one_capture_per_cycle",
            "subscription_id",
            "cycle",
            unique=True,
            postgresql_where=text("status = 'captured'"),
        ),
        Index("ix_payments_quarantined", "recorded_at", postgresql_where=text("status = 'quarantined'")),
        CheckConstraint(_one_of("status", ["captured", "failed", "quarantined"]), name="status"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    subscription_id: Mapped[str] = mapped_column(ForeignKey("subscriptions.id"), index=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"))
    cycle: Mapped[int]
    gateway: Mapped[str]
    gateway_payment_id: Mapped[str]
    gateway_invoice_id: Mapped[str]
    status: Mapped[str]
    amount_paise: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    method: Mapped[str]
    fee_paise: Mapped[int | None] = mapped_column(BigInteger)
    reason: Mapped[str | None]
    """Why it failed or was set aside."""
    attempted_at: Mapped[datetime]
    recorded_at: Mapped[datetime]


class NumberSeries(Base):
    """Last number taken per GSTIN, kind of document and financial year; locked while issuing."""

    __tablename__ = "number_series"

    gstin: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    prefix: Mapped[str] = mapped_column(primary_key=True)
    financial_year: Mapped[str] = mapped_column(primary_key=True)
    last_number: Mapped[int]
    last_issued_on: Mapped[date]


class Invoice(Base):
    """An issued tax invoice; never changed. `document` is everything printed, as issued."""

    __tablename__ = "invoices"
    __table_args__ = (
        UniqueConstraint("seller_gstin", "number"),
        UniqueConstraint("subscription_id", "cycle"),
        CheckConstraint(
            "taxable_paise + cgst_paise + sgst_paise + utgst_paise + igst_paise + round_off_paise"
            " = total_paise",
            name="adds_up",
        ),
        CheckConstraint("cgst_paise = sgst_paise + utgst_paise", name="halves_equal"),
        CheckConstraint("length(number) <= 16", name="number_length"),
        Index("ix_invoices_customer_issued", "customer_id", "issued_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[str]
    seller_gstin: Mapped[str]
    financial_year: Mapped[str]
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"))
    subscription_id: Mapped[str] = mapped_column(ForeignKey("subscriptions.id"))
    payment_id: Mapped[str] = mapped_column(ForeignKey("payments.id"), unique=True)
    cycle: Mapped[int]
    period_start: Mapped[datetime]
    period_end: Mapped[datetime]
    issued_on: Mapped[date]
    issued_at: Mapped[datetime]
    place_of_supply: Mapped[str]
    currency: Mapped[str]
    taxable_paise: Mapped[int] = mapped_column(BigInteger)
    cgst_paise: Mapped[int] = mapped_column(BigInteger)
    sgst_paise: Mapped[int] = mapped_column(BigInteger)
    utgst_paise: Mapped[int] = mapped_column(BigInteger)
    igst_paise: Mapped[int] = mapped_column(BigInteger)
    round_off_paise: Mapped[int] = mapped_column(BigInteger)
    total_paise: Mapped[int] = mapped_column(BigInteger)
    document: Mapped[dict[str, Any]]


class InvoiceDocument(Base):
    """The rendered PDF of an invoice: where it lies and its SHA-256."""

    __tablename__ = "invoice_documents"

    invoice_id: Mapped[str] = mapped_column(ForeignKey("invoices.id"), primary_key=True)
    object_key: Mapped[str]
    sha256: Mapped[str]
    size_bytes: Mapped[int]
    rendered_at: Mapped[datetime]


class LedgerTransaction(Base):
    """One balanced happening in the books; `reference` makes it happen once."""

    __tablename__ = "ledger_transactions"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    reference: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"))
    occurred_at: Mapped[datetime]


class LedgerPosting(Base):
    """A debit (positive) or credit (negative) in paise."""

    __tablename__ = "ledger_postings"
    __table_args__ = (CheckConstraint("amount_paise <> 0", name="not_zero"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    transaction_id: Mapped[int] = mapped_column(ForeignKey("ledger_transactions.id"), index=True)
    account: Mapped[str]
    amount_paise: Mapped[int] = mapped_column(BigInteger)


class WebhookInbox(Base):
    """A gateway's call, stored before it is answered. Duplicates by event id or by body are kept apart."""

    __tablename__ = "webhook_inbox"
    __table_args__ = (
        UniqueConstraint("source", "event_id"),
        CheckConstraint(
            _one_of("status", ["received", "signalled", "known", "duplicate", "unhandled", "orphan", "late"]),
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
        CheckConstraint(_one_of("status", ["pending", "done", "failed"]), name="status"),
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
        CheckConstraint(_one_of("status", ["sending", "sent", "failed", "unknown"]), name="status"),
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
