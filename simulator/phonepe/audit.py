"""The books as an auditor wants them: every order with its attempts and refunds, every mandate."""

from simulator.books import Record
from simulator.phonepe import mandates, orders, refunds
from simulator.phonepe.peak import off_peak
from simulator.phonepe.refusals import unknown_subscription
from simulator.phonepe.world import World

_REFUND = ("refundId", "amount", "state")


def audit(world: World, subscription_id: str | None = None) -> Record:
    """Everything, or the orders of one mandate."""
    if subscription_id is None:
        found = world.books.find("order")
        subscriptions = world.books.find("subscription")
    else:
        found = world.books.find("order", subscription_id=subscription_id)
        subscription = world.books.get("subscription", subscription_id)
        if subscription is None:
            raise unknown_subscription(404)
        subscriptions = [subscription]
    return {
        "now": world.now,
        "orders": [_order(world, each) for each in found],
        "subscriptions": [
            mandates.show(each) | {"umn": each["umn"], "created_at": each["created_at"]}
            for each in subscriptions
        ],
    }


def _order(world: World, order: Record) -> Record:
    captures = [each for each in order["attempts"] if each["state"] == "COMPLETED"]
    terms = order["flow"] or {}
    found = world.books.find("refund", order_id=order["id"])
    return {
        "merchantOrderId": order["id"],
        "orderId": order["orderId"],
        "kind": order["kind"],
        "state": order["state"],
        "amount": order["amount"],
        "merchantSubscriptionId": order["subscription_id"],
        "created_at": order["created_at"],
        "closed_at": order.get("closed_at"),
        "error": order["error"],
        "notifiedAt": terms.get("notifiedAt"),
        "validAfter": terms.get("validAfter"),
        "validUpto": terms.get("validUpto"),
        "attempts": [_attempt(each) for each in order["attempts"]],
        "captures": len(captures),
        "captured_paise": 0 if orders.penny_drop(order) else sum(each["amount"] for each in captures),
        "refunded_paise": refunds.given_back(world, order["id"]),
        "refunds": [{"merchantRefundId": each["id"]} | {n: each[n] for n in _REFUND} for each in found],
    }


def _attempt(attempt: Record) -> Record:
    shown = {name: attempt[name] for name in ("transactionId", "paymentMode", "amount", "state")}
    return shown | {
        "began": attempt["_began"],
        "ended": attempt.get("_ended"),
        "off_peak": off_peak(attempt["_began"]),
        "detailedErrorCode": attempt.get("detailedErrorCode"),
    }
