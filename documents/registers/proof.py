"""The reconciliation as a register (gst.md 6.1, "Export set for an accountant")."""

from documents.reconciliation import Reconciliation
from documents.registers.register import Column, Kind, Register


def reconciliation_register(found: Reconciliation) -> Register:
    """A row per amount with what each book has, then a row per difference; none means that all agree."""
    columns = (
        Column("Amount", width=28),
        Column("Documents", Kind.MONEY),
        Column("GSTR-1 sections", Kind.MONEY),
        Column("Table 12", Kind.MONEY),
        Column("Not filed", Kind.MONEY),
        Column("Ledger", Kind.MONEY),
        Column("Difference", width=80),
    )
    books = tuple(
        (
            each.name,
            each.documents_paise,
            each.sections_paise,
            each.table_12_paise,
            each.not_filed_paise,
            each.ledger_paise,
            None,
        )
        for each in found.comparisons
    )
    differences = tuple((None,) * 6 + (text,) for text in found.differences)
    return Register("reconciliation", columns, (*books, *differences))
