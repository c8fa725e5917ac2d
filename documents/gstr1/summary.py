"""What a GSTR-1 says, for the accountant who signs it: Markdown that reads as plain text too."""

from collections.abc import Iterator, Sequence

from documents.figures import Figures, of_document, total
from documents.gstr1.checks import check
from documents.gstr1.entries import (
    WITHOUT_TAX,
    Entry,
    Section,
    counts_as_inter_state,
    entries,
    has_no_section,
    in_order,
)
from documents.gstr1.filing import Filing
from documents.gstr1.portal import portal_file
from documents.gstr1.sections import b2cs_groups
from documents.gstr1.tables import advance_groups
from domain.document import DocumentKind, TaxDocument
from domain.money import BASIS_POINTS, round_half_up, rupees
from domain.periods import financial_year
from domain.supply import OUTSIDE_INDIA

SPLIT_ABOVE_BYTES = 4_900_000
"""The offline tool splits its files at about 4.7 MiB (gst.md 6.1)."""

_TITLES = {
    Section.B2B: "b2b: registered, SEZ, UIN",
    Section.B2CL: "b2cl: large inter-State B2C",
    Section.B2CS: "b2cs: other B2C, net of notes",
    Section.EXP: "exp: exports",
    Section.CDNR: "cdnr: notes to registered",
    Section.CDNUR: "cdnur: notes, large B2C and exports",
}


def recomputed(figures: Figures, rate_bp: int, intra: bool) -> Figures:
    """What the rate makes of a sum, half-up (gst.md 5.3): differs by paise from the sum of stored tax."""
    if intra:
        half = round_half_up(figures.taxable_paise * rate_bp, 2 * BASIS_POINTS)
        return Figures(figures.taxable_paise, 0, half, half)
    return Figures(figures.taxable_paise, round_half_up(figures.taxable_paise * rate_bp, BASIS_POINTS))


def summary(filing: Filing) -> str:
    """Counts and sums per section, b2cs against its recomputation, numbers, and what to look at.

    gst.md 6.1: sections, "Export set for an accountant". Raises as `gstr1` does.
    """
    check(filing)
    filed = entries(filing)
    parts = [
        [f"# GSTR-1 of {filing.gstin} for {filing.period}", ""],
        _sections(filed),
        _advances(filing),
        _variance(filed),
        _series(filing),
        ["## To look at", "", *([f"- {notice}" for notice in _notices(filing)] or ["Nothing."]), ""],
    ]
    return "\n".join(line for part in parts for line in part)


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return []
    lines = [heads, ["---"] + ["---:"] * (len(heads) - 1), *rows]
    return [f"## {title}", "", *(f"| {' | '.join(line)} |" for line in lines), ""]


def _money(figures: Figures) -> list[str]:
    return [rupees(part) for part in figures.parts]


def _sections(filed: Sequence[Entry]) -> list[str]:
    rows = []
    for section, title in _TITLES.items():
        members = [each for each in filed if each.section is section]
        sums = total(each.figures.times(each.sign) for each in members)
        if members:
            rows.append([title, str(len(members)), *_money(sums)])
    untaxed = [each for each in filed if each.nil_paise or each.exempt_paise]
    if untaxed:
        value = sum(each.sign * (each.nil_paise + each.exempt_paise) for each in untaxed)
        rows.append(["nil: nil-rated and exempt", str(len(untaxed)), *_money(Figures(value))])
    everything = total(
        (each.figures + Figures(each.nil_paise + each.exempt_paise)).times(each.sign) for each in filed
    )
    rows.append(["all, net of notes", str(len(filed)), *_money(everything)])
    return _table("Supplies", ["section", "documents", "taxable", "IGST", "CGST", "SGST/UTGST"], rows)


def _advances(filing: Filing) -> list[str]:
    received, adjusted = advance_groups(filing)
    rows = [
        [title, *_money(total(groups.values()))]
        for title, groups in (("at: received, still open", received), ("txpd: used or returned", adjusted))
        if groups
    ]
    return _table("Advances", ["table", "without tax", "IGST", "CGST", "SGST/UTGST"], rows)


def _variance(filed: Sequence[Entry]) -> list[str]:
    rows = []
    for (intra, place, rate_bp), stored in b2cs_groups(filed).items():
        fresh = recomputed(stored, rate_bp, intra)
        label = f"{'INTRA' if intra else 'INTER'} {place} at {rate_bp // 100}.{rate_bp % 100:02d} %"
        taxes = [stored.tax_paise, fresh.tax_paise, stored.tax_paise - fresh.tax_paise]
        rows.append([label, *(rupees(tax) for tax in taxes)])
    heads = ["b2cs row", "tax as issued (filed)", "tax recomputed on the sum", "variance"]
    return _table("Rounding of b2cs", heads, rows)


def _series(filing: Filing) -> list[str]:
    rows = [
        [
            f"{series.first} to {series.last}",
            series.kind.replace("_", " "),
            str(series.total),
            str(len(series.cancelled)),
            str(series.total - len(series.cancelled)),
        ]
        for series in filing.series
    ]
    return _table("Numbers (Table 13)", ["series", "kind", "total", "cancelled", "issued"], rows)


def _lacks_undertaking(document: TaxDocument) -> bool:
    lut = document.seller.lut
    without = document.supply.nature in WITHOUT_TAX and document.kind is DocumentKind.TAX_INVOICE
    return without and (lut is None or lut.financial_year != financial_year(document.issued_on))


def _is_odd_advance(document: TaxDocument) -> bool:
    at_home = document.supply.place in (document.seller.state_code, OUTSIDE_INDIA)
    return at_home and counts_as_inter_state(document) and not document.seller.in_sez


def _notices(filing: Filing) -> Iterator[str]:
    for document in sorted(filing.cancelled, key=in_order):
        yield f"{document.number} was cancelled at the invoice portal: it counts in Table 13, nowhere else."
    for document in sorted(filing.documents, key=in_order):
        if document.kind is DocumentKind.CREDIT_NOTE and not document.gst_adjusting:
            yield f"{document.number} is past the limit of s.34(2): it counts in Table 13, nowhere else."
        elif has_no_section(document):
            notice = "is for a buyer abroad and no export, for which no section is known (gst.md 2.1, row 6)"
            due = f"ask your CA where to declare its IGST of {rupees(of_document(document).igst_paise)}"
            yield f"{document.number} {notice}: it counts in Table 13, nowhere else; {due}."
        if _is_odd_advance(document):
            notice = "is an advance of undecided use, filed as inter-State (rule 50), though its place is"
            yield f"{document.number} {notice} {document.supply.place}."
        if _lacks_undertaking(document):
            year = financial_year(document.issued_on)
            yield f"{document.number} bears no tax, yet no letter of undertaking for {year} is on it."
    size = len(portal_file(filing))
    if size > SPLIT_ABOVE_BYTES:
        yield f"The file has {size} bytes; the portal's own tool splits files above {SPLIT_ABOVE_BYTES}."
