"""One-page invoices drawn per second of CPU, beside an empty page and beside WeasyPrint."""

import io
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import date
from importlib import import_module
from unittest.mock import patch

from bench import html_invoice, specimen
from bench.figures import Aim, Figure, Floor
from bench.html_invoice import NotHere
from bench.scale import Scale
from bench.stand import Stand
from documents import archive
from documents.tax_document_pdf import render
from domain.document import TaxDocument
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
    invoice = specimen.invoice("inv_1", "BH26-27/000042", date(2026, 4, 1))
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
