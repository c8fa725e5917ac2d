"""Webhooks as they leave the simulator: bodies, headers, signatures, disorder and the retry ladder."""

import asyncio
import hashlib
import hmac
import itertools
import json
import time
from pathlib import Path
from typing import Any

import pytest
import razorpay

from simulator import shapes, webhooks
from tests.simulator.merchant import DAY, START, WEBHOOK_SECRET, Delivery, Merchant, Receiver

EXAMPLE = Path(__file__).parent.parent / "vectors" / "razorpay-webhook-example.json"
SECOND = 1773081000  # 10 Mar 2026 00:00 in India
FIRST_PAYMENT = [
    "payment.authorized", "payment.captured", "order.paid", "invoice.paid", "subscription.authenticated",
    "subscription.activated", "subscription.charged",
]  # fmt: skip


def entity(delivery: Delivery, name: str = "subscription") -> dict[str, Any]:
    found: dict[str, Any] = delivery.event["payload"][name]["entity"]
    return found


def only(receiver: Receiver, name: str) -> Delivery:
    [found] = [each for each in receiver.deliveries if each.name == name]
    return found


async def paid(merchant: Merchant, **more: Any) -> str:
    """A subscription with its first payment told in full; the receiver has forgotten it."""
    sub = await merchant.active(**more)
    await merchant.simulator.advance(60)
    return sub


async def test_the_reference_example_has_the_signature_given_there() -> None:
    body = EXAMPLE.read_bytes()
    assert len(body) == 1494
    expected = "e85225f38aab4bc58c46e9073370c8d58697ca89cf2b6681cded9c4805c3eb52"
    assert webhooks.sign(body, WEBHOOK_SECRET) == expected


async def test_the_reference_example_is_written_byte_for_byte() -> None:
    example = json.loads(EXAMPLE.read_bytes())
    subscription = example["payload"]["subscription"]["entity"]
    payment = example["payload"]["payment"]["entity"]
    kept = subscription | {"_immediate": True, "_upfront": [], "short_url": "https://x", "_code": "x"}
    taken = payment | {
        "captured": True,
        "_card": None,
        "upi": {"vpa": "x"},
        "error_reason": None,
        "notes": {},
    }
    payload = shapes.event_payload(
        subscription=shapes.subscription_in_event(kept), payment=shapes.payment_in_subscription_event(taken)
    )
    envelope = {name: example[name] for name in ("entity", "account_id", "event", "contains")}
    envelope |= {"payload": payload, "created_at": example["created_at"]}
    assert webhooks.serialise(envelope).encode() == EXAMPLE.read_bytes()


async def test_the_first_payment_is_told_in_order_with_charged_a_minute_later(
    merchant: Merchant, receiver: Receiver
) -> None:
    sub = await merchant.active()
    assert receiver.names()[1:] == FIRST_PAYMENT[:-1]
    assert receiver.names()[0] == "token.confirmed"
    await merchant.simulator.advance(59)
    assert "subscription.charged" not in receiver.names()
    await merchant.simulator.advance(1)
    charged = only(receiver, "subscription.charged").event
    assert charged["created_at"] == int(START.timestamp()) + 60
    assert charged["contains"] == ["subscription", "payment"]
    assert charged["payload"]["payment"]["entity"]["captured"] == "1"
    assert only(receiver, "payment.captured").event["payload"]["payment"]["entity"]["captured"] is True
    shown = charged["payload"]["subscription"]["entity"]
    assert (shown["id"], shown["short_url"], shown["type"], shown["notes"]) == (sub, None, 1, [])
    assert (shown["paid_count"], shown["remaining_count"]) == (1, 11)


async def test_the_order_at_an_immediate_start_is_a_switch(merchant: Merchant, receiver: Receiver) -> None:
    await merchant.simulator.control("switches", {"first_payment_order": "subscription_first"})
    await merchant.simulator.control("switches", {"invoice_events": False})
    await paid(merchant)
    told = ["subscription.authenticated", "subscription.activated", "payment.authorized", "payment.captured"]
    assert receiver.names()[1:] == [*told, "order.paid", "subscription.charged"]


