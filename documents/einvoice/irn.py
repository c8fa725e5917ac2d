"""The invoice reference number that the portal will give (gst.md 6.4)."""

from datetime import date
from hashlib import sha256

from domain.document import DocumentKind, TaxDocument
from domain.errors import InvalidInput
from domain.periods import financial_year

_UPPER_CASE_SINCE = date(2025, 6, 1)
_TYPES = {DocumentKind.TAX_INVOICE: "INV", DocumentKind.CREDIT_NOTE: "CRN"}


def document_type(document: TaxDocument) -> str:
    """`INV` or `CRN`. Raises InvalidInput for a kind that is not registered (gst.md 6.2)."""
    if document.kind not in _TYPES:
        kind = document.kind.replace("_", " ")
        raise InvalidInput(
            "kind", f"{document.number}: a {kind} has no e-invoice; only invoices and notes do."
        )
    return _TYPES[document.kind]


def irn(supplier_gstin: str, type_: str, number: str, issued_on: date) -> str:
    """Hash of supplier, financial year, type (INV, CRN, DBN) and number, as 64 hex digits (gst.md 6.4).

    The portal upper-cases numbers since 1 June 2025.
    """
    counted = number.upper() if issued_on >= _UPPER_CASE_SINCE else number
    return sha256(f"{supplier_gstin}{financial_year(issued_on)}{type_}{counted}".encode()).hexdigest()


def expected_irn(document: TaxDocument) -> str:
    """What the portal's answer is checked against, and a key for asking twice (gst.md 6.4).

    It is no registration: print only what came back. Raises InvalidInput for a kind without e-invoice.
    """
    return irn(document.seller.gstin, document_type(document), document.number, document.issued_on)
