"""INV-01 version 1.1: what is sent to the invoice registration portal (gst.md 6.2, 6.3)."""

import json
import re
from collections.abc import Iterable
from datetime import date
from typing import Any

from documents.einvoice.irn import document_type
from documents.einvoice.wording import email, optional, phone, required
from documents.figures import Figures, number, of_document, of_line, total
from domain.document import Buyer, DocumentKind, Line, Seller, TaxDocument
from domain.e_invoice import needs_registration
from domain.errors import InvalidInput
from domain.foreign import minor_digits
from domain.money import round_half_up
from domain.states import CLOSED
from domain.supply import OUTSIDE_INDIA, BuyerKind, SupplyNature

Json = dict[str, Any]

ABROAD_PIN = 999999
MOST_LINES = 1000
_NUMBER = re.compile(r"[a-zA-Z1-9][a-zA-Z0-9/-]{0,15}", re.ASCII)
_SAC = re.compile(r"(?!0+$)([0-9]{4}|[0-9]{6}|[0-9]{8})", re.ASCII)
_TOLERANCE_PAISE = 100
_LARGEST_PAISE = 10**14
_SUPPLY_TYPES = {
    SupplyNature.INTRA_STATE: "B2B",
    SupplyNature.INTER_STATE: "B2B",
    SupplyNature.SEZ_WITH_TAX: "SEZWP",
    SupplyNature.SEZ_WITHOUT_TAX: "SEZWOP",
    SupplyNature.EXPORT_WITH_TAX: "EXPWP",
    SupplyNature.EXPORT_WITHOUT_TAX: "EXPWOP",
}
_WITHOUT_TAX = {SupplyNature.SEZ_WITHOUT_TAX, SupplyNature.EXPORT_WITHOUT_TAX}


def request(document: TaxDocument, *, zero_rated_at_nil: bool = True) -> Json:
    """The document as INV-01 (gst.md 6.2), its texts sanitised by 6.3. Amounts are stored ones.

    `zero_rated_at_nil`: rate 0 on supplies without payment of tax (note on C17 in 5.8).
    Raises InvalidInput naming the document and, for a text that is too short, the customer's field.
    """
    _refuse(document)
    overseas = document.buyer.kind is BuyerKind.OVERSEAS
    type_ = document_type(document)
    transaction: Json = {
        "TaxSch": "GST",
        "SupTyp": _SUPPLY_TYPES[document.supply.nature],
        "RegRev": "Y" if document.reverse_charge else "N",
    }
    same_state = document.supply.place == document.seller.state_code
    if document.supply.nature is SupplyNature.INTER_STATE and same_state:
        transaction["IgstOnIntra"] = "Y"  # the seller is in an SEZ (gst.md 6.3, "Server checks")
    elif transaction["SupTyp"] == "B2B" and type_ == "INV":
        transaction["IgstOnIntra"] = "N"
    at_nil = zero_rated_at_nil and document.supply.nature in _WITHOUT_TAX
    made: Json = {
        "Version": "1.1",
        "TranDtls": transaction,
        "DocDtls": {"Typ": type_, "No": document.number.upper(), "Dt": day(document.issued_on)},
        "SellerDtls": _seller(document.seller),
        "BuyerDtls": _buyer(document.buyer, document.supply.place),
        "ItemList": [
            _item(position, line, at_nil=at_nil) for position, line in enumerate(document.lines, start=1)
        ],
        "ValDtls": _values(document),
    }
    references = _references(document)
    if references:
        made["RefDtls"] = references
    if overseas:
        made["ExpDtls"] = _export(document)
    return made


def bulk(documents: Iterable[TaxDocument]) -> bytes:
    """The file for the portal's bulk upload: a list of requests, in the order given (gst.md 6.4)."""
    return json.dumps([request(document) for document in documents], separators=(",", ":")).encode()


def day(moment: date) -> str:
    """`05/01/2026`."""
    return f"{moment:%d/%m/%Y}"


def _refuse(document: TaxDocument) -> None:
    """What the portal is known to refuse (gst.md 6.3, "Server checks")."""

    def refuse(field: str, message: str) -> None:
        raise InvalidInput(field, f"{document.number}: {message}")

    document_type(document)
    if not document.gst_adjusting:
        refuse("gst_adjusting", "a note past the limit of s.34(2) lowers no tax and is not registered.")
    if not needs_registration(document):
        refuse("buyer.kind", "only sales to registered buyers, SEZ and exports are registered (no B2C).")
    if not _NUMBER.fullmatch(document.number):
        refuse("number", "1 to 16 letters, digits, / and -, and no 0, / or - in front.")
    if document.supply.place in CLOSED:
        refuse("supply.place", f"State code {document.supply.place} is closed.")
    if not 1 <= len(document.lines) <= MOST_LINES:
        refuse("lines", f"{len(document.lines)} lines; there must be 1 to {MOST_LINES}.")
    if total(map(of_line, document.lines)) != of_document(document):
        refuse("lines", "the lines do not add up to the document.")
    if document.amount.total_paise >= _LARGEST_PAISE:
        refuse("amount", "the total is too large for the portal.")
    for line in document.lines:
        if not _SAC.fullmatch(line.sac):
            refuse("lines.sac", f"service code {line.sac!r} is not 4, 6 or 8 digits.")
        gross = line.taxable_paise + line.discount_paise
        if min(of_line(line).parts) < 0 or abs(line.quantity * line.unit_paise - gross) > _TOLERANCE_PAISE:
            refuse("lines", "an amount is negative, or quantity × price is not value + discount.")


