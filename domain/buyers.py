"""What is recorded of a buyer before the first charge, and what is refused or asked about.

Sources: gst.md 2.3 (State of an online customer, Circular 242/36/2024), 2.4 (registrations), 3.2, 3.3.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from domain.errors import InvalidInput
from domain.identifiers import IdKind, parse_gst_id
from domain.states import STATES, parse_pin, parse_state_code, pin_warning
from domain.supply import BuyerKind, Recipient


class StateOrigin(StrEnum):
    """How the State of a buyer was got; the values are stored (gst.md 2.3)."""

    DECLARED = "declared"
    PIN = "pin"
    IP = "ip"
    CARD_BIN = "card_bin"
    GSTIN = "gstin"
    """A registered buyer's State needs no other evidence."""


class LocationFact(StrEnum):
    """What may show where a private buyer abroad is (IGST Act s.13(12), gst.md 2.1); values are stored."""

    ADDRESS = "address"
    """Given through the internet."""
    CARD_ISSUER = "card_issuer"
    BILLING_ADDRESS = "billing_address"
    IP = "ip"
    BANK = "bank"
    SIM_COUNTRY = "sim_country"
    FIXED_LINE = "fixed_line"


def country_by_facts(facts: Mapping[LocationFact, str]) -> str:
    """The one country that at least two facts name, as ISO 3166 letters (s.13(12), gst.md 2.1).

    Raises InvalidInput where fewer than two agree, or two pairs contradict each other.
    """
    named = Counter(facts.values())
    agreed = [country for country, times in named.items() if times >= 2]
    if len(agreed) != 1:
        raise InvalidInput(
            "country",
            "Where this buyer is needs two facts that agree, such as address and card: "
            f"{', '.join(f'{fact} says {country}' for fact, country in facts.items()) or 'none is known'}.",
        )
    return agreed[0]


@dataclass(frozen=True)
class CheckedBuyer:
    """A buyer that may be charged, and what someone should look at."""

    recipient: Recipient
    state_origin: StateOrigin | None
    """None abroad."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class BuyerDetails:
    """As typed. `in_sez`: a unit or developer that buys for authorised operations."""

    gstin: str = ""
    state_code: str = ""
    state_origin: StateOrigin = StateOrigin.DECLARED
    pin: str = ""
    country: str = "IN"
    in_sez: bool = False
    registration_state_confirmed: bool = False
    """Someone was asked about a GSTIN of another State than the address, and wants it so."""


def check_buyer(
    details: BuyerDetails, seller_gstins: Collection[str] = (), *, sandbox: bool = False
) -> CheckedBuyer:
    """The buyer that these details describe (gst.md 2.3, 2.4).

    Refuses a GSTIN whose State differs from the address unless confirmed, the seller's own GSTIN, an SEZ
    buyer without GSTIN, and a buyer in India without a State. A PIN of another State only warns.
    Raises InvalidInput naming the field.
    """
    if details.country != "IN":
        return _abroad(details)
    state = parse_state_code(details.state_code) if details.state_code else ""
    gstin, kind = "", BuyerKind.UNREGISTERED
    origin = details.state_origin
    if details.gstin.strip():
        gstin, kind = _registration(details, seller_gstins, sandbox=sandbox)
        _agree(gstin, state, confirmed=details.registration_state_confirmed)
        if not state:
            state, origin = gstin[:2], StateOrigin.GSTIN
    elif details.in_sez:
        raise InvalidInput("gstin", "A buyer in a Special Economic Zone is registered: give its GSTIN.")
    if not state:
        raise InvalidInput(
            "state_code", "Needed in India, for the invoice's tax: two digits such as 29 for Karnataka."
        )
    warning = pin_warning(parse_pin(details.pin), state) if details.pin else None
    warnings = (warning,) if warning else ()
    return CheckedBuyer(Recipient(kind, state, gstin), origin, warnings)


def _abroad(details: BuyerDetails) -> CheckedBuyer:
    if details.gstin or details.state_code or details.pin or details.in_sez:
        raise InvalidInput(
            "country",
            "A GSTIN, a State or a PIN is for addresses in India: leave them out, or set country to IN.",
        )
    return CheckedBuyer(Recipient(BuyerKind.OVERSEAS, country=details.country), None)


def _registration(
    details: BuyerDetails, seller_gstins: Collection[str], *, sandbox: bool
) -> tuple[str, BuyerKind]:
    found = parse_gst_id(details.gstin, sandbox=sandbox)
    if found.text in {gstin.upper() for gstin in seller_gstins}:
        raise InvalidInput("gstin", "This is the seller's own GSTIN; give the buyer's, or none.")
    if found.kind is IdKind.OIDAR:
        raise InvalidInput(
            "gstin", f"{found.text} is of a business abroad: record its country, without this identifier."
        )
    if found.kind is IdKind.UIN:
        if details.in_sez:
            raise InvalidInput("gstin", "A UIN is no registration of an SEZ unit: give its GSTIN.")
        return found.text, BuyerKind.UIN
    return found.text, BuyerKind.SEZ if details.in_sez else BuyerKind.REGISTERED


def _agree(gstin: str, state: str, *, confirmed: bool) -> None:
    if state and state != gstin[:2] and not confirmed:
        raise InvalidInput(
            "state_code",
            f"The GSTIN is registered in {STATES[gstin[:2]]} ({gstin[:2]}), the address says "
            f"{STATES[state]} ({state}): give the GSTIN of that State, correct state_code, "
            "or say with registration_state_confirmed that this registration buys.",
        )
