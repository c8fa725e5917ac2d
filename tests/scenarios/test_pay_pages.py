"""Pages at PhonePe: left, paid late, paid twice, for another sum; money that goes back; calls that lie."""

import json
from datetime import date, timedelta
from typing import Any

import httpx
from sqlalchemy import select

from db import models
from domain.merchant_ids import Purpose, merchant_id
from gateways.base import NewPage
from local.payer import Payer
from local.world import World
from simulator.phonepe.webhooks import authorization
from tests.scenarios.autopay import FROZEN, all_pay, orders, phonepe, subscribes
from tests.scenarios.conftest import Story
from tests.scenarios.telling import happened, letters, on, plan, printed, stands

A_DAY = 86_400
PRO = 4_999_00
BANK_IS_QUICK = {"refund_settle_seconds": 60}


async def set_aside(world: World) -> list[tuple[str, str, int]]:
    """Of what was set aside: whose, why, how much."""
    row = models.Payment
    query = select(row).where(row.status.in_(["quarantined", "returned"])).order_by(row.recorded_at)
    async with world.database.reading() as session:
        found = (await session.scalars(query)).all()
        users = {each.id: each.user_id for each in await session.scalars(select(models.Customer))}
    return [(users[each.customer_id], str(each.reason), each.amount_paise) for each in found]


async def at_our_address(payer: Payer) -> httpx.Response:
    answer = await payer.person.http.get(f"/pay/{payer.person.subscription_id}")
    await payer.person.world.time.settle()
    return answer


async def test_a_checkout_takes_one_payment_in_time_and_gives_back_whatever_else_comes(story: Story) -> None:
    async with story(
        on(2026, 4, 7, "10:00"), with_phonepe=True, checkout_expires_after_seconds=A_DAY
    ) as world:
        await phonepe(world).control("switches", BANK_IS_QUICK)
        asha, bharat, chitra, dev, esha = [
            await subscribes(world, name, "plan_pro") for name in ("asha", "bharat", "chitra", "dev", "esha")
        ]

        # Asha's first try fails; the same address leads to a fresh page.
        first = await asha.pay(outcome="failure", code="Z9")
        assert (await stands(asha.person), await plan(asha.person)) == ("CREATED", "FREE")
        assert "Not paid yet" in await asha.standing()
        assert await asha.pay() != first
        assert await stands(asha.person) == "ACTIVE"
        assert "Thank you" in await asha.standing()

        # Bharat leaves his page open, cancels, and pays on it all the same.
        left_open = await bharat.open_page()
        assert (await bharat.person.command("cancel-now")).json()["status"] == "CANCELLED"
        await bharat.at_order(left_open, "pay")

        # Chitra's page is called over by PhonePe, which is wrong; so she pays twice.
        called_over, second = await two_pages(chitra)
        await chitra.at_order(second, "pay")
        await tells_at_last(world, called_over)

        # The name of Dev's page stands for another sum there, and somebody pays that.
        taken = merchant_id(Purpose.SETUP, f"{dev.person.subscription_id}-checkout", attempt=1)
        other = NewPage(taken, 1_00, "https://example.com", "another", timedelta(minutes=30), "not ours")
        assert world.parts.phonepe is not None
        await world.parts.phonepe.open_page(other)
        refused = await at_our_address(dev)
        assert (refused.status_code, "cannot be paid now" in refused.text) == (502, True)
        await dev.at_order(taken, "pay")
        over = await at_our_address(dev)
        assert (over.status_code, "Too late" in over.text) == (410, True)

        assert await set_aside(world) == [
            ("bharat", "paid after the checkout was closed; it goes back by itself", PRO),
            ("chitra", "a second payment of the same page; it goes back by itself", PRO),
            ("dev", "another sum; it goes back by itself", 1_00),
        ]
        # Esha pays nothing, and in the last minute of her day begins to.
        await world.time.travel_to(on(2026, 4, 8, "09:59"))
        begun = await esha.pay(outcome="pending")
        assert "One moment" in await esha.standing()
        await world.time.travel_to(on(2026, 4, 8, "10:00"))
        assert await stands(esha.person) == "CREATED"
        await esha.at_order(begun, "settle", outcome="success")

        assert [await stands(each.person) for each in (asha, chitra, esha)] == 3 * ["ACTIVE"]
        assert [await stands(each.person) for each in (bharat, dev)] == ["CANCELLED", "EXPIRED"]
        assert len(await set_aside(world)) == 3
        assert [len(await printed(each.person)) for each in (asha, bharat, chitra, dev, esha)] == [
            1,
            0,
            1,
            0,
            1,
        ]
        live = [each["state"] for each in (await phonepe(world).books())["subscriptions"]]
        assert sorted(live) == ["ACTIVE", "ACTIVE", "ACTIVE", "CANCELLED", "CANCELLED", "FAILED"]


async def test_a_link_is_paid_once_and_what_comes_on_it_later_goes_back(story: Story) -> None:
    async with story(on(2026, 1, 15, "18:40"), with_phonepe=True) as world:
        await phonepe(world).control("switches", BANK_IS_QUICK)
        asha = await subscribes(world, "asha", "plan_pro")
        await asha.pay()
        await asha.next_debits(FROZEN)
        await world.time.travel_to(on(2026, 2, 15, "12:00"))
        called_over, second = await two_pages(asha)
        await asha.at_order(second, "pay")
        assert await stands(asha.person) == "ACTIVE"
        # The next cycle is planned already when PhonePe tells of the first page.
        await tells_at_last(world, called_over)
        assert await set_aside(world) == [
            ("asha", "paid after it was no longer owed; it goes back by itself", PRO)
        ]
        await world.time.travel_to(on(2026, 2, 16))
        assert [days for _, *days in await printed(asha.person)] == [
            ["2026-01-15", "2026-01-15", "2026-02-14"],
            ["2026-02-15", "2026-02-15", "2026-03-14"],
        ]


