"""PhonePe's JSON, read into ours without trusting its shape (phonepe.md 2.3, 2.5, 3.3, 3.4).

Amounts are integer paise, moments unix milliseconds. What money depends on and is missing or of another
kind raises Unreadable; what is merely told (a rail, an instrument) is left out instead. States are open.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from domain.debit import AttemptState, State
from domain.mandate import AmountType, Frequency, Mandate, MandateStatus
from domain.orders import MandateAtGateway, Notice, OrderAtGateway, OrderAttempt
from domain.refund import RefundAtGateway, RefundSpeed, RefundStatus
from gateways.base import NewDebit, PageAtGateway
from gateways.phonepe_errors import Unreadable

Entity = dict[str, Any]

_ORDERS = {
    "PENDING": State.PENDING,
    "NOTIFICATION_IN_PROGRESS": State.NOTIFYING,
    "NOTIFIED": State.NOTIFIED,
    "COMPLETED": State.COMPLETED,
    "FAILED": State.FAILED,
    "EXPIRED": State.EXPIRED,
}
_ATTEMPTS = {
    "COMPLETED": AttemptState.COMPLETED,
    "FAILED": AttemptState.FAILED,
    "EXPIRED": AttemptState.FAILED,
}
_MANDATES = {
    "PENDING": MandateStatus.CREATED,
    "ACTIVATION_IN_PROGRESS": MandateStatus.CREATED,
    "ACTIVE": MandateStatus.ACTIVE,
    "PAUSE_IN_PROGRESS": MandateStatus.PAUSED,
    "PAUSED": MandateStatus.PAUSED,
    "UNPAUSE_IN_PROGRESS": MandateStatus.PAUSED,
    "CANCEL_IN_PROGRESS": MandateStatus.REVOKED,
    "CANCELLED": MandateStatus.REVOKED,
    "REVOKE_IN_PROGRESS": MandateStatus.REVOKED,
    "REVOKED": MandateStatus.REVOKED,
    "EXPIRED": MandateStatus.EXPIRED,
    "FAILED": MandateStatus.FAILED,
}
"""One nobody knew yet counts as not given: no debit, and no end."""
_FREQUENCIES = {each.value: each for each in Frequency}
_REFUNDS = {"COMPLETED": RefundStatus.PROCESSED, "FAILED": RefundStatus.FAILED}
"""Anything else, CONFIRMED among it, is on its way."""

_RUPEES = "INR"
_DIGITS = re.compile(r"[0-9]{1,15}")
_LATEST_MILLISECONDS = 253_402_300_800_000
"""The year 10000, where dates end."""


@dataclass(frozen=True)
class VpaCheck:
    """Whether a UPI address exists, and whose it is."""

    is_valid: bool
    name: str | None


@dataclass(frozen=True)
class PhonePeHealth:
    """What PhonePe says is down: flows, instruments, and banks as `UPI/SBIN`."""

    down: frozenset[str]

    @property
    def can_pay(self) -> bool:
        """One-time payments."""
        return "PAYMENT" not in self.down

    @property
    def can_set_up_mandates(self) -> bool:
        """Autopay set-up."""
        return "SUBSCRIPTION_SETUP" not in self.down


_METHODS = {
    **dict.fromkeys(("UPI_INTENT", "UPI_QR", "UPI_COLLECT", "PPE_INTENT"), "upi"),
    "UPI_AUTO_PAY": "upi_autopay",
    **dict.fromkeys(("CARD", "TOKEN"), "card"),
    "NET_BANKING": "netbanking",
}
"""PhonePe's modes in the words that our books have for all gateways."""


def page(answer: Any, our_id: str) -> PageAtGateway:
    """A created order with the address to send its payer to: a page, or a UPI app's link."""
    entity = _entity(answer)
    urls = (_text_or_none(entity, name) for name in ("redirectUrl", "intentUrl"))
    url = next((each for each in urls if each), None)
    if url is None:
        raise Unreadable("neither 'redirectUrl' nor 'intentUrl' is a text")
    return PageAtGateway(our_id, _text(entity, "orderId"), url, _moment(entity.get("expireAt")))


