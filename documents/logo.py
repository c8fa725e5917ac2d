"""The seller's logo: bytes from the settings, never from a document, made safe and small once."""

import zlib
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

from PIL import Image, UnidentifiedImageError
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfdoc
from reportlab.platypus import Flowable

from domain.errors import InvalidInput

MAX_BYTES = 1_000_000
MAX_PIXELS = 4_000_000
_KEPT = 800, 400
"""Pixels that print sharp at the size below."""
_WIDTH, _HEIGHT = 52 * mm, 17 * mm
_NAME = "logo"


@dataclass(frozen=True)
class _Picture:
    width: int
    height: int
    rgb: bytes
    """Deflated, eight bits a channel."""


def check_logo(data: bytes) -> None:
    """Raises InvalidInput unless `data` is a PNG or JPEG of at most 1 MB and 4 million pixels."""
    _picture(data)


@lru_cache(maxsize=16)
def _picture(data: bytes) -> _Picture:
    if len(data) > MAX_BYTES:
        raise InvalidInput("logo", f"the logo has {len(data)} bytes; give one of at most {MAX_BYTES}.")
    try:
        with Image.open(BytesIO(data), formats=("PNG", "JPEG")) as opened:
            width, height = opened.size
            if width * height > MAX_PIXELS:
                raise InvalidInput(
                    "logo", f"the logo has {width} × {height} pixels; give at most {MAX_PIXELS} in all."
                )
            drawn = opened.convert("RGBA")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InvalidInput("logo", "the logo is no PNG or JPEG that can be read; export it again.") from error
    # Transparency and other colour spaces have no place in the archive format.
    flat = Image.new("RGBA", drawn.size, "white")
    flat.alpha_composite(drawn)
    small = flat.convert("RGB")
    small.thumbnail(_KEPT, Image.Resampling.LANCZOS)
    return _Picture(small.width, small.height, zlib.compress(small.tobytes(), 9))


class Logo(Flowable):  # type: ignore[misc]
    """The picture, as large as its place at the head of the page allows."""

    hAlign = "LEFT"  # noqa: N815 - ReportLab's name

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._picture = _picture(data)
        scale = min(_WIDTH / self._picture.width, _HEIGHT / self._picture.height)
        self.width, self.height = self._picture.width * scale, self._picture.height * scale

    def draw(self) -> None:
        """Put the compressed picture in as it is: ReportLab would compress it again for every page."""
        canvas, picture = self.canv, self._picture
        image = pdfdoc.PDFImageXObject(_NAME)
        image.width, image.height = picture.width, picture.height
        image.bitsPerComponent, image.colorSpace = 8, "DeviceRGB"
        image.streamContent, image._filters = picture.rgb, ("FlateDecode",)
        key = canvas._doc.getXObjectName(_NAME)
        canvas._doc.Reference(image, key)
        canvas._doc.addForm(_NAME, image)
        canvas.saveState()
        canvas.scale(self.width, self.height)
        canvas._code.append(f"/{key} Do")
        canvas.restoreState()
        canvas._formsinuse.append(_NAME)
