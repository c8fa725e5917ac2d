"""The seller's registrations: which GSTIN a document is issued from, and its letters of undertaking.

Sources: gst.md 2.1 (rule 96A), 2.4, 3.3; `Seller` and `Lut` are those of `domain.document`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from domain.document import Lut, Seller
from domain.errors import InvalidInput, Misconfigured, Refused
from domain.identifiers import IdKind, gstin_check_digit, parse_gst_id
from domain.periods import financial_year
from domain.states import parse_pin, parse_state_code, pin_warning
from domain.supply import (
    ExportFacts,
    Recipient,
    SellerScheme,
    Supplier,
    Supply,
    ZeroRating,
    decide_supply,
)

_YEAR = re.compile(r"([0-9]{4})-([0-9]{2})", re.ASCII)
_SELLER_KINDS = frozenset({IdKind.REGULAR, IdKind.NON_RESIDENT})


@dataclass(frozen=True)
class SellerRegistration:
    """One registration under a short key of our own, such as `ka`.

    `seller` is what documents show; its `lut` is filled in per document.
    """

    key: str
    seller: Seller
    luts: tuple[Lut, ...] = ()
    scheme: SellerScheme = SellerScheme.REGULAR
    in_sez: bool = False
    state_code: str = ""
    """Only for a seller who is not registered; otherwise the GSTIN's first two digits."""

    @property
    def supplier(self) -> Supplier:
        """What of it decides the tax."""
        return Supplier(self.seller.gstin[:2] or self.state_code, self.scheme, self.in_sez)

    def lut_on(self, day: date) -> Lut | None:
        """The letter of undertaking that covers a document of that day: one financial year (rule 96A)."""
        year = financial_year(day)
        fitting = [lut for lut in self.luts if lut.financial_year == year and lut.granted_on <= day]
        return max(fitting, key=lambda lut: lut.granted_on, default=None)

    def seller_for(self, supply: Supply, day: date) -> Seller:
        """The seller as a document of that day shows it: with its letter where the supply rests on one."""
        composition = self.scheme is SellerScheme.COMPOSITION
        lut = self.lut_on(day) if supply.nature.is_without_tax else None
        return replace(self.seller, lut=lut, composition=composition, in_sez=self.in_sez)

    def supply_to(
        self,
        recipient: Recipient,
        day: date,
        *,
        zero_rating: ZeroRating = ZeroRating.WITHOUT_TAX,
        lut_required: bool = True,
        export: ExportFacts | None = None,
        exempt: bool = False,
    ) -> Supply:
        """Place and nature of a supply on a day (gst.md 2.1).

        Raises Refused for a zero-rated supply without tax that no letter of undertaking covers, unless a
        setting says that none is needed (a bond, say); InvalidInput as `decide_supply`, and for a buyer
        with this very GSTIN (gst.md 2.4).
        """
        if recipient.gstin and recipient.gstin.upper() == self.seller.gstin.upper():
            raise InvalidInput("gstin", "This is the seller's own GSTIN; give the buyer's, or none.")
        supply = decide_supply(
            self.supplier, recipient, zero_rating=zero_rating, export=export, exempt=exempt
        )
        if supply.nature.is_without_tax and lut_required and self.lut_on(day) is None:
            raise Refused(
                f"{self.seller.legal_name} has no letter of undertaking for {financial_year(day)} on record, "
                "so it cannot sell abroad or to an SEZ without tax yet; please ask them. (The seller records "
                "Form RFD-11 in its settings, or charges IGST by BAHI_ZERO_RATING=with_tax.)",
                state="no_lut",
                allowed=(),
            )
        return supply


@dataclass(frozen=True)
class SellerRegistrations:
    """All registrations of the seller; made by `open_registrations`, which checks them."""

    all: tuple[SellerRegistration, ...]
    default_key: str
    warnings: tuple[str, ...] = ()
    """What someone should look at; nothing that stops the start."""

    @property
    def gstins(self) -> frozenset[str]:
        """Of all registrations."""
        return frozenset(each.seller.gstin for each in self.all if each.seller.gstin)

    def of_key(self, key: str) -> SellerRegistration:
        """Raises Misconfigured for a key that no registration has."""
        for each in self.all:
            if each.key == key:
                return each
        known = ", ".join(each.key for each in self.all)
        raise Misconfigured(f"no seller registration has the key {key!r}: add it, or choose one of {known}")

    def of_gstin(self, gstin: str) -> SellerRegistration:
        """The one that earlier documents of this GSTIN are from; "" is a seller who has none.

        Raises Misconfigured for one that is no longer there.
        """
        for each in self.all:
            if each.seller.gstin == gstin:
                return each
        raise Misconfigured(
            f"no seller registration has the GSTIN {gstin!r}, from which there are advances: add it again"
        )

    def chosen(self, *, customer_key: str = "", plan_key: str = "") -> SellerRegistration:
        """The customer's registration, else the plan's, else the default. Raises Misconfigured."""
        return self.of_key(customer_key or plan_key or self.default_key)


