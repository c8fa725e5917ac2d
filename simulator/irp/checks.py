"""What the portal looks at in an INV-01 request before it registers it (gst.md 6.2, 6.3 "Server checks")."""

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from simulator.irp.refusals import Json, invalid, too_old

_BLOCKS = ("Version", "TranDtls", "DocDtls", "SellerDtls", "BuyerDtls", "ItemList", "ValDtls")
_SUPPLIES = ("B2B", "SEZWP", "SEZWOP", "EXPWP", "EXPWOP", "DEXP")
_UNTAXED = ("SEZWOP", "EXPWOP")
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_TOLERANCE = Decimal(1)
_LARGEST = Decimal("999999999999.99")
_DAYS = 30


def check(request: Json, today: date) -> None:
    """Raises PortalRefusal for the first fault; `today` is India's."""
    for block in _BLOCKS:
        if not request.get(block):
            raise invalid(block, "is required")
    if request["Version"] != "1.1" or "Irn" in request:
        raise invalid("Version", "must be 1.1, without an Irn")
    _texts(request, "request")
    supply = request["TranDtls"].get("SupTyp")
    if request["TranDtls"].get("TaxSch") != "GST" or supply not in _SUPPLIES:
        raise invalid("TranDtls", "TaxSch GST and a known SupTyp are required; B2C is not registered")
    _document(request["DocDtls"], today)
    _parties(request, abroad=supply in ("EXPWP", "EXPWOP"))
    _items(request, supply)
    _totals(request)


def day(text: object, field: str) -> date:
    """`DD/MM/YYYY`."""
    try:
        return datetime.strptime(str(text), "%d/%m/%Y").date()  # noqa: DTZ007 - a day of India's calendar
    except ValueError:
        raise invalid(field, f"{text} is not DD/MM/YYYY") from None


def _document(details: Json, today: date) -> None:
    if details.get("Typ") not in ("INV", "CRN", "DBN"):
        raise invalid("DocDtls.Typ", "INV, CRN or DBN")
    if not re.fullmatch(r"[a-zA-Z1-9][a-zA-Z0-9/-]{0,15}", str(details.get("No")), re.ASCII):
        raise invalid("DocDtls.No", "1 to 16 letters, digits, / and -, not beginning with 0, / or -")
    issued = day(details.get("Dt"), "DocDtls.Dt")
    if issued > today:
        raise invalid("DocDtls.Dt", "is in the future")
    # An invoice of 1 April is refused after 30 April (gst.md 1.5).
    if today - issued >= timedelta(days=_DAYS):
        raise too_old()


def _gstin(text: object, field: str) -> None:
    """Form and check digit (gst.md 3.3)."""
    if not isinstance(text, str) or not re.fullmatch(
        r"[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z]Z[0-9A-Z]", text, re.ASCII
    ):
        raise invalid(field, f"{text} is not a GSTIN")
    total = 0
    for position, each in enumerate(text[:14]):
        product = _DIGITS.index(each) * (1 + position % 2)
        total += product // 36 + product % 36
    if _DIGITS[-total % 36] != text[14]:
        raise invalid(field, f"the check digit of {text} is wrong")


def _parties(request: Json, *, abroad: bool) -> None:
    seller, buyer = request["SellerDtls"], request["BuyerDtls"]
    _gstin(seller.get("Gstin"), "SellerDtls.Gstin")
    _party(seller, "SellerDtls", town=50)
    _party(buyer, "BuyerDtls", town=100)
    if abroad:
        found = (buyer.get("Gstin"), buyer.get("Pos"), buyer.get("Stcd"), buyer.get("Pin", 999999))
        if found != ("URP", "96", "96", 999999):
            raise invalid("BuyerDtls", "an export goes to URP, Pos and Stcd 96, Pin 999999")
    else:
        _gstin(buyer.get("Gstin"), "BuyerDtls.Gstin")
        if buyer["Gstin"][:2] != buyer.get("Stcd") or buyer["Gstin"] == seller["Gstin"]:
            raise invalid("BuyerDtls.Gstin", "belongs to another State, or is the seller's own")
    if not re.fullmatch(r"[0-9]{2}", str(buyer.get("Pos"))):
        raise invalid("BuyerDtls.Pos", "two digits are required")


