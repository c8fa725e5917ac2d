"""Which section of GSTR-1 a document belongs to, and what it declares there.

Order of classification: gst.md 6.1, "Classification order".
"""

from dataclasses import dataclass
from enum import StrEnum

from documents.figures import Figures, by_rate_and_sac, sign_of, total
from documents.gstr1.filing import Filing, PortalSettings
from domain.document import DocumentKind, TaxDocument
from domain.supply import EXPORTS, BuyerKind, SupplyNature

_B2CL_ABOVE_PAISE = (("2024-08", 1_00_000_00), ("2017-07", 2_50_000_00))
"""First period and limit; the latest that has begun counts, strictly above it (gst.md 6.1, b2cl)."""
HSN_SPLIT_SINCE = "2025-05"
"""Table 12 in two parts, and Table 13 mandatory, from this period on (gst.md 6.1, "Portal regime")."""

WITHOUT_TAX = frozenset({SupplyNature.EXPORT_WITHOUT_TAX, SupplyNature.SEZ_WITHOUT_TAX})
SEZ = frozenset({SupplyNature.SEZ_WITH_TAX, SupplyNature.SEZ_WITHOUT_TAX})
SUPPLIES = frozenset({DocumentKind.TAX_INVOICE, DocumentKind.BILL_OF_SUPPLY, DocumentKind.CREDIT_NOTE})
VOUCHERS = frozenset({DocumentKind.RECEIPT_VOUCHER, DocumentKind.REFUND_VOUCHER})
IDENTIFIED = frozenset({BuyerKind.REGISTERED, BuyerKind.SEZ, BuyerKind.UIN})
"""Buyers who are filed under an identifier of theirs (gst.md 2.1)."""


class Section(StrEnum):
    """Sections that hold supplies, by their names in the file."""

    B2B = "b2b"
    B2CL = "b2cl"
    B2CS = "b2cs"
    EXP = "exp"
    CDNR = "cdnr"
    CDNUR = "cdnur"
    NIL = "nil"


@dataclass(frozen=True)
class Entry:
    """A document as it is filed: unsigned figures, notes being notes by their section.

    A document's nil-rated and exempt lines go to `nil` whatever its section is; a document that has
    no others is in section `nil` altogether.
    """

    document: TaxDocument
    section: Section
    items: tuple[tuple[int, Figures], ...]
    """One per rate as filed, in basis points."""
    nil_paise: int
    exempt_paise: int

    @property
    def figures(self) -> Figures:
        """All that is taxed or zero-rated."""
        return total(figures for _, figures in self.items)

    @property
    def sign(self) -> int:
        """-1 for a note."""
        return sign_of(self.document)


def b2cl_limit_paise(period: str) -> int:
    """Invoice total above which an unregistered inter-State buyer is listed singly (gst.md 6.1)."""
    return next(limit for since, limit in _B2CL_ABOVE_PAISE if period >= since)


def has_no_section(document: TaxDocument) -> bool:
    """Sold abroad and no export, so taxed as inter-State: no section is known for it (gst.md 2.1, row 6)."""
    abroad = document.buyer.kind is BuyerKind.OVERSEAS and document.supply.nature not in EXPORTS
    return abroad and document.kind in SUPPLIES


def is_filed(document: TaxDocument) -> bool:
    """A supply the return declares: no voucher, no note past the limit of s.34(2), none without a section."""
    return document.kind in SUPPLIES and document.gst_adjusting and not has_no_section(document)


def counts_as_inter_state(document: TaxDocument) -> bool:
    """An advance whose use is not decided is inter-State, wherever the buyer is (rule 50, gst.md 1.4)."""
    return document.kind in VOUCHERS and document.supply.nature is SupplyNature.INTER_STATE


def filed_rate(nature: SupplyNature, rate_bp: int, settings: PortalSettings) -> int:
    """The rate shown for a line: 0 on zero-rated supplies if so set (gst.md 5.8, note on C17)."""
    zero = nature in WITHOUT_TAX and settings.zero_rated_at_nil
    return 0 if zero or nature is SupplyNature.NOT_TAXED else rate_bp


def section_of(document: TaxDocument, period: str) -> Section:
    """Section for what the document taxes (gst.md 6.1, "Classification order")."""
    note = document.kind is DocumentKind.CREDIT_NOTE
    if document.supply.nature in EXPORTS:
        return Section.CDNUR if note else Section.EXP
    if document.buyer.kind in IDENTIFIED:
        return Section.CDNR if note else Section.B2B
    if document.supply.nature is SupplyNature.INTER_STATE:
        original = document.original.total_paise if note and document.original else 0
        if max(document.amount.total_paise, original) > b2cl_limit_paise(period):
            return Section.CDNUR if note else Section.B2CL
    return Section.B2CS


def entry(document: TaxDocument, period: str, settings: PortalSettings) -> Entry:
    """The document as it is filed; its lines grouped to one item per rate (gst.md 6.1)."""
    items: dict[int, Figures] = {}
    nil = exempt = 0
    zero_rated = document.supply.nature in EXPORTS | SEZ
    for (rate_bp, _), figures in by_rate_and_sac(document).items():
        rate = filed_rate(document.supply.nature, rate_bp, settings)
        if document.supply.nature is SupplyNature.NOT_TAXED:
            exempt += figures.taxable_paise
        elif rate == 0 and not zero_rated:
            nil += figures.taxable_paise
        else:
            items[rate] = items.get(rate, Figures()) + figures
    section = section_of(document, period) if items else Section.NIL
    return Entry(document, section, tuple(items.items()), nil, exempt)


def in_order(document: TaxDocument) -> tuple[str, str]:
    """By date, then number: how the file lists documents, whatever order they came in."""
    return document.issued_on.isoformat(), document.number


def entries(filing: Filing) -> tuple[Entry, ...]:
    """Every filed supply of the period, by date and number."""
    filed = sorted((document for document in filing.documents if is_filed(document)), key=in_order)
    return tuple(entry(document, filing.period, filing.settings) for document in filed)
