"""Reading a PDF back, as a person, a search and an archive do."""

from io import BytesIO

import pikepdf
import pypdf

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


def dark_squares(pdf: bytes) -> list[tuple[float, set[tuple[int, int]]]]:
    """Each QR code drawn: the size of a module in points, and the places of its dark modules."""
    codes: list[tuple[float, set[tuple[int, int]]]] = []
    with pikepdf.open(BytesIO(pdf)) as opened:
        for page in opened.pages:
            scale, dark = 0.0, set[tuple[int, int]]()
            for step in pikepdf.parse_content_stream(page):
                operator = str(step.operator)
                numbers = [float(str(each)) for each in step.operands] if operator in ("cm", "re") else []
                if operator == "cm":
                    scale = numbers[0]
                elif numbers and numbers[3] == 1:
                    x, y, length = (round(number) for number in numbers[:3])
                    dark |= {(x + at, y) for at in range(length)}
                elif operator == "f" and dark:
                    codes.append((scale, dark))
                    dark = set()
    return codes