def order(answer: Any, our_id: str) -> OrderAtGateway:
    """An order; `our_id` is what was asked for, and what it must be if the answer says."""
    entity = _entity(answer)
    named = _text_or_none(entity, "merchantOrderId")
    if named not in (None, our_id):
        raise Unreadable("it is about another order")
    flow = _mapping(entity.get("paymentFlow"))
    word = _text(entity, "state")
    return OrderAtGateway(
        id=our_id,
        gateway_id=_text(entity, "orderId"),
        state=_ORDERS.get(word, State.PENDING),
        word=word,
        is_strange=word not in _ORDERS,
        amount_paise=_integer(entity, "amount"),
        currency=_text_or_none(entity, "currency") or _RUPEES,
        expires_at=_moment(entity.get("expireAt")),
        attempts=_attempts(entity),
        codes=_codes(entity),
        notice=_notice(flow),
        mandate_id=_text_or_none(flow, "merchantSubscriptionId"),
    )


def announced(answer: Any, new: NewDebit) -> OrderAtGateway:
    """A debit as just announced; the answer says neither how much nor whose (phonepe.md 3.4)."""
    entity = _entity(answer)
    told: Entity = {
        "amount": new.amount_paise,
        "paymentFlow": {"merchantSubscriptionId": new.mandate_id},
    }
    return order(told | {name: value for name, value in entity.items() if name not in told}, new.order_id)


def debit_attempt(answer: Any) -> str | None:
    """PhonePe's id of a started debit, where it says."""
    return _text_or_none(_entity(answer), "transactionId")


def attempt(answer: Any, attempt_id: str) -> OrderAttempt:
    """The one asked for, from its order with no other attempt in it."""
    found = (each for each in _attempts(_entity(answer)) if each.id == attempt_id)
    one = next(found, None)
    if one is None:
        raise Unreadable("it is about another attempt")
    return one


def _attempts(entity: Entity) -> tuple[OrderAttempt, ...]:
    listed = entity.get("paymentDetails")
    if listed is None:
        return ()
    if not isinstance(listed, list):
        raise Unreadable("'paymentDetails' is not a list")
    attempts = [_attempt(_entity(each)) for each in listed]
    beginning = datetime.min.replace(tzinfo=UTC)
    return tuple(sorted(attempts, key=lambda each: (each.attempted_at or beginning, each.id)))


def _attempt(entity: Entity) -> OrderAttempt:
    mode = _text_or_none(entity, "paymentMode") or ""
    return OrderAttempt(
        id=_text(entity, "transactionId"),
        state=_ATTEMPTS.get(_text(entity, "state"), AttemptState.PENDING),
        amount_paise=_integer(entity, "amount"),
        method=_METHODS.get(mode, mode.lower()),
        attempted_at=_moment(entity.get("timestamp")),
        reference=_reference(entity),
        codes=_codes(entity),
    )


def _reference(entity: Entity) -> str | None:
    """The UTR of a UPI payment; split ones repeat the rail inside."""
    splits = entity.get("splitInstruments")
    places = [entity, *(splits if isinstance(splits, list) else [])]
    rails = (_mapping(_mapping(place).get("rail")) for place in places)
    return next((utr for rail in rails if (utr := _text_or_none(rail, "utr"))), None)


def _codes(entity: Entity) -> tuple[str, ...]:
    """Also where the state does not say failed: an order may be pending with its last attempt failed."""
    context = _mapping(entity.get("errorContext"))
    codes = (
        _text_or_none(entity, name) or _text_or_none(context, name)
        for name in ("detailedErrorCode", "errorCode")
    )
    return tuple(code for code in codes if code)


def _notice(flow: Entity) -> Notice | None:
    notice = Notice(*(_moment(flow.get(name)) for name in ("notifiedAt", "validAfter", "validUpto")))
    return None if notice == Notice(None, None, None) else notice


