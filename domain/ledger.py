"""Double entry: what each happening posts. Every posting balances, here and again in the database."""

from collections.abc import Iterable
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


def sale(amount: TaxedAmount, paid_from: Account = Account.GATEWAY_CLEARING) -> tuple[Posting, ...]:
    """A captured charge with its tax invoice."""
    taxes = [Posting(Account(f"output_{line.head.lower()}"), -line.tax_paise) for line in amount.taxes]
    return balanced(
        [
            Posting(paid_from, amount.total_paise),
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
    return opposite(void) if note else void


def paid_out(amount_paise: int) -> tuple[Posting, ...]:
    """What the customer was owed goes back to them; its credit note was issued before."""
    return balanced(
        [
            Posting(Account.CUSTOMER_CREDIT, amount_paise),
            Posting(Account.GATEWAY_CLEARING, -amount_paise),
        ]
    )


def advance_received(
    amount: TaxedAmount, taken_from: Account = Account.GATEWAY_CLEARING
) -> tuple[Posting, ...]:
    """Money for nothing in particular becomes the customer's advance; its tax is due now (gst.md 1.1, 1.4).

    It comes by the gateway, or is in suspense since it was set aside.
    """
    return balanced(
        [
            Posting(taken_from, amount.total_paise),
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


def advance_used(amount: TaxedAmount, advance_tax_paise: int) -> tuple[Posting, ...]:
    """An invoice paid from advances: its own tax takes the place of theirs (gst.md 1.4, 6.1 "at / txpd").

    `advance_tax_paise` is what was declared on the part that is used.
    """
    return balanced(
        [
            *sale(amount, Account.WALLET),
            Posting(Account.OUTPUT_TAX_ON_ADVANCES, advance_tax_paise),
            Posting(Account.TAX_ON_ADVANCES, -advance_tax_paise),
        ]
    )


def opposite(postings: Iterable[Posting]) -> tuple[Posting, ...]:
    """The opposite of what was posted."""
    return tuple(Posting(each.account, -each.amount_paise) for each in postings)


def returned(amount_paise: int) -> tuple[Posting, ...]:
    """Money goes back that no document explains: out of what was set aside."""
    return balanced(
        [Posting(Account.SUSPENSE, amount_paise), Posting(Account.GATEWAY_CLEARING, -amount_paise)]
    )
