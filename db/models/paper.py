"""Documents under the GST law: their numbers, what they say, their PDFs, their registration."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, one_of
from domain.document import DocumentKind

_SALE = text("kind IN ('tax_invoice', 'bill_of_supply')")


class NumberSeries(Base):
    """Last number taken per GSTIN, kind of document and financial year; locked while issuing."""

    __tablename__ = "number_series"

    gstin: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    prefix: Mapped[str] = mapped_column(primary_key=True)
    financial_year: Mapped[str] = mapped_column(primary_key=True)
    last_number: Mapped[int]
    last_issued_on: Mapped[date]


class Document(Base):
    """An issued document of any kind; never changed. `document` is everything printed, as issued."""

    __tablename__ = "documents"
    __table_args__ = (
        UniqueConstraint("seller_gstin", "number"),
        Index("uq_documents_one_per_cycle", "subscription_id", "cycle", unique=True, postgresql_where=_SALE),
        Index("uq_documents_one_per_payment", "payment_id", unique=True, postgresql_where=_SALE),
        CheckConstraint(one_of("kind", [kind.value for kind in DocumentKind]), name="kind"),
        CheckConstraint(
            "taxable_paise + cgst_paise + sgst_paise + utgst_paise + igst_paise + round_off_paise"
            " = total_paise",
            name="adds_up",
        ),
        CheckConstraint("cgst_paise = sgst_paise + utgst_paise", name="halves_equal"),
        CheckConstraint("length(number) <= 16", name="number_length"),
        CheckConstraint(
            "(original_id IS NOT NULL) = (kind IN ('credit_note', 'refund_voucher'))", name="original"
        ),
        Index("ix_documents_customer_issued", "customer_id", "issued_at"),
        Index("ix_documents_filed", "seller_gstin", "issued_on"),
        Index("ix_documents_original", "original_id", postgresql_where=text("original_id IS NOT NULL")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    number: Mapped[str]
    seller_gstin: Mapped[str]
    financial_year: Mapped[str]
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"))
    subscription_id: Mapped[str | None] = mapped_column(ForeignKey("subscriptions.id"))
    payment_id: Mapped[str | None] = mapped_column(ForeignKey("payments.id"))
    original_id: Mapped[str | None] = mapped_column(ForeignKey("documents.id"))
    """The invoice that a credit note is against, the receipt voucher of a refund voucher."""
    cycle: Mapped[int | None]
    period_start: Mapped[datetime | None]
    period_end: Mapped[datetime | None]
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
    gst_adjusting: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))
    """False for a credit note past the time limit of s.34(2)."""
    document: Mapped[dict[str, Any]]


class Rendition(Base):
    """A PDF of a document: where it lies and its SHA-256; `db.renditions` knows which is in use."""

    __tablename__ = "renditions"
    __table_args__ = (UniqueConstraint("document_id", "registered"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    document_id: Mapped[str] = mapped_column(ForeignKey("documents.id"))
    registered: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    """It bears the IRN, and replaces the one that does not."""
    object_key: Mapped[str]
    sha256: Mapped[str]
    size_bytes: Mapped[int]
    rendered_at: Mapped[datetime]


class IrpRegistration(Base):
    """How far a document has got at the invoice registration portal (gst.md 6.4)."""

    __tablename__ = "irp_registrations"
    __table_args__ = (
        CheckConstraint(one_of("status", ["due", "registered", "refused", "cancelled"]), name="status"),
        Index("ix_irp_registrations_open", "status", postgresql_where=text("status IN ('due', 'refused')")),
    )

    document_id: Mapped[str] = mapped_column(ForeignKey("documents.id"), primary_key=True)
    status: Mapped[str]
    irn: Mapped[str | None]
    acknowledgement_number: Mapped[str | None]
    acknowledged_at: Mapped[str | None]
    """`yyyy-mm-dd hh:mm:ss`, Indian time, as answered."""
    signed_qr: Mapped[str | None]
    signed_invoice: Mapped[str | None]
    refusal: Mapped[str | None]
    """Why the portal will not have it, in its words."""
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    registered_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    cancel_reason: Mapped[str | None]
    updated_at: Mapped[datetime]
