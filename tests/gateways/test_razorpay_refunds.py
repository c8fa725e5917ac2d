"""Refunds through the adapter against the stand-in, over HTTP and through the official SDK."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.collection import CollectionSnapshot
from domain.errors import GatewayRefused, GatewayUnavailable, OutcomeUnknown
from domain.refund import ProcessedSpeed, RefundAtGateway, RefundSpeed, RefundStatus, left_to_refund
from gateways.base import NewRefund, RefundGateway, SubscriptionGateway
from gateways.razorpay import RazorpayGateway
from gateways.razorpay_webhook import parse_razorpay_webhook
from simulator.process import SimulatorProcess
from tests.gateways.conftest import AMOUNT, KEY_ID, KEY_SECRET, Shop

DAY = 86_400
IN_VAIN = "instant_refund_fails_after_seconds"


class Till:
    """A captured payment, and what is given back of it."""

    def __init__(self, shop: Shop, payment_id: str) -> None:
        self.payment_id = payment_id
        self._simulator = shop.simulator
        self._made = 0

    def new(self, amount_paise: int = AMOUNT, speed: RefundSpeed = RefundSpeed.NORMAL) -> NewRefund:
        self._made += 1
        refund_id = f"rfd_{self.payment_id[-14:]}_{self._made}"
        return NewRefund(refund_id, self.payment_id, amount_paise, speed, "asked for by mail")

    async def dashboard(self, **wish: object) -> str:
        path = f"payments/{self.payment_id}/dashboard_refund"
        return str((await self._simulator.control(path, wish))["refund"]["id"])

    async def settle(self, refund: RefundAtGateway, outcome: str) -> None:
        await self._simulator.control(f"refunds/{refund.id}/settle", {"outcome": outcome})


@pytest.fixture
async def till(shop: Shop) -> AsyncIterator[Till]:
    active = await shop.active()
    [bill] = (await read(shop, active)).invoices
    yield Till(shop, bill.payments[0].id)
    await shop.simulator.control("switches", {IN_VAIN: None, "refund_balance_paise": None})


async def read(shop: Shop, active: str) -> CollectionSnapshot:
    return await shop.gateway.read(active, settled=frozenset(), payment_id=None, at=await shop.now())


def test_the_one_gateway_answers_both_protocols(gateway: RazorpayGateway) -> None:
    collecting: SubscriptionGateway = gateway
    giving_back: RefundGateway = gateway
    assert collecting.name == giving_back.name == "razorpay"


async def test_a_full_refund_is_pending_and_processed_days_later(
    gateway: RazorpayGateway, shop: Shop, till: Till
) -> None:
    new = till.new()
    asked = await gateway.refund(new)
    assert asked == RefundAtGateway(
        id=asked.id,
        payment_id=till.payment_id,
        amount_paise=AMOUNT,
        currency="INR",
        status=RefundStatus.PENDING,
        speed_requested=RefundSpeed.NORMAL,
        speed_processed=ProcessedSpeed.NORMAL,
        our_id=new.refund_id,
        created_at=await shop.now(),
    )
    await shop.simulator.advance(5 * DAY)
    settled = await gateway.read_refund(till.payment_id, asked.id)
    assert settled == replace(asked, status=RefundStatus.PROCESSED)
    assert await gateway.refunds_of_payment(till.payment_id) == [settled]


async def test_two_partial_refunds_are_listed_oldest_first_and_more_than_is_left_is_refused(
    gateway: RazorpayGateway, shop: Shop, till: Till
) -> None:
    first = await gateway.refund(till.new(50_000))
    await shop.simulator.advance(5)
    second = await gateway.refund(till.new(40_000))
    listed = await gateway.refunds_of_payment(till.payment_id)
    assert listed == [first, second]
    assert [await gateway.find_refund(till.payment_id, str(each.our_id)) for each in listed] == listed
    assert left_to_refund(AMOUNT, listed) == AMOUNT - 90_000
    with pytest.raises(GatewayRefused, match="greater than amount captured") as refused:
        await gateway.refund(till.new(AMOUNT - 90_000 + 1))
    assert refused.value.status == 400
    await gateway.refund(till.new(AMOUNT - 90_000))
    with pytest.raises(GatewayRefused, match="fully refunded already"):
        await gateway.refund(till.new(100))


async def test_the_same_refund_twice_is_one(gateway: RazorpayGateway, till: Till) -> None:
    new = till.new(50_000)
    assert await gateway.refund(new) == await gateway.refund(new)
    assert len(await gateway.refunds_of_payment(till.payment_id)) == 1


@pytest.mark.parametrize(
    "change", [{"amount_paise": 60_000}, {"speed": RefundSpeed.OPTIMUM}, {"reason": "x"}]
)
async def test_another_refund_under_the_same_id_is_refused_for_good(
    gateway: RazorpayGateway, till: Till, change: dict[str, object]
) -> None:
    new = till.new(50_000)
    await gateway.refund(new)
    with pytest.raises(GatewayRefused, match="under a new one") as refused:
        await gateway.refund(replace(new, **change))  # type: ignore[arg-type]
    assert refused.value.status == 409
    assert len(await gateway.refunds_of_payment(till.payment_id)) == 1


async def test_a_refund_under_way_elsewhere_is_tried_again(
    gateway: RazorpayGateway, shop: Shop, till: Till
) -> None:
    new = till.new(50_000)
    await shop.simulator.control("refunds/in_flight", {"key": new.refund_id})
    with pytest.raises(GatewayUnavailable, match="in progress"):
        await gateway.refund(new)
    assert await gateway.find_refund(till.payment_id, new.refund_id) is None
    await shop.simulator.control("refunds/in_flight", {"key": new.refund_id, "in_flight": False})
    assert (await gateway.refund(new)).our_id == new.refund_id


@pytest.mark.parametrize(
    ("kind", "arrived"),
    [
        ("drop_after_commit", True),
        ("drop_before_commit", False),
        ("hang", True),
        ("http_502_html", True),
        ("partial_json", True),
        ("refund_store_failure", False),
    ],
)
async def test_a_lost_answer_is_found_by_our_id_or_asked_for_again_without_giving_twice(
    simulator: SimulatorProcess, shop: Shop, till: Till, kind: str, arrived: bool
) -> None:
    hasty, new = RazorpayGateway(KEY_ID, KEY_SECRET, simulator.url, timeout=(1, 0.3)), till.new(50_000)
    await shop.fault(kind, method="POST", path_regex="/refund$", seconds=0.5, after_commit=arrived)
    with pytest.raises(OutcomeUnknown, match="look it up"):
        await hasty.refund(new)
    assert await shop.struck() == 1
    found = await hasty.find_refund(till.payment_id, new.refund_id)
    assert (found is not None) is arrived
    repeated = await hasty.refund(new)
    assert found in (None, repeated)
    assert await hasty.refunds_of_payment(till.payment_id) == [repeated]
    await hasty.close()


async def test_a_refund_turned_away_gave_nothing_back(
    gateway: RazorpayGateway, shop: Shop, till: Till
) -> None:
    await shop.fault("http_429", method="POST", path_regex="/refund$")
    with pytest.raises(GatewayUnavailable):
        await gateway.refund(till.new())
    assert await gateway.refunds_of_payment(till.payment_id) == []


async def test_a_lagging_list_hides_a_refund_that_is_read_by_id(
    gateway: RazorpayGateway, shop: Shop, till: Till
) -> None:
    new = till.new()
    asked = await gateway.refund(new)
    await shop.simulator.control("switches", {"list_lag_seconds": 300})
    assert await gateway.find_refund(till.payment_id, new.refund_id) is None
    assert await gateway.read_refund(till.payment_id, asked.id) == asked


async def test_a_failed_settlement_leaves_the_money_to_be_refunded(
    gateway: RazorpayGateway, till: Till
) -> None:
    asked = await gateway.refund(till.new())
    await till.settle(asked, "failed")
    failed = await gateway.read_refund(till.payment_id, asked.id)
    assert failed.status is RefundStatus.FAILED
    assert left_to_refund(AMOUNT, [failed]) == AMOUNT
    await gateway.refund(till.new())


async def test_an_instant_refund_is_processed_at_once(gateway: RazorpayGateway, till: Till) -> None:
    asked = await gateway.refund(till.new(speed=RefundSpeed.OPTIMUM))
    assert (asked.status, asked.speed_requested, asked.speed_processed) == (
        RefundStatus.PROCESSED,
        RefundSpeed.OPTIMUM,
        ProcessedSpeed.INSTANT,
    )


async def test_an_instant_refund_that_cannot_be_changes_its_speed(
    gateway: RazorpayGateway, shop: Shop, till: Till
) -> None:
    await shop.simulator.control("switches", {IN_VAIN: 60})
    asked = await gateway.refund(till.new(speed=RefundSpeed.OPTIMUM))
    assert (asked.status, asked.speed_processed) == (RefundStatus.PENDING, None)
    await shop.simulator.advance(60)
    slow = await gateway.read_refund(till.payment_id, asked.id)
    assert slow == replace(asked, speed_processed=ProcessedSpeed.NORMAL)
    await shop.simulator.advance(5 * DAY)
    settled = await gateway.read_refund(till.payment_id, asked.id)
    assert settled == replace(slow, status=RefundStatus.PROCESSED)


async def test_a_refund_made_in_the_dashboard_is_seen_and_carries_no_id_of_ours(
    gateway: RazorpayGateway, shop: Shop, till: Till
) -> None:
    await shop.simulator.advance(3600)
    since = await shop.now()
    ours = await gateway.refund(till.new(50_000))
    theirs = await till.dashboard(amount=20_000, notes={"comment": "angry on the phone"})
    listed = await gateway.refunds_since(since)
    assert {refund.id: refund.our_id for refund in listed} == {ours.id: ours.our_id, theirs: None}
    assert await gateway.refunds_of_payment(till.payment_id) == listed


async def test_refunds_since_a_moment_come_from_every_page_and_none_from_long_before(
    gateway: RazorpayGateway, shop: Shop, till: Till
) -> None:
    await gateway.refund(till.new(100))
    await shop.simulator.advance(3600)
    since = await shop.now()
    made = [await till.dashboard(amount=100) for _ in range(101)]
    assert [refund.id for refund in await gateway.refunds_since(since)] == made
    # Razorpay's clock may be minutes behind ours.
    assert len(await gateway.refunds_since(since + timedelta(minutes=9))) == 101
    assert await gateway.refunds_since(since + timedelta(hours=1)) == []


async def test_each_step_is_told_with_the_ids_to_find_it_by(
    gateway: RazorpayGateway, shop: Shop, till: Till
) -> None:
    await shop.simulator.control("switches", {IN_VAIN: 3600})
    new = till.new(50_000, RefundSpeed.OPTIMUM)
    asked = await gateway.refund(new)
    for outcome in ("speed_changed", "processed"):
        await till.settle(asked, outcome)
    failing = await till.dashboard(amount=100)
    await shop.simulator.control(f"refunds/{failing}/settle", {"outcome": "failed"})
    events = (await shop.simulator.ask("webhooks/events"))["events"]
    told = [parse_razorpay_webhook(each["body"].encode()) for each in events]
    ours = [each for each in told if each.gateway_refund_id in (asked.id, failing)]
    assert [(each.event, each.gateway_refund_id, each.our_refund_id) for each in ours] == [
        ("refund.created", asked.id, new.refund_id),
        ("refund.speed_changed", asked.id, new.refund_id),
        ("refund.processed", asked.id, new.refund_id),
        ("refund.created", failing, None),
        ("refund.failed", failing, None),
    ]
    assert {each.payment_id for each in ours} == {till.payment_id}


async def test_an_empty_balance_is_named_with_what_to_do(
    gateway: RazorpayGateway, shop: Shop, till: Till
) -> None:
    await shop.simulator.control("switches", {"refund_balance_paise": 0})
    with pytest.raises(GatewayRefused, match="add funds"):
        await gateway.refund(till.new())


async def test_a_reason_of_any_length_is_cut_for_the_notes(gateway: RazorpayGateway, till: Till) -> None:
    new = replace(till.new(), reason="₹" * 1000)
    assert (await gateway.refund(new)).our_id == new.refund_id


async def test_a_refund_is_read_only_with_its_own_payment(
    gateway: RazorpayGateway, shop: Shop, till: Till
) -> None:
    asked = await gateway.refund(till.new())
    [bill] = (await read(shop, await shop.active())).invoices
    with pytest.raises(GatewayRefused, match="does not exist"):
        await gateway.read_refund(bill.payments[0].id, asked.id)


async def test_a_payment_older_than_six_months_is_refused(
    gateway: RazorpayGateway, shop: Shop, till: Till
) -> None:
    await shop.simulator.advance(200 * DAY)
    with pytest.raises(GatewayRefused, match="more than 6 months old"):
        await gateway.refund(till.new())
