"""Customers who subscribe at PhonePe and pay on its page, though nobody may answer at once."""

import asyncio

import httpx
from sqlalchemy import select

from db import models
from tests.faults.stage import Customer, Stage

_AGAIN = (httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.ACCEPTED)


async def subscribe(customer: Customer, plan_id: str = "plan_pro") -> None:
    """Ask for a plan, and again while the API says to."""
    wanted = {"plan_id": plan_id, "interval": "monthly", "collect_by": "phonepe"}
    answer = await customer.http.post("/v1/subscriptions", json=wanted)
    while answer.status_code in _AGAIN:
        await asyncio.sleep(0.5)
        answer = await customer.http.post("/v1/subscriptions", json=wanted)
    answer.raise_for_status()
    customer.subscription_id = answer.json()["subscription_id"]


async def pay(stage: Stage, customer: Customer) -> None:
    """Follow our address until it leads to a page, and pay there."""
    page = await customer.http.get(f"/pay/{customer.subscription_id}")
    while page.status_code != httpx.codes.SEE_OTHER:
        assert page.status_code == httpx.codes.SERVICE_UNAVAILABLE, page.text
        await asyncio.sleep(0.5)
        page = await customer.http.get(f"/pay/{customer.subscription_id}")
    await pay_at(stage, page.headers["location"])


async def pay_at(stage: Stage, address: str) -> None:
    """On a page of PhonePe's; nothing where the address leads to another gateway."""
    row = models.PayPage
    async with stage.database.reading() as session:
        found = await session.scalar(select(row).where(row.url == address))
    assert stage.phonepe is not None
    if found is not None and found.gateway == "phonepe":
        await stage.phonepe.order(found.order_id, "pay")
