"""e-invoices: which documents the law wants registered, and by when (rule 48(4), gst.md 1.5, 1.10, 6.3)."""

from datetime import date, datetime, time, timedelta
from enum import Enum, StrEnum

from domain.document import DocumentKind, TaxDocument
from domain.periods import IST
from domain.supply import EXPORTS, BuyerKind, SupplyNature

DAYS_TO_REGISTER = 30
"""Counted with the document's own day: an invoice of 1 April is refused after 30 April (gst.md 1.5)."""
TIME_TO_CANCEL = timedelta(hours=24)
"""From the acknowledgement (gst.md 6.3)."""
LONGEST_REMARK = 100
_IDENTIFIED = {BuyerKind.REGISTERED, BuyerKind.SEZ}


class EInvoiceStatus(StrEnum):
    """Where a document stands with the portal; the values are stored."""

    DUE = "due"
    REGISTERED = "registered"
    REFUSED = "refused"
    CANCELLED = "cancelled"


class CancelReason(Enum):
    """The portal's codes (gst.md 6.3)."""

    DUPLICATE = "1"
    DATA_ENTRY_MISTAKE = "2"
    ORDER_CANCELLED = "3"
    OTHER = "4"


def needs_registration(document: TaxDocument) -> bool:
    """Whether an e-invoice is due from a seller above the limit: B2B, SEZ, export and their notes.

    gst.md 1.10. A UIN holder is not a registered person (2.1 row 7), nor is a buyer abroad. Whether the
    seller is above the limit is the caller's to know.
    """
    return (
        document.kind in (DocumentKind.TAX_INVOICE, DocumentKind.CREDIT_NOTE)
        and document.gst_adjusting
        and document.supply.nature is not SupplyNature.NOT_TAXED
        and (document.buyer.kind in _IDENTIFIED or document.supply.nature in EXPORTS)
    )


def registered_until(issued_on: date) -> datetime:
    """The first moment at which the portal refuses a document as too old."""
    return datetime.combine(issued_on + timedelta(days=DAYS_TO_REGISTER), time(), IST)


def cancellable_until(acknowledged_at: str) -> datetime:
    """The end of the 24 hours; `acknowledged_at` as the portal answered it, Indian time.

    Raises ValueError for a text that is no time.
    """
    return datetime.fromisoformat(acknowledged_at).replace(tzinfo=IST) + TIME_TO_CANCEL
