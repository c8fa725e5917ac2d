"""The books as an auditor wants them: per subscription every invoice, payment and refund.

And per order that carries a reference of the merchant's, what was captured.
"""

from simulator.books import Record
from simulator.world import World

_PAYMENT = (
    "id",
    "status",
    "amount",
    "currency",
    "method",
    "order_id",
    "invoice_id",
    "amount_refunded",
    "error_reason",
    "description",
    "created_at",
)
_INVOICE = (
    "id",
    "status",
    "amount",
    "amount_paid",
    "payment_id",
    "order_id",
    "billing_start",
    "billing_end",
    "issued_at",
    "paid_at",
)
_ORDER = ("id", "status", "amount", "currency", "notes", "created_at")
_TOKEN = ("id", "customer_id", "method", "max_amount", "expired_at", "created_at")
_REFUND = ("id", "payment_id", "amount", "status", "receipt", "notes", "created_at")
_SUBSCRIPTION = (
    "id",
    "plan_id",
    "status",
    "notes",
    "customer_id",
    "payment_method",
    "total_count",
    "paid_count",
    "remaining_count",
    "auth_attempts",
    "quantity",
    "current_start",
    "current_end",
    "charge_at",
    "start_at",
    "end_at",
    "ended_at",
    "created_at",
)
_KINDS = ("order", "payment_link", "registration")
_EVER_CAPTURED = ("captured", "refunded")


def audit(world: World, subscription_id: str | None = None) -> Record:
    """Every subscription (or one), and the payments that belong to none."""
    if subscription_id is None:
        found = world.books.find("subscription")
    else:
        found = [world.get("subscription", subscription_id)]
    whole = subscription_id is None
    loose = [payment for payment in world.books.find("payment") if not payment["_subscription_id"]]
    return {
        "now": world.now,
        "subscriptions": [_subscription(world, each) for each in found],
        "other_payments": [_payment(world, payment) for payment in loose],
        "orders": _orders(world) if whole else [],
        "tokens": [_token(each) for each in world.books.find("token")] if whole else [],
    }


def _orders(world: World) -> list[Record]:
    """Those that a merchant's own reference may name, not those of subscriptions."""
    return [_order(world, each) for kind in _KINDS for each in world.books.find("order", _kind=kind)]


def _order(world: World, order: Record) -> Record:
    """An order of the merchant's own (kind order), of a payment link, or of a mandate's registration."""
    shown = [_payment(world, each) for each in world.books.find("payment", order_id=order["id"])]
    took = [each for each in shown if each["ever_captured"]]
    return {name: order[name] for name in _ORDER} | {
        "kind": order["_kind"],
        "reference": order["_reference"],
        "notification": order.get("notification"),
        "payments": shown,
        "captures": len(took),
        "captured_paise": sum(each["amount"] for each in took),
        "refunded_paise": sum(each["amount_refunded"] for each in shown),
    }


def _token(token: Record) -> Record:
    return {name: token[name] for name in _TOKEN} | {
        "status": token["recurring_details"]["status"],
        "subscription_id": token["_subscription_id"],
    }


def _subscription(world: World, subscription: Record) -> Record:
    attempts = world.books.find("payment", _subscription_id=subscription["id"])
    shown = [_payment(world, payment) for payment in attempts]
    invoices = [
        _invoice(invoice, shown)
        for invoice in world.books.find("invoice", subscription_id=subscription["id"])
    ]
    return {name: subscription[name] for name in _SUBSCRIPTION} | {
        "cancel_at_cycle_end": subscription["_cancel_at_end"],
        "cycle": subscription["_cycle"],
        "invoices": invoices,
        "payments": shown,
        "captured_paise": sum(each["amount"] for each in shown if each["ever_captured"]),
        "refunded_paise": sum(each["amount_refunded"] for each in shown),
    }


def _payment(world: World, payment: Record) -> Record:
    refunds = world.books.find("refund", payment_id=payment["id"])
    return {name: payment[name] for name in _PAYMENT} | {
        "captured_at": payment["_captured_at"],
        "ever_captured": payment["_captured_at"] is not None and payment["status"] in _EVER_CAPTURED,
        "refunds": [{name: refund[name] for name in _REFUND} for refund in refunds],
    }


def _invoice(invoice: Record, payments: list[Record]) -> Record:
    own = [payment for payment in payments if payment["invoice_id"] == invoice["id"]]
    return {name: invoice[name] for name in _INVOICE} | {
        "cycle": invoice["_cycle"],
        "line_types": [line["type"] for line in invoice["line_items"]],
        "captures": sum(payment["ever_captured"] for payment in own),
        "attempts": len(own),
    }
