"""Registers that list documents (gst.md 6.1, "Export set for an accountant")."""

from collections.abc import Iterator, Mapping, Sequence

from documents.einvoice import needs_registration
from documents.figures import Figures, by_rate_and_sac
from documents.gstr1 import Filing
from documents.gstr1.entries import VOUCHERS, in_order
from documents.registers.register import Cell, Column, Kind, Register
from domain.document import DocumentKind, Registration, TaxDocument

_INVOICES = frozenset({DocumentKind.TAX_INVOICE, DocumentKind.BILL_OF_SUPPLY})
_HEADS = tuple(
    Column(title, Kind.MONEY) for title in ("Taxable value", "IGST", "CGST", "SGST/UTGST", "Line total")
)
_SPLIT = (Column("SAC", width=9), Column("Rate %", Kind.RATE, 8), *_HEADS)
_OF_DOCUMENT = (Column("Round-off", Kind.MONEY, 10), Column("Document total", Kind.MONEY))
_PARTY = (
    Column("Buyer", width=32),
    Column("GSTIN/UIN", width=18),
    Column("Buyer kind", width=13),
    Column("Place of supply", width=8),
    Column("Supply", width=20),
)
_DOCUMENT = (Column("Kind", width=15), Column("Number", width=18), Column("Date", Kind.DATE, 11))
_ORIGINAL = (
    Column("Original number", width=18),
    Column("Original date", Kind.DATE, 11),
    Column("Original total", Kind.MONEY),
)


def _chosen(documents: Sequence[TaxDocument], kinds: frozenset[DocumentKind]) -> list[TaxDocument]:
    return sorted((each for each in documents if each.kind in kinds), key=in_order)


def _words(value: str) -> str:
    return value.replace("_", " ")


def _named(document: TaxDocument) -> tuple[Cell, ...]:
    return _words(document.kind), document.number, document.issued_on


def _party(document: TaxDocument) -> tuple[Cell, ...]:
    buyer, supply = document.buyer, document.supply
    return buyer.name, buyer.gstin, buyer.kind.value, supply.place, _words(supply.nature)


def _original(document: TaxDocument) -> tuple[Cell, ...]:
    original = document.original
    return (original.number, original.issued_on, original.total_paise) if original else (None, None, None)


def money(figures: Figures) -> tuple[Cell, ...]:
    """Taxable value, IGST, CGST, SGST/UTGST and their sum, in paise."""
    return *figures.parts, figures.taxable_paise + figures.tax_paise


def _by_split(document: TaxDocument) -> Iterator[tuple[Cell, ...]]:
    """A row per rate and SAC. Round-off and total stand on the first only, so that columns can be summed."""
    amount = document.amount
    once: tuple[Cell, ...] = (amount.round_off_paise, amount.total_paise)
    for (rate_bp, sac), figures in by_rate_and_sac(document).items():
        yield sac, rate_bp, *money(figures), *once
        once = (None, None)


def sales_register(
    documents: Sequence[TaxDocument], registrations: Mapping[str, Registration] | None = None
) -> Register:
    """Invoices and bills of supply, a row per document, rate and SAC (gst.md 6.1, "Export set").

    `registrations` are by document id; their IRN stands beside the document.
    """
    known = registrations or {}
    rows = [
        (*_named(each), *_party(each), *split, known[each.id].irn if each.id in known else None)
        for each in _chosen(documents, _INVOICES)
        for split in _by_split(each)
    ]
    return Register(
        "sales", (*_DOCUMENT, *_PARTY, *_SPLIT, *_OF_DOCUMENT, Column("IRN", width=24)), tuple(rows)
    )


def credit_note_register(
    documents: Sequence[TaxDocument], registrations: Mapping[str, Registration] | None = None
) -> Register:
    """Credit notes with their originals, positive amounts; commercial ones say so (gst.md 1.3, 6.1).

    `registrations` are by document id: a note has an IRN of its own (gst.md 1.3, rule 9).
    """
    known = registrations or {}
    rows = [
        (
            *_named(each)[1:],
            *_original(each),
            *_party(each),
            *split,
            _lowers_tax(each),
            each.reason,
            known[each.id].irn if each.id in known else None,
        )
        for each in _chosen(documents, frozenset({DocumentKind.CREDIT_NOTE}))
        for split in _by_split(each)
    ]
    columns = (
        *_DOCUMENT[1:],
        *_ORIGINAL,
        *_PARTY,
        *_SPLIT,
        *_OF_DOCUMENT,
        Column("Lowers tax", width=10),
        Column("Reason", width=32),
        Column("IRN", width=24),
    )
    return Register("credit_notes", columns, tuple(rows))


def _lowers_tax(note: TaxDocument) -> str:
    return "yes" if note.gst_adjusting else "no, past s.34(2)"


def advance_register(filing: Filing) -> Register:
    """Receipt and refund vouchers, and what invoices used of advances (gst.md 1.4, 6.1 "at / txpd").

    Amounts are positive; `Effect` says whether the advance grew or shrank.
    """
    columns = (
        Column("Effect", width=10), *_DOCUMENT, Column("Receipt voucher", width=18),
        Column("of", Kind.DATE, 11), _PARTY[3], _SPLIT[1], *_HEADS,
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = []
    for each in _chosen(filing.documents, VOUCHERS):
        received = each.kind is DocumentKind.RECEIPT_VOUCHER
        voucher = (each.number, each.issued_on) if received else _original(each)[:2]
        effect = "received" if received else "returned"
        for (rate_bp, _), figures in by_rate_and_sac(each).items():
            rows.append((effect, *_named(each), *voucher, each.supply.place, rate_bp, *money(figures)))
    for used in filing.adjustments:
        invoice = ("tax invoice", used.invoice_number, None)
        voucher = (used.voucher.number, used.voucher.issued_on)
        rows.append(("used", *invoice, *voucher, used.supply.place, used.rate_bp, *money(used.figures)))
    return Register("advances", columns, tuple(rows))


def lacking_irn(
    documents: Sequence[TaxDocument],
    registrations: Mapping[str, Registration],
    refusals: Mapping[str, str] | None = None,
) -> Register:
    """Documents that need an IRN and have none, for a seller under e-invoicing (gst.md 1.10, rule 48(5)).

    `registrations` and `refusals` are by document id. Without an IRN such a document is no invoice.
    """
    said = refusals or {}
    rows = [
        (*_named(each), each.buyer.name, each.buyer.gstin, each.amount.total_paise, said.get(each.id))
        for each in sorted(documents, key=in_order)
        if needs_registration(each) and each.id not in registrations
    ]
    columns = (
        *_DOCUMENT, *_PARTY[:2], Column("Document total", Kind.MONEY), Column("The portal said", width=60),
    )  # fmt: skip
    return Register("lacking_irn", columns, tuple(rows))
