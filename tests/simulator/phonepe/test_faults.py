"""Webhooks on their way, broken answers, unknown states and a killed process."""

import asyncio
import hashlib
import json
import sys
from pathlib import Path

import httpx
import pytest

from simulator.phonepe.process import PhonePeProcess
from tests.simulator.merchant import Receiver
from tests.simulator.phonepe.shop import DAY, NIGHT, Shop


async def paid(shop: Shop, order: str) -> None:
    await shop.pay(order)
    await shop.phonepe.order(order, "pay")
    await shop.phonepe.advance(2)


async def test_a_webhook_carries_the_hash_of_name_and_password(shop: Shop, receiver: Receiver) -> None:
    await paid(shop, "o1")
    (delivery,) = receiver.deliveries
    expected = hashlib.sha256(b"sim_user:Passw0rd9").hexdigest()
    assert delivery.headers["authorization"] == expected
    assert expected == "0c236bb71e192724323375083aa4f4e3eeb97207b1cf42ae5c9c12435568be38"
    event = delivery.event
    assert (event["event"], event["type"]) == ("checkout.order.completed", "CHECKOUT_ORDER_COMPLETED")
    assert (event["payload"]["merchantOrderId"], event["payload"]["state"]) == ("o1", "COMPLETED")


async def test_a_webhook_nobody_answers_is_repeated_and_given_up(shop: Shop, receiver: Receiver) -> None:
    receiver.answer = lambda _delivery: 500
    await paid(shop, "o1")
    for seconds, expected in ((4, 1), (1, 2), (30, 3), (299, 3), (1, 4), (DAY, 4)):
        await shop.phonepe.advance(seconds)
        assert len(receiver.deliveries) == expected
    (event,) = (await shop.phonepe.ask("webhooks/events?state=given_up"))["events"]
    assert [each["status"] for each in event["deliveries"]] == [500] * 4
    receiver.answer = lambda _delivery: 200
    await shop.phonepe.control("webhooks/redeliver")
    assert len(receiver.deliveries) == 5


async def test_webhooks_can_be_lost_doubled_late_and_half_named(shop: Shop, receiver: Receiver) -> None:
    await shop.phonepe.control("webhooks/policy", {"drop_events": ["checkout.order.completed"]})
    await paid(shop, "lost")
    assert receiver.names() == []
    late = {"reset": True, "duplicate_times": 2, "delay_seconds": 60, "fields": "type"}
    await shop.phonepe.control("webhooks/policy", late)
    await paid(shop, "twice")
    assert receiver.deliveries == []
    await shop.phonepe.advance(60)
    assert [each.event["type"] for each in receiver.deliveries] == ["CHECKOUT_ORDER_COMPLETED"] * 2
    assert "event" not in json.loads(receiver.deliveries[0].body)


async def test_webhooks_can_come_in_another_order(shop: Shop, receiver: Receiver) -> None:
    await shop.phonepe.control("webhooks/policy", {"shuffle_window": 600, "seed": 7})
    for number in range(8):
        await paid(shop, f"o{number}")
    await shop.phonepe.advance(600)
    came = [each.event["payload"]["merchantOrderId"] for each in receiver.deliveries]
    assert came != sorted(came)
    assert sorted(came) == [f"o{number}" for number in range(8)]


@pytest.mark.parametrize("kind", ["drop_after_commit", "drop_before_commit"])
async def test_a_lost_reply_tells_nothing_of_the_order(shop: Shop, kind: str) -> None:
    await shop.phonepe.control("faults", {"kind": kind, "path_regex": "pay$"})
    with pytest.raises(httpx.TransportError):
        await shop.pay("o1")
    reply = await shop.sent("GET", "/checkout/v2/order/o1/status")
    assert reply.status_code == (200 if kind == "drop_after_commit" else 400)


async def test_a_redeem_that_is_refused_may_have_debited(shop: Shop) -> None:
    await shop.approved("S1")
    await shop.notified("c1", "S1")
    await shop.phonepe.advance(DAY)
    await shop.sign_in()
    await shop.phonepe.control("faults", {"kind": "http_400", "path_regex": "redeem", "after_commit": True})
    assert (await shop.redeem("c1")).startswith("BAD_REQUEST")
    await shop.phonepe.advance(3)
    assert (await shop.order("c1"))["state"] == "COMPLETED"
    assert (await shop.audit("c1"))["captures"] == 1


