"""Orders and the attempts to pay them; all three kinds (checkout, setup, redemption) share one shape."""

import secrets
from typing import Any

from simulator.books import Record
from simulator.phonepe import errors, instruments
from simulator.phonepe.fields import Call
from simulator.phonepe.refusals import duplicate_order, unknown_order
from simulator.phonepe.world import World

TERMINAL = ("COMPLETED", "FAILED", "EXPIRED")


def create(
    world: World, merchant_order_id: str, kind: str, amount: int, expire_at: int, **more: Any
) -> Record:
    """A new order of paise, until `expire_at` in milliseconds. Raises Refusal for an id used before."""
    check_new(world, merchant_order_id)
    order: Record = {
        "id": merchant_order_id,
        "orderId": world.mint("OMO"),
        "kind": kind,
        "state": "PENDING",
        "amount": amount,
        "expireAt": expire_at,
        "created_at": world.now,
        "attempts": [],
        "error": None,
        "flow": None,
        "metaInfo": None,
        "subscription_id": None,
        "_code": secrets.token_urlsafe(24),
        "shown_state": None,
    } | more
    world.books.add("order", order, world.now)
    world.books.schedule(expire_at // 1000, "expire_order", merchant_order_id)
    return order


def check_new(world: World, merchant_order_id: str) -> None:
    """Raises Refusal for an id used before."""
    if world.books.get("order", merchant_order_id) is not None:
        raise duplicate_order(world.switches.duplicate_order)


def find(world: World, merchant_order_id: str) -> Record:
    """Raises Refusal when there is none."""
    order = world.books.get("order", merchant_order_id)
    if order is None:
        raise unknown_order(world.switches.unknown_status)
    return order


def penny_drop(order: Record) -> bool:
    """Whether it only checks the account: given back by itself, nobody's money (phonepe.md, 3.2)."""
    terms: Record = order["flow"] or {}
    return terms.get("authWorkflowType") == "PENNY_DROP"


def save(world: World, order: Record) -> Record:
    """Write it back."""
    return world.books.save("order", order)


def waiting(order: Record) -> Record | None:
    """The attempt whose result is not known yet."""
    return next((each for each in order["attempts"] if each["state"] == "PENDING"), None)


def begin_attempt(
    world: World,
    order: Record,
    mode: str,
    outcome: Record | None,
    after: int,
    umn: str | None = None,
    card: str | None = None,
) -> Record:
    """Try to pay. `outcome` is {"success", "code", "final"} in `after` seconds; None leaves it pending."""
    attempt: Record = {
        "transactionId": world.mint("OM"),
        "paymentMode": mode,
        "timestamp": world.now_ms,
        "amount": order["amount"],
        "currency": "INR",
        "payableAmount": order["amount"],
        "feeAmount": 0,
        "state": "PENDING",
        "_began": world.now,
        "_umn": umn,
        "_card": card,
    }
    order["attempts"].append(attempt)
    save(world, order)
    world.books.add("attempt", {"id": attempt["transactionId"], "order_id": order["id"]}, world.now)
    if outcome is not None:
        payload = outcome | {"transaction": attempt["transactionId"]}
        world.books.schedule(world.now + after, "settle_attempt", order["id"], payload)
    world.tell("attempt begun", order["id"], transaction=attempt["transactionId"])
    return attempt


def end_attempt(world: World, attempt: Record, code: str | None) -> None:
    """Its result: paid when `code` is None, otherwise failed for that detailed code."""
    attempt["state"] = "COMPLETED" if code is None else "FAILED"
    attempt["_ended"] = world.now
    if code is not None:
        attempt.update(errors.failure(code))
    rail, instrument = instruments.paid_with(world, attempt)
    attempt.update(rail=rail, instrument=instrument)
    attempt["splitInstruments"] = [{"instrument": instrument, "rail": rail, "amount": attempt["amount"]}]


def close(world: World, order: Record, state: str, error: Record | None = None) -> None:
    """The order has come to its end."""
    order.update(state=state, error=error, closed_at=world.now)
    world.books.unschedule(order["id"], "expire_order", "auto_redeem", "notified")
    save(world, order)
    world.tell(f"order {state.lower()}", order["id"])


def expire(world: World, order: Record) -> bool:
    """Close an order whose time is over, unless an attempt is still to be decided. Whether it was closed."""
    if order["state"] in TERMINAL or waiting(order):
        return False
    close(world, order, world.switches.expired_state, errors.failure("ORDER_EXPIRED"))
    return True


# showing


def status(world: World, call: Call) -> Record:
    """GET .../order/{merchantOrderId}/status"""
    order = find(world, call.ids["id"])
    return show(world, order, details=call.flag("details"), error_context=call.flag("errorContext"))


def transaction_status(world: World, call: Call) -> Record:
    """GET .../transaction/{transactionId}/status: its order, with that attempt alone."""
    known = world.books.get("attempt", call.ids["id"])
    if known is None:
        raise unknown_order(world.switches.unknown_status)
    order = find(world, known["order_id"])
    shown = show(world, order, details=True)
    shown["paymentDetails"] = [
        each for each in shown["paymentDetails"] if each["transactionId"] == call.ids["id"]
    ]
    return shown


def show(
    world: World, order: Record, *, details: bool = False, error_context: bool = False, event: bool = False
) -> Record:
    """The order as status and webhooks tell it; without `details` only the latest attempt."""
    attempts = [_visible(each) for each in order["attempts"]]
    shown: Record = {
        "orderId": order["orderId"],
        "state": order["shown_state"] or order["state"],
        "amount": order["amount"],
        "currency": "INR",
        "payableAmount": order["amount"],
        "feeAmount": 0,
        "expireAt": order["expireAt"],
        "metaInfo": order["metaInfo"],
        "paymentDetails": attempts if details else attempts[-1:],
    }
    if event or order["flow"] is not None:
        shown |= {"merchantId": world.options.merchant_id, "merchantOrderId": order["id"]}
    if order["flow"] is not None:
        shown["paymentFlow"] = order["flow"]
    if order["error"] is not None and order["state"] != "COMPLETED":
        shown |= order["error"]
        if error_context:
            shown["errorContext"] = errors.context(order["error"])
    return shown


def _visible(attempt: Record) -> Record:
    return {name: value for name, value in attempt.items() if not name.startswith("_")}