def _seller(seller: Seller) -> Json:
    lines = _filled(seller.address_lines)
    names: Json = {
        "Gstin": seller.gstin,
        "LglNm": required(seller.legal_name, "seller.legal_name", "the seller's legal name", 3, 100),
        "TrdNm": optional(seller.trade_name, 3, 100),
        "Addr1": required(lines[0], "seller.address_lines", "the seller's address", 1, 100),
        "Addr2": optional(", ".join(lines[1:]), 3, 100),
        "Loc": required(seller.city, "seller.city", "the seller's city", 3, 50),
        "Pin": _pin(seller.pin, "seller.pin", "the seller's PIN code"),
        "Stcd": seller.state_code,
        "Ph": phone(seller.phone),
        "Em": email(seller.email),
    }
    names["TrdNm"] = names["TrdNm"] or names["LglNm"]
    return _given(names)


def _buyer(buyer: Buyer, place: str) -> Json:
    overseas, lines = buyer.kind is BuyerKind.OVERSEAS, _filled(buyer.address_lines)
    whose = f"customer {buyer.name!r}"
    name = required(buyer.name, "buyer.name", "the customer's name", 3, 100)
    return _given(
        {
            "Gstin": "URP" if overseas else buyer.gstin,
            "LglNm": name,
            "TrdNm": name,
            "Addr1": required(lines[0], "buyer.address_lines", f"the address of {whose}", 1, 100),
            "Addr2": optional(", ".join(lines[1:]), 3, 100),
            "Loc": required(buyer.city, "buyer.city", f"the city of {whose}", 3, 100),
            "Pin": ABROAD_PIN if overseas else _pin(buyer.pin, "buyer.pin", f"the PIN code of {whose}"),
            "Stcd": OUTSIDE_INDIA if overseas else buyer.state_code or buyer.gstin[:2],
            "Pos": place,
            "Ph": phone(buyer.phone),
            "Em": email(buyer.email),
        }
    )


def _filled(address_lines: tuple[str, ...]) -> list[str]:
    """The lines that say something; at least one, were it empty."""
    return [line for line in address_lines if line.strip()] or [""]


def _pin(text: str, field: str, whose: str) -> int:
    compact = text.replace(" ", "")
    if not re.fullmatch(r"[1-9][0-9]{5}", compact, re.ASCII):
        raise InvalidInput(field, f"{whose} is {text!r}: e-invoices need six digits.")
    return int(compact)


def _given(fields: Json) -> Json:
    return {key: value for key, value in fields.items() if value is not None}


def _item(position: int, line: Line, *, at_nil: bool) -> Json:
    figures = of_line(line)
    return {
        "SlNo": str(position),
        "PrdDesc": required(line.description, "lines.description", "the line's description", 3, 300),
        "IsServc": "Y",
        "HsnCd": line.sac,
        "Qty": line.quantity,
        "Unit": "OTH",
        "UnitPrice": number(line.unit_paise),
        "TotAmt": number(line.taxable_paise + line.discount_paise),
        "Discount": number(line.discount_paise),
        "AssAmt": number(line.taxable_paise),
        "GstRt": 0 if at_nil else number(line.rate_bp),
        "IgstAmt": number(figures.igst_paise),
        "CgstAmt": number(figures.cgst_paise),
        "SgstAmt": number(figures.sgst_paise),
        "CesRt": 0,
        "CesAmt": 0,
        "CesNonAdvlAmt": 0,
        "TotItemVal": number(figures.taxable_paise + figures.tax_paise),
    }


def _values(document: TaxDocument) -> Json:
    figures: Figures = of_document(document)
    values = {
        "AssVal": number(figures.taxable_paise),
        "CgstVal": number(figures.cgst_paise),
        "SgstVal": number(figures.sgst_paise),
        "IgstVal": number(figures.igst_paise),
        "CesVal": 0,
        "Discount": 0,
        "OthChrg": 0,
        "RndOffAmt": number(document.amount.round_off_paise),
        "TotInvVal": number(document.amount.total_paise),
    }
    if document.foreign is not None:
        minor = 10 ** minor_digits(document.foreign.currency)
        values["TotInvValFc"] = number(round_half_up(document.foreign.total_minor * 100, minor))
    return values


def _references(document: TaxDocument) -> Json:
    references: Json = {}
    if document.period_first_day and document.period_last_day:
        references["DocPerdDtls"] = {
            "InvStDt": day(document.period_first_day),
            "InvEndDt": day(document.period_last_day),
        }
    if document.kind is DocumentKind.CREDIT_NOTE and document.original:
        preceding = {"InvNo": document.original.number.upper(), "InvDt": day(document.original.issued_on)}
        references["PrecDocDtls"] = [preceding]
    return references


def _export(document: TaxDocument) -> Json:
    country = document.buyer.country.upper()
    if not re.fullmatch(r"[A-Z]{2}", country) or country == "IN":
        raise InvalidInput("buyer.country", f"{document.number}: the customer's country is {country!r}.")
    currency = {"ForCur": document.foreign.currency} if document.foreign else {}
    return {**currency, "CntCode": country}
