"""Issued documents as the answers show them: what was stored, nothing computed again."""

from typing import Any

from api import schemas
from db.api_reads import Issued
from db.issuing import DOCUMENTS
from domain.document import Buyer, DocumentKind, Seller, TaxDocument

SALES = (DocumentKind.TAX_INVOICE, DocumentKind.BILL_OF_SUPPLY)
"""What customers call invoices."""


def _facts(row: Issued) -> dict[str, Any]:
    item = row.document
    printed = item.document
    folder = "invoices" if item.kind in SALES else "documents"
    return {
        "id": item.id,
        "kind": DocumentKind(item.kind),
        "number": item.number,
        "issued_on": item.issued_on,
        "issued_at": item.issued_at,
        "subscription_id": item.subscription_id,
        "plan_name": row.plan_name,
        "period_first_day": printed["period_first_day"],
        "period_last_day": printed["period_last_day"],
        "place_of_supply": item.place_of_supply,
        "currency": item.currency,
        "taxable_paise": item.taxable_paise,
        "cgst_paise": item.cgst_paise,
        "sgst_paise": item.sgst_paise,
        "utgst_paise": item.utgst_paise,
        "igst_paise": item.igst_paise,
        "round_off_paise": item.round_off_paise,
        "total_paise": item.total_paise,
        "document_ready": row.rendition is not None,
        "download_url": f"/v1/{folder}/{item.id}/download",
    }


def document_out(row: Issued) -> schemas.DocumentOut:
    """A document of any kind in a list."""
    return schemas.DocumentOut(**_facts(row))


def document_detail(row: Issued) -> schemas.DocumentDetail:
    """A document of any kind with what is printed on it."""
    return schemas.DocumentDetail(**_facts(row), **_printed(row))


def invoice_out(row: Issued, credited_paise: int) -> schemas.InvoiceOut:
    """An invoice in a list."""
    return schemas.InvoiceOut(**_facts(row), credited_paise=credited_paise)


def invoice_detail(row: Issued, credited_paise: int) -> schemas.InvoiceDetail:
    """An invoice with what was printed when it was issued."""
    return schemas.InvoiceDetail(**_facts(row), **_printed(row), credited_paise=credited_paise)


def _printed(row: Issued) -> dict[str, Any]:
    document = DOCUMENTS.validate_python(row.document.document)
    return {
        "seller": _party(document.seller, document.seller.legal_name, "IN"),
        "buyer": _party(document.buyer, document.buyer.name, document.buyer.country),
        "lines": [
            schemas.DocumentLineOut(
                description=line.description,
                sac=line.sac,
                quantity=line.quantity,
                unit_paise=line.unit_paise,
                discount_paise=line.discount_paise,
                taxable_paise=line.taxable_paise,
                rate_bp=line.rate_bp,
            )
            for line in document.lines
        ],
        "payment_reference": document.payment_reference,
        "payment_method": document.payment_method,
        "paid_from": [
            schemas.AdvanceUsedOut(
                voucher_id=use.voucher_id,
                number=use.voucher.number,
                issued_on=use.voucher.issued_on,
                amount_paise=use.amount.total_paise,
            )
            for use in document.adjusts
        ],
        "original": _original(row, document),
        "reason": document.reason,
        "gst_adjusting": document.gst_adjusting,
    }


def _party(party: Seller | Buyer, name: str, country: str) -> schemas.PartyOut:
    return schemas.PartyOut(
        name=name,
        address_lines=list(party.address_lines),
        city=party.city,
        pin=party.pin,
        state_code=party.state_code,
        country=country,
        gstin=party.gstin,
    )


def _original(row: Issued, document: TaxDocument) -> schemas.OriginalOut | None:
    if document.original is None or row.document.original_id is None:
        return None
    return schemas.OriginalOut(
        id=row.document.original_id,
        number=document.original.number,
        issued_on=document.original.issued_on,
    )
