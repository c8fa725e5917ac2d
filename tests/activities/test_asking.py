"""Telling customers where to pay: our own address, each telling once."""

from datetime import timedelta

from sqlalchemy import select

from activities.asking import Asking
from db import models
from domain.events import EventType
from tests.activities.collecting import PUBLIC, SINKS, Desk
from tests.gateways.phonepe_till import AMOUNT
from workflows.collecting_ports import AskForPayment
from workflows.ports import OpenCheckout


async def test_a_checkout_is_our_address_and_asks_no_gateway(desk: Desk) -> None:
    asking = Asking(desk.database, SINKS, f"{PUBLIC}/")
    request = OpenCheckout(desk.subscription, await desk.till.now())
    for _ in range(2):
        opened = await asking.offer_checkout(request)
        assert (opened.gateway_id, opened.checkout_url) == (None, f"{PUBLIC}/pay/{desk.id}")
    [told] = await desk.events(EventType.CHECKOUT_OPENED)
    assert told.data["checkout_url"] == f"{PUBLIC}/pay/{desk.id}"
    async with desk.database.reading() as session:
        row = await session.get_one(models.Subscription, desk.id)
    assert (row.checkout_url, row.gateway_subscription_id) == (f"{PUBLIC}/pay/{desk.id}", None)
    assert await desk.rows() == []


async def test_each_reminder_is_told_once_and_mailed(desk: Desk) -> None:
    now = await desk.till.now()
    due_at, open_until = now + timedelta(days=3), now + timedelta(days=6)
    for reminder in (0, 0, 1, 2, 2):
        await Asking(desk.database, SINKS, PUBLIC).ask_for_payment(
            AskForPayment(desk.subscription, "deb_1-L1", reminder, AMOUNT, 4, due_at, open_until, now)
        )
    told = await desk.events(EventType.PAYMENT_DUE)
    assert [event.data["reminder"] for event in told] == [0, 1, 2]
    assert (told[0].data["amount_paise"], told[0].data["cycle"]) == (AMOUNT, 4)
    assert (told[0].data["due_at"], told[0].data["open_until"]) == (
        due_at.isoformat(),
        open_until.isoformat(),
    )
    assert told[0].data["checkout_url"] == f"{PUBLIC}/pay/{desk.id}"
    async with desk.database.reading() as session:
        sinks = list(await session.scalars(select(models.OutboxDelivery.sink)))
    assert sinks == ["notifications"] * 3
