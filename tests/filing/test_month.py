"""A month of every kind of document, exported and held against the ledger."""

from decimal import Decimal
from pathlib import Path

import pytest

from db.ledger import post
from domain.document import DocumentKind
from domain.ledger import Account, Posting, credited
from tests.filing.selling import (
    BENGALURU_COMPANY,
    CHANDIGARH,
    MUMBAI_COMPANY,
    SEZ_UNIT,
    SINGAPORE_COMPANY,
    Shop,
    consumer,
    october,
)
from tests.filing.test_export import GSTIN, NOW, gstr1, nothing_in, portal, read_csv, run, summed

LATE = october(31).replace(month=12, day=5)
MARCH = october(10).replace(month=3)
SEPTEMBER = october(20).replace(month=9)
IRN = "f" * 64


@pytest.fixture
async def full_october(october_sales: Shop) -> Shop:
    """Every kind of document and of buyer; notes against four kinds of invoice; an advance of September."""
    shop = october_sales
    earlier = await shop.keep(consumer("27"), 5_000_00, SEPTEMBER)
    unit = await shop.sell(SEZ_UNIT, 49_999_00, october(31))
    abroad = await shop.sell(SINGAPORE_COMPANY, 40_730_50, october(31))
    assert (unit, abroad) == ("BH26-27/000007", "BH26-27/000008")
    await shop.credit("BH26-27/000001", october(31), 30_000)
    await shop.credit("BH26-27/000003", october(31))
    await shop.credit("BH26-27/000006", october(31), 1_000_00)
    await shop.credit(abroad, october(31), 10_000_00)
    await shop.issue_untaxed(DocumentKind.BILL_OF_SUPPLY, 499_00, october(31))
    await shop.issue_untaxed(DocumentKind.PROFORMA, 499_00, october(31))
    kept = await shop.keep(consumer("27"), 10_000_00, october(31))
    await shop.keep(consumer("29"), 1_180_00, october(31))
    await shop.give_back(kept, 4_000_00, october(31))
    await shop.give_back(earlier, 2_500_00, october(31))
    return shop


async def test_a_month_of_every_kind_is_filed_and_agrees_with_the_ledger(
    full_october: Shop, tmp_path: Path
) -> None:
    code, screen = await gstr1(full_october.database, tmp_path)
    made = portal(tmp_path / GSTIN / "2026-10")
    assert code == 0, screen
    assert "agree to the paisa" in screen
    types = {invoice["inv_typ"] for buyer in made["b2b"] for invoice in buyer["inv"]}
    assert types == {"R", "SEWOP"}
    assert [group["exp_typ"] for group in made["exp"]] == ["WOPAY"]
    assert [note["val"] for buyer in made["cdnr"] for note in buyer["nt"]] == [300]
    assert [(note["typ"], note["val"]) for note in made["cdnur"]] == [
        ("B2CL", Decimal("118000.01")), ("EXPWOP", 10_000),
    ]  # fmt: skip
    (at_home,) = [row for row in made["b2cs"] if row["pos"] == "29"]
    assert at_home["txval"] < Decimal("799.00") / Decimal("1.18") + Decimal("3999.01") / Decimal("1.18")
    assert made["nil"]["inv"] == [{"sply_ty": "INTRAB2C", "expt_amt": 499, "nil_amt": 0, "ngsup_amt": 0}]
    assert {row["pos"]: summed(row, "ad_amt") for row in made["at"]} == {
        "27": Decimal("5084.75"), "29": Decimal(1_000),
    }  # fmt: skip
    assert {row["pos"]: summed(row, "ad_amt") for row in made["txpd"]} == {"27": Decimal("2118.64")}
    issued = {part["doc_typ"]: [row["net_issue"] for row in part["docs"]]
              for part in made["doc_issue"]["doc_det"]}  # fmt: skip
    assert issued == {
        "Invoices for outward supply": [1, 8], "Credit Note": [4],
        "Receipt Voucher": [2], "Refund Voucher": [2],
    }  # fmt: skip


