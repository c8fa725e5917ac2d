"""GSTR-1 sections that list documents and supplies, in the portal's own shape (gst.md 6.1).

Each takes the period's entries and gives a list to be put into the file; keys are in the tool's order.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from documents.figures import Figures, number
from documents.gstr1.entries import IDENTIFIED, Entry, Section
from domain.document import TaxDocument
from domain.supply import EXPORTS, BuyerKind, SupplyNature

Row = dict[str, Any]

_INVOICE_TYPE = {SupplyNature.SEZ_WITH_TAX: "SEWP", SupplyNature.SEZ_WITHOUT_TAX: "SEWOP"}
_EXPORT_TYPE = {SupplyNature.EXPORT_WITH_TAX: "WPAY", SupplyNature.EXPORT_WITHOUT_TAX: "WOPAY"}
_EXPORT_NOTE_TYPE = {SupplyNature.EXPORT_WITH_TAX: "EXPWP", SupplyNature.EXPORT_WITHOUT_TAX: "EXPWOP"}
_NIL_TYPES = ("INTRB2B", "INTRAB2B", "INTRB2C", "INTRAB2C")


def day(moment: date) -> str:
    """`05-01-2026`."""
    return f"{moment:%d-%m-%Y}"


def tax(figures: Figures, intra: bool) -> Row:
    """The heads of one row: IGST across States, the two halves inside one (gst.md 6.1, b2b)."""
    if intra:
        return {"camt": number(figures.cgst_paise), "samt": number(figures.sgst_paise), "csamt": 0}
    return {"iamt": number(figures.igst_paise), "csamt": 0}


def is_intra(document: TaxDocument) -> bool:
    """Whether the heads are CGST and SGST."""
    return document.supply.nature is SupplyNature.INTRA_STATE


def _items(entry: Entry) -> list[Row]:
    intra = is_intra(entry.document)
    return [
        {
            "num": rate_bp + 1,
            "itm_det": {
                "txval": number(figures.taxable_paise),
                "rt": number(rate_bp),
                **tax(figures, intra),
            },
        }
        for rate_bp, figures in entry.items
    ]


def _of(section: Section, entries: Iterable[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.section is section]


def _grouped(rows: Iterable[tuple[str, Row]], key: str, member: str) -> list[Row]:
    """Rows under their key, both in order of appearance."""
    groups: dict[str, list[Row]] = {}
    for value, row in rows:
        groups.setdefault(value, []).append(row)
    return [{key: value, member: members} for value, members in groups.items()]


def _invoice(entry: Entry) -> Row:
    document = entry.document
    return {
        "inum": document.number,
        "idt": day(document.issued_on),
        "val": number(document.amount.total_paise),
    }


def _note(entry: Entry) -> Row:
    document = entry.document
    return {
        "nt_num": document.number,
        "nt_dt": day(document.issued_on),
        "ntty": "C",
        "val": number(document.amount.total_paise),
    }


def _as_registered(entry: Entry) -> Row:
    document = entry.document
    return {
        "pos": document.supply.place,
        "rchrg": "Y" if document.reverse_charge else "N",
        "inv_typ": _INVOICE_TYPE.get(document.supply.nature, "R"),
        "itms": _items(entry),
    }


def b2b(entries: Sequence[Entry]) -> list[Row]:
    """Invoices to registered buyers, Special Economic Zones and UIN holders, by buyer (gst.md 6.1, b2b)."""
    rows = [
        (each.document.buyer.gstin, _invoice(each) | _as_registered(each))
        for each in _of(Section.B2B, entries)
    ]
    return _grouped(rows, "ctin", "inv")


def cdnr(entries: Sequence[Entry]) -> list[Row]:
    """Credit notes to the buyers of b2b; positive amounts, not tied to their invoice (gst.md 6.1, cdnr)."""
    rows = [
        (each.document.buyer.gstin, _note(each) | _as_registered(each)) for each in _of(Section.CDNR, entries)
    ]
    return _grouped(rows, "ctin", "nt")


def b2cl(entries: Sequence[Entry]) -> list[Row]:
    """Large inter-State invoices to unregistered buyers, by place of supply (gst.md 6.1, b2cl)."""
    rows = [
        (each.document.supply.place, _invoice(each) | {"itms": _items(each)})
        for each in _of(Section.B2CL, entries)
    ]
    return _grouped(rows, "pos", "inv")


def b2cs_groups(entries: Sequence[Entry]) -> dict[tuple[bool, str, int], Figures]:
    """What b2cs holds, by (inside the State, place, rate in basis points), net of notes."""
    groups: dict[tuple[bool, str, int], Figures] = {}
    for each in _of(Section.B2CS, entries):
        for rate_bp, figures in each.items:
            key = is_intra(each.document), each.document.supply.place, rate_bp
            groups[key] = groups.get(key, Figures()) + figures.times(each.sign)
    return {key: figures for key, figures in groups.items() if figures}


def b2cs(entries: Sequence[Entry]) -> list[Row]:
    """All other sales to unregistered buyers, summed from stored tax, net of notes (gst.md 6.1, b2cs)."""
    return [
        {
            "sply_ty": "INTRA" if intra else "INTER",
            "rt": number(rate_bp),
            "typ": "OE",
            "pos": place,
            "txval": number(figures.taxable_paise),
            **tax(figures, intra),
        }
        for (intra, place, rate_bp), figures in b2cs_groups(entries).items()
    ]


def exp(entries: Sequence[Entry]) -> list[Row]:
    """Exports, with and without payment; a service has no shipping bill (gst.md 6.1, exp)."""
    rows = []
    for each in _of(Section.EXP, entries):
        items = [
            {"txval": number(figures.taxable_paise), "rt": number(rate_bp), **tax(figures, intra=False)}
            for rate_bp, figures in each.items
        ]
        rows.append((_EXPORT_TYPE[each.document.supply.nature], _invoice(each) | {"itms": items}))
    return _grouped(rows, "exp_typ", "inv")


def cdnur(entries: Sequence[Entry]) -> list[Row]:
    """Notes against large unregistered and export invoices; no place on export notes (gst.md 6.1, cdnur)."""
    rows = []
    for each in _of(Section.CDNUR, entries):
        nature = each.document.supply.nature
        kind: Row = {"typ": _EXPORT_NOTE_TYPE.get(nature, "B2CL")}
        if nature not in EXPORTS:
            kind["pos"] = each.document.supply.place
        rows.append(_note(each) | kind | {"itms": _items(each)})
    return rows


def nil(entries: Sequence[Entry]) -> Row:
    """Nil-rated and exempt supplies inside India, net of notes (gst.md 6.1, nil)."""
    sums = {kind: [0, 0] for kind in _NIL_TYPES}
    for each in entries:
        document = each.document
        seller, in_sez = document.seller, document.buyer.kind is BuyerKind.SEZ or document.seller.in_sez
        across = seller.state_code != document.supply.place or in_sez
        to = "B2B" if document.buyer.kind in IDENTIFIED else "B2C"
        pair = sums[f"{'INTR' if across else 'INTRA'}{to}"]
        pair[0] += each.sign * each.exempt_paise
        pair[1] += each.sign * each.nil_paise
    rows = [
        {"sply_ty": kind, "expt_amt": number(exempt), "nil_amt": number(nil_rated), "ngsup_amt": 0}
        for kind, (exempt, nil_rated) in sums.items()
        if exempt or nil_rated
    ]
    return {"inv": rows}
