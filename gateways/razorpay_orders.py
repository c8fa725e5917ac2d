"""Razorpay's orders, registration links, tokens and payment links, read into ours (razorpay.md 1.6 to 1.10).

Money speaks first: a captured payment completes what it pays, whatever else is said of it. States are
open: a word nobody knew is read as pending.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from domain.debit import AttemptState, State
from domain.mandate import Mandate, MandateKind, MandateStatus
from domain.orders import MandateAtGateway, Notice, OrderAtGateway, OrderAttempt
from gateways import razorpay_entities as entities
from gateways.razorpay_fields import (
    Entity,
    fields_of,
    integer,
    mapping,
    moment,
    notes,
    text,
    text_or_none,
    told_moment,
)
from gateways.razorpay_requests import CUSTOMER_NOTE, TOKEN_NOTE
from gateways.razorpay_webhook import MANDATE_NOTE, plain_id

_DUMMY = "upi_dummy_payment"
"""How the failure is called that is none: a UPI mandate given for nothing (razorpay.md 1.9)."""
_UNTOLD = "pre_debit_notification_not_sent"
_LINKS = {
    "draft": State.PENDING,
    "issued": State.PENDING,
    "created": State.PENDING,
    "partially_paid": State.PENDING,
    "paid": State.COMPLETED,
    "expired": State.EXPIRED,
    "cancelled": State.EXPIRED,
    "deleted": State.EXPIRED,
}
"""Of registration links and payment links. One that was cancelled has run out early; nobody failed."""
_UNGIVEN = {State.EXPIRED: MandateStatus.EXPIRED}
_ORDERS = ("created", "attempted", "paid")
_NOTICES = {"delivered": State.NOTIFIED, "failed": State.FAILED}
_NOT_YET_TOLD = (None, "created", "initiated", "pending", "sent")
_TOKENS = {
    "initiated": MandateStatus.CREATED,
    "confirmed": MandateStatus.ACTIVE,
    "paused": MandateStatus.PAUSED,
    "rejected": MandateStatus.FAILED,
    "cancellation_initiated": MandateStatus.REVOKED,
    "cancelled": MandateStatus.REVOKED,
    "expired": MandateStatus.EXPIRED,
}
_KINDS = {"upi": MandateKind.UPI, "card": MandateKind.CARD}
_NUMBERS = ("rrn", "bank_transaction_id", "utr")


@dataclass(frozen=True)
class Paid:
    """A payment of an order, with the token it made or used."""

    attempt: OrderAttempt
    token_id: str | None
    customer_id: str | None


@dataclass(frozen=True)
class Link:
    """A registration link, which is an invoice, or a payment link."""

    id: str
    order_id: str | None
    """Razorpay's; payment links need not tell it."""
    word: str
    amount_paise: int
    currency: str
    url: str | None
    expires_at: datetime | None
    payment_ids: tuple[str, ...]
    """Of what paid it, as far as it says."""
    name: str
    """Its receipt or reference id."""
    mandate_id: str | None
    """Ours, of a registration link."""
    created_at: datetime

    @property
    def is_paid(self) -> bool:
        """Razorpay's word for it; the payment says how much."""
        return _LINKS.get(self.word) is State.COMPLETED

    @property
    def is_over(self) -> bool:
        """It cannot be paid any more."""
        return _LINKS.get(self.word) in (State.COMPLETED, State.EXPIRED)


@dataclass(frozen=True)
class DebitOrder:
    """An order that debits a token, with its notice."""

    id: str
    word: str
    amount_paise: int
    currency: str
    name: str
    """Its receipt."""
    mandate_id: str | None
    token_id: str | None
    customer_id: str | None
    told: str | None
    """Razorpay's word for its notice."""
    notice: Notice
    created_at: datetime


def registration(answer: Any) -> Link:
    """A registration link."""
    entity = fields_of(answer)
    payment_id = text_or_none(entity, "payment_id")
    return _link(entity, text_or_none(entity, "receipt"), (payment_id,) if payment_id else ())


