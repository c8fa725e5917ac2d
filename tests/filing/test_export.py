"""The command line over real books: files read back, sums against the database, refusals."""

import csv
import json
import os
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from zipfile import ZipFile

import pytest
from rich.console import Console
from sqlalchemy import text

from db.filing_reads import documents_issued, numbers_taken, snapshot
from db.ledger import post
from db.session import Database
from domain.errors import InvalidInput, NotFound
from domain.ledger import Account, Posting
from filing.__main__ import asked_for, export
from filing.books import days_of, read_month
from filing.telling import sections
from tests.documents.reading import pages
from tests.filing.selling import BENGALURU_COMPANY, CHANDIGARH, KARNATAKA, Shop, consumer, october

ROOT = Path(__file__).resolve().parents[2]
GSTIN = KARNATAKA.gstin
NOW = datetime(2026, 11, 5, 6, 30, tzinfo=UTC)
PORTAL_NAME = f"returns_5112026_R1_{GSTIN}_offline.json"
_SHEETS = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}sheet"


async def run(database: Database, *arguments: str, now: datetime = NOW) -> tuple[int, str]:
    """Exit code and what is on the screen."""
    screen = StringIO()
    code = await export(asked_for(arguments), database, Console(file=screen, width=100), now)
    return code, screen.getvalue()


async def gstr1(
    database: Database, out: Path, period: str = "2026-10", gstin: str = GSTIN
) -> tuple[int, str]:
    return await run(database, "gstr1", "--gstin", gstin, "--period", period, "--folder", str(out))


def read_csv(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(path.read_bytes().decode("utf-8-sig"))))


def nothing_in(folder: Path) -> bool:
    return list(folder.iterdir()) == []


