"""What an accountant takes home: registers as CSV and XLSX (gst.md 6.1, "Export set")."""

from collections.abc import Mapping

from documents.gstr1 import Filing
from documents.registers.journal import JournalRow, journal
from documents.registers.proof import reconciliation_register
from documents.registers.register import Column, Kind, Register, as_csv, as_xlsx
from documents.registers.returns import document_series, gstr3b, hsn_summary, rounding_variance
from documents.registers.sales import (
    advance_register,
    credit_note_register,
    lacking_irn,
    sales_register,
)
from domain.document import Registration


def all_registers(
    filing: Filing,
    registrations: Mapping[str, Registration] | None = None,
    refusals: Mapping[str, str] | None = None,
) -> tuple[Register, ...]:
    """Every register of a month; that of documents without IRN only if `registrations` are given.

    `registrations` are by document id; give a mapping, empty if need be, where e-invoicing is on.
    `refusals` are what the portal said against documents, by id.
    """
    registers = (
        sales_register(filing.documents, registrations),
        credit_note_register(filing.documents, registrations),
        document_series(filing),
        hsn_summary(filing),
        gstr3b(filing),
        advance_register(filing),
        rounding_variance(filing),
    )
    if registrations is None:
        return registers
    return (*registers, lacking_irn(filing.documents, registrations, refusals))


__all__ = [
    "Column",
    "JournalRow",
    "Kind",
    "Register",
    "advance_register",
    "all_registers",
    "as_csv",
    "as_xlsx",
    "credit_note_register",
    "document_series",
    "gstr3b",
    "hsn_summary",
    "journal",
    "lacking_irn",
    "reconciliation_register",
    "rounding_variance",
    "sales_register",
]
