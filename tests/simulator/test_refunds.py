"""Refunds and their idempotency key, the only one there is (razorpay.md 1.0 and 1.8)."""

from typing import Any

import pytest

from tests.simulator.merchant import DAY, Merchant, Receiver

KEY = "X-Refund-Idempotency"


async def captured(merchant: Merchant) -> str:
    """The id of a captured payment of ₹499.00."""
    [invoice] = await merchant.invoices(await merchant.active())
    return str(invoice["payment_id"])


async def test_partial_refunds_add_up_to_the_whole(merchant: Merchant) -> None:
    payment, refund = await captured(merchant), merchant.client.payment.refund
    first = await merchant.call(refund, payment, {"amount": 20_000, "receipt": "CN-1", "notes": {"cn": "1"}})
    assert (first["status"], first["speed_processed"]) == ("pending", "normal")
    shown = await merchant.call(merchant.client.payment.fetch, payment)
    assert (shown["status"], shown["refund_status"], shown["amount_refunded"]) == (
        "captured",
        "partial",
        20_000,
    )
    words = await merchant.refused(refund, payment, {"amount": 29_901})
    assert words == "The refund amount provided is greater than amount captured"
    rest = await merchant.call(refund, payment, {})
    assert rest["amount"] == 29_900
    shown = await merchant.call(merchant.client.payment.fetch, payment)
    assert (shown["status"], shown["refund_status"]) == ("refunded", "full")
    assert await merchant.refused(refund, payment, {}) == "The payment has been fully refunded already"
    listed = await merchant.call(merchant.client.payment.fetch_multiple_refund, payment)
    assert [each["id"] for each in listed["items"]] == [rest["id"], first["id"]]
    one = await merchant.call(merchant.client.payment.fetch_refund_id, payment, first["id"])
    assert one["notes"] == {"cn": "1"}


async def test_a_normal_refund_is_processed_days_later_and_an_optimum_one_at_once(
    merchant: Merchant, receiver: Receiver
) -> None:
    payment, refund = await captured(merchant), merchant.client.payment.refund
    normal = await merchant.call(refund, payment, {"amount": 100})
    instant = await merchant.call(refund, payment, {"amount": 100, "speed": "optimum"})
    assert (instant["status"], instant["speed_processed"]) == ("processed", "instant")
    await merchant.simulator.advance(5 * DAY)
    after = await merchant.call(merchant.client.refund.fetch, normal["id"])
    assert after["status"] == "processed"
    assert len(after["acquirer_data"]["arn"]) == 23
    assert receiver.names(normal["id"]) == ["refund.created", "refund.processed"]


async def test_a_bank_can_fail_a_refund_and_the_money_stays(merchant: Merchant, receiver: Receiver) -> None:
    payment = await captured(merchant)
    refund = await merchant.call(merchant.client.payment.refund, payment, {})
    await merchant.simulator.control(f"refunds/{refund['id']}/settle", {"outcome": "failed"})
    shown = await merchant.call(merchant.client.payment.fetch, payment)
    assert (shown["status"], shown["amount_refunded"], shown["refund_status"]) == ("captured", 0, None)
    assert receiver.names(refund["id"])[-1] == "refund.failed"


async def test_a_refund_changes_nothing_in_its_subscription(merchant: Merchant) -> None:
    sub = await merchant.active()
    before = await merchant.fetch(sub)
    [invoice] = await merchant.invoices(sub)
    await merchant.call(merchant.client.payment.refund, invoice["payment_id"], {})
    assert await merchant.fetch(sub) == before


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("short", "The idempotency key must be at least 10 characters long."),
        (
            "not a valid key!",
            "The idempotency key must only contain alphanumeric characters, underscores and hyphens.",
        ),
    ],
)
async def test_a_bad_key_is_refused(merchant: Merchant, key: str, words: str) -> None:
    payment = await captured(merchant)
    assert await merchant.refused(merchant.client.payment.refund, payment, {}, headers={KEY: key}) == words


