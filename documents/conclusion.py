"""What stands below the lines of a document: taxes, total, statements, and how to pay or verify it."""

from collections.abc import Sequence

from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.platypus import Flowable, Spacer, Table

from documents import wording
from documents.fonts import BOLD
from documents.layout import (
    ACCENT,
    ALL,
    BODY,
    FLUSH,
    GAP,
    INK,
    INSET,
    NOTICE,
    RULED,
    SIDE,
    STRONG,
    TINT,
    WIDTH,
    columns,
    label,
    words,
)
from documents.qr_code import QrCode, upi_link
from documents.wording import day_name, figures, percent
from domain.document import TaxDocument
from domain.gst import TaxHead, TaxLine
from domain.money import rupees
from domain.supply import SupplyNature

_UPI_QR = 26 * mm
_TOTAL_SIZES = (13, 10.5, 9)
_ZERO_RATED = (SupplyNature.SEZ_WITHOUT_TAX, SupplyNature.EXPORT_WITHOUT_TAX)
_LEFT = WIDTH - SIDE - GAP


def summary(document: TaxDocument) -> list[Flowable]:
    """Taxes, total, and what must be said of them."""
    taxes = _taxes(document)
    said: list[Flowable] = [_tax_table(document, taxes), Spacer(0, 4 * mm)] if taxes else []
    said += [
        label("Amount in words"),
        words(wording.amount_in_words(document.amount.total_paise), STRONG),
        Spacer(0, 1.5 * mm),
        words(f"Reverse charge: {'Yes' if document.reverse_charge else 'No'}", BODY),
        *_foreign_value(document),
    ]
    return [
        columns([said, "", _totals(document, taxes)], [_LEFT, GAP, SIDE]),
        *_advances(document),
        *_endorsements(document),
    ]


def _taxes(document: TaxDocument) -> Sequence[TaxLine]:
    """Those stored; a zero-rated supply shows that its tax is nil."""
    amount = document.amount
    if amount.taxes or document.supply.nature not in _ZERO_RATED:
        return amount.taxes
    return [TaxLine(TaxHead.IGST, 0, amount.taxable_paise, 0)]


def _tax_table(document: TaxDocument, taxes: Sequence[TaxLine]) -> Table:
    head = ["SAC", "Tax", "Rate", "Taxable value (₹)", "Tax (₹)"]
    rows: list[list[object]] = [
        [
            words(", ".join(_codes(document, line)), BODY),
            line.head.value,
            percent(line.rate_bp),
            figures(line.taxable_paise),
            figures(line.tax_paise),
        ]
        for line in taxes
    ]
    table = Table([head, *rows], colWidths=[_LEFT * share / 100 for share in (17, 14, 13, 31, 25)])
    table.setStyle([*RULED, ("ALIGN", (2, 0), (-1, -1), "RIGHT")])
    return table


