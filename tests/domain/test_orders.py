"""What an order at a gateway says: what refunds of it name, and the facts the planner learns."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.debit import AttemptState, State
from domain.orders import Notice, OrderAtGateway, OrderAttempt

AT = datetime(2026, 3, 5, 6, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def attempt(number: int, state: AttemptState) -> OrderAttempt:
    return OrderAttempt(f"at_gateway_{number}", state, 94_282, "UPI_QR", AT, codes=("Z9",))


TRIED = (attempt(1, AttemptState.FAILED), attempt(2, AttemptState.COMPLETED))
PAID = OrderAtGateway("pay_1", "OMO1", State.COMPLETED, "COMPLETED", False, 94_282, "INR", AT + DAY, TRIED)


def test_a_refund_names_our_order_at_phonepe_and_the_payment_at_razorpay() -> None:
    assert PAID.refund_name("phonepe") == "pay_1"
    assert PAID.refund_name("razorpay") == "at_gateway_2"


def test_an_order_that_does_not_say_which_attempt_paid_it_is_named_itself() -> None:
    assert replace(PAID, attempts=()).refund_name("razorpay") == "pay_1"
    assert replace(PAID, attempts=TRIED[:1]).refund_name("razorpay") == "pay_1"


@pytest.mark.parametrize("state", [state for state in State if state is not State.COMPLETED])
def test_only_a_completed_order_has_a_payment(state: State) -> None:
    assert replace(PAID, state=state).payment is None


def test_a_debit_may_be_made_no_longer_than_its_notice_and_its_order_last() -> None:
    notice = Notice(AT, AT + DAY, AT + 2 * DAY)
    fact = replace(PAID, notice=notice, expires_at=AT + 4 * DAY).debit_fact(AT)
    assert (fact.notified_at, fact.valid_from, fact.expires_at) == (AT, AT + DAY, AT + 2 * DAY)
    assert [each.id for each in fact.attempts] == ["at_gateway_1", "at_gateway_2"]
    assert replace(PAID, notice=None).debit_fact(AT).expires_at == AT + DAY
    assert replace(PAID, notice=None, expires_at=None).debit_fact(AT).expires_at is None


def test_a_page_that_nobody_touched_is_open() -> None:
    untouched = replace(PAID, state=State.PENDING, attempts=())
    assert untouched.link_fact(AT).state is State.OPEN
    assert replace(untouched, attempts=TRIED[:1]).link_fact(AT).state is State.PENDING
    assert PAID.link_fact(AT).state is State.COMPLETED
