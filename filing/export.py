"""Files made of a month. All of them are made before the first is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from documents.einvoice import bulk, needs_registration, request
from documents.gstr1 import Fault, NotFileable, file_name, portal_file, summary
from documents.reconciliation import Reconciliation, reconcile
from documents.registers import all_registers, as_csv, as_xlsx, reconciliation_register
from domain.document import TaxDocument
from domain.errors import InvalidInput
from filing.books import Month


@dataclass(frozen=True)
class Return:
    """A month's GSTR-1 and registers as files by name, and whether all books agree."""

    portal_name: str
    files: Mapping[str, bytes]
    reconciliation: Reconciliation


def gstr1_files(month: Month, generated_on: date) -> Return:
    """The portal's file, a summary, every register as CSV and in one workbook, and the reconciliation.

    Raises NotFileable with every fault; then there is no file.
    """
    filing = month.filing
    portal_name, portal = file_name(filing, generated_on), portal_file(filing)
    reconciliation = reconcile(filing, month.ledger)
    registers = (*all_registers(filing), reconciliation_register(reconciliation))
    files = {
        portal_name: portal,
        "summary.md": summary(filing).encode(),
        **{f"{register.name}.csv": as_csv(register) for register in registers},
        "registers.xlsx": as_xlsx(registers),
    }
    return Return(portal_name, files, reconciliation)


def to_register(month: Month) -> tuple[TaxDocument, ...]:
    """The documents that need an IRN, if the seller is above the limit (gst.md 1.10)."""
    return tuple(document for document in month.filing.documents if needs_registration(document))


def einvoice_file(month: Month) -> bytes:
    """The portal's bulk upload. Raises RegistrationRefused with the fault of every document that has one."""
    documents, faults = to_register(month), []
    for document in documents:
        try:
            request(document)
        except InvalidInput as error:
            message = str(error).removeprefix(f"{document.number}: ")
            faults.append(Fault(document.number, message))
    if faults:
        raise RegistrationRefused(tuple(faults))
    return bulk(documents)


class RegistrationRefused(InvalidInput):
    """The portal would refuse these documents; `faults` has all of them."""

    code = "not_registrable"

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("documents", " ".join(f"{fault.document}: {fault.message}" for fault in faults))
        self.faults = faults


Refusal = NotFileable | RegistrationRefused


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Puts the files into the folder, over those of an earlier export. Raises InvalidInput."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise InvalidInput("folder", f"{error.filename} cannot be written: {error.strerror}.") from error
