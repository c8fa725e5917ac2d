"""Collecting on our own clock: permissions to debit, pages to pay on; the wallet, filled and drawn on."""

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, one_of
from domain.mandate import MandateKind, MandateStatus
from domain.top_up import TopUpStatus


class Mandate(Base):
    """A payer's permission to debit, as last read from its gateway."""

    __tablename__ = "mandates"
    __table_args__ = (
        CheckConstraint(one_of("kind", [kind.value for kind in MandateKind]), name="kind"),
        CheckConstraint(one_of("status", [status.value for status in MandateStatus]), name="status"),
        CheckConstraint("max_amount_paise > 0", name="max_amount"),
        Index(
            "ix_mandates_swept",
            "updated_at",
            postgresql_where=text("in_use AND status IN ('active', 'paused')"),
        ),
        Index("ix_mandates_gateway", "gateway_mandate_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    """Ours, which the gateway knows it by."""
    subscription_id: Mapped[str] = mapped_column(ForeignKey("subscriptions.id"), index=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"))
    gateway: Mapped[str]
    gateway_mandate_id: Mapped[str | None]
    kind: Mapped[str]
    status: Mapped[str]
    max_amount_paise: Mapped[int] = mapped_column(BigInteger)
    valid_until: Mapped[datetime | None]
    pause_ends_at: Mapped[datetime | None]
    in_use: Mapped[bool] = mapped_column(Boolean)
    """The one that its subscription is collected by; false once another took its place, or it ended."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class PayPage(Base):
    """A gateway's page for one sum, by our order id; written before it is asked for.

    A subject (a checkout, a pay link, a top-up) has at most one page that can be paid at a time.
    """

    __tablename__ = "pay_pages"
    __table_args__ = (
        UniqueConstraint("subject", "attempt"),
        CheckConstraint(one_of("state", ["open", "pending", "completed", "over"]), name="state"),
        CheckConstraint("(subscription_id IS NULL) <> (top_up_id IS NULL)", name="owner"),
        Index("ix_pay_pages_gateway", "gateway_order_id"),
        Index("ix_pay_pages_mandate", "mandate_id"),
    )

    order_id: Mapped[str] = mapped_column(primary_key=True)
    gateway: Mapped[str]
    subject: Mapped[str]
    attempt: Mapped[int]
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"))
    subscription_id: Mapped[str | None] = mapped_column(ForeignKey("subscriptions.id"), index=True)
    top_up_id: Mapped[str | None] = mapped_column(index=True)
    mandate_id: Mapped[str | None]
    """The mandate that paying on it sets up."""
    amount_paise: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str]
    gateway_order_id: Mapped[str | None]
    url: Mapped[str | None]
    """None until known; a gateway tells it once."""
    expires_at: Mapped[datetime | None]
    opened_at: Mapped[datetime]


class WalletDraw(Base):
    """Usage paid from the wallet. `document_id` once the month's invoice has it."""

    __tablename__ = "wallet_draws"
    __table_args__ = (
        CheckConstraint("amount_paise > 0", name="amount"),
        Index("ix_wallet_draws_open", "customer_id", "month", postgresql_where=text("document_id IS NULL")),
        Index("ix_wallet_draws_document", "document_id", postgresql_where=text("document_id IS NOT NULL")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"))
    amount_paise: Mapped[int] = mapped_column(BigInteger)
    drawn_at: Mapped[datetime]
    month: Mapped[str]
    """In India, `2026-11`."""
    reference: Mapped[str]
    document_id: Mapped[str | None] = mapped_column(ForeignKey("documents.id"))


class TopUp(Base):
    """A customer's wish to put money into the wallet, and what became of it."""

    __tablename__ = "top_ups"
    __table_args__ = (
        CheckConstraint("amount_paise > 0", name="amount"),
        CheckConstraint(one_of("status", [status.value for status in TopUpStatus]), name="status"),
        CheckConstraint("(status = 'paid') = (voucher_id IS NOT NULL)", name="paid"),
        Index("ix_top_ups_customer", "customer_id", "created_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"))
    gateway: Mapped[str]
    amount_paise: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str]
    reason: Mapped[str | None]
    """Why it was cancelled."""
    payment_id: Mapped[str | None] = mapped_column(ForeignKey("payments.id"))
    voucher_id: Mapped[str | None] = mapped_column(ForeignKey("documents.id"))
    """The receipt voucher, once it is paid."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class AdvanceUse(Base):
    """That an invoice uses up part of a receipt voucher; what exactly is in the invoice's `document`."""

    __tablename__ = "advance_uses"
    __table_args__ = (CheckConstraint("amount_paise > 0", name="amount"),)

    voucher_id: Mapped[str] = mapped_column(ForeignKey("documents.id"), primary_key=True)
    invoice_id: Mapped[str] = mapped_column(ForeignKey("documents.id"), primary_key=True)
    amount_paise: Mapped[int] = mapped_column(BigInteger)
