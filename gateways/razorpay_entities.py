"""Razorpay's JSON entities, read into ours. Amounts are integer paise, times unix seconds.

Whatever is missing or of another kind than it must be raises Unreadable: money is never guessed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.collection import GatewayInvoice, GatewayPayment, GatewayStatus
from domain.refund import ProcessedSpeed, RefundAtGateway, RefundSpeed, RefundStatus
from gateways.base import SubscriptionAtGateway
from gateways.razorpay_errors import Unreadable
from gateways.razorpay_fields import (
    Entity,
    fields_of,
    integer,
    moment,
    moment_or_none,
    notes,
    text,
    text_or_none,
)
from gateways.razorpay_webhook import REFUND_NOTE, plain_id

_YES, _NO = (True, 1, "1", "true"), (False, 0, "0", "false")
_STATUSES = {status.value: status for status in GatewayStatus} | {"resumed": GatewayStatus.ACTIVE}
"""`resumed` is how some events call what the entity calls active (razorpay.md 2.1)."""
_SETTLED = {status.value: status for status in (RefundStatus.PROCESSED, RefundStatus.FAILED)}
_SPEEDS = {
    "normal": ProcessedSpeed.NORMAL,
    "instant": ProcessedSpeed.INSTANT,
    "optimum": ProcessedSpeed.INSTANT,
}
"""Some samples print the speed asked for where the other stands (razorpay.md 1.8)."""


@dataclass(frozen=True)
class ListedPlan:
    """What is charged per `interval` of `period`."""

    id: str
    period: str
    interval: int
    amount_paise: int
    currency: str
    notes: dict[str, str]


@dataclass(frozen=True)
class Bill:
    """An invoice as listed, before its attempts are known."""

    id: str
    status: str
    subscription_id: str | None
    order_id: str | None
    payment_id: str | None
    cycle_start: datetime | None
    """None on the first bill until the customer has authenticated."""
    amount_paise: int
    currency: str
    paid_at: datetime | None
    created_at: datetime

    @property
    def is_paid(self) -> bool:
        """Razorpay's word for it; the payment says how much."""
        return self.status == "paid"


@dataclass(frozen=True)
class Agreement:
    """A subscription as Razorpay has it."""

    id: str
    status: GatewayStatus
    plan_id: str
    created_at: datetime
    started_at: datetime | None
    charge_at: datetime | None
    paid_count: int
    payment_method: str | None
    checkout_url: str | None
    notes: dict[str, str]

    def as_created(self) -> SubscriptionAtGateway:
        """What the creating side needs of it."""
        return SubscriptionAtGateway(self.id, self.status.value, self.checkout_url, self.created_at)


def items(answer: Any) -> list[Entity]:
    """The entities of a collection."""
    listed = fields_of(answer).get("items")
    if not isinstance(listed, list):
        raise Unreadable("a list without items")
    return [fields_of(each) for each in listed]


def agreement(answer: Any) -> Agreement:
    """A subscription."""
    entity = fields_of(answer)
    return Agreement(
        id=text(entity, "id"),
        status=_status(text(entity, "status")),
        plan_id=text(entity, "plan_id"),
        created_at=moment(entity, "created_at"),
        started_at=moment_or_none(entity, "start_at"),
        charge_at=moment_or_none(entity, "charge_at"),
        paid_count=integer(entity, "paid_count"),
        payment_method=text_or_none(entity, "payment_method"),
        checkout_url=text_or_none(entity, "short_url"),
        notes=notes(entity),
    )


def bill(answer: Any) -> Bill:
    """An invoice."""
    entity = fields_of(answer)
    return Bill(
        id=text(entity, "id"),
        status=text(entity, "status"),
        subscription_id=text_or_none(entity, "subscription_id"),
        order_id=text_or_none(entity, "order_id"),
        payment_id=text_or_none(entity, "payment_id"),
        cycle_start=moment_or_none(entity, "billing_start"),
        amount_paise=integer(entity, "amount"),
        currency=text(entity, "currency"),
        paid_at=moment_or_none(entity, "paid_at"),
        created_at=moment(entity, "created_at"),
    )


def payment(answer: Any) -> GatewayPayment:
    """An attempt to take money."""
    entity = fields_of(answer)
    fee = entity.get("fee")
    return GatewayPayment(
        id=text(entity, "id"),
        status=_payment_status(entity),
        amount_paise=integer(entity, "amount"),
        currency=text(entity, "currency"),
        method=text_or_none(entity, "method") or "",
        attempted_at=moment(entity, "created_at"),
        error_reason=text_or_none(entity, "error_reason"),
        error_description=text_or_none(entity, "error_description"),
        fee_paise=None if fee is None else integer(entity, "fee"),
    )


def bill_id_of_payment(answer: Any) -> str | None:
    """The invoice a payment pays; a mandate's ₹5 authorisation has none (razorpay.md 2.4)."""
    return text_or_none(fields_of(answer), "invoice_id")


def with_attempts(listed: Bill, attempts: Iterable[GatewayPayment], first_cycle: datetime) -> GatewayInvoice:
    """A bill with its attempts, oldest first. `first_cycle` stands for a cycle not begun."""
    return GatewayInvoice(
        id=listed.id,
        status=listed.status,
        cycle_start=listed.cycle_start or first_cycle,
        amount_paise=listed.amount_paise,
        currency=listed.currency,
        payments=tuple(sorted(attempts, key=lambda attempt: (attempt.attempted_at, attempt.id))),
    )


def plan(answer: Any) -> ListedPlan:
    """A plan."""
    entity = fields_of(answer)
    item = fields_of(entity.get("item"))
    return ListedPlan(
        id=text(entity, "id"),
        period=text(entity, "period"),
        interval=integer(entity, "interval"),
        amount_paise=integer(item, "amount"),
        currency=text(item, "currency"),
        notes=notes(entity),
    )


def refund(answer: Any) -> RefundAtGateway:
    """A refund. A status we do not know counts as pending: neither given back nor kept for sure."""
    entity = fields_of(answer)
    optimum = entity.get("speed_requested") == RefundSpeed.OPTIMUM
    return RefundAtGateway(
        id=text(entity, "id"),
        payment_id=text(entity, "payment_id"),
        amount_paise=integer(entity, "amount"),
        currency=text(entity, "currency"),
        status=_SETTLED.get(text(entity, "status"), RefundStatus.PENDING),
        speed_requested=RefundSpeed.OPTIMUM if optimum else RefundSpeed.NORMAL,
        speed_processed=_SPEEDS.get(text_or_none(entity, "speed_processed") or ""),
        our_id=plain_id(notes(entity).get(REFUND_NOTE)),
        created_at=moment(entity, "created_at"),
    )


def _status(word: str) -> GatewayStatus:
    """A state we do not know is read as the one nothing follows from; payments are judged by themselves."""
    return _STATUSES.get(word, GatewayStatus.CREATED)


def _payment_status(entity: Entity) -> str:
    """Taken only if the flag `captured`, a boolean or a text, does not speak against it.

    Razorpay also calls `refunded` an authorisation that lapsed without being captured: that money was
    never ours. What we do not know counts as under way, never as success.
    """
    status, flag = text(entity, "status"), entity.get("captured")
    doubtful = (status == "captured" and flag in _NO) or (status == "refunded" and flag not in _YES)
    return "authorized" if doubtful else status
