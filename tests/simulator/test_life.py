"""A subscription's life on the simulator's clock: fields and counters of razorpay.md 2.2 to 2.4 and 3.2."""

import pytest

from tests.simulator.merchant import DAY, START, Merchant

AUTH = 1770702730  # 10 Feb 2026 11:22:10 in India, the worked example of razorpay.md 2.4
SECOND, THIRD = 1773081000, 1775759400  # 10 Mar and 10 Apr, 00:00 in India


async def fields(merchant: Merchant, subscription_id: str, *names: str) -> tuple[object, ...]:
    subscription = await merchant.fetch(subscription_id)
    return tuple(subscription.get(name) for name in names)


async def test_the_worked_example_runs_to_the_second(merchant: Merchant) -> None:
    made = await merchant.subscribe()
    await merchant.simulator.advance_to(AUTH)
    await merchant.simulator.act(made["id"], "authenticate", method="upi")
    now = await merchant.fetch(made["id"])
    assert (now["status"], now["start_at"], now["current_start"]) == ("active", AUTH, AUTH)
    assert (now["current_end"], now["charge_at"], now["end_at"]) == (SECOND, SECOND, 1799519400)
    assert (now["paid_count"], now["remaining_count"]) == (1, 11)
    [invoice] = await merchant.invoices(made["id"])
    assert (invoice["billing_start"], invoice["billing_end"]) == (AUTH, SECOND)
    await merchant.simulator.advance_to(SECOND - 1)
    assert len(await merchant.invoices(made["id"])) == 1
    await merchant.simulator.advance_to(SECOND)
    now = await merchant.fetch(made["id"])
    assert (now["current_start"], now["current_end"], now["charge_at"]) == (SECOND, THIRD, THIRD)
    assert (now["paid_count"], now["remaining_count"]) == (2, 10)


async def test_four_failures_a_day_apart_end_in_halted(merchant: Merchant) -> None:
    sub = await merchant.active()
    await merchant.simulator.act(sub, "next_charge", outcomes=["failure"] * 4)
    names = ("status", "auth_attempts", "charge_at", "paid_count", "remaining_count", "current_start")
    for rung in range(1, 4):
        await merchant.to_next_charge(sub)
        expected = ("pending", rung, SECOND + rung * DAY, 1, 10, SECOND)
        assert await fields(merchant, sub, *names) == expected
    await merchant.to_next_charge(sub)
    assert await fields(merchant, sub, *names) == ("halted", 4, THIRD, 1, 10, SECOND)
    books = (await merchant.simulator.books(sub))["subscriptions"][0]
    assert [(each["attempts"], each["captures"]) for each in books["invoices"]] == [(1, 1), (4, 0)]


async def test_a_halted_subscription_goes_on_getting_invoices_that_nobody_debits(merchant: Merchant) -> None:
    sub = await merchant.active(total_count=4)
    await merchant.simulator.act(sub, "next_charge", outcomes=["failure"] * 4)
    await merchant.simulator.advance_to(THIRD + 5 * DAY)
    invoices = await merchant.invoices(sub)
    assert [each["status"] for each in invoices] == ["paid", "issued", "issued"]
    assert await fields(merchant, sub, "status", "remaining_count", "paid_count") == ("halted", 1, 1)
    await merchant.simulator.advance(40 * DAY)
    assert await fields(merchant, sub, "status", "remaining_count", "paid_count") == ("completed", 0, 1)


async def test_a_new_method_in_halted_pays_only_for_the_future(merchant: Merchant) -> None:
    sub = await merchant.active("upi")
    await merchant.simulator.act(sub, "next_charge", outcomes=["failure"] * 4)
    await merchant.simulator.advance_to(SECOND + 5 * DAY)
    with pytest.raises(RuntimeError, match="From upi the method can change only to card"):
        await merchant.simulator.act(sub, "change_method", method="emandate")
    changed = await merchant.simulator.act(sub, "change_method", method="card")
    assert changed["subscription"]["status"] == "active"
    assert changed["payment"]["amount"] == 500
    assert changed["payment"]["status"] == "refunded"
    assert [each["what"] for each in changed["happened"]].count("subscription.activated") == 1
    assert [each["status"] for each in await merchant.invoices(sub)] == ["paid", "issued"]
    await merchant.to_next_charge(sub)
    assert [each["status"] for each in await merchant.invoices(sub)] == ["paid", "issued", "paid"]


