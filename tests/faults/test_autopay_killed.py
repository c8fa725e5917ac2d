"""A worker killed at every boundary of a mandate's life: its page, a notice, a debit, the booking of each."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from tests.faults.conftest import OpenStage
from tests.faults.oracle import agree
from tests.faults.paying import pay, subscribe
from tests.faults.stage import Customer, Stage, eventually
from tests.faults.workers import Hand
from tests.scenarios.oracle import Books
from worker import ROLES

NOW = datetime(2026, 3, 5, 6, 30, tzinfo=UTC)
CUSTOMERS = 3
Points = Mapping[str, tuple[str, ...]]

BEGIN: Points = {
    "subscriptions": ("settle_charge:committed", "record_mandate:committed"),
    "gateway": ("page:sent", "page:made", "open_page:after", "read_pages:after"),
}
RENEW: Points = {
    "subscriptions": ("settle_charge:before", "settle_charge:committed", "settle_charge:after"),
    "gateway": (
        "read_standing:after", "notice:sent", "notice:made", "give_notice:after", "debit:sent", "debit:made",
        "start_debit:after",
    ),
}  # fmt: skip
"""Before each call, after it with its answer on no record, and after that."""


@dataclass
class Storm:
    """What happened, for the tests to look at."""

    customers: list[Customer]
    books: Books
    statuses: list[str]
    begun: set[str]
    renewed: set[str]


@pytest.fixture(scope="module")
async def storm(stage_at: OpenStage) -> AsyncIterator[Storm]:
    async with stage_at(NOW, with_phonepe=True) as stage:
        await stage.workers.start(*_hands(BEGIN))
        customers = [
            await stage.customer(f"payer{index}", ("29", "27")[index % 2]) for index in range(CUSTOMERS)
        ]
        await asyncio.gather(*(subscribe(each) for each in customers))
        await asyncio.gather(*(pay(stage, each) for each in customers))
        await stage.travel(timedelta(minutes=2))
        await eventually(lambda: _all_struck(stage))
        begun = set(stage.workers.struck)
        await stage.workers.start(*_hands(RENEW))
        await stage.travel_to(NOW + timedelta(days=33))
        await eventually(lambda: _all_struck(stage))
        books = await agree(stage)
        statuses = [await each.status() for each in customers]
        yield Storm(customers, books, statuses, begun, set(stage.workers.struck))


def _hands(points: Points) -> list[Hand]:
    """One process per role, so that nobody else can carry a subscription past a point."""
    return [Hand((role,), points.get(role, ()), activity_seconds=1.2) for role in ROLES]


async def _all_struck(stage: Stage) -> bool:
    return not stage.workers.missed


async def test_every_point_was_struck_and_everybody_is_active(storm: Storm) -> None:
    assert storm.begun >= {point for points in BEGIN.values() for point in points}
    assert storm.renewed >= {point for points in RENEW.values() for point in points}
    assert storm.statuses == ["ACTIVE"] * CUSTOMERS


async def test_each_cycle_was_announced_and_debited_once_and_has_one_invoice(storm: Storm) -> None:
    of_kind = Counter(order["kind"] for order in storm.books.orders if order["captures"])
    assert of_kind == {"setup": CUSTOMERS, "redemption": CUSTOMERS}
    debits = [order for order in storm.books.orders if order["kind"] == "redemption"]
    assert Counter(order["merchantSubscriptionId"] for order in debits) == Counter(
        each["merchantSubscriptionId"] for each in storm.books.mandates if each["state"] == "ACTIVE"
    )
    cycles = Counter((invoice.subscription_id, invoice.cycle) for invoice in storm.books.invoices)
    assert cycles == Counter((each.subscription_id, cycle) for each in storm.customers for cycle in (0, 1))
