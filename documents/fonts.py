"""Faces of our documents: Mukta for ₹, Latin and Devanagari, Noto for the other scripts of India."""

import unicodedata
from functools import cache
from itertools import groupby
from pathlib import Path
from threading import Lock
from typing import Any

import fontpkg_mukta
import uharfbuzz
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

REGULAR, SEMIBOLD, BOLD = "Mukta-Regular", "Mukta-SemiBold", "Mukta-Bold"

_MUKTA = Path(str(fontpkg_mukta.ROOT)) / "files"
_TYPEFACES = Path(__file__).parent / "typefaces"

_SCRIPTS = {
    0x0980: "NotoSansBengali", 0x0A00: "NotoSansGurmukhi", 0x0A80: "NotoSansGujarati",
    0x0B00: "NotoSansOriya", 0x0B80: "NotoSansTamil", 0x0C00: "NotoSansTelugu",
    0x0C80: "NotoSansKannada", 0x0D00: "NotoSansMalayalam",
}  # fmt: skip
"""Family by the start of the script's block of 128 characters."""
_DEVANAGARI, _BLOCK = 0x0900, 0x80

_JOINERS = "\u200c\u200d"
"""Invisible, but Indian spelling needs them."""
_SUBSTITUTE = "?"

_REGISTERING = Lock()
_PRIVATE_USE = 0xE000
_FIGURES = "0123456789"


class DocumentFont(TTFont):  # type: ignore[misc]
    """A face with figures of equal width, whose shaped glyphs have the same codes in every process.

    ReportLab numbers shaped glyphs in the order it meets them, so its bytes would depend on what was
    rendered before.
    """

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(name, str(folder / f"{name}.ttf"), asciiReadable=False)
        self._shaper = super().hbFont()
        if folder == _MUKTA:
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

    def _private_code(self, _name: str, glyph: int, _advance: int) -> int:
        code = _PRIVATE_USE + glyph
        # The glyph's own width: the advance asked for here depends on its neighbours.
        self._encode(code, glyph, self._shaper.get_glyph_h_advance(glyph))
        return code


def register_fonts() -> None:
    """Make Mukta known to ReportLab; reads the files once per process, whichever thread comes first."""
    for name in (REGULAR, SEMIBOLD, BOLD):
        _characters(name)


@cache
def _registered(name: str) -> frozenset[int]:
    folder = _MUKTA if name.startswith("Mukta") else _TYPEFACES
    font = DocumentFont(name, folder)
    characters = frozenset(code for code in font.face.charToGlyph if not _is_private(code))
    pdfmetrics.registerFont(font)
    return characters


def _characters(name: str) -> frozenset[int]:
    """What the face can draw; loads it on first use."""
    with _REGISTERING:
        return _registered(name)


def _is_private(code: int) -> bool:
    return 0xE000 <= code <= 0xF8FF


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


def in_faces(text: str, face: str) -> list[tuple[str, str]]:
    """`text` cut into (face, words), each in a face that has their script.

    Words are shaped whole, so a word that mixes two Indian scripts is set as two. A character that no face
    has is drawn as `?`: a missing glyph would break the archive format.
    """
    tokens = (token for word in text.split() for token in _by_script(word))
    return [
        (name, " ".join(_drawable(word, name) for _, word in run))
        for name, run in groupby(
            ((_face(script, face), word) for script, word in tokens), lambda pair: pair[0]
        )
    ]


def _by_script(word: str) -> list[tuple[str, str]]:
    """`word`, or its parts where the script changes, with their families; Latin goes with its neighbour."""
    parts: list[tuple[str, str]] = []
    for character in word:
        block = ord(character) & -_BLOCK
        script = "Mukta" if block == _DEVANAGARI else _SCRIPTS.get(block, "")
        before, so_far = parts[-1] if parts else ("", "")
        if so_far and (not script or not before or script == before):
            parts[-1] = (before or script, so_far + character)
        else:
            parts.append((script, character))
    return parts


def _face(script: str, face: str) -> str:
    if script in ("", "Mukta"):
        return face
    return f"{script}-{'Regular' if face == REGULAR else 'SemiBold'}"


def _drawable(word: str, face: str) -> str:
    known = _characters(face)
    return "".join(
        character if ord(character) in known or character in _JOINERS else _SUBSTITUTE for character in word
    )
