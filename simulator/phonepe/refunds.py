"""Refunds: PENDING, CONFIRMED, then COMPLETED or FAILED (phonepe.md, 2.5)."""

from simulator.books import Job, Record
from simulator.phonepe import errors, fields, orders, webhooks
from simulator.phonepe.fields import Call
from simulator.phonepe.refusals import Refusal, bad_request, duplicate_order
from simulator.phonepe.world import World

_LEAST = 100


def create(world: World, call: Call) -> Record:
    """POST payments/v2/refund. Repeating it with the same words tells of the same refund."""
    refund_id = fields.identifier(call.body, "merchantRefundId")
    order_id = fields.identifier(call.body, "originalMerchantOrderId")
    amount = fields.number(call.body, "amount", _LEAST)
    known = world.books.get("refund", refund_id)
    if known is not None:
        if (known["order_id"], known["amount"]) != (order_id, amount):
            raise duplicate_order(world.switches.duplicate_order)
        return _brief(known)
    order = orders.find(world, order_id)
    if order["state"] != "COMPLETED":
        raise bad_request("The original order is not completed")
    if orders.penny_drop(order):
        raise bad_request("A penny drop is given back by itself")
    if amount > order["amount"] - given_back(world, order_id):
        raise bad_request("The refund is greater than what is left of the order")
    refund: Record = {
        "id": refund_id,
        "refundId": world.mint("OMR"),
        "order_id": order_id,
        "amount": amount,
        "state": "PENDING",
        "timestamp": world.now_ms,
        "mode": order["attempts"][-1]["paymentMode"],
        "error": None,
        "shown_state": None,
    }
    world.books.add("refund", refund, world.now)
    world.books.schedule(world.now + world.switches.refund_accept_seconds, "refund_accepted", refund_id)
    return _brief(refund)


def given_back(world: World, order_id: str) -> int:
    """Paise of an order that are refunded or on their way."""
    found = world.books.find("refund", order_id=order_id)
    return sum(each["amount"] for each in found if each["state"] != "FAILED")


def status(world: World, call: Call) -> Record:
    """GET payments/v2/refund/{merchantRefundId}/status"""
    return show(world, find(world, call.ids["id"]))


def find(world: World, refund_id: str) -> Record:
    """Raises Refusal when there is none; its code is ours, the reference has no sample."""
    refund = world.books.get("refund", refund_id)
    if refund is None:
        raise Refusal(world.switches.unknown_status, "INVALID_MERCHANT_REFUND_ID",
                      "No entry found for given merchant refund id")  # fmt: skip
    return refund


def _brief(refund: Record) -> Record:
    state = refund["shown_state"] or refund["state"]
    return {"refundId": refund["refundId"], "amount": refund["amount"], "state": state}


def show(world: World, refund: Record) -> Record:
    """As status and webhooks tell it."""
    amount, state = refund["amount"], refund["shown_state"] or refund["state"]
    rail = {"type": "UPI", "utr": refund["utr"]} if "utr" in refund else {"type": "UPI"}
    detail = {
        "transactionId": refund["refundId"],
        "paymentMode": refund["mode"],
        "timestamp": refund["timestamp"],
        "amount": amount,
        "state": state,
    }
    split = {"amount": amount, "rail": rail, "instrument": {"type": "ACCOUNT", "accountType": "SAVINGS"}}
    return {
        "merchantId": world.options.merchant_id,
        "merchantRefundId": refund["id"],
        "originalMerchantOrderId": refund["order_id"],
        "currency": "INR",
        "amount": amount,
        "feesReversalAmount": 0,
        "adjustedDiscountAmount": 0,
        "refundableAmount": amount,
        "state": state,
        "refundId": refund["refundId"],
        "timestamp": refund["timestamp"],
        "splitInstruments": [split],
        "paymentDetails": [detail | (refund["error"] or {})],
    } | (refund["error"] or {})


def accept_due(world: World, job: Job) -> None:
    """PhonePe has taken it on."""
    move(world, find(world, job.subject), "CONFIRMED")


def settle_due(world: World, job: Job) -> None:
    """The bank has paid it."""
    move(world, find(world, job.subject), "COMPLETED")


def move(world: World, refund: Record, state: str) -> None:
    """To CONFIRMED, COMPLETED or FAILED. Raises Refusal when it is at its end already."""
    if refund["state"] in ("COMPLETED", "FAILED") or refund["state"] == state:
        raise bad_request(f"The refund is {refund['state']}")
    world.books.unschedule(refund["id"], "refund_accepted", "refund_settled")
    refund["state"] = state
    if state == "CONFIRMED":
        due = world.now + world.switches.refund_settle_seconds
        world.books.schedule(due, "refund_settled", refund["id"])
    elif state == "COMPLETED":
        refund["utr"] = world.digits(12)
    else:
        refund["error"] = errors.failure("500")
    world.books.save("refund", refund)
    name = {"CONFIRMED": "accepted", "COMPLETED": "completed", "FAILED": "failed"}[state]
    webhooks.emit(world, f"pg.refund.{name}", refund["order_id"], show(world, refund))