async def test_a_new_method_in_pending_pays_the_last_invoice_at_once(merchant: Merchant) -> None:
    sub = await merchant.active("card")
    await merchant.simulator.act(sub, "next_charge", outcomes=["failure"])
    await merchant.to_next_charge(sub)
    failed = await merchant.simulator.act(sub, "change_method", method="upi", outcome="failure")
    assert (failed["subscription"]["status"], failed["subscription"]["payment_method"]) == ("pending", "card")
    assert failed["subscription"]["auth_attempts"] == 1
    paid = await merchant.simulator.act(sub, "change_method", method="upi")
    assert (paid["subscription"]["status"], paid["subscription"]["payment_method"]) == ("active", "upi")
    assert [each["status"] for each in await merchant.invoices(sub)] == ["paid", "paid"]
    await merchant.simulator.advance(3 * DAY)
    assert len((await merchant.simulator.books(sub))["subscriptions"][0]["payments"]) == 4


async def test_an_old_invoice_is_charged_by_hand_except_on_domestic_cards(merchant: Merchant) -> None:
    sub = await merchant.active("card", card_origin="international")
    home = await merchant.active("card")
    for each in (sub, home):
        await merchant.simulator.act(each, "next_charge", outcomes=["failure"] * 4)
    await merchant.simulator.advance_to(SECOND + 5 * DAY)
    charged = await merchant.simulator.act(sub, "charge_invoice")
    assert charged["payment"]["status"] == "captured"
    assert await fields(merchant, sub, "status", "paid_count", "auth_attempts") == ("active", 2, 0)
    with pytest.raises(RuntimeError, match="payment mode is domestic card"):
        await merchant.simulator.act(home, "charge_invoice")


async def test_a_late_success_recovers_and_the_failure_was_not_final(merchant: Merchant) -> None:
    sub = await merchant.active()
    await merchant.simulator.act(
        sub, "next_charge", outcomes=[{"outcome": "late_success", "after_seconds": 900}]
    )
    await merchant.to_next_charge(sub)
    assert await fields(merchant, sub, "status") == ("pending",)
    await merchant.simulator.advance(900)
    assert await fields(merchant, sub, "status", "paid_count", "auth_attempts") == ("active", 2, 0)
    await merchant.simulator.advance(5 * DAY)
    invoice = (await merchant.simulator.books(sub))["subscriptions"][0]["invoices"][1]
    assert (invoice["attempts"], invoice["captures"]) == (1, 1)


async def test_a_late_success_after_a_paid_retry_is_not_captured_twice(merchant: Merchant) -> None:
    sub = await merchant.active()
    late = {"outcome": "late_success", "after_seconds": 2 * DAY}
    await merchant.simulator.act(sub, "next_charge", outcomes=[late, "success"])
    await merchant.to_next_charge(sub)
    await merchant.simulator.advance(3 * DAY)
    books = (await merchant.simulator.books(sub))["subscriptions"][0]
    assert books["invoices"][1]["captures"] == 1
    assert [each["status"] for each in books["payments"]] == ["captured", "authorized", "captured"]


@pytest.mark.parametrize(
    ("outcome", "amount", "currency"),
    [
        ({"outcome": "wrong_amount"}, 50_000, "INR"),
        ({"outcome": "wrong_amount", "amount": 100}, 100, "INR"),
        ({"outcome": "wrong_currency"}, 49_900, "USD"),
    ],
)
async def test_a_charge_can_go_wrong_in_amount_or_currency(
    merchant: Merchant, outcome: dict[str, object], amount: int, currency: str
) -> None:
    sub = await merchant.active()
    await merchant.simulator.act(sub, "next_charge", outcomes=[outcome])
    await merchant.to_next_charge(sub)
    payment = (await merchant.simulator.books(sub))["subscriptions"][0]["payments"][1]
    assert (payment["amount"], payment["currency"], payment["status"]) == (amount, currency, "captured")


