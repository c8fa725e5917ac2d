"""Advances of one month that invoices of the next use up: Tables 11A and 11B, and books that agree."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from db import models
from db.ledger import post
from db.session import Database
from documents.tax_document_pdf import render
from domain.ledger import Account, Posting
from tests.activities.wallets import Purse
from tests.documents.reading import pages
from tests.filing.selling import consumer, october
from tests.filing.test_export import GSTIN, gstr1, portal, read_csv, summed

NOVEMBER = "2026-11"


@pytest.fixture
async def purse(database: Database) -> Purse:
    """Topped up twice in October and once in November, in which October's usage is billed."""
    made = Purse(database)
    await made.belongs_to(**consumer("27"))
    await made.fill(1_180_00)
    await made.fill(590_00, day=2)
    await made.draw(1_500_01)
    await made.bill()
    return made


async def filed(purse: Purse, folder: Path, period: str) -> tuple[dict[str, Any], Path]:
    code, screen = await gstr1(purse.database, folder, period)
    assert code == 0, screen
    assert "agree to the paisa" in screen
    return portal(folder / GSTIN / period), folder / GSTIN / period


async def test_an_advance_is_declared_when_it_comes_and_taken_off_when_it_is_used(
    purse: Purse, tmp_path: Path
) -> None:
    october_made, _ = await filed(purse, tmp_path, "2026-10")
    assert summed(october_made["at"], "ad_amt") == 1_500
    assert "txpd" not in october_made and "b2cs" not in october_made
    made, folder = await filed(purse, tmp_path, NOVEMBER)
    assert "at" not in made
    # ₹1,180.00 with its tax of ₹180.00, and ₹320.01 of the other one.
    (row,) = made["txpd"]
    assert (row["pos"], row["sply_ty"]) == ("27", "INTER")
    assert (summed(row, "ad_amt"), summed(row, "iamt")) == (Decimal("1271.19"), Decimal("228.81"))
    (sold,) = made["b2cs"]
    assert sold["txval"] + sold["iamt"] in (Decimal("1500.00"), Decimal("1500.01"), Decimal("1500.02"))
    third = {row["Table"]: row for row in read_csv(folder / "gstr3b.csv")}
    assert Decimal(third["3.1(a)"]["Taxable value"]) == sold["txval"] - Decimal("1271.19")
    used = [row for row in read_csv(folder / "advances.csv") if row["Effect"] == "used"]
    assert [row["Receipt voucher"] for row in used] == ["RV26-27/000001", "RV26-27/000002"]
    proof = {row["Amount"]: row for row in read_csv(folder / "reconciliation.csv")}
    assert proof["advances: money held"]["Ledger"] == "-1500.01"
    assert proof["advances: tax"]["Ledger"] == "-228.81"


async def test_an_advance_used_in_the_month_in_which_it_came_is_never_declared(
    database: Database, tmp_path: Path
) -> None:
    purse = Purse(database)
    await purse.belongs_to(**consumer("29"))
    await purse.fill(590_00)
    await purse.draw(590_00, month="2026-09")
    await purse.bill("2026-09", at=october(31))
    made, _ = await filed(purse, tmp_path, "2026-10")
    assert "at" not in made and "txpd" not in made
    assert summed(made["b2cs"], "txval") == 500


async def test_a_buyer_who_moved_has_the_advance_taken_off_where_it_was_declared(
    database: Database, tmp_path: Path
) -> None:
    purse = Purse(database)
    await purse.belongs_to(**consumer("29"))
    await purse.fill(1_180_00)
    async with database.transaction() as session:
        await session.execute(update(models.Customer).values(state_code="27"))
    await purse.draw(1_180_00)
    await purse.bill()
    made, _ = await filed(purse, tmp_path, NOVEMBER)
    assert made["txpd"] == [
        {
            "pos": "29",
            "sply_ty": "INTRA",
            "itms": [{"rt": 18, "ad_amt": 1000, "camt": 90, "samt": 90, "csamt": 0}],
        }
    ]
    (sold,) = made["b2cs"]
    assert (sold["pos"], sold["txval"], sold["iamt"]) == ("27", 1000, 180)


async def test_an_advance_that_is_adjusted_wrongly_in_the_ledger_is_named(
    purse: Purse, tmp_path: Path
) -> None:
    (invoice,) = await purse.documents("tax_invoice")
    async with purse.database.transaction() as session:
        await post(
            session, reference="by-hand/1", kind="correction", customer_id="cus_1", document_id=invoice.id,
            occurred_at=october(31),
            postings=(Posting(Account.SUSPENSE, 100), Posting(Account.WALLET, -100)),
        )  # fmt: skip
    code, screen = await gstr1(purse.database, tmp_path, NOVEMBER)
    assert code == 1
    assert "BH26-27/000001: money held -₹1,500.01 but posted -₹1,499.01" in screen


async def test_the_invoice_on_paper_says_which_vouchers_pay_it_and_asks_for_nothing(purse: Purse) -> None:
    (invoice,) = await purse.documents("tax_invoice")
    [page] = pages(render(invoice))
    for words in (
        "Usage beyond the plan, October 2026",
        "Paid from receipt voucher",
        "RV26-27/000001",
        "RV26-27/000002",
        "1,180.00",
        "320.01",
        "Nothing is to be paid",
    ):
        assert words in page
    assert "Amount due 0.00" in " ".join(page.split())
    assert "Pay by" not in page
