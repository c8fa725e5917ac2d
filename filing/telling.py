"""What a person sees in the terminal after an export."""

from datetime import date
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from documents.figures import Figures, total
from documents.gstr1.entries import Section
from documents.gstr1.filing import Filing
from domain.exports import SectionSum
from domain.money import rupees
from filing.books import Month
from filing.export import Bundle, Refusal, section_sums

_MEANING = {
    Section.B2B: "registered buyers",
    Section.B2CL: "large, across States",
    Section.B2CS: "other consumers",
    Section.EXP: "exports",
    Section.CDNR: "notes, registered",
    Section.CDNUR: "notes, others",
    Section.NIL: "untaxed",
}


def tell_return(console: Console, month: Month, made: Bundle, folder: Path, today: date) -> None:
    """Sections with counts and sums, the numbers, whether the books agree, and where the files are."""
    filing = month.filing
    console.print(sections(filing))
    for run in filing.series:
        void = f", cancelled: {len(run.cancelled)}" if run.cancelled else ""
        say(console, f"  numbers {run.first} to {run.last}: {run.total}{void}")
    if today <= month.last_day:
        say(console, f"  {filing.period} is not over: export it again after {month.last_day}.", "yellow")
    if not made.differences:
        say(console, "  ✓ documents, sections, Table 12 and ledger agree to the paisa", "green")
    _tell_differences(console, made)
    say(console, f"\n  {'upload':<10}{folder / made.upload}")
    say(console, f"  {'read':<10}{folder / 'summary.md'}")
    _tell_workbook(console, folder)


def tell_registers(console: Console, made: Bundle, folder: Path) -> None:
    """What is wrong with the month, and where the registers are."""
    _tell_differences(console, made)
    _tell_workbook(console, folder)


def _tell_differences(console: Console, made: Bundle) -> None:
    for difference in made.differences:
        say(console, f"  ✗ {difference}", "red")


def _tell_workbook(console: Console, folder: Path) -> None:
    say(console, f"  {'registers':<10}{folder / 'registers.xlsx'}, and each as CSV beside it")


def sections(filing: Filing) -> Table:
    """A row per section that has documents, and their sum."""
    table = Table(
        title=f"GSTR-1 of {filing.gstin} for {filing.period}", title_justify="left", box=SIMPLE_HEAD
    )
    table.add_column("section")
    for heading in ("documents", "taxable value", "IGST", "CGST", "SGST/UTGST"):
        table.add_column(heading, justify="right", overflow="fold")  # a sum is never cut off
    made = section_sums(filing)
    for each in made:
        named = f"{each.section}: {_MEANING[Section(each.section)]}"
        table.add_row(named, str(each.documents), *_money(_figures(each)))
    table.add_section()
    everything = total(_figures(each) for each in made)
    table.add_row("all", str(sum(each.documents for each in made)), *_money(everything), style="bold")
    return table


def _figures(row: SectionSum) -> Figures:
    return Figures(row.taxable_paise, row.igst_paise, row.cgst_paise, row.sgst_paise)


def _money(figures: Figures) -> list[str]:
    return [rupees(part) for part in figures.parts]


def tell_refusal(console: Console, refusal: Refusal) -> None:
    """Each document and its fault, and that nothing was written."""
    for fault in refusal.faults:
        console.print(Text(f"  ✗ {fault.document}: ", style="bold red") + Text(fault.message), soft_wrap=True)
    say(console, f"nothing is written; faults: {len(refusal.faults)}", "red")


def say(console: Console, line: str, style: str = "") -> None:
    """One line, unwrapped, so that paths stay whole in any terminal."""
    console.print(Text(line, style=style), soft_wrap=True)
