"""Double entry: what each happening posts. Every posting balances, here and again in the database."""

from dataclasses import dataclass
from enum import StrEnum

from domain.gst import TaxedAmount


class Account(StrEnum):
    """The books' accounts."""

    GATEWAY_CLEARING = "gateway_clearing"
    """Captured by the gateway, not yet settled to our bank."""
    CUSTOMER_CREDIT = "customer_credit"
    """Owed to customers: credited, not paid out. A refund of the invoice pays it out first."""
    WALLET = "wallet"
    REVENUE = "revenue"
    REFUNDS = "refunds"
    """Given back outside the gateway, by bank transfer say."""
    OUTPUT_CGST = "output_cgst"
    OUTPUT_SGST = "output_sgst"
    OUTPUT_UTGST = "output_utgst"
    OUTPUT_IGST = "output_igst"
    ROUND_OFF = "round_off"
    TAX_ON_ADVANCES = "tax_on_advances"
    """Tax declared on advances, until an invoice or a refund uses them up."""
    OUTPUT_TAX_ON_ADVANCES = "output_tax_on_advances"
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


def credited(amount: TaxedAmount, to: Account) -> tuple[Posting, ...]:
    """A credit note: what its invoice posted is taken back, and owed or paid through `to`.

    A note past the time limit of s.34(2) has no taxes, so only revenue gives way.
    """
    taken_back = [Posting(each.account, -each.amount_paise) for each in sale(amount)]
    return balanced(
        [
            Posting(to, each.amount_paise) if each.account is Account.GATEWAY_CLEARING else each
            for each in taken_back
        ]
    )


def voided(amount: TaxedAmount, *, note: bool) -> tuple[Posting, ...]:
    """A document whose IRN was cancelled comes to nothing; its money waits in suspense (gst.md 6.3).

    `note`: a credit note, which had taken back what a sale posts.
    """
    void = credited(amount, Account.SUSPENSE)
    return tuple(Posting(each.account, -each.amount_paise) for each in void) if note else void


def paid_out(amount_paise: int) -> tuple[Posting, ...]:
    """What the customer was owed goes back to them; its credit note was issued before."""
    return balanced(
        [
            Posting(Account.CUSTOMER_CREDIT, amount_paise),
            Posting(Account.GATEWAY_CLEARING, -amount_paise),
        ]
    )


def advance_kept(amount: TaxedAmount) -> tuple[Posting, ...]:
    """Money that was set aside becomes the customer's advance; its tax is due now (gst.md 1.1, 1.4)."""
    return balanced(
        [
            Posting(Account.SUSPENSE, amount.total_paise),
            Posting(Account.WALLET, -amount.total_paise),
            Posting(Account.TAX_ON_ADVANCES, amount.tax_paise),
            Posting(Account.OUTPUT_TAX_ON_ADVANCES, -amount.tax_paise),
        ]
    )


def advance_returned(amount: TaxedAmount) -> tuple[Posting, ...]:
    """An advance goes back to the payer, and so does the tax on it (rule 51)."""
    return balanced(
        [
            Posting(Account.WALLET, amount.total_paise),
            Posting(Account.GATEWAY_CLEARING, -amount.total_paise),
            Posting(Account.OUTPUT_TAX_ON_ADVANCES, amount.tax_paise),
            Posting(Account.TAX_ON_ADVANCES, -amount.tax_paise),
        ]
    )


def returned(amount_paise: int) -> tuple[Posting, ...]:
    """Money goes back that no document explains: out of what was set aside."""
    return balanced(
        [Posting(Account.SUSPENSE, amount_paise), Posting(Account.GATEWAY_CLEARING, -amount_paise)]
    )
