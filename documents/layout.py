"""The page every document is set on: measures, colours, type, page furniture."""

from collections.abc import Sequence
from datetime import date
from io import BytesIO

from reportlab import rl_config
from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    NextPageTemplate,
    PageBreak,
    PageTemplate,
    Paragraph,
    Table,
)
from reportlab.platypus.paraparser import ParaFrag

from documents import archive
from documents.fonts import BOLD, REGULAR, SEMIBOLD, in_faces, needs_shaping, plain_text

INK, MUTED, ACCENT = HexColor("#1B2430"), HexColor("#66707D"), HexColor("#1F4E5F")
HAIRLINE, TINT = HexColor("#D5DBE1"), HexColor("#F2F6F7")

MARGIN = 18 * mm
WIDTH = A4[0] - 2 * MARGIN
SIDE, GAP, INSET = 68 * mm, 8 * mm, 4 * mm
"""The right-hand column, what keeps it apart, and how far its text stands in."""
_TOP, _BOTTOM, _LATER_TOP = 17 * mm, 24 * mm, 27 * mm
_FOOTER = 14 * mm


rl_config.useA85 = 0  # PDF carries bytes; ReportLab's printable detour costs size and time

ALL = (0, 0), (-1, -1)
FLUSH: list[tuple[object, ...]] = [
    ("LEFTPADDING", *ALL, 0),
    ("RIGHTPADDING", *ALL, 0),
    ("TOPPADDING", *ALL, 0),
    ("BOTTOMPADDING", *ALL, 0),
    ("FONT", *ALL, REGULAR, 9, 13),
    ("TEXTCOLOR", *ALL, INK),
]
"""Table style: plain text on a bare grid."""

RULED: list[tuple[object, ...]] = [
    *FLUSH,
    ("VALIGN", *ALL, "TOP"),
    ("TOPPADDING", *ALL, 1.3 * mm),
    ("BOTTOMPADDING", *ALL, 1.7 * mm),
    ("LEFTPADDING", (1, 0), (-1, -1), 2 * mm),
    ("FONT", (0, 0), (-1, 0), SEMIBOLD, 7.4, 10),
    ("TEXTCOLOR", (0, 0), (-1, 0), MUTED),
    ("LINEBELOW", (0, 1), (-1, -1), 0.4, HAIRLINE, "butt"),
    ("LINEBELOW", (0, 0), (-1, 0), 0.9, ACCENT, "butt"),
]
"""Table style: a heading and ruled rows."""


def _style(name: str, font: str, size: float, leading: float, colour: HexColor = INK) -> ParagraphStyle:
    return ParagraphStyle(name, fontName=font, fontSize=size, leading=leading, textColor=colour)


BODY = _style("body", REGULAR, 9, 13)
STRONG = _style("strong", SEMIBOLD, 9.6, 14.5)
LABEL = _style("label", SEMIBOLD, 6.7, 11.5, MUTED)
NOTICE = _style("notice", SEMIBOLD, 8, 11.5)
COMPANY = _style("company", SEMIBOLD, 15, 19)
TITLE = ParagraphStyle("title", parent=_style("_title", BOLD, 20, 23, ACCENT), alignment=TA_RIGHT)
COPY = ParagraphStyle("copy", parent=_style("_copy", SEMIBOLD, 7, 11, MUTED), alignment=TA_RIGHT)


class _Text(Paragraph):  # type: ignore[misc]
    """Text given piece by piece, each in its face: no markup is ever read, whatever a customer calls himself.

    Glyphs of conjuncts have no character of their own; PDF's ActualText says what they stand for, so that
    shaped text can be searched and copied.
    """

    spelling = ""

    def draw(self) -> None:
        """Draw between the marks; a part that ran over the page has lost its spelling and goes without."""
        if not self.spelling:
            super().draw()
            return
        spelled = self.spelling.encode("utf-16-be").hex().upper()
        self.canv._code.append(f"/Span <</ActualText <FEFF{spelled}>>> BDC")
        super().draw()
        self.canv._code.append("EMC")


def words(text: str, style: ParagraphStyle) -> Paragraph:
    """`text` as it stands, wrapped."""
    if text.isascii() and text.isprintable():
        return _Text("", style, frags=[_piece(" ".join(text.split()), style, style.fontName)])
    line = plain_text(text)
    pieces = in_faces(line, style.fontName) or [(style.fontName, "")]
    set_in = style
    if shaped := needs_shaping(line):
        set_in = ParagraphStyle(f"{style.name}-shaped", parent=style, shaping=1)
    frags = [_piece(piece + " ", style, face) for face, piece in pieces]
    paragraph = _Text("", set_in, frags=frags)
    if shaped or " ".join(piece for _, piece in pieces) != line:
        paragraph.spelling = line
    return paragraph


