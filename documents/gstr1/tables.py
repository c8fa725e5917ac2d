"""GSTR-1 tables about the period as a whole: advances, service codes, numbers (gst.md 6.1)."""

from collections.abc import Sequence

from documents.figures import Figures, by_rate_and_sac, number, sign_of
from documents.gstr1.entries import HSN_SPLIT_SINCE, IDENTIFIED, Entry, filed_rate
from documents.gstr1.filing import Filing
from documents.gstr1.sections import Row, is_intra, tax
from domain.document import DocumentKind
from domain.supply import SupplyNature

_KINDS = (
    (1, "Invoices for outward supply", (DocumentKind.TAX_INVOICE, DocumentKind.BILL_OF_SUPPLY)),
    (5, "Credit Note", (DocumentKind.CREDIT_NOTE,)),
    (6, "Receipt Voucher", (DocumentKind.RECEIPT_VOUCHER,)),
    (8, "Refund Voucher", (DocumentKind.REFUND_VOUCHER,)),
)
"""Those of the portal's twelve kinds of document that we issue, by its numbers and names."""

AdvanceKey = tuple[str, bool, int]
"""Place of supply, whether inside the State, rate in basis points."""


def advance_groups(filing: Filing) -> tuple[dict[AdvanceKey, Figures], dict[AdvanceKey, Figures]]:
    """Advances received and still open (Table 11A), and earlier ones used or returned now (Table 11B).

    What is received and used, or returned, within one period never reaches the return. An advance of an
    earlier period that is returned is declared like one that is used (gst.md 1.1, 6.1 "at / txpd").
    """
    received: dict[AdvanceKey, Figures] = {}
    adjusted: dict[AdvanceKey, Figures] = {}

    def put(table: dict[AdvanceKey, Figures], key: AdvanceKey, figures: Figures) -> None:
        table[key] = table.get(key, Figures()) + figures

    for document in filing.documents:
        if document.kind not in (DocumentKind.RECEIPT_VOUCHER, DocumentKind.REFUND_VOUCHER):
            continue
        for (rate_bp, _), figures in by_rate_and_sac(document).items():
            rate = filed_rate(document.supply.nature, rate_bp, filing.settings)
            key = document.supply.place, is_intra(document), rate
            if document.kind is DocumentKind.RECEIPT_VOUCHER:
                put(received, key, figures)
            elif document.original and filing.month.holds(document.original.issued_on):
                put(received, key, figures.times(-1))
            else:
                put(adjusted, key, figures)
    for used in filing.adjustments:
        nature = used.supply.nature
        rate = filed_rate(nature, used.rate_bp, filing.settings)
        key = used.supply.place, nature is SupplyNature.INTRA_STATE, rate
        if filing.month.holds(used.voucher.issued_on):
            put(received, key, used.figures.times(-1))
        else:
            put(adjusted, key, used.figures)
    return _open(received), _open(adjusted)


def _open(groups: dict[AdvanceKey, Figures]) -> dict[AdvanceKey, Figures]:
    return {key: groups[key] for key in sorted(groups) if groups[key]}


def advances(groups: dict[AdvanceKey, Figures]) -> list[Row]:
    """Table 11A or 11B: amounts without tax, the portal's tool puts tax on top (gst.md 6.1, at / txpd)."""
    places: dict[tuple[str, bool], list[Row]] = {}
    for (place, intra, rate_bp), figures in groups.items():
        item = {"rt": number(rate_bp), "ad_amt": number(figures.taxable_paise), **tax(figures, intra)}
        places.setdefault((place, intra), []).append(item)
    return [
        {"pos": place, "sply_ty": "INTRA" if intra else "INTER", "itms": items}
        for (place, intra), items in places.items()
    ]


def hsn_groups(filing: Filing, entries: Sequence[Entry]) -> dict[tuple[bool, str, int], Figures]:
    """Net figures by (buyer identified, service code, rate as filed); exports count as B2C (gst.md 6.1).

    A row that notes bring to nothing stays: the documents behind it are in other tables.
    """
    groups: dict[tuple[bool, str, int], Figures] = {}
    for document in (each.document for each in entries):
        identified = document.buyer.kind in IDENTIFIED
        for (rate_bp, sac), figures in by_rate_and_sac(document).items():
            key = identified, sac, filed_rate(document.supply.nature, rate_bp, filing.settings)
            groups[key] = groups.get(key, Figures()) + figures.times(sign_of(document))
    return groups


def hsn(filing: Filing, entries: Sequence[Entry]) -> Row:
    """Table 12: by service code and rate, net of notes, in two parts since May 2025 (gst.md 6.1, hsn)."""
    parts: dict[str, list[Row]] = {"hsn_b2b": [], "hsn_b2c": [], "data": []}
    split = filing.period >= HSN_SPLIT_SINCE
    merged: dict[tuple[str, str, int], Figures] = {}
    for (identified, sac, rate_bp), figures in hsn_groups(filing, entries).items():
        part = ("hsn_b2b" if identified else "hsn_b2c") if split else "data"
        key = part, sac, rate_bp
        merged[key] = merged.get(key, Figures()) + figures
    for (part, sac, rate_bp), figures in merged.items():
        parts[part].append(
            {
                "num": len(parts[part]) + 1,
                "hsn_sc": sac,
                "desc": filing.settings.hsn_descriptions[sac],
                "uqc": "NA",
                "qty": 0,
                "rt": number(rate_bp),
                "txval": number(figures.taxable_paise),
                "iamt": number(figures.igst_paise),
                "samt": number(figures.sgst_paise),
                "camt": number(figures.cgst_paise),
                "csamt": 0,
            }
        )
    return dict(parts)


def doc_issue(filing: Filing) -> Row:
    """Table 13: first, last, cancelled and issued numbers of every series (gst.md 1.6, 6.1)."""
    details = []
    for number_of_kind, name, kinds in _KINDS:
        series = [each for each in filing.series if each.kind in kinds]
        rows = [
            {
                "num": position,
                "from": each.first,
                "to": each.last,
                "totnum": each.total,
                "cancel": len(each.cancelled),
                "net_issue": each.total - len(each.cancelled),
            }
            for position, each in enumerate(series, start=1)
        ]
        if rows:
            details.append({"doc_num": number_of_kind, "doc_typ": name, "docs": rows})
    return {"doc_det": details}
