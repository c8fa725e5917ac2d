"""What a Razorpay webhook speaks of, read from its body without trusting its shape.

A webhook is a hint only: it names the subscription, order, mandate or refund to look at, and the workflow
reads what is true from the API. So nothing here raises; what cannot be read is absent. Traps: razorpay.md
3.2.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

SUBSCRIPTION_NOTE = "bahi_subscription"
"""Razorpay's notes carry our subscription's id under this name."""
REFUND_NOTE = "bahi_refund"
"""Razorpay's notes carry our refund's id under this name."""
ORDER_NOTE = "bahi_order"
"""Notes of an order, payment link or payment carry our order's id under this name: in full, for the receipt
of a long one is shortened."""
MANDATE_NOTE = "bahi_mandate"
"""Notes of what belongs to a mandate carry our mandate's id under this name."""

_ORDER_PREFIX = "order_"

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_EVENT = re.compile(r"[a-z0-9_.]{1,64}")


@dataclass(frozen=True)
class RazorpayWebhook:
    """The names in a body; the event's own id is only in the header `X-Razorpay-Event-Id`."""

    event: str = ""
    """Empty if the body does not say."""
    gateway_subscription_id: str | None = None
    payment_id: str | None = None
    """Razorpay's, as `invoice_id`."""
    invoice_id: str | None = None
    our_subscription_id: str | None = None
    """From the notes we put on the subscription."""
    gateway_refund_id: str | None = None
    our_refund_id: str | None = None
    """From the notes we put on the refund; None for one made in Razorpay's dashboard."""
    gateway_order_id: str | None = None
    """Also of the order that a registration link or payment link is paid by."""
    our_order_id: str | None = None
    """From the notes or, if they lack it, the receipt or reference id, which others may have given."""
    our_mandate_id: str | None = None
    """From the notes we put on its registration link and on the orders that debit it."""
    gateway_token_id: str | None = None
    """Of the token itself, or of what was paid with it."""
    gateway_customer_id: str | None = None
    gateway_link_id: str | None = None
    """Of a payment link."""
    created_at: datetime | None = None


def parse_razorpay_webhook(body: bytes) -> RazorpayWebhook:
    """Read a body whose signature is verified. Never raises: junk gives an empty answer."""
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError):
        return RazorpayWebhook()
    envelope = _mapping(envelope)
    payload = _mapping(envelope.get("payload"))
    found = {
        name: _entity(payload, name)
        for name in ("subscription", "payment", "invoice", "refund", "order", "notification", "token",
                     "payment_link")
    }  # fmt: skip
    subscription, payment, invoice, refund = (
        found[name] for name in ("subscription", "payment", "invoice", "refund")
    )
    return RazorpayWebhook(
        event=_matching(_EVENT, envelope.get("event")) or "",
        gateway_subscription_id=plain_id(subscription.get("id")) or plain_id(invoice.get("subscription_id")),
        payment_id=plain_id(payment.get("id"))
        or plain_id(refund.get("payment_id"))
        or plain_id(invoice.get("payment_id")),
        invoice_id=plain_id(invoice.get("id")) or plain_id(payment.get("invoice_id")),
        our_subscription_id=plain_id(_mapping(subscription.get("notes")).get(SUBSCRIPTION_NOTE)),
        gateway_refund_id=plain_id(refund.get("id")),
        our_refund_id=plain_id(_mapping(refund.get("notes")).get(REFUND_NOTE)),
        created_at=next(_moments(envelope, payload), None),
        **_ordered(found),
    )


def _ordered(found: dict[str, dict[str, Any]]) -> dict[str, str | None]:
    """What names an order, a mandate or a link."""
    order, payment, link, notification, token, invoice = (
        found[name] for name in ("order", "payment", "payment_link", "notification", "token", "invoice")
    )
    noted = [_mapping(each.get("notes")) for each in (order, link, invoice, payment, notification)]
    return {
        "gateway_order_id": _first(
            _order_id(order.get("id")),
            *(plain_id(each.get("order_id")) for each in (payment, notification, invoice, link)),
        ),
        "our_order_id": _first(
            *(plain_id(each.get(ORDER_NOTE)) for each in noted),
            *(plain_id(value) for value in (order.get("receipt"), link.get("reference_id"))),
            plain_id(invoice.get("receipt")),
        ),
        "our_mandate_id": _first(*(plain_id(each.get(MANDATE_NOTE)) for each in noted)),
        "gateway_token_id": _first(
            plain_id(token.get("id")), *(plain_id(each.get("token_id")) for each in (notification, payment))
        ),
        "gateway_customer_id": _first(
            *(plain_id(each.get("customer_id")) for each in (token, payment, invoice))
        ),
        "gateway_link_id": plain_id(link.get("id")),
    }


def _first(*values: str | None) -> str | None:
    return next((value for value in values if value), None)


def _order_id(value: Any) -> str | None:
    """In `payment_link.paid` it lacks its prefix (razorpay.md 3.2)."""
    found = plain_id(value)
    return found if found is None or found.startswith(_ORDER_PREFIX) else _ORDER_PREFIX + found


def _mapping(value: Any) -> dict[str, Any]:
    """Empty notes and the like come as a list."""
    return value if isinstance(value, dict) else {}


def _entity(payload: dict[str, Any], name: str) -> dict[str, Any]:
    wrapped = _mapping(payload.get(name))
    return _mapping(wrapped.get("entity")) or wrapped


def _matching(pattern: re.Pattern[str], value: Any) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) else None


def plain_id(value: Any) -> str | None:
    """A text that can be an id, theirs or ours; None for what no database should be asked."""
    return _matching(_ID, value)


def _moments(*places: dict[str, Any]) -> Iterator[datetime]:
    """`created_at` is usually in the envelope, in some events inside the payload."""
    for place in places:
        seconds = place.get("created_at")
        if type(seconds) is int and 0 < seconds < 2**32:
            yield datetime.fromtimestamp(seconds, UTC)
