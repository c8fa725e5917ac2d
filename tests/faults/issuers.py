"""Crews of issuers, made to be killed: `python -m tests.faults.issuers`.

This process imports everything once, then forks a crew for every line of JSON on its standard input and
answers with the pid; all its crews die with it. What an issuer issues, in which order and by which wrong
clock is decided by the seed, so that whoever takes the place of a killed crew goes on where that one was.
"""

import asyncio
import ctypes
import dataclasses
import json
import os
import random
import signal
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import configure_mappers

from db import issuing, ledger, models
from db.issuing import Belongs, Series
from db.session import Database
from domain.document import Buyer, DocumentKind, Line, Original, Seller, TaxDocument
from domain.errors import Unavailable
from domain.gst import TaxedAmount, tax_inside
from domain.ledger import Account, Posting, sale
from domain.supply import BuyerKind, Supply, SupplyNature

GSTIN = "29AAACB1234F1Z5"
CUSTOMER = "cus_1"
NAME = "issuer"
"""What a crew's transactions are called in the server's list, before the crew's number."""
MONEYLESS = DocumentKind.PROFORMA
NEW_YEAR = datetime(2027, 3, 31, 18, 30, tzinfo=UTC)
"""Midnight in India before 1 April."""
_PREFIXES = {
    DocumentKind.PROFORMA: "PF",
    DocumentKind.TAX_INVOICE: "BH",
    DocumentKind.BILL_OF_SUPPLY: "BS",
    DocumentKind.CREDIT_NOTE: "CN",
    DocumentKind.RECEIPT_VOUCHER: "RV",
    DocumentKind.REFUND_VOUCHER: "RF",
}
_STORIES = (
    (DocumentKind.TAX_INVOICE, DocumentKind.CREDIT_NOTE),
    (DocumentKind.RECEIPT_VOUCHER, DocumentKind.REFUND_VOUCHER),
    (DocumentKind.PROFORMA, DocumentKind.BILL_OF_SUPPLY),
)
"""Each issuer tells one; notes and refund vouchers are against what was issued just before them."""
_AGAINST = (DocumentKind.CREDIT_NOTE, DocumentKind.REFUND_VOUCHER)
_SELLER = Seller("Bahi Demo Private Limited", GSTIN, ("12 Residency Road",), "Bengaluru", "560025")
_BUYER = Buyer("Kaveri Textiles LLP", BuyerKind.UNREGISTERED, state_code="29")
_SKEW_HOURS = 48
_DAWDLE, _DAWDLING_SECONDS = 0.05, 0.1
"""Share of transactions that hold their number for long, and how long."""
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Crew:
    """One process: `issuers` at once, each with a connection of its own."""

    url: str
    number: int
    issuers: int
    seed: int

    def line(self) -> bytes:
        """For the standard input of the process that forks."""
        return json.dumps(dataclasses.asdict(self)).encode() + b"\n"


@dataclass(frozen=True)
class Order:
    """One document to issue, by the clock of whoever issues it."""

    id: str
    kind: DocumentKind
    original_id: str | None
    at: datetime
    pause_seconds: float
    """For which the number is held before the transaction goes on."""


def orders(crew: Crew, issuer: int) -> Iterator[Order]:
    """The same for the same crew, whenever it is asked."""
    chance = random.Random(f"{crew.seed}/{crew.number}/{issuer}")
    before = None
    for kind in chance.choice(_STORIES):
        identity = f"{_PREFIXES[kind]}_{crew.number}_{issuer}"
        skew = timedelta(hours=chance.uniform(-_SKEW_HOURS, _SKEW_HOURS))
        pause = _DAWDLING_SECONDS * (chance.random() < _DAWDLE)
        yield Order(identity, kind, before if kind in _AGAINST else None, NEW_YEAR + skew, pause)
        before = identity


async def work(crew: Crew) -> None:
    """Until everything is issued."""
    database = Database.connect(crew.url, pool_size=crew.issuers)
    async with asyncio.TaskGroup() as issuers:
        for issuer in range(crew.issuers):
            issuers.create_task(_issue_all(database, crew, issuer))
    await database.close()


async def _issue_all(database: Database, crew: Crew, issuer: int) -> None:
    for order in orders(crew, issuer):
        while not await _issued(database, crew, order):
            pass  # the lock took too long; the next attempt waits for it as well


async def _issued(database: Database, crew: Crew, order: Order) -> bool:
    """As an activity is: looks whether it was done already, because a commit may outlive who asked for it."""
    try:
        async with database.transaction() as session:
            name = {"name": f"{NAME} {crew.number}"}
            await session.execute(text("SELECT set_config('application_name', :name, true)"), name)
            if await session.get(models.Document, order.id) is None:
                await _issue(session, order)
    except Unavailable:
        return False
    return True


async def _issue(session: AsyncSession, order: Order) -> None:
    original = await session.get_one(models.Document, order.original_id) if order.original_id else None
    document = await issuing.issue(
        session,
        Series(GSTIN, order.kind, _PREFIXES[order.kind]),
        Belongs(CUSTOMER, original_id=order.original_id),
        order.at,
        partial(_write, order, original),
    )
    await asyncio.sleep(order.pause_seconds)
    if order.kind is MONEYLESS:
        return
    await ledger.post(
        session,
        reference=f"document/{document.id}",
        kind=order.kind,
        customer_id=CUSTOMER,
        document_id=document.id,
        occurred_at=order.at,
        postings=_postings(order.kind, document.amount),
    )


def _postings(kind: DocumentKind, amount: TaxedAmount) -> list[Posting]:
    """Which accounts is not what is tried here: sales one way, what gives back the other."""
    sign = -1 if kind in _AGAINST else 1
    if kind in (DocumentKind.RECEIPT_VOUCHER, DocumentKind.REFUND_VOUCHER):
        total = sign * amount.total_paise
        return [Posting(Account.GATEWAY_CLEARING, total), Posting(Account.CUSTOMER_CREDIT, -total)]
    return [Posting(each.account, sign * each.amount_paise) for each in sale(amount)]


def _write(order: Order, original: models.Document | None, number: str, issued_on: date) -> TaxDocument:
    amount = tax_inside("29", "29", 1800, 99_900)
    if order.kind is DocumentKind.BILL_OF_SUPPLY:
        amount = TaxedAmount(99_900, (), 0, 99_900)
    taxable = amount.taxable_paise
    return TaxDocument(
        id=order.id,
        kind=order.kind,
        number=number,
        issued_on=issued_on,
        seller=_SELLER,
        buyer=_BUYER,
        supply=Supply("29", SupplyNature.INTRA_STATE if amount.taxes else SupplyNature.NOT_TAXED),
        lines=(Line("Pro subscription, monthly", "998315", 1, taxable, taxable, 1800),),
        amount=amount,
        original=Original(original.number, original.issued_on, original.total_paise) if original else None,
    )


def main() -> None:
    """Fork a crew per line until standard input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries the dead
    configure_mappers()
    Database.connect("postgresql+asyncpg://nobody@nowhere/none")  # loads the driver, connects to nothing
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            try:
                asyncio.run(work(Crew(**json.loads(line))))
            except BaseException:  # noqa: BLE001 - never back into the loop of the parent
                traceback.print_exc()
            finally:
                os._exit(0)
        print(pid, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
