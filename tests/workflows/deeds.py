"""What is recorded of every workflow but the subscription's own: see record.py."""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import select

from db import models
from domain.merchant_ids import Purpose, merchant_id
from gateways.base import NewPage
from local.saver import Saver
from local.world import Person, World
from relay.wallets import WalletSweep
from tests.world import until
from workflows import document, e_invoice, export, issuing, proforma, refund, top_up, wallet_invoice

COMPANY = "29AAACT1111A1Z5"
PAID_AT_PHONEPE = ("top-up-paid", "top-up-expired", "top-up-paid-twice", "wallet-invoice")


@dataclass(frozen=True)
class Deed:
    """Leads to exactly one run of the workflow `kind`."""

    kind: str
    done: Callable[[Person], Awaitable[None]]
    gstin: str = ""
    """Of the customer; e-invoices are of companies' invoices only."""


async def _paid(person: Person, **how: Any) -> None:
    await person.subscribe("plan_pro")
    await person.pay("card", **how)


async def operator_asks(world: World, path: str, **asked: Any) -> httpx.Response:
    """Somebody of the finance team posts to /admin."""
    async with world.operator() as operator:
        answer = await operator.post(f"/admin/{path}", json=asked)
    await world.time.settle()
    return answer


async def _asked(person: Person, **asked: Any) -> None:
    await _paid(person)
    [invoice] = await person.invoices()
    await operator_asks(person.world, f"invoices/{invoice['id']}/refund", reason="as promised", **asked)


async def _settled(person: Person) -> None:
    await _asked(person, amount_paise=1_000_00)
    await _at_bank(person.world, "processed")


async def _failed(person: Person) -> None:
    await _asked(person)
    await _at_bank(person.world, "failed")


async def _too_much(person: Person) -> None:
    await _asked(person, amount_paise=1_000_000_00)


async def _no_balance(person: Person) -> None:
    await person.world.simulator.control("switches", {"refund_balance_paise": 0})
    await _asked(person)


async def _gateway_away(person: Person) -> None:
    """Until every try of the first activity is used up; then it is looked for, and asked for again."""
    rule = {"kind": "http_503", "path_regex": "/refund", "times": 0}
    await person.world.simulator.control("faults", rule)
    await _asked(person)
    await person.world.simulator.control("faults", method="DELETE")
    await person.world.time.travel(timedelta(minutes=30))
    await _at_bank(person.world, "processed")


async def _in_dashboard(person: Person) -> None:
    await _paid(person)
    [theirs] = (await person.world.simulator.books())["subscriptions"]
    path = f"payments/{theirs['payments'][0]['id']}/dashboard_refund"
    await person.world.simulator.control(path, {"amount": 700_00})
    await until(lambda: _any_refund(person.world))
    await _at_bank(person.world, "processed")


async def _any_refund(world: World) -> bool:
    return await _refund_at_gateway(world) is not None


async def _refund_at_gateway(world: World) -> str | None:
    row = models.Refund.gateway_refund_id
    async with world.database.reading() as session:
        return await session.scalar(select(row).where(row.is_not(None)))


async def _at_bank(world: World, outcome: str) -> None:
    await world.simulator.control(f"refunds/{await _refund_at_gateway(world)}/settle", {"outcome": outcome})
    await world.time.travel(timedelta(minutes=5))


async def _credited(person: Person) -> None:
    await _paid(person)
    [invoice] = await person.invoices()
    await operator_asks(person.world, f"invoices/{invoice['id']}/credit-note", reason="a week of outages")


async def _kept(person: Person) -> None:
    await _paid(person, outcome="wrong_amount", amount=1_180_00)
    async with person.world.operator() as operator:
        [aside] = (await operator.get("/admin/quarantine")).json()["data"]
    await operator_asks(person.world, f"payments/{aside['id']}/keep", reason="wants it as a credit")


async def _proforma(person: Person) -> None:
    wanted = {"plan_id": "plan_pro", "interval": "monthly"}
    (await person.http.post("/v1/proformas", json=wanted)).raise_for_status()


async def _exported(person: Person) -> None:
    await _paid(person)
    (await operator_asks(person.world, "exports", kind="gstr1", period="2026-01")).raise_for_status()


async def _topping_up(person: Person) -> Saver:
    saver = Saver(person)
    await saver.ask(500_00)
    return saver


async def _topped_up(person: Person) -> None:
    await (await _topping_up(person)).pay()


async def _not_topped_up(person: Person) -> None:
    await (await _topping_up(person)).open_page()
    await person.world.time.travel(timedelta(days=2))


