"""QR codes: the signed one of an e-invoice, and the one that opens a UPI app."""

from itertools import groupby
from urllib.parse import quote, urlencode

import segno
from reportlab.lib.colors import HexColor, white
from reportlab.platypus import Flowable

from domain.document import TaxDocument

_QUIET = 4
"""Modules left free around the symbol (ISO/IEC 18004)."""


def upi_link(document: TaxDocument) -> str:
    """What a UPI app reads: whom to pay, how much, for which document."""
    whole, paise = divmod(document.due_paise, 100)
    asked = {
        "pa": document.seller.upi_id,
        "pn": document.seller.trade_name or document.seller.legal_name,
        "am": f"{whole}.{paise:02d}",
        "cu": "INR",
        "tn": document.number,
    }
    return f"upi://pay?{urlencode(asked, safe='@', quote_via=quote)}"


class QrCode(Flowable):  # type: ignore[misc]
    """`text` unchanged as a QR code of `size` points, its quiet zone included, drawn as one path."""

    def __init__(self, text: str, size: float, colour: HexColor) -> None:
        super().__init__()
        self.width = self.height = size
        self._colour = colour
        self._rows = segno.make(text, error="l", micro=False).matrix

    def draw(self) -> None:
        """The symbol on white."""
        canvas, unit = self.canv, self.width / (len(self._rows) + 2 * _QUIET)
        canvas.saveState()
        canvas.setFillColor(white)
        canvas.rect(0, 0, self.width, self.height, stroke=0, fill=1)
        canvas.setFillColor(self._colour)
        canvas.transform(unit, 0, 0, -unit, _QUIET * unit, self.height - _QUIET * unit)
        canvas._code.append(" ".join([*self._runs(), "f"]))
        canvas.restoreState()

    def _runs(self) -> list[str]:
        """A rectangle for every unbroken run of dark modules."""
        runs: list[str] = []
        for y, row in enumerate(self._rows):
            x = 0
            for dark, run in groupby(row):
                length = len(list(run))
                if dark:
                    runs.append(f"{x} {y} {length} 1 re")
                x += length
        return runs
