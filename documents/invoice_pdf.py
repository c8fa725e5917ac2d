"""The tax invoice as a PDF (rule 46; gst.md 1.2 and 1.7). Prints what was stored, computes nothing."""

from collections.abc import Sequence
from datetime import date

from num2words import num2words
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, KeepTogether, Paragraph, Spacer, Table

from documents.fonts import BOLD, register_fonts
from documents.layout import (
    ACCENT,
    ALL,
    BODY,
    COMPANY,
    COPY,
    FLUSH,
    RULED,
    STRONG,
    TINT,
    TITLE,
    WIDTH,
    columns,
    label,
    typeset,
    words,
)
from domain.gst import STATES, TaxLine
from domain.invoice import TaxInvoice
from domain.money import rupees

NOTE = "This is a computer-generated invoice and needs no signature."

_SIDE, _GAP, _INSET = 68 * mm, 8 * mm, 4 * mm
"""The right-hand column, what keeps it apart, and how far its text stands in."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_METHODS = {
    "upi": "UPI", "emandate": "eMandate", "nach": "NACH", "netbanking": "net banking", "emi": "EMI",
}  # fmt: skip


def render_invoice(invoice: TaxInvoice) -> bytes:
    """The PDF. The same invoice gives the same bytes, in any process, on any day."""
    register_fonts()
    story = [
        _letterhead(invoice),
        Spacer(0, 7 * mm),
        _key_facts(invoice),
        Spacer(0, 7 * mm),
        _parties(invoice),
        Spacer(0, 8 * mm),
        _lines(invoice),
        Spacer(0, 6 * mm),
        KeepTogether(_conclusion(invoice)),
    ]
    return typeset(
        title=f"Tax invoice {invoice.number}",
        running_head=f"TAX INVOICE {invoice.number} (continued)",
        foot=NOTE,
        day=invoice.issued_on,
        story=story,
    )


def _letterhead(invoice: TaxInvoice) -> Table:
    seller = invoice.seller
    facts = [*seller.address_lines, f"GSTIN: {seller.gstin}", f"State: {_state(seller.state_code)}"]
    if seller.cin:
        facts.append(f"CIN: {seller.cin}")
    if seller.email:
        facts.append(seller.email)
    issuer = [words(seller.legal_name, COMPANY), Spacer(0, 1.5 * mm), *_paragraphs(facts)]
    heading = [words("TAX INVOICE", TITLE), words("ORIGINAL FOR RECIPIENT", COPY)]
    return columns([issuer, heading], [WIDTH - _SIDE, _SIDE])


def _key_facts(invoice: TaxInvoice) -> Table:
    facts = [
        ("Invoice number", invoice.number),
        ("Invoice date", _day(invoice.issued_on)),
        ("Place of supply", _state(invoice.place_of_supply)),
        ("Period", f"{_day(invoice.period_first_day)} to {_day(invoice.period_last_day)}"),
    ]
    cells = [[label(name), words(value, STRONG)] for name, value in facts]
    table = Table([cells], colWidths=[37 * mm, 29 * mm, WIDTH - _SIDE - 66 * mm, _SIDE])
    table.setStyle(
        [
            *FLUSH,
            ("VALIGN", *ALL, "TOP"),
            ("BACKGROUND", *ALL, TINT),
            ("LINEBEFORE", (0, 0), (0, 0), 2, ACCENT, "butt"),
            ("LEFTPADDING", *ALL, _INSET),
            ("TOPPADDING", *ALL, 2.6 * mm),
            ("BOTTOMPADDING", *ALL, 3 * mm),
        ]
    )
    return table


def _parties(invoice: TaxInvoice) -> Table:
    buyer = invoice.buyer
    facts = [*buyer.address_lines, f"State: {_state(buyer.state_code)}"]
    facts.append(f"GSTIN: {buyer.gstin or 'Unregistered'}")
    billed_to = [label("Billed to"), words(buyer.name, STRONG), *_paragraphs(facts)]
    method = _METHODS.get(invoice.payment_method, invoice.payment_method.replace("_", " "))
    paid = [
        label("Payment received"),
        words(f"Paid on {_day(invoice.paid_on)}", STRONG),
        *_paragraphs([f"Method: {method}", f"Reference: {invoice.payment_reference}"]),
    ]
    return columns([billed_to, "", paid], [WIDTH - _SIDE - _GAP, _GAP + _INSET, _SIDE - _INSET])


def _lines(invoice: TaxInvoice) -> Table:
    head = ["#", "Description", "SAC", "Qty", "Rate (₹)", "Taxable value (₹)"]
    rows: list[list[object]] = [
        [
            str(number),
            words(line.description, BODY),
            line.sac,
            str(line.quantity),
            _figures(line.unit_paise),
            _figures(line.taxable_paise),
        ]
        for number, line in enumerate(invoice.lines, start=1)
    ]
    widths = [8 * mm, WIDTH - 100 * mm, 18 * mm, 12 * mm, 28 * mm, 34 * mm]
    table = Table([head, *rows], colWidths=widths, repeatRows=1, splitInRow=1)
    table.setStyle([*RULED, ("ALIGN", (3, 0), (-1, -1), "RIGHT")])
    return table


def _conclusion(invoice: TaxInvoice) -> list[Flowable]:
    left = WIDTH - _SIDE - _GAP
    charge = words(f"Reverse charge: {'Yes' if invoice.reverse_charge else 'No'}", BODY)
    taxes = [_tax_table(invoice.amount.taxes, left), Spacer(0, 2 * mm), charge]
    return [
        columns([taxes, "", _totals(invoice)], [left, _GAP, _SIDE]),
        Spacer(0, 7 * mm),
        label("Amount in words"),
        words(amount_in_words(invoice.amount.total_paise), STRONG),
    ]


def _tax_table(taxes: Sequence[TaxLine], width: float) -> Table:
    head = ["Tax", "Rate", "Taxable value (₹)", "Tax (₹)"]
    rows = [
        [line.head.value, percent(line.rate_bp), _figures(line.taxable_paise), _figures(line.tax_paise)]
        for line in taxes
    ]
    widths = [width * share for share in (0.2, 0.16, 0.36, 0.28)]
    table = Table([head, *rows], colWidths=widths)
    table.setStyle([*RULED, ("ALIGN", (1, 0), (-1, -1), "RIGHT")])
    return table


def _totals(invoice: TaxInvoice) -> Table:
    amount = invoice.amount
    rows = [["Taxable value", rupees(amount.taxable_paise)]]
    rows += [[f"{line.head} {percent(line.rate_bp)}", rupees(line.tax_paise)] for line in amount.taxes]
    if amount.round_off_paise:
        sign = "+" if amount.round_off_paise > 0 else ""
        rows.append(["Round-off", f"{sign}{_figures(amount.round_off_paise)}"])
    rows.append(["Total", rupees(amount.total_paise)])
    table = Table(rows, colWidths=[_SIDE * 0.45, _SIDE * 0.55])
    table.setStyle(
        [
            *FLUSH,
            ("ALIGN", (1, 0), (1, -1), "RIGHT"),
            ("LEFTPADDING", *ALL, _INSET),
            ("RIGHTPADDING", *ALL, 2 * mm),
            ("TOPPADDING", *ALL, 1 * mm),
            ("BOTTOMPADDING", *ALL, 1 * mm),
            ("BOTTOMPADDING", (0, -2), (-1, -2), 2.4 * mm),
            ("BACKGROUND", (0, -1), (-1, -1), ACCENT),
            ("TEXTCOLOR", (0, -1), (-1, -1), TINT),
            ("FONT", (0, -1), (-1, -1), BOLD, 13, 16),
            ("TOPPADDING", (0, -1), (-1, -1), 1.4 * mm),
            ("BOTTOMPADDING", (0, -1), (-1, -1), 2.2 * mm),
        ]
    )
    return table


def _paragraphs(lines: Sequence[str]) -> list[Paragraph]:
    return [words(line, BODY) for line in lines if line.strip()]


def _state(code: str) -> str:
    return f"{STATES[code]} ({code})"


def _day(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def _figures(amount_paise: int) -> str:
    return rupees(amount_paise).replace("₹", "")


def percent(rate_bp: int) -> str:
    """`1800` as `18%`, `250` as `2.5%`."""
    whole, rest = divmod(rate_bp, 100)
    return f"{whole}{f'.{rest:02d}'.rstrip('0') if rest else ''}%"


def amount_in_words(amount_paise: int) -> str:
    """Rupees and paise in Indian English, with lakh and crore."""
    spelled: str = num2words(amount_paise, lang="en_IN", to="currency", currency="INR")
    spelled = spelled.removesuffix(", zero paise")
    return f"{spelled[0].upper()}{spelled[1:]} only"
