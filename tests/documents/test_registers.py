"""What the accountant takes home, read back from the files."""

import csv
import io
from dataclasses import replace
from datetime import date
from xml.etree import ElementTree
from zipfile import ZipFile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from documents.figures import Figures, plain
from documents.gstr1 import Adjustment, Filing, Series
from documents.registers import (
    Column,
    JournalRow,
    Kind,
    Register,
    all_registers,
    as_csv,
    as_xlsx,
    credit_note_register,
    gstr3b,
    journal,
    lacking_irn,
    rounding_variance,
    sales_register,
)
from domain.document import DocumentKind, Original, Registration
from domain.errors import InvalidInput
from tests.documents.filings import EMBASSY, REGISTERED, SELLER, consumer, document, example

SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
FILING = example()


def read(register: Register) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(as_csv(register).decode("utf-8-sig"), newline="")))


def sheet_cells(book: bytes, sheet: int = 1) -> dict[str, tuple[str, str]]:
    """Cells by address: their type in the file (`s` a text, `n` a number, `f` a formula) and content."""
    with ZipFile(io.BytesIO(book)) as archive:
        texts = [
            "".join(part.text or "" for part in item.iter(f"{SHEET}t"))
            for item in ElementTree.fromstring(archive.read("xl/sharedStrings.xml"))
        ]
        root = ElementTree.fromstring(archive.read(f"xl/worksheets/sheet{sheet}.xml"))
    found = {}
    for cell in root.iter(f"{SHEET}c"):
        value = cell.findtext(f"{SHEET}v") or ""
        kind = "f" if cell.find(f"{SHEET}f") is not None else cell.get("t", "n")
        found[cell.get("r", "")] = kind, texts[int(value)] if kind == "s" else value
    return found


def test_the_sales_register_has_a_row_per_document_rate_and_code_whose_columns_can_be_summed() -> None:
    mixed = document(
        "A/1", date(2026, 1, 5), REGISTERED, [(1800, [500_00, 500_00]), (500, [500_00])], round_off=-50
    )
    other = replace(mixed, lines=(*mixed.lines[:1], replace(mixed.lines[1], sac="998313"), mixed.lines[2]))
    rows = read(sales_register([other]))
    assert [(row["SAC"], row["Rate %"], row["Taxable value"]) for row in rows] == [
        ("998315", "18.00", "500.00"),
        ("998313", "18.00", "500.00"),
        ("998315", "5.00", "500.00"),
    ]
    assert [row["Document total"] for row in rows] == [plain(other.amount.total_paise), "", ""]
    assert rows[0]["Round-off"] == "-0.50" and rows[0]["Date"] == "2026-01-05"
    assert rows[0]["Place of supply"] == "29" and rows[0]["GSTIN/UIN"] == REGISTERED.gstin


def test_the_example_month_is_in_the_registers() -> None:
    by_name = {register.name: read(register) for register in all_registers(FILING)}
    assert set(by_name) == {"sales", "credit_notes", "series", "hsn", "gstr3b", "advances", "rounding"}
    assert [row["Number"] for row in by_name["sales"]] == [f"RF25-26/0000{n}" for n in range(1, 9)]
    assert by_name["series"][0]["Cancelled numbers"] == "RF25-26/00009"
    assert [(row["Table"], row["Rate %"], row["Taxable value"]) for row in by_name["hsn"]] == [
        ("B2B", "18.00", "6065.33"),
        ("B2C", "18.00", "94683.22"),
        ("B2C", "0.00", "4073.05"),
    ]
    assert by_name["advances"][0] | {"Kind": ""} == {
        "Effect": "received", "Kind": "", "Number": "RV25-26/00001", "Date": "2026-01-25",
        "Receipt voucher": "RV25-26/00001", "of": "2026-01-25", "Place of supply": "27", "Rate %": "18.00",
        "Taxable value": "8474.58", "IGST": "1525.42", "CGST": "0.00", "SGST/UTGST": "0.00",
        "Line total": "10000.00",
    }  # fmt: skip


def test_credit_notes_stand_beside_their_originals() -> None:
    rows = read(credit_note_register(FILING.documents))
    assert [(row["Number"], row["Original number"], row["Original date"]) for row in rows] == [
        ("CN25-26/00001", "RF25-26/00001", "2026-01-05"),
        ("CN25-26/00002", "RF25-26/00004", "2026-01-08"),
    ]
    assert rows[0]["Original total"] == "942.82" and rows[0]["Lowers tax"] == "yes"
    late = replace(FILING.documents[8], gst_adjusting=False)
    assert read(credit_note_register([late]))[0]["Lowers tax"] == "no, past s.34(2)"


def test_gstr_3b_figures_follow_from_the_sections() -> None:
    rows = read(gstr3b(FILING))
    # b2b R + b2cl + b2cs + at − cdnr − cdnur, by hand from the example
    taxable = "104223.13"
    assert [tuple(row.values())[:1] + tuple(row.values())[2:] for row in rows] == [
        ("3.1(a)", taxable, "18020.01", "370.07", "370.07"),
        ("3.1(b)", "9073.05", "900.00", "0.00", "0.00"),
        ("3.1(c)", "0.00", "0.00", "0.00", "0.00"),
        ("3.2", "89991.00", "16198.38", "0.00", "0.00"),
        ("3.2", "846.61", "152.39", "0.00", "0.00"),
    ]
    assert "07 Delhi" in rows[3]["What"] and "27 Maharashtra" in rows[4]["What"]


