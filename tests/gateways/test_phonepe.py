"""Our PhonePe adapter against the stand-in, a process of its own, over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.debit import AttemptState, State
from domain.errors import GatewayRefused, GatewayUnavailable, InvalidInput, OutcomeUnknown
from domain.ladder import FailureClass, class_of
from domain.mandate import MandateStatus, may_debit
from domain.merchant_ids import Purpose
from domain.orders import DebitStarted, TurnedAway
from domain.refund import RefundAtGateway, RefundSpeed, RefundStatus
from gateways.base import MandateGateway, PayPageGateway, RefundsByName
from gateways.phonepe import PhonePeGateway
from gateways.phonepe_client import PhonePeClient, PhonePeHosts
from gateways.phonepe_requests import BY_API, BY_CHECKOUT, DeviceOs, Management, UpiApp
from simulator.phonepe.process import PhonePeProcess
from tests.gateways.phonepe_till import AMOUNT, AS_USUAL, BEGIN, CREDENTIALS, DAY, Till, connect


@pytest.fixture(scope="module")
async def phonepe(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PhonePeProcess]:
    books = tmp_path_factory.mktemp("phonepe") / "books.sqlite"
    async with PhonePeProcess.open(books, now=BEGIN, clock="virtual") as phonepe:
        yield phonepe


@pytest.fixture(scope="module")
async def gateway(phonepe: PhonePeProcess) -> AsyncIterator[PhonePeGateway]:
    gateway = connect(phonepe.pg_url)
    yield gateway
    await gateway.close()


@pytest.fixture
async def till(gateway: PhonePeGateway, phonepe: PhonePeProcess) -> AsyncIterator[Till]:
    yield Till(gateway, phonepe)
    await phonepe.control("faults", method="DELETE")
    await phonepe.control("switches", AS_USUAL)


def test_the_one_gateway_answers_three_protocols(gateway: PhonePeGateway) -> None:
    paying: PayPageGateway = gateway
    debiting: MandateGateway = gateway
    giving_back: RefundsByName = gateway
    assert paying.name == debiting.name == giving_back.name == "phonepe"


# pay page


async def test_an_order_is_opened_paid_and_found_with_its_payment(
    gateway: PhonePeGateway, till: Till
) -> None:
    new = till.page()
    assert await gateway.find_order(new.order_id) is None
    page = await gateway.open_page(new)
    assert page.order_id == new.order_id
    assert page.url is not None
    assert page.expires_at is not None
    assert page.expires_at - await till.now() < timedelta(minutes=20, seconds=1)
    waiting = await gateway.find_order(new.order_id)
    assert waiting is not None
    assert (waiting.state, waiting.attempts, waiting.amount_paise) == (State.PENDING, (), AMOUNT)
    assert waiting.link_fact(BEGIN).state is State.OPEN
    await till.phonepe.order(new.order_id, "pay", mode="UPI_QR")
    trying = await gateway.find_order(new.order_id)
    assert trying is not None
    assert trying.attempts[0].state is AttemptState.PENDING
    await till.phonepe.advance(3)
    paid = await gateway.find_order(new.order_id)
    assert paid is not None
    assert paid.payment is not None
    assert (paid.payment.method, paid.payment.amount_paise) == ("upi", AMOUNT)
    assert paid.payment.reference
    assert await gateway.find_attempt(paid.payment.id) == paid.payment


async def test_a_failure_has_the_banks_code(gateway: PhonePeGateway, till: Till) -> None:
    new = till.page()
    await gateway.open_page(new)
    await till.phonepe.order(new.order_id, "pay", outcome="attempt_failed", code="U90")
    await till.phonepe.advance(3)
    first = await gateway.find_order(new.order_id)
    assert first is not None
    assert (first.state, first.attempts[0].state) == (State.PENDING, AttemptState.FAILED)
    assert class_of(*first.attempts[0].codes) is FailureClass.TECHNICAL
    await till.phonepe.order(new.order_id, "pay", outcome="failure", code="Z9")
    await till.phonepe.advance(3)
    last = await gateway.find_order(new.order_id)
    assert last is not None
    assert (last.state, len(last.attempts)) == (State.FAILED, 2)
    assert class_of(*last.codes) is FailureClass.FUNDS


@pytest.mark.parametrize(
    "how", ["417 INVALID_TRANSACTION_ID", "417 INVALID_MERCHANT_ORDER_ID", "400 ORDER_ALREADY_EXISTS"]
)
async def test_an_id_used_before_is_one_order_whose_address_is_not_told_again(
    gateway: PhonePeGateway, till: Till, how: str
) -> None:
    await till.phonepe.control("switches", {"duplicate_order": how})
    new = till.page()
    first = await gateway.open_page(new)
    again = await gateway.open_page(new)
    assert again == replace(first, url=None)
    with pytest.raises(GatewayRefused, match=how.split()[1]):
        await gateway.open_page(replace(new, amount_paise=AMOUNT + 1))


@pytest.mark.parametrize("status", [400, 404])
async def test_what_phonepe_does_not_know_is_none(gateway: PhonePeGateway, till: Till, status: int) -> None:
    await till.phonepe.control("switches", {"unknown_status": status})
    assert await gateway.find_order("never-made") is None
    assert await gateway.find_setup_in_app("never-made") is None
    assert await gateway.find_debit("never-made") is None
    assert await gateway.find_mandate("never-made") is None
    assert await gateway.find_attempt("OM404") is None
    assert await gateway.find_refund("never-made", "rfd-never-made") is None


async def test_a_state_nobody_knew_is_pending(gateway: PhonePeGateway, till: Till) -> None:
    order_id = await till.paid()
    await till.phonepe.control(f"orders/{order_id}/show_state", {"state": "SETTLED_ELSEWHERE"})
    order = await gateway.find_order(order_id)
    assert order is not None
    assert (order.state, order.word, order.is_strange) == (State.PENDING, "SETTLED_ELSEWHERE", True)


async def test_no_path_is_made_of_an_id_that_is_none(gateway: PhonePeGateway) -> None:
    for ask in (gateway.find_order, gateway.find_mandate, gateway.cancel_mandate, gateway.redeem):
        with pytest.raises(InvalidInput):
            await ask("../v1/oauth")


# mandates


@pytest.mark.parametrize("management", [BY_API, BY_CHECKOUT])
async def test_a_mandate_is_set_up_announced_debited_and_cancelled(
    phonepe: PhonePeProcess, management: Management
) -> None:
    gateway = connect(phonepe.pg_url, management)
    till = Till(gateway, phonepe)
    new = await till.mandate()
    page = await gateway.open_mandate(new)
    assert page.url is not None
    setup = await gateway.find_setup(new.order_id)
    assert setup is not None
    assert (setup.state, setup.amount_paise, setup.mandate_id) == (State.PENDING, 200, new.mandate_id)
    await phonepe.order(new.order_id, "pay")
    await phonepe.advance(5)
    found = await gateway.find_mandate(new.mandate_id)
    assert found is not None
    assert (found.mandate.status, found.mandate.max_amount_paise) == (MandateStatus.ACTIVE, 1_500_000)
    assert may_debit(found.mandate, AMOUNT, await till.now()).allowed

    debit = await till.debit(new.mandate_id)
    announced = await gateway.notify(debit)
    assert announced.state is State.NOTIFYING
    assert (announced.amount_paise, announced.mandate_id) == (AMOUNT, new.mandate_id)
    await phonepe.advance(3)
    told = await gateway.find_debit(debit.order_id)
    assert told is not None
    assert told.notice is not None
    assert told.state is State.NOTIFIED
    assert told.notice.notified_at is not None
    assert told.notice.valid_from is not None
    assert timedelta(days=1) - timedelta(seconds=1) < told.notice.valid_from - told.notice.notified_at
    assert (await gateway.redeem(debit.order_id)).turned_away is TurnedAway.TOO_EARLY

    await phonepe.advance(DAY + 10)
    started = await gateway.redeem(debit.order_id)
    assert started == DebitStarted(started.attempt_id)
    assert (await gateway.redeem(debit.order_id)).turned_away is TurnedAway.IN_FLIGHT
    await phonepe.advance(5)
    taken = await gateway.find_debit(debit.order_id)
    assert taken is not None
    assert taken.payment is not None
    assert (taken.payment.id, taken.payment.amount_paise) == (started.attempt_id, AMOUNT)
    assert taken.debit_fact(BEGIN).amount_paise == AMOUNT

    await gateway.cancel_mandate(new.mandate_id)
    await phonepe.advance(5)
    gone = await gateway.cancel_mandate(new.mandate_id)
    assert gone is not None
    assert gone.mandate.status is MandateStatus.REVOKED
    await gateway.close()


async def test_a_mandate_can_be_set_up_in_an_app_and_take_its_first_charge(
    gateway: PhonePeGateway, till: Till
) -> None:
    new = await till.mandate(AMOUNT)
    app = UpiApp(DeviceOs.ANDROID, "com.phonepe.app")
    link = await gateway.open_mandate_in_app(new, app, await till.now())
    assert link.url is not None
    assert "mandate?" in link.url
    assert (await gateway.open_mandate_in_app(new, app, await till.now())).url is None
    await till.phonepe.order(new.order_id, "pay")
    await till.phonepe.advance(5)
    setup = await gateway.find_setup_in_app(new.order_id)
    assert setup is not None
    assert setup.payment is not None
    assert setup.payment.amount_paise == AMOUNT


async def test_a_mandate_nobody_approved_cannot_be_cancelled_and_is_gone_by_itself(
    gateway: PhonePeGateway, till: Till
) -> None:
    new = await till.mandate()
    await gateway.open_mandate(new)
    asked = await gateway.find_mandate(new.mandate_id)
    assert asked is not None
    assert asked.mandate.status is MandateStatus.CREATED
    with pytest.raises(GatewayRefused, match="cancel mandate"):
        await gateway.cancel_mandate(new.mandate_id)
    await till.phonepe.advance(3600)
    assert await gateway.find_mandate(new.mandate_id) is None
    assert await gateway.cancel_mandate(new.mandate_id) is None
    with pytest.raises(GatewayRefused, match="SUBSCRIPTION_NOT_FOUND"):
        await gateway.notify(await till.debit(new.mandate_id))
    second = replace(new, order_id=till.name(Purpose.SETUP))
    with pytest.raises(GatewayRefused, match="DUPLICATE_REQUEST_ID"):
        await gateway.open_mandate(second)


async def test_the_payers_pause_and_revocation_are_seen(gateway: PhonePeGateway, till: Till) -> None:
    mandate_id = await till.active()
    order_id = await till.notified(mandate_id)
    await till.phonepe.subscription(mandate_id, "pause")
    await till.phonepe.advance(5)
    paused = await gateway.find_mandate(mandate_id)
    assert paused is not None
    assert paused.mandate.status is MandateStatus.PAUSED
    away = await gateway.redeem(order_id)
    assert (away.attempt_id, away.turned_away) == (None, TurnedAway.MANDATE)
    assert "INVALID_SUBSCRIPTION_STATE" in away.said
    await till.phonepe.subscription(mandate_id, "unpause")
    await till.phonepe.advance(5)
    assert (await gateway.redeem(order_id)).turned_away is TurnedAway.OTHER
    await till.phonepe.subscription(mandate_id, "revoke", webhook=False)
    await till.phonepe.advance(5)
    revoked = await gateway.find_mandate(mandate_id)
    assert revoked is not None
    assert revoked.mandate.status is MandateStatus.REVOKED
    with pytest.raises(GatewayRefused, match="INVALID_SUBSCRIPTION_STATE"):
        await gateway.notify(await till.debit(mandate_id))


async def test_announcing_again_is_one_notice_and_another_sum_under_the_id_is_refused(
    gateway: PhonePeGateway, till: Till
) -> None:
    new = await till.debit(await till.active())
    first = await gateway.notify(new)
    await till.phonepe.advance(5)
    again = await gateway.notify(new)
    assert (again.gateway_id, again.state) == (first.gateway_id, State.NOTIFIED)
    with pytest.raises(GatewayRefused, match="used before"):
        await gateway.notify(replace(new, amount_paise=AMOUNT + 1))


async def test_a_lost_answer_to_a_debit_leaves_doubt_and_the_order_tells(
    gateway: PhonePeGateway, till: Till
) -> None:
    mandate_id = await till.active()
    for kind in ("drop_after_commit", "http_500", "http_429", "partial_json"):
        order_id = await till.notified(mandate_id)
        await till.fault(kind, path_regex="/redeem$", after_commit=True)
        with pytest.raises(OutcomeUnknown):
            await gateway.redeem(order_id)
        await till.phonepe.advance(5)
        order = await gateway.find_debit(order_id)
        assert order is not None
        assert order.state is State.COMPLETED


async def test_a_refused_debit_may_have_been_made(gateway: PhonePeGateway, till: Till) -> None:
    order_id = await till.notified(await till.active())
    await till.fault("http_400", path_regex="/redeem$", after_commit=True)
    assert (await gateway.redeem(order_id)).turned_away is TurnedAway.OTHER
    await till.phonepe.advance(5)
    order = await gateway.find_debit(order_id)
    assert order is not None
    assert order.state is State.COMPLETED


# refunds


async def test_a_refund_is_pending_and_processed_days_later(gateway: PhonePeGateway, till: Till) -> None:
    order_id = await till.paid()
    new = till.refund(order_id)
    asked = await gateway.refund(new)
    assert replace(asked, created_at=BEGIN) == RefundAtGateway(
        id=new.refund_id,
        payment_id=order_id,
        amount_paise=AMOUNT,
        currency="INR",
        status=RefundStatus.PENDING,
        speed_requested=RefundSpeed.NORMAL,
        speed_processed=None,
        our_id=new.refund_id,
        created_at=BEGIN,
    )
    assert abs(asked.created_at - await till.now()) < timedelta(minutes=1)
    assert await gateway.refund(new) == asked
    with pytest.raises(GatewayRefused, match="is greater than"):
        await gateway.refund(till.refund(order_id, 100))
    await till.phonepe.advance(120)
    assert (await gateway.read_refund(order_id, new.refund_id)).status is RefundStatus.PENDING
    await till.phonepe.advance(3 * DAY)
    assert (await gateway.read_refund(order_id, new.refund_id)).status is RefundStatus.PROCESSED
    assert await gateway.find_refund("another-order", new.refund_id) is None
    with pytest.raises(GatewayRefused, match="none of that id"):
        await gateway.read_refund("another-order", new.refund_id)


async def test_another_refund_under_the_same_id_is_refused(gateway: PhonePeGateway, till: Till) -> None:
    new = till.refund(await till.paid(), 50_000)
    await gateway.refund(new)
    with pytest.raises(GatewayRefused, match="under a new one"):
        await gateway.refund(replace(new, amount_paise=40_000))
    with pytest.raises(GatewayRefused, match="INVALID_MERCHANT_ORDER_ID"):
        await gateway.refund(till.refund("never-made"))


@pytest.mark.parametrize("kind", ["drop_after_commit", "http_500", "r999", "partial_json"])
async def test_a_lost_answer_to_a_refund_gives_back_once(
    gateway: PhonePeGateway, till: Till, kind: str
) -> None:
    new = till.refund(await till.paid())
    await till.fault(kind, path_regex="/refund$", after_commit=True)
    with pytest.raises(OutcomeUnknown, match="look it up"):
        await gateway.refund(new)
    found = await gateway.find_refund(new.gateway_payment_id, new.refund_id)
    assert found == await gateway.refund(new)


async def test_a_refund_that_was_taken_and_cannot_be_read_is_in_doubt(
    gateway: PhonePeGateway, till: Till
) -> None:
    new = till.refund(await till.paid())
    await till.fault("http_503", path_regex="/refund/")
    with pytest.raises(OutcomeUnknown, match="it was taken"):
        await gateway.refund(new)
    assert (await gateway.refund(new)).amount_paise == AMOUNT


# questions and faults


async def test_an_address_is_checked_and_health_is_told(gateway: PhonePeGateway, till: Till) -> None:
    assert (await gateway.check_vpa("success@ybl")).is_valid
    assert not (await gateway.check_vpa("invalid@ybl")).is_valid
    assert (await gateway.health()).can_pay
    await till.phonepe.control("switches", {"subscription_setup_up": False})
    assert not (await gateway.health()).can_set_up_mandates


async def test_the_production_layout_works_alike(phonepe: PhonePeProcess) -> None:
    apis = f"{phonepe.url}/apis"
    hosts = PhonePeHosts(f"{apis}/pg", f"{apis}/identity-manager", f"{apis}/pg-health")
    gateway = PhonePeGateway(PhonePeClient(CREDENTIALS, hosts))
    new = Till(gateway, phonepe).page()
    assert (await gateway.open_page(new)).url is not None
    assert (await gateway.health()).can_pay
    await gateway.close()


async def test_tokens_that_die_early_are_noticed_by_many_at_once_and_replaced(
    gateway: PhonePeGateway, till: Till
) -> None:
    order_id = await till.paid()
    await till.phonepe.control("tokens/expire")
    found = await asyncio.gather(*(gateway.find_order(order_id) for _ in range(10)))
    assert all(order is not None and order.state is State.COMPLETED for order in found)


async def test_wrong_credentials_are_final(phonepe: PhonePeProcess) -> None:
    url = phonepe.pg_url
    wrong = replace(CREDENTIALS, client_version=2)
    gateway = PhonePeGateway(PhonePeClient(wrong, PhonePeHosts(url, url, url)))
    with pytest.raises(GatewayRefused, match="its version"):
        await gateway.find_order("pay_1")
    await gateway.close()


@pytest.mark.parametrize(
    ("kind", "made"), [("drop_after_commit", True), ("drop_before_commit", False), ("hang", False)]
)
async def test_a_lost_answer_to_a_page_is_looked_up(
    gateway: PhonePeGateway, till: Till, kind: str, made: bool
) -> None:
    new = till.page()
    await till.fault(kind, path_regex="/pay$", seconds=2)
    with pytest.raises(OutcomeUnknown, match="look it up"):
        await gateway.open_page(new)
    assert (await gateway.find_order(new.order_id) is not None) is made
    assert ((await gateway.open_page(new)).url is None) is made


async def test_a_gateway_that_is_busy_or_broken_can_be_asked_again(
    gateway: PhonePeGateway, till: Till
) -> None:
    order_id = await till.paid()
    for kind in ("http_429", "http_500", "http_503", "r999", "drop_before_commit", "partial_json"):
        await till.fault(kind, path_regex="/status$")
        with pytest.raises(GatewayUnavailable):
            await gateway.find_order(order_id)
        assert await gateway.find_order(order_id) is not None
    await till.fault("http_403", path_regex="/pay$")
    with pytest.raises(GatewayRefused, match="enable this product"):
        await gateway.open_page(till.page())
