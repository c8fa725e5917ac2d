"""Subscriptions and gateway books to decide upon. Times are UTC; ₹999 a month from 31 January 2026."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from domain.collection import (
    CollectionSnapshot,
    GatewayInvoice,
    GatewayPayment,
    GatewayStatus,
)
from domain.periods import Interval, cycle_period
from domain.plans import Price
from domain.subscription import Status, Subscription

PRICE = Price("price_basic", "plan_basic", Interval.MONTHLY, 1, 99_900, tax_inclusive=True)
FREE_PRICE = replace(PRICE, id="price_free", plan_id="plan_free", amount_paise=0)
STARTED = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def subscription(status: Status = Status.ACTIVE, **changes: object) -> Subscription:
    """ACTIVE in its first paid cycle unless said otherwise; what was never paid has no periods."""
    unpaid = status in (Status.CREATED, Status.AUTHENTICATED, Status.EXPIRED)
    usual = Subscription(
        id="sub_1",
        customer_id="cus_1",
        price=PRICE,
        charge_paise=99_900,
        total_count=12,
        created_at=STARTED - HOUR,
        status=status,
        version=5,
        gateway_id="sub_Gateway1",
        started_at=None if unpaid else STARTED,
        paid_cycle=None if unpaid else 0,
        settled=() if unpaid else ("pay_0",),
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


def free(status: Status = Status.ACTIVE) -> Subscription:
    return subscription(
        status, price=FREE_PRICE, charge_paise=0, gateway_id=None, started_at=None, paid_cycle=None
    )


def cycle_start(cycle: int) -> datetime:
    return cycle_period(STARTED, Interval.MONTHLY, cycle).start


def payment(number: str, status: str = "captured", **changes: object) -> GatewayPayment:
    usual = GatewayPayment(
        id=f"pay_{number}",
        status=status,
        amount_paise=99_900,
        currency="INR",
        method="upi",
        attempted_at=STARTED,
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


def bill(cycle: int, *payments: GatewayPayment, status: str = "") -> GatewayInvoice:
    paid = any(each.is_captured for each in payments)
    return GatewayInvoice(
        id=f"inv_{cycle}",
        status=status or ("paid" if paid else "issued"),
        cycle_start=cycle_start(cycle),
        amount_paise=99_900,
        currency="INR",
        payments=payments,
    )


def books(
    status: GatewayStatus,
    *bills: GatewayInvoice,
    read_at: datetime | None = None,
    started_at: datetime | None = STARTED,
) -> CollectionSnapshot:
    """The gateway's books, read an hour into the latest cycle shown unless said otherwise."""
    latest = max((each.cycle_start for each in bills), default=STARTED)
    return CollectionSnapshot(
        status=status,
        read_at=read_at or latest + HOUR,
        started_at=started_at,
        charge_at=None,
        paid_count=sum(any(each.is_captured for each in one.payments) for one in bills),
        invoices=bills,
    )
