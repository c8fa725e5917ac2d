"""Refunds where two gateways give back: each at its own, and one at a time where only one is taken."""

from dataclasses import replace

import pytest
from temporalio.testing import ActivityEnvironment

from activities.crediting import Crediting
from activities.refunding import Refunding
from db.session import Database
from domain.errors import Unavailable
from domain.refund import RefundAtGateway, RefundSpeed, RefundStatus
from gateways.base import RefundsByName
from gateways.razorpay import RazorpayGateway
from tests.activities.collecting import Desk
from tests.db import rows
from tests.filing.selling import issuer
from workflows.ports import NoticeRefund, ReadRefund, RecordRefund, RefundAnswer, ReserveRefund, SendRefund

AWAY = "http://127.0.0.1:1"


def refunding(desk: Desk) -> Refunding:
    """Razorpay is away: whatever asks it instead of PhonePe fails."""
    gateways: dict[str, RefundsByName] = {
        "razorpay": RazorpayGateway("rzp_test_nobody", "secret", AWAY),
        "phonepe": desk.gateway,
    }
    return Refunding(desk.database, gateways, Crediting(desk.database, issuer(), ()), ())


async def paid(database: Database, desk: Desk, gateway: str, gateway_payment_id: str, name: str) -> str:
    await rows.add(
        database,
        rows.payment(
            name,
            subscription_id=desk.id,
            customer_id=f"cus_{desk.id}",
            cycle=int(name),
            gateway=gateway,
            gateway_payment_id=gateway_payment_id,
            amount_paise=94_282,
        ),
    )
    return f"pmt_{name}"


def asked(number: int, payment_id: str, amount: int | None = 10_000) -> ReserveRefund:
    return ReserveRefund(
        f"rfd_{number:032}", payment_id, None, amount, RefundSpeed.NORMAL, "left", "asha", rows.NOON
    )


async def test_razorpay_takes_several_refunds_of_a_payment_at_once_and_phonepe_one(
    database: Database, desk: Desk
) -> None:
    theirs = await paid(database, desk, "razorpay", "pay_1", "1")
    ours = await paid(database, desk, "phonepe", "deb_1-1", "2")
    giving = refunding(desk)
    for number in (1, 2):
        reserved = await giving.reserve_refund(asked(number, theirs))
        assert (reserved.refused, reserved.gateway, reserved.gateway_payment_id) == ("", "razorpay", "pay_1")
    first = await giving.reserve_refund(asked(3, ours))
    assert (first.refused, first.gateway, first.gateway_payment_id) == ("", "phonepe", "deb_1-1")
    again = await giving.reserve_refund(asked(3, ours))
    assert again == first  # a repetition is not a second one
    second = await giving.reserve_refund(asked(4, ours))
    assert second.state == "refund_under_way"
    assert "phonepe takes one refund of a payment at a time" in second.refused


async def test_when_the_one_under_way_has_ended_the_next_may_begin(database: Database, desk: Desk) -> None:
    ours = await paid(database, desk, "phonepe", "deb_1-1", "1")
    giving = refunding(desk)
    await giving.reserve_refund(asked(1, ours))
    failed = RefundAnswer(None, "BAD_REQUEST")
    await giving.record_refund(RecordRefund(asked(1, ours).refund_id, failed, rows.NOON))
    reserved = await giving.reserve_refund(asked(2, ours, None))
    assert (reserved.refused, reserved.amount_paise) == ("", 94_282)


async def test_a_refund_is_asked_for_looked_up_and_read_where_the_money_came_in(
    database: Database, desk: Desk
) -> None:
    order_id = await desk.till.paid()
    payment_id = await paid(database, desk, "phonepe", order_id, "1")
    giving, on_stage = refunding(desk), ActivityEnvironment()
    reserved = await giving.reserve_refund(asked(int(desk.id[4:]), payment_id))
    send = SendRefund(
        reserved.refund_id, order_id, reserved.amount_paise, RefundSpeed.NORMAL, "left", gateway="phonepe"
    )
    answer = await on_stage.run(giving.send_refund, send)
    assert answer.seen is not None
    assert (answer.seen.id, answer.seen.status) == (reserved.refund_id, RefundStatus.PENDING)
    again = await on_stage.run(giving.send_refund, replace(send, repeated=True))
    assert again.seen == answer.seen
    read = await giving.read_refund(ReadRefund(order_id, reserved.refund_id, "phonepe"))
    assert read.amount_paise == 10_000


def in_dashboard(payment_id: str) -> RefundAtGateway:
    return RefundAtGateway(
        "dash_1",
        payment_id,
        5_000,
        "INR",
        RefundStatus.PENDING,
        RefundSpeed.NORMAL,
        None,
        "dash_1",
        rows.NOON,
    )


async def test_a_refund_of_the_dashboard_finds_its_payment_at_its_own_gateway_only(
    database: Database, desk: Desk
) -> None:
    """The same name at two gateways is two payments."""
    await paid(database, desk, "razorpay", "twin", "1")
    giving = refunding(desk)
    notice = NoticeRefund("rfd_" + "9" * 32, in_dashboard("twin"), rows.NOON, "phonepe")
    with pytest.raises(Unavailable, match="not booked yet"):
        await giving.notice_refund(notice)
    await paid(database, desk, "phonepe", "twin", "2")
    noticed = await giving.notice_refund(notice)
    assert (noticed.refused, noticed.gateway, noticed.amount_paise) == ("", "phonepe", 5_000)
