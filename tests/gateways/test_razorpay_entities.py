"""Razorpay's JSON as it really comes: the odd parts."""

from typing import Any

import pytest

from domain.collection import GatewayStatus
from domain.refund import ProcessedSpeed, RefundSpeed, RefundStatus
from gateways import razorpay_entities as entities
from gateways.razorpay_errors import Unreadable
from gateways.razorpay_webhook import REFUND_NOTE

PAYMENT: dict[str, Any] = {
    "id": "pay_1",
    "status": "captured",
    "captured": True,
    "amount": 49900,
    "currency": "INR",
    "method": "upi",
    "fee": 1178,
    "created_at": 1770702730,
}
SUBSCRIPTION: dict[str, Any] = {
    "id": "sub_1",
    "plan_id": "plan_1",
    "status": "active",
    "created_at": 1770702635,
    "paid_count": 1,
    "notes": [],
}
REFUND: dict[str, Any] = {
    "id": "rfnd_1",
    "payment_id": "pay_1",
    "amount": 20000,
    "currency": "INR",
    "notes": [],
    "created_at": 1771048235,
    "status": "pending",
    "speed_requested": "optimum",
    "speed_processed": "normal",
}


@pytest.mark.parametrize("amount", [499.0, "49900", None, True, [49900]])
def test_an_amount_that_is_not_a_whole_number_is_not_read(amount: object) -> None:
    with pytest.raises(Unreadable, match="'amount' is not a whole number"):
        entities.payment(PAYMENT | {"amount": amount})


@pytest.mark.parametrize("flag", [True, "1", 1, None])
def test_captured_comes_as_flag_or_text(flag: object) -> None:
    assert entities.payment(PAYMENT | {"captured": flag}).is_captured


@pytest.mark.parametrize("flag", [False, "0", 0])
def test_a_status_that_its_own_flag_contradicts_is_no_success(flag: object) -> None:
    assert not entities.payment(PAYMENT | {"captured": flag}).is_captured


def test_an_authorisation_that_lapsed_is_called_refunded_but_was_never_taken() -> None:
    lapsed = entities.payment(PAYMENT | {"status": "refunded", "captured": False})
    assert (lapsed.status, lapsed.is_captured) == ("authorized", False)
    assert entities.payment(PAYMENT | {"status": "refunded"}).is_captured


@pytest.mark.parametrize("status", ["created", "authorized", "failed", "something_new"])
def test_only_known_successes_are_successes(status: str) -> None:
    assert not entities.payment(PAYMENT | {"status": status}).is_captured


def test_a_subscription_in_an_unknown_state_is_in_one_that_nothing_follows_from() -> None:
    assert entities.agreement(SUBSCRIPTION | {"status": "something_new"}).status is GatewayStatus.CREATED
    assert entities.agreement(SUBSCRIPTION | {"status": "resumed"}).status is GatewayStatus.ACTIVE


def test_empty_notes_come_as_a_list() -> None:
    assert entities.agreement(SUBSCRIPTION).notes == {}
    assert entities.agreement(SUBSCRIPTION | {"notes": {"a": 1}}).notes == {"a": "1"}


@pytest.mark.parametrize("answer", [None, [], "text", {}, {"id": 5}, {"items": None}])
def test_what_is_not_an_entity_is_not_read(answer: object) -> None:
    for read in (entities.agreement, entities.bill, entities.payment, entities.plan, entities.items):
        with pytest.raises(Unreadable):
            read(answer)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("processed", RefundStatus.PROCESSED),
        ("failed", RefundStatus.FAILED),
        ("requested", RefundStatus.PENDING),
        ("of tomorrow", RefundStatus.PENDING),
    ],
)
def test_a_refund_in_a_state_we_do_not_know_is_under_way(word: str, status: RefundStatus) -> None:
    assert entities.refund(REFUND | {"status": word}).status is status


@pytest.mark.parametrize(
    ("word", "speed"),
    [
        ("normal", ProcessedSpeed.NORMAL),
        ("instant", ProcessedSpeed.INSTANT),
        ("optimum", ProcessedSpeed.INSTANT),
        (None, None),
        ("at walking pace", None),
    ],
)
def test_the_speed_a_refund_had_is_none_until_known(word: str | None, speed: ProcessedSpeed | None) -> None:
    assert entities.refund(REFUND | {"speed_processed": word}).speed_processed is speed


def test_a_refund_that_names_no_speed_was_asked_for_at_the_normal_one() -> None:
    assert entities.refund(REFUND).speed_requested is RefundSpeed.OPTIMUM
    assert entities.refund(REFUND | {"speed_requested": None}).speed_requested is RefundSpeed.NORMAL


@pytest.mark.parametrize("note", ["a\x00b", "", "rfd 7", 7.5, ["rfd_7"]])
def test_a_note_that_cannot_be_an_id_of_ours_is_none(note: object) -> None:
    assert entities.refund(REFUND | {"notes": {REFUND_NOTE: note}}).our_id is None