def _codes(document: TaxDocument, tax: TaxLine) -> list[str]:
    """Service codes taxed at this rate, in order of appearance; half of it each for Centre and State."""
    halved = tax.head is not TaxHead.IGST
    rated = [
        line for line in document.lines if (line.rate_bp // 2 if halved else line.rate_bp) == tax.rate_bp
    ]
    return list(dict.fromkeys(line.sac for line in rated or document.lines))


def _totals(document: TaxDocument, taxes: Sequence[TaxLine]) -> Table:
    amount = document.amount
    rows = [[wording.value_label(document), rupees(amount.taxable_paise)]]
    rows += [[f"{line.head} {percent(line.rate_bp)}", rupees(line.tax_paise)] for line in taxes]
    if amount.round_off_paise:
        sign = "+" if amount.round_off_paise > 0 else ""
        rows.append(["Round-off", f"{sign}{figures(amount.round_off_paise)}"])
    total = wording.TERMS[document.kind].total
    rows.append([total, rupees(amount.total_paise)])
    size = next((size for size in _TOTAL_SIZES if _breadth(rows[-1], size) < SIDE - 9 * mm), _TOTAL_SIZES[-1])
    table = Table(rows, colWidths=[SIDE * 0.48, SIDE * 0.52])
    table.setStyle(
        [
            *FLUSH,
            ("ALIGN", (1, 0), (1, -1), "RIGHT"),
            ("LEFTPADDING", *ALL, INSET),
            ("RIGHTPADDING", *ALL, 2 * mm),
            ("TOPPADDING", *ALL, 1 * mm),
            ("BOTTOMPADDING", *ALL, 1 * mm),
            ("BOTTOMPADDING", (0, -2), (-1, -2), 2.4 * mm),
            ("BACKGROUND", (0, -1), (-1, -1), ACCENT),
            ("TEXTCOLOR", (0, -1), (-1, -1), TINT),
            ("FONT", (0, -1), (-1, -1), BOLD, size, 16),
            ("TOPPADDING", (0, -1), (-1, -1), 1.4 * mm),
            ("BOTTOMPADDING", (0, -1), (-1, -1), 2.2 * mm),
        ]
    )
    return table


def _advances(document: TaxDocument) -> list[Flowable]:
    """Which advances pay it, with the tax that was declared on them (gst.md 1.4)."""
    if not document.adjusts:
        return []
    head = ["Paid from receipt voucher", "Dated", "Tax in it (₹)", "Advance used (₹)"]
    rows = [
        [
            use.voucher.number,
            day_name(use.voucher.issued_on),
            figures(use.amount.tax_paise),
            figures(use.amount.total_paise),
        ]
        for use in document.adjusts
    ]
    due = ["Amount due", "", "", figures(document.due_paise)]
    table = Table([head, *rows, due], colWidths=[WIDTH * share / 100 for share in (40, 20, 20, 20)])
    table.setStyle([*RULED, ("ALIGN", (2, 0), (-1, -1), "RIGHT"), ("FONTNAME", (0, -1), (-1, -1), BOLD)])
    return [Spacer(0, 6 * mm), table]


def _breadth(texts: Sequence[str], size: float) -> float:
    """Points that the texts take side by side."""
    width: float = sum(stringWidth(text, BOLD, size) for text in texts)
    return width


def _foreign_value(document: TaxDocument) -> list[Flowable]:
    value = document.foreign
    if not value:
        return []
    return [
        Spacer(0, 2.5 * mm),
        label("Value in foreign currency"),
        words(wording.foreign_amount(value), STRONG),
        words(f"₹{value.rate} per {value.currency}, {value.source}, {day_name(value.on)}", BODY),
    ]


def _endorsements(document: TaxDocument) -> list[Flowable]:
    said = wording.endorsements(document)
    return [Spacer(0, 5 * mm), *(words(line, NOTICE) for line in said)] if said else []


def ways_to_pay(document: TaxDocument, scannable: bool) -> list[Flowable]:
    """Bank and UPI for a document that asks for money; as a QR code if `scannable`."""
    if not wording.is_due(document):
        return []
    seller, transfer = document.seller, []
    if seller.bank:
        transfer = [
            label("Pay by bank transfer"),
            words(seller.bank.name, STRONG),
            words(f"Account number: {seller.bank.account_number}", BODY),
            words(f"IFSC: {seller.bank.ifsc}", BODY),
            words(f"Quote: {document.number}", BODY),
        ]
    from_abroad = document.foreign or document.buyer.country != "IN"  # UPI is for accounts in India
    if not seller.upi_id or from_abroad:
        return [Spacer(0, 6 * mm), *transfer] if transfer else []
    by_upi: list[Flowable] = [label("Pay by UPI"), words(seller.upi_id, BODY)]
    if not scannable:  # One QR code on a document: the signed one.
        return [Spacer(0, 6 * mm), columns([transfer, "", by_upi], [_LEFT, GAP + INSET, SIDE - INSET])]
    by_upi += [words(f"Scan with any UPI app to pay {rupees(document.due_paise)}", BODY)]
    code = QrCode(upi_link(document), _UPI_QR, ACCENT)
    box = Table([[by_upi, code]], colWidths=[SIDE - _UPI_QR - 3 * mm, _UPI_QR + 3 * mm])
    box.setStyle(
        [
            *FLUSH,
            ("VALIGN", *ALL, "MIDDLE"),
            ("TEXTCOLOR", *ALL, INK),
            ("LEFTPADDING", (0, 0), (0, 0), INSET),
            ("TOPPADDING", *ALL, 1.5 * mm),
            ("BOTTOMPADDING", *ALL, 1.5 * mm),
            ("BOX", *ALL, 0.9, ACCENT),
            ("ROUNDEDCORNERS", [6, 6, 6, 6]),
        ]
    )
    return [Spacer(0, 6 * mm), columns([transfer, "", box], [_LEFT, GAP, SIDE])]
