"""Every document under the GST law as a PDF (gst.md 1.2 to 1.4, 1.7).

Prints what was stored, computes nothing.
"""

from collections.abc import Sequence

from reportlab.lib.colors import black
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, KeepTogether, Paragraph, Spacer, Table

from documents import wording
from documents.conclusion import summary, ways_to_pay
from documents.countries import country_name
from documents.fonts import register_fonts
from documents.layout import (
    ACCENT,
    ALL,
    BODY,
    COMPANY,
    COPY,
    FLUSH,
    GAP,
    INSET,
    NOTICE,
    RULED,
    SIDE,
    STRONG,
    TINT,
    TITLE,
    WIDTH,
    Rows,
    columns,
    label,
    typeset,
    words,
)
from documents.logo import Logo
from documents.qr_code import QrCode
from documents.wording import Copy, day_name, figures, percent, state_name
from domain.document import DocumentKind, Line, Registration, TaxDocument
from domain.money import rupees

ORIGINAL = Copy.ORIGINAL

_SIGNED_QR = 46 * mm
"""About 110 modules a side: below 30 mm telephones cannot read it (gst.md 6.4)."""


def render(
    document: TaxDocument,
    registration: Registration | None = None,
    *,
    copy: Copy = ORIGINAL,
    logo: bytes | None = None,
) -> bytes:
    """The PDF/A-3b. The same arguments give the same bytes, in any process, on any day.

    With a `registration` it is an e-invoice: the signed QR code, and no marking as a copy (rule 48(6)).
    Raises InvalidInput if `logo` is no PNG or JPEG of sane size.
    """
    register_fonts()
    terms = wording.TERMS[document.kind]
    lines, below = _lines(document), [Spacer(0, 6 * mm), *summary(document)]
    lines.followed_by = below
    story: list[Flowable] = [
        _letterhead(document, registration, copy, logo),
        *(_registered(registration) if registration else ()),
        *_notice(document),
        Spacer(0, 6 * mm),
        _key_facts(document),
        Spacer(0, 6 * mm),
        _parties(document),
        Spacer(0, 7 * mm),
        lines,
        KeepTogether(below),
        KeepTogether(ways_to_pay(document, scannable=registration is None)),
    ]
    return typeset(
        title=f"{terms.heading.capitalize()} {document.number}",
        running_head=f"{terms.heading} {document.number} (continued)",
        foot=terms.note,
        day=document.issued_on,
        story=story,
    )


def _letterhead(
    document: TaxDocument, registration: Registration | None, copy: Copy, logo: bytes | None
) -> Table:
    seller = document.seller
    name = [words(seller.legal_name, COMPANY), Spacer(0, 1.5 * mm)]
    picture = [Logo(logo), Spacer(0, 3 * mm)] if logo else []
    trading = seller.trade_name if seller.trade_name != seller.legal_name else ""
    facts = [
        trading and f"Trade name: {trading}",
        *seller.address_lines,
        f"{seller.city} {seller.pin}",
        f"GSTIN: {seller.gstin}",
        f"State: {state_name(seller.state_code)}",
        seller.cin and f"CIN: {seller.cin}",
        "  ·  ".join(filter(None, (seller.email, seller.phone))),
    ]
    heading = [words(wording.TERMS[document.kind].heading, TITLE)]
    if registration:
        code = QrCode(registration.signed_qr, _SIGNED_QR, black)
        heading += [Spacer(0, 2 * mm), columns(["", code], [SIDE - _SIGNED_QR, _SIGNED_QR])]
    elif document.kind is not DocumentKind.PROFORMA:
        heading.append(words(copy, COPY))
    return columns([[*picture, *name, *_paragraphs(facts)], heading], [WIDTH - SIDE, SIDE])


def _registered(registration: Registration) -> list[Flowable]:
    facts = {
        "Invoice reference number (IRN)": registration.irn,
        "Acknowledgement no": registration.acknowledgement_number,
        "Acknowledged": registration.acknowledged_at,
    }
    cells = [[label(name), words(value, NOTICE)] for name, value in facts.items()]
    return [Spacer(0, 4 * mm), columns(cells, [WIDTH - SIDE, 34 * mm, SIDE - 34 * mm])]


def _notice(document: TaxDocument) -> list[Flowable]:
    said = [wording.statement(document)]
    if document.kind is DocumentKind.BILL_OF_SUPPLY and document.seller.composition:
        said.append(wording.COMPOSITION)
    if document.kind is DocumentKind.CREDIT_NOTE and not document.gst_adjusting:
        said.append(wording.NOT_ADJUSTING)
    lines = [words(line, NOTICE) for line in said if line]
    return [Spacer(0, 4 * mm), *lines] if lines else []


