"""PhonePe's answers: documented shapes are read, strange ones are pending or refused, never guessed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.debit import Attempt, AttemptState, LinkRead, OrderRead, State
from domain.ladder import FailureClass, class_of
from domain.mandate import AmountType, Frequency, MandateStatus
from domain.orders import OrderAttempt
from domain.refund import RefundStatus
from gateways import phonepe_entities as entities
from gateways.base import NewDebit, PageAtGateway
from gateways.phonepe_errors import Unreadable

NOW = datetime(2026, 11, 22, 6, 30, tzinfo=UTC)


def moment(milliseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


PAID: dict[str, Any] = {
    "orderId": "OMO2606221328592503454241",
    "state": "COMPLETED",
    "amount": 94282,
    "currency": "INR",
    "expireAt": 1782287939251,
    "paymentDetails": [
        {
            "transactionId": "OM2606221329301112223334",
            "paymentMode": "UPI_QR",
            "timestamp": 1782115170111,
            "amount": 94282,
            "state": "COMPLETED",
            "rail": {"type": "UPI", "utr": "455069731511", "vpa": "12****78@ybl"},
            "instrument": {"type": "ACCOUNT"},
        }
    ],
}
REDEMPTION: dict[str, Any] = {
    "merchantId": "SIMMID",
    "merchantOrderId": "deb_1",
    "orderId": "OMO1",
    "state": "PENDING",
    "amount": 94282,
    "expireAt": 1796200000000,
    "paymentFlow": {
        "type": "SUBSCRIPTION_REDEMPTION",
        "merchantSubscriptionId": "man_1",
        "validAfter": 1795430400000,
        "validUpto": 1795600000000,
        "notifiedAt": "1795344000555",
    },
    "paymentDetails": [
        {
            "transactionId": "OM1",
            "paymentMode": "UPI_AUTO_PAY",
            "timestamp": 1795440000000,
            "amount": 94282,
            "state": "FAILED",
            "errorCode": "INSUFFICIENT_BALANCE",
            "detailedErrorCode": "Z9",
            "splitInstruments": [{"rail": {"type": "UPI", "utr": "77"}}],
        }
    ],
}
MANDATE: dict[str, Any] = {
    "merchantSubscriptionId": "man_1",
    "subscriptionId": "OMS1",
    "state": "ACTIVE",
    "amountType": "VARIABLE",
    "maxAmount": 1500000,
    "frequency": "ON_DEMAND",
    "expireAt": 2711947616753,
    "pauseStartDate": None,
    "pauseEndDate": None,
}
REFUND: dict[str, Any] = {
    "merchantRefundId": "rfd_1",
    "originalMerchantOrderId": "pay_1",
    "amount": 1234,
    "state": "COMPLETED",
    "refundId": "OMR1",
    "timestamp": 1771319883641,
}
READERS = (
    lambda answer: entities.page(answer, "pay_1"),
    lambda answer: entities.order(answer, "deb_1"),
    lambda answer: entities.attempt(answer, "OM1"),
    lambda answer: entities.announced(answer, NewDebit("deb_1", "man_1", 94282, None)),
    lambda answer: entities.mandate(answer, "man_1"),
    lambda answer: entities.refund(answer, "rfd_1"),
    entities.accepted_refund,
    entities.debit_attempt,
    entities.vpa,
    entities.health,
)


def test_a_paid_order_names_its_payment() -> None:
    order = entities.order(PAID, "pay_1")
    paid = OrderAttempt(
        id="OM2606221329301112223334",
        state=AttemptState.COMPLETED,
        amount_paise=94282,
        method="upi",
        attempted_at=moment(1782115170111),
        reference="455069731511",
    )
    assert order.payment == paid
    assert (order.id, order.gateway_id, order.amount_paise) == ("pay_1", "OMO2606221328592503454241", 94282)
    assert (order.state, order.word, order.is_strange) == (State.COMPLETED, "COMPLETED", False)
    assert order.expires_at == moment(1782287939251)
    assert order.link_fact(NOW) == LinkRead("pay_1", NOW, State.COMPLETED, 94282)
    assert entities.attempt(PAID, paid.id) == paid


def test_an_order_that_nobody_tried_to_pay_is_open() -> None:
    order = entities.order(PAID | {"state": "PENDING", "paymentDetails": []}, "pay_1")
    assert (order.state, order.attempts, order.payment) == (State.PENDING, (), None)
    assert order.link_fact(NOW).state is State.OPEN


def test_a_debit_whose_first_try_failed_is_pending_with_its_reason_and_window() -> None:
    order = entities.order(REDEMPTION, "deb_1")
    assert order.mandate_id == "man_1"
    assert order.debit_fact(NOW) == OrderRead(
        order_id="deb_1",
        at=NOW,
        state=State.PENDING,
        amount_paise=94282,
        notified_at=moment(1795344000555),
        valid_from=moment(1795430400000),
        expires_at=moment(1795600000000),
        attempts=(Attempt("OM1", AttemptState.FAILED, ("Z9", "INSUFFICIENT_BALANCE")),),
    )
    assert class_of(*order.attempts[0].codes) is FailureClass.FUNDS
    assert order.attempts[0].reference == "77"


def test_reasons_are_found_in_the_context_too() -> None:
    context = {"errorCode": "BANK_TECHNICAL_ISSUE", "detailedErrorCode": "U90", "source": "ISSUING_BANK"}
    order = entities.order(PAID | {"state": "FAILED", "errorContext": context}, "pay_1")
    assert order.codes == ("U90", "BANK_TECHNICAL_ISSUE")
    assert order.payment is None


@pytest.mark.parametrize("word", ["SOMETHING_NEW", "completed", "SUCCESS", "PAYMENT_SUCCESS"])
def test_a_state_nobody_knew_is_pending_and_told(word: str) -> None:
    order = entities.order(PAID | {"state": word}, "pay_1")
    assert (order.state, order.word, order.is_strange, order.payment) == (State.PENDING, word, True, None)
    changed = {**REDEMPTION["paymentDetails"][0], "state": word}
    debit = entities.order(REDEMPTION | {"paymentDetails": [changed]}, "deb_1")
    assert debit.attempts[0].state is AttemptState.PENDING
    found = entities.mandate(MANDATE | {"state": word}, "man_1")
    assert (found.mandate.status, found.word, found.is_strange) == (MandateStatus.CREATED, word, True)
    assert entities.refund(REFUND | {"state": word}, "rfd_1").status is RefundStatus.PENDING


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("PENDING", State.PENDING),
        ("NOTIFICATION_IN_PROGRESS", State.NOTIFYING),
        ("NOTIFIED", State.NOTIFIED),
        ("COMPLETED", State.COMPLETED),
        ("FAILED", State.FAILED),
        ("EXPIRED", State.EXPIRED),
    ],
)
def test_every_state_of_an_order(word: str, state: State) -> None:
    order = entities.order(PAID | {"state": word}, "pay_1")
    assert (order.state, order.is_strange) == (state, False)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("PENDING", MandateStatus.CREATED),
        ("ACTIVATION_IN_PROGRESS", MandateStatus.CREATED),
        ("ACTIVE", MandateStatus.ACTIVE),
        ("PAUSE_IN_PROGRESS", MandateStatus.PAUSED),
        ("PAUSED", MandateStatus.PAUSED),
        ("UNPAUSE_IN_PROGRESS", MandateStatus.PAUSED),
        ("CANCEL_IN_PROGRESS", MandateStatus.REVOKED),
        ("CANCELLED", MandateStatus.REVOKED),
        ("REVOKE_IN_PROGRESS", MandateStatus.REVOKED),
        ("REVOKED", MandateStatus.REVOKED),
        ("EXPIRED", MandateStatus.EXPIRED),
        ("FAILED", MandateStatus.FAILED),
    ],
)
def test_every_state_of_a_mandate(word: str, status: MandateStatus) -> None:
    found = entities.mandate(MANDATE | {"state": word, "pauseEndDate": 1795344000555}, "man_1")
    assert (found.mandate.status, found.is_strange) == (status, False)
    assert found.mandate.pause_ends_at == moment(1795344000555)


def test_a_mandate_with_its_terms() -> None:
    found = entities.mandate(MANDATE, "man_1")
    assert (found.gateway_id, found.mandate.max_amount_paise) == ("OMS1", 1_500_000)
    assert found.mandate.valid_until == moment(2711947616753)
    assert (found.mandate.frequency, found.mandate.amount_type) == (Frequency.ON_DEMAND, AmountType.VARIABLE)
    mute = entities.mandate({"state": "REVOKED"}, "man_1").mandate
    assert (mute.status, mute.max_amount_paise) == (MandateStatus.REVOKED, 0)


@pytest.mark.parametrize("most", [1_500_000.0, "1500000", True])
def test_a_cap_that_is_no_whole_number_allows_nothing(most: object) -> None:
    assert entities.mandate(MANDATE | {"maxAmount": most}, "man_1").mandate.max_amount_paise == 0


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("PENDING", RefundStatus.PENDING),
        ("CONFIRMED", RefundStatus.PENDING),
        ("COMPLETED", RefundStatus.PROCESSED),
        ("FAILED", RefundStatus.FAILED),
    ],
)
def test_every_state_of_a_refund(word: str, status: RefundStatus) -> None:
    refund = entities.refund(REFUND | {"state": word}, "rfd_1")
    assert (refund.status, refund.amount_paise, refund.payment_id) == (status, 1234, "pay_1")
    assert refund.created_at == moment(1771319883641)
    assert refund.id == refund.our_id == "rfd_1"


def test_a_refunds_moment_may_be_that_of_its_attempt() -> None:
    told = REFUND | {"timestamp": None, "paymentDetails": [{"timestamp": 1771319883641}]}
    assert entities.refund(told, "rfd_1").created_at == moment(1771319883641)


def test_a_page_and_an_app_link_are_both_addresses() -> None:
    told = {"orderId": "OMO1", "state": "PENDING", "expireAt": 1782287939251}
    for name, url in (("redirectUrl", "https://x"), ("intentUrl", "upi://mandate?x")):
        page = entities.page(told | {name: url}, "pay_1")
        assert page == PageAtGateway("pay_1", "OMO1", url, moment(1782287939251))
    with pytest.raises(Unreadable, match="redirectUrl"):
        entities.page(told, "pay_1")


def test_an_answer_about_something_else_is_not_taken_for_the_thing_asked_for() -> None:
    for read, answer in (
        (entities.order, REDEMPTION),
        (entities.mandate, MANDATE),
        (entities.refund, REFUND),
        (entities.attempt, PAID),
    ):
        with pytest.raises(Unreadable, match="about another"):
            read(answer, "other_1")


@pytest.mark.parametrize("amount", [None, "94282", 94282.0, 942.82, True, -1, [1]])
def test_money_is_never_guessed(amount: object) -> None:
    for read, answer, our_id in (
        (entities.order, PAID, "pay_1"),
        (entities.refund, REFUND, "rfd_1"),
    ):
        with pytest.raises(Unreadable, match="whole number of paise"):
            read(answer | {"amount": amount}, our_id)
    attempt = {**PAID["paymentDetails"][0], "amount": amount}
    with pytest.raises(Unreadable, match="whole number of paise"):
        entities.order(PAID | {"paymentDetails": [attempt]}, "pay_1")


@pytest.mark.parametrize("odd", [None, "", "soon", 0, -5, 10**20, 1.5, True, "9" * 30])
def test_an_odd_moment_is_as_good_as_none_and_hides_nothing_else(odd: object) -> None:
    order = entities.order(PAID | {"expireAt": odd}, "pay_1")
    assert (order.expires_at, order.state) == (None, State.COMPLETED)


def test_health_tells_what_is_down_and_nothing_more() -> None:
    told = {
        "paymentFlows": [
            {"type": "PAYMENT", "status": "UP"},
            {"type": "SUBSCRIPTION_SETUP", "status": "DOWN"},
        ],
        "instruments": [{"type": "UPI", "status": "UP", "banks": [{"bankId": "SBIN", "status": "DOWN"}]}],
    }
    health = entities.health(told)
    assert health.down == {"SUBSCRIPTION_SETUP", "UPI/SBIN"}
    assert (health.can_pay, health.can_set_up_mandates) == (True, False)
    assert entities.health({"paymentFlows": 5}).can_pay


_NAMES = st.sampled_from(
    [
        *(*PAID, *REDEMPTION["paymentFlow"], *MANDATE, *REFUND, *PAID["paymentDetails"][0]),
        *("errorContext", "utr", "splitInstruments", "redirectUrl", "valid"),
        *("paymentFlows", "instruments", "banks", "type", "status"),
    ]
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=8),
    max_leaves=30,
)


@given(_JSON, st.sampled_from([{}, PAID, REDEMPTION, MANDATE, REFUND]))
def test_no_shape_does_worse_than_being_unreadable(odd: Any, base: dict[str, Any]) -> None:
    answers = [odd, base | odd] if isinstance(odd, dict) else [odd]
    for answer in answers:
        for read in READERS:
            try:
                read(answer)
            except Unreadable as told:
                assert str(told)
