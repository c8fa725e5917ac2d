"""`python -m filing gstr1 | journal | einvoice`: the books as files; see `make gstr1`."""

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from rich.console import Console

from db.filing_reads import Days
from db.session import Database
from documents.gstr1 import NotFileable, PortalSettings
from documents.gstr1.filing import HSN_MASTER
from documents.registers import as_csv, journal
from domain.errors import BahiError
from domain.periods import india_date
from filing.books import read_journal, read_month
from filing.export import RegistrationRefused, einvoice_file, gstr1_files, to_register, write
from filing.telling import say, tell_refusal, tell_return


def asked_for(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line, parsed; leaves with a message where it cannot be."""
    parser = argparse.ArgumentParser(
        prog="filing", description="The books as files for portal and accountant."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    monthly = argparse.ArgumentParser(add_help=False)
    monthly.add_argument("--gstin", default="", help="registration; BAHI_SELLER_GSTIN unless given")
    monthly.add_argument("--period", required=True, help="month such as 2026-10")
    anything = argparse.ArgumentParser(add_help=False)
    anything.add_argument("--folder", type=Path, default=Path("out"), help="where files go (out)")
    told = "GSTR-1 file, summary, registers and reconciliation of a month"
    returns = commands.add_parser("gstr1", parents=[monthly, anything], help=told)
    returns.add_argument(
        "--sac", type=_described, action="append", default=[], metavar="CODE=TEXT",
        help="a service code beyond those known, with its text in the portal's master",
    )  # fmt: skip
    told = "bulk INV-01 file of a month's documents that need an IRN"
    commands.add_parser("einvoice", parents=[monthly, anything], help=told)
    books = commands.add_parser("journal", parents=[anything], help="the ledger as CSV")
    books.add_argument("--from", dest="first", type=_day, required=True, help="first day, 2026-10-01")
    books.add_argument("--to", dest="last", type=_day, required=True, help="last day, 2026-10-31")
    return parser.parse_args(arguments)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day: write it as 2026-10-01") from None


def _described(text: str) -> tuple[str, str]:
    code, _, meaning = text.partition("=")
    if not code.isdecimal() or not meaning.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not a code and its text: write 998315='Hosting ...'")
    return code, meaning.strip()


async def export(asked: argparse.Namespace, database: Database, console: Console, now: datetime) -> int:
    """Does what was asked. Exit code 1 if the portal would refuse it (nothing is written) or books differ.

    Raises InvalidInput, NotFound, Unavailable.
    """
    try:
        if asked.command == "gstr1":
            return await _gstr1(asked, database, console, india_date(now))
        if asked.command == "einvoice":
            return await _einvoice(asked, database, console)
        return await _journal(asked, database, console)
    except (NotFileable, RegistrationRefused) as refusal:
        tell_refusal(console, refusal)
        return 1


def _folder(asked: argparse.Namespace, gstin: str) -> Path:
    return Path(asked.folder) / gstin / str(asked.period)


async def _gstr1(asked: argparse.Namespace, database: Database, console: Console, today: date) -> int:
    codes: Mapping[str, str] = {**HSN_MASTER, **dict(asked.sac)}
    month = await read_month(database, asked.gstin, asked.period, PortalSettings(hsn_descriptions=codes))
    made = gstr1_files(month, today)
    folder = _folder(asked, month.filing.gstin)
    write(folder, made.files)
    tell_return(console, month, made, folder, today)
    return 0 if made.reconciliation.holds else 1


async def _einvoice(asked: argparse.Namespace, database: Database, console: Console) -> int:
    month = await read_month(database, asked.gstin, asked.period)
    filing, documents = month.filing, to_register(month)
    if not documents:
        say(console, f"no document of {filing.gstin} in {filing.period} needs an IRN; nothing is written")
        return 0
    folder, name = _folder(asked, filing.gstin), f"einvoice_{filing.gstin}_{filing.period}.json"
    write(folder, {name: einvoice_file(month)})
    say(console, f"{len(documents)} of {len(filing.documents)} documents to register: {folder / name}")
    return 0


async def _journal(asked: argparse.Namespace, database: Database, console: Console) -> int:
    rows = await read_journal(database, Days(asked.first, asked.last))
    name = f"journal_{asked.first}_{asked.last}.csv"
    write(Path(asked.folder), {name: as_csv(journal(rows))})
    transactions = len({row.reference for row in rows})
    say(console, f"transactions: {transactions}, postings: {len(rows)}; {Path(asked.folder) / name}")
    return 0


async def _run(asked: argparse.Namespace, console: Console) -> int:
    from config import Settings  # only here: nothing else reads the environment

    settings = Settings()
    if asked.command != "journal":
        asked.gstin = asked.gstin or settings.seller_gstin
    database = Database.connect(settings.database_url.get_secret_value(), pool_size=1)
    try:
        return await export(asked, database, console, datetime.now(UTC) + settings.test_clock_offset)
    finally:
        await database.close()


def main() -> int:
    """Exit code 1 with the reason when something cannot be done."""
    asked = asked_for(sys.argv[1:])
    try:
        return asyncio.run(_run(asked, Console(highlight=False)))
    except BahiError as error:
        say(Console(stderr=True), str(error), "red")
        return 1


if __name__ == "__main__":
    sys.exit(main())
