"""A register: a table with typed columns, written as CSV or as a sheet of a workbook."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, auto
from io import BytesIO, StringIO

import xlsxwriter

from documents.figures import plain

Cell = str | int | date | None

_CELL_LENGTH = 32_767
_RISKY = "=+-@\t\r\n＝＋－＠"
"""First characters that make a spreadsheet take a text for a formula, full-width ones among them."""
_CREATED = datetime(2017, 7, 1)  # noqa: DTZ001 - the format has no zone; a fixed moment keeps bytes the same


class Kind(Enum):
    """How a column's cells are kept and shown."""

    TEXT = auto()
    DATE = auto()
    MONEY = auto()
    """Paise, written as rupees with two decimals."""
    RATE = auto()
    """Basis points, written as per cent."""
    COUNT = auto()


@dataclass(frozen=True)
class Column:
    """A heading and what stands under it."""

    title: str
    kind: Kind = Kind.TEXT
    width: int = 16


@dataclass(frozen=True)
class Register:
    """Rows under typed columns. `name` is short: a sheet's name and a file's (`sales`)."""

    name: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


def looks_like_formula(text: str) -> bool:
    """Whether a spreadsheet might run it: it begins, after blanks, with = + - @, tab or line break."""
    return bool(text) and (text[0] in _RISKY or text.lstrip(" ")[:1] in tuple(_RISKY))


def _plain_cell(cell: Cell, kind: Kind) -> str:
    if cell is None:
        return ""
    if kind in (Kind.MONEY, Kind.RATE):
        assert isinstance(cell, int)
        return plain(cell)
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, str) and looks_like_formula(cell):
        return f"'{cell}"
    return str(cell)


def as_csv(register: Register) -> bytes:
    """RFC 4180 in UTF-8 with its mark, so that spreadsheets read all scripts; amounts such as `-942.82`.

    A text that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow(column.title for column in register.columns)
    kinds = [column.kind for column in register.columns]
    for row in register.rows:
        writer.writerow(_plain_cell(cell, kind) for cell, kind in zip(row, kinds, strict=True))
    return out.getvalue().encode("utf-8-sig")


def as_xlsx(registers: Sequence[Register]) -> bytes:
    """A workbook with one sheet per register. Amounts are numbers with exact paise, dates are dates.

    Texts are always texts: none becomes a formula or a link. The same registers give the same bytes.
    """
    out = BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "default_date_format": "dd-mm-yyyy"}) as book:
        book.set_properties({"created": _CREATED, "author": "Bahi"})
        for register in registers:
            _sheet(book, register)
    return out.getvalue()


def _sheet(book: xlsxwriter.Workbook, register: Register) -> None:
    sheet = book.add_worksheet(register.name[:31])
    head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
    quoted = book.add_format({"quote_prefix": True})
    shown = {
        Kind.MONEY: book.add_format({"num_format": "#,##0.00"}),
        Kind.RATE: book.add_format({"num_format": "0.00"}),
        Kind.DATE: book.add_format({"num_format": "dd-mm-yyyy"}),
    }
    sheet.freeze_panes(1, 0)
    for at, column in enumerate(register.columns):
        sheet.set_column(at, at, column.width)
        sheet.write_string(0, at, column.title, head)
    for line, row in enumerate(register.rows, start=1):
        for at, (cell, column) in enumerate(zip(row, register.columns, strict=True)):
            if isinstance(cell, str):
                style = quoted if looks_like_formula(cell) else None
                sheet.write_string(line, at, cell[:_CELL_LENGTH], style)
            elif isinstance(cell, date):
                sheet.write_datetime(line, at, cell, shown[Kind.DATE])
            elif cell is not None:
                hundredths = column.kind in (Kind.MONEY, Kind.RATE)
                value = Decimal(cell).scaleb(-2) if hundredths else Decimal(cell)
                sheet.write_number(line, at, value, shown.get(column.kind))
    if register.rows:
        sheet.autofilter(0, 0, len(register.rows), len(register.columns) - 1)
