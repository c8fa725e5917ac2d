"""Webhooks are hints: whether they come, how often and in which order changes nothing in the end."""

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import func, select

from db import models
from local.world import Person, World
from tests.scenarios.conftest import Story
from tests.scenarios.telling import CARD, MAHARASHTRA, letters, on, shown, taxes

Policy = dict[str, Any]
Deliveries = list[dict[str, Any]]


async def the_year_goes_on(world: World) -> list[Person]:
    """Bharat's third charge fails twice; Chitra's second one for good, until she gives another card."""
    bharat = await world.person("bharat", state_code=MAHARASHTRA)
    chitra = await world.person("chitra", state_code=MAHARASHTRA)
    for person, method in ((bharat, "upi"), (chitra, "card")):
        await person.subscribe("plan_growth")
        await person.pay(method)
    await bharat.next_charges("success", "failure", "failure", "success")
    await chitra.next_charges("failure", "failure", "failure", "failure")
    await world.time.travel_to(on(2026, 2, 20))
    await chitra.at_gateway("change_method", **CARD)
    await world.time.travel_to(on(2026, 3, 19))
    return [bharat, chitra]


async def standing(person: Person) -> dict[str, Any]:
    """Everything that was decided, without the moment at which we learned of it and ids."""
    seen = await shown(person)
    payment, event = models.Payment, models.OutboxEvent
    async with person.world.database.reading() as session:
        payments = await session.execute(
            select(payment.cycle, payment.status, payment.amount_paise, payment.method)
            .where(payment.subscription_id == person.subscription_id)
            .order_by(payment.attempted_at)
        )
        events = await session.scalars(
            select(event.type).where(event.subscription_id == person.subscription_id)
        )
        return {
            "status": seen["status"],
            "renews_at": seen["renews_at"],
            "uncollected": seen["uncollected_cycles"],
            "payments": [tuple(row) for row in payments],
            "invoices": [
                (each["period_first_day"], each["period_last_day"], each["issued_on"])
                for each in await person.invoices()
            ],
            "taxes": await taxes(person),
            "letters": Counter(await letters(person)),
            "events": Counter(events.all()),
        }


PAID = {"taxable": 2_999_00, "igst": 539_82, "total": 3_538_82}
BHARAT: dict[str, Any] = {
    "status": "ACTIVE",
    "renews_at": "2026-04-15",
    "uncollected": [],
    "payments": [
        (0, "captured", 3_538_82, "upi"),
        (1, "captured", 3_538_82, "upi"),
        (2, "failed", 3_538_82, "upi"),
        (2, "failed", 3_538_82, "upi"),
        (2, "captured", 3_538_82, "upi"),
    ],
    "invoices": [
        ("2026-01-15", "2026-02-14", "2026-01-15"),
        ("2026-02-15", "2026-03-14", "2026-02-15"),
        ("2026-03-15", "2026-04-14", "2026-03-17"),
    ],
    "taxes": 3 * [PAID],
    "letters": Counter({"payment_failed": 2}),
    "events": Counter(
        {
            "subscription.created": 1,
            "checkout.opened": 1,
            "subscription.activated": 1,
            "entitlement.changed": 1,
            "payment.captured": 3,
            "invoice.issued": 3,
            "invoice.document_ready": 3,
            "subscription.renewed": 1,
            "payment.failed": 2,
            "subscription.past_due": 1,
            "subscription.recovered": 1,
        }
    ),
}
CHITRA: dict[str, Any] = {
    "status": "ACTIVE",
    "renews_at": "2026-04-15",
    "uncollected": [1],
    "payments": [
        (0, "captured", 3_538_82, "card"),
        *4 * [(1, "failed", 3_538_82, "card")],
        (2, "captured", 3_538_82, "card"),
    ],
    "invoices": [
        ("2026-01-15", "2026-02-14", "2026-01-15"),
        ("2026-03-15", "2026-04-14", "2026-03-15"),
    ],
    "taxes": 2 * [PAID],
    "letters": Counter({"payment_failed": 4, "halted": 1}),
    "events": Counter(
        {
            "subscription.created": 1,
            "checkout.opened": 1,
            "subscription.activated": 1,
            "entitlement.changed": 3,
            "payment.captured": 2,
            "invoice.issued": 2,
            "invoice.document_ready": 2,
            "payment.failed": 4,
            "subscription.past_due": 1,
            "subscription.halted": 1,
            "charge.uncollected": 1,
            "subscription.recovered": 1,
            "subscription.renewed": 1,
        }
    ),
}


def all_arrived_once(deliveries: Deliveries, received: int) -> None:
    assert {each["state"] for each in deliveries} == {"delivered"}
    assert received == len(deliveries) == len({each["event_id"] for each in deliveries})


def none_arrived(deliveries: Deliveries, received: int) -> None:
    assert {each["state"] for each in deliveries} == {"dropped"}
    assert received == 0


def each_arrived_ten_times(deliveries: Deliveries, received: int) -> None:
    times = Counter(each["event_id"] for each in deliveries if each["state"] == "delivered")
    assert set(times.values()) == {10}
    assert received == len(times)


def they_arrived_in_another_order(deliveries: Deliveries, received: int) -> None:
    assert {each["state"] for each in deliveries} == {"delivered"}
    arrived = [each["attempts"][0]["at"] for each in deliveries]
    overtaken = sum(later < earlier for earlier, later in pairwise(arrived))
    assert overtaken > len(deliveries) // 5


def some_arrived_somehow(deliveries: Deliveries, received: int) -> None:
    states = Counter(each["state"] for each in deliveries)
    assert states["dropped"] > 5
    assert states["delivered"] > 15
    assert 0 < received < len({each["event_id"] for each in deliveries})


@pytest.mark.parametrize(
    ("policy", "struck"),
    [
        pytest.param({}, all_arrived_once, id="all-once-in-order"),
        pytest.param({"drop_all": True}, none_arrived, id="none"),
        pytest.param({"duplicate_times": 10}, each_arrived_ten_times, id="each-ten-times"),
        pytest.param({"shuffle_window": 6 * 3600}, they_arrived_in_another_order, id="shuffled"),
        pytest.param(
            {"drop_fraction": 0.4, "duplicate_times": 3, "shuffle_window": 86_400, "re_escape": True},
            some_arrived_somehow,
            id="everything-at-once",
        ),
    ],
)
async def test_the_books_are_the_same_whatever_becomes_of_webhooks(
    story: Story, policy: Policy, struck: Any
) -> None:
    async with story(on(2026, 1, 15, "18:40")) as world:
        await world.simulator.control("webhooks/policy", policy)
        bharat, chitra = await the_year_goes_on(world)
        assert await standing(bharat) == BHARAT
        assert await standing(chitra) == CHITRA

        deliveries: Deliveries = (await world.simulator.ask("webhooks/deliveries"))["deliveries"]
        concerned = [each for each in deliveries if each["subject"].startswith("sub_")]
        assert len(concerned) > 40
        subjects = {each["event_id"] for each in concerned}
        row = models.WebhookInbox
        async with world.database.reading() as session:
            received = await session.scalar(
                select(func.count()).select_from(row).where(row.event_id.in_(subjects))
            )
        struck([each for each in concerned if each["state"] != "waiting"], received or 0)