async def test_the_same_key_and_body_give_the_same_refund(merchant: Merchant) -> None:
    payment, refund = await captured(merchant), merchant.client.payment.refund
    header: dict[str, Any] = {KEY: "rf_2026_0001"}
    first = await merchant.call(refund, payment, {"amount": 100}, headers=header)
    assert await merchant.call(refund, payment, {"amount": 100}, headers=header) == first
    assert (await merchant.call(merchant.client.refund.all))["count"] == 1
    words = await merchant.refused(refund, payment, {"amount": 200}, headers=header)
    assert words == "Different request with the same idempotency key has already been processed."
    assert merchant.status == 409


async def test_a_key_in_flight_is_409(merchant: Merchant) -> None:
    payment, refund = await captured(merchant), merchant.client.payment.refund
    await merchant.simulator.control("refunds/in_flight", {"key": "rf_2026_0002"})
    words = await merchant.refused(refund, payment, {}, headers={KEY: "rf_2026_0002"})
    assert words == "Another request with the same idempotency key is still in progress."
    assert merchant.status == 409
    await merchant.simulator.control("refunds/in_flight", {"key": "rf_2026_0002", "in_flight": False})
    await merchant.call(refund, payment, {}, headers={KEY: "rf_2026_0002"})


async def test_old_failed_small_and_unfunded_refunds_are_refused(merchant: Merchant) -> None:
    made = await merchant.subscribe()
    failed = await merchant.simulator.act(made["id"], "authenticate", outcome="failure")
    refund = merchant.client.payment.refund
    words = await merchant.refused(refund, failed["payment"]["id"], {})
    assert words == "The payment status should be captured for action to be taken"
    payment = await captured(merchant)
    assert await merchant.refused(refund, payment, {"amount": 99}) == "The amount must be at least INR 1.00"
    await merchant.simulator.control("switches", {"refund_balance_paise": 500})
    assert "does not have enough balance" in await merchant.refused(refund, payment, {})
    await merchant.simulator.advance(200 * DAY)
    words = await merchant.refused(refund, payment, {"amount": 100})
    assert words == "Refund is not supported by the bank because the payment is more than 6 months old"


async def test_an_instant_refund_tried_in_vain_says_so_and_takes_its_days(
    merchant: Merchant, receiver: Receiver
) -> None:
    await merchant.simulator.control("switches", {"instant_refund_fails_after_seconds": 60})
    payment = await captured(merchant)
    refund = await merchant.call(merchant.client.payment.refund, payment, {"speed": "optimum"})
    assert (refund["status"], refund["speed_processed"]) == ("pending", None)
    await merchant.simulator.advance(60)
    slow = await merchant.call(merchant.client.refund.fetch, refund["id"])
    assert (slow["status"], slow["speed_requested"], slow["speed_processed"]) == (
        "pending",
        "optimum",
        "normal",
    )
    await merchant.simulator.advance(5 * DAY)
    assert receiver.names(refund["id"]) == ["refund.created", "refund.speed_changed", "refund.processed"]


async def test_a_refund_in_the_dashboard_is_told_and_bound_as_one_by_the_api(
    merchant: Merchant, receiver: Receiver
) -> None:
    payment = await captured(merchant)
    path = f"payments/{payment}/dashboard_refund"
    made = await merchant.simulator.control(path, {"amount": 20_000, "notes": {"comment": "angry"}})
    assert (made["refund"]["notes"], made["payment"]["refund_status"]) == ({"comment": "angry"}, "partial")
    assert receiver.names(made["refund"]["id"]) == ["refund.created"]
    with pytest.raises(RuntimeError, match="greater than amount captured"):
        await merchant.simulator.control(path, {"amount": 29_901})
    rest = await merchant.simulator.control(path)
    assert (rest["refund"]["amount"], rest["refund"]["notes"]) == (29_900, [])
    listed = await merchant.call(merchant.client.refund.all)
    assert [each["id"] for each in listed["items"]] == [rest["refund"]["id"], made["refund"]["id"]]


async def test_what_is_settled_stays_so(merchant: Merchant) -> None:
    payment = await captured(merchant)
    refund = await merchant.call(merchant.client.payment.refund, payment, {"speed": "optimum"})
    for outcome in ("failed", "speed_changed"):
        await merchant.simulator.control(f"refunds/{refund['id']}/settle", {"outcome": outcome})
    after = await merchant.call(merchant.client.refund.fetch, refund["id"])
    assert (after["status"], after["speed_processed"]) == ("processed", "instant")
