"""Registers that sum a month up for the returns (gst.md 6.1, "Export set for an accountant")."""

from collections.abc import Iterator

from documents.figures import Figures, by_rate_and_sac, of_document, total
from documents.gstr1 import Filing
from documents.gstr1.entries import SEZ, SUPPLIES, VOUCHERS, Entry, entries, in_order
from documents.gstr1.sections import b2cs_groups
from documents.gstr1.summary import recomputed
from documents.gstr1.tables import advance_groups, hsn_groups
from documents.registers.register import Cell, Column, Kind, Register
from domain.document import TaxDocument
from domain.states import STATES
from domain.supply import EXPORTS, BuyerKind, SupplyNature

_FIGURES = tuple(Column(title, Kind.MONEY) for title in ("Taxable value", "IGST", "CGST", "SGST/UTGST"))


def document_series(filing: Filing) -> Register:
    """Numbers of the period as in Table 13, with each cancelled one (gst.md 1.6, 6.1 "doc_issue")."""
    columns = (
        Column("Kind"), Column("From", width=18), Column("To", width=18), Column("Total", Kind.COUNT, 8),
        Column("Cancelled", Kind.COUNT, 10), Column("Issued", Kind.COUNT, 8),
        Column("Cancelled numbers", width=40),
    )  # fmt: skip
    rows = tuple(
        (
            each.kind.replace("_", " "),
            each.first,
            each.last,
            each.total,
            len(each.cancelled),
            each.total - len(each.cancelled),
            ", ".join(each.cancelled),
        )
        for each in filing.series
    )
    return Register("series", columns, rows)


def hsn_summary(filing: Filing) -> Register:
    """Table 12: by kind of buyer, service code and rate, net of notes (gst.md 6.1, hsn)."""
    columns = (
        Column("Table", width=8), Column("SAC", width=9), Column("Description", width=48),
        Column("Rate %", Kind.RATE, 8), *_FIGURES,
    )  # fmt: skip
    rows = tuple(
        (
            "B2B" if identified else "B2C",
            sac,
            filing.settings.hsn_descriptions.get(sac, ""),
            rate_bp,
            *figures.parts,
        )
        for (identified, sac, rate_bp), figures in hsn_groups(filing, entries(filing)).items()
    )
    return Register("hsn", columns, rows)


def gstr3b(filing: Filing) -> Register:
    """GSTR-3B 3.1(a) to (c) and 3.2, as the portal fills them from GSTR-1 (gst.md 6.1).

    3.1(a) holds advances received and takes off those used; 3.2, of the same supplies, is inter-State
    sales to unregistered buyers and UIN holders by place, without advances.
    """
    filed = entries(filing)
    received, adjusted = advance_groups(filing)
    open_advances = total(received.values()) - total(adjusted.values())
    zero = total(_signed(each) for each in filed if each.document.supply.nature in EXPORTS | SEZ)
    taxed = total(_signed(each) for each in filed if each.document.supply.nature not in EXPORTS | SEZ)
    untaxed = Figures(sum(each.sign * (each.nil_paise + each.exempt_paise) for each in filed))
    rows: list[tuple[Cell, ...]] = [
        ("3.1(a)", "Outward taxable supplies, other than (b) and (c)", *(taxed + open_advances).parts),
        ("3.1(b)", "Outward taxable supplies, zero-rated", *zero.parts),
        ("3.1(c)", "Other outward supplies, nil-rated and exempt", *untaxed.parts),
        *_table_3_2(filed),
    ]
    return Register("gstr3b", (Column("Table", width=9), Column("What", width=60), *_FIGURES), tuple(rows))


def _signed(entry: Entry) -> Figures:
    return entry.figures.times(entry.sign)


def _table_3_2(filed: tuple[Entry, ...]) -> Iterator[tuple[Cell, ...]]:
    for kind in (BuyerKind.UNREGISTERED, BuyerKind.UIN):
        places: dict[str, Figures] = {}
        for each in filed:
            document = each.document
            if document.buyer.kind is kind and document.supply.nature is SupplyNature.INTER_STATE:
                place = document.supply.place
                places[place] = places.get(place, Figures()) + _signed(each)
        for place in sorted(place for place in places if places[place]):
            what = f"inter-State to {kind} buyers in {place} {STATES.get(place, '')}"
            yield ("3.2", what.replace("uin", "UIN"), *places[place].parts)


def rounding_variance(filing: Filing) -> Register:
    """Round-off, and stored tax less what the rate makes, per document and per b2cs row (gst.md 5.1, 6.1).

    Only rows where something is left. b2cs sums stored tax, so it differs from its own rate by paise.
    """
    columns = (
        Column("What", width=12), Column("Number or row", width=22), Column("Rate %", Kind.RATE, 8),
        Column("Tax as issued", Kind.MONEY), Column("Tax by rate", Kind.MONEY),
        Column("Variance", Kind.MONEY, 10), Column("Round-off", Kind.MONEY, 10),
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = []
    for document in sorted(filing.documents, key=in_order):
        if document.kind in SUPPLIES | VOUCHERS:
            rows.extend(_variances(document))
    for (intra, place, rate_bp), stored in b2cs_groups(entries(filing)).items():
        rows.append(
            ("b2cs row", f"{'INTRA' if intra else 'INTER'} {place}", *_variance(stored, rate_bp, intra), 0)
        )
    return Register("rounding", columns, tuple(row for row in rows if row[5] or row[6]))


def _variance(stored: Figures, rate_bp: int, intra: bool) -> tuple[int, int, int, int]:
    by_rate = recomputed(stored, rate_bp, intra).tax_paise
    return rate_bp, stored.tax_paise, by_rate, stored.tax_paise - by_rate


def _variances(document: TaxDocument) -> Iterator[tuple[Cell, ...]]:
    """The round-off stands on the document's first row."""
    round_off = document.amount.round_off_paise
    taxed = of_document(document).tax_paise != 0
    groups: dict[int, Figures] = {}
    for (rate_bp, _), figures in by_rate_and_sac(document).items():
        groups[rate_bp] = groups.get(rate_bp, Figures()) + figures
    for rate_bp, figures in groups.items():
        intra = document.supply.nature is SupplyNature.INTRA_STATE
        yield "document", document.number, *_variance(figures, rate_bp if taxed else 0, intra), round_off
        round_off = 0
