"""The tax invoice: its number, its parties, its money. What is printed is what was stored."""

import re
from dataclasses import dataclass
from datetime import date

from domain.errors import Misconfigured
from domain.gst import TaxedAmount
from domain.periods import financial_year

_LAWFUL_NUMBER = re.compile(r"[A-Z1-9][A-Z0-9/-]{0,15}")


@dataclass(frozen=True)
class Seller:
    """The registration an invoice is issued from; its State is the GSTIN's first two digits."""

    legal_name: str
    gstin: str
    address_lines: tuple[str, ...]
    email: str = ""
    cin: str = ""

    @property
    def state_code(self) -> str:
        """Two digits."""
        return self.gstin[:2]


@dataclass(frozen=True)
class Buyer:
    """The recipient as known at issue."""

    name: str
    email: str
    address_lines: tuple[str, ...]
    state_code: str
    gstin: str = ""


@dataclass(frozen=True)
class InvoiceLine:
    """One described supply. Amounts in paise before tax."""

    description: str
    sac: str
    quantity: int
    unit_paise: int
    taxable_paise: int


@dataclass(frozen=True)
class TaxInvoice:
    """Everything a tax invoice says (rule 46, gst.md 1.2)."""

    id: str
    number: str
    issued_on: date
    seller: Seller
    buyer: Buyer
    place_of_supply: str
    """State code."""
    lines: tuple[InvoiceLine, ...]
    amount: TaxedAmount
    period_first_day: date
    period_last_day: date
    payment_reference: str
    payment_method: str
    paid_on: date
    currency: str = "INR"
    reverse_charge: bool = False


def document_number(prefix: str, issued_on: date, sequence: int) -> str:
    """`BH26-27/000042`: at most 16 characters, upper case, sortable (rule 46(b), gst.md 1.6).

    Raises Misconfigured if the prefix makes it too long or unlawful.
    """
    number = f"{prefix}{financial_year(issued_on)[2:]}/{sequence:06d}"
    if not _LAWFUL_NUMBER.fullmatch(number):
        raise Misconfigured(
            f"invoice number {number!r} is not lawful: at most 16 of A-Z 0-9 / -; shorten BAHI_INVOICE_PREFIX"
        )
    return number
