"""What a person sees in the terminal after an export."""

from datetime import date
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from documents.figures import Figures, total
from documents.gstr1.entries import Section, entries
from documents.gstr1.filing import Filing
from domain.money import rupees
from filing.books import Month
from filing.export import Refusal, Return

_MEANING = {
    Section.B2B: "registered buyers",
    Section.B2CL: "large, across States",
    Section.B2CS: "other consumers",
    Section.EXP: "exports",
    Section.CDNR: "notes, registered",
    Section.CDNUR: "notes, others",
    Section.NIL: "untaxed",
}


def tell_return(console: Console, month: Month, made: Return, folder: Path, today: date) -> None:
    """Sections with counts and sums, the numbers, whether the books agree, and where the files are."""
    filing = month.filing
    console.print(sections(filing))
    for run in filing.series:
        say(console, f"  numbers {run.first} to {run.last}: {run.total}")
    if today <= month.last_day:
        say(console, f"  {filing.period} is not over: export it again after {month.last_day}.", "yellow")
    if made.reconciliation.holds:
        say(console, "  ✓ documents, sections, Table 12 and ledger agree to the paisa", "green")
    for difference in made.reconciliation.differences:
        say(console, f"  ✗ {difference}", "red")
    say(console, f"\n  {'upload':<10}{folder / made.portal_name}")
    say(console, f"  {'read':<10}{folder / 'summary.md'}")
    say(console, f"  {'registers':<10}{folder / 'registers.xlsx'}, and each as CSV beside it")


def sections(filing: Filing) -> Table:
    """A row per section that has documents, and their sum."""
    table = Table(
        title=f"GSTR-1 of {filing.gstin} for {filing.period}", title_justify="left", box=SIMPLE_HEAD
    )
    table.add_column("section")
    for heading in ("documents", "taxable value", "IGST", "CGST", "SGST/UTGST"):
        table.add_column(heading, justify="right", overflow="fold")  # a sum is never cut off
    filed = entries(filing)
    sums: list[Figures] = []
    for section in Section:
        members = [each for each in filed if each.section is section]
        if members:
            untaxed = (Figures(each.nil_paise + each.exempt_paise).times(each.sign) for each in members)
            sums.append(total(each.figures.times(each.sign) for each in members) + total(untaxed))
            table.add_row(f"{section}: {_MEANING[section]}", str(len(members)), *_money(sums[-1]))
    table.add_section()
    table.add_row("all", str(len(filed)), *_money(total(sums)), style="bold")
    return table


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