def _piece(text: str, style: ParagraphStyle, face: str) -> ParaFrag:
    return ParaFrag(
        text=text, fontName=face, fontSize=style.fontSize, textColor=style.textColor,
        bold=0, italic=0, rise=0, greek=0, link=[], us_lines=[],
    )  # fmt: skip


def label(text: str) -> Paragraph:
    """A small heading above a value."""
    return words(text.upper(), LABEL)


class _CountedCanvas(Canvas):  # type: ignore[misc]
    """Holds pages back until their number is known, then writes the foot of each."""

    note = ""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)
        self._held: list[dict[str, object]] = []

    def showPage(self) -> None:  # noqa: N802 - ReportLab's name
        """Hold the page."""
        self._held.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        """Write every page with its foot."""
        held = self._held
        for number, page in enumerate(held, start=1):
            self.__dict__.update(page)
            self._foot(number, len(held))
            super().showPage()
        super().save()

    def _foot(self, number: int, pages: int) -> None:
        self.setStrokeColor(HAIRLINE)
        self.setLineWidth(0.5)
        self.line(MARGIN, _FOOTER + 5 * mm, MARGIN + WIDTH, _FOOTER + 5 * mm)
        self.setFillColor(MUTED)
        self.setFont(REGULAR, 7.4)
        self.drawString(MARGIN, _FOOTER, self.note)
        self.drawRightString(MARGIN + WIDTH, _FOOTER, f"Page {number} of {pages}")


def typeset(title: str, running_head: str, foot: str, day: date, story: Sequence[Flowable]) -> bytes:
    """The story as PDF/A-3b, dated `day`. The same story gives the same bytes.

    `running_head` stands on the second and later pages, `foot` on all.
    """
    out = BytesIO()
    document = BaseDocTemplate(
        out, pagesize=A4, title=title, author=archive.MAKER, creator=archive.MAKER, subject="", invariant=1,
        pageCompression=1, initialFontName=REGULAR, lang="en-IN",
    )  # fmt: skip

    def later_page(canvas: Canvas, _document: BaseDocTemplate) -> None:
        canvas.setFillColor(MUTED)
        canvas.setFont(SEMIBOLD, 8)
        canvas.drawString(MARGIN, A4[1] - _TOP - 2 * mm, running_head)
        canvas.setStrokeColor(HAIRLINE)
        canvas.setLineWidth(0.5)
        canvas.line(MARGIN, A4[1] - _TOP - 5 * mm, MARGIN + WIDTH, A4[1] - _TOP - 5 * mm)

    document.addPageTemplates(
        [
            PageTemplate("first", _frame(_TOP)),
            PageTemplate("later", _frame(_LATER_TOP), onPage=later_page),
        ]
    )

    def canvas(*args: object, **options: object) -> _CountedCanvas:
        counted = _CountedCanvas(*args, **options)
        counted.note = foot
        archive.declare(counted, title, day)
        return counted

    document.build([NextPageTemplate("later"), *story], canvasmaker=canvas)
    return out.getvalue()


def _frame(top: float) -> Frame:
    return Frame(
        MARGIN, _BOTTOM, WIDTH, A4[1] - top - _BOTTOM,
        leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0,
    )  # fmt: skip


def columns(cells: Sequence[object], widths: Sequence[float]) -> Table:
    """Blocks side by side, each starting at the top."""
    table = Table([list(cells)], colWidths=list(widths), splitInRow=1)
    table.setStyle([*FLUSH, ("VALIGN", (0, 0), (-1, -1), "TOP")])
    return table


class Rows(Table):  # type: ignore[misc]
    """A table whose last row stays with what follows it: no page shows a total without a line."""

    followed_by: Sequence[Flowable] = ()

    def wrap(self, available_width: float, available_height: float) -> tuple[float, float]:
        """Ask for more than there is when what follows does not fit below, so that the table is split."""
        width, height = super().wrap(available_width, available_height)
        left = available_height - height
        if self._nrows > 2 and 0 <= left < A4[1] / 2 and self._following(available_width) > left:
            return width, available_height + 1
        return width, height

    def split(self, available_width: float, available_height: float) -> list[Flowable]:
        """Where the page ends, or before the last row when only that must go on."""
        _, height = super().wrap(available_width, available_height)
        whole = height <= available_height
        if whole:
            available_height = height - self._rowHeights[-1] + 0.1
        parts: list[Flowable] = super().split(available_width, available_height)
        if parts:
            parts[-1].followed_by = self.followed_by
        return [parts[0], PageBreak(), *parts[1:]] if whole and parts else parts

    def _following(self, available_width: float) -> float:
        height: float = sum(each.wrap(available_width, A4[1])[1] for each in self.followed_by)
        return height
