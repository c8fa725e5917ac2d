"""Tax identifiers: GSTIN and its relatives, and PAN.

Shapes, check digit and which of them to try first: gst.md 3.3. A right shape is not an active
registration; only the portal knows that.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from domain.errors import InvalidInput
from domain.states import CLOSED, STATES

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class IdKind(StrEnum):
    """What a fifteen-character identifier was given for; the values are stored."""

    REGULAR = "regular"
    """Regular, composition, casual, SEZ, input service distributor: all look alike."""
    GOVERNMENT = "government"
    TDS = "tds_deductor"
    TCS = "tcs_ecommerce"
    UIN = "uin"
    """Embassies and bodies of the United Nations."""
    NON_RESIDENT = "nrtp"
    """Non-resident taxable person."""
    OIDAR = "oidar_nonresident"
    """A supplier of online services from abroad; its 99 is no State."""


# Special forms first: the regular pattern is wide enough to take some of them.
_SHAPES: tuple[tuple[IdKind, re.Pattern[str]], ...] = (
    (IdKind.OIDAR, re.compile(r"99[0-9]{2}[A-Z]{3}[0-9]{5}OS[0-9A-Z]", re.ASCII)),
    (IdKind.UIN, re.compile(r"[0-9]{4}[A-Z]{3}[0-9]{5}[UO]N[A-Z0-9]", re.ASCII)),
    (IdKind.NON_RESIDENT, re.compile(r"[0-9]{4}[A-Z]{3}[0-9]{5}NR[0-9A-Z]", re.ASCII)),
    (IdKind.TDS, re.compile(r"[0-9]{2}[A-Z]{4}[A-Z0-9][0-9]{4}[A-Z][1-9A-Z]D[0-9A-Z]", re.ASCII)),
    (IdKind.TCS, re.compile(r"[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z]C[0-9A-Z]", re.ASCII)),
    (IdKind.GOVERNMENT, re.compile(r"[0-9]{2}[A-Z]{4}[0-9]{5}[A-Z][0-9]Z[0-9]", re.ASCII)),
    (IdKind.REGULAR, re.compile(r"[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z][Z1-9A-J][0-9A-Z]", re.ASCII)),
)
_SANDBOX = re.compile(r"[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][0-9A-Z]{3}", re.ASCII)
_PAN = re.compile(r"[A-Z]{3}[ABCFGHJKLPT][A-Z][0-9]{4}[A-Z]", re.ASCII)


@dataclass(frozen=True)
class GstId:
    """A GSTIN or one of its relatives, in upper case."""

    text: str
    kind: IdKind

    @property
    def state_code(self) -> str:
        """The State it was given in; empty for an OIDAR supplier, who is in none."""
        return "" if self.kind is IdKind.OIDAR else self.text[:2]

    @property
    def pan(self) -> str:
        """The holder's PAN; empty where the identifier holds none (a TAN, a UIN, a country)."""
        inner = self.text[2:12]
        return inner if _PAN.fullmatch(inner) else ""


def gstin_check_digit(first_fourteen: str) -> str:
    """Fifteenth character of a GSTIN and of all its relatives (gst.md 3.3)."""
    total = 0
    for position, character in enumerate(first_fourteen):
        product = _ALPHABET.index(character) * (1 + position % 2)
        total += product // 36 + product % 36
    return _ALPHABET[-total % 36]


def _kind_of(text: str, *, sandbox: bool) -> IdKind | None:
    for kind, shape in _SHAPES:
        if shape.fullmatch(text):
            return kind
    return IdKind.REGULAR if sandbox and _SANDBOX.fullmatch(text) else None


def parse_gst_id(text: str, field: str = "gstin", *, sandbox: bool = False) -> GstId:
    """A GSTIN, UIN or other relative, as a buyer may have it (gst.md 3.3).

    `sandbox` lets the tax portal's test identifiers through: their last characters are made up.
    Raises InvalidInput saying which part is wrong.
    """
    upper = text.strip().upper()
    kind = _kind_of(upper, sandbox=sandbox)
    if kind is None:
        raise InvalidInput(field, f"{text!r} is not a GSTIN: 15 characters such as 29AAACI4798L1ZU.")
    state = upper[:2]
    if kind is not IdKind.OIDAR and state not in STATES:
        closed = f" {state} is closed, {CLOSED[state]} took its place." if state in CLOSED else ""
        raise InvalidInput(
            field, f"{state} is not a State code; the first two digits name the State.{closed}"
        )
    if not sandbox and gstin_check_digit(upper[:14]) != upper[14]:
        raise InvalidInput(field, f"{upper} fails its check digit: a character was mistyped.")
    return GstId(upper, kind)


def parse_gstin(text: str, field: str = "gstin", *, sandbox: bool = False) -> str:
    """A regular GSTIN in upper case (gst.md 3.3). Raises InvalidInput saying which part is wrong."""
    found = parse_gst_id(text, field, sandbox=sandbox)
    if found.kind is not IdKind.REGULAR:
        raise InvalidInput(
            field,
            f"{found.text} is a {found.kind.replace('_', ' ')} identifier, not a regular GSTIN: "
            "15 characters such as 29AAACI4798L1ZU.",
        )
    return found.text


def parse_pan(text: str, field: str = "pan") -> str:
    """A permanent account number in upper case; its fourth letter says what the holder is (gst.md 3.3).

    Raises InvalidInput.
    """
    pan = text.strip().upper()
    if not _PAN.fullmatch(pan):
        raise InvalidInput(field, f"{text!r} is not a PAN: 10 characters such as AAACI4798L.")
    return pan