async def test_registers_of_a_full_month_say_what_its_return_says(full_october: Shop, tmp_path: Path) -> None:
    await gstr1(full_october.database, tmp_path)
    folder = tmp_path / GSTIN / "2026-10"
    made = portal(folder)
    notes, advances = read_csv(folder / "credit_notes.csv"), read_csv(folder / "advances.csv")
    assert [row["Original number"][-1] for row in notes] == ["1", "3", "6", "8"]
    assert [row["Effect"] for row in advances] == ["returned", "returned", "received", "received"]
    third = {row["Table"] + row["What"][:24]: row for row in read_csv(folder / "gstr3b.csv")}
    zero_rated = summed(made["exp"], "txval") - Decimal(10_000) + Decimal(49_999)
    assert Decimal(third["3.1(b)Outward taxable supplies"]["Taxable value"]) == zero_rated
    proof = {row["Amount"]: row for row in read_csv(folder / "reconciliation.csv")}
    for name in ("taxable value", "IGST", "CGST", "SGST/UTGST", "advances: tax"):
        assert proof[name]["Documents"] == proof[name]["GSTR-1 sections"] == proof[name]["Ledger"], name
    assert proof["advances: money held"]["Ledger"] == "4680.00"
    kinds = {(row["Kind"], row["Issued"]) for row in read_csv(folder / "series.csv")}
    assert ("refund voucher", "2") in kinds and not any(kind == "proforma" for kind, _ in kinds)
    assert not (folder / "lacking_irn.csv").exists()


async def test_an_advance_posted_wrongly_is_named(full_october: Shop, tmp_path: Path) -> None:
    row = await full_october.row("RV26-27/000002")
    async with full_october.database.transaction() as session:
        await post(
            session, reference="by-hand/1", kind="correction", customer_id=row.customer_id,
            document_id=row.id, occurred_at=october(31),
            postings=(Posting(Account.SUSPENSE, 100), Posting(Account.WALLET, -100)),
        )  # fmt: skip
    code, screen = await gstr1(full_october.database, tmp_path)
    assert code == 1
    assert "RV26-27/000002: money held ₹10,000.00 but posted ₹10,001.00" in screen


async def test_a_note_past_the_limit_is_in_the_books_and_in_no_section(shop: Shop, tmp_path: Path) -> None:
    old = await shop.sell(BENGALURU_COMPANY, 1_180_00, MARCH)
    late = await shop.credit(old, LATE, 590_00)
    sold = await shop.sell(MUMBAI_COMPANY, 1_180_00, LATE)
    code, screen = await run(
        shop.database, "export", "gstr1", "--gstin", GSTIN, "--period", "2026-12",
        "--folder", str(tmp_path), now=LATE,
    )  # fmt: skip
    folder = tmp_path / GSTIN / "2026-12"
    (file,) = folder.glob("returns_*.json")
    assert code == 0, screen
    assert "cdnr" not in file.read_text() and late in file.read_text() and sold in file.read_text()
    assert f"{late} is past the limit of s.34(2)" in (folder / "summary.md").read_text()
    (taxable,) = [row for row in read_csv(folder / "reconciliation.csv") if row["Amount"] == "taxable value"]
    assert (taxable["Not filed"], taxable["Ledger"]) == ("-590.00", "410.00")
    assert read_csv(folder / "credit_notes.csv")[0]["Lowers tax"] == "no, past s.34(2)"


async def test_notes_and_vouchers_of_each_registration_are_filed_apart(
    full_october: Shop, tmp_path: Path
) -> None:
    shop = full_october
    number = await shop.sell(consumer("04"), 1_180_00, october(31), CHANDIGARH)
    await shop.credit(number, october(31), 118_00, CHANDIGARH)
    await shop.keep(consumer("04"), 118_00, october(31), CHANDIGARH)
    code, screen = await gstr1(shop.database, tmp_path, gstin=CHANDIGARH.gstin)
    assert code == 0, screen
    assert [len(read_csv(tmp_path / CHANDIGARH.gstin / "2026-10" / f"{name}.csv"))
            for name in ("sales", "credit_notes", "advances")] == [1, 1, 1]  # fmt: skip
    code, screen = await gstr1(shop.database, tmp_path)
    assert code == 0, screen
    assert len(read_csv(tmp_path / GSTIN / "2026-10" / "credit_notes.csv")) == 4


