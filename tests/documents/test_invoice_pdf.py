"""The invoice on paper: what it says, how it looks to a machine, and that nothing can break it."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pikepdf
import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reportlab.pdfbase.pdfmetrics import stringWidth

from documents.fonts import BOLD, REGULAR, SEMIBOLD, plain_text
from documents.invoice_pdf import NOTE, amount_in_words, percent, render_invoice
from domain.gst import TaxHead, tax_inside, tax_on_top
from domain.invoice import TaxInvoice
from tests.documents import samples


def pages(pdf: bytes) -> list[str]:
    return [" ".join(page.extract_text().split()) for page in pypdf.PdfReader(BytesIO(pdf)).pages]


def text(invoice: TaxInvoice) -> str:
    return " ".join(pages(render_invoice(invoice)))


def test_every_fact_the_law_asks_for_can_be_read_and_searched() -> None:
    said = text(samples.invoice())
    for fact in (
        "TAX INVOICE", "ORIGINAL FOR RECIPIENT", "BH26-27/000042", "1 Apr 2026",
        "Meghdoot Software Private Limited", "29AAACI4798L1ZU", "12 Residency Road, Bengaluru 560025",
        "CIN: U72200KA2019PTC123456", "billing@meghdoot.example",
        "Kaveri Textiles LLP", "88 Race Course Road", "Mysuru 570010", "29AAGCB7383J1Z4",
        "State: Karnataka (29)", "PLACE OF SUPPLY", "1 Apr 2026 to 30 Apr 2026",
        "998315", "Basic plan, monthly subscription", "846.61",
        "CGST 9% 846.61 76.19", "SGST 9% 846.61 76.19", "₹999.00", "Reverse charge: No",
        "Nine hundred and ninety-nine rupees only", "pay_QZ8n2kT4uYx1Ab", "UPI", "Paid on 1 Apr 2026", NOTE,
        "Page 1 of 1",
    ):  # fmt: skip
        assert fact in said, fact
    assert "IGST" not in said


@pytest.mark.parametrize(
    ("seller_gstin", "place", "heads"),
    [
        ("29AAACI4798L1ZU", "29", {TaxHead.CGST: "9%", TaxHead.SGST: "9%"}),
        ("04AAACI4798L1Z6", "04", {TaxHead.CGST: "9%", TaxHead.UTGST: "9%"}),
        ("29AAACI4798L1ZU", "27", {TaxHead.IGST: "18%"}),
    ],
)
def test_each_tax_head_is_shown_with_rate_value_and_tax(
    seller_gstin: str, place: str, heads: dict[TaxHead, str]
) -> None:
    amount = tax_on_top(seller_gstin[:2], place, 1800, 4_999_00)
    seller = replace(samples.SELLER, gstin=seller_gstin)
    said = text(samples.invoice(amount, place, seller=seller))
    for head in TaxHead:
        figure = "449.91" if len(heads) == 2 else "899.82"
        row = f"{head} {heads.get(head)} 4,999.00 {figure}"
        assert (row in said) == (head in heads), row
    assert "₹5,898.82" in said


@pytest.mark.parametrize(("total", "shown"), [(99_900, "+0.01"), (29_900, "-0.01")])
def test_round_off_is_shown_with_its_sign(total: int, shown: str) -> None:
    assert f"Round-off {shown}" in text(samples.invoice(tax_inside("29", "29", 1800, total)))


def test_no_round_off_line_when_there_is_none() -> None:
    assert "Round-off" not in text(samples.invoice(tax_inside("29", "29", 1800, 49_900)))


def test_a_buyer_without_gstin_is_called_unregistered() -> None:
    buyer = replace(samples.BUYER, gstin="")
    assert "GSTIN: Unregistered" in text(samples.invoice(buyer=buyer))


def test_seller_facts_that_are_not_set_leave_no_label_behind() -> None:
    seller = replace(samples.SELLER, cin="", email="")
    said = text(samples.invoice(seller=seller))
    assert "CIN:" not in said
    assert "@" not in said


@pytest.mark.parametrize(
    ("paise", "spelled"),
    [
        (100, "One rupee only"),
        (99_900, "Nine hundred and ninety-nine rupees only"),
        (101, "One rupee, one paisa only"),
        (
            12_34_567_89,
            "Twelve lakh, thirty-four thousand, five hundred and sixty-seven rupees, eighty-nine paise only",
        ),
        (1_00_00_000_00, "One crore rupees only"),
    ],
)
def test_amounts_are_spelled_the_indian_way(paise: int, spelled: str) -> None:
    assert amount_in_words(paise) == spelled


@pytest.mark.parametrize(("rate_bp", "shown"), [(1800, "18%"), (900, "9%"), (250, "2.5%"), (25, "0.25%")])
def test_rates_are_printed_without_idle_zeros(rate_bp: int, shown: str) -> None:
    assert percent(rate_bp) == shown


def test_amounts_are_grouped_in_lakh_and_crore() -> None:
    said = text(samples.invoice(tax_on_top("29", "27", 1800, 1_23_45_678_90), "27"))
    assert "1,23,45,678.90" in said
    assert "₹1,45,67,901.10" in said


def test_the_same_invoice_gives_the_same_bytes_whatever_was_rendered_before() -> None:
    hindi = samples.named(samples.HINDI_NAME, "वाराणसी 221001")
    first = render_invoice(hindi)
    render_invoice(samples.named("गाँधी सूत्र उद्योग"))
    assert render_invoice(hindi) == first
    script = (
        "import sys; from documents.invoice_pdf import render_invoice; from tests.documents import samples;"
        "render_invoice(samples.named('श्री ज्ञानेश्वर'));"
        "sys.stdout.buffer.write(render_invoice(samples.named(samples.HINDI_NAME, 'वाराणसी 221001')))"
    )
    elsewhere = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True,
        cwd=Path(__file__).parents[2], env={**os.environ, "PYTHONHASHSEED": "7", "TZ": "America/Lima"},
    )  # fmt: skip
    assert elsewhere.stdout == first


def test_threads_that_render_at_once_do_not_disturb_each_other() -> None:
    asked = [samples.invoice(), samples.named(samples.HINDI_NAME), samples.with_lines(25)] * 6
    alone = [render_invoice(each) for each in asked[:3]] * 6
    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(render_invoice, asked)) == alone


def test_every_font_is_embedded() -> None:
    with pikepdf.open(BytesIO(render_invoice(samples.named(samples.HINDI_NAME)))) as pdf:
        fonts = [font for page in pdf.pages for _, font in page.Resources.Font.items()]
        assert fonts
        assert all("Mukta" in str(font.BaseFont) and "/FontFile2" in font.FontDescriptor for font in fonts)


def test_figures_have_one_width_so_that_columns_align() -> None:
    render_invoice(samples.invoice())
    for font in (REGULAR, SEMIBOLD, BOLD):
        assert len({stringWidth(figure, font, 10) for figure in "0123456789"}) == 1


def test_a_devanagari_name_is_shaped_and_still_carries_its_spelling() -> None:
    with pikepdf.open(BytesIO(render_invoice(samples.named(samples.HINDI_NAME)))) as pdf:
        instructions = pikepdf.parse_content_stream(pdf.pages[0], operators="BDC")
        marks = [each.operands[1]["/ActualText"] for each in instructions]
    assert [str(mark) for mark in marks] == [samples.HINDI_NAME]
    conjunct = chr(0xE000)
    glyphs = "".join(pages(render_invoice(samples.named(samples.HINDI_NAME))))
    assert any(conjunct <= glyph < "\uf8ff" for glyph in glyphs), "no conjunct was formed"


@pytest.mark.parametrize(
    "name",
    [
        "<b>Bold & Co</b>",
        '<img src="/etc/hostname" width="10" height="10"/>Trap',
        '<a href="javascript:alert(1)">Click</a>',
        '<para><font name="Nowhere">x</font></para>',
        "Rao & Sons &amp; Daughters &#x41;",
        "100 % <unfinished",
    ],
)
def test_markup_in_a_name_stays_text(name: str) -> None:
    pdf = render_invoice(samples.named(name, name))
    assert "".join(name.split()) in "".join("".join(pages(pdf)).split())
    with pikepdf.open(BytesIO(pdf)) as opened:
        page = opened.pages[0]
        assert "/Annots" not in page
        assert "/XObject" not in page.Resources


def test_metadata_tells_the_number_and_no_name() -> None:
    reader = pypdf.PdfReader(BytesIO(render_invoice(samples.invoice())))
    assert reader.metadata is not None
    told = " ".join(str(value) for value in reader.metadata.values())
    assert reader.metadata.title == "Tax invoice BH26-27/000042"
    for private in ("Kaveri", "Meghdoot", "29AAGCB7383J1Z4", "pay_"):
        assert private not in told
    assert str(reader.root_object["/Lang"]) == "en-IN"


@pytest.mark.parametrize("count", [1, 12])
def test_an_ordinary_invoice_has_one_page(count: int) -> None:
    assert len(pages(render_invoice(samples.with_lines(count)))) == 1


def test_many_lines_flow_over_pages_with_heading_and_number_on_each() -> None:
    invoice = samples.with_lines(60)
    said = pages(render_invoice(invoice))
    assert len(said) == 3
    for number, page in enumerate(said, start=1):
        assert "Taxable value (₹)" in page
        assert f"Page {number} of 3" in page
        assert NOTE in page
        assert ("BH26-27/000042 (continued)" in page) == (number > 1)
    whole = " ".join(said)
    for number in range(1, 61):
        assert whole.count(f"Growth plan, seat {number}, monthly") == 1
    assert ["Reverse charge: No" in page for page in said] == [False, False, True]


@pytest.mark.parametrize("count", range(13, 20))
def test_totals_and_amount_in_words_stay_together(count: int) -> None:
    said = pages(render_invoice(samples.with_lines(count)))
    assert [("Reverse charge" in page) == ("AMOUNT IN WORDS" in page) for page in said]
    assert "Reverse charge" in said[-1]
    assert "AMOUNT IN WORDS" in said[-1]


def test_a_description_longer_than_a_page_runs_on() -> None:
    tale = " ".join(f"word{number}" for number in range(1500))
    invoice = samples.invoice(lines=(samples.line(84_661, tale),))
    whole = text(invoice)
    assert "word0 " in whole
    assert "word1499" in whole
    assert "₹999.00" in whole


@settings(max_examples=40, deadline=None)
@given(name=st.text(max_size=100), address=st.lists(st.text(max_size=120), max_size=4))
def test_no_name_or_address_can_break_the_page(name: str, address: list[str]) -> None:
    said = pages(render_invoice(samples.named(name, *address)))
    assert len(said) == 1
    assert "BH26-27/000042" in said[0]
    assert "₹999.00" in said[0]


def test_control_characters_and_bidi_tricks_are_not_drawn() -> None:
    assert plain_text("Asha\u202egnitekcaR\u202c\x00\n Ltd\x1b") == "Asha gnitekcaR Ltd"
    assert plain_text("  क्\u200dष ") == "क्\u200dष"