def payment_link(answer: Any) -> Link:
    """A payment link."""
    entity = fields_of(answer)
    listed = entity.get("payments")
    paid = [mapping(each) for each in listed] if isinstance(listed, list) else []
    ids = (plain_id(each.get("payment_id")) for each in paid)
    return _link(entity, text_or_none(entity, "reference_id"), tuple(each for each in ids if each))


def payment_links(answer: Any) -> Entity:
    """A list of payment links in the form of the other lists (razorpay.md 1.10)."""
    entity = fields_of(answer)
    return {"items": entity.get("payment_links", entity.get("items"))}


def _link(entity: Entity, name: str | None, payment_ids: tuple[str, ...]) -> Link:
    return Link(
        id=text(entity, "id"),
        order_id=text_or_none(entity, "order_id"),
        word=text(entity, "status"),
        amount_paise=integer(entity, "amount"),
        currency=text(entity, "currency"),
        url=text_or_none(entity, "short_url"),
        expires_at=told_moment(entity, "expire_by"),
        payment_ids=payment_ids,
        name=name or "",
        mandate_id=plain_id(notes(entity).get(MANDATE_NOTE)),
        created_at=moment(entity, "created_at"),
    )


def debit_order(answer: Any) -> DebitOrder:
    """An order."""
    entity = fields_of(answer)
    told, ours = mapping(entity.get("notification")), notes(entity)
    delivered, after = told_moment(told, "delivered_at"), told_moment(told, "payment_after")
    return DebitOrder(
        id=text(entity, "id"),
        word=text(entity, "status"),
        amount_paise=integer(entity, "amount"),
        currency=text(entity, "currency"),
        name=text_or_none(entity, "receipt") or "",
        mandate_id=plain_id(ours.get(MANDATE_NOTE)),
        token_id=plain_id(ours.get(TOKEN_NOTE)),
        customer_id=plain_id(ours.get(CUSTOMER_NOTE)),
        told=text_or_none(told, "status") or ("delivered" if delivered else None),
        notice=Notice(delivered, after, None),
        created_at=moment(entity, "created_at"),
    )


def paid(answer: Any) -> Paid:
    """A payment."""
    entity = fields_of(answer)
    seen = entities.payment(entity)
    states = {"failed": AttemptState.FAILED}
    acquirer = mapping(entity.get("acquirer_data"))
    numbers = (text_or_none(acquirer, name) for name in _NUMBERS)
    attempt = OrderAttempt(
        id=seen.id,
        state=AttemptState.COMPLETED if seen.is_captured else states.get(seen.status, AttemptState.PENDING),
        amount_paise=seen.amount_paise,
        method=seen.method,
        attempted_at=seen.attempted_at,
        reference=next((number for number in numbers if number), None),
        codes=(seen.error_reason,) if seen.error_reason else (),
    )
    if attempt.codes == (_DUMMY,) and attempt.amount_paise == 0:
        attempt = OrderAttempt(attempt.id, AttemptState.COMPLETED, 0, attempt.method, attempt.attempted_at)
    return Paid(attempt, text_or_none(entity, "token_id"), text_or_none(entity, "customer_id"))


def debit_attempt(answer: Any) -> str | None:
    """The payment that a debit started, where the answer says."""
    return text_or_none(fields_of(answer), "razorpay_payment_id")


def link_order(found: Link, our_id: str, payments: Iterable[Paid]) -> OrderAtGateway:
    """A link as an order."""
    attempts = _in_order(payments)
    return _order(
        our_id,
        found.order_id or found.id,
        found.word,
        _LINKS.get(found.word),
        found.amount_paise,
        found.currency,
        attempts,
        expires_at=found.expires_at,
        mandate_id=found.mandate_id,
    )