async def test_headers_and_signature_are_what_the_sdk_verifies(
    merchant: Merchant, receiver: Receiver
) -> None:
    await paid(merchant)
    for each in receiver.deliveries:
        assert each.headers["content-type"] == "application/json"
        assert each.headers["user-agent"] == "Razorpay-Webhook/v1"
        assert each.headers["request-id"] == each.event_id
        assert len(each.event_id) == 14
        signature = each.headers["x-razorpay-signature"]
        assert merchant.client.utility.verify_webhook_signature(each.body.decode(), signature, WEBHOOK_SECRET)
        with pytest.raises(razorpay.errors.SignatureVerificationError):
            merchant.client.utility.verify_webhook_signature(each.body.decode(), signature, "another")
    assert len({each.event_id for each in receiver.deliveries}) == len(receiver.deliveries)


async def test_events_of_failure_and_recovery_carry_the_documented_fields(
    merchant: Merchant, receiver: Receiver
) -> None:
    sub = await paid(merchant)
    await merchant.simulator.act(sub, "next_charge", outcomes=["failure"] * 4)
    receiver.reset()
    await merchant.simulator.advance_to(SECOND + 4 * DAY)
    assert receiver.names() == ["payment.failed", "subscription.pending"] * 3 + [
        "payment.failed",
        "subscription.halted",
    ]
    first, halted = receiver.deliveries[1], receiver.deliveries[-1]
    names = ("status", "charge_at", "paid_count", "remaining_count", "auth_attempts", "ended_at")
    assert [entity(first)[name] for name in names] == ["pending", SECOND + DAY, 1, 10, 1, None]
    assert [entity(halted)[name] for name in names] == ["halted", 1775759400, 1, 10, 4, None]
    failed = entity(receiver.deliveries[0], "payment")
    assert (failed["status"], failed["error_reason"]) == ("failed", "insufficient_funds")
    assert failed["description"] == "Failed Recurring Payment via Subscription"


async def test_a_future_start_is_activated_unpaid_and_then_charged(
    merchant: Merchant, receiver: Receiver
) -> None:
    start = int(START.timestamp()) + 30 * DAY
    made = await merchant.subscribe(start_at=start, total_count=3)
    await merchant.simulator.act(made["id"], "authenticate", method="card")
    assert receiver.names()[1:] == [
        "payment.authorized", "payment.captured", "order.paid", "subscription.authenticated",
        "refund.created", "refund.processed",
    ]  # fmt: skip
    shown = entity(only(receiver, "subscription.authenticated"))
    assert (shown["charge_at"], shown["remaining_count"], shown["current_start"]) == (start, 3, None)
    assert "type" not in shown
    receiver.reset()
    await merchant.simulator.advance_to(start + 60)
    assert receiver.names()[0] == "subscription.activated"
    activated, charged = receiver.deliveries[0], receiver.deliveries[-1]
    assert (entity(activated)["paid_count"], entity(activated)["remaining_count"]) == (0, 2)
    assert entity(activated)["charge_at"] == start
    assert (charged.name, entity(charged)["paid_count"]) == ("subscription.charged", 1)


async def test_a_recovery_is_told_as_activated_and_charged(merchant: Merchant, receiver: Receiver) -> None:
    sub = await paid(merchant)
    await merchant.simulator.act(sub, "next_charge", outcomes=["failure", "success"])
    receiver.reset()
    await merchant.simulator.advance_to(SECOND + DAY + 60)
    told = receiver.names()
    assert told[:2] == ["payment.failed", "subscription.pending"]
    assert told[-2:] == ["subscription.activated", "subscription.charged"]


async def test_completed_lags_one_payment_behind(merchant: Merchant, receiver: Receiver) -> None:
    await paid(merchant, total_count=2)
    await merchant.simulator.advance_to(SECOND + 60)
    completed = entity(only(receiver, "subscription.completed"))
    assert (completed["paid_count"], completed["remaining_count"], completed["charge_at"]) == (1, 0, None)
    assert completed["ended_at"] == completed["end_at"] == completed["current_start"]


