"""Money taken and given back, and the double-entry ledger."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, one_of

PAYMENT_STATUSES = ["captured", "failed", "quarantined", "returned", "kept"]
"""What was quarantined ends as returned to the payer, or kept as the customer's advance."""


class GatewayIntent(Base):
    """What we are about to ask a gateway to create, stored first. `sent` without an id: outcome unknown."""

    __tablename__ = "gateway_intents"
    __table_args__ = (
        CheckConstraint(one_of("state", ["planned", "sent", "done"]), name="state"),
        Index("ix_gateway_intents_gateway", "gateway_id"),
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
        CheckConstraint(one_of("status", PAYMENT_STATUSES), name="status"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    subscription_id: Mapped[str | None] = mapped_column(ForeignKey("subscriptions.id"), index=True)
    """None for a top-up of the wallet."""
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"))
    cycle: Mapped[int | None]
    gateway: Mapped[str]
    gateway_payment_id: Mapped[str]
    gateway_invoice_id: Mapped[str]
    status: Mapped[str]
    amount_paise: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    method: Mapped[str]
    fee_paise: Mapped[int | None] = mapped_column(BigInteger)
    bank_reference: Mapped[str | None]
    """The bank's number for it (UTR), which payers ask for."""
    reason: Mapped[str | None]
    """Why it failed, was set aside, or what became of what was set aside."""
    attempted_at: Mapped[datetime]
    recorded_at: Mapped[datetime]


class Refund(Base):
    """Money on its way back through the gateway, from the wish to its end.

    Begun by an operator here (`bahi`), or in the gateway's dashboard and noticed by us.
    """

    __tablename__ = "refunds"
    __table_args__ = (
        UniqueConstraint("gateway", "gateway_refund_id"),
        CheckConstraint("amount_paise > 0", name="amount"),
        CheckConstraint(one_of("status", ["requested", "pending", "processed", "failed"]), name="status"),
        CheckConstraint(one_of("origin", ["bahi", "dashboard"]), name="origin"),
        CheckConstraint(one_of("speed", ["normal", "optimum"]), name="speed"),
        Index(
            "ix_refunds_under_way",
            "customer_id",
            postgresql_where=text("status IN ('requested', 'pending')"),
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    payment_id: Mapped[str] = mapped_column(ForeignKey("payments.id"), index=True)
    document_id: Mapped[str | None] = mapped_column(ForeignKey("documents.id"))
    """The invoice, or the receipt voucher; none for money that was set aside."""
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"))
    subscription_id: Mapped[str | None] = mapped_column(ForeignKey("subscriptions.id"), index=True)
    gateway: Mapped[str]
    gateway_refund_id: Mapped[str | None]
    amount_paise: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    speed: Mapped[str]
    speed_processed: Mapped[str | None]
    status: Mapped[str]
    origin: Mapped[str]
    reason: Mapped[str]
    actor: Mapped[str]
    failure: Mapped[str | None]
    note_id: Mapped[str | None] = mapped_column(ForeignKey("documents.id"))
    """The credit note or refund voucher issued for it."""
    requested_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]


class LedgerTransaction(Base):
    """One balanced happening in the books; `reference` makes it happen once."""

    __tablename__ = "ledger_transactions"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    reference: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"), index=True)
    document_id: Mapped[str | None] = mapped_column(ForeignKey("documents.id"), index=True)
    """The document it books, where there is one."""
    occurred_at: Mapped[datetime]


class LedgerPosting(Base):
    """A debit (positive) or credit (negative) in paise."""

    __tablename__ = "ledger_postings"
    __table_args__ = (
        CheckConstraint("amount_paise <> 0", name="not_zero"),
        Index(
            "ix_ledger_postings_wallet",
            "transaction_id",
            postgresql_include=["amount_paise"],
            postgresql_where=text("account = 'wallet'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    transaction_id: Mapped[int] = mapped_column(ForeignKey("ledger_transactions.id"), index=True)
    account: Mapped[str]
    amount_paise: Mapped[int] = mapped_column(BigInteger)