async def test_it_completes_at_the_start_of_its_last_cycle(merchant: Merchant) -> None:
    sub = await merchant.active(total_count=3)
    now = await merchant.to_next_charge(sub)
    assert now["status"] == "active"
    now = await merchant.to_next_charge(sub)
    assert (now["status"], now["paid_count"], now["remaining_count"], now["charge_at"]) == (
        "completed",
        3,
        0,
        None,
    )
    assert now["ended_at"] == now["end_at"] == now["current_start"]
    await merchant.simulator.advance(200 * DAY)
    assert len(await merchant.invoices(sub)) == 3


async def test_a_single_cycle_completes_with_its_first_payment(merchant: Merchant) -> None:
    sub = await merchant.active(total_count=1)
    assert await fields(merchant, sub, "status", "paid_count", "remaining_count") == ("completed", 1, 0)


async def test_a_last_cycle_that_fails_completes_when_it_is_over(merchant: Merchant) -> None:
    sub = await merchant.active(total_count=2)
    await merchant.simulator.act(sub, "next_charge", outcomes=["failure"] * 4)
    await merchant.simulator.advance_to(SECOND + 10 * DAY)
    assert await fields(merchant, sub, "status") == ("halted",)
    await merchant.simulator.advance_to(THIRD)
    assert await fields(merchant, sub, "status", "paid_count") == ("completed", 1)


async def test_a_card_for_a_later_start_is_charged_five_rupees_and_refunded(merchant: Merchant) -> None:
    start = int(START.timestamp()) + 30 * DAY
    made = await merchant.subscribe(start_at=start)
    done = await merchant.simulator.act(made["id"], "authenticate", method="card")
    assert (done["payment"]["amount"], done["payment"]["invoice_id"]) == (500, None)
    assert done["payment"]["status"] == "refunded"
    names = ("status", "charge_at", "paid_count", "remaining_count", "current_start")
    assert await fields(merchant, made["id"], *names) == ("authenticated", start, 0, 12, None)
    await merchant.simulator.advance_to(start)
    now = await merchant.fetch(made["id"])
    assert (now["status"], now["current_start"], now["paid_count"]) == ("active", start, 1)
    assert now["remaining_count"] == 11


async def test_an_upfront_amount_is_paid_at_authentication_and_kept(merchant: Merchant) -> None:
    addon = {"item": {"name": "Joining fee", "amount": 10_000, "currency": "INR"}}
    at_once = await merchant.subscribe(addons=[addon])
    done = await merchant.simulator.act(at_once["id"], "authenticate", method="upi")
    assert done["payment"]["amount"] == 59_900
    start = int(START.timestamp()) + 30 * DAY
    later = await merchant.subscribe(start_at=start, addons=[addon])
    done = await merchant.simulator.act(later["id"], "authenticate", method="upi")
    assert (done["payment"]["amount"], done["payment"]["status"]) == (10_000, "captured")
    assert await fields(merchant, later["id"], "status", "paid_count", "remaining_count") == (
        "authenticated",
        0,
        12,
    )
    await merchant.simulator.advance_to(start)
    assert [each["amount"] for each in await merchant.invoices(later["id"])] == [10_000, 49_900]


async def test_a_failed_first_payment_leaves_it_created(merchant: Merchant) -> None:
    made = await merchant.subscribe()
    failed = await merchant.simulator.act(
        made["id"], "authenticate", method="card", outcome="failure", error_reason="card_declined"
    )
    assert (failed["payment"]["status"], failed["payment"]["error_reason"]) == ("failed", "card_declined")
    assert failed["payment"]["description"] == "Failed Recurring Payment via Subscription"
    assert failed["subscription"]["status"] == "created"
    await merchant.simulator.act(made["id"], "authenticate", method="upi")
    assert await fields(merchant, made["id"], "status", "paid_count") == ("active", 1)


