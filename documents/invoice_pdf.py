"""The tax invoice of a paid subscription, drawn as every document is."""

from documents.tax_document_pdf import render
from domain import document as drawn
from domain.gst import TaxHead, share_among_lines
from domain.invoice import InvoiceLine, TaxInvoice
from domain.supply import BuyerKind, Supply, SupplyNature


def render_invoice(invoice: TaxInvoice) -> bytes:
    """The PDF. The same invoice gives the same bytes, in any process, on any day."""
    return render(as_document(invoice))


def as_document(invoice: TaxInvoice) -> drawn.TaxDocument:
    """The same invoice in the terms of all documents; its lines share one rate."""
    seller, buyer = invoice.seller, invoice.buyer
    local = seller.state_code == invoice.place_of_supply
    return drawn.TaxDocument(
        id=invoice.id,
        kind=drawn.DocumentKind.TAX_INVOICE,
        number=invoice.number,
        issued_on=invoice.issued_on,
        seller=drawn.Seller(
            seller.legal_name, seller.gstin, seller.address_lines, email=seller.email, cin=seller.cin
        ),
        buyer=drawn.Buyer(
            buyer.name,
            BuyerKind.REGISTERED if buyer.gstin else BuyerKind.UNREGISTERED,
            address_lines=buyer.address_lines,
            state_code=buyer.state_code,
            gstin=buyer.gstin,
        ),
        supply=Supply(
            invoice.place_of_supply, SupplyNature.INTRA_STATE if local else SupplyNature.INTER_STATE
        ),
        lines=_lines(invoice),
        amount=invoice.amount,
        period_first_day=invoice.period_first_day,
        period_last_day=invoice.period_last_day,
        payment_reference=invoice.payment_reference,
        payment_method=invoice.payment_method,
        paid_on=invoice.paid_on,
        supplied_on=invoice.paid_on,
        currency=invoice.currency,
        reverse_charge=invoice.reverse_charge,
    )


def _lines(invoice: TaxInvoice) -> tuple[drawn.Line, ...]:
    def shares(*heads: TaxHead) -> list[int]:
        tax = sum(invoice.amount.head_paise(head) for head in heads)
        weights = [line.taxable_paise for line in invoice.lines]
        return share_among_lines(tax, weights) if tax else [0] * len(weights)

    rate = _rate(invoice)
    taxes = zip(shares(TaxHead.CGST), shares(TaxHead.SGST, TaxHead.UTGST), shares(TaxHead.IGST), strict=True)
    return tuple(_line(line, rate, *each) for line, each in zip(invoice.lines, taxes, strict=True))


def _line(line: InvoiceLine, rate_bp: int, cgst: int, sgst: int, igst: int) -> drawn.Line:
    return drawn.Line(
        line.description, line.sac, line.quantity, line.unit_paise, line.taxable_paise, rate_bp,
        cgst_paise=cgst, sgst_paise=sgst, igst_paise=igst,
    )  # fmt: skip


def _rate(invoice: TaxInvoice) -> int:
    """IGST's rate, or the Centre's half and the State's together."""
    return sum(tax.rate_bp for tax in invoice.amount.taxes)
