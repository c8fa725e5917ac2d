"""Razorpay's JSON entities, read into ours. Amounts are integer paise, times unix seconds.

Whatever is missing or of another kind than it must be raises Unreadable: money is never guessed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from domain.collection import GatewayInvoice, GatewayPayment, GatewayStatus
from domain.refund import ProcessedSpeed, RefundAtGateway, RefundSpeed, RefundStatus
from gateways.base import SubscriptionAtGateway
from gateways.razorpay_errors import Unreadable
from gateways.razorpay_webhook import REFUND_NOTE, plain_id

Entity = dict[str, Any]

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
    listed = _entity(answer).get("items")
    if not isinstance(listed, list):
        raise Unreadable("a list without items")
    return [_entity(each) for each in listed]


def agreement(answer: Any) -> Agreement:
    """A subscription."""
    entity = _entity(answer)
    return Agreement(
        id=_text(entity, "id"),
        status=_status(_text(entity, "status")),
        plan_id=_text(entity, "plan_id"),
        created_at=_moment(entity, "created_at"),
        started_at=_moment_or_none(entity, "start_at"),
        charge_at=_moment_or_none(entity, "charge_at"),
        paid_count=_integer(entity, "paid_count"),
        payment_method=_text_or_none(entity, "payment_method"),
        checkout_url=_text_or_none(entity, "short_url"),
        notes=_notes(entity),
    )


def bill(answer: Any) -> Bill:
    """An invoice."""
    entity = _entity(answer)
    return Bill(
        id=_text(entity, "id"),
        status=_text(entity, "status"),
        subscription_id=_text_or_none(entity, "subscription_id"),
        order_id=_text_or_none(entity, "order_id"),
        payment_id=_text_or_none(entity, "payment_id"),
        cycle_start=_moment_or_none(entity, "billing_start"),
        amount_paise=_integer(entity, "amount"),
        currency=_text(entity, "currency"),
        paid_at=_moment_or_none(entity, "paid_at"),
        created_at=_moment(entity, "created_at"),
    )


def payment(answer: Any) -> GatewayPayment:
    """An attempt to take money."""
    entity = _entity(answer)
    fee = entity.get("fee")
    return GatewayPayment(
        id=_text(entity, "id"),
        status=_payment_status(entity),
        amount_paise=_integer(entity, "amount"),
        currency=_text(entity, "currency"),
        method=_text_or_none(entity, "method") or "",
        attempted_at=_moment(entity, "created_at"),
        error_reason=_text_or_none(entity, "error_reason"),
        error_description=_text_or_none(entity, "error_description"),
        fee_paise=None if fee is None else _integer(entity, "fee"),
    )


def bill_id_of_payment(answer: Any) -> str | None:
    """The invoice a payment pays; a mandate's ₹5 authorisation has none (razorpay.md 2.4)."""
    return _text_or_none(_entity(answer), "invoice_id")


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
    entity = _entity(answer)
    item = _entity(entity.get("item"))
    return ListedPlan(
        id=_text(entity, "id"),
        period=_text(entity, "period"),
        interval=_integer(entity, "interval"),
        amount_paise=_integer(item, "amount"),
        currency=_text(item, "currency"),
        notes=_notes(entity),
    )


def refund(answer: Any) -> RefundAtGateway:
    """A refund. A status we do not know counts as pending: neither given back nor kept for sure."""
    entity = _entity(answer)
    optimum = entity.get("speed_requested") == RefundSpeed.OPTIMUM
    return RefundAtGateway(
        id=_text(entity, "id"),
        payment_id=_text(entity, "payment_id"),
        amount_paise=_integer(entity, "amount"),
        currency=_text(entity, "currency"),
        status=_SETTLED.get(_text(entity, "status"), RefundStatus.PENDING),
        speed_requested=RefundSpeed.OPTIMUM if optimum else RefundSpeed.NORMAL,
        speed_processed=_SPEEDS.get(_text_or_none(entity, "speed_processed") or ""),
        our_id=plain_id(_notes(entity).get(REFUND_NOTE)),
        created_at=_moment(entity, "created_at"),
    )


def _notes(entity: Entity) -> dict[str, str]:
    """Our own pairs; Razorpay writes empty ones as a list (razorpay.md 1.0)."""
    pairs = entity.get("notes")
    return {str(name): str(value) for name, value in pairs.items()} if isinstance(pairs, dict) else {}


def _status(word: str) -> GatewayStatus:
    """A state we do not know is read as the one nothing follows from; payments are judged by themselves."""
    return _STATUSES.get(word, GatewayStatus.CREATED)


def _payment_status(entity: Entity) -> str:
    """Taken only if the flag `captured`, a boolean or a text, does not speak against it.

    Razorpay also calls `refunded` an authorisation that lapsed without being captured: that money was
    never ours. What we do not know counts as under way, never as success.
    """
    status, flag = _text(entity, "status"), entity.get("captured")
    doubtful = (status == "captured" and flag in _NO) or (status == "refunded" and flag not in _YES)
    return "authorized" if doubtful else status


def _entity(answer: Any) -> Entity:
    if not isinstance(answer, dict):
        raise Unreadable(f"expected an object, found {type(answer).__name__}")
    return answer


def _text(entity: Entity, name: str) -> str:
    value = entity.get(name)
    if not isinstance(value, str) or not value:
        raise Unreadable(f"'{name}' is not a text")
    return value


def _text_or_none(entity: Entity, name: str) -> str | None:
    value = entity.get(name)
    return value if isinstance(value, str) and value else None


def _integer(entity: Entity, name: str) -> int:
    value = entity.get(name)
    if type(value) is not int:
        raise Unreadable(f"'{name}' is not a whole number")
    return value


def _moment(entity: Entity, name: str) -> datetime:
    return datetime.fromtimestamp(_integer(entity, name), UTC)


def _moment_or_none(entity: Entity, name: str) -> datetime | None:
    return None if entity.get(name) is None else _moment(entity, name)
