"""An invoice as it lies in the books, in the terms that returns and e-invoices are made from."""

import re
from dataclasses import replace

from documents.invoice_pdf import as_document
from domain.document import TaxDocument
from domain.errors import InvalidInput
from domain.identifiers import IdKind, parse_gst_id
from domain.invoice import TaxInvoice
from domain.supply import BuyerKind

_PLACED = re.compile(
    r"(?:(?P<before>.+?), *)?(?P<city>[^,0-9]*[^,0-9 ]) "
    r"(?P<pin>[1-9][0-9]{2} ?[0-9]{3})(?:, *(?P<after>[^,]+))?"
)


def tax_document(invoice: TaxInvoice) -> TaxDocument:
    """The document, with town and PIN code taken out of the addresses where they stand there.

    Amounts are those issued; nothing is computed again. Raises InvalidInput for an invoice of several
    rates: its lines do not say which is theirs.
    """
    rates = {
        head: {tax.rate_bp for tax in invoice.amount.taxes if tax.head is head} for head in _heads(invoice)
    }
    if any(len(found) > 1 for found in rates.values()):
        raise InvalidInput(
            "lines", f"{invoice.number}: it has several rates, and no line says which is its own."
        )
    document = as_document(invoice)
    sold_from, seller_city, seller_pin = placed(invoice.seller.address_lines)
    sold_to, buyer_city, buyer_pin = placed(invoice.buyer.address_lines)
    return replace(
        document,
        seller=replace(document.seller, address_lines=sold_from, city=seller_city, pin=seller_pin),
        buyer=replace(
            document.buyer,
            kind=buyer_kind(invoice.buyer.gstin),
            address_lines=sold_to,
            city=buyer_city,
            pin=buyer_pin,
        ),
    )


def _heads(invoice: TaxInvoice) -> set[str]:
    return {tax.head for tax in invoice.amount.taxes}


def buyer_kind(gstin: str) -> BuyerKind:
    """What a buyer in India is by its GSTIN or UIN (gst.md 2.1). Checks refuse a bad one."""
    if not gstin:
        return BuyerKind.UNREGISTERED
    try:
        found = parse_gst_id(gstin)
    except InvalidInput:
        return BuyerKind.REGISTERED
    return BuyerKind.UIN if found.kind is IdKind.UIN else BuyerKind.REGISTERED


def placed(address_lines: tuple[str, ...]) -> tuple[tuple[str, ...], str, str]:
    """The remaining lines, town and PIN code of an address that ends in `Bengaluru 560025, Karnataka`.

    An address that does not is left as it is: nothing is guessed, and e-invoices ask for what is missing.
    """
    found = _PLACED.fullmatch(address_lines[-1].strip()) if address_lines else None
    if found is None:
        return address_lines, "", ""
    rest = (part for part in (found["before"], found["after"]) if part)
    return (*address_lines[:-1], *rest), found["city"].strip(), found["pin"].replace(" ", "")