async def test_a_late_first_payment_on_a_cancelled_subscription_is_not_captured(merchant: Merchant) -> None:
    made = await merchant.subscribe()
    done = await merchant.simulator.act(made["id"], "authenticate", outcome="late_success", after_seconds=600)
    await merchant.call(merchant.client.subscription.cancel, made["id"], {})
    await merchant.simulator.advance(601)
    payment = await merchant.call(merchant.client.payment.fetch, done["payment"]["id"])
    assert (payment["status"], payment["captured"]) == ("authorized", False)


async def test_an_emandate_is_answered_by_its_bank_a_day_later(merchant: Merchant) -> None:
    made = await merchant.subscribe()
    done = await merchant.simulator.act(made["id"], "authenticate", method="emandate")
    assert (done["subscription"]["status"], done["payment"]["status"]) == ("created", "created")
    await merchant.simulator.advance(DAY)
    now = await merchant.fetch(made["id"])
    assert (now["status"], now["payment_method"]) == ("active", "emandate")
    await merchant.simulator.act(made["id"], "next_charge", outcomes=["failure"])
    await merchant.simulator.advance_to(now["charge_at"])
    assert await fields(merchant, made["id"], "status") == ("active",)
    await merchant.simulator.advance(DAY)
    assert await fields(merchant, made["id"], "status") == ("pending",)
    await merchant.simulator.advance(2 * DAY)
    assert await fields(merchant, made["id"], "status", "paid_count") == ("active", 2)


async def test_nobody_authenticating_in_time_expires_it_without_an_event(merchant: Merchant) -> None:
    now = int(START.timestamp())
    link = await merchant.subscribe(expire_by=now + 3600)
    later = await merchant.subscribe(start_at=now + 7200)
    happened = await merchant.simulator.advance(3600)
    assert [each["what"] for each in happened] == ["subscription expired"]
    assert await fields(merchant, link["id"], "status", "ended_at") == ("expired", now + 3600)
    await merchant.simulator.advance(3600)
    assert await fields(merchant, later["id"], "status") == ("expired",)
    with pytest.raises(RuntimeError, match="cannot be authenticated in expired status"):
        await merchant.simulator.act(link["id"], "authenticate")


async def test_a_pause_skips_its_cycles_and_a_resume_charges_the_next(merchant: Merchant) -> None:
    sub = await merchant.active()
    paused = await merchant.call(merchant.client.subscription.pause, sub, {"pause_at": "now"})
    assert (paused["status"], paused["charge_at"], paused["pause_initiated_by"]) == ("paused", None, "self")
    await merchant.simulator.advance_to(SECOND + DAY)
    assert len(await merchant.invoices(sub)) == 1
    resumed = await merchant.call(merchant.client.subscription.resume, sub, {"resume_at": "now"})
    assert (resumed["status"], resumed["charge_at"], resumed["current_start"]) == ("active", THIRD, SECOND)
    await merchant.simulator.advance_to(THIRD)
    assert await fields(merchant, sub, "paid_count", "current_start") == (2, THIRD)


async def test_a_pause_by_the_customer_is_lifted_by_the_customer_only(merchant: Merchant) -> None:
    sub = await merchant.active("upi")
    await merchant.simulator.act(sub, "customer_pause")
    assert await fields(merchant, sub, "status", "pause_initiated_by") == ("paused", "customer")
    words = await merchant.refused(merchant.client.subscription.resume, sub, {"resume_at": "now"})
    assert "only they can resume it" in words
    await merchant.simulator.act(sub, "customer_resume")
    assert await fields(merchant, sub, "status") == ("active",)
    card = await merchant.active("card")
    with pytest.raises(RuntimeError, match="Only an active UPI mandate"):
        await merchant.simulator.act(card, "customer_pause")


async def test_a_revoked_mandate_cancels_the_subscription(merchant: Merchant) -> None:
    sub = await merchant.active("upi")
    revoked = await merchant.simulator.act(sub, "revoke")
    assert revoked["subscription"]["status"] == "cancelled"
    told = [each["what"] for each in revoked["happened"]]
    assert "token.cancelled" in told
    assert "subscription.cancelled" in told
    await merchant.simulator.advance(60 * DAY)
    assert len(await merchant.invoices(sub)) == 1


