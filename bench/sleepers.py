"""Subscriptions that were sold a year ago and sleep until their next charge."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import insert, select
from temporalio.client import Client

from api.ids import new_id
from bench.canned_gateway import payment_id
from db import models
from db.session import Database
from domain import dunning
from domain.periods import Interval, add_months, india_date, india_midnight
from domain.plans import Price
from domain.subscription import Status, Subscription
from workflows import messages, ports, search_attributes
from workflows.messages import Carried, GatewayEvent, StartSubscription

PLAN_ID = "plan_pro"
PAID_CYCLES = 12
"""A year of payments and webhooks is carried along, which is what payloads weigh in mid-life."""
_AT_ONCE = 40
_ROWS = 2_000


@dataclass(frozen=True)
class Book:
    """The price all of them pay, and when all of them began."""

    price: Price
    started_at: datetime

    @property
    def charge_paise(self) -> int:
        """What a cycle takes."""
        return self.price.amount_paise


async def open_book(database: Database) -> Book:
    """By the catalogue in `database`; the twelfth month is under way and ends weeks from now."""
    row = models.Price
    monthly = (row.plan_id == PLAN_ID) & (row.interval == Interval.MONTHLY.value)
    current = select(row).where(monthly, row.superseded_at.is_(None))
    async with database.reading() as session:
        found = (await session.scalars(current)).one()
    price = Price(
        found.id,
        found.plan_id,
        Interval.MONTHLY,
        found.version,
        found.amount_paise,
        found.tax_inclusive,
        found.currency,
        found.sac,
    )
    begun = add_months(india_date(datetime.now(UTC) - timedelta(days=2)), 1 - PAID_CYCLES)
    return Book(price, india_midnight(begun) + timedelta(hours=11))


def subscriptions(book: Book, count: int) -> list[Subscription]:
    """Active, paid twelve times."""
    made = []
    for _ in range(count):
        identity = new_id("sub", book.started_at)
        made.append(
            Subscription(
                id=identity,
                customer_id=new_id("cus", book.started_at),
                price=book.price,
                charge_paise=book.charge_paise,
                total_count=120,
                created_at=book.started_at,
                status=Status.ACTIVE,
                version=PAID_CYCLES,
                gateway_id=f"sub_{identity[-14:]}",
                checkout_url=f"https://rzp.example/i/{identity[-8:]}",
                checkout_expires_at=book.started_at + timedelta(days=7),
                started_at=book.started_at,
                paid_cycle=PAID_CYCLES - 1,
                settled=tuple(payment_id(cycle, identity) for cycle in range(PAID_CYCLES)),
            )
        )
    return made


async def put_on_record(database: Database, sleepers: Sequence[Subscription]) -> None:
    """Customers and subscriptions as rows."""
    for first in range(0, len(sleepers), _ROWS):
        batch = sleepers[first : first + _ROWS]
        async with database.transaction() as session:
            await session.execute(insert(models.Customer), [_customer_row(each) for each in batch])
            await session.execute(insert(models.Subscription), [_subscription_row(each) for each in batch])


def _customer_row(subscription: Subscription) -> dict[str, object]:
    number = subscription.customer_id[-12:]
    return {
        "id": subscription.customer_id,
        "user_id": user_id(subscription),
        "name": f"Customer {number}",
        "email": f"{number}@customer.example",
        "state_code": "29",
        "state_origin": "declared",
        "address_lines": ["12 Lake View Road"],
        "city": "Bengaluru",
        "pin": "560001",
    }


def user_id(subscription: Subscription) -> str:
    """What the application calls the customer."""
    return f"user_{subscription.customer_id[-12:]}"


def _subscription_row(subscription: Subscription) -> dict[str, object]:
    period = subscription.period
    assert period is not None
    return {
        "id": subscription.id,
        "customer_id": subscription.customer_id,
        "plan_id": subscription.price.plan_id,
        "price_id": subscription.price.id,
        "gateway": subscription.gateway,
        "collection": subscription.collection.value,
        "is_free": False,
        "charge_paise": subscription.charge_paise,
        "total_count": subscription.total_count,
        "status": subscription.status.value,
        "version": subscription.version,
        "gateway_subscription_id": subscription.gateway_id,
        "checkout_url": subscription.checkout_url,
        "started_at": subscription.started_at,
        "current_period_start": period.start,
        "current_period_end": period.end,
        "paid_cycle": subscription.paid_cycle,
        "created_at": subscription.created_at,
        "updated_at": subscription.created_at,
    }


async def put_to_sleep(client: Client, sleepers: Sequence[Subscription]) -> None:
    """Start their runs as a roll-over would; each then waits for its timer."""
    waiting = iter(sleepers)

    async def start_some() -> None:
        for each in waiting:
            wake_at = dunning.next_wake(each, datetime.now(UTC), 0)
            seen = tuple(f"evt_{cycle}x{each.id[-12:]}" for cycle in range(PAID_CYCLES))
            await client.start_workflow(
                messages.WORKFLOW_NAME,
                StartSubscription(each, "bench", carried=Carried(wake_at, seen=seen)),
                id=ports.subscription_workflow_id(each.id),
                task_queue=ports.SUBSCRIPTIONS_QUEUE,
                search_attributes=search_attributes.of(each, wake_at),
            )

    await asyncio.gather(*(start_some() for _ in range(_AT_ONCE)))


async def announce_payment(client: Client, subscription: Subscription, payment: str) -> None:
    """What the relay does with the webhook of a captured payment."""
    event = GatewayEvent(f"evt_{payment.removeprefix('pay_')}", "subscription.charged", payment)
    run = client.get_workflow_handle(ports.subscription_workflow_id(subscription.id))
    await run.signal(messages.GATEWAY_SIGNAL, event)