async def _topped_up_twice(person: Person) -> None:
    saver = await _topping_up(person)
    phonepe = person.world.phonepe
    assert phonepe is not None
    await phonepe.control("webhooks/policy", {"drop_all": True})
    for order_id in (await saver.open_page(), await other_page(saver)):
        await phonepe.order(order_id, "pay")
    await person.world.time.travel(timedelta(minutes=1))


async def other_page(saver: Saver) -> str:
    """A page beside the one that is open: as if an order had been taken for lost that was not."""
    world = saver.person.world
    phonepe = world.parts.phonepe
    assert phonepe is not None
    order_id = merchant_id(Purpose.PAGE, saver.top_up_id, attempt=7)
    lasts = timedelta(minutes=30)
    made = await phonepe.open_page(
        NewPage(order_id, 500_00, "http://b.test", "again", lasts, saver.top_up_id)
    )
    async with world.database.transaction() as session:
        first = (await session.scalars(select(models.PayPage))).one()
        session.add(
            models.PayPage(
                order_id=order_id, gateway="phonepe", subject=saver.top_up_id, attempt=7,
                customer_id=first.customer_id, top_up_id=saver.top_up_id, amount_paise=500_00, state="open",
                gateway_order_id=made.gateway_order_id, url=made.url, expires_at=world.time.now + lasts,
                opened_at=world.time.now,
            )
        )  # fmt: skip
    return order_id


async def use(person: Person, paise: int) -> None:
    """Use the product for that much beyond the Free plan's budget of a dollar, and know it."""
    world = person.world
    beyond = world.settings.usd_rate_paise + paise
    event = {
        "event_id": uuid.uuid4().hex,
        "user_id": person.user_id,
        "occurred_at": world.time.now.isoformat(),
        "kind": "move",
        "cost_paise": beyond,
    }
    token = world.settings.service_token.get_secret_value()
    answer = await person.http.post(
        "/internal/usage", json={"events": [event]}, headers={"Authorization": f"Bearer {token}"}
    )
    answer.raise_for_status()


def sweep_of(world: World) -> WalletSweep:
    """The world's own, to be called when a test likes."""
    parts = world.parts
    return WalletSweep(
        world.database, world.client, parts.clock, lambda: parts.business_now() - parts.clock()
    )


async def _billed(person: Person) -> None:
    await _topped_up(person)
    await use(person, 200_00)
    await person.world.time.travel(timedelta(days=31))
    assert await sweep_of(person.world).look() == 1

    async def invoiced() -> bool:
        return bool(await person.invoices())

    await until(invoiced)


DEEDS: dict[str, Deed] = {
    "refund-settled": Deed(refund.WORKFLOW_NAME, _settled),
    "refund-failed": Deed(refund.WORKFLOW_NAME, _failed),
    "refund-too-much": Deed(refund.WORKFLOW_NAME, _too_much),
    "refund-refused": Deed(refund.WORKFLOW_NAME, _no_balance),
    "refund-gateway-away": Deed(refund.WORKFLOW_NAME, _gateway_away),
    "refund-dashboard": Deed(refund.WORKFLOW_NAME, _in_dashboard),
    "credit-note": Deed(issuing.CREDIT_NOTE_WORKFLOW, _credited),
    "payment-kept": Deed(issuing.KEEP_PAYMENT_WORKFLOW, _kept),
    "proforma": Deed(proforma.WORKFLOW_NAME, _proforma),
    "export": Deed(export.EXPORT_WORKFLOW, _exported),
    "top-up-paid": Deed(top_up.WORKFLOW_NAME, _topped_up),
    "top-up-expired": Deed(top_up.WORKFLOW_NAME, _not_topped_up),
    "top-up-paid-twice": Deed(top_up.WORKFLOW_NAME, _topped_up_twice),
    "wallet-invoice": Deed(wallet_invoice.WORKFLOW_NAME, _billed),
    "document": Deed(document.WORKFLOW_NAME, _paid),
    "e-invoice": Deed(e_invoice.WORKFLOW_NAME, _paid, gstin=COMPANY),
}


async def the_run(world: World, kind: str) -> str:
    """The id of the one workflow of a kind; lists of runs follow a moment later."""
    found: list[str] = []

    async def listed() -> bool:
        found[:] = [run.id async for run in world.client.list_workflows(f"WorkflowType = '{kind}'")]
        return bool(found)

    await until(listed)
    [workflow_id] = found
    return workflow_id
