"""PhonePe's calls handed on: whose they are is found in our rows, and each ends somewhere."""

import base64
import itertools
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from temporalio.client import Client, WorkflowHandle

from db import inbox, intents, models
from db.session import Database
from domain.mandate import MandateStatus
from domain.merchant_ids import Purpose, merchant_id
from domain.refund import RefundStatus
from domain.subscription import Status
from engine.codec import EncryptionCodec
from engine.plugin import bahi_plugin
from gateways.phonepe import PhonePeGateway
from gateways.phonepe_webhook import parse_phonepe_callback, parse_phonepe_webhook
from local.ports import any_free_port
from relay.calls import ORPHAN_AFTER
from relay.inbox import InboxRelay
from relay.phonepe_calls import PhonePeCalls
from relay.refunds import RefundNotices
from simulator.phonepe.process import PhonePeProcess
from tests.gateways.phonepe_till import AMOUNT, BEGIN, Till, connect
from tests.relay.conftest import KEYS, QUEUE, Recorder, Records, until, utc_now
from workflows import collecting_ports, ports
from workflows.messages import GatewayEvent

_tries = itertools.count(1)


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


@dataclass
class Exchange:
    """One customer's subscription at PhonePe, the relay, and what the run was told."""

    database: Database
    client: Client
    gateway: PhonePeGateway
    subscription_id: str

    def relay(self, client: Client | None = None, later: timedelta = timedelta(0)) -> InboxRelay:
        client = client or self.client

        def clock() -> datetime:
            return utc_now() + later

        refunds = RefundNotices(self.database, client, self.gateway)
        calls = PhonePeCalls(self.database, client, refunds, clock)
        return InboxRelay(self.database, {"phonepe": calls}, clock)

    async def tell(self, event: str, *, legacy: bool = False, **payload: Any) -> str:
        """A call as the API keeps it; its event id."""
        if legacy:
            facts = base64.b64encode(json.dumps({"code": event, "data": payload}).encode()).decode()
            raw = json.dumps({"response": facts, "event": "subscription.revoked", "payload": {}}).encode()
            told = parse_phonepe_callback(raw)
        else:
            raw = json.dumps({"event": event, "payload": payload, "nonce": uuid.uuid4().hex}).encode()
            told = parse_phonepe_webhook(raw)
        event_id = told.delivery_key or f"call:{uuid.uuid4()}"
        async with self.database.transaction() as session:
            await inbox.store(
                session, source="phonepe", event_id=event_id, event_type=told.event or "unreadable", body=raw,
                gateway_subscription_id=told.mandate_id, gateway_payment_id=told.order_id,
                gateway_refund_id=told.refund_id, alike_is_new=told.delivery_key is None,
            )  # fmt: skip
        return event_id

    async def outcome(self, event_id: str) -> models.WebhookInbox:
        async with self.database.reading() as session:
            row = models.WebhookInbox
            return (await session.scalars(select(row).where(row.event_id == event_id))).one()

    async def handed_on(self, event: str, **payload: Any) -> models.WebhookInbox:
        event_id = await self.tell(event, **payload)
        await self.relay().drain_once()
        return await self.outcome(event_id)

    async def page(self, *, top_up: bool = False) -> str:
        order_id = merchant_id(Purpose.PAGE, self.subscription_id, attempt=next(_tries))
        row = models.PayPage(
            order_id=order_id, gateway="phonepe", subject=f"{self.subscription_id}-L1", attempt=next(_tries),
            customer_id="cus_mine", subscription_id=None if top_up else self.subscription_id,
            top_up_id=f"top_{self.subscription_id[3:]}" if top_up else None,
            amount_paise=AMOUNT, state="open", opened_at=utc_now(),
        )  # fmt: skip
        async with self.database.transaction() as session:
            session.add(row)
        return order_id

    async def debit(self) -> str:
        order_id = f"{merchant_id(Purpose.DEBIT, self.subscription_id, attempt=next(_tries))}-1"
        async with self.database.transaction() as session:
            key = intents.debit_key("phonepe", order_id)
            await intents.plan(
                session, key=key, kind="debit", subscription_id=self.subscription_id, request={}
            )
        return order_id

    async def mandate(self, status: MandateStatus = MandateStatus.ACTIVE) -> str:
        mandate_id = merchant_id(Purpose.MANDATE, self.subscription_id, attempt=next(_tries))
        row = models.Mandate(
            id=mandate_id, subscription_id=self.subscription_id, customer_id="cus_mine", gateway="phonepe",
            kind="upi", status=status.value, max_amount_paise=1_500_000, in_use=True,
            created_at=utc_now(), updated_at=utc_now(),
        )  # fmt: skip
        async with self.database.transaction() as session:
            session.add(row)
        return mandate_id

    async def booked(self, order_id: str, status: str = "captured") -> None:
        await Records(self.database).payment(self.subscription_id, order_id, status)
        async with self.database.transaction() as session:
            await session.execute(update(models.Payment).values(gateway="phonepe"))

    async def ends(self, status: Status = Status.CANCELLED) -> None:
        async with self.database.transaction() as session:
            row = models.Subscription
            await session.execute(
                update(row).where(row.id == self.subscription_id).values(status=status.value)
            )


