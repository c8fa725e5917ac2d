"""e-invoices: INV-01 out, the portal's signed answer in (gst.md 6.2 to 6.4)."""

from documents.einvoice.inv01 import bulk, request
from documents.einvoice.irn import expected_irn, irn
from documents.einvoice.reply import (
    BulkReply,
    NotGenuine,
    ReplyRefused,
    accept,
    accept_bulk,
    named_in,
    public_key,
    signed_invoices,
)
from domain.e_invoice import needs_registration

__all__ = [
    "BulkReply",
    "NotGenuine",
    "ReplyRefused",
    "accept",
    "accept_bulk",
    "bulk",
    "expected_irn",
    "irn",
    "named_in",
    "needs_registration",
    "public_key",
    "request",
    "signed_invoices",
]
