"""What a subscription costs a buyer: place and nature of the supply, then tax at the rate of the day.

The same functions say what will be charged (api) and what was (activities), so that both agree to the paisa.
"""

from dataclasses import dataclass, replace
from datetime import date

from domain.errors import Refused
from domain.plans import Price
from domain.rates import SupplyDates, rate_of_supply
from domain.registrations import SellerRegistration
from domain.supply import ExportFacts, Recipient, Supply, ZeroRating
from domain.tax import DocumentAmount, Item, Terms, document_amount


@dataclass(frozen=True)
class SupplyRules:
    """What the seller decided once for all supplies; settings."""

    zero_rating: ZeroRating = ZeroRating.WITHOUT_TAX
    lut_required: bool = True
    """Zero-rating without payment of tax rests on a letter of undertaking (rule 96A)."""
    paid_in_permitted_currency: bool = True
    """Money from abroad comes in a currency that makes the supply an export (IGST Act s.2(6))."""
    round_total_to_rupee: bool = False


def supply_for(
    registration: SellerRegistration, recipient: Recipient, day: date, rules: SupplyRules
) -> Supply:
    """Place of supply and its nature (gst.md 2.1). Raises Refused without a letter, InvalidInput."""
    return registration.supply_to(
        recipient,
        day,
        zero_rating=rules.zero_rating,
        lut_required=rules.lut_required,
        export=ExportFacts(rules.paid_in_permitted_currency),
    )


def supply_of_paid(
    registration: SellerRegistration, recipient: Recipient, day: date, rules: SupplyRules
) -> Supply:
    """As `supply_for`, for money that is here already: without a letter of undertaking IGST is due in it.

    Raises InvalidInput.
    """
    try:
        return supply_for(registration, recipient, day, rules)
    except Refused:
        return supply_for(registration, recipient, day, replace(rules, zero_rating=ZeroRating.WITH_TAX))


def priced(
    price: Price, description: str, supply: Supply, dates: SupplyDates, rules: SupplyRules
) -> DocumentAmount:
    """One period at its list price, in paise. Raises InvalidInput for a SAC without a rate."""
    rate_bp, _ = rate_of_supply(price.sac, dates)
    terms = Terms(
        prices_include_tax=price.tax_inclusive,
        round_total_to_rupee=rules.round_total_to_rupee and not price.tax_inclusive,
    )
    return document_amount([Item(description, price.sac, rate_bp, price.amount_paise)], supply, terms)


def charged(
    price: Price,
    description: str,
    supply: Supply,
    dates: SupplyDates,
    rules: SupplyRules,
    charge_paise: int,
) -> DocumentAmount:
    """One period for exactly what was charged: the buyer may have moved State since the price was set.

    Where the list price no longer makes that sum, the tax is inside it. Raises InvalidInput.
    """
    listed = priced(price, description, supply, dates, rules)
    if listed.amount.total_paise == charge_paise:
        return listed
    return inclusive(description, price.sac, supply, dates, charge_paise)


def inclusive(
    description: str, sac: str, supply: Supply, dates: SupplyDates, total_paise: int
) -> DocumentAmount:
    """One thing for a sum with the tax inside, in paise. Raises InvalidInput for a SAC without a rate."""
    rate_bp, _ = rate_of_supply(sac, dates)
    item = Item(description, sac, rate_bp, total_paise)
    return document_amount([item], supply, Terms(prices_include_tax=True))