def _key_facts(document: TaxDocument) -> Table:
    kind = wording.TERMS[document.kind].short
    facts = [
        (f"{kind} number", document.number),
        (f"{kind} date", day_name(document.issued_on)),
        ("Place of supply", wording.place_of_supply(document)),
        _period(document),
    ]
    cells = [[label(name), words(value, STRONG)] if name else "" for name, value in facts]
    table = Table([cells], colWidths=[40 * mm, 30 * mm, WIDTH - SIDE - 70 * mm, SIDE])
    table.setStyle(
        [
            *FLUSH,
            ("VALIGN", *ALL, "TOP"),
            ("BACKGROUND", *ALL, TINT),
            ("LINEBEFORE", (0, 0), (0, 0), 2, ACCENT, "butt"),
            ("LEFTPADDING", *ALL, INSET),
            ("TOPPADDING", *ALL, 2.6 * mm),
            ("BOTTOMPADDING", *ALL, 3 * mm),
        ]
    )
    return table


def _period(document: TaxDocument) -> tuple[str, str]:
    first, last = document.period_first_day, document.period_last_day
    if first and last:
        return "Service period", f"{day_name(first)} to {day_name(last)}"
    if document.supplied_on:
        return "Time of supply", day_name(document.supplied_on)
    return "", ""


def _parties(document: TaxDocument) -> Table:
    buyer = document.buyer
    facts = [*buyer.address_lines, f"{buyer.city} {buyer.pin}"]
    if buyer.country == "IN":
        facts.append(f"State: {state_name(buyer.state_code)}" if buyer.state_code else "")
    else:
        facts.append(f"Country: {country_name(buyer.country)}")
    facts += [wording.tax_identity(document), buyer.email]
    party = label(wording.TERMS[document.kind].party)
    billed_to = [party, words(buyer.name, STRONG), *_paragraphs(facts)]
    beside = [*_original(document), *_payment(document), *_reason(document)]
    return columns([billed_to, "", beside], [WIDTH - SIDE - GAP, GAP + INSET, SIDE - INSET])


def _original(document: TaxDocument) -> list[Flowable]:
    original = document.original
    if not original:
        return []
    return [
        label(wording.original_label(document.kind)),
        words(original.number, STRONG),
        *_paragraphs(
            [
                f"Dated {day_name(original.issued_on)}, {rupees(original.total_paise)}",
                document.reason and f"Reason: {document.reason}",
            ]
        ),
    ]


def _payment(document: TaxDocument) -> list[Flowable]:
    after = [Spacer(0, 2.5 * mm)] if document.original else []
    reference = document.payment_reference
    facts = [
        document.payment_method and f"Method: {wording.payment_method(document.payment_method)}",
        reference and f"Reference: {reference}",
    ]
    if wording.is_due(document):
        due = words(rupees(document.due_paise), STRONG)
        return [*after, label("Amount due"), due, *_paragraphs(facts)]
    if document.adjusts:
        return [*after, label("Paid from advances"), words("Nothing is to be paid", STRONG)]
    if not document.paid_on:
        return _paragraphs(facts)
    back = document.kind in (DocumentKind.CREDIT_NOTE, DocumentKind.REFUND_VOUCHER)
    return [
        *after,
        label("Refund" if back else "Payment received"),
        words(f"{'Refunded' if back else 'Paid'} on {day_name(document.paid_on)}", STRONG),
        *_paragraphs(facts),
    ]


def _reason(document: TaxDocument) -> list[Flowable]:
    """Where no original says it already."""
    if document.original or not document.reason:
        return []
    return [Spacer(0, 2.5 * mm), label("Reason"), words(document.reason, BODY)]


def _lines(document: TaxDocument) -> Rows:
    discounted = any(line.discount_paise for line in document.lines)
    # A zero-rated supply keeps the rate it would have had, for the returns; here it would contradict the tax.
    taxed = any(tax.rate_bp for tax in document.amount.taxes)
    value = f"{wording.value_label(document)} (₹)"
    head = ["#", "Description", "SAC", "Qty", "Rate (₹)", "Discount (₹)", "GST", value]
    widths = [8 * mm, 0, 17 * mm, 12 * mm, 29 * mm, 24 * mm, 14 * mm, 32 * mm]
    shown = [at for at in range(len(head)) if (discounted or at != 5) and (taxed or at != 6)]
    widths[1] = WIDTH - sum(widths[at] for at in shown)
    rows = [_row(number, line) for number, line in enumerate(document.lines, start=1)]
    table = Rows(
        [[row[at] for at in shown] for row in [head, *rows]],
        colWidths=[widths[at] for at in shown],
        repeatRows=1,
        splitInRow=1,
    )
    table.setStyle([*RULED, ("ALIGN", (3, 0), (-1, -1), "RIGHT")])
    return table


def _row(number: int, line: Line) -> Sequence[object]:
    return [
        str(number),
        words(line.description, BODY),
        line.sac,
        str(line.quantity),
        figures(line.unit_paise),
        figures(line.discount_paise),
        percent(line.rate_bp),
        figures(line.taxable_paise),
    ]


def _paragraphs(lines: Sequence[str]) -> list[Paragraph]:
    return [words(line, BODY) for line in lines if line.strip()]
