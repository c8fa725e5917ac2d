"""The seller as documents are issued: registrations, numbers' prefixes, and what was decided for all."""

from collections.abc import Mapping
from dataclasses import dataclass

from db.issuing import Series
from domain.document import DocumentKind
from domain.pricing import SupplyRules
from domain.registrations import SellerRegistrations


@dataclass(frozen=True)
class Issuer:
    """From settings, read once."""

    registrations: SellerRegistrations
    prefixes: Mapping[DocumentKind, str]
    rules: SupplyRules

    def series(self, gstin: str, kind: DocumentKind) -> Series:
        """The running numbers of one kind of document of one registration."""
        return Series(gstin, kind, self.prefixes[kind])