def debit(found: DebitOrder, our_id: str, payments: Iterable[Paid]) -> OrderAtGateway:
    """A debit's order. A failed attempt does not end it: whether another may follow is ours to decide."""
    attempts = _in_order(payments)
    state = _debit_state(found, attempts)
    untold = (_UNTOLD,) if state is State.FAILED else ()
    return _order(
        our_id,
        found.id,
        found.told if found.told and found.word == "created" else found.word,
        state,
        found.amount_paise,
        found.currency,
        attempts,
        codes=attempts[-1].codes if attempts else untold,
        notice=found.notice,
        mandate_id=found.mandate_id,
    )


def _debit_state(found: DebitOrder, attempts: tuple[OrderAttempt, ...]) -> State | None:
    """None for words that nobody knew."""
    if any(each.state is AttemptState.PENDING for each in attempts):
        return State.PENDING
    if found.word not in _ORDERS:
        return None
    if attempts:
        return State.NOTIFIED
    return State.NOTIFYING if found.told in _NOT_YET_TOLD else _NOTICES.get(found.told or "")


def _order(
    our_id: str,
    gateway_id: str,
    word: str,
    state: State | None,
    amount_paise: int,
    currency: str,
    attempts: tuple[OrderAttempt, ...],
    **more: Any,
) -> OrderAtGateway:
    success = next((each for each in attempts if each.state is AttemptState.COMPLETED), None)
    return OrderAtGateway(
        id=our_id,
        gateway_id=gateway_id,
        state=State.COMPLETED if success is not None else state or State.PENDING,
        word=word,
        is_strange=state is None,
        amount_paise=amount_paise if success is None else success.amount_paise,
        currency=currency,
        attempts=attempts,
        **({"expires_at": None} | more),
    )


def _in_order(payments: Iterable[Paid]) -> tuple[OrderAttempt, ...]:
    beginning = datetime.min.replace(tzinfo=UTC)
    attempts = (each.attempt for each in payments)
    return tuple(sorted(attempts, key=lambda each: (each.attempted_at or beginning, each.id)))


def ungiven(found: Link, our_id: str, payments: Iterable[Paid]) -> MandateAtGateway:
    """A mandate that nobody has approved, or whose token is not made yet."""
    seen = link_order(found, our_id, payments)
    waiting = any(each.state is not AttemptState.FAILED for each in seen.attempts)
    status = MandateStatus.CREATED if waiting else _UNGIVEN.get(seen.state, MandateStatus.CREATED)
    return MandateAtGateway(Mandate(our_id, 0, status=status), None, found.word, is_strange=seen.is_strange)


def token(answer: Any, our_id: str) -> MandateAtGateway:
    """A token. One that does not say how much it allows allows nothing, yet its end is learned."""
    entity = fields_of(answer)
    word = text(mapping(entity.get("recurring_details")), "status")
    most = entity.get("max_amount")
    return MandateAtGateway(
        Mandate(
            id=our_id,
            max_amount_paise=most if type(most) is int and most > 0 else 0,
            kind=_KINDS.get(text_or_none(entity, "method") or "", MandateKind.BANK),
            status=_TOKENS.get(word, MandateStatus.CREATED),
            valid_until=told_moment(entity, "expired_at"),
        ),
        gateway_id=text(entity, "id"),
        word=word,
        is_strange=word not in _TOKENS,
    )


def gone(token_id: str, our_id: str) -> MandateAtGateway:
    """A token that was deleted: whatever stands at the bank, it cannot be debited any more."""
    dead = Mandate(our_id, 0, status=MandateStatus.REVOKED)
    return MandateAtGateway(dead, token_id, "deleted", is_strange=False)


def reachable(answer: Any) -> dict[str, str]:
    """Email and phone of a customer, as far as there are any: a debit must name them."""
    entity = fields_of(answer)
    found = {name: text_or_none(entity, name) for name in ("email", "contact")}
    return {name: value for name, value in found.items() if value is not None}
