"""Subscriptions that we collect by mandates: paid for a year, asleep until their next notice."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from temporalio.client import Client

from bench import canned_phonepe, sleepers
from bench.sleepers import PAID_CYCLES, Book
from domain import autopay, renewal
from domain.merchant_ids import Purpose, merchant_id
from domain.renewal import Collecting, Terms
from domain.subscription import Collection, Subscription
from workflows import messages, ports, search_attributes
from workflows.messages import Carried, GatewayEvent, StartSubscription

_AT_ONCE = 40


def subscriptions(book: Book, count: int) -> list[Subscription]:
    """As sleepers are, with names that PhonePe's payments have."""
    return [
        replace(
            each,
            gateway="phonepe",
            collection=Collection.ENGINE,
            gateway_id=None,
            checkout_url=f"https://bahi.example/pay/{each.id[-22:]}",
            settled=tuple(f"{debit_name(each, cycle)}-1" for cycle in range(PAID_CYCLES)),
        )
        for each in sleepers.subscriptions(book, count)
    ]


def debit_name(subscription: Subscription, cycle: int) -> str:
    """What a cycle's orders are named after, if none before it was planned twice."""
    return merchant_id(Purpose.DEBIT, subscription.id, attempt=cycle) if cycle else f"set_{subscription.id}"


async def put_to_sleep(client: Client, subscribed: Sequence[Subscription]) -> None:
    """Start their runs as a roll-over would; each then waits for the time of its notice."""
    waiting = iter(subscribed)

    async def start_some() -> None:
        for each in waiting:
            now = datetime.now(UTC)
            mandate = canned_phonepe.mandate(merchant_id(Purpose.MANDATE, each.id, attempt=1))
            known = Collecting(Terms(), mandate, each.started_at, tries=PAID_CYCLES - 1, checkout_closed=True)
            collecting = renewal.planned(each, known, PAID_CYCLES, now)
            assert collecting.cycle is not None
            rules = renewal.rules_of(each.gateway, mandate, collecting.terms)
            wake_at = autopay.plan(collecting.cycle, now, rules).wake_at
            seen = tuple(f"evt_{cycle}x{each.id[-12:]}" for cycle in range(PAID_CYCLES))
            await client.start_workflow(
                messages.ENGINE_WORKFLOW_NAME,
                StartSubscription(each, "bench", carried=Carried(wake_at, seen=seen, collecting=collecting)),
                id=ports.subscription_workflow_id(each.id),
                task_queue=ports.SUBSCRIPTIONS_QUEUE,
                search_attributes=search_attributes.of(each, wake_at),
            )

    await asyncio.gather(*(start_some() for _ in range(_AT_ONCE)))


async def announce_payment(client: Client, subscription: Subscription, turn: int) -> None:
    """What the relay does with PhonePe's call about a debit of the `turn`-th cycle from the first on."""
    order = f"{debit_name(subscription, PAID_CYCLES + turn)}-1"
    event = GatewayEvent(f"evt_{order}", "subscription.redemption.order.completed", order_id=order)
    await client.get_workflow_handle(ports.subscription_workflow_id(subscription.id)).signal(
        messages.GATEWAY_SIGNAL, event
    )
