"""What may be done in which state and with which method: razorpay.md 2.5, 2.6 and 1.4."""

from typing import Any

import pytest

from tests.simulator.merchant import DAY, START, Merchant

NO_CYCLE = "Subscription cannot be cancelled since no billing cycle is going on"
FINAL = "The subscription is in its final cycle and cannot be cancelled now."


async def in_state(merchant: Merchant, state: str, method: str = "upi") -> str:
    """A subscription brought to a state by what really leads there."""
    simulator, now = merchant.simulator, await merchant.simulator.now()
    if state in ("created", "authenticated", "expired"):
        made = await merchant.subscribe(start_at=now + 40 * DAY)
        if state == "authenticated":
            await simulator.act(made["id"], "authenticate", method=method)
        elif state == "expired":
            await simulator.advance(41 * DAY)
        return str(made["id"])
    sub = await merchant.active(method, total_count=1 if state == "completed" else 12)
    if state in ("pending", "halted"):
        await simulator.act(sub, "next_charge", outcomes=["failure"] * 4)
        await merchant.to_next_charge(sub)
        if state == "halted":
            await simulator.advance(4 * DAY)
    elif state == "paused":
        await simulator.act(sub, "dashboard_pause")
    elif state == "cancelled":
        await simulator.act(sub, "dashboard_cancel")
    assert (await merchant.fetch(sub))["status"] == state
    return sub


@pytest.mark.parametrize("state", ["created", "authenticated", "active", "pending", "paused", "halted"])
async def test_a_live_subscription_can_be_cancelled_now(merchant: Merchant, state: str) -> None:
    sub = await in_state(merchant, state)
    cancelled = await merchant.call(merchant.client.subscription.cancel, sub, {"cancel_at_cycle_end": 0})
    assert (cancelled["status"], cancelled["charge_at"]) == ("cancelled", None)
    assert cancelled["ended_at"] == await merchant.simulator.now()


@pytest.mark.parametrize("state", ["expired", "cancelled", "completed"])
@pytest.mark.parametrize("at_end", [False, True])
async def test_an_ended_subscription_cannot_be_cancelled(
    merchant: Merchant, state: str, at_end: bool
) -> None:
    sub = await in_state(merchant, state)
    words = await merchant.refused(merchant.client.subscription.cancel, sub, {"cancel_at_cycle_end": at_end})
    assert words == f"Subscription is not cancellable in {state} status."
    assert '"field":"status"' in merchant.text


@pytest.mark.parametrize("state", ["created", "authenticated"])
async def test_there_is_no_cycle_to_cancel_the_end_of_before_the_start(
    merchant: Merchant, state: str
) -> None:
    sub = await in_state(merchant, state)
    words = await merchant.refused(merchant.client.subscription.cancel, sub, {"cancel_at_cycle_end": True})
    assert words == NO_CYCLE


async def test_a_cancel_at_cycle_end_shows_nothing_until_it_matures(merchant: Merchant) -> None:
    sub = await in_state(merchant, "active")
    before = await merchant.fetch(sub)
    cancel = merchant.client.subscription.cancel
    assert await merchant.call(cancel, sub, {"cancel_at_cycle_end": True}) == before
    assert await merchant.call(cancel, sub, {"cancel_at_cycle_end": True}) == before
    await merchant.simulator.advance_to(before["current_end"])
    after = await merchant.fetch(sub)
    assert (after["status"], after["paid_count"], after["ended_at"]) == (
        "cancelled",
        1,
        before["current_end"],
    )
    assert len(await merchant.invoices(sub)) == 1


@pytest.mark.parametrize("state", ["pending", "paused", "halted"])
@pytest.mark.parametrize("remembered", [False, True])
async def test_a_cancel_at_cycle_end_outside_active_is_accepted_and_forgotten(
    merchant: Merchant, state: str, remembered: bool
) -> None:
    await merchant.simulator.control("switches", {"cycle_end_cancel_remembered": remembered})
    sub = await in_state(merchant, state)
    await merchant.call(merchant.client.subscription.cancel, sub, {"cancel_at_cycle_end": True})
    await merchant.simulator.advance(70 * DAY)
    assert ((await merchant.fetch(sub))["status"] == "cancelled") is remembered


