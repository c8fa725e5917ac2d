"""`bahi export gstr1 | registers | duplicates | einvoice | journal`: the books as files.

`bahi einvoice-reply FILE` brings the portal's answers in. `bahi` is linked beside the interpreter
(local/install.sh); `python -m filing` is the same.
"""

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import MappingProxyType

from rich.console import Console

from db.filing_reads import Days
from db.session import Database
from documents.gstr1 import NotFileable, PortalSettings
from domain.errors import BahiError
from domain.exports import ExportKind
from domain.periods import india_date
from filing.books import Month, read_journal, read_month
from filing.export import (
    RegistrationRefused,
    duplicate_bundle,
    einvoice_bundle,
    gstr1_bundle,
    journal_bundle,
    register_bundle,
    write,
)
from filing.replies import Portal, bring_in
from filing.telling import say, tell_refusal, tell_registers, tell_return


def asked_for(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line, parsed; leaves with a message where it cannot be. `export` may be left out."""
    if arguments and arguments[0] in list(ExportKind):
        arguments = ["export", *arguments]
    parser = argparse.ArgumentParser(prog="bahi", description="Bahi beside its servers.")
    commands = parser.add_subparsers(dest="command", required=True)
    told = "the books as files for portal and accountant"
    export = commands.add_parser("export", help=told, description=told)
    kinds = export.add_subparsers(dest="kind", required=True)
    anything = argparse.ArgumentParser(add_help=False)
    anything.add_argument("--folder", type=Path, default=Path("out"), help="where files go (out)")
    monthly = argparse.ArgumentParser(add_help=False)
    monthly.add_argument("--gstin", default="", help="registration; the usual one unless given")
    monthly.add_argument("--period", required=True, help="month such as 2026-10")
    coded = argparse.ArgumentParser(add_help=False)
    coded.add_argument(
        "--sac", type=_described, action="append", default=[], metavar="CODE=TEXT",
        help="a service code beyond those set and known, with its text in the portal's master",
    )  # fmt: skip
    for kind, parents, told in (
        (ExportKind.GSTR1, [monthly, coded], "GSTR-1 file, summary, registers and reconciliation of a month"),
        (ExportKind.REGISTERS, [monthly, coded], "registers of a month, also of one the portal would refuse"),
        (ExportKind.DUPLICATES, [monthly], "the seller's own copies of a month's documents, as PDFs"),
        (ExportKind.EINVOICE, [monthly], "bulk INV-01 file of a month's documents that still need an IRN"),
    ):
        kinds.add_parser(kind, parents=[*parents, anything], help=told, description=told)
    told = "the ledger as CSV"
    books = kinds.add_parser(ExportKind.JOURNAL, parents=[anything], help=told, description=told)
    books.add_argument("--from", dest="first", type=_day, required=True, help="first day, 2026-10-01")
    books.add_argument("--to", dest="last", type=_day, required=True, help="last day, 2026-10-31")
    told = "the portal's answers to an einvoice file, verified and recorded"
    replies = commands.add_parser("einvoice-reply", help=told, description=told)
    replies.add_argument("file", type=Path, help="JSON list of answers, as downloaded from the portal")
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


async def export(
    asked: argparse.Namespace,
    database: Database,
    console: Console,
    now: datetime,
    *,
    settings: PortalSettings | None = None,
    e_invoicing: bool = False,
    logos: Mapping[str, bytes] = MappingProxyType({}),
) -> int:
    """Does what was asked. Exit code 1 if the portal would refuse it or books differ; see each kind.

    `settings`: of the portal's files; `--sac` adds to their codes. `e_invoicing`: the seller is above the
    limit. `logos`: sellers' pictures by their SHA-256. Raises InvalidInput, NotFound, Unavailable.
    """
    try:
        if asked.kind == ExportKind.JOURNAL:
            return await _journal(asked, database, console)
        settings = settings or PortalSettings()
        codes = {**settings.hsn_descriptions, **dict(getattr(asked, "sac", ()))}
        settings = replace(settings, hsn_descriptions=codes)
        month = await read_month(database, asked.gstin, asked.period, settings, e_invoicing=e_invoicing)
        folder = Path(asked.folder) / month.filing.gstin / month.filing.period
        if asked.kind == ExportKind.DUPLICATES:
            return _duplicates(month, folder, console, logos)
        if asked.kind == ExportKind.EINVOICE:
            return _einvoice(month, folder, console)
        if asked.kind == ExportKind.REGISTERS:
            return _registers(month, folder, console)
        return _gstr1(month, folder, console, india_date(now))
    except (NotFileable, RegistrationRefused) as refusal:
        tell_refusal(console, refusal)
        return 1


def _gstr1(month: Month, folder: Path, console: Console, today: date) -> int:
    made = gstr1_bundle(month, today)
    write(folder, made.files)
    tell_return(console, month, made, folder, today)
    return 1 if made.differences else 0


def _registers(month: Month, folder: Path, console: Console) -> int:
    made = register_bundle(month)
    write(folder, made.files)
    tell_registers(console, made, folder)
    return 1 if made.differences else 0


def _duplicates(month: Month, folder: Path, console: Console, logos: Mapping[str, bytes]) -> int:
    made = duplicate_bundle(month, logos)
    write(folder / ExportKind.DUPLICATES, made.files)
    say(console, f"{made.counts['documents']} copies for the supplier: {folder / ExportKind.DUPLICATES}")
    return 0


def _einvoice(month: Month, folder: Path, console: Console) -> int:
    filing, made = month.filing, einvoice_bundle(month)
    if not made.files:
        say(console, f"no document of {filing.gstin} in {filing.period} needs an IRN; nothing is written")
        return 0
    write(folder, made.files)
    counts = made.counts
    say(
        console,
        f"{counts['to_register']} of {counts['documents']} documents to register: {folder / made.upload}",
    )
    return 0


async def _journal(asked: argparse.Namespace, database: Database, console: Console) -> int:
    days, folder = Days(asked.first, asked.last), Path(asked.folder)
    made = journal_bundle(await read_journal(database, days), days)
    write(folder, made.files)
    (name,) = made.files
    counts = made.counts
    say(console, f"transactions: {counts['transactions']}, postings: {counts['postings']}; {folder / name}")
    return 0


async def _run(asked: argparse.Namespace, console: Console) -> int:
    from config import Settings  # only here: nothing else reads the environment
    from config.portal import portal_settings

    settings = Settings()
    if asked.command == "export" and asked.kind != ExportKind.JOURNAL:
        asked.gstin = asked.gstin or settings.registrations.chosen().seller.gstin
    database = Database.connect(settings.database_url.get_secret_value(), pool_size=1)
    now = datetime.now(UTC) + settings.test_clock_offset
    try:
        if asked.command == "einvoice-reply":
            portal = Portal(settings.irp_keys, settings.event_sinks)
            return await bring_in(asked.file, database, console, portal, now)
        return await export(
            asked,
            database,
            console,
            now,
            settings=portal_settings(settings),
            e_invoicing=settings.irp_enabled,
            logos=settings.logos,
        )
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
