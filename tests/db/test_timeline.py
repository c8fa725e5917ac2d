from datetime import timedelta
from typing import Any

import pytest

from db import inbox, outbox
from db.models import Notification
from db.session import Database
from db.timeline import TimelineEntry, timeline
from db.wording import event_told, reason_told
from domain.events import EventType
from tests.db.rows import NOON, add, customer, payment, subscription


@pytest.fixture
async def subscribed(database: Database) -> Database:
    await add(database, customer(), subscription(gateway_subscription_id="sub_rzp_1"))
    return database


async def announce(database: Database, event: EventType, day: int = 0, **data: Any) -> None:
    async with database.transaction() as session:
        await outbox.append(
            session,
            key=f"{event}/{day}",
            type=event,
            customer_id="cus_1",
            subscription_id="sub_1",
            occurred_at=NOON + timedelta(days=day),
            data={"subscription_id": "sub_1", **data},
            sinks=[],
        )


async def call(database: Database, event_id: str, **values: Any) -> None:
    async with database.transaction() as session:
        await inbox.store(
            session,
            source="razorpay",
            event_id=event_id,
            event_type="subscription.charged",
            body=event_id.encode(),
            **values,
        )


async def told(database: Database, **options: Any) -> list[TimelineEntry]:
    async with database.reading() as session:
        return await timeline(session, "sub_1", **options)


def lines(story: list[TimelineEntry]) -> list[tuple[str, str]]:
    return [(entry.title, entry.detail) for entry in story]


async def test_a_first_month_reads_as_a_story(subscribed: Database) -> None:
    money: dict[str, Any] = {
        "amount_paise": 499900,
        "invoice_number": "BH26-27/000001",
        "invoice_id": "inv_1",
        "cycle": 0,
    }
    period: dict[str, Any] = {"period_start": NOON.isoformat(), "period_end": "2026-05-09T18:30:00+00:00"}
    await announce(
        subscribed,
        EventType.SUBSCRIPTION_CREATED,
        plan_id="plan_pro",
        charge_paise=499900,
        interval="monthly",
        actor="customer",
    )
    await announce(subscribed, EventType.CHECKOUT_OPENED, checkout_url="https://rzp.io/i/a")
    await call(subscribed, "evt_1", gateway_subscription_id="sub_rzp_1")
    async with subscribed.transaction() as session:
        (entry,) = await inbox.claim_due(session, 1)
        await inbox.mark(session, entry.id, "signalled", "sub_1")
    await announce(subscribed, EventType.PAYMENT_CAPTURED, gateway_payment_id="pay_1", method="upi", **money)
    await announce(subscribed, EventType.SUBSCRIPTION_ACTIVATED, **money, **period)
    await announce(subscribed, EventType.INVOICE_ISSUED, **money)
    await announce(subscribed, EventType.ENTITLEMENT_CHANGED, granted=True, plan_id="plan_pro")
    await add(subscribed, payment("1"))

    story = await told(subscribed)
    assert lines(story) == [
        ("Subscription asked for", "Pro, ₹4,999.00 a month with tax. By customer."),
        ("Checkout page opened", "The customer pays at https://rzp.io/i/a"),
        (
            "Razorpay reported subscription.charged",
            "Handed on; the subscription then reads the gateway's books.",
        ),
        ("₹4,999.00 received", "By UPI. Invoice BH26-27/000001."),
        ("Subscription active", "Paid from 10 Apr 2026 to 9 May 2026. Invoice BH26-27/000001."),
        ("Invoice BH26-27/000001 issued", "Over ₹4,999.00."),
        ("Access to Pro given", ""),
    ]
    assert [entry.amount_paise for entry in story] == [None, None, None, 499900, 499900, 499900, None]
    assert [entry.reference for entry in story[2:5]] == ["evt_1", "pay_1", "BH26-27/000001"]
    assert story[0].at == NOON


async def test_a_failed_renewal_says_why_and_what_follows(subscribed: Database) -> None:
    failed: dict[str, Any] = {
        "reason": "insufficient_funds",
        "cycle": 1,
        "amount_paise": 499900,
        "method": "card",
    }
    await announce(subscribed, EventType.PAYMENT_FAILED, 30, rung=1, gateway_payment_id="pay_2", **failed)
    await announce(subscribed, EventType.SUBSCRIPTION_PAST_DUE, 30, **failed)
    await announce(subscribed, EventType.PAYMENT_FAILED, 31, rung=2, gateway_payment_id="pay_3", **failed)
    await announce(subscribed, EventType.SUBSCRIPTION_HALTED, 33, reason="retries exhausted")
    assert lines(await told(subscribed)) == [
        (
            "₹4,999.00 could not be collected",
            "Because: not enough money in the account. By card.",
        ),
        (
            "Renewal overdue",
            "Because: not enough money in the account. "
            "The gateway tries again on the next days; access stays meanwhile.",
        ),
        (
            "₹4,999.00 could not be collected (attempt 2)",
            "Because: not enough money in the account. By card.",
        ),
        (
            "Subscription halted",
            "No attempt is left: Free plan until the customer gives a new payment method. "
            "Because: retries exhausted.",
        ),
    ]


