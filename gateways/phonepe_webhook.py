"""What a PhonePe webhook speaks of, read from its body without trusting its shape.

A webhook is a hint only: v2 does not even sign it, it may come twice or never (phonepe.md 4). It names the
order, mandate or refund to look at; the status calls say what is true. So nothing here raises; what cannot
be read is absent.
"""

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass, replace
from typing import Any

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_EVENT = re.compile(r"[a-z0-9_.]{1,64}")
_TYPE = re.compile(r"[A-Z0-9_]{1,64}")
_STATE = re.compile(r"[A-Z0-9_]{1,64}")
_REPEATABLE = "subscription.unpaused"
"""Every time alike, to the letter: never a duplicate (phonepe.md 4.2)."""


@dataclass(frozen=True)
class PhonePeWebhook:
    """The names in a body; PhonePe gives its webhooks no id of their own."""

    event: str = ""
    """As `checkout.order.completed`; empty if the body does not say."""
    state: str | None = None
    """The root's, which alone counts; for the log, never to act upon."""
    order_id: str | None = None
    """Ours; of a refund, the paid order's."""
    gateway_order_id: str | None = None
    mandate_id: str | None = None
    """Ours."""
    gateway_mandate_id: str | None = None
    refund_id: str | None = None
    """Ours."""
    gateway_refund_id: str | None = None
    attempt_id: str | None = None
    """PhonePe's, of the last attempt."""
    delivery_key: str | None = None
    """The same for the same news told twice; None where two alike may be two pieces of news."""


def parse_phonepe_webhook(body: bytes) -> PhonePeWebhook:
    """Read a body of v2 whose sender is verified. Never raises: junk gives an empty answer."""
    envelope = _object(body)
    # One published sample lacks the envelope.
    payload = _mapping(envelope.get("payload")) or envelope
    flow = _mapping(payload.get("paymentFlow"))
    event = _event(envelope)
    found = PhonePeWebhook(
        event=event,
        state=_matching(_STATE, payload.get("state")),
        order_id=_id(payload.get("merchantOrderId")) or _id(payload.get("originalMerchantOrderId")),
        gateway_order_id=_id(payload.get("orderId")),
        # At the root for news of a mandate, inside for news of an order.
        mandate_id=_id(payload.get("merchantSubscriptionId")) or _id(flow.get("merchantSubscriptionId")),
        gateway_mandate_id=_id(payload.get("subscriptionId")) or _id(flow.get("subscriptionId")),
        refund_id=_id(payload.get("merchantRefundId")),
        gateway_refund_id=_id(payload.get("refundId")),
        attempt_id=_last_attempt(payload),
    )
    return _with_key(found, _attempts(payload), payload.get("pauseStartDate"))


def parse_phonepe_callback(body: bytes) -> PhonePeWebhook:
    """Read a legacy callback whose checksum is verified: its facts are in base64. Never raises."""
    response = _object(body).get("response")
    try:
        decoded = base64.b64decode(response, validate=True) if isinstance(response, str) else b""
    except (binascii.Error, ValueError):
        return PhonePeWebhook()
    envelope = _object(decoded)
    data = _mapping(envelope.get("data"))
    found = PhonePeWebhook(
        event=(_matching(_TYPE, envelope.get("code")) or "").lower(),
        state=_matching(_STATE, data.get("state")),
        order_id=_id(data.get("merchantTransactionId")),
        mandate_id=_id(data.get("merchantSubscriptionId")),
        attempt_id=_id(data.get("transactionId")),
    )
    return _with_key(found)


def _event(envelope: dict[str, Any]) -> str:
    """`type` is the same in capitals, deprecated, and on some pages alone."""
    event = _matching(_EVENT, envelope.get("event"))
    return event or (_matching(_TYPE, envelope.get("type")) or "").lower().replace("_", ".")


def _with_key(found: PhonePeWebhook, *news: object) -> PhonePeWebhook:
    """With a key made of what it is about and of all that can be new about it."""
    subjects = (found.refund_id, found.order_id, found.mandate_id)
    if found.event == _REPEATABLE or not any(subjects):
        return found
    natural = json.dumps([found.event, *subjects, found.state, found.attempt_id, *news], default=str)
    return replace(found, delivery_key=hashlib.sha256(natural.encode()).hexdigest())


def _attempts(payload: dict[str, Any]) -> list[str]:
    """Every attempt with its state, whichever way they are ordered."""
    listed = payload.get("paymentDetails")
    attempts = [_mapping(each) for each in listed] if isinstance(listed, list) else []
    return sorted(f"{each.get('transactionId')} {each.get('state')}" for each in attempts)


def _last_attempt(payload: dict[str, Any]) -> str | None:
    attempts = payload.get("paymentDetails")
    last = attempts[-1] if isinstance(attempts, list) and attempts else None
    return _id(_mapping(last).get("transactionId"))


def _object(body: bytes) -> dict[str, Any]:
    try:
        return _mapping(json.loads(body))
    except (ValueError, RecursionError):
        return {}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _matching(pattern: re.Pattern[str], value: Any) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) else None


def _id(value: Any) -> str | None:
    """A text that can be an id; None for what no database should be asked."""
    return _matching(_ID, value)
