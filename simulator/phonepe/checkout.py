"""Standard checkout: an order with a hosted page, for one payment or a mandate (phonepe.md, 2 and 3.2)."""

from simulator.books import Record
from simulator.phonepe import errors, fields, mandates, orders, settlement
from simulator.phonepe.fields import Call
from simulator.phonepe.refusals import bad_request
from simulator.phonepe.world import World

_MODES = ("UPI_INTENT", "UPI_COLLECT", "UPI_QR", "NET_BANKING", "CARD")
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
    modes = fields.block(flow, "paymentModeConfig")
    _check_modes(modes)
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
        message=fields.text(flow, "message"),
        final=fields.truth(body, "disablePaymentRetry") or fields.truth(flow, "disablePaymentRetry"),
    )


def _check_modes(config: Record) -> None:
    given = [name for name in ("enabledPaymentModes", "disabledPaymentModes") if config.get(name)]
    if len(given) > 1:
        raise bad_request("Give enabledPaymentModes or disabledPaymentModes, not both")
    for name in given:
        modes = config[name]
        if not isinstance(modes, list) or not all(isinstance(each, dict) for each in modes):
            raise bad_request(f"{name} must be a list of objects")
        for each in modes:
            fields.choice(each, "type", _MODES)


def settle_with(world: World, order: Record, body: Record) -> Record:
    """The payer acts on the page. Raises Refusal when the order is not waiting for that.

    `outcome` is one of success, failure, pending (until settled), late_success, late_failure, attempt_failed
    (the payer may try again) and cancel; `code` is the detailed error code, `after_seconds` overrides.
    """
    outcome = fields.choice(body, "outcome", _OUTCOMES, "success")
    code = fields.text(body, "code") or errors.DEFAULT
    if order["kind"] == "redemption" or order["state"] != "PENDING" or orders.waiting(order):
        raise bad_request("This order is not waiting for its payer")
    if outcome == "cancel":
        settlement.give_up(world, order, "ORDER_CANCELLED_BY_USER")
        return order
    mode, umn = fields.text(body, "mode") or "UPI_INTENT", None
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
    orders.begin_attempt(world, order, mode, result, after, umn)
    return order
