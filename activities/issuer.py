"""The seller as documents are issued: registrations, numbers' prefixes, and what was decided for all."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from db.issuing import Series
from domain.document import DocumentKind, TaxDocument
from domain.periods import financial_year
from domain.pricing import SupplyRules
from domain.registrations import SellerRegistrations


@dataclass(frozen=True)
class Issuer:
    """From settings, read once."""

    registrations: SellerRegistrations
    prefixes: Mapping[DocumentKind, str]
    rules: SupplyRules

    annual_returns: Mapping[str, date] = field(default_factory=dict)
    """When the annual return of a financial year, such as `2025-26`, was filed, where it was."""

    def annual_return_of(self, document: TaxDocument) -> date | None:
        """The day from which a note no longer lowers the document's tax, if it came early (s.34(2))."""
        return self.annual_returns.get(financial_year(document.supplied_on or document.issued_on))

    def series(self, gstin: str, kind: DocumentKind) -> Series:
        """The running numbers of one kind of document of one registration."""
        return Series(gstin, kind, self.prefixes[kind])
