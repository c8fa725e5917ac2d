"""Files made of a month or of the ledger. All of them are made before the first is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from db.filing_reads import Days
from documents.einvoice import bulk, needs_registration, request
from documents.figures import Figures, total
from documents.gstr1 import Fault, Filing, NotFileable, file_name, portal_file, summary
from documents.gstr1.entries import Entry, Section, entries
from documents.reconciliation import reconcile
from documents.registers import (
    JournalRow,
    Register,
    all_registers,
    as_csv,
    as_xlsx,
    journal,
    reconciliation_register,
)
from documents.tax_document_pdf import render
from documents.wording import Copy
from domain.document import TaxDocument
from domain.errors import InvalidInput
from domain.exports import ExportKind, SectionSum
from filing.books import Month

_ZIPPED_AT = (2017, 7, 1, 0, 0, 0)
"""A fixed moment: the same files make the same archive."""


@dataclass(frozen=True)
class Bundle:
    """Files by name, what they hold in numbers, and where books differ; without files if there is nothing."""

    name: str
    files: Mapping[str, bytes]
    counts: Mapping[str, int]
    sections: tuple[SectionSum, ...] = ()
    differences: tuple[str, ...] = ()
    upload: str = ""
    """The file that goes to the portal."""


class RegistrationRefused(InvalidInput):
    """The portal would refuse these documents; `faults` has all of them."""

    code = "not_registrable"

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("documents", " ".join(f"{fault.document}: {fault.message}" for fault in faults))
        self.faults = faults


Refusal = NotFileable | RegistrationRefused


def gstr1_bundle(month: Month, generated_on: date) -> Bundle:
    """The portal's file, a summary, every register as CSV and in one workbook, and the reconciliation.

    Raises NotFileable with every fault; then there is no file.
    """
    filing = month.filing
    portal_name, portal = file_name(filing, generated_on), portal_file(filing)
    found = reconcile(filing, month.ledger)
    registers = (*_registers(month), reconciliation_register(found))
    files = {portal_name: portal, "summary.md": summary(filing).encode(), **_as_files(registers)}
    return _of_month(ExportKind.GSTR1, month, files, found.differences, portal_name)


def register_bundle(month: Month) -> Bundle:
    """Every register, also of a month that the portal would refuse: then its faults instead of the proof."""
    registers = _registers(month)
    try:
        found = reconcile(month.filing, month.ledger)
        registers, differences = (*registers, reconciliation_register(found)), found.differences
    except NotFileable as refusal:
        differences = tuple(f"{fault.document}: {fault.message}" for fault in refusal.faults)
    return _of_month(ExportKind.REGISTERS, month, _as_files(registers), differences)


def _registers(month: Month) -> tuple[Register, ...]:
    refusals = {key: each.refusal for key, each in (month.at_portal or {}).items() if each.refusal}
    return all_registers(month.filing, month.registrations, refusals)


def _as_files(registers: Sequence[Register]) -> dict[str, bytes]:
    files = {f"{register.name}.csv": as_csv(register) for register in registers}
    return files | {"registers.xlsx": as_xlsx(registers)}


def _of_month(
    kind: ExportKind,
    month: Month,
    files: Mapping[str, bytes],
    differences: tuple[str, ...] = (),
    upload: str = "",
) -> Bundle:
    filing = month.filing
    counts = {"documents": len(filing.documents), "cancelled": len(filing.cancelled)}
    name = f"{kind}_{filing.gstin}_{filing.period}"
    return Bundle(name, files, counts, section_sums(filing), differences, upload)


def section_sums(filing: Filing) -> tuple[SectionSum, ...]:
    """What each section that has documents holds. Untaxed supplies count with their own section."""
    filed = entries(filing)
    found = []
    for section in Section:
        members = [each for each in filed if each.section is section]
        if members:
            found.append(SectionSum(section, len(members), *_signed(members).parts))
    return tuple(found)


def _signed(members: Sequence[Entry]) -> Figures:
    return total(
        (each.figures + Figures(each.nil_paise + each.exempt_paise)).times(each.sign) for each in members
    )


def to_register(month: Month) -> tuple[TaxDocument, ...]:
    """The documents that need an IRN, if the seller is above the limit, and have none (gst.md 1.10)."""
    have = month.registrations or {}
    return tuple(each for each in month.filing.documents if needs_registration(each) and each.id not in have)


def einvoice_bundle(month: Month) -> Bundle:
    """The portal's bulk upload. Raises RegistrationRefused with the fault of every document that has one."""
    documents, faults, filing = to_register(month), [], month.filing
    for document in documents:
        try:
            request(document)
        except InvalidInput as error:
            message = str(error).removeprefix(f"{document.number}: ")
            faults.append(Fault(document.number, message))
    if faults:
        raise RegistrationRefused(tuple(faults))
    name = f"einvoice_{filing.gstin}_{filing.period}"
    files = {f"{name}.json": bulk(documents)} if documents else {}
    counts = {"documents": len(filing.documents), "to_register": len(documents)}
    return Bundle(name, files, counts, upload=next(iter(files), ""))


def duplicate_bundle(month: Month, logos: Mapping[str, bytes]) -> Bundle:
    """Every document of the month as its supplier's copy; e-invoices bear no mark (rule 48(2), (6)).

    `logos`: pictures by their SHA-256, which is all that a document says of its seller's.
    """
    filing, registered = month.filing, month.registrations or {}
    files = {
        f"{each.number.replace('/', '-')}.pdf": render(
            each, registered.get(each.id), copy=Copy.DUPLICATE, logo=logos.get(each.seller.logo)
        )
        for each in filing.documents
    }
    name = f"{ExportKind.DUPLICATES}_{filing.gstin}_{filing.period}"
    return Bundle(name, files, {"documents": len(files)})


def journal_bundle(rows: Sequence[JournalRow], days: Days) -> Bundle:
    """The ledger as CSV. Raises InvalidInput naming a transaction that does not balance."""
    name = f"journal_{days.first}_{days.last}"
    counts = {"transactions": len({row.reference for row in rows}), "postings": len(rows)}
    return Bundle(name, {f"{name}.csv": as_csv(journal(rows))}, counts)


def zipped(files: Mapping[str, bytes]) -> bytes:
    """One archive; the same files give the same bytes."""
    out = BytesIO()
    with ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(ZipInfo(name, _ZIPPED_AT), content, ZIP_DEFLATED)
    return out.getvalue()


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Puts the files into the folder, over those of an earlier export. Raises InvalidInput."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise InvalidInput("folder", f"{error.filename} cannot be written: {error.strerror}.") from error