async def test_faults_strike_what_they_were_told_to(shop: Shop) -> None:
    shop.renews = False
    for kind, status in (("http_401", 401), ("http_429", 429), ("http_500", 500), ("r999", 500)):
        await shop.phonepe.control("faults", {"kind": kind, "method": "GET", "nth": 2})
        found = [(await shop.sent("GET", "/v3/health")).status_code for _ in range(3)]
        assert found == [200, status, 200]
        await shop.phonepe.control("faults", method="DELETE")
    await shop.phonepe.control(
        "faults", [{"kind": "latency", "seconds": 0.05}, {"kind": "partial_json", "nth": 2}]
    )
    assert (await shop.sent("GET", "/v3/health")).elapsed.total_seconds() >= 0.05
    broken = await shop.sent("GET", "/v3/health")
    with pytest.raises(json.JSONDecodeError):
        broken.json()


async def test_an_unknown_state_can_be_shown_and_taken_back(shop: Shop) -> None:
    await paid(shop, "o1")
    await shop.approved("S1")
    await shop.refund("r1", "o1", 100)
    for kind, name in (("orders", "o1"), ("subscriptions", "S1"), ("refunds", "r1")):
        await shop.phonepe.control(f"{kind}/{name}/show_state", {"state": "UNDER_REVIEW"})
    shown = [(await shop.order("o1"))["state"], await shop.state("S1"), await shop.refund_state("r1")]
    assert shown == ["UNDER_REVIEW"] * 3
    await shop.phonepe.control("orders/o1/show_state", {"state": None})
    assert (await shop.order("o1"))["state"] == "COMPLETED"


async def test_the_control_api_says_what_it_cannot_do(shop: Shop) -> None:
    for path, body, words in (
        ("clock", {}, "Say where to"),
        ("clock", {"set": 1}, "never goes back"),
        ("orders/none/pay", {}, "No entry found"),
        ("orders/none/dance", {}, "There is no act"),
        ("switches", {"window_hours": 1}, "window_hours"),
        ("faults", {"kind": "earthquake"}, "kind"),
    ):
        with pytest.raises(RuntimeError, match=words):
            await shop.phonepe.control(path, body)


async def test_help_names_every_option_and_the_variables() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulator.phonepe", "--help", stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(process.communicate(), 20)
    for option in ("--port", "--client-version", "--webhook-password", "PHONEPE_SIMULATOR_WEBHOOK_URL"):
        assert option in out.decode()


async def test_a_kill_in_mid_cycle_loses_nothing(tmp_path: Path) -> None:
    async with (
        PhonePeProcess.open(tmp_path / "b.sqlite", now=NIGHT) as phonepe,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        shop = Shop(phonepe, http)
        await shop.approved("S1")
        await shop.notified("c1", "S1")
        await phonepe.advance(DAY)
        await shop.redeem("c1")
        await phonepe.control("switches", {"window_hours": 72})
        before = await phonepe.books(), await phonepe.now()
        await phonepe.restart()
        assert (await phonepe.books(), await phonepe.now()) == before
        assert (await phonepe.ask("switches"))["window_hours"] == 72
        await phonepe.advance(3)
        assert (await shop.audit("c1"))["captures"] == 1


async def test_real_time_settles_by_itself(tmp_path: Path, receiver: Receiver) -> None:
    receiver.reset()
    async with (
        PhonePeProcess.open(tmp_path / "b.sqlite", clock="real", webhook_url=receiver.url) as phonepe,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        shop = Shop(phonepe, http)
        await phonepe.control("switches", {"settle_seconds": 1})
        await shop.pay("o1")
        await phonepe.order("o1", "pay")
        await receiver_has(receiver, "checkout.order.completed")
        assert (await shop.order("o1"))["state"] == "COMPLETED"


async def receiver_has(receiver: Receiver, name: str) -> None:
    """Polls for ten seconds."""
    for _ in range(500):
        if name in receiver.names():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{name} did not come")
