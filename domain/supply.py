"""Who supplies to whom, where the supply takes place, and which tax follows.

The decision table is gst.md 2.1; the sections named there are of the IGST Act 2017.
"""

from dataclasses import dataclass
from enum import StrEnum

from domain.errors import InvalidInput
from domain.states import STATES, parse_state_code


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

    @property
    def is_without_tax(self) -> bool:
        """Zero-rated without payment: needs a letter of undertaking (rule 96A)."""
        return self in (SupplyNature.SEZ_WITHOUT_TAX, SupplyNature.EXPORT_WITHOUT_TAX)

    @property
    def is_zero_rated(self) -> bool:
        """Export or supply to an SEZ, with or without payment of tax (IGST Act s.16)."""
        return self.is_without_tax or self in (SupplyNature.SEZ_WITH_TAX, SupplyNature.EXPORT_WITH_TAX)


EXPORTS = frozenset({SupplyNature.EXPORT_WITH_TAX, SupplyNature.EXPORT_WITHOUT_TAX})
OUTSIDE_INDIA = "96"
"""Place of supply of an export."""


@dataclass(frozen=True)
class Supply:
    """Where a supply takes place (a State code, or 96) and what it is."""

    place: str
    nature: SupplyNature


class SellerScheme(StrEnum):
    """What the seller is to the GST law; the values are settings."""

    REGULAR = "regular"
    COMPOSITION = "composition"
    UNREGISTERED = "unregistered"

    @property
    def collects_tax(self) -> bool:
        """Only a regular seller may (gst.md 2.1, rows 8 and 9)."""
        return self is SellerScheme.REGULAR


class ZeroRating(StrEnum):
    """How exports and supplies to an SEZ are zero-rated (IGST Act s.16(3))."""

    WITHOUT_TAX = "without_tax"
    """Under a letter of undertaking; nothing is charged."""
    WITH_TAX = "with_tax"
    """IGST is charged, and may be claimed back."""


@dataclass(frozen=True)
class Supplier:
    """What of the seller decides the tax; the State is that of the GSTIN on the document."""

    state_code: str
    scheme: SellerScheme = SellerScheme.REGULAR
    in_sez: bool = False


@dataclass(frozen=True)
class Recipient:
    """What of the buyer decides the tax. `gstin` is a GSTIN or UIN; the State is the address's."""

    kind: BuyerKind
    state_code: str = ""
    gstin: str = ""
    country: str = "IN"


@dataclass(frozen=True)
class ExportFacts:
    """What makes a supply to a buyer abroad an export (IGST Act s.2(6), gst.md 2.1).

    The other two conditions, seller in India and buyer outside, are known already.
    """

    paid_in_permitted_currency: bool
    """In convertible foreign exchange, or in rupees where the Reserve Bank permits that."""
    separate_persons: bool = True
    """Seller and buyer are not merely two establishments of one person."""
    place: str = OUTSIDE_INDIA
    """A State code where s.13(3) to (13) put the place of supply in India."""

    @property
    def all_met(self) -> bool:
        """Zero-rated only then; otherwise the supply is taxed."""
        return self.paid_in_permitted_currency and self.separate_persons and self.place == OUTSIDE_INDIA


def decide_supply(
    supplier: Supplier,
    recipient: Recipient,
    *,
    zero_rating: ZeroRating = ZeroRating.WITHOUT_TAX,
    export: ExportFacts | None = None,
    exempt: bool = False,
) -> Supply:
    """Place of supply and its nature by the decision table (gst.md 2.1, rows 1 to 9).

    A buyer in India without a State is refused: online services need it before the first charge (row 3;
    Circular 242/36/2024, gst.md 2.3). `export` is needed for a buyer abroad. Raises InvalidInput.
    """
    parse_state_code(supplier.state_code, "seller.state_code")
    place = _place(recipient, export)
    if exempt or not supplier.scheme.collects_tax:
        return Supply(place, SupplyNature.NOT_TAXED)
    without_tax = zero_rating is ZeroRating.WITHOUT_TAX
    if recipient.kind is BuyerKind.SEZ:
        # Always between States, even inside one: s.7(5)(b).
        return Supply(place, SupplyNature.SEZ_WITHOUT_TAX if without_tax else SupplyNature.SEZ_WITH_TAX)
    if recipient.kind is BuyerKind.OVERSEAS:
        if export is None or not export.all_met:
            # s.7(5): between States wherever the place is, because s.8(2) speaks of buyers in India.
            return Supply(place, SupplyNature.INTER_STATE)
        nature = SupplyNature.EXPORT_WITHOUT_TAX if without_tax else SupplyNature.EXPORT_WITH_TAX
        return Supply(place, nature)
    within = place == supplier.state_code and not supplier.in_sez
    return Supply(place, SupplyNature.INTRA_STATE if within else SupplyNature.INTER_STATE)


def _place(recipient: Recipient, export: ExportFacts | None) -> str:
    abroad = recipient.kind is BuyerKind.OVERSEAS
    if abroad == (recipient.country == "IN"):
        raise InvalidInput(
            "country",
            "A buyer abroad has another country than IN, and every other buyer has IN: correct one of them.",
        )
    if abroad:
        return _place_abroad(recipient, export)
    if recipient.kind in (BuyerKind.REGISTERED, BuyerKind.SEZ):
        # s.12(2)(a): the registration that was given, wherever the address is.
        return _place_of_registration(recipient)
    if not recipient.state_code:
        raise InvalidInput(
            "state_code",
            "Needed in India before the first charge, for the tax: two digits such as 29 for Karnataka.",
        )
    return parse_state_code(recipient.state_code)  # s.12(2)(b)(i)


def _place_abroad(recipient: Recipient, export: ExportFacts | None) -> str:
    if recipient.gstin or recipient.state_code:
        raise InvalidInput(
            "country", "A GSTIN or a State is for buyers in India: leave them out, or set country to IN."
        )
    if export is None:
        raise InvalidInput(
            "export",
            "For a buyer abroad, say in which money is paid and whether buyer and seller are separate.",
        )
    return export.place if export.place == OUTSIDE_INDIA else parse_state_code(export.place, "export.place")


def _place_of_registration(recipient: Recipient) -> str:
    state = recipient.gstin[:2]
    if state not in STATES:
        raise InvalidInput(
            "gstin",
            "A registered buyer needs its GSTIN; its first two digits are the place of supply."
            if state != "99"
            else "An identifier that begins with 99 is of a business abroad: record its country, without it.",
        )
    return state
