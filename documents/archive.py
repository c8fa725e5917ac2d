"""What makes a page of ours an archive copy: PDF/A-3b (ISO 19005-3).

Fonts are embedded by `fonts`, colours are sRGB; the rest is here: metadata in XMP that agrees with the
document information, the colour profile, and streams written as the standard wants them.
"""

import zlib
from collections.abc import Callable
from datetime import date
from functools import cache, partial
from hashlib import md5
from html import escape
from pathlib import Path
from typing import Any

from reportlab.pdfbase import pdfdoc
from reportlab.pdfgen.canvas import Canvas

MAKER = "Bahi"

_XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:pdf="http://ns.adobe.com/pdf/1.3/"
 xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/">
<pdfaid:part>3</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>
<dc:format>application/pdf</dc:format>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
<dc:creator><rdf:Seq><rdf:li>{maker}</rdf:li></rdf:Seq></dc:creator>
<xmp:CreatorTool>{maker}</xmp:CreatorTool><pdf:Producer>{producer}</pdf:Producer>
<xmp:CreateDate>{day}T00:00:00+05:30</xmp:CreateDate><xmp:ModifyDate>{day}T00:00:00+05:30</xmp:ModifyDate>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""

_write_stream = pdfdoc.PDFStream.format


def _stream_with_line_end(stream: Any, document: Any) -> bytes:
    """ISO 19005-3, 6.1.7.1: a line end stands before `endstream`; ReportLab leaves it out."""
    written: bytes = _write_stream(stream, document)
    return written.removesuffix(b"endstream\n") + b"\nendstream\n"


pdfdoc.PDFStream.format = _stream_with_line_end


class _IndianMidnight:
    """The start of a day in India, as ReportLab asks for a time."""

    dhh, dmm = 5, 30

    def __init__(self, day: date) -> None:
        self.YMDhms = (day.year, day.month, day.day, 0, 0, 0)


def declare(canvas: Canvas, title: str, day: date) -> None:
    """Put what PDF/A-3b asks for on the document that `canvas` draws; dated `day`, in India."""
    document = canvas._doc
    document._timeStamp = _IndianMidnight(day)
    document.signature = md5(usedforsecurity=False)  # ReportLab's own has seen SOURCE_DATE_EPOCH
    document.addPage = partial(_add_page, document.addPage)
    catalog = document.Catalog
    catalog.__NoDefault__ = [*catalog.__NoDefault__, "OutputIntents"]
    catalog.Metadata = _metadata(title, day, document.info.producer)
    catalog.OutputIntents = pdfdoc.PDFArray([_output_intent(document)])


def _add_page(add: Callable[[Any], None], page: Any) -> None:
    """Leave out the key for slide transitions, which no archive knows."""
    page.Trans = None
    add(page)


def _metadata(title: str, day: date, producer: str) -> Any:
    said = _XMP.format(
        title=escape(title), maker=MAKER, producer=escape(producer), day=day.isoformat()
    ).encode()
    names = {"Type": pdfdoc.PDFName("Metadata"), "Subtype": pdfdoc.PDFName("XML")}
    return pdfdoc.PDFStream(pdfdoc.PDFDictionary(names), said)


def _output_intent(document: Any) -> Any:
    names = {"N": 3, "Filter": pdfdoc.PDFName("FlateDecode")}
    profile = pdfdoc.PDFStream(pdfdoc.PDFDictionary(names), _colour_profile())
    return pdfdoc.PDFDictionary(
        {
            "Type": pdfdoc.PDFName("OutputIntent"),
            "S": pdfdoc.PDFName("GTS_PDFA1"),
            "OutputConditionIdentifier": pdfdoc.PDFString("sRGB"),
            "Info": pdfdoc.PDFString("sRGB IEC61966-2.1"),
            "DestOutputProfile": document.Reference(profile, "srgb"),
        }
    )


@cache
def _colour_profile() -> bytes:
    return zlib.compress((Path(__file__).parent / "srgb.icc").read_bytes(), 9)
