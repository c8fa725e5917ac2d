"""Standard checkout: an order with a hosted page, for one payment or a mandate (phonepe.md, 2 and 3.2)."""

from simulator.books import Record
from simulator.phonepe import errors, fields, instruments, mandates, orders, settlement
from simulator.phonepe.fields import Call
from simulator.phonepe.refusals import bad_request
from simulator.phonepe.world import World

_DEFAULT_EXPIRY = 600
_OUTCOMES = ("success", "failure", "pending", "late_success", "late_failure", "attempt_failed", "cancel")


def pay(world: World, call: Call) -> Record:
    """POST checkout/v2/pay"""
    order = _create(world, call.body)
    return _opened(order) | {"redirectUrl": page_url(world, order)}


def sdk_order(world: World, call: Call) -> Record:
    """POST checkout/v2/sdk/order: the same for mobile SDKs."""
    order = _create(world, call.body)
    return _opened(order) | {"token": f"sdk-{order['_code']}"}


def page_url(world: World, order: Record) -> str:
    """The hosted page of an order."""
    return f"{world.base_url}/transact/uat_v3?token={order['_code']}&routingKey=W"


def _opened(order: Record) -> Record:
    return {"orderId": order["orderId"], "state": order["state"], "expireAt": order["expireAt"]}


def _create(world: World, body: Record) -> Record:
    flow = fields.block(body, "paymentFlow")
    fields.choice(flow, "type", ("PG_CHECKOUT", "SUBSCRIPTION_CHECKOUT_SETUP"))
    if flow["type"] == "SUBSCRIPTION_CHECKOUT_SETUP":
        return mandates.checkout_setup(world, body, flow)
    modes = instruments.check_modes(fields.block(flow, "paymentModeConfig"))
    expires = _DEFAULT_EXPIRY
    if body.get("expireAfter") is not None:
        expires = fields.number(body, "expireAfter", 300, 3600)
    return orders.create(
        world,
        fields.identifier(body, "merchantOrderId"),
        "checkout",
        fields.number(body, "amount", 100),
        world.now_ms + expires * 1000,
        metaInfo=fields.meta(body),
        urls=fields.urls(flow),
        modes=modes,
        message=fields.text(flow, "message"),
        final=fields.truth(body, "disablePaymentRetry") or fields.truth(flow, "disablePaymentRetry"),
    )


def settle_with(world: World, order: Record, body: Record) -> Record:
    """The payer acts on the page. Raises Refusal when the order is not waiting for that.

    `outcome` is one of success, failure, pending (until settled), late_success, late_failure, attempt_failed
    (the payer may try again) and cancel; `code` is the detailed error code, `after_seconds` overrides.
    `mode` is how, one of those the page takes; with CARD, `card` is a test card's number and `otp` its OTP.
    """
    outcome = fields.choice(body, "outcome", _OUTCOMES, "success")
    code = fields.text(body, "code") or errors.DEFAULT
    if order["kind"] == "redemption" or order["state"] != "PENDING" or orders.waiting(order):
        raise bad_request("This order is not waiting for its payer")
    if outcome == "cancel":
        settlement.give_up(world, order, "ORDER_CANCELLED_BY_USER")
        return order
    mode, card = instruments.chosen(order, body)
    if card and (fields.text(body, "otp") or instruments.OTP) != instruments.OTP:
        outcome, code = "attempt_failed", "INVALID_OTP"
    umn = None
    if order["kind"] == "setup":
        umn = mandates.of_order(world, order)["umn"]
    late = outcome.startswith("late_")
    after = world.switches.late_seconds if late else world.switches.settle_seconds
    if body.get("after_seconds") is not None:
        after = fields.number(body, "after_seconds", 0)
    result: Record | None = None
    if outcome != "pending":
        final = outcome != "attempt_failed" or order.get("final", False)
        result = {"code": None if outcome.endswith("success") else code, "final": final}
    orders.begin_attempt(world, order, mode, result, after, umn, card)
    return order