async def two_pages(payer: Payer) -> tuple[str, str]:
    """PhonePe calls the first one over, which is wrong: it is paid, and nobody is told."""
    world = payer.person.world
    called_over = await payer.open_page()
    await phonepe(world).control("webhooks/policy", {"drop_all": True})
    await phonepe(world).order(called_over, "show_state", state="FAILED")
    second = await payer.open_page()
    assert second != called_over
    await payer.at_order(called_over, "pay")
    await phonepe(world).control("webhooks/policy", {"reset": True})
    return called_over, second


async def tells_at_last(world: World, order_id: str) -> None:
    await phonepe(world).order(order_id, "show_state", state=None)
    await phonepe(world).control("webhooks/redeliver", {"subject": order_id, "state": "dropped"})
    await world.time.settle()


async def refund(world: World, invoice: dict[str, Any], **asked: Any) -> httpx.Response:
    async with world.operator() as operator:
        path = f"/admin/invoices/{invoice['id']}/refund"
        answer = await operator.post(path, json={"reason": "as promised", **asked})
    await world.time.settle()
    return answer


async def test_what_was_debited_is_given_back_in_parts_one_at_a_time(story: Story) -> None:
    async with story(on(2026, 8, 3, "12:30"), with_phonepe=True) as world:
        await phonepe(world).control("switches", BANK_IS_QUICK)
        asha, bharat = [await subscribes(world, name, "plan_pro") for name in ("asha", "bharat")]
        await all_pay(asha, bharat)
        [invoice] = await asha.person.invoices()
        [whole] = await bharat.person.invoices()

        assert (await refund(world, whole)).status_code == 201
        assert (await refund(world, invoice, amount_paise=1_000_00)).status_code == 201
        waits = await refund(world, invoice, amount_paise=500_00)
        assert (waits.status_code, "under way" in waits.json()["detail"]) == (409, True)
        await world.time.travel_to(on(2026, 8, 4))
        assert (await refund(world, invoice)).status_code == 201
        await world.time.travel_to(on(2026, 8, 5))

        row = models.Refund
        async with world.database.reading() as session:
            made = (await session.scalars(select(row).order_by(row.requested_at, row.amount_paise))).all()
        assert [(each.amount_paise, each.status) for each in made] == [
            (1_000_00, "processed"),
            (PRO, "processed"),
            (3_999_00, "processed"),
        ]
        refunded = {
            order["captured_paise"]: order["refunded_paise"]
            for payer in (asha, bharat)
            for order in await orders(payer, "setup")
        }
        assert refunded == {PRO: PRO}
        assert (await refund(world, whole, amount_paise=1_00)).status_code == 409
        assert await letters(asha.person) == ["refund", "credit_note"] * 2


async def test_a_call_that_is_not_phonepes_is_refused_and_one_that_lies_changes_nothing(story: Story) -> None:
    async with story(on(2026, 8, 3, "12:30"), with_phonepe=True) as world:
        asha, bharat = [await subscribes(world, name, "plan_pro") for name in ("asha", "bharat")]
        await all_pay(bharat)
        order_id = await asha.open_page()
        lie = {
            "event": "subscription.setup.order.completed",
            "payload": {"merchantOrderId": order_id, "orderId": "OMO1", "state": "COMPLETED", "amount": PRO},
        }
        gone = {
            "event": "subscription.revoked",
            "payload": {"merchantSubscriptionId": await bharat.mandate_id(), "state": "REVOKED"},
        }
        options = phonepe(world).options
        known = authorization(options.webhook_username, options.webhook_password)  # type: ignore[attr-defined]
        before = await told(world)
        for signature in ("", "0" * 64, known.upper(), f"SHA256 {known}"):
            assert await call(world, lie, signature) == 401
        assert await told(world) == before
        assert [await call(world, each, known) for each in (lie, gone)] == [200, 200]
        await world.time.settle()
        assert (await stands(asha.person), await printed(asha.person)) == ("CREATED", [])
        assert await happened(bharat.person, "mandate.ended") == []

        await asha.at_order(order_id, "pay")
        assert (await stands(asha.person), len(await printed(asha.person))) == ("ACTIVE", 1)
        await world.time.travel_to(on(2026, 9, 3, "12:00"))
        assert [days for _, *days in await printed(asha.person)][1] == [
            "2026-09-03", "2026-09-03", "2026-10-02",
        ]  # fmt: skip
        assert date(2026, 9, 1) in [at for at, _ in await happened(bharat.person, "debit.announced")]


async def call(world: World, body: dict[str, Any], signature: str) -> int:
    async with httpx.AsyncClient(base_url=world.settings.public_url, trust_env=False) as http:
        headers = {"Authorization": signature, "Content-Type": "application/json"}
        answer = await http.post("/webhooks/phonepe", content=json.dumps(body), headers=headers)
        return answer.status_code


async def told(world: World) -> int:
    """Calls that were kept."""
    async with world.database.reading() as session:
        return len((await session.scalars(select(models.WebhookInbox.id))).all())
