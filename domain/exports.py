"""What can be taken out of the books for an accountant, and what is said about it."""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum


class ExportKind(StrEnum):
    """What to export; the values are words of the command line and of the API."""

    GSTR1 = "gstr1"
    """The portal's file of a month, with summary, registers and reconciliation; all or nothing."""
    REGISTERS = "registers"
    """The registers of a month, also of one that the portal would refuse."""
    EINVOICE = "einvoice"
    """The bulk file of a month's documents that still need an IRN."""
    DUPLICATES = "duplicates"
    """The seller's own copies of a month's documents, marked so (rule 48(2))."""
    JOURNAL = "journal"
    """The ledger between two days."""


@dataclass(frozen=True)
class ExportFault:
    """Why there is no file: `document` is a number, or names what is wrong besides documents."""

    document: str
    message: str


@dataclass(frozen=True)
class SectionSum:
    """What one section of a return holds, in paise; notes are taken off."""

    section: str
    documents: int
    taxable_paise: int
    igst_paise: int
    cgst_paise: int
    sgst_paise: int


@dataclass(frozen=True)
class ExportOrder:
    """What is wanted: a registration's month, or for the journal the Indian days from first to last."""

    kind: ExportKind
    at: datetime
    gstin: str = ""
    period: str = ""
    """Such as `2026-10`."""
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True)
class Exported:
    """Where the archive lies; or, with `faults`, why there is none.

    Neither archive nor faults: the books hold nothing of the kind, such as no document to register.
    """

    object_key: str = ""
    file_name: str = ""
    files: tuple[str, ...] = ()
    month_over: bool = True
    """False where more documents may come: then it is to be made again before it is filed."""
    counts: dict[str, int] = field(default_factory=dict)
    sections: tuple[SectionSum, ...] = ()
    differences: tuple[str, ...] = ()
    """Where documents, return and ledger part."""
    faults: tuple[ExportFault, ...] = ()
    faults_in_all: int = 0
    """More than listed where there are very many."""
