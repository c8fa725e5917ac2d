"""Reading Razorpay's orders, links and tokens: junk is refused, odd words are pending, money speaks first."""

from datetime import UTC, datetime
from typing import Any

import pytest

from domain.debit import AttemptState, State
from domain.errors import GatewayUnavailable
from domain.mandate import MandateKind, MandateStatus
from gateways import razorpay_orders as orders
from gateways.razorpay_books import shown_in_full
from gateways.razorpay_errors import Unreadable

LINK = {
    "id": "inv_1",
    "status": "issued",
    "amount": 49_900,
    "currency": "INR",
    "short_url": "https://pay.example/i/a",
    "receipt": "set_1",
    "order_id": "order_1",
    "payment_id": None,
    "expire_by": 1771307400,
    "created_at": 1770702635,
    "notes": [],
}
ORDER = {
    "id": "order_1",
    "status": "created",
    "amount": 49_900,
    "currency": "INR",
    "receipt": "deb_1",
    "notes": [],
    "notification": {"id": "notification_1"},
    "created_at": 1770702635,
}
PAYMENT = {
    "id": "pay_1",
    "status": "captured",
    "captured": True,
    "amount": 49_900,
    "currency": "INR",
    "method": "upi",
    "token_id": "token_1",
    "customer_id": "cust_1",
    "acquirer_data": {"rrn": "604112907731"},
    "created_at": 1770702730,
}
TOKEN = {
    "id": "token_1",
    "method": "upi",
    "recurring_details": {"status": "confirmed", "failure_reason": None},
    "max_amount": 500_000,
    "expired_at": 1928383000,
}


def paid(**changes: Any) -> orders.Paid:
    return orders.paid(PAYMENT | changes)


@pytest.mark.parametrize("word", ["expired", "cancelled", "issued", "never heard of"])
def test_a_captured_payment_completes_whatever_its_link_is_called(word: str) -> None:
    link = orders.registration(LINK | {"status": word})
    order = orders.link_order(link, "set_1", [paid()])
    assert (order.state, order.amount_paise) == (State.COMPLETED, 49_900)
    assert order.payment is not None
    assert order.payment.reference == "604112907731"


def test_a_payment_given_back_was_captured_and_a_lapsed_authorisation_was_not() -> None:
    assert paid(status="refunded").attempt.state is AttemptState.COMPLETED
    assert paid(status="refunded", captured=False).attempt.state is AttemptState.PENDING
    for word in ("created", "authorized", "under_review"):
        assert paid(status=word, captured=False).attempt.state is AttemptState.PENDING


def test_the_failure_that_is_a_success_is_one_only_where_nothing_was_to_be_paid() -> None:
    failed = {"status": "failed", "captured": False, "error_reason": "upi_dummy_payment"}
    assert paid(**failed, amount=0).attempt.state is AttemptState.COMPLETED
    assert paid(**failed).attempt.state is AttemptState.FAILED


@pytest.mark.parametrize(
    ("changes", "state", "strange"),
    [
        ({}, State.NOTIFYING, False),
        ({"notification": []}, State.NOTIFYING, False),
        ({"notification": {"status": "delivered", "delivered_at": 1770702700}}, State.NOTIFIED, False),
        ({"notification": {"delivered_at": 1770702700}}, State.NOTIFIED, False),
        ({"notification": {"status": "failed"}}, State.FAILED, False),
        ({"notification": {"status": "lost at sea"}}, State.PENDING, True),
        ({"status": "frozen"}, State.PENDING, True),
    ],
)
def test_an_announced_debit_is_where_its_notice_is(
    changes: dict[str, Any], state: State, strange: bool
) -> None:
    order = orders.debit(orders.debit_order(ORDER | changes), "deb_1", [])
    assert (order.state, order.is_strange) == (state, strange)


def test_what_is_called_paid_without_a_payment_to_show_is_looked_at_again() -> None:
    order = orders.debit(orders.debit_order(ORDER | {"status": "paid"}), "deb_1", [])
    with pytest.raises(GatewayUnavailable, match="look again"):
        shown_in_full(order, attempted=False, paid=True)


@pytest.mark.parametrize(
    ("word", "status", "strange"),
    [
        ("initiated", MandateStatus.CREATED, False),
        ("confirmed", MandateStatus.ACTIVE, False),
        ("paused", MandateStatus.PAUSED, False),
        ("cancellation_initiated", MandateStatus.REVOKED, False),
        ("cancelled", MandateStatus.REVOKED, False),
        ("rejected", MandateStatus.FAILED, False),
        ("resurrected", MandateStatus.CREATED, True),
    ],
)
def test_a_tokens_word_is_its_status(word: str, status: MandateStatus, strange: bool) -> None:
    found = orders.token(TOKEN | {"recurring_details": {"status": word}}, "man_1")
    assert (found.mandate.status, found.word, found.is_strange) == (status, word, strange)
    assert found.mandate.valid_until == datetime.fromtimestamp(1928383000, UTC)


@pytest.mark.parametrize("most", [None, "500000", True, -1, 12.5])
def test_a_token_that_does_not_say_how_much_allows_nothing(most: object) -> None:
    found = orders.token(TOKEN | {"max_amount": most, "expired_at": "soon"}, "man_1")
    assert (found.mandate.max_amount_paise, found.mandate.valid_until) == (0, None)
    assert orders.token(TOKEN | {"method": "nach"}, "man_1").mandate.kind is MandateKind.BANK


@pytest.mark.parametrize("junk", [None, [], "x", 7, {}, {"id": ""}, {"id": "a", "status": 5}])
def test_junk_is_refused(junk: object) -> None:
    for read in (orders.registration, orders.payment_link, orders.debit_order, orders.paid):
        with pytest.raises(Unreadable):
            read(junk)
    with pytest.raises(Unreadable):
        orders.token(junk, "man_1")


@pytest.mark.parametrize("amount", [None, "49900", 499.0, True])
def test_money_is_never_guessed(amount: object) -> None:
    for read, entity in (
        (orders.registration, LINK),
        (orders.payment_link, LINK),
        (orders.debit_order, ORDER),
        (orders.paid, PAYMENT),
    ):
        with pytest.raises(Unreadable, match="'amount'"):
            read(entity | {"amount": amount})


def test_payments_that_a_link_lists_oddly_are_left_out() -> None:
    listed = [{"payment_id": "pay_1"}, {"payment_id": "../x"}, 5, None]
    link = orders.payment_link(LINK | {"reference_id": "pay_1", "payments": listed, "expire_by": 0})
    assert (link.payment_ids, link.expires_at) == (("pay_1",), None)
    assert orders.payment_links({"payment_links": [LINK]}) == {"items": [LINK]}