async def test_the_dashboard_can_pause_resume_and_cancel(merchant: Merchant) -> None:
    sub = await merchant.active()
    await merchant.simulator.act(sub, "dashboard_pause")
    assert await fields(merchant, sub, "status") == ("paused",)
    await merchant.simulator.act(sub, "dashboard_resume")
    assert await fields(merchant, sub, "status") == ("active",)
    await merchant.simulator.act(sub, "dashboard_cancel")
    assert await fields(merchant, sub, "status") == ("cancelled",)


async def test_the_debit_can_come_hours_after_the_cycle_begins(merchant: Merchant) -> None:
    await merchant.simulator.control("switches", {"debit_offset_seconds": 10 * 3600})
    sub = await merchant.active()
    await merchant.simulator.advance_to(SECOND)
    assert await fields(merchant, sub, "status", "current_start", "paid_count") == ("active", SECOND, 1)
    await merchant.simulator.advance(10 * 3600)
    assert await fields(merchant, sub, "paid_count", "charge_at") == (2, THIRD)


async def test_february_clamps_by_default_and_overflows_when_told_to(merchant: Merchant) -> None:
    january = 1769842800  # 31 Jan 2026 12:30 in India
    await merchant.simulator.control("reset", {"now": january})
    plan = await merchant.plan()
    clamped = await merchant.fetch(await merchant.active(plan=plan))
    await merchant.simulator.control("switches", {"month_end": "overflow"})
    overflown = await merchant.fetch(await merchant.active(plan=plan))
    assert overflown["current_end"] - clamped["current_end"] == 3 * DAY


async def test_the_audit_tells_every_rupee(merchant: Merchant) -> None:
    sub = await merchant.active(notes={"our_sub": "s_1"})
    await merchant.to_next_charge(sub)
    books = await merchant.simulator.books()
    [audited] = books["subscriptions"]
    assert audited["notes"] == {"our_sub": "s_1"}
    assert audited["captured_paise"] == 2 * 49_900
    assert audited["refunded_paise"] == 0
    assert [each["captures"] for each in audited["invoices"]] == [1, 1]
    assert [each["captured_at"] for each in audited["payments"]] == [int(START.timestamp()), SECOND]
    assert books["other_payments"] == []


async def test_an_emandate_answered_after_the_end_is_not_captured(merchant: Merchant) -> None:
    await merchant.simulator.control("switches", {"emandate_result_seconds": 0})
    subs = [await merchant.active("emandate") for _ in range(2)]
    await merchant.simulator.control("switches", {"emandate_result_seconds": DAY})
    await merchant.simulator.act(subs[1], "next_charge", outcomes=["failure"])
    await merchant.simulator.advance_to(SECOND)
    for each in subs:
        await merchant.simulator.act(each, "dashboard_cancel")
    await merchant.simulator.advance(DAY)
    for each, last in zip(subs, ("authorized", "failed"), strict=True):
        books = (await merchant.simulator.books(each))["subscriptions"][0]
        assert (books["status"], books["payments"][-1]["status"]) == ("cancelled", last)


async def test_a_debit_answered_in_a_pause_leaves_it_paused(merchant: Merchant) -> None:
    await merchant.simulator.control("switches", {"emandate_result_seconds": 0})
    sub = await merchant.active("emandate")
    await merchant.simulator.control("switches", {"emandate_result_seconds": DAY})
    await merchant.simulator.advance_to(SECOND)
    await merchant.simulator.act(sub, "dashboard_pause")
    await merchant.simulator.advance(DAY)
    assert await fields(merchant, sub, "status", "paid_count") == ("paused", 2)


async def test_two_ways_of_paying_one_invoice_capture_it_once(merchant: Merchant) -> None:
    sub = await merchant.active("card")
    await merchant.simulator.act(sub, "next_charge", outcomes=["failure"])
    await merchant.to_next_charge(sub)
    changed = await merchant.simulator.act(sub, "change_method", method="emandate")
    assert changed["payment"]["status"] == "created"
    await merchant.simulator.advance(5 * DAY)
    books = (await merchant.simulator.books(sub))["subscriptions"][0]
    assert books["status"] == "active"
    assert [each["captures"] for each in books["invoices"]] == [1, 1]