@pytest.fixture
async def exchange(database: Database, client: Client, gateway: PhonePeGateway) -> Exchange:
    records = Records(database)
    await records.customer("cus_mine")
    subscription_id = await records.subscription(
        "cus_mine", gateway_id=None, subscription_id=f"bs_{uuid.uuid4().hex}"
    )
    return Exchange(database, client, gateway, subscription_id)


@pytest.fixture
async def run(client: Client, exchange: Exchange) -> AsyncIterator[WorkflowHandle[Recorder, None]]:
    workflow_id = ports.subscription_workflow_id(exchange.subscription_id)
    handle = await client.start_workflow(Recorder.run, id=workflow_id, task_queue=QUEUE)
    yield handle
    await handle.terminate()


async def test_a_page_is_told_to_its_subscription_by_what_it_was_opened_for(
    exchange: Exchange, run: WorkflowHandle[Recorder, None]
) -> None:
    order_id = await exchange.page()
    call = await exchange.handed_on("checkout.order.completed", merchantOrderId=order_id, state="COMPLETED")
    assert (call.status, call.subscription_id) == ("signalled", exchange.subscription_id)
    assert await run.query(Recorder.told) == [
        GatewayEvent(
            call.event_id, "checkout.order.completed", order_id=order_id,
            page_subject=f"{exchange.subscription_id}-L1", gateway="phonepe",
        )
    ]  # fmt: skip


async def test_a_debit_is_told_to_its_subscription_by_its_order(
    exchange: Exchange, run: WorkflowHandle[Recorder, None]
) -> None:
    order_id, mandate_id = await exchange.debit(), await exchange.mandate()
    for event in ("subscription.notification.completed", "subscription.redemption.order.completed"):
        call = await exchange.handed_on(
            event, merchantOrderId=order_id, paymentFlow={"merchantSubscriptionId": mandate_id}
        )
        assert call.status == "signalled"
    told = await run.query(Recorder.told)
    assert [(each.order_id, each.mandate_id, each.page_subject) for each in told] == 2 * [
        (order_id, None, None)
    ]


async def test_news_of_a_mandate_are_told_by_its_name(
    exchange: Exchange, run: WorkflowHandle[Recorder, None]
) -> None:
    mandate_id = await exchange.mandate()
    for event in ("paused", "unpaused", "unpaused", "revoked"):
        call = await exchange.handed_on(f"subscription.{event}", merchantSubscriptionId=mandate_id)
        assert (call.status, call.subscription_id) == ("signalled", exchange.subscription_id)
    told = await run.query(Recorder.told)
    assert [each.kind for each in told] == [
        f"subscription.{event}" for event in ("paused", "unpaused", "unpaused", "revoked")
    ]
    assert {each.mandate_id for each in told} == {mandate_id}


async def test_a_legacy_callback_is_told_by_its_signed_part(
    exchange: Exchange, run: WorkflowHandle[Recorder, None]
) -> None:
    order_id = await exchange.page()
    call = await exchange.handed_on("PAYMENT_SUCCESS", legacy=True, merchantTransactionId=order_id)
    assert call.status == "signalled"
    [told] = await run.query(Recorder.told)
    assert (told.kind, told.order_id) == ("payment_success", order_id)


async def test_a_top_up_has_its_own_run(exchange: Exchange, client: Client) -> None:
    order_id = await exchange.page(top_up=True)
    workflow_id = collecting_ports.top_up_workflow_id(f"top_{exchange.subscription_id[3:]}")
    handle = await client.start_workflow(Recorder.run, id=workflow_id, task_queue=QUEUE)
    call = await exchange.handed_on("checkout.order.failed", merchantOrderId=order_id)
    assert (call.status, call.subscription_id) == ("signalled", None)
    assert [each.order_id for each in await handle.query(Recorder.told)] == [order_id]
    await handle.terminate()


# What needs no look.


