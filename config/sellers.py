"""The seller's registrations as an installation gives them: settings for one, a YAML file for several.

A fault stops the start, and says where it is. Logos are read here once, so that a document names no file.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from domain.document import Bank, Lut, Seller
from domain.errors import Misconfigured
from domain.periods import financial_year
from domain.registrations import SellerRegistration, SellerRegistrations, open_registrations
from domain.supply import SellerScheme

SELLER_KEY = r"^[a-z][a-z0-9_-]{0,19}$"
"""A registration's short name in settings, catalogue and database."""
LOGO_BYTES = 1_000_000
"""As `documents.logo` takes them; it looks closer, where logos are drawn."""
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")

_OneLine = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=120, pattern="^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"),
]
_Written = Annotated[_OneLine, Field(min_length=1)]


class _Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LutFacts(_Facts):
    """A letter of undertaking; its year follows from the day it was granted unless given."""

    arn: _Written
    granted_on: date
    financial_year: str = ""


class BankFacts(_Facts):
    """Printed for those who pay by transfer."""

    name: _Written
    account_number: Annotated[str, Field(pattern=r"^[0-9A-Z]{5,20}$")]
    ifsc: Annotated[str, Field(pattern=r"^[A-Z]{4}0[A-Z0-9]{6}$")]


class SellerFacts(_Facts):
    """One registration as written. `address` are the lines before city and PIN."""

    key: Annotated[str, Field(pattern=SELLER_KEY)]
    legal_name: _Written
    address: tuple[_Written, ...]
    gstin: str = ""
    trade_name: _OneLine = ""
    city: _OneLine = ""
    pin: str = ""
    email: _OneLine = ""
    phone: _OneLine = ""
    cin: _OneLine = ""
    scheme: SellerScheme = SellerScheme.REGULAR
    in_sez: bool = False
    state_code: str = ""
    """Only where the scheme is unregistered."""
    luts: tuple[LutFacts, ...] = ()
    bank: BankFacts | None = None
    upi_id: Annotated[str, Field(pattern=r"^([A-Za-z0-9._-]{2,100}@[A-Za-z][A-Za-z0-9]{1,30})?$")] = ""
    logo: str = ""
    """Path of a PNG or JPEG; in a file of sellers, relative to that file."""


class _File(_Facts):
    default: str = ""
    sellers: Annotated[tuple[SellerFacts, ...], Field(min_length=1)]


@dataclass(frozen=True)
class Sellers:
    """All registrations, and the pictures their documents show by SHA-256 (`domain.document.Seller.logo`)."""

    registrations: SellerRegistrations
    logos: Mapping[str, bytes]


def sellers_of_file(path: Path, *, sandbox: bool = False) -> Sellers:
    """The registrations of a YAML file such as docs/sellers.example.yaml.

    Raises Misconfigured with file and line.
    """
    try:
        text = path.read_text("utf-8")
        # Everything stays the text it was written as: account numbers keep their leading noughts.
        written = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - makes nothing but text
        tree = yaml.compose(text, Loader=yaml.BaseLoader)
    except OSError as error:
        raise Misconfigured(f"BAHI_SELLERS_PATH: {path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise Misconfigured(f"BAHI_SELLERS_PATH: {path} is not YAML: {error}") from error
    try:
        given = _File.model_validate(written)
    except ValidationError as error:
        where, what = _first_fault(error)
        raise Misconfigured(f"{path}, line {_line(tree, where)}: {what}") from error
    try:
        return _opened(given.sellers, given.default, path.parent, sandbox=sandbox)
    except Misconfigured as error:
        raise Misconfigured(f"{path}: {error}") from error


def seller_of_settings(facts: Mapping[str, Any], *, sandbox: bool = False) -> Sellers:
    """The one registration of the BAHI_SELLER_ settings. Raises Misconfigured naming them."""
    try:
        return _opened([SellerFacts.model_validate(facts)], "", Path(), sandbox=sandbox)
    except ValidationError as error:
        raise Misconfigured(f"the settings BAHI_SELLER_…: {_first_fault(error)[1]}") from error
    except Misconfigured as error:
        raise Misconfigured(f"the settings BAHI_SELLER_…: {error}") from error


def _opened(given: Sequence[SellerFacts], default: str, folder: Path, *, sandbox: bool) -> Sellers:
    logos: dict[str, bytes] = {}
    registrations = []
    for facts in given:
        picture = _read_logo(facts.key, folder / facts.logo) if facts.logo else b""
        digest = hashlib.sha256(picture).hexdigest() if picture else ""
        if picture:
            logos[digest] = picture
        registrations.append(_registration(facts, digest))
    return Sellers(open_registrations(registrations, default, sandbox=sandbox), logos)


def _registration(facts: SellerFacts, logo: str) -> SellerRegistration:
    bank = facts.bank
    luts = tuple(
        Lut(lut.arn, lut.granted_on, lut.financial_year or financial_year(lut.granted_on))
        for lut in facts.luts
    )
    seller = Seller(
        legal_name=facts.legal_name,
        gstin=facts.gstin,
        address_lines=facts.address,
        city=facts.city,
        pin=facts.pin,
        trade_name=facts.trade_name,
        email=facts.email,
        phone=facts.phone,
        cin=facts.cin,
        bank=Bank(bank.name, bank.account_number, bank.ifsc) if bank else None,
        upi_id=facts.upi_id,
        logo=logo,
    )
    return SellerRegistration(facts.key, seller, luts, facts.scheme, facts.in_sez, facts.state_code)


def _read_logo(key: str, path: Path) -> bytes:
    try:
        picture = path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"seller registration {key!r}: logo {path}: {error.strerror}") from error
    if len(picture) > LOGO_BYTES or not picture.startswith(_PICTURES):
        raise Misconfigured(
            f"seller registration {key!r}: the logo {path} must be a PNG or JPEG of at most 1 MB"
        )
    return picture


def _first_fault(error: ValidationError) -> tuple[tuple[int | str, ...], str]:
    """Where, and what in words."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = first["loc"]
    what = "no such field; look for a slip of the pen" if first["type"] == "extra_forbidden" else first["msg"]
    return where, f"{'.'.join(str(part) for part in where) or 'the file'}: {what}"


def _line(node: yaml.Node | None, where: Sequence[int | str]) -> int:
    """The line of the last part that is there; a missing field is looked for in what should hold it."""
    line = 1
    for part in where:
        below: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            below = next((value for key, value in node.value if key.value == part), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            below = node.value[part]
        if below is None:
            break
        node, line = below, below.start_mark.line + 1
    return line
