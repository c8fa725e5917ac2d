"""The same invoice by way of HTML and WeasyPrint, as one would draw it without a room for PDFs."""

import contextlib
import io
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import fontpkg_mukta
from jinja2 import Environment, FileSystemLoader

from documents import wording
from domain.document import TaxDocument
from domain.money import rupees

ARCHIVE = "pdf/a-3b"
_HERE = Path(__file__).parent
_FONTS = Path(str(fontpkg_mukta.ROOT)) / "files"
_WEIGHTS = {400: "Regular", 600: "SemiBold", 700: "Bold"}


class NotHere(Exception):
    """WeasyPrint, or what it loads from the system, is not installed. Says what and how to get it."""


def drawing() -> Callable[[TaxDocument, str | None], bytes]:
    """Draws a paid invoice, as the named PDF variant if one is named. Raises NotHere.

    Style sheet, faces and template are read here, once: what is measured is the drawing alone.
    """
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it says at length what it misses
            weasyprint = import_module("weasyprint")
            faces = import_module("weasyprint.text.fonts").FontConfiguration()
    except ImportError as error:
        raise NotHere("WeasyPrint is not installed; `make install-dev` installs it") from error
    except OSError as error:
        raise NotHere(
            "WeasyPrint does not find Pango; on Debian or Ubuntu: sudo apt-get install libpangoft2-1.0-0 "
            "libharfbuzz-subset0"
        ) from error
    style = weasyprint.CSS(string=_style(), font_config=faces)
    template = _templates().get_template("invoice.html")

    def draw(document: TaxDocument, variant: str | None) -> bytes:
        page = weasyprint.HTML(string=template.render(document=document))
        pdf: bytes = page.write_pdf(stylesheets=[style], font_config=faces, pdf_variant=variant)
        return pdf

    return draw


def _style() -> str:
    """Our faces, so that both embed the same."""
    faces = [
        f"@font-face {{ font-family: Mukta; font-weight: {weight}; src: url({file.as_uri()}) }}"
        for weight, file in ((weight, _FONTS / f"Mukta-{name}.ttf") for weight, name in _WEIGHTS.items())
    ]
    return "\n".join([*faces, (_HERE / "invoice.css").read_text()])


def _templates() -> Environment:
    templates = Environment(loader=FileSystemLoader(_HERE), autoescape=True)
    templates.filters |= {
        "day": wording.day_name,
        "figures": wording.figures,
        "in_words": wording.amount_in_words,
        "percent": wording.percent,
        "rupees": rupees,
        "state": wording.state_name,
    }
    return templates
