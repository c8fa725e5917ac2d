"""Mukta, the one family our documents use: ₹, Latin and Devanagari, with figures that align."""

import unicodedata
from functools import cache
from threading import Lock
from typing import Any

import fontpkg_mukta
import uharfbuzz
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

REGULAR, SEMIBOLD, BOLD = "Mukta-Regular", "Mukta-SemiBold", "Mukta-Bold"

_JOINERS = "\u200c\u200d"
"""Invisible, but Devanagari spelling needs them."""

_REGISTERING = Lock()
_PRIVATE_USE = 0xE000
_FIGURES = "0123456789"


class DocumentFont(TTFont):  # type: ignore[misc]
    """A face with figures of equal width, whose shaped glyphs have the same codes in every process.

    ReportLab numbers shaped glyphs in the order it meets them, so its bytes would depend on what was
    rendered before.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, str(fontpkg_mukta.ROOT / "files" / f"{name}.ttf"), asciiReadable=False)
        self._align_figures()

    def _align_figures(self) -> None:
        buffer = uharfbuzz.Buffer()
        buffer.add_str(_FIGURES)
        buffer.guess_segment_properties()
        uharfbuzz.shape(self.hbFont(), buffer, {"tnum": True, "kern": False})
        for figure, info, position in zip(_FIGURES, buffer.glyph_infos, buffer.glyph_positions, strict=True):
            self.face.glyphToChar.pop(self.face.charToGlyph[ord(figure)], None)
            self._encode(ord(figure), info.codepoint, position.x_advance)

    def _encode(self, code: int, glyph: int, advance: int) -> None:
        self.face.charToGlyph[code] = glyph
        self.face.glyphToChar[glyph] = [code]
        self.face.charWidths[code] = self.face._pdfScale(advance)

    def hbFont(self, fontSize: float = 10) -> Any:  # noqa: N802, N803 - ReportLab's names
        """HarfBuzz's view of this font; ReportLab calls it before it shapes a word."""
        font = super().hbFont(fontSize)
        self.hbAddPrivate = self._private_code
        return font

    def _private_code(self, _name: str, glyph: int, advance: int) -> int:
        code = _PRIVATE_USE + glyph
        self._encode(code, glyph, advance)
        return code


def register_fonts() -> None:
    """Make the faces known to ReportLab; reads the files once per process, whichever thread comes first."""
    with _REGISTERING:
        _register_once()


@cache
def _register_once() -> None:
    for name in (REGULAR, SEMIBOLD, BOLD):
        pdfmetrics.registerFont(DocumentFont(name))


def plain_text(text: str) -> str:
    """`text` as one line without control characters, composed, so that it can be drawn and searched."""
    visible = (
        character if unicodedata.category(character)[0] != "C" or character in _JOINERS else " "
        for character in unicodedata.normalize("NFC", text)
    )
    return " ".join("".join(visible).split())


def needs_shaping(text: str) -> bool:
    """Whether drawing glyph by glyph would misspell `text`: anything beyond Latin and its signs."""
    return any(character > "\u02ff" and not "\u2000" <= character <= "\u20cf" for character in text)