def open_registrations(
    registrations: Sequence[SellerRegistration], default_key: str = "", *, sandbox: bool = False
) -> SellerRegistrations:
    """The registrations, checked (gst.md 3.3); the first is the default unless another is named.

    `sandbox` accepts the tax portal's test identifiers. Raises Misconfigured, saying what to do.
    """
    if not registrations:
        raise Misconfigured("no seller registration: give at least one, with legal name, address and GSTIN")
    checked = tuple(_checked(each, sandbox=sandbox) for each in registrations)
    for what, values in (
        ("key", [each.key for each in checked]),
        ("GSTIN", [each.seller.gstin for each in checked if each.seller.gstin]),
    ):
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise Misconfigured(f"two seller registrations have the same {what} {twice[0]}: keep one of them")
    opened = SellerRegistrations(checked, default_key or checked[0].key, _pin_warnings(checked))
    opened.of_key(opened.default_key)
    return opened


def _checked(registration: SellerRegistration, *, sandbox: bool) -> SellerRegistration:
    seller, key = registration.seller, registration.key
    if not key or not seller.legal_name.strip() or not any(line.strip() for line in seller.address_lines):
        raise Misconfigured(
            f"seller registration {key!r}: key, legal name and address are needed (rule 46(a))"
        )
    for lut in registration.luts:
        _check_year(key, lut)
    if registration.scheme is SellerScheme.UNREGISTERED:
        return _checked_unregistered(registration)
    gstin = _seller_gstin(key, seller.gstin, sandbox=sandbox)
    if registration.state_code not in ("", gstin[:2]):
        raise Misconfigured(
            f"seller registration {key!r}: the State is that of {gstin} ({gstin[:2]}): leave state_code out"
        )
    return replace(registration, seller=replace(seller, gstin=gstin))


def _checked_unregistered(registration: SellerRegistration) -> SellerRegistration:
    if registration.seller.gstin or registration.luts:
        raise Misconfigured(
            f"seller registration {registration.key!r}: who is not registered has no GSTIN and no LUT; "
            "leave them out, or set the scheme to regular"
        )
    try:
        parse_state_code(registration.state_code)
    except InvalidInput as error:
        raise Misconfigured(f"seller registration {registration.key!r}: {error}") from error
    return registration


def _seller_gstin(key: str, text: str, *, sandbox: bool) -> str:
    try:
        found = parse_gst_id(text, sandbox=sandbox)
    except InvalidInput as error:
        raise Misconfigured(f"seller registration {key!r}: {error}{_remedy(text)}") from error
    if found.kind not in _SELLER_KINDS:
        raise Misconfigured(
            f"seller registration {key!r}: {found.text} is a {found.kind.replace('_', ' ')} identifier, from "
            "which nothing can be sold; give the regular GSTIN"
        )
    return found.text


def _remedy(text: str) -> str:
    """What to do about a GSTIN of the right shape that fails its check digit."""
    upper = text.strip().upper()
    try:
        parse_gst_id(upper, sandbox=True)
    except InvalidInput:
        return ""
    expected = gstin_check_digit(upper[:14])
    return (
        " Compare it with the registration certificate: after these first fourteen characters the last would "
        f"be {expected}. For the portal's test identifiers turn the sandbox setting on (not in production)."
    )


def _check_year(key: str, lut: Lut) -> None:
    found = _YEAR.fullmatch(lut.financial_year)
    if found is None or (int(found[1]) + 1) % 100 != int(found[2]) or not lut.arn.strip():
        raise Misconfigured(
            f"seller registration {key!r}: a letter of undertaking has a number and one financial year, such "
            f"as 2026-27, not {lut.financial_year!r}"
        )


def _pin_warnings(registrations: Sequence[SellerRegistration]) -> tuple[str, ...]:
    found = []
    for each in registrations:
        if not each.seller.pin:
            continue
        try:
            warning = pin_warning(parse_pin(each.seller.pin), each.supplier.state_code)
        except InvalidInput as error:
            raise Misconfigured(f"seller registration {each.key!r}: {error}") from error
        if warning:
            found.append(f"seller registration {each.key!r}: {warning}")
    return tuple(found)