async def test_the_final_cycle_cannot_be_cancelled_at_its_end(merchant: Merchant) -> None:
    await merchant.simulator.control("switches", {"debit_offset_seconds": 3600})
    sub = await merchant.active(total_count=2)
    await merchant.simulator.advance_to((await merchant.fetch(sub))["charge_at"])
    words = await merchant.refused(merchant.client.subscription.cancel, sub, {"cancel_at_cycle_end": True})
    assert words == FINAL


@pytest.mark.parametrize(
    ("state", "after"),
    [("authenticated", "cancelled"), ("active", "paused")],
)
async def test_pausing_pauses_or_cancels(merchant: Merchant, state: str, after: str) -> None:
    sub = await in_state(merchant, state)
    assert (await merchant.call(merchant.client.subscription.pause, sub, {"pause_at": "now"}))[
        "status"
    ] == after


@pytest.mark.parametrize(
    "state", ["created", "pending", "halted", "paused", "cancelled", "completed", "expired"]
)
async def test_other_states_cannot_be_paused(merchant: Merchant, state: str) -> None:
    sub = await in_state(merchant, state)
    words = await merchant.refused(merchant.client.subscription.pause, sub, {"pause_at": "now"})
    assert state in words
    assert merchant.status == 400


@pytest.mark.parametrize(
    ("method", "origin", "when", "words"),
    [
        ("upi", "domestic", "now", "Subscriptions cannot be updated when payment mode is UPI"),
        ("upi", "domestic", "cycle_end", "Subscriptions cannot be updated when payment mode is UPI"),
        ("emandate", "domestic", "now", "Subscriptions cannot be updated when payment mode is eMandate"),
        ("card", "domestic", "now", "Can't update subscription immediately when card mandate is applicable"),
        (
            "card",
            "domestic",
            "cycle_end",
            "Only offers can be updated for subscriptions when payment mode is domestic card",
        ),
    ],
)
async def test_indian_methods_refuse_updates(
    merchant: Merchant, method: str, origin: str, when: str, words: str
) -> None:
    await merchant.simulator.control("switches", {"emandate_result_seconds": 0})
    sub = await merchant.active(method, card_origin=origin)
    body = {"quantity": 2, "schedule_change_at": when}
    assert await merchant.refused(merchant.client.subscription.edit, sub, body) == words


@pytest.mark.parametrize("state", ["created", "pending", "paused", "cancelled"])
async def test_updates_need_an_authenticated_or_active_subscription(merchant: Merchant, state: str) -> None:
    sub = await in_state(merchant, state)
    words = await merchant.refused(merchant.client.subscription.edit, sub, {"quantity": 2})
    assert words == "Can't update subscription when subscription is not in Authenticated or Active state"


async def abroad(merchant: Merchant, **more: Any) -> str:
    return await merchant.active("card", card_origin="international", **more)


async def test_a_dearer_plan_on_a_foreign_card_costs_the_difference_at_once(merchant: Merchant) -> None:
    dear = await merchant.plan(amount=99_900)
    sub = await abroad(merchant)
    await merchant.simulator.advance(14 * DAY)  # 14 of 28 days of the cycle are used
    changed = await merchant.call(merchant.client.subscription.edit, sub, {"plan_id": dear["id"]})
    assert changed["plan_id"] == dear["id"]
    invoices = await merchant.invoices(sub)
    assert [each["amount"] for each in invoices] == [49_900, 25_000]
    assert invoices[1]["status"] == "paid"
    await merchant.to_next_charge(sub)
    assert (await merchant.invoices(sub))[-1]["amount"] == 99_900


async def test_a_cheaper_plan_on_a_foreign_card_gives_the_difference_back(merchant: Merchant) -> None:
    cheap = await merchant.plan(amount=19_900)
    sub = await abroad(merchant)
    await merchant.simulator.advance(14 * DAY)
    await merchant.call(merchant.client.subscription.edit, sub, {"plan_id": cheap["id"]})
    books = (await merchant.simulator.books(sub))["subscriptions"][0]
    assert books["refunded_paise"] == 15_000


async def test_a_failed_difference_changes_nothing(merchant: Merchant) -> None:
    sub = await abroad(merchant)
    await merchant.simulator.act(sub, "next_charge", outcomes=["failure"])
    before = await merchant.fetch(sub)
    words = await merchant.refused(merchant.client.subscription.edit, sub, {"quantity": 2})
    assert "the payment for the change failed" in words
    assert await merchant.fetch(sub) == before
    same = await merchant.refused(merchant.client.subscription.edit, sub, {"quantity": 1})
    assert "50 paise" in same