def _party(party: Json, block: str, town: int) -> None:
    for field, shortest, longest in (("LglNm", 3, 100), ("Addr1", 1, 100), ("Loc", 3, town)):
        if not shortest <= len(str(party.get(field) or "")) <= longest:
            raise invalid(f"{block}.{field}", f"{shortest} to {longest} characters")
    if not 100000 <= int(party.get("Pin", 0)) <= 999999:
        raise invalid(f"{block}.Pin", "six digits")
    if not re.fullmatch(r"[0-9]{2}", str(party.get("Stcd"))):
        raise invalid(f"{block}.Stcd", "two digits")


def _texts(value: Any, field: str) -> None:
    if isinstance(value, str) and ('"' in value or "\\" in value):
        raise invalid(field, 'no " and no \\')
    if isinstance(value, dict):
        for name, inner in value.items():
            _texts(inner, name)
    if isinstance(value, list):
        for inner in value:
            _texts(inner, field)


def _amount(block: Json, name: str) -> Decimal:
    value = block.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise invalid(name, "is not a number")
    if not 0 <= value <= _LARGEST:
        raise invalid(name, "is negative or too large")
    return Decimal(value)


def _close(found: Decimal, expected: Decimal, field: str) -> None:
    if abs(found - expected) > _TOLERANCE:
        raise invalid(field, f"is {found}, {expected} expected")


def _items(request: Json, supply: str) -> None:
    items = request["ItemList"]
    if not isinstance(items, list) or not 1 <= len(items) <= 1000:
        raise invalid("ItemList", "1 to 1000 items")
    within = request["SellerDtls"]["Stcd"] == request["BuyerDtls"]["Pos"] and supply == "B2B"
    for item in items:
        if not re.fullmatch(r"([0-9]{4}|[0-9]{6}|[0-9]{8})", str(item.get("HsnCd"))):
            raise invalid("ItemList.HsnCd", "4, 6 or 8 digits")
        taxable, rate = _amount(item, "AssAmt"), _amount(item, "GstRt")
        if taxable != _amount(item, "TotAmt") - _amount(item, "Discount"):
            raise invalid("ItemList.AssAmt", "is not TotAmt less Discount")
        cgst, sgst, igst = (_amount(item, name) for name in ("CgstAmt", "SgstAmt", "IgstAmt"))
        if cgst != sgst or (within and igst) or (not within and cgst):
            raise invalid("ItemList", "CGST and SGST are equal and within a State; IGST is between States")
        if request["DocDtls"]["Typ"] == "INV" and not (supply in _UNTAXED and not igst):
            _close(cgst + sgst + igst, taxable * rate / 100, "ItemList tax")
        _close(_amount(item, "TotItemVal"), taxable + cgst + sgst + igst, "ItemList.TotItemVal")


def _totals(request: Json) -> None:
    values, items = request["ValDtls"], request["ItemList"]

    def summed(name: str) -> Decimal:
        return _sum(_amount(item, name) for item in items)

    pairs = (("AssVal", "AssAmt"), ("CgstVal", "CgstAmt"), ("SgstVal", "SgstAmt"), ("IgstVal", "IgstAmt"))
    for total, part in pairs:
        _close(_amount(values, total), summed(part), f"ValDtls.{total}")
    round_off = Decimal(values.get("RndOffAmt", 0))
    if abs(round_off) > Decimal("99.99"):
        raise invalid("ValDtls.RndOffAmt", "-99.99 to 99.99")
    _close(_amount(values, "TotInvVal"), summed("TotItemVal") + round_off, "ValDtls.TotInvVal")


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))