async def test_a_cancelled_e_invoice_is_void_once_its_postings_are_reversed(
    october_sales: Shop, tmp_path: Path
) -> None:
    shop, number = october_sales, "BH26-27/000002"
    await shop.portal_says("BH26-27/000001", "registered", irn=IRN)
    await shop.portal_says(number, "cancelled", irn="e" * 64, cancel_reason="2")
    code, screen = await gstr1(shop.database, tmp_path)
    assert code == 1
    assert f"{number}: cancelled at the invoice portal, but the ledger still has ₹8,473.73 and tax" in screen
    row = await shop.row(number)
    void = await shop.document(row.id)
    async with shop.database.transaction() as session:
        await post(
            session, reference=f"cancelled/{row.id}", kind="cancelled", customer_id=row.customer_id,
            document_id=row.id, occurred_at=october(3), postings=credited(void.amount, Account.SUSPENSE),
        )  # fmt: skip
    code, screen = await gstr1(shop.database, tmp_path)
    folder = tmp_path / GSTIN / "2026-10"
    assert code == 0, screen
    assert "numbers BH26-27/000001 to BH26-27/000006: 6, cancelled: 1" in screen
    run_of_numbers = portal(folder)["doc_issue"]["doc_det"][0]["docs"][0]
    assert (run_of_numbers["totnum"], run_of_numbers["cancel"], run_of_numbers["net_issue"]) == (6, 1, 5)
    assert [buyer["ctin"] for buyer in portal(folder)["b2b"]] == ["29AAACT1111A1Z5"]
    assert read_csv(folder / "series.csv")[0]["Cancelled numbers"] == number
    assert number not in {row["Number"] for row in read_csv(folder / "sales.csv")}


async def test_what_lacks_an_irn_is_listed_and_alone_sent_again(october_sales: Shop, tmp_path: Path) -> None:
    shop = october_sales
    await shop.portal_says("BH26-27/000001", "registered", irn=IRN)
    await shop.portal_says("BH26-27/000002", "refused", refusal="3028: GSTIN is not present")
    note = await shop.credit("BH26-27/000001", october(31), 118_00)
    await shop.portal_says(note, "registered", irn="d" * 64)
    month = ("--gstin", GSTIN, "--period", "2026-10", "--folder", str(tmp_path))
    code, screen = await run(shop.database, "einvoice", *month)
    assert (code, "1 of 7 documents" in screen) == (0, True)
    await run(shop.database, "registers", *month)
    folder = tmp_path / GSTIN / "2026-10"
    (lacking,) = read_csv(folder / "lacking_irn.csv")
    assert (lacking["Number"], lacking["The portal said"]) == ("BH26-27/000002", "3028: GSTIN is not present")
    assert read_csv(folder / "sales.csv")[0]["IRN"] == IRN
    assert read_csv(folder / "credit_notes.csv")[0]["IRN"] == "d" * 64


async def test_registers_are_there_for_a_month_that_the_portal_would_refuse(
    october_sales: Shop, tmp_path: Path
) -> None:
    number = await october_sales.sell({**BENGALURU_COMPANY, "gstin": "29AAACT1111A1Z6"}, 99_900, october(31))
    month = ("--gstin", GSTIN, "--period", "2026-10", "--folder", str(tmp_path))
    code, _ = await run(october_sales.database, "gstr1", *month)
    assert (code, nothing_in(tmp_path)) == (1, True)
    code, screen = await run(october_sales.database, "registers", *month, now=NOW)
    folder = tmp_path / GSTIN / "2026-10"
    assert code == 1
    assert f"{number}: the buyer's GSTIN" in screen
    assert len(read_csv(folder / "sales.csv")) == 7
    assert not list(folder.glob("returns_*")) and not (folder / "reconciliation.csv").exists()