async def test_every_event_can_come_ten_times_with_one_id(merchant: Merchant, receiver: Receiver) -> None:
    await merchant.simulator.control("webhooks/policy", {"duplicate_times": 10})
    await paid(merchant)
    ids = [each.event_id for each in receiver.deliveries]
    assert {ids.count(each) for each in ids} == {10}
    assert len(set(ids)) == len(FIRST_PAYMENT) + 1


async def test_a_shuffle_changes_the_order_and_loses_nothing(merchant: Merchant, receiver: Receiver) -> None:
    await merchant.simulator.control("webhooks/policy", {"shuffle_window": 300, "seed": 3})
    await paid(merchant)
    await merchant.simulator.advance(400)
    assert sorted(receiver.names()) == sorted(["token.confirmed", *FIRST_PAYMENT])
    assert receiver.names() != ["token.confirmed", *FIRST_PAYMENT]


async def test_dropped_events_can_be_sent_after_all(merchant: Merchant, receiver: Receiver) -> None:
    await merchant.simulator.control("webhooks/policy", {"drop_all": True})
    sub = await paid(merchant)
    assert receiver.names() == []
    log = (await merchant.simulator.ask("webhooks/deliveries?state=dropped"))["deliveries"]
    assert len(log) == len(FIRST_PAYMENT) + 1
    answer = await merchant.simulator.control("webhooks/redeliver", {"event": "subscription.charged"})
    assert answer["redelivered"] == 1
    assert receiver.names() == ["subscription.charged"]
    await merchant.simulator.control("webhooks/redeliver")
    assert sorted(receiver.names(sub)) != []
    assert len(receiver.deliveries) == len(FIRST_PAYMENT) + 1


async def test_some_can_be_dropped_by_chance_that_repeats(merchant: Merchant, receiver: Receiver) -> None:
    counts = set()
    for _ in range(2):
        await merchant.simulator.control("reset", {"now": START.isoformat()})
        await merchant.simulator.control("webhooks/policy", {"drop_fraction": 0.5, "seed": 7})
        receiver.reset()
        await paid(merchant)
        counts.add(tuple(receiver.names()))
    assert len(counts) == 1
    assert 0 < len(counts.pop()) < len(FIRST_PAYMENT) + 1


async def test_a_delay_holds_everything_back(merchant: Merchant, receiver: Receiver) -> None:
    await merchant.simulator.control("webhooks/policy", {"delay_seconds": 3600, "charged_delay_seconds": 0})
    await merchant.active()
    assert receiver.names() == []
    await merchant.simulator.advance(3600)
    assert receiver.names() == ["token.confirmed", *FIRST_PAYMENT]


async def test_bodies_can_be_escaped_otherwise_and_still_verify(
    merchant: Merchant, receiver: Receiver
) -> None:
    await merchant.simulator.control("webhooks/policy", {"re_escape": True})
    await merchant.active(notes={"url": "https://kaveri.example/₹"})
    body = only(receiver, "subscription.activated").body
    assert b"https:\\/\\/kaveri.example\\/\\u20b9" in body
    assert entity(only(receiver, "subscription.activated"))["notes"] == {"url": "https://kaveri.example/₹"}
    for each in receiver.deliveries:
        expected = hmac.new(WEBHOOK_SECRET.encode(), each.body, hashlib.sha256).hexdigest()
        assert each.headers["x-razorpay-signature"] == expected


async def test_a_refused_delivery_is_repeated_at_the_measured_intervals(
    merchant: Merchant, receiver: Receiver
) -> None:
    await merchant.simulator.control("webhooks/policy", {"drop_all": True})
    sub = await paid(merchant)
    await merchant.simulator.control("webhooks/policy", {"reset": True})
    receiver.answer = lambda _delivery: 400
    receiver.deliveries.clear()
    started = await merchant.simulator.now()
    await merchant.simulator.act(sub, "dashboard_pause")
    await merchant.simulator.advance(23 * 3600)
    log = (await merchant.simulator.ask("webhooks/deliveries?event=subscription.paused"))["deliveries"]
    at = [attempt["at"] - started for attempt in log[0]["attempts"]]
    gaps = [later - earlier for earlier, later in itertools.pairwise(at)]
    assert gaps == list(webhooks.LADDER)
    assert log[0]["state"] == "given_up"
    assert len({each.event_id for each in receiver.deliveries}) == 1


