"""Who supplies to whom, where the supply takes place, and which tax follows.

The decision table is gst.md 2.1; the sections named there are of the IGST Act 2017.
"""

from dataclasses import dataclass
from enum import StrEnum


class BuyerKind(StrEnum):
    """What the buyer is to the GST law."""

    REGISTERED = "registered"
    UNREGISTERED = "unregistered"
    SEZ = "sez"
    """A unit in, or developer of, a Special Economic Zone, buying for authorised operations."""
    OVERSEAS = "overseas"
    UIN = "uin"
    """An embassy or a body of the United Nations: holds a UIN, is not registered."""


class SupplyNature(StrEnum):
    """How a supply is taxed and reported; the values are stored."""

    INTRA_STATE = "intra_state"
    INTER_STATE = "inter_state"
    SEZ_WITH_TAX = "sez_with_tax"
    SEZ_WITHOUT_TAX = "sez_without_tax"
    EXPORT_WITH_TAX = "export_with_tax"
    EXPORT_WITHOUT_TAX = "export_without_tax"
    NOT_TAXED = "not_taxed"
    """Exempt, or the seller is under composition: a bill of supply."""


OUTSIDE_INDIA = "96"
"""Place of supply of an export."""


@dataclass(frozen=True)
class Supply:
    """Where a supply takes place (a State code, or 96) and what it is."""

    place: str
    nature: SupplyNature