async def test_another_cadence_begins_a_new_cycle_on_the_day(merchant: Merchant) -> None:
    yearly = await merchant.plan(amount=499_000, period="yearly")
    sub = await abroad(merchant)
    await merchant.simulator.advance(14 * DAY)
    now = await merchant.simulator.now()
    changed = await merchant.call(merchant.client.subscription.edit, sub, {"plan_id": yearly["id"]})
    assert changed["current_start"] == now
    assert 364 * DAY < changed["current_end"] - now <= 365 * DAY
    assert [each["amount"] for each in await merchant.invoices(sub)] == [49_900, 499_000 - 24_950]


async def test_a_change_at_cycle_end_is_shown_taken_back_and_applied(merchant: Merchant) -> None:
    sub = await abroad(merchant)
    client = merchant.client.subscription
    assert await merchant.refused(client.pending_update, sub) == "No Pending update for this subscription"
    body = {"quantity": 3, "schedule_change_at": "cycle_end"}
    changed = await merchant.call(client.edit, sub, body)
    assert (changed["quantity"], changed["has_scheduled_changes"]) == (1, True)
    assert changed["change_scheduled_at"] == changed["current_end"]
    assert (await merchant.call(client.pending_update, sub))["quantity"] == 3
    taken_back = await merchant.call(client.cancel_scheduled_changes, sub, {})
    assert taken_back["has_scheduled_changes"] is False
    await merchant.call(client.edit, sub, body)
    after = await merchant.to_next_charge(sub)
    assert (after["quantity"], after["has_scheduled_changes"]) == (3, False)
    assert (await merchant.invoices(sub))[-1]["amount"] == 3 * 49_900


async def test_an_authenticated_foreign_card_may_move_its_start(merchant: Merchant) -> None:
    start = int(START.timestamp()) + 40 * DAY
    made = await merchant.subscribe(start_at=start)
    await merchant.simulator.act(made["id"], "authenticate", method="card", card_origin="international")
    moved = await merchant.call(merchant.client.subscription.edit, made["id"], {"start_at": start - 10 * DAY})
    assert moved["charge_at"] == start - 10 * DAY
    await merchant.simulator.advance_to(start - 10 * DAY)
    assert (await merchant.fetch(made["id"]))["status"] == "active"


async def test_addons_are_billed_with_the_next_invoice_of_a_foreign_card(merchant: Merchant) -> None:
    item = {"item": {"name": "Extra seat", "amount": 9_900, "currency": "INR"}, "quantity": 2}
    sub = await abroad(merchant)
    addon = await merchant.call(merchant.client.subscription.createAddon, sub, item)
    spare = await merchant.call(merchant.client.subscription.createAddon, sub, item)
    assert await merchant.call(merchant.client.addon.delete, spare["id"]) == []
    await merchant.to_next_charge(sub)
    invoice = (await merchant.invoices(sub))[-1]
    assert invoice["amount"] == 49_900 + 2 * 9_900
    assert [each["type"] for each in invoice["line_items"]] == ["plan", "addon"]
    assert (await merchant.call(merchant.client.addon.fetch, addon["id"]))["invoice_id"] == invoice["id"]
    words = await merchant.refused(merchant.client.addon.delete, addon["id"])
    assert "already been invoiced" in words


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("upi", "Add-ons can't be added for Subscriptions when payment mode is upi"),
        ("card", "Addons can't be added for subscriptions when payment mode is domestic card"),
    ],
)
async def test_addons_are_refused_for_indian_methods(merchant: Merchant, method: str, words: str) -> None:
    sub = await merchant.active(method)
    body = {"item": {"name": "Extra seat", "amount": 9_900, "currency": "INR"}}
    assert await merchant.refused(merchant.client.subscription.createAddon, sub, body) == words


async def test_offers_do_not_exist(merchant: Merchant) -> None:
    sub = await merchant.active()
    words = await merchant.refused(merchant.client.subscription.delete_offer, sub, "offer_SEKllY9dmYeeby")
    assert words == "Offer Not Found"