async def test_a_day_of_failures_disables_the_endpoint_and_loses_events(
    merchant: Merchant, receiver: Receiver
) -> None:
    receiver.answer = lambda _delivery: 302
    sub = await paid(merchant)
    await merchant.simulator.advance(DAY + 60)
    [endpoint] = (await merchant.simulator.ask("webhooks/endpoints"))["endpoints"]
    assert endpoint["active"] is False
    receiver.reset()
    await merchant.simulator.act(sub, "dashboard_pause")
    assert receiver.names() == []
    await merchant.simulator.control("webhooks/endpoints", {"active": True})
    await merchant.simulator.act(sub, "dashboard_resume")
    assert receiver.names() == ["subscription.resumed"]


async def test_a_success_in_between_keeps_the_endpoint_on(merchant: Merchant, receiver: Receiver) -> None:
    sub = await paid(merchant)
    receiver.answer = lambda _delivery: 500
    await merchant.simulator.act(sub, "dashboard_pause")
    receiver.answer = lambda _delivery: 200
    await merchant.simulator.advance(2 * DAY)
    [endpoint] = (await merchant.simulator.ask("webhooks/endpoints"))["endpoints"]
    assert endpoint["active"] is True
    assert receiver.names().count("subscription.paused") == 2


async def test_events_from_before_a_rotation_keep_their_old_secret(
    merchant: Merchant, receiver: Receiver
) -> None:
    sub = await paid(merchant)
    receiver.answer = lambda _delivery: 500
    await merchant.simulator.act(sub, "dashboard_pause")
    await merchant.simulator.control("webhooks/rotate_secret", {"secret": "a-new-secret"})
    receiver.reset()
    await merchant.simulator.act(sub, "dashboard_resume")
    await merchant.simulator.advance(6)
    for name, secret in (("subscription.paused", WEBHOOK_SECRET), ("subscription.resumed", "a-new-secret")):
        each = only(receiver, name)
        assert each.headers["x-razorpay-signature"] == webhooks.sign(each.body, secret)


async def test_every_endpoint_gets_the_same_event_id(merchant: Merchant, receiver: Receiver) -> None:
    other = Receiver()
    async with await other.serve():
        wanted = {"name": "second", "url": other.url, "secret": "s2", "events": ["subscription.charged"]}
        await merchant.simulator.control("webhooks/endpoints", wanted)
        await paid(merchant)
        assert other.names() == ["subscription.charged"]
        assert other.deliveries[0].event_id == only(receiver, "subscription.charged").event_id
        assert other.deliveries[0].headers["x-razorpay-signature"] == webhooks.sign(
            other.deliveries[0].body, "s2"
        )


async def test_an_endpoint_that_hangs_is_given_up_at_the_deadline(
    merchant: Merchant, receiver: Receiver
) -> None:
    sub = await paid(merchant)
    receiver.answer = lambda _delivery: 0
    began = time.monotonic()
    await merchant.simulator.act(sub, "dashboard_pause")
    assert 0.4 < time.monotonic() - began < 3  # the module's simulator gives half a second
    [log] = (await merchant.simulator.ask("webhooks/deliveries?event=subscription.paused"))["deliveries"]
    assert log["attempts"][0]["status"] is None
    assert log["state"] == "waiting"


async def test_commands_of_the_merchant_are_told_in_the_background(
    merchant: Merchant, receiver: Receiver
) -> None:
    sub = await paid(merchant)
    receiver.reset()
    await merchant.call(merchant.client.subscription.pause, sub, {"pause_at": "now"})
    for _ in range(200):
        if receiver.names():
            break
        await asyncio.sleep(0.01)
    assert receiver.names() == ["subscription.paused"]


async def test_a_reply_need_not_wait_for_webhooks(merchant: Merchant, receiver: Receiver) -> None:
    sub = await paid(merchant)
    receiver.answer = lambda _delivery: 0
    began = time.monotonic()
    await merchant.simulator.act(sub, "dashboard_pause", wait_webhooks=False)
    assert time.monotonic() - began < 0.4
