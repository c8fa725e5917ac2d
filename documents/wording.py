"""What documents say in words: headings by kind, statements the law asks for, dates, places, amounts."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from num2words import num2words

from documents.countries import country_name
from domain.document import DocumentKind, ForeignValue, TaxDocument
from domain.gst import STATES
from domain.money import rupees
from domain.supply import OUTSIDE_INDIA, BuyerKind, SupplyNature


class Copy(StrEnum):
    """Which of the two copies of a document for a service (rule 48(2), gst.md 1.2)."""

    ORIGINAL = "ORIGINAL FOR RECIPIENT"
    DUPLICATE = "DUPLICATE FOR SUPPLIER"


@dataclass(frozen=True)
class Terms:
    """What a kind of document calls itself and its parts."""

    heading: str
    noun: str
    short: str
    """What stands before "number" and "date"."""
    party: str
    total: str
    statement: str = ""
    """Said of the whole kind, where it could be taken for another."""

    @property
    def note(self) -> str:
        """Foot of every page (gst.md 1.7)."""
        return f"This is a computer-generated {self.noun} and needs no signature."


TERMS = {
    DocumentKind.PROFORMA: Terms(
        "PROFORMA INVOICE", "proforma invoice", "Proforma", "Prepared for", "Amount payable",
        "Not a tax invoice: no input tax credit can be taken on it. The tax invoice follows on payment.",
    ),
    DocumentKind.TAX_INVOICE: Terms("TAX INVOICE", "invoice", "Invoice", "Billed to", "Total"),
    DocumentKind.BILL_OF_SUPPLY: Terms("BILL OF SUPPLY", "bill of supply", "Bill", "Billed to", "Total"),
    DocumentKind.CREDIT_NOTE: Terms(
        "CREDIT NOTE", "credit note", "Credit note", "Credited to", "Total credit",
    ),
    DocumentKind.RECEIPT_VOUCHER: Terms(
        "RECEIPT VOUCHER", "receipt voucher", "Voucher", "Received from", "Advance received",
    ),
    DocumentKind.REFUND_VOUCHER: Terms(
        "REFUND VOUCHER", "refund voucher", "Voucher", "Refunded to", "Amount refunded",
    ),
}  # fmt: skip

_ORIGINALS = {
    DocumentKind.CREDIT_NOTE: "Against invoice",
    DocumentKind.REFUND_VOUCHER: "Against receipt voucher",
}

_ASKING = (DocumentKind.PROFORMA, DocumentKind.TAX_INVOICE, DocumentKind.BILL_OF_SUPPLY)

COMPOSITION = "Composition taxable person, not eligible to collect tax on supplies"
"""Rule 5(1)(f): on top of every bill of supply of such a person."""

NOT_ADJUSTING = (
    "Commercial credit note issued after the time limit of section 34(2) of the CGST Act: "
    "it carries no GST and changes no tax."
)

_ENDORSED = (
    "SUPPLY MEANT FOR EXPORT/SUPPLY TO SEZ UNIT OR SEZ DEVELOPER FOR AUTHORISED OPERATIONS {} INTEGRATED TAX"
)
_WITH_TAX = _ENDORSED.format("ON PAYMENT OF")
_WITHOUT_TAX = _ENDORSED.format("UNDER BOND OR LETTER OF UNDERTAKING WITHOUT PAYMENT OF")
_ENDORSEMENTS = {
    SupplyNature.SEZ_WITH_TAX: _WITH_TAX,
    SupplyNature.EXPORT_WITH_TAX: _WITH_TAX,
    SupplyNature.SEZ_WITHOUT_TAX: _WITHOUT_TAX,
    SupplyNature.EXPORT_WITHOUT_TAX: _WITHOUT_TAX,
}

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_METHODS = {
    "upi": "UPI", "upi_autopay": "UPI Autopay", "emandate": "eMandate", "nach": "NACH",
    "netbanking": "net banking", "emi": "EMI",
}  # fmt: skip

_WITHOUT_MINOR = frozenset(
    [
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    ]
)
_THOUSANDTHS = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])


def original_label(kind: DocumentKind) -> str:
    """What the number of the other document stands under."""
    return _ORIGINALS.get(kind, "Refers to")


def endorsements(document: TaxDocument) -> list[str]:
    """The words an export or a supply to an SEZ carries (rule 46, gst.md 1.2), with the LUT used."""
    nature = document.supply.nature
    if nature not in _ENDORSEMENTS:
        return []
    said = [_ENDORSEMENTS[nature]]
    lut = document.seller.lut
    if lut and _ENDORSEMENTS[nature] is _WITHOUT_TAX:
        said.append(f"LUT ARN {lut.arn} of {day_name(lut.granted_on)} for {lut.financial_year}")
    return said


def state_name(code: str) -> str:
    """`29` as `Karnataka (29)`; a code no longer in the list stands for itself."""
    return f"{STATES[code]} ({code})" if code in STATES else code


def place_of_supply(document: TaxDocument) -> str:
    """State name and code; the country of destination for an export."""
    if document.supply.place == OUTSIDE_INDIA:
        return f"{country_name(document.buyer.country)} ({OUTSIDE_INDIA})"
    return state_name(document.supply.place)


def tax_identity(document: TaxDocument) -> str:
    """The buyer's GSTIN or UIN, or that there is none; empty for one abroad."""
    buyer = document.buyer
    if buyer.gstin:
        return f"{'UIN' if buyer.kind is BuyerKind.UIN else 'GSTIN'}: {buyer.gstin}"
    return "" if buyer.kind is BuyerKind.OVERSEAS else "GSTIN: Unregistered"


