"""How pages hold together, and that nothing a customer writes can break them."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reportlab.pdfbase.pdfmetrics import stringWidth

from documents.fonts import BOLD, REGULAR, SEMIBOLD, plain_text
from documents.logo import MAX_BYTES, MAX_PIXELS, check_logo
from documents.tax_document_pdf import render
from domain.document import DocumentKind, TaxDocument
from domain.errors import InvalidInput
from domain.gst import tax_on_top
from tests.documents import samples
from tests.documents.reading import pages, searched, spellings, text

NOTE = "This is a computer-generated invoice and needs no signature."


@pytest.mark.parametrize("count", [1, 12])
def test_an_ordinary_invoice_has_one_page(count: int) -> None:
    assert len(pages(render(samples.with_lines(count)))) == 1


@pytest.mark.parametrize(
    "document",
    [
        samples.unpaid(), samples.of_two_rates(), samples.exported(), samples.credit_note(),
        samples.named("Ola", "1 MG Road"), samples.named("Kaveri & Sons " * 7, "Plot 9, " * 15),
    ],
)  # fmt: skip
def test_with_logo_and_all_it_has_one_page(document: TaxDocument) -> None:
    assert len(pages(render(document, logo=samples.logo()))) == 1
    assert len(pages(render(document, samples.REGISTRATION, logo=samples.logo()))) == 1


def test_many_lines_flow_over_pages_with_heading_and_number_on_each() -> None:
    said = pages(render(samples.with_lines(60)))
    assert len(said) == 3
    for number, page in enumerate(said, start=1):
        assert "Taxable value (₹)" in page
        assert f"Page {number} of 3" in page
        assert NOTE in page
        assert ("TAX INVOICE BH26-27/000042 (continued)" in page) == (number > 1)
    whole = " ".join(said)
    for number in range(1, 61):
        assert whole.count(f"Growth plan, seat {number}, monthly") == 1
    assert ["Reverse charge: No" in page for page in said] == [False, False, True]


@pytest.mark.parametrize("count", range(8, 60, 3))
def test_totals_stay_together_and_with_the_last_line(count: int) -> None:
    said = pages(render(samples.with_lines(count)))
    assert [("Reverse charge" in page) == ("AMOUNT IN WORDS" in page) for page in said]
    assert "Reverse charge" in said[-1]
    assert "AMOUNT IN WORDS" in said[-1]
    assert f"Growth plan, seat {count}, monthly" in said[-1], "totals stand alone"
    assert " ".join(said).count("Growth plan") == count


def test_a_description_longer_than_a_page_runs_on() -> None:
    tale = " ".join(f"word{number}" for number in range(1500))
    whole = text(samples.document(lines=(samples.line(84_661, tale),)))
    assert "word0 " in whole
    assert "word1499" in whole
    assert "₹999.00" in whole


def test_an_address_longer_than_a_page_runs_on() -> None:
    whole = text(samples.named("क " * 400, *("Plot 7, behind the old mill " * 9 for _ in range(40))))
    assert whole.count("Plot 7") == 360
    assert "₹999.00" in whole


@settings(max_examples=40, deadline=None)
@given(name=st.text(max_size=100), address=st.lists(st.text(max_size=120), max_size=4))
def test_no_name_or_address_can_break_the_page(name: str, address: list[str]) -> None:
    said = pages(render(samples.named(name, *address)))
    assert len(said) == 1
    assert "BH26-27/000042" in said[0]
    assert "₹999.00" in said[0]


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(min_codepoint=0x900, max_codepoint=0xD7F), min_size=1, max_size=60))
def test_any_mixture_of_indian_scripts_keeps_its_spelling(name: str) -> None:
    line = plain_text(name)
    assert spellings(render(samples.named(name))) == ([line] if line else [])


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
def test_markup_stays_text_wherever_it_is_written(name: str) -> None:
    buyer = replace(samples.BUYER, name=name, address_lines=(name,), city=name)
    lines = (samples.line(84_661, name),)
    pdf = render(samples.document(buyer=buyer, lines=lines, reason=name, payment_reference=name))
    assert "".join("".join(pages(pdf)).split()).count("".join(name.split())) == 6
    with pikepdf.open(BytesIO(pdf)) as opened:
        page = opened.pages[0]
        assert "/Annots" not in page
        assert "/XObject" not in page.Resources


def test_control_characters_and_bidi_tricks_are_not_drawn() -> None:
    assert plain_text("Asha\u202egnitekcaR\u202c\x00\n Ltd\x1b") == "Asha gnitekcaR Ltd"
    assert plain_text("  क्\u200dष ") == "क्\u200dष"
    assert "Asha Ltd" in text(samples.named("Asha\x1fLtd"))


def test_a_devanagari_name_is_shaped_and_still_carries_its_spelling() -> None:
    pdf = render(samples.named(samples.HINDI_NAME))
    assert spellings(pdf) == [samples.HINDI_NAME]
    assert samples.HINDI_NAME in searched(pdf)
    assert any("\ue000" <= glyph < "\uf8ff" for glyph in "".join(pages(pdf))), "no conjunct was formed"


@pytest.mark.parametrize("script", samples.SCRIPTS)
def test_names_in_other_scripts_of_india_are_shaped_in_a_face_of_their_own(script: str) -> None:
    name = samples.SCRIPTS[script]
    pdf = render(samples.named(name, f"{name} (India)"))
    assert spellings(pdf) == [name, f"{name} (India)"]
    assert f"{name} (India)" in searched(pdf)
    assert any("\ue000" <= glyph < "\uf8ff" for glyph in "".join(pages(pdf))), "no conjunct was formed"
    with pikepdf.open(BytesIO(pdf)) as opened:
        faces = {str(font.BaseFont).partition("+")[2] for font in opened.pages[0].Resources.Font.values()}
    assert {f"NotoSans{script}-Regular", f"NotoSans{script}-SemiBold"} <= faces


def test_two_scripts_in_one_word_are_each_set_in_their_own_face() -> None:
    pdf = render(samples.named("क्षஸ்ரீ"))
    assert spellings(pdf) == ["क्षஸ்ரீ"]
    assert "?" not in "".join(pages(pdf))


def test_a_script_without_a_face_shows_marks_and_keeps_its_spelling() -> None:
    pdf = render(samples.named("北京 Trading"))
    assert "?? Trading" in pages(pdf)[0]
    assert spellings(pdf) == ["北京 Trading"]


def test_crores_fit_their_columns() -> None:
    amount = tax_on_top("29", "27", 1800, 99_99_99_999_99)
    pdf = render(samples.document(amount, "27", kind=DocumentKind.REFUND_VOUCHER))
    said = searched(pdf)
    assert "1 99,99,99,999.99 18% 99,99,99,999.99" in said
    assert "Amount refunded ₹1,17,99,99,999.99" in said


def test_figures_have_one_width_so_that_columns_align() -> None:
    render(samples.document())
    for font in (REGULAR, SEMIBOLD, BOLD):
        assert len({stringWidth(figure, font, 10) for figure in "0123456789"}) == 1


def test_the_same_document_gives_the_same_bytes_whatever_was_rendered_before() -> None:
    names = [samples.HINDI_NAME, *samples.SCRIPTS.values()]
    hindi = samples.named(*names)
    first = render(hindi, logo=samples.logo())
    render(samples.named("गाँधी सूत्र उद्योग", *reversed(names)))
    assert render(hindi, logo=samples.logo()) == first
    script = (
        "import sys; from documents.tax_document_pdf import render; from tests.documents import samples;"
        "render(samples.named('श्री ज्ञानेश्वर', *reversed(samples.SCRIPTS.values())));"
        "names = [samples.HINDI_NAME, *samples.SCRIPTS.values()];"
        "sys.stdout.buffer.write(render(samples.named(*names), logo=samples.logo()))"
    )
    elsewhere = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONHASHSEED": "7", "TZ": "America/Lima", "SOURCE_DATE_EPOCH": "86400"},
    )  # fmt: skip
    assert elsewhere.stdout == first


def test_threads_that_render_at_once_do_not_disturb_each_other() -> None:
    asked = [samples.document(), samples.named(samples.HINDI_NAME), samples.with_lines(25)] * 6
    alone = [render(each) for each in asked[:3]] * 6
    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(render, asked)) == alone


@pytest.mark.parametrize(
    ("picture_format", "mode"),
    [("PNG", "RGBA"), ("PNG", "P"), ("PNG", "L"), ("JPEG", "RGB"), ("JPEG", "CMYK")],
)
def test_a_logo_of_any_colour_space_is_drawn_without_transparency(picture_format: str, mode: str) -> None:
    pdf = render(samples.document(), logo=samples.logo(picture_format, mode=mode))
    with pikepdf.open(BytesIO(pdf)) as opened:
        (picture,) = opened.pages[0].Resources.XObject.values()
        assert str(picture.ColorSpace) == "/DeviceRGB"
        assert (int(picture.Width), int(picture.Height)) == (640, 200)
        assert "/SMask" not in picture
        assert len(picture.read_bytes()) == 640 * 200 * 3


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "no PNG or JPEG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no PNG or JPEG"),
        (samples.logo("GIF", mode="P"), "no PNG or JPEG"),
        (samples.logo()[:-200], "no PNG or JPEG"),
        (samples.logo() + b"\0" * MAX_BYTES, "bytes"),
        (samples.logo(size=(4_001, MAX_PIXELS // 4_000), mode="L"), "pixels"),
    ],
    ids=["nothing", "svg", "gif", "cut", "heavy", "huge"],
)
def test_what_is_no_sane_picture_is_refused_as_logo(data: bytes, fault: str) -> None:
    with pytest.raises(InvalidInput, match=fault):
        check_logo(data)