def test_embassies_have_their_own_row_in_3_2() -> None:
    made = document("A/1", date(2026, 1, 5), EMBASSY)
    filing = Filing(SELLER.gstin, "2026-01", (made,), (Series(DocumentKind.TAX_INVOICE, "A/1", "A/1"),))
    assert read(gstr3b(filing))[-1]["What"] == "inter-State to UIN buyers in 07 Delhi"


def test_rounding_shows_what_each_document_and_the_b2cs_sum_leave() -> None:
    small = [document(f"A/{n}", date(2026, 1, 5), consumer("29"), [(1800, [5_50])]) for n in (1, 2, 3)]
    series = (Series(DocumentKind.TAX_INVOICE, "A/1", "A/3"),)
    rows = read(rounding_variance(Filing(SELLER.gstin, "2026-01", tuple(small), series)))
    assert [(row["Number or row"], row["Variance"]) for row in rows] == [("INTRA 29", "0.02")]
    off = replace(small[0], lines=(replace(small[0].lines[0], cgst_paise=51, sgst_paise=51),))
    told = read(rounding_variance(Filing(SELLER.gstin, "2026-01", (off,), series)))
    assert (told[0]["What"], told[0]["Number or row"], told[0]["Variance"]) == ("document", "A/1", "0.02")
    assert [(row["Number or row"], row["Round-off"]) for row in read(rounding_variance(FILING))] == [
        ("RF25-26/00006", "0.01")
    ]


def test_documents_without_irn_are_listed_where_e_invoicing_is_on() -> None:
    done = Registration("f" * 64, "1", "2026-01-05 10:00:00", "x.y.z")
    known = {"doc_RF25-26/00001": done}
    rows = read(lacking_irn(FILING.documents, known))
    assert [row["Number"] for row in rows] == [
        "RF25-26/00002", "RF25-26/00003", "RF25-26/00008", "CN25-26/00001",
    ]  # fmt: skip
    assert all_registers(FILING, known)[-1].name == "lacking_irn"
    assert read(sales_register(FILING.documents, known))[0]["IRN"] == "f" * 64


def test_an_advance_used_is_listed_with_its_invoice() -> None:
    used = Adjustment(
        Original("RV/0", date(2025, 12, 1), 94_282), "RF25-26/00007", FILING.documents[6].supply, 1800,
        Figures(79_900, igst_paise=14_382),
    )  # fmt: skip
    advances = all_registers(replace(FILING, adjustments=(used,)))[5]
    last = read(advances)[-1]
    assert (last["Effect"], last["Number"], last["Receipt voucher"]) == ("used", "RF25-26/00007", "RV/0")


RISKY = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =cmd|' /C calc'!A0", "＝1"]


@pytest.mark.parametrize("name", RISKY)
def test_a_name_never_becomes_a_formula(name: str) -> None:
    sale = document("A/1", date(2026, 1, 5), replace(REGISTERED, name=name))
    register = sales_register([sale])
    assert read(register)[0]["Buyer"] == f"'{name}"
    cells = sheet_cells(as_xlsx([register]))
    assert cells["D2"][0] == "s"
    assert not any(kind == "f" for kind, _ in cells.values())


def test_names_in_all_scripts_and_links_stay_as_they_are() -> None:
    for name in ('क्षितिज, "श्री"', "https://example.in", "A & <B>"):
        register = sales_register([document("A/1", date(2026, 1, 5), replace(REGISTERED, name=name))])
        assert read(register)[0]["Buyer"] == name
        assert sheet_cells(as_xlsx([register]))["D2"] == ("s", name)


def test_a_workbook_has_a_sheet_for_each_register_and_is_the_same_every_time() -> None:
    registers = all_registers(FILING, {})
    made = as_xlsx(registers)
    assert made == as_xlsx(registers)
    with ZipFile(io.BytesIO(made)) as archive:
        book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
        names = [sheet.get("name") for sheet in book.iter(f"{SHEET}sheet")]
    assert names == [register.name for register in registers]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-(10**14) + 1, 10**14 - 1), min_size=1, max_size=20))
def test_amounts_are_numbers_exact_to_the_paisa(amounts: list[int]) -> None:
    register = Register("money", (Column("Amount", Kind.MONEY),), tuple((paise,) for paise in amounts))
    cells = sheet_cells(as_xlsx([register]))
    for line, paise in enumerate(amounts, start=2):
        kind, content = cells[f"A{line}"]
        assert kind == "n"
        assert round(float(content) * 100) == paise and f"{float(content):.2f}" == plain(paise)
    assert [row["Amount"] for row in read(register)] == [plain(paise) for paise in amounts]


def test_the_journal_lists_balanced_transactions() -> None:
    day = date(2026, 1, 5)
    rows = [
        JournalRow(day, "txn_1", "gateway_clearing", 94_282, 0, "=RF25-26/00001"),
        JournalRow(day, "txn_1", "revenue", 0, 79_900),
        JournalRow(day, "txn_1", "output_igst", 0, 14_382),
    ]
    made = read(journal(rows))
    assert [(row["Account"], row["Debit"], row["Credit"]) for row in made] == [
        ("gateway_clearing", "942.82", "0.00"),
        ("revenue", "0.00", "799.00"),
        ("output_igst", "0.00", "143.82"),
    ]
    assert made[0]["Narration"] == "'=RF25-26/00001"
    with pytest.raises(InvalidInput, match=r"txn_1: debits and credits differ by ₹143\.82"):
        journal(rows[:2])
    with pytest.raises(InvalidInput, match="either a debit or a credit"):
        journal([JournalRow(day, "txn_1", "revenue", 1, 1)])