async def test_payments_no_event_told_of_are_told_by_themselves(subscribed: Database) -> None:
    await add(
        subscribed,
        payment("1", status="failed", reason="card_expired", method="card"),
        payment("2", status="quarantined", reason="paid 1 paise, expected 499900 paise", amount_paise=1),
        payment("3", status="quarantined", reason="paid in USD, expected INR", currency="USD"),
    )
    await announce(subscribed, EventType.PAYMENT_FAILED, gateway_payment_id="pay_1", reason="card_expired")
    assert lines(await told(subscribed)) == [
        ("₹0.01 set aside", "Because: paid 1 paise, expected 499900 paise. By UPI."),
        ("A payment in USD set aside", "Because: paid in USD, expected INR. By UPI."),
        ("A payment could not be collected", "Because: the card has expired."),
    ]


async def test_messages_say_whether_they_reached_the_customer(subscribed: Database) -> None:
    def message(number: int, status: str, **values: Any) -> Notification:
        return Notification(
            id=f"ntf_{number}",
            cause=f"cause {number}",
            kind="payment_failed",
            customer_id="cus_1",
            subscription_id="sub_1",
            channel="smtp",
            status=status,
            created_at=NOON + timedelta(minutes=number),
            **values,
        )

    await add(
        subscribed,
        message(1, "sent", sent_at=NOON + timedelta(minutes=1)),
        message(2, "failed", last_error="550 no such mailbox"),
        message(3, "unknown"),
    )
    assert lines(await told(subscribed)) == [
        ("Customer was told: payment failed", "By e-mail."),
        ("Customer could not be told: payment failed", "By e-mail. 550 no such mailbox."),
        ("Customer was perhaps told: payment failed", "By e-mail."),
    ]


async def test_a_call_that_still_waits_is_told_of(subscribed: Database) -> None:
    await call(subscribed, "evt_1", gateway_subscription_id="sub_rzp_1")
    await call(subscribed, "evt_2", gateway_subscription_id="sub_rzp_other")
    await call(subscribed, "evt_3")
    assert lines(await told(subscribed)) == [
        ("Razorpay reported subscription.charged", "Not handed on yet."),
    ]


async def test_the_customer_is_not_told_who_of_us_did_it_nor_of_calls(subscribed: Database) -> None:
    by_asha: dict[str, Any] = {"actor": "operator:asha", "reason": "asked for by the operator:asha"}
    await announce(subscribed, EventType.SUBSCRIPTION_PAUSED, **by_asha)
    await call(subscribed, "evt_1", gateway_subscription_id="sub_rzp_1")
    assert lines(await told(subscribed))[0] == (
        "Subscription paused",
        "Because: asked for by the operator:asha.",
    )
    assert lines(await told(subscribed, for_operators=False)) == [
        ("Subscription paused", "Because: asked for by the operator."),
    ]


async def test_what_the_portal_said_of_an_e_invoice_is_for_operators(subscribed: Database) -> None:
    told_of: dict[str, Any] = {"document_number": "BH26-27/000001", "refusal": "the portal refuses: 2295"}
    await announce(subscribed, EventType.E_INVOICE_REFUSED, **told_of)
    title = "Invoice BH26-27/000001 not registered as an e-invoice"
    assert lines(await told(subscribed)) == [(title, "The portal refuses: 2295.")]
    assert lines(await told(subscribed, for_operators=False)) == [(title, "")]


async def test_what_is_written_down_later_comes_later_whatever_time_it_shows(subscribed: Database) -> None:
    """A test clock may show a year ahead of the calls that reach us today."""
    await announce(subscribed, EventType.SUBSCRIPTION_RENEWED, 365)
    await call(subscribed, "evt_1", gateway_subscription_id="sub_rzp_1")
    await announce(subscribed, EventType.SUBSCRIPTION_RENEWED, 396)
    assert [entry.kind for entry in await told(subscribed)] == [
        "subscription.renewed",
        "webhook.subscription.charged",
        "subscription.renewed",
    ]


async def test_an_unknown_subscription_has_no_story(database: Database) -> None:
    assert await told(database) == []


@pytest.mark.parametrize("event", EventType)
def test_every_event_can_be_told_with_and_without_its_data(event: EventType) -> None:
    full = {
        "plan_id": "plan_pro",
        "charge_paise": 499900,
        "interval": "annual",
        "amount_paise": 499900,
        "invoice_number": "BH26-27/000001",
        "gateway_payment_id": "pay_1",
        "reason": "card_expired",
        "rung": 3,
        "cycle": 2,
        "period_start": "2026-04-10T06:30:00+00:00",
        "period_end": "2026-05-09T18:30:00+00:00",
        "access_until": "2026-05-09T18:30:00+00:00",
        "method": "card",
        "checkout_url": "https://rzp.io/i/a",
        "actor": "customer",
        "uncollected_cycles": 2,
        "granted": False,
        "month": "2026-11",
        "used_percent": 83,
        "budget_paise": 450000,
        "wallet_paise": 1000,
    }
    for data in (full, {}, dict.fromkeys(full)):
        title, detail = event_told(event, data)
        assert title[0].isupper() or title[0] == "₹"
        assert "None" not in title + detail
        assert "_" not in title + detail.replace("https://rzp.io/i/a", "")


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("insufficient_funds", "not enough money in the account"),
        ("mandate_debit_beyond_psp_amount_cap", "mandate debit beyond psp amount cap"),
        ("paid 1 paise, expected 2 paise", "paid 1 paise, expected 2 paise"),
    ],
)
def test_reasons_are_told_in_words(reason: str, words: str) -> None:
    assert reason_told(reason) == words
