"""Double entry: what each happening posts. Every posting balances, here and again in the database."""

from dataclasses import dataclass
from enum import StrEnum

from domain.gst import TaxedAmount


class Account(StrEnum):
    """The books' accounts."""

    GATEWAY_CLEARING = "gateway_clearing"
    """Captured by the gateway, not yet settled to our bank."""
    CUSTOMER_CREDIT = "customer_credit"
    WALLET = "wallet"
    REVENUE = "revenue"
    REFUNDS = "refunds"
    OUTPUT_CGST = "output_cgst"
    OUTPUT_SGST = "output_sgst"
    OUTPUT_UTGST = "output_utgst"
    OUTPUT_IGST = "output_igst"
    ROUND_OFF = "round_off"
    SUSPENSE = "suspense"
    """Money the gateway took that no document explains yet."""


@dataclass(frozen=True)
class Posting:
    """One side of a transaction: a debit if positive, a credit if negative, in paise."""

    account: Account
    amount_paise: int


def balanced(postings: list[Posting]) -> tuple[Posting, ...]:
    """The postings without zero lines. Raises ValueError unless they sum to nothing."""
    if sum(posting.amount_paise for posting in postings) != 0:
        raise ValueError(f"postings do not balance: {postings}")
    return tuple(posting for posting in postings if posting.amount_paise)


def sale(amount: TaxedAmount) -> tuple[Posting, ...]:
    """A captured charge with its tax invoice."""
    taxes = [Posting(Account(f"output_{line.head.lower()}"), -line.tax_paise) for line in amount.taxes]
    return balanced(
        [
            Posting(Account.GATEWAY_CLEARING, amount.total_paise),
            Posting(Account.REVENUE, -amount.taxable_paise),
            *taxes,
            Posting(Account.ROUND_OFF, -amount.round_off_paise),
        ]
    )


def set_aside(amount_paise: int) -> tuple[Posting, ...]:
    """Money taken that was not what we asked for: held in suspense until someone decides."""
    return balanced(
        [Posting(Account.GATEWAY_CLEARING, amount_paise), Posting(Account.SUSPENSE, -amount_paise)]
    )
