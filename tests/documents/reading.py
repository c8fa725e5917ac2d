"""Reading a PDF back, as a person, a search and an archive do."""

from io import BytesIO

import pikepdf
import pypdf
import pypdfium2
import zxingcpp

from documents.tax_document_pdf import render
from domain.document import Registration, TaxDocument


def pages(pdf: bytes) -> list[str]:
    """The text of each page, with single spaces."""
    return [" ".join(page.extract_text().split()) for page in pypdf.PdfReader(BytesIO(pdf)).pages]


def text(document: TaxDocument, registration: Registration | None = None) -> str:
    """What the whole document says."""
    return " ".join(pages(render(document, registration)))


def spellings(pdf: bytes) -> list[str]:
    """What shaped text is searched and copied as (ActualText)."""
    with pikepdf.open(BytesIO(pdf)) as opened:
        return [
            str(mark.operands[1]["/ActualText"])
            for page in opened.pages
            for mark in pikepdf.parse_content_stream(page, operators="BDC")
        ]


def searched(pdf: bytes) -> str:
    """What a browser finds and copies on the first page."""
    text: str = pypdfium2.PdfDocument(pdf)[0].get_textpage().get_text_range()
    return " ".join(text.split())


def scanned(pdf: bytes) -> list[tuple[str, int]]:
    """Each QR code as a telephone sees the printed page (150 dots an inch): its text, and its side in mm."""
    picture = pypdfium2.PdfDocument(pdf)[0].render(scale=150 / 72).to_pil()
    codes = zxingcpp.read_barcodes(picture)
    return [
        (code.text, round((code.position.top_right.x - code.position.top_left.x) * 25.4 / 150))
        for code in codes
    ]
