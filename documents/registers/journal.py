"""The ledger as a journal for another accounting program (gst.md 6.1, "Export set")."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from documents.registers.register import Column, Kind, Register
from domain.errors import InvalidInput
from domain.money import rupees


@dataclass(frozen=True)
class JournalRow:
    """One side of a transaction; one of the two amounts is 0. `reference` is shared by its sides."""

    posted_on: date
    reference: str
    account: str
    debit_paise: int
    credit_paise: int
    narration: str = ""


def journal(rows: Iterable[JournalRow]) -> Register:
    """The rows in the order given. Raises InvalidInput naming a reference whose two sides differ."""
    listed = list(rows)
    balance: dict[str, int] = {}
    for row in listed:
        if min(row.debit_paise, row.credit_paise) < 0 or (row.debit_paise and row.credit_paise):
            raise InvalidInput("journal", f"{row.reference}: a row is either a debit or a credit, above 0.")
        balance[row.reference] = balance.get(row.reference, 0) + row.debit_paise - row.credit_paise
    for reference, paise in balance.items():
        if paise:
            raise InvalidInput("journal", f"{reference}: debits and credits differ by {rupees(abs(paise))}.")
    columns = (
        Column("Date", Kind.DATE, 11),
        Column("Reference", width=28),
        Column("Account", width=24),
        Column("Debit", Kind.MONEY),
        Column("Credit", Kind.MONEY),
        Column("Narration", width=40),
    )
    cells = tuple(
        (row.posted_on, row.reference, row.account, row.debit_paise, row.credit_paise, row.narration)
        for row in listed
    )
    return Register("journal", columns, cells)
