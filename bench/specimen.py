"""The document that is drawn and issued: the usual invoice of one line, within the State, paid."""

from datetime import date

from domain.document import Buyer, DocumentKind, Line, Seller, TaxDocument
from domain.gst import tax_inside
from domain.supply import BuyerKind, Supply, SupplyNature

GSTIN = "29AAACB1234F1Z5"
_CHARGED_PAISE = 99_900


def invoice(identity: str, number: str, issued_on: date, gstin: str = GSTIN) -> TaxDocument:
    """₹999 with tax inside, of a month that began on 1 April 2026."""
    amount = tax_inside("29", "29", 1800, _CHARGED_PAISE)
    centre, state = (tax.tax_paise for tax in amount.taxes)
    taxable = amount.taxable_paise
    return TaxDocument(
        id=identity,
        kind=DocumentKind.TAX_INVOICE,
        number=number,
        issued_on=issued_on,
        seller=Seller(
            "Bahi Demo Private Limited", gstin, ("4th Floor", "12 Residency Road"), "Bengaluru", "560025",
            email="accounts@bahi.example", phone="+91 80 4000 0000", cin="U72200KA2019PTC123456",
        ),
        buyer=Buyer(
            "Kaveri Textiles LLP", BuyerKind.REGISTERED, address_lines=("88 Race Course Road",),
            city="Mysuru", pin="570010", state_code="29", gstin="29AAGCB7383J1Z4",
        ),
        supply=Supply("29", SupplyNature.INTRA_STATE),
        lines=(
            Line(
                "Pro subscription, monthly", "998315", 1, taxable, taxable, 1800,
                cgst_paise=centre, sgst_paise=state,
            ),
        ),
        amount=amount,
        period_first_day=date(2026, 4, 1),
        period_last_day=date(2026, 4, 30),
        payment_reference="pay_QZ8n2kT4uYx1Ab",
        payment_method="upi",
        paid_on=date(2026, 4, 1),
    )  # fmt: skip
