"""A worker killed at every boundary of create, activate and renew; another takes over.

A storm per phase: one process per role, each dies at the first of its points that any subscription
reaches and is replaced by one that has the rest still before it. Then each test looks at one point.
"""

import asyncio
import email
import email.policy
import json
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from db import models
from tests.faults.conftest import OpenStage
from tests.faults.oracle import agree
from tests.faults.stage import Customer, Stage, eventually
from tests.faults.workers import Hand
from tests.gateways.servers import SECRET, Endpoint, Mailbox, endpoint, mail_server
from tests.scenarios.oracle import Books
from worker import ROLES

NOW = datetime(2026, 3, 5, 6, 30, tzinfo=UTC)
CUSTOMERS = 4

CREATE = {
    "subscriptions": (
        "register_subscription:before",
        "register_subscription:written",
        "register_subscription:committed",
        "register_subscription:after",
    ),
    "gateway": (
        "open_checkout:before",
        "plan:sent",
        "plan:created",
        "checkout:sent",
        "checkout:created",
        "open_checkout:after",
    ),
}
PAY = {
    "subscriptions": (
        "settle_charge:before",
        "settle_charge:written",
        "settle_charge:committed",
        "settle_charge:after",
    ),
    "gateway": ("read_collection:before", "read_collection:after"),
    "relay": ("inbox:claimed", "inbox:signalled"),
}
TELL = {
    "documents": ("render_document:before", "render_document:written", "render_document:after"),
    "relay": ("document:claimed", "document:started", "event:delivered", "mail:sent"),
}
PHASES = {
    "create": CREATE,
    "activate": {role: PAY.get(role, ()) + TELL.get(role, ()) for role in ROLES},
    "renew": PAY,
}
POINTS = [(phase, point) for phase, roles in PHASES.items() for points in roles.values() for point in points]


@dataclass
class Storm:
    """What happened, for the tests to look at."""

    stage: Stage
    customers: list[Customer]
    receiver: Endpoint
    mailbox: Mailbox
    books: Books
    struck: dict[str, str]
    cycles: int


@pytest.fixture(scope="module")
async def storms(stage_at: OpenStage) -> AsyncIterator[dict[str, Storm]]:
    """All phases at once, each on a stage of its own: most of their time is waiting for time-outs."""
    async with AsyncExitStack() as stack:
        async with asyncio.TaskGroup() as tasks:
            storms = {phase: tasks.create_task(_storm(stack, stage_at, phase)) for phase in PHASES}
        yield {phase: storm.result() for phase, storm in storms.items()}


async def _storm(stack: AsyncExitStack, stage_at: OpenStage, phase: str) -> Storm:
    receiver = await stack.enter_async_context(endpoint())
    mailbox = await stack.enter_async_context(mail_server())
    notifying: dict[str, Any] = {
        "events_webhook_url": receiver.url,
        "events_webhook_secret": SECRET,
        "notify": "smtp",
        "smtp_host": "127.0.0.1",
        "smtp_port": mailbox.port,
        "smtp_starttls": False,
        # Longer than the lag below, and than a killed worker's last call can take to arrive.
        "gateway_list_lag_seconds": 5,
    }
    stage = await stack.enter_async_context(stage_at(NOW, **notifying))
    customers, cycles = await _LIVES[phase](stage)
    await eventually(lambda: _all_struck(stage))
    struck = stage.workers.struck
    return Storm(stage, customers, receiver, mailbox, await agree(stage), struck, cycles)


async def _create(stage: Stage) -> tuple[list[Customer], int]:
    # What the gateway has made is not in its lists at once: not found does not mean not made.
    await stage.simulator.control("switches", {"list_lag_seconds": 1.5, "list_lag_by": "wall"})
    await stage.workers.start(*_hands("create"))
    customers = await stage.subscribed(CUSTOMERS)
    await eventually(lambda: _all_struck(stage))
    await stage.simulator.control("switches", {"list_lag_seconds": 0})
    for customer in customers:
        await customer.pay()
    return customers, 1


async def _activate(stage: Stage) -> tuple[list[Customer], int]:
    await stage.workers.start()
    customers = await stage.subscribed(CUSTOMERS)
    await stage.workers.start(*_hands("activate"))
    for customer in customers:
        await customer.pay()
    return customers, 1


async def _renew(stage: Stage) -> tuple[list[Customer], int]:
    await stage.workers.start()
    customers = await stage.paid(CUSTOMERS)
    await stage.workers.start(*_hands("renew"))
    await stage.travel_to(NOW + timedelta(days=32))
    return customers, 2


_LIVES = {"create": _create, "activate": _activate, "renew": _renew}


async def _all_struck(stage: Stage) -> bool:
    return not stage.workers.missed


def _hands(phase: str) -> list[Hand]:
    """One process per role, so that nobody else can carry a subscription past a point."""
    return [Hand((role,), PHASES[phase].get(role, ())) for role in ROLES]


@pytest.mark.parametrize(("phase", "point"), POINTS)
async def test_whoever_was_struck_at_this_point_is_active_and_charged_once_a_cycle(
    storms: dict[str, Storm], phase: str, point: str
) -> None:
    storm = storms[phase]
    subject = storm.struck[point]
    concerned = [each for each in storm.customers if each.subscription_id in subject]
    assert concerned or not re.search("sub_", subject)
    for customer in concerned or storm.customers:
        assert await customer.status() == "ACTIVE"
        (books,) = (await storm.stage.simulator.books(customer.gateway_id))["subscriptions"]
        assert [bill["captures"] for bill in books["invoices"]] == [1] * storm.cycles


@pytest.mark.parametrize("phase", PHASES)
async def test_the_books_of_both_sides_are_equal_after_the_storm(
    storms: dict[str, Storm], phase: str
) -> None:
    storm = storms[phase]
    assert storm.stage.workers.deaths >= sum(each == phase for each, _ in POINTS)
    assert len(storm.books.subscriptions) == CUSTOMERS
    assert len(storm.books.captured) == len(storm.books.invoices) == CUSTOMERS * storm.cycles


async def test_a_relay_killed_after_delivering_delivers_again_and_in_order(storms: dict[str, Storm]) -> None:
    storm = storms["activate"]
    received: dict[str, list[int]] = defaultdict(list)
    for request in storm.receiver.requests:
        event = json.loads(request.body)
        received[event["partitionkey"]].append(int(event["id"]))
    for events in received.values():
        assert events == sorted(events)
    announced = Counter(event.customer_id for event in storm.books.events)
    assert {customer: len(set(events)) for customer, events in received.items()} == announced
    repeated = int(storm.struck["event:delivered"].removeprefix("evt_"))
    assert sum(events.count(repeated) for events in received.values()) >= 2


async def test_a_relay_killed_after_mailing_does_not_mail_again(storms: dict[str, Storm]) -> None:
    storm = storms["activate"]
    mails = Counter(
        str(email.message_from_bytes(mail, policy=email.policy.default)["subject"])
        for mail in storm.mailbox.mails
    )
    assert mails
    assert set(mails.values()) == {1}
    async with storm.stage.database.reading() as session:
        row = await session.get_one(models.Notification, storm.struck["mail:sent"])
        all_rows = (await session.scalars(select(models.Notification.status))).all()
    assert row.status == "unknown"
    # Each other either arrived, or its sender was killed too and nobody dares to repeat it.
    assert len(all_rows) == len(storm.books.invoices)
    assert all_rows.count("sent") <= len(storm.mailbox.mails)
