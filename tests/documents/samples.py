"""Invoices to look at: the ordinary one, and those that strain the page."""

from dataclasses import replace
from datetime import date

from domain.gst import TaxedAmount, tax_inside, tax_on_top
from domain.invoice import Buyer, InvoiceLine, Seller, TaxInvoice

SELLER = Seller(
    legal_name="Meghdoot Software Private Limited",
    gstin="29AAACI4798L1ZU",
    address_lines=("4th Floor, Prestige Atrium", "12 Residency Road, Bengaluru 560025"),
    email="billing@meghdoot.example",
    cin="U72200KA2019PTC123456",
)
BUYER = Buyer(
    name="Kaveri Textiles LLP",
    email="accounts@kaveri.example",
    address_lines=("88 Race Course Road", "Mysuru 570010"),
    state_code="29",
    gstin="29AAGCB7383J1Z4",
)
HINDI_NAME = "क्षितिज श्रीवास्तव"


def line(taxable_paise: int, description: str = "Basic plan, monthly subscription") -> InvoiceLine:
    return InvoiceLine(description, "998315", 1, taxable_paise, taxable_paise)


def invoice(amount: TaxedAmount | None = None, place_of_supply: str = "29", **changes: object) -> TaxInvoice:
    """₹999 with tax inside, Karnataka to Karnataka, unless said otherwise."""
    money = amount or tax_inside(SELLER.state_code, place_of_supply, 1800, 99_900)
    ordinary = TaxInvoice(
        id="inv_1",
        number="BH26-27/000042",
        issued_on=date(2026, 4, 1),
        seller=SELLER,
        buyer=replace(BUYER, state_code=place_of_supply),
        place_of_supply=place_of_supply,
        lines=(line(money.taxable_paise),),
        amount=money,
        period_first_day=date(2026, 4, 1),
        period_last_day=date(2026, 4, 30),
        payment_reference="pay_QZ8n2kT4uYx1Ab",
        payment_method="upi",
        paid_on=date(2026, 4, 1),
    )
    return replace(ordinary, **changes)  # type: ignore[arg-type]


def named(name: str, *address_lines: str) -> TaxInvoice:
    """The ordinary invoice to someone else."""
    return invoice(buyer=replace(BUYER, name=name, address_lines=address_lines))


def with_lines(count: int) -> TaxInvoice:
    """An invoice of many lines, each with an amount of its own."""
    lines = tuple(line(79_900 + 137 * i, f"Growth plan, seat {i + 1}, monthly") for i in range(count))
    return invoice(tax_on_top("29", "27", 1800, sum(each.taxable_paise for each in lines)), "27", lines=lines)