async def test_money_that_is_booked_and_a_mandate_known_to_be_dead_need_no_look(
    exchange: Exchange, run: WorkflowHandle[Recorder, None]
) -> None:
    order_id, dead = await exchange.page(), await exchange.mandate(MandateStatus.REVOKED)
    await exchange.booked(order_id)
    paid = await exchange.handed_on("checkout.order.completed", merchantOrderId=order_id)
    revoked = await exchange.handed_on("subscription.revoked", merchantSubscriptionId=dead)
    assert (paid.status, revoked.status) == ("known", "known")
    assert await run.query(Recorder.told) == []


async def test_money_of_an_order_that_had_failed_is_looked_at(
    exchange: Exchange, run: WorkflowHandle[Recorder, None]
) -> None:
    order_id = await exchange.debit()
    await exchange.booked(order_id, "failed")
    call = await exchange.handed_on("subscription.redemption.order.completed", merchantOrderId=order_id)
    assert call.status == "signalled"


# Those who are not there.


async def test_what_is_somebody_elses_is_left_alone_at_once(exchange: Exchange) -> None:
    for payload in (
        {"merchantOrderId": "RF_topup_1"},
        {"merchantSubscriptionId": "SUB_1"},
        {"merchantOrderId": "OURS-BY-MISTAKE-NOT", "merchantSubscriptionId": "SUB_1"},
    ):
        call = await exchange.handed_on("checkout.order.completed", **payload)
        assert (call.status, call.subscription_id) == ("unhandled", None)


async def test_what_is_faster_than_our_record_waits_for_it(
    exchange: Exchange, run: WorkflowHandle[Recorder, None]
) -> None:
    early = merchant_id(Purpose.MANDATE, exchange.subscription_id, attempt=next(_tries))
    event_id = await exchange.tell("subscription.paused", merchantSubscriptionId=early)
    await exchange.relay().drain_once()
    waiting = await exchange.outcome(event_id)
    assert (waiting.status, waiting.attempts) == ("received", 1)
    assert "is not on record" in str(waiting.last_error)
    mandate_id = await exchange.mandate()
    async with exchange.database.transaction() as session:
        row = models.Mandate
        await session.execute(update(row).where(row.id == mandate_id).values(id=early))
        await inbox.replay(session, waiting.id)
    await exchange.relay().drain_once()
    assert (await exchange.outcome(event_id)).status == "signalled"
    assert [each.mandate_id for each in await run.query(Recorder.told)] == [early]


async def test_and_not_for_ever(exchange: Exchange) -> None:
    early = merchant_id(Purpose.DEBIT, exchange.subscription_id, attempt=next(_tries))
    event_id = await exchange.tell("subscription.redemption.order.failed", merchantOrderId=early)
    await exchange.relay(later=ORPHAN_AFTER).drain_once()
    assert (await exchange.outcome(event_id)).status == "orphan"


@pytest.mark.parametrize("event", ["downtime.upi.started", "something.new", ""])
async def test_what_is_about_nothing_of_ours_is_kept_and_left_alone(exchange: Exchange, event: str) -> None:
    assert (await exchange.handed_on(event)).status == "unhandled"


@pytest.mark.parametrize("raw", [b"", b"\x00\xff", b"[" * 5000, b'{"response": "e30="}', b'{"response": 1}'])
async def test_junk_is_kept_and_left_alone(exchange: Exchange, raw: bytes) -> None:
    async with exchange.database.transaction() as session:
        await inbox.store(session, source="phonepe", event_id="call:1", event_type="unreadable", body=raw)
    await exchange.relay().drain_once()
    assert (await exchange.outcome("call:1")).status == "unhandled"


async def test_after_the_end_only_money_wakes_the_run_and_a_call_before_it_waits(exchange: Exchange) -> None:
    order_id = await exchange.page()
    waiting = await exchange.handed_on("checkout.order.failed", merchantOrderId=order_id)
    assert (waiting.status, waiting.last_error) == ("received", "its workflow is not running")
    await exchange.ends()
    late = await exchange.handed_on("checkout.order.failed", merchantOrderId=order_id, state="FAILED")
    assert (late.status, late.subscription_id) == ("late", exchange.subscription_id)
    money = await exchange.handed_on("checkout.order.completed", merchantOrderId=order_id)
    assert (money.status, money.subscription_id) == ("signalled", exchange.subscription_id)


async def test_while_temporal_is_away_the_call_waits(exchange: Exchange) -> None:
    order_id = await exchange.page()
    plugin = bahi_plugin(EncryptionCodec.from_setting(KEYS))
    nobody = await Client.connect(f"127.0.0.1:{any_free_port()}", plugins=[plugin], lazy=True)
    event_id = await exchange.tell("checkout.order.completed", merchantOrderId=order_id)
    await exchange.relay(nobody).drain_once()
    assert (await exchange.outcome(event_id)).status == "received"


