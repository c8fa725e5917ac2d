"""Documents under the GST law: what each says, exactly as it was issued.

Fields are those of rules 46, 49, 50, 51 and 53 (gst.md 1.2 to 1.4). Whatever is printed or filed is in
here and is never computed again. All amounts are paise, never negative but for the round-off; dates are
Indian calendar dates.
"""

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from domain.errors import Misconfigured
from domain.gst import TaxedAmount
from domain.periods import financial_year
from domain.supply import BuyerKind, Supply

_LAWFUL_NUMBER = re.compile(r"[A-Z1-9][A-Z0-9/-]{0,15}")


class DocumentKind(StrEnum):
    """The nature of a document; the values are stored."""

    PROFORMA = "proforma"
    TAX_INVOICE = "tax_invoice"
    BILL_OF_SUPPLY = "bill_of_supply"
    CREDIT_NOTE = "credit_note"
    RECEIPT_VOUCHER = "receipt_voucher"
    REFUND_VOUCHER = "refund_voucher"


@dataclass(frozen=True)
class Lut:
    """Letter of undertaking (Form RFD-11) for one financial year, such as `2026-27`."""

    arn: str
    granted_on: date
    financial_year: str


@dataclass(frozen=True)
class Bank:
    """Where a customer may transfer to; printed."""

    name: str
    account_number: str
    ifsc: str


@dataclass(frozen=True)
class Seller:
    """The registration a document is issued from; its State is the GSTIN's first two digits."""

    legal_name: str
    gstin: str
    address_lines: tuple[str, ...]
    city: str = ""
    pin: str = ""
    trade_name: str = ""
    email: str = ""
    phone: str = ""
    cin: str = ""
    lut: Lut | None = None
    """The one that covers the document's date, where the supply needs one."""
    bank: Bank | None = None
    upi_id: str = ""
    logo: str = ""
    """SHA-256 of the picture, which lies in the settings' folder; a document names no file or address."""
    composition: bool = False
    """Pays under section 10: its bills say that it may not collect tax (rule 5(1)(f))."""
    in_sez: bool = False
    """In a Special Economic Zone: its supplies are inter-State even inside its State (IGST Act s.7(5))."""

    @property
    def state_code(self) -> str:
        """Two digits."""
        return self.gstin[:2]


@dataclass(frozen=True)
class Buyer:
    """The recipient as known at issue."""

    name: str
    kind: BuyerKind
    email: str = ""
    phone: str = ""
    address_lines: tuple[str, ...] = ()
    city: str = ""
    pin: str = ""
    state_code: str = ""
    """Empty outside India."""
    country: str = "IN"
    """ISO 3166, two letters."""
    gstin: str = ""
    """GSTIN, or UIN."""


@dataclass(frozen=True)
class Line:
    """One described supply. `quantity × unit − discount = taxable`, in paise before tax.

    The tax shares are of the rate group's tax (gst.md 5.3): over all lines they add up to the document's.
    """

    description: str
    sac: str
    quantity: int
    unit_paise: int
    taxable_paise: int
    rate_bp: int
    discount_paise: int = 0
    cgst_paise: int = 0
    sgst_paise: int = 0
    """SGST or UTGST."""
    igst_paise: int = 0
    original_line: int | None = None
    """On a note or refund voucher: which line of the original, counted from 0, this takes from."""


@dataclass(frozen=True)
class Original:
    """The document that a note or voucher refers to."""

    number: str
    issued_on: date
    total_paise: int


@dataclass(frozen=True)
class AdvanceUse:
    """What an invoice takes of one advance. Lines and money are those of the receipt voucher, in part.

    So much of the tax that was declared on the advance, at its place and rate, is due no longer.
    """

    voucher_id: str
    voucher: Original
    supply: Supply
    """The voucher's."""
    lines: tuple[Line, ...]
    amount: TaxedAmount

    @property
    def gst_adjusting(self) -> bool:
        """Like a refund of the advance, it lowers the tax on it."""
        return True


@dataclass(frozen=True)
class ForeignValue:
    """What the buyer pays in another currency (rule 34(2)); the document's own amounts are rupees."""

    currency: str
    total_minor: int
    """In the currency's smallest unit."""
    rate: str
    """Rupees per unit as a decimal number in text, such as `83.1234`."""
    source: str
    on: date


@dataclass(frozen=True)
class TaxDocument:
    """One issued document."""

    id: str
    kind: DocumentKind
    number: str
    issued_on: date
    seller: Seller
    buyer: Buyer
    supply: Supply
    lines: tuple[Line, ...]
    amount: TaxedAmount
    period_first_day: date | None = None
    period_last_day: date | None = None
    payment_reference: str = ""
    payment_method: str = ""
    paid_on: date | None = None
    supplied_on: date | None = None
    """Time of supply: decides the rate."""
    original: Original | None = None
    reason: str = ""
    gst_adjusting: bool = True
    """False for a credit note past the time limit of s.34(2): it lowers no tax and is not filed."""
    currency: str = "INR"
    foreign: ForeignValue | None = None
    reverse_charge: bool = False
    adjusts: tuple[AdvanceUse, ...] = ()
    """The advances that an invoice is paid from."""

    @property
    def due_paise(self) -> int:
        """The total less what advances pay of it."""
        return self.amount.total_paise - sum(use.amount.total_paise for use in self.adjusts)


@dataclass(frozen=True)
class Registration:
    """What the invoice registration portal answered; kept beside the document, never inside it."""

    irn: str
    acknowledgement_number: str
    acknowledged_at: str
    """`yyyy-mm-dd hh:mm:ss`, Indian time, as answered."""
    signed_qr: str
    """The whole JWT; printed as a QR code, unchanged."""


def document_number(prefix: str, issued_on: date, sequence: int) -> str:
    """`BH26-27/000042`: at most 16 characters, upper case, sortable (rule 46(b), gst.md 1.6).

    Raises Misconfigured if the prefix makes it too long or unlawful.
    """
    number = f"{prefix}{financial_year(issued_on)[2:]}/{sequence:06d}"
    if not _LAWFUL_NUMBER.fullmatch(number):
        raise Misconfigured(
            f"document number {number!r} is not lawful: at most 16 of A-Z 0-9 / -; shorten the prefix"
        )
    return number
