"""Invoices drawn per second of CPU, beside an empty page."""

import io
import time
from collections.abc import Callable
from datetime import date
from importlib import import_module

from bench.figures import Figure, Floor
from bench.scale import Scale
from bench.stand import Stand
from documents.invoice_pdf import render_invoice
from domain import gst
from domain.invoice import Buyer, InvoiceLine, Seller, TaxInvoice
from local.home import LocalError

NAME = "invoices"
_CHARGED_PAISE = 499_900
# By name: only documents/ may build on ReportLab, and here it is the floor, not a part of ours.
_CANVAS = import_module("reportlab.pdfgen.canvas").Canvas
_A4 = import_module("reportlab.lib.pagesizes").A4


async def measure(_stand: Stand, scale: Scale) -> list[Figure]:
    """By CPU time of this process, which is what a core gives; a blank page and the invoice in turn."""
    invoice = _invoice()
    _per_cpu_second(lambda: render_invoice(invoice), 3)
    ours, floor = [], []
    for _ in range(scale.rounds):
        ours.append(_per_cpu_second(lambda: render_invoice(invoice), scale.invoices))
        floor.append(_per_cpu_second(_blank_page, scale.invoices))
    blank = Floor("a blank ReportLab page of that size", floor)
    return [Figure(NAME, "invoices drawn", "per second and core", ours, [blank])]


def _per_cpu_second(draw: Callable[[], bytes], count: int) -> float:
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


def _invoice() -> TaxInvoice:
    """The usual one: one line, within the State."""
    amount = gst.tax_inside("29", "29", 1800, _CHARGED_PAISE)
    address = ("4 Residency Road", "Bengaluru 560025")
    item = InvoiceLine("Pro subscription, monthly", "998315", 1, amount.taxable_paise, amount.taxable_paise)
    return TaxInvoice(
        id="inv_1",
        number="BH26-27/000042",
        issued_on=date(2026, 4, 1),
        seller=Seller("Bahi Demo Private Limited", "29AAACB1234F1Z5", address, "accounts@bahi.example"),
        buyer=Buyer("Kaveri Textiles LLP", "accounts@kaveri.example", address, "29"),
        place_of_supply="29",
        lines=(item,),
        amount=amount,
        period_first_day=date(2026, 4, 1),
        period_last_day=date(2026, 4, 30),
        payment_reference="pay_QZ8n2kT4uYx1Ab",
        payment_method="upi",
        paid_on=date(2026, 4, 1),
    )