# Refunds.


async def refund_row(exchange: Exchange, payment_id: str, status: RefundStatus) -> str:
    refund_id = f"rfd_{uuid.uuid4().hex}"
    row = models.Refund(
        id=refund_id, payment_id=payment_id, customer_id="cus_mine", subscription_id=exchange.subscription_id,
        gateway="phonepe", amount_paise=1_000, currency="INR", speed="normal", status=status.value,
        origin="bahi", reason="left", actor="asha", requested_at=utc_now(),
    )  # fmt: skip
    async with exchange.database.transaction() as session:
        session.add(row)
    return refund_id


@pytest.mark.parametrize(
    ("status", "expected"),
    [(RefundStatus.PENDING, "signalled"), (RefundStatus.PROCESSED, "known"), (RefundStatus.FAILED, "known")],
)
async def test_a_refund_of_ours_is_woken_until_it_has_ended(
    exchange: Exchange, status: RefundStatus, expected: str
) -> None:
    order_id = await exchange.page()
    await exchange.booked(order_id)
    refund_id = await refund_row(exchange, f"pmt_{order_id}", status)
    call = await exchange.handed_on(
        "pg.refund.completed", merchantRefundId=refund_id, originalMerchantOrderId=order_id
    )
    assert (call.status, call.subscription_id) == (expected, exchange.subscription_id)


async def test_a_refund_of_the_dashboard_gets_a_run_of_its_own(
    exchange: Exchange, phonepe: PhonePeProcess, client: Client
) -> None:
    till = Till(exchange.gateway, phonepe)
    order_id = await till.paid()
    await exchange.booked(order_id)
    made = till.refund(order_id, 1_000)
    await exchange.gateway.refund(made)
    call = await exchange.handed_on(
        "pg.refund.accepted", merchantRefundId=made.refund_id, originalMerchantOrderId=order_id
    )
    assert (call.status, call.last_error) == ("signalled", None)
    begun: list[str] = []

    async def shown() -> bool:
        listed = client.list_workflows("WorkflowType = 'Refund' AND ExecutionStatus = 'Running'")
        begun.extend([each.id async for each in listed])
        return bool(begun)

    await until(shown)
    for workflow_id in begun:
        await client.get_workflow_handle(workflow_id).terminate()


async def test_a_refund_of_somebody_elses_order_is_left_alone(exchange: Exchange) -> None:
    call = await exchange.handed_on(
        "pg.refund.completed", merchantRefundId="R1", originalMerchantOrderId="RF_topup_1"
    )
    assert call.status == "unhandled"
    assert (await exchange.handed_on("pg.refund.completed", merchantRefundId="R2")).status == "unhandled"


async def test_a_refund_that_is_faster_than_our_record_of_its_payment_waits(exchange: Exchange) -> None:
    """PhonePe lists no refunds: what is let go here would never be found again."""
    order_id = await exchange.page()
    event_id = await exchange.tell(
        "pg.refund.completed", merchantRefundId="R1", originalMerchantOrderId=order_id
    )
    await exchange.relay().drain_once()
    assert (await exchange.outcome(event_id)).status == "received"
    async with exchange.database.transaction() as session:
        await inbox.replay(session, (await exchange.outcome(event_id)).id)
    await exchange.relay(later=ORPHAN_AFTER).drain_once()
    assert (await exchange.outcome(event_id)).status == "orphan"


async def test_a_refund_that_phonepe_does_not_know_is_not_asked_for_without_end(
    exchange: Exchange, phonepe: PhonePeProcess
) -> None:
    """The login in a call does not sign its body: whoever learned it may invent names."""
    order_id = await Till(exchange.gateway, phonepe).paid()
    await exchange.booked(order_id)
    event_id = await exchange.tell(
        "pg.refund.completed", merchantRefundId="invented", originalMerchantOrderId=order_id
    )
    await exchange.relay(later=ORPHAN_AFTER).drain_once()
    call = await exchange.outcome(event_id)
    assert (call.status, "PhonePe does not know it" in str(call.last_error)) == ("orphan", True)


async def test_calls_about_one_mandate_are_handed_on_in_order(
    exchange: Exchange, run: WorkflowHandle[Recorder, None]
) -> None:
    mandate_id = await exchange.mandate()
    sent = [await exchange.tell("subscription.unpaused", merchantSubscriptionId=mandate_id) for _ in range(6)]
    await exchange.relay().drain_once()
    assert [each.id for each in await run.query(Recorder.told)] == sent