def portal(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((folder / PORTAL_NAME).read_bytes(), parse_float=Decimal)
    return read


def summed(part: Any, key: str) -> Decimal:
    if isinstance(part, list):
        return sum((summed(each, key) for each in part), Decimal(0))
    if isinstance(part, dict):
        own = Decimal(part.get(key, 0))
        return own + sum((summed(each, key) for each in part.values()), Decimal(0))
    return Decimal(0)


async def issued_sums(database: Database) -> list[Decimal]:
    """Taxable value, IGST, CGST, SGST of all invoices, as their columns say."""
    columns = ("taxable_paise", "igst_paise", "cgst_paise", "sgst_paise + utgst_paise")
    query = text(f"SELECT {', '.join(f'sum({column})' for column in columns)} FROM documents")
    async with database.reading() as session:
        return [Decimal(paise) / 100 for paise in (await session.execute(query)).one()]


async def test_a_month_becomes_a_return_whose_sums_are_those_of_the_invoices(
    october_sales: Shop, tmp_path: Path
) -> None:
    code, screen = await gstr1(october_sales.database, tmp_path)
    folder = tmp_path / GSTIN / "2026-10"
    made, sums = portal(folder), await issued_sums(october_sales.database)
    assert code == 0
    assert (made["gstin"], made["fp"]) == (GSTIN, "102026")
    assert {entry["ctin"] for entry in made["b2b"]} == {"29AAACT1111A1Z5", "27AAACT2222B1Z1"}
    assert [entry["pos"] for entry in made["b2cl"]] == ["07"]
    assert {(row["pos"], row["sply_ty"]) for row in made["b2cs"]} == {("04", "INTER"), ("29", "INTRA")}
    run_of_numbers = made["doc_issue"]["doc_det"][0]["docs"][0]
    assert (run_of_numbers["from"], run_of_numbers["to"]) == ("BH26-27/000001", "BH26-27/000006")
    supplies = [made[section] for section in ("b2b", "b2cl", "b2cs")]
    for books in (supplies, made["hsn"]):
        assert [summed(books, key) for key in ("txval", "iamt", "camt", "samt")] == sums
    assert "agree to the paisa" in screen
    assert str(folder / PORTAL_NAME) in screen
    assert "b2cl" in screen and "₹1,00,000.01" in screen


async def test_registers_and_workbook_say_what_the_return_says(october_sales: Shop, tmp_path: Path) -> None:
    await gstr1(october_sales.database, tmp_path)
    folder = tmp_path / GSTIN / "2026-10"
    sales = read_csv(folder / "sales.csv")
    sums = await issued_sums(october_sales.database)
    columns = ("Taxable value", "IGST", "CGST", "SGST/UTGST")
    assert [sum(Decimal(row[name]) for row in sales) for name in columns] == sums
    assert [row["Number"] for row in sales] == [f"BH26-27/{count:06d}" for count in range(1, 7)]
    assert sales[1]["Buyer"] == "'=Sahyadri & Sons"
    proof = read_csv(folder / "reconciliation.csv")
    assert [row["Ledger"] for row in proof][:4] == [row["Documents"] for row in proof][:4]
    assert not any(row["Difference"] for row in proof)
    assert read_csv(folder / "series.csv")[0]["Issued"] == "6"
    with ZipFile(BytesIO((folder / "registers.xlsx").read_bytes())) as book:
        sheets = [
            sheet.get("name") for sheet in ElementTree.fromstring(book.read("xl/workbook.xml")).iter(_SHEETS)
        ]
    assert {f"{sheet}.csv" for sheet in sheets} == {path.name for path in folder.glob("*.csv")}
    assert "b2cs" in (folder / "summary.md").read_text()


@pytest.mark.parametrize("width", [100, 80, 60])
async def test_large_sums_are_never_cut_off(shop: Shop, width: int) -> None:
    await shop.sell(consumer("07"), 1_18_00_00_000_00, october(1))
    month, screen = await read_month(shop.database, GSTIN, "2026-10"), StringIO()
    Console(file=screen, width=width).print(sections(month.filing))
    assert "…" not in screen.getvalue()
    assert width < 100 or screen.getvalue().count("₹1,00,00,00,000.00") == 2


async def test_the_month_is_that_of_india(shop: Shop, tmp_path: Path) -> None:
    await shop.sell(consumer("29"), 99_900, datetime(2026, 9, 30, 18, 29, tzinfo=UTC))
    await shop.sell(consumer("29"), 99_900, datetime(2026, 9, 30, 18, 30, tzinfo=UTC))
    await shop.sell(consumer("29"), 99_900, datetime(2026, 10, 31, 18, 29, tzinfo=UTC))
    await shop.sell(consumer("29"), 99_900, datetime(2026, 10, 31, 18, 30, tzinfo=UTC))
    code, _ = await gstr1(shop.database, tmp_path)
    series = read_csv(tmp_path / GSTIN / "2026-10" / "series.csv")
    assert code == 0
    assert [(row["From"], row["To"]) for row in series] == [("BH26-27/000002", "BH26-27/000003")]


async def test_a_changed_prefix_makes_a_second_series(october_sales: Shop, tmp_path: Path) -> None:
    for day in (30, 31):
        await october_sales.sell(consumer("29"), 99_900, october(day), prefix="B")
    code, screen = await gstr1(october_sales.database, tmp_path)
    series = read_csv(tmp_path / GSTIN / "2026-10" / "series.csv")
    assert code == 0, screen
    assert [(row["From"], row["To"]) for row in series] == [
        ("B26-27/000001", "B26-27/000002"),
        ("BH26-27/000001", "BH26-27/000006"),
    ]


async def test_what_is_sold_during_an_export_waits_for_the_next(october_sales: Shop) -> None:
    database = october_sales.database
    async with snapshot(database) as session:
        before = await numbers_taken(session, GSTIN, days_of("2026-10"))
        await october_sales.sell(consumer("29"), 99_900, october(31))
        assert len(await documents_issued(session, GSTIN, days_of("2026-10"))) == 6
    async with snapshot(database) as session:
        assert len(await documents_issued(session, GSTIN, days_of("2026-10"))) == 7
    assert [run.last for run in before] == ["BH26-27/000006"]


async def test_each_registration_files_its_own_documents(october_sales: Shop, tmp_path: Path) -> None:
    await october_sales.sell(consumer("04"), 99_900, october(5), CHANDIGARH)
    for gstin, documents in ((GSTIN, 6), (CHANDIGARH.gstin, 1)):
        code, screen = await gstr1(october_sales.database, tmp_path, gstin=gstin)
        assert code == 0, screen
        assert len(read_csv(tmp_path / gstin / "2026-10" / "sales.csv")) == documents
    union = read_csv(tmp_path / CHANDIGARH.gstin / "2026-10" / "sales.csv")[0]
    assert union["CGST"] == union["SGST/UTGST"] != "0.00"


async def test_a_document_the_portal_would_refuse_is_named_and_nothing_is_written(
    october_sales: Shop, tmp_path: Path
) -> None:
    mistyped = {**BENGALURU_COMPANY, "gstin": "29AAACT1111A1Z6"}
    number = await october_sales.sell(mistyped, 99_900, october(31))
    code, screen = await gstr1(october_sales.database, tmp_path)
    assert code == 1
    assert f"{number}: the buyer's GSTIN" in screen
    assert "check digit" in screen and "nothing is written" in screen
    assert nothing_in(tmp_path)


async def test_a_number_lost_at_the_end_of_a_month_is_a_fault_of_it(
    october_sales: Shop, tmp_path: Path
) -> None:
    async with october_sales.database.transaction() as session:
        await session.execute(text("UPDATE number_series SET last_number = 8"))
    code, screen = await gstr1(october_sales.database, tmp_path)
    assert code == 1
    assert "BH26-27/000007: the number is neither on a document" in screen
    assert "BH26-27/000008" in screen
    assert nothing_in(tmp_path)


async def test_a_posting_that_no_document_explains_is_told(october_sales: Shop, tmp_path: Path) -> None:
    async with october_sales.database.transaction() as session:
        postings = [Posting(Account.REVENUE, -5_000), Posting(Account.SUSPENSE, 5_000)]
        await post(
            session,
            reference="by-hand/1",
            kind="correction",
            customer_id="cus_1",
            occurred_at=october(12),
            postings=postings,
        )
    code, screen = await gstr1(october_sales.database, tmp_path)
    assert code == 1
    assert "taxable value: the ledger has ₹50.00 more" in screen
    proof = read_csv(tmp_path / GSTIN / "2026-10" / "reconciliation.csv")
    assert any("no document" in row["Difference"] for row in proof)


async def test_a_month_without_sales_is_a_nil_return(october_sales: Shop, tmp_path: Path) -> None:
    code, _ = await gstr1(october_sales.database, tmp_path, "2026-11")
    made = portal(tmp_path / GSTIN / "2026-11")
    assert code == 0
    assert set(made) == {"gstin", "fp", "version", "hash"}


async def test_a_month_that_is_not_over_says_so(october_sales: Shop, tmp_path: Path) -> None:
    arguments = ("gstr1", "--gstin", GSTIN, "--period", "2026-10", "--folder", str(tmp_path))
    _, early = await run(october_sales.database, *arguments, now=october(31))
    _, late = await run(october_sales.database, *arguments)
    assert "2026-10 is not over" in early
    assert "not over" not in late


@pytest.mark.parametrize("period", ["2026-13", "102026", "2026-1", ""])
async def test_a_period_that_is_no_month_is_refused(october_sales: Shop, tmp_path: Path, period: str) -> None:
    with pytest.raises(InvalidInput, match="give year and month as 2026-10"):
        await gstr1(october_sales.database, tmp_path, period)


async def test_a_gstin_that_issued_nothing_is_refused_and_those_that_did_are_named(
    october_sales: Shop, tmp_path: Path
) -> None:
    with pytest.raises(NotFound, match=GSTIN):
        await gstr1(october_sales.database, tmp_path, gstin=CHANDIGARH.gstin)
    with pytest.raises(InvalidInput, match="check digit"):
        await gstr1(october_sales.database, tmp_path, gstin="29AAACT9999Z1ZF")


async def test_the_journal_balances_and_holds_the_days_asked_for(october_sales: Shop, tmp_path: Path) -> None:
    days = ("--from", "2026-10-02", "--to", "2026-10-31", "--folder", str(tmp_path))
    code, screen = await run(october_sales.database, "journal", *days)
    rows = read_csv(tmp_path / "journal_2026-10-02_2026-10-31.csv")
    assert code == 0
    assert "transactions: 5" in screen
    assert sum(Decimal(row["Debit"]) for row in rows) == sum(Decimal(row["Credit"]) for row in rows) > 0
    assert rows[0]["Narration"] == "sale BH26-27/000002"
    assert {row["Date"] for row in rows} == {f"2026-10-{day:02d}" for day in (2, 9, 15, 20, 31)}
    with pytest.raises(InvalidInput, match="is before"):
        await run(october_sales.database, "journal", "--from", "2026-10-02", "--to", "2026-10-01")
    with pytest.raises(InvalidInput, match="from 2017 on"):
        await run(october_sales.database, "journal", "--from", "2026-10-02", "--to", "9999-12-31")


async def test_companies_are_sent_to_the_invoice_portal_and_consumers_are_not(
    october_sales: Shop, tmp_path: Path
) -> None:
    month = ("--gstin", GSTIN, "--period", "2026-10", "--folder", str(tmp_path))
    code, screen = await run(october_sales.database, "einvoice", *month)
    requests = json.loads((tmp_path / GSTIN / "2026-10" / f"einvoice_{GSTIN}_2026-10.json").read_bytes())
    assert code == 0
    assert "2 of 6 documents" in screen
    assert [each["DocDtls"]["No"] for each in requests] == ["BH26-27/000001", "BH26-27/000002"]
    assert (requests[0]["SellerDtls"]["Loc"], requests[0]["SellerDtls"]["Pin"]) == ("Bengaluru", 560025)
    assert (requests[1]["BuyerDtls"]["Loc"], requests[1]["BuyerDtls"]["Pin"]) == ("Mumbai", 400001)


async def test_every_document_that_cannot_be_registered_is_named(shop: Shop, tmp_path: Path) -> None:
    nowhere = {**BENGALURU_COMPANY, "city": "", "pin": ""}
    numbers = [await shop.sell(nowhere, 99_900, october(day)) for day in (1, 2)]
    month = ("--gstin", GSTIN, "--period", "2026-10", "--folder", str(tmp_path))
    code, screen = await run(shop.database, "einvoice", *month)
    assert code == 1
    assert all(f"{number}: " in screen for number in numbers)
    assert nothing_in(tmp_path)


def with_interpreter(folder: Path) -> Path:
    """A folder for commands that has this interpreter, packages and all."""
    folder.mkdir(parents=True)
    (folder / "python").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    (folder / "python").chmod(0o755)
    return folder


def ran(*command: str | Path, folder: Path, **settings: str) -> "subprocess.CompletedProcess[str]":
    others = {name: value for name, value in os.environ.items() if not name.startswith("BAHI_")}
    return subprocess.run(
        command, cwd=folder, env={**others, **settings}, capture_output=True, text=True, check=False
    )


async def test_the_command_works_as_typed_from_any_folder_and_finds_the_local_stack(
    october_sales: Shop, database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "db").mkdir()  # no module of ours, though it is in the folder that it is typed in
    (tmp_path / "db" / "__init__.py").touch()
    home, bahi = tmp_path / "home", with_interpreter(tmp_path / "bin") / "bahi"
    bahi.symlink_to(ROOT / "filing" / "bahi")
    home.mkdir()
    (home / "settings.env").write_text(f"BAHI_DATABASE_URL={shlex.quote(database_url)}\n")
    typed = ("export", "gstr1", "--gstin", GSTIN, "--period", "2026-10")
    done = ran(bahi, *typed, folder=tmp_path, BAHI_HOME=str(home))
    assert done.returncode == 0, done.stderr
    assert "agree to the paisa" in done.stdout
    assert list((tmp_path / "out" / GSTIN / "2026-10").glob("returns_*.json"))


def test_an_environment_that_stood_before_the_command_gets_it_too(tmp_path: Path) -> None:
    bin_folder = with_interpreter(tmp_path / ".venv" / "bin")
    for name in ("local/install.sh", "filing/bahi", "requirements.lock"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    mark = "cksum < requirements.lock; .venv/bin/python -c 'import sys; print(sys.version, sys.prefix)'"
    subprocess.run(f"({mark}) > .venv/installed", shell=True, check=True, cwd=tmp_path)
    subprocess.run(["sh", "local/install.sh", "requirements.lock"], check=True, cwd=tmp_path)
    assert (bin_folder / "bahi").resolve() == (tmp_path / "filing" / "bahi").resolve()
    assert os.access(bin_folder / "bahi", os.X_OK)


async def test_the_command_itself_reads_its_settings_and_says_what_is_wrong(
    october_sales: Shop, database_url: str, tmp_path: Path
) -> None:
    settings = {
        "BAHI_DATABASE_URL": database_url,
        "BAHI_SELLER_GSTIN": GSTIN,
        "BAHI_GSTR1_VERSION": "GST3.3.0",
        "BAHI_SAC_DESCRIPTIONS": '{"998315": "Hosting, as the master has it now"}',
    }

    def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return ran(
            sys.executable, "-m", "filing", *arguments, "--folder", str(tmp_path), folder=ROOT, **settings
        )

    done = command("gstr1", "--period", "2026-10")
    assert done.returncode == 0, done.stderr
    assert "agree to the paisa" in done.stdout
    (written,) = (tmp_path / GSTIN / "2026-10").glob("returns_*.json")
    made = json.loads(written.read_bytes())
    assert made["version"] == "GST3.3.0"
    assert {row["desc"] for row in made["hsn"]["hsn_b2b"]} == {"Hosting, as the master has it now"}
    refused = command("gstr1", "--period", "October")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "'October' is not a month" in refused.stderr
    unread = command("journal", "--from", "yesterday", "--to", "2026-10-31")
    assert unread.returncode == 2
    assert "'yesterday' is not a day" in unread.stderr


async def test_the_suppliers_copies_of_a_month_are_marked_as_such(
    october_sales: Shop, tmp_path: Path
) -> None:
    arguments = ("export", "duplicates", "--gstin", GSTIN, "--period", "2026-10", "--folder", str(tmp_path))
    code, screen = await run(october_sales.database, *arguments)
    folder = tmp_path / GSTIN / "2026-10" / "duplicates"
    assert (code, sorted(each.name for each in folder.iterdir())) == (
        0,
        [f"BH26-27-{count:06d}.pdf" for count in range(1, 7)],
    )
    assert "6 copies for the supplier" in screen
    assert "DUPLICATE FOR SUPPLIER" in pages((folder / "BH26-27-000001.pdf").read_bytes())[0]