def mandate(answer: Any, our_id: str) -> MandateAtGateway:
    """A subscription. One that does not say how much it allows allows nothing, yet its end is learned."""
    entity = _entity(answer)
    if _text_or_none(entity, "merchantSubscriptionId") not in (None, our_id):
        raise Unreadable("it is about another mandate")
    word = _text(entity, "state")
    most, fixed = entity.get("maxAmount"), entity.get("amountType") == "FIXED"
    return MandateAtGateway(
        Mandate(
            id=our_id,
            max_amount_paise=most if type(most) is int else 0,
            status=_MANDATES.get(word, MandateStatus.CREATED),
            amount_type=AmountType.FIXED if fixed else AmountType.VARIABLE,
            frequency=_FREQUENCIES.get(_text_or_none(entity, "frequency") or "", Frequency.ON_DEMAND),
            valid_until=_moment(entity.get("expireAt")),
            pause_ends_at=_moment(entity.get("pauseEndDate")),
        ),
        gateway_id=_text_or_none(entity, "subscriptionId"),
        word=word,
        is_strange=word not in _MANDATES,
    )


def refund(answer: Any, our_id: str) -> RefundAtGateway:
    """A refund's status. It is known there by our id, so that is its id; its payment is the paid order."""
    entity = _entity(answer)
    if _text_or_none(entity, "merchantRefundId") not in (None, our_id):
        raise Unreadable("it is about another refund")
    return RefundAtGateway(
        id=our_id,
        payment_id=_text(entity, "originalMerchantOrderId"),
        amount_paise=_integer(entity, "amount"),
        currency=_text_or_none(entity, "currency") or _RUPEES,
        status=_REFUNDS.get(_text(entity, "state"), RefundStatus.PENDING),
        speed_requested=RefundSpeed.NORMAL,
        speed_processed=None,
        our_id=our_id,
        created_at=_refunded_at(entity),
    )


def accepted_refund(answer: Any) -> tuple[str, int]:
    """What asking for a refund answers: PhonePe's id, and how much, in paise."""
    entity = _entity(answer)
    return _text(entity, "refundId"), _integer(entity, "amount")


def _refunded_at(entity: Entity) -> datetime:
    attempts = entity.get("paymentDetails")
    places = [entity, *(attempts if isinstance(attempts, list) else [])]
    moments = (_moment(_mapping(place).get("timestamp")) for place in places)
    moment = next((each for each in moments if each), None)
    if moment is None:
        raise Unreadable("'timestamp' is not a moment")
    return moment


def vpa(answer: Any) -> VpaCheck:
    """The answer to a check of a UPI address."""
    entity = _entity(answer)
    valid = entity.get("valid")
    if not isinstance(valid, bool):
        raise Unreadable("'valid' is neither true nor false")
    return VpaCheck(valid, _text_or_none(entity, "name"))


def health(answer: Any) -> PhonePeHealth:
    """Only what is said to be down is down."""
    entity = _entity(answer)
    down: set[str] = set()
    for each in _listed(entity, "paymentFlows") + _listed(entity, "instruments"):
        name = _text_or_none(each, "type") or ""
        down |= {name} if each.get("status") == "DOWN" else set()
        banks = (bank for bank in _listed(each, "banks") if bank.get("status") == "DOWN")
        down |= {f"{name}/{bank.get('bankId')}" for bank in banks}
    return PhonePeHealth(frozenset(down))


def _listed(entity: Entity, name: str) -> list[Entity]:
    value = entity.get(name)
    return [_mapping(each) for each in value] if isinstance(value, list) else []


def _entity(answer: Any) -> Entity:
    if not isinstance(answer, dict):
        raise Unreadable(f"expected an object, found {type(answer).__name__}")
    return answer


def _mapping(value: Any) -> Entity:
    return value if isinstance(value, dict) else {}


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
    if type(value) is not int or value < 0:
        raise Unreadable(f"'{name}' is not a whole number of paise")
    return value


def _moment(value: Any) -> datetime | None:
    """Milliseconds, which some samples write as a text (phonepe.md 3.4). Odd ones are as good as none."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if type(value) is not int or not 0 < value < _LATEST_MILLISECONDS:
        return None
    seconds, milliseconds = divmod(value, 1000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=milliseconds * 1000)
