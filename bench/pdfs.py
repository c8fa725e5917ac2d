"""One-page invoices drawn per second of CPU, beside an empty page and beside WeasyPrint."""

import io
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import date
from importlib import import_module
from unittest.mock import patch

from bench import html_invoice
from bench.figures import Aim, Figure, Floor
from bench.html_invoice import NotHere
from bench.scale import Scale
from bench.stand import Stand
from documents import archive
from documents.tax_document_pdf import render
from domain.document import Buyer, DocumentKind, Line, Seller, TaxDocument
from domain.gst import tax_inside
from domain.supply import BuyerKind, Supply, SupplyNature
from local.home import LocalError

NAME = "pdfs"
_SLOWER = 10
"""WeasyPrint takes about this many times as long, and so draws fewer."""
# By name: only documents/ may build on ReportLab, and here it is the floor, not a part of ours.
_CANVAS = import_module("reportlab.pdfgen.canvas").Canvas
_A4 = import_module("reportlab.lib.pagesizes").A4

Draw = Callable[[], bytes]


async def measure(_stand: Stand, scale: Scale) -> list[Figure]:
    """By CPU time of this process, which is what a core gives; all draw in turn."""
    invoice = _invoice()
    ours: dict[str, Draw] = {"archived": lambda: render(invoice), "plain": lambda: _plain(invoice)}
    html, missing = _with_weasyprint(invoice)
    subjects = {"blank": _blank_page, **ours, **html}
    samples: dict[str, list[float]] = defaultdict(list)
    for draw in subjects.values():
        _per_cpu_second(draw, 2)  # reads the fonts
    for _ in range(scale.rounds):
        for name, draw in subjects.items():
            count = scale.pdfs // (_SLOWER if name in html else 1)
            samples[name].append(_per_cpu_second(draw, count))

    def figure(what: str, name: str, rival: str, aim: Aim | None = None, ahead: Aim | None = None) -> Figure:
        floors = [Floor("a blank ReportLab page", samples["blank"])]
        if html:
            floors.append(Floor(f"WeasyPrint's, {rival}", samples[f"{name} by WeasyPrint"], ahead))
        return Figure(NAME, what, "per second and core", samples[name], floors, aim, missing)

    return [
        figure("invoices drawn as issued, PDF/A-3b", "archived", "PDF/A-3b too"),
        figure(
            "invoices drawn without the archive's part",
            "plain", "a plain PDF", Aim(at_least=100), Aim(at_least=9),
        ),
    ]  # fmt: skip


def _with_weasyprint(invoice: TaxDocument) -> tuple[dict[str, Draw], str]:
    """The rivals of ours; none, and why, where it cannot be loaded."""
    try:
        draw = html_invoice.drawing()
    except NotHere as reason:
        return {}, str(reason)
    return {
        "archived by WeasyPrint": lambda: draw(invoice, html_invoice.ARCHIVE),
        "plain by WeasyPrint": lambda: draw(invoice, None),
    }, ""


def _plain(invoice: TaxDocument) -> bytes:
    """Ours without metadata and colour profile of the archive format; nothing else of it can be left out."""
    with patch.object(archive, "declare", lambda *_: None):
        return render(invoice)


def _per_cpu_second(draw: Draw, count: int) -> float:
    began = time.process_time()
    for _ in range(count):
        if not draw().startswith(b"%PDF"):
            raise LocalError("no PDF was drawn")
    return count / (time.process_time() - began)


def _blank_page() -> bytes:
    buffer = io.BytesIO()
    canvas = _CANVAS(buffer, pagesize=_A4)
    canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def _invoice() -> TaxDocument:
    """The usual one: one line, within the State, paid."""
    amount = tax_inside("29", "29", 1800, 99_900)
    centre, state = (tax.tax_paise for tax in amount.taxes)
    taxable = amount.taxable_paise
    item = Line(
        "Pro subscription, monthly", "998315", 1, taxable, taxable, 1800, cgst_paise=centre, sgst_paise=state
    )
    return TaxDocument(
        id="inv_1",
        kind=DocumentKind.TAX_INVOICE,
        number="BH26-27/000042",
        issued_on=date(2026, 4, 1),
        seller=Seller(
            "Bahi Demo Private Limited", "29AAACB1234F1Z5", ("4th Floor", "12 Residency Road"),
            "Bengaluru", "560025", email="accounts@bahi.example", phone="+91 80 4000 0000",
            cin="U72200KA2019PTC123456",
        ),
        buyer=Buyer(
            "Kaveri Textiles LLP", BuyerKind.REGISTERED, address_lines=("88 Race Course Road",),
            city="Mysuru", pin="570010", state_code="29", gstin="29AAGCB7383J1Z4",
        ),
        supply=Supply("29", SupplyNature.INTRA_STATE),
        lines=(item,),
        amount=amount,
        period_first_day=date(2026, 4, 1),
        period_last_day=date(2026, 4, 30),
        payment_reference="pay_QZ8n2kT4uYx1Ab",
        payment_method="upi",
        paid_on=date(2026, 4, 1),
    )  # fmt: skip