def statement(document: TaxDocument) -> str:
    """What is said of the whole kind; where no tax is collected, another bill follows a proforma."""
    said = TERMS[document.kind].statement
    if document.supply.nature is SupplyNature.NOT_TAXED:
        return said.replace("The tax invoice", "The bill of supply")
    return said


def is_due(document: TaxDocument) -> bool:
    """Whether the document asks for money: an unpaid invoice, bill or proforma."""
    return document.kind in _ASKING and not document.paid_on and document.due_paise > 0


def value_label(document: TaxDocument) -> str:
    """What the price before tax is called; where no tax is collected it is not called taxable."""
    taxed = document.supply.nature is not SupplyNature.NOT_TAXED and document.gst_adjusting
    return "Taxable value" if taxed else "Value"


def payment_method(name: str) -> str:
    """As a person says it."""
    return _METHODS.get(name, name.replace("_", " "))


def day_name(day: date) -> str:
    """`1 Apr 2026`."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def figures(amount_paise: int) -> str:
    """`1,23,456.78`, where the column says that it is rupees."""
    return rupees(amount_paise).replace("₹", "")


def percent(rate_bp: int) -> str:
    """`1800` as `18%`, `250` as `2.5%`."""
    whole, rest = divmod(rate_bp, 100)
    return f"{whole}{f'.{rest:02d}'.rstrip('0') if rest else ''}%"


def amount_in_words(amount_paise: int) -> str:
    """Rupees and paise in Indian English, with lakh and crore."""
    spelled: str = num2words(amount_paise, lang="en_IN", to="currency", currency="INR")
    spelled = spelled.removesuffix(", zero paise")
    return f"{spelled[0].upper()}{spelled[1:]} only"


def foreign_amount(value: ForeignValue) -> str:
    """`USD 1,049.00`, with as many decimals as the currency has (ISO 4217)."""
    places = 0 if value.currency in _WITHOUT_MINOR else 3 if value.currency in _THOUSANDTHS else 2
    whole, minor = divmod(value.total_minor, 10**places)
    return f"{value.currency} {whole:,}{f'.{minor:0{places}d}' if places else ''}"
