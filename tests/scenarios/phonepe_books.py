"""The other half of the oracle: PhonePe's books, where we own the charge clock.

PhonePe knows orders and mandates and nothing of cycles, so what a debit was for is what was announced of it;
days are counted again here. The law is that of phonepe.md 3.4 and 3.5.
"""

import calendar
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from db import models

if TYPE_CHECKING:
    from tests.scenarios.oracle import Books

Record = dict[str, Any]
INDIA = ZoneInfo("Asia/Kolkata")
DAY, RETRY_GAP, TRIES = 86_400, 5_400, 4
_MONTHS = {"monthly": 1, "annual": 12}
_ALIKE = {
    "ACTIVE": "active",
    "PAUSED": "paused",
    "CANCELLED": "revoked",
    "REVOKED": "revoked",
    "EXPIRED": "expired",
    "FAILED": "failed",
}
"""PhonePe's word for a mandate's state, and ours."""


def captures(orders: list[Record]) -> Iterator[tuple[str, Record, Record]]:
    """Every paid order as the oracle wants it: our id, the payment, and for a bill what little there is."""
    for order in orders:
        if order["captured_paise"]:
            payment = {
                "id": order["merchantOrderId"],
                "amount": order["captured_paise"],
                "currency": "INR",
                "amount_refunded": order["refunded_paise"],
                "refunds": [_refund(each) for each in order["refunds"]],
            }
            yield payment["id"], payment, {"id": payment["id"], "cycle": None}


def _refund(refund: Record) -> Record:
    status = {"COMPLETED": "processed", "FAILED": "failed"}.get(refund["state"], "pending")
    return {"id": refund["merchantRefundId"], "amount": refund["amount"], "status": status}


def period_of(subscription: models.Subscription, interval: str, cycle: int) -> tuple[datetime, datetime]:
    """When a cycle begins and ends: on the day of the month on which the first payment was made."""
    assert subscription.started_at is not None
    first = subscription.started_at.astimezone(INDIA).date()
    start = subscription.started_at if cycle == 0 else _begins(first, cycle * _MONTHS[interval])
    return start, _begins(first, (cycle + 1) * _MONTHS[interval])


def _begins(first: date, months: int) -> datetime:
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    day = date(year, month + 1, min(first.day, last))
    return datetime.combine(day, time.min, INDIA).astimezone(UTC)


def agree(books: "Books", *, same_state: bool) -> None:
    """All of the below."""
    orders_are_paid_once(books)
    debits_are_lawful(books)
    cycles_are_paid_once(books)
    what_nobody_owed_went_back(books)
    one_page_at_a_time(books)
    if same_state:
        mandates_are_alike(books)


def _debits(books: "Books") -> Iterator[tuple[Record, models.OutboxEvent]]:
    """Every order on a mandate, with what its payer was told."""
    told = {event.data["order_id"]: event for event in books.events if event.type == "debit.announced"}
    for order in books.orders:
        if order["kind"] != "redemption":
            continue
        announced = told.get(order["merchantOrderId"])
        if announced is None:
            # Its notice failed at once, or nobody learned that it was given: then nothing was debited.
            assert not order["attempts"], order
            continue
        yield order, announced


def orders_are_paid_once(books: "Books") -> None:
    """Whatever became of it, an order is never paid twice."""
    assert [order for order in books.orders if order["captures"] > 1] == []


def debits_are_lawful(books: "Books") -> None:
    """Announced a day before, not before it is due, as announced, in lawful hours, never too often."""
    caps = {each["merchantSubscriptionId"]: each["maxAmount"] for each in books.mandates}
    for order, announced in _debits(books):
        tries = order["attempts"]
        assert order["amount"] == announced.data["amount_paise"] <= caps[order["merchantSubscriptionId"]]
        assert len(tries) <= TRIES, order
        subscription = books.subscriptions[str(announced.subscription_id)]
        interval = books.intervals[subscription.price_id]
        begins, _ = period_of(subscription, interval, announced.data["cycle"])
        for each in tries:
            assert each["began"] >= begins.timestamp(), order
            assert order["notifiedAt"] is not None, order
            assert each["began"] >= order["notifiedAt"] // 1000 + DAY, order
            assert each["amount"] == order["amount"], order
            assert each["off_peak"], order
        for earlier, later in pairwise(tries):
            assert later["began"] >= earlier["ended"] + RETRY_GAP, order


def cycles_are_paid_once(books: "Books") -> None:
    """At most one debit of a cycle succeeds, and no second notice stands beside one that may be debited."""
    of_cycle: dict[tuple[str | None, int], list[Record]] = defaultdict(list)
    for order, announced in _debits(books):
        of_cycle[announced.subscription_id, announced.data["cycle"]].append(order)
    for cycle, orders in of_cycle.items():
        assert sum(order["captures"] for order in orders) <= 1, cycle
        for earlier, later in pairwise(sorted(orders, key=lambda order: order["created_at"])):
            began = [each["began"] for each in earlier["attempts"]]
            assert not began or max(began) < later["created_at"], cycle
    booked = Counter(
        (payment.subscription_id, payment.cycle)
        for payment in books.payments.values()
        if payment.status == "captured"
    )
    assert all(number == 1 for number in booked.values()), booked


def what_nobody_owed_went_back(books: "Books") -> None:
    """Money that was set aside here goes back by itself, all of it."""
    ours = {each.gateway_payment_id: each for each in books.quarantined if each.gateway == "phonepe"}
    for order in books.orders:
        if order["merchantOrderId"] in ours:
            assert order["refunded_paise"] == order["captured_paise"], order


def one_page_at_a_time(books: "Books") -> None:
    """Nobody could open a second page of a checkout or link while an earlier one could still be paid."""
    orders = {order["merchantOrderId"]: order for order in books.orders}
    subjects: dict[str, list[Record]] = defaultdict(list)
    for page in sorted(books.pages, key=lambda page: page.attempt):
        if page.url is not None:
            subjects[page.subject].append(orders[page.order_id])
    for subject, opened in subjects.items():
        for earlier, later in pairwise(opened):
            # Unless PhonePe itself called it over, wrongly: what then came of it went back.
            if not earlier["captured_paise"] or earlier["refunded_paise"] < earlier["captured_paise"]:
                assert earlier["closed_at"] is not None, subject
                assert earlier["closed_at"] <= later["created_at"], subject


def mandates_are_alike(books: "Books") -> None:
    """Ours stand as theirs do, and none that may be debited is left behind by what has ended."""
    ours = {each.id: each for each in books.our_mandates}
    for theirs in books.mandates:
        name, state = theirs["merchantSubscriptionId"], theirs["state"]
        mine = ours.get(name)
        if state in ("ACTIVE", "PAUSED"):
            assert mine is not None, theirs
            subscription = books.subscriptions[mine.subscription_id]
            assert mine.in_use, theirs
            assert subscription.status not in ("CANCELLED", "COMPLETED", "EXPIRED"), theirs
        if mine is not None and mine.in_use:
            assert mine.status == _ALIKE[state], (mine.status, theirs)


def earlier_attempts(orders: Iterable[Record]) -> set[str]:
    """Those on a notice that another followed on: on our books, though nobody is told of them."""
    return {each["transactionId"] for order in orders for each in order["attempts"][:-1]}


def attempts(orders: Iterable[Record]) -> set[str]:
    """Names under which a failed attempt may be on our books; where nothing was tried, the order's."""
    found = set()
    for order in orders:
        found |= {order["merchantOrderId"], *(each["transactionId"] for each in order["attempts"])}
    return found
