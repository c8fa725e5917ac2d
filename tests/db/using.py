"""Usage to test with: told to the database as the API tells it."""

import itertools
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from db import ledger, usage, usage_reads
from db.models import Customer, UsageMonth, WalletDraw
from db.session import Database
from db.usage import Intake, Use
from domain.ledger import Account, Posting
from domain.usage import month_at
from tests.db.rows import NOON

RATE = 9_000
SINKS = ("notifications", "kafka")
_numbers = itertools.count(1)


def use(microusd: int | None = None, user: str = "user_1", **values: Any) -> Use:
    """A use with an id of its own, at noon, unless told otherwise."""
    defaults: dict[str, Any] = {
        "event_id": f"evt_{next(_numbers)}",
        "user_id": user,
        "kind": "move",
        "occurred_at": NOON,
        "cost_microusd": microusd,
        "cost_paise": None,
    }
    return Use(**{**defaults, **values})


async def tell(
    database: Database,
    uses: Iterable[Use],
    *,
    at: datetime = NOON,
    rate: int = RATE,
    sinks: Sequence[str] = SINKS,
) -> int:
    """How many were new."""
    async with database.transaction() as session:
        return await usage.take_in(session, list(uses), intake_at(at, rate, sinks))


def intake_at(at: datetime = NOON, rate: int = RATE, sinks: Sequence[str] = SINKS) -> Intake:
    """What taking in depends on."""
    return Intake(at, rate, lambda: f"cus_new_{next(_numbers)}", sinks)


async def month_of(database: Database, at: datetime = NOON, user: str = "user_1") -> UsageMonth:
    async with database.reading() as session:
        row = UsageMonth
        query = select(row).join(Customer, Customer.id == row.customer_id)
        return (await session.scalars(query.where(Customer.user_id == user, row.month == month_at(at)))).one()


async def standing_of(
    database: Database, at: datetime = NOON, user: str = "user_1", rate: int = RATE
) -> usage_reads.Standing:
    async with database.reading() as session:
        return await usage_reads.standing(session, user, at, rate)


async def top_up(database: Database, paise: int, customer_id: str = "cus_1") -> None:
    """Money into the wallet, as the books have it."""
    async with database.transaction() as session:
        await ledger.post(
            session,
            reference=f"top-up/{next(_numbers)}",
            kind="advance",
            customer_id=customer_id,
            occurred_at=NOON,
            postings=[Posting(Account.GATEWAY_CLEARING, paise), Posting(Account.WALLET, -paise)],
        )


async def drawn(database: Database, customer_id: str = "cus_1") -> int:
    """Paise taken from the wallet, invoiced or not."""
    async with database.reading() as session:
        total = select(func.sum(WalletDraw.amount_paise)).where(WalletDraw.customer_id == customer_id)
        return int(await session.scalar(total) or 0)
