"""What an entity looks like from outside: in an API reply, and inside an event.

The two differ, as the real ones do: `captured` is the string "1" in subscription events, `short_url` is
null there, empty notes are a list, some fields only one side has (razorpay.md, 1.3, 3.2 and 6.9).
"""

from typing import Any

from simulator.books import Record

_ONLY_WHEN_SET = {"customer_id", "offer_id", "payment_method", "pause_initiated_by", "cancel_initiated_by"}
# fmt: off
_SUBSCRIPTION_EVENT = (
    "id", "entity", "plan_id", "customer_id", "status", "type", "current_start", "current_end",
    "ended_at", "quantity", "notes", "charge_at", "start_at", "end_at", "auth_attempts", "total_count",
    "paid_count", "customer_notify", "created_at", "expire_by", "short_url", "has_scheduled_changes",
    "change_scheduled_at", "source", "offer_id", "pause_initiated_by", "cancel_initiated_by",
    "payment_method", "remaining_count",
)
_PAYMENT_IN_SUBSCRIPTION_EVENT = (
    "id", "entity", "amount", "currency", "status", "order_id", "invoice_id", "international", "method",
    "amount_refunded", "amount_transferred", "refund_status", "captured", "description", "card_id",
    "card", "bank", "wallet", "vpa", "email", "contact", "customer_id", "token_id", "notes", "fee", "tax",
    "error_code", "error_description", "created_at",
)
# fmt: on


def visible(record: Record) -> Record:
    """Without what only the simulator knows, and with empty notes as the list Razorpay sends."""
    shown = {name: value for name, value in record.items() if not name.startswith("_")}
    if shown.get("notes") == {}:
        shown["notes"] = []
    return shown


def subscription(record: Record, base_url: str) -> Record:
    """A subscription as the API shows it; fields that are not set yet are left out."""
    shown = visible(record)
    shown["short_url"] = short_url(base_url, record)
    for name in (*_ONLY_WHEN_SET, "paused_at"):
        if shown.get(name) is None:
            shown.pop(name, None)
    remaining = shown.pop("remaining_count")
    return shown | {"remaining_count": remaining}


def subscription_type(record: Record) -> int:
    """The bit mask that events carry: 1 starts at once, 2 has an upfront amount."""
    return (1 if record["_immediate"] else 0) + (2 if record["_upfront"] else 0)


def subscription_in_event(record: Record, *, with_type: bool = True) -> Record:
    """A subscription as its events show it."""
    full = visible(record) | {"short_url": None, "type": subscription_type(record)}
    shown = {name: full.get(name) for name in _SUBSCRIPTION_EVENT}
    if not shown["type"] or not with_type:
        del shown["type"]
    return shown


def payment(record: Record, expand: tuple[str, ...] = ()) -> Record:
    """A payment as the API shows it; the card's details only when asked for."""
    shown = visible(record)
    if "card" in expand and record.get("_card"):
        shown["card"] = record["_card"]
    return shown


def payment_in_payment_event(record: Record) -> Record:
    """A payment as `payment.*`, `order.paid`, `invoice.*` and `refund.*` events show it."""
    shown = visible(record)
    if record.get("_card"):
        shown["card"] = record["_card"]
    return shown


def payment_in_subscription_event(record: Record) -> Record:
    """A payment as subscription events show it, where `captured` is a string."""
    full = visible(record) | {
        "captured": "1" if record["captured"] else "0",
        "card": record.get("_card"),
        "amount_transferred": 0,
    }
    return {name: full.get(name) for name in _PAYMENT_IN_SUBSCRIPTION_EVENT}


def invoice(record: Record, base_url: str, customer: Record | None) -> Record:
    """An invoice with the details of its customer as they are now."""
    shown = visible(record)
    shown["short_url"] = short_url(base_url, record)
    shown["customer_details"] = _customer_details(customer)
    return shown


def _customer_details(customer: Record | None) -> Record:
    known: Record = customer or {}
    name, email, contact = (known.get(key) for key in ("name", "email", "contact"))
    return {
        "id": known.get("id"),
        "name": name,
        "email": email,
        "contact": contact,
        "gstin": known.get("gstin"),
        "billing_address": None,
        "shipping_address": None,
        "customer_name": name,
        "customer_email": email,
        "customer_contact": contact,
    }


def payment_link(record: Record, base_url: str) -> Record:
    """A payment link as the API shows it."""
    shown = visible(record)
    shown["short_url"] = short_url(base_url, record)
    if shown["notes"] == []:
        shown["notes"] = None
    return shown


def short_url(base_url: str, record: Record) -> str | None:
    """Where the hosted page of a subscription, invoice or payment link is."""
    code = record.get("_code")
    return f"{base_url}/i/{code}" if code else None


def event_payload(**entities: Record) -> dict[str, Any]:
    """Entities as an event wraps them."""
    return {name: {"entity": entity} for name, entity in entities.items()}
