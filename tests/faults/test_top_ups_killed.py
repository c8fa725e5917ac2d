"""A worker killed at every boundary from the payer to the wallet, and from the wallet to its invoice."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx
import pytest
from sqlalchemy import select

from db import models, wallet
from domain.periods import add_months, india_date
from domain.usage import month_of
from local.world import World
from tests.faults.conftest import OpenStage
from tests.faults.stage import Customer, Stage, eventually
from tests.faults.workers import Hand
from tests.scenarios import oracle
from tests.scenarios.oracle import Books
from worker import ROLES

NOW = datetime.now(UTC).replace(microsecond=0)
"""The true time, which the workers have: months are over by it."""
SUM, DRAWN = 500_00, 123_45
AWAY = (httpx.codes.ACCEPTED, httpx.codes.CONFLICT, httpx.codes.SERVICE_UNAVAILABLE)


def _around(*activities: str) -> tuple[str, ...]:
    stages = ("before", "written", "committed", "after")
    return tuple(f"{name}:{stage}" for name in activities for stage in stages)


FILL = {
    "subscriptions": _around("register_top_up", "settle_top_up"),
    "gateway": (
        "open_page:before", "open_page:committed", "open_page:after", "read_pages:before", "read_pages:after",
    ),
}  # fmt: skip
BILL = {"subscriptions": _around("invoice_draws")}
Points = Mapping[str, tuple[str, ...]]


def _hands(points: Points) -> list[Hand]:
    """One process per role, so that nobody else can carry a top-up past a point."""
    return [Hand((role,), points.get(role, ()), activity_seconds=1.5) for role in ROLES]


@dataclass
class Storm:
    """What happened, for the tests to look at."""

    books: Books
    top_ups: list[models.TopUp]
    payments: list[models.Payment]
    draws: list[models.WalletDraw]
    orders: list[dict[str, Any]]
    available: dict[str, int]
    deaths: int


@pytest.fixture(scope="module")
async def storm(stage_at: OpenStage) -> AsyncIterator[Storm]:
    async with stage_at(NOW, with_phonepe=True) as stage:
        await stage.workers.start(*_hands(FILL))
        customers = [await stage.customer(f"saver{index}", ("29", "27")[index % 2]) for index in range(3)]
        async with asyncio.TaskGroup() as tasks:
            for each in customers:
                for time in range(2):
                    tasks.create_task(_top_up(stage, each, time))
        await eventually(lambda: _paid(stage, 6))
        await eventually(lambda: _all_struck(stage))
        await stage.workers.stop()
        await _draw(stage)
        await stage.workers.start(*_hands(BILL))  # the relay looks for what is to be billed at its start
        await eventually(lambda: _billed(stage))
        await eventually(lambda: _all_struck(stage))
        await stage.settle()
        yield await _look(stage)


async def _top_up(stage: Stage, customer: Customer, time: int) -> None:
    """Ask, follow our address to a page, and pay; each again until it is done."""
    key = {"Idempotency-Key": f"{customer.user_id}-{time}"}
    wanted = {"amount_paise": SUM}
    asked = await customer.http.post("/v1/topups", json=wanted, headers=key)
    while asked.status_code in AWAY:
        await asyncio.sleep(0.5)
        asked = await customer.http.post("/v1/topups", json=wanted, headers=key)
    assert asked.status_code == httpx.codes.CREATED, asked.text
    address = f"/pay/{asked.json()['top_up_id']}"
    page = await customer.http.get(address)
    while page.status_code != httpx.codes.SEE_OTHER:
        assert page.status_code == httpx.codes.SERVICE_UNAVAILABLE, page.text
        await asyncio.sleep(0.5)
        page = await customer.http.get(address)
    row = models.PayPage
    async with stage.database.reading() as session:
        order_id = await session.scalar(select(row.order_id).where(row.url == page.headers["location"]))
    assert stage.phonepe is not None
    await stage.phonepe.order(str(order_id), "pay", after_seconds=0)
    await stage.phonepe.advance_to(NOW + timedelta(seconds=30))


async def _paid(stage: Stage, number: int) -> bool:
    """Webhooks, and the workers' own clock behind them."""
    async with stage.database.reading() as session:
        query = select(models.TopUp.id).where(models.TopUp.status == "paid")
        return len((await session.scalars(query)).all()) == number


async def _draw(stage: Stage) -> None:
    """Usage of a month that is over."""
    month = month_of(add_months(india_date(NOW).replace(day=1), -1))
    async with stage.database.transaction() as session:
        customers = (await session.scalars(select(models.Customer.id))).all()
        session.add_all(
            models.WalletDraw(
                id=f"wdr_{customer}", customer_id=customer, amount_paise=DRAWN, drawn_at=NOW, month=month,
                reference="usage/then",
            )
            for customer in customers
        )  # fmt: skip


async def _billed(stage: Stage) -> bool:
    async with stage.database.reading() as session:
        query = select(models.WalletDraw.id).where(models.WalletDraw.document_id.is_(None))
        return not (await session.scalars(query)).all()


async def _all_struck(stage: Stage) -> bool:
    return not stage.workers.missed


async def _look(stage: Stage) -> Storm:
    assert stage.phonepe is not None
    books = await oracle.read(cast(World, stage))
    async with stage.database.reading() as session:
        customers = (await session.scalars(select(models.Customer.id))).all()
        return Storm(
            books=books,
            top_ups=list(await session.scalars(select(models.TopUp))),
            payments=list(await session.scalars(select(models.Payment))),
            draws=list(await session.scalars(select(models.WalletDraw))),
            orders=(await stage.phonepe.books())["orders"],
            available=await wallet.available(session, list(customers)),
            deaths=stage.workers.deaths,
        )


async def test_every_payer_has_paid_once_and_each_payment_is_one_advance(storm: Storm) -> None:
    assert storm.deaths >= sum(len(points) for points in (*FILL.values(), *BILL.values()))
    theirs = sorted(each["merchantOrderId"] for each in storm.orders if each["state"] == "COMPLETED")
    assert len(theirs) == 6
    assert sorted(each.gateway_payment_id for each in storm.payments) == theirs
    assert {each.status for each in storm.payments} == {"kept"}
    vouchers = [each for each in storm.books.notes if each.kind == "receipt_voucher"]
    assert {each.voucher_id for each in storm.top_ups} == {each.id for each in vouchers}
    assert len(vouchers) == 6


async def test_every_draw_is_invoiced_once_and_wallets_hold_the_rest(storm: Storm) -> None:
    assert len(storm.books.invoices) == 3
    assert {each.document_id for each in storm.draws} == {each.id for each in storm.books.invoices}
    assert [each.total_paise for each in storm.books.invoices] == [DRAWN] * 3
    assert set(storm.available.values()) == {2 * SUM - DRAWN}


async def test_numbers_have_no_gap_and_the_books_balance(storm: Storm) -> None:
    oracle.numbers_have_no_gap(storm.books)
    assert all(sum(postings.values()) == 0 for postings in storm.books.ledger.values())
    assert len(storm.books.ledger) == 6 + 3
    told = [each.key for each in storm.books.events if each.type in ("payment.captured", "top_up.paid")]
    assert len(told) == len(set(told)) == 2 * 6
