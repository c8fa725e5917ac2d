"""A debit of a mandate: one order a cycle, notified, a day later redeemed (phonepe.md, 3.4 and 3.5).

Codes of a refusal that the reference does not know are 400 BAD_REQUEST here; each has a message of its own.
"""

from simulator.books import Job, Record
from simulator.cycles import DAY
from simulator.phonepe import errors, fields, mandates, orders, webhooks
from simulator.phonepe.fields import Call
from simulator.phonepe.peak import RETRY_GAP, next_off_peak, off_peak
from simulator.phonepe.refusals import Refusal, bad_request, unknown_subscription, wrong_state
from simulator.phonepe.world import World

TRIES = 4
_TYPES = ("SUBSCRIPTION_REDEMPTION", "SUBSCRIPTION_CHECKOUT_REDEMPTION")


def notify(world: World, call: Call) -> Record:
    """POST .../notify: tells the payer of a debit that may follow 24 hours later."""
    body = call.body
    flow = fields.block(body, "paymentFlow")
    kind = fields.choice(flow, "type", _TYPES)
    strategy = fields.choice(flow, "redemptionRetryStrategy", ("STANDARD", "CUSTOM"), "STANDARD")
    auto = fields.truth(flow, "autoDebit")
    if auto and strategy == "CUSTOM":
        raise bad_request("autoDebit is not possible with the CUSTOM retry strategy")
    subscription = mandates.find(world, fields.identifier(flow, "merchantSubscriptionId"))
    if not subscription["approved"]:
        raise unknown_subscription(world.switches.unknown_status)
    order_id = fields.identifier(body, "merchantOrderId")
    amount = fields.number(body, "amount", 100)
    if world.books.get("order", order_id) is None:
        _check(world, subscription, amount)
    now = world.now_ms
    until = now + world.switches.window_hours * 3_600_000
    if body.get("expireAt") is not None:
        until = min(until, fields.number(body, "expireAt", now))
    shown = {"type": kind, "merchantSubscriptionId": subscription["id"], "redemptionRetryStrategy": strategy}
    shown |= {"autoDebit": auto}
    order = orders.create(
        world, order_id, "redemption", amount, until, metaInfo=fields.meta(body), flow=shown,
        subscription_id=subscription["id"], state=world.switches.notify_state, lapsed=False, redeems=0,
    )  # fmt: skip
    planned = mandates.next_outcome(world, subscription, "notify")
    if planned["outcome"] != "stuck":
        world.books.schedule(world.now + world.switches.notify_seconds, "notified", order_id, planned)
    answer = {name: order[name] for name in ("orderId", "state", "expireAt")}
    return answer | {"nativeOtpEnabled": False}


def _check(world: World, subscription: Record, amount: int) -> None:
    if not mandates.live(world, subscription):
        raise wrong_state()
    if amount > subscription["maxAmount"]:
        raise bad_request("amount is greater than the maxAmount of the subscription")
    if subscription["amountType"] == "FIXED" and amount != subscription["maxAmount"]:
        raise bad_request("amount must be the fixed amount of the subscription")


def notified_due(world: World, job: Job) -> None:
    """The payer has been told, or could not be."""
    order = orders.find(world, job.subject)
    if order["state"] in orders.TERMINAL:
        return
    if job.payload["outcome"] == "failure":
        orders.close(world, order, "FAILED", errors.failure(job.payload.get("code", "NOTIFICATION_FAILED")))
        _emit(world, order, "notification.failed")
        return
    now = world.now_ms
    order["state"] = "NOTIFIED"
    order["flow"] |= {
        "validAfter": (now // 1000 + DAY) * 1000,
        "validUpto": order["expireAt"] // 1000 * 1000,
        "notifiedAt": now,
    }
    orders.save(world, order)
    world.tell("payer notified", order["id"])
    _emit(world, order, "notification.completed")
    if order["flow"]["autoDebit"] and not order["lapsed"]:
        _plan_auto(world, order, now // 1000 + DAY)


def _plan_auto(world: World, order: Record, earliest: int) -> None:
    """PhonePe's own debit, if the order lives long enough for it."""
    due = next_off_peak(earliest)
    if due * 1000 < order["flow"]["validUpto"]:
        world.books.schedule(due, "auto_redeem", order["id"])


def redeem(world: World, call: Call) -> Record:
    """POST .../redeem: starts an attempt; its result comes later."""
    order = orders.find(world, fields.identifier(call.body, "merchantOrderId"))
    if order["kind"] != "redemption":
        raise bad_request("This order is not a redemption")
    if not mandates.live(world, mandates.of_order(world, order)):
        raise wrong_state()
    _may_redeem(world, order)
    order["redeems"] += 1
    attempt = _attempt(world, order)
    return {"state": "PENDING", "transactionId": attempt["transactionId"]}


def _may_redeem(world: World, order: Record) -> None:
    flow, now = order["flow"], world.now
    if order["state"] in orders.TERMINAL:
        raise bad_request("The order is in a terminal state")
    if orders.waiting(order):
        raise bad_request("Previous transaction is not in terminal state")
    if flow["autoDebit"] or (flow["redemptionRetryStrategy"] == "STANDARD" and order["redeems"]):
        text = "Another redemption request is not allowed for PHONEPE_CONTROLLED retry strategy"
        raise Refusal(400, "DUPLICATE_TXN_REQUEST", text)
    if "validAfter" not in flow or now * 1000 < flow["validAfter"]:
        text = "The debit may start 24 hours after the notification"
        raise Refusal(400, "SUBSCRIPTION_DEBIT_EXECUTE_INTERVAL_NOT_STARTED", text)
    if order["lapsed"]:
        raise bad_request("The subscription was paused after the notification; notify again")
    if now * 1000 >= flow["validUpto"]:
        raise bad_request("The window of the notification is over; notify again")
    if not order["attempts"]:
        if world.switches.first_attempt_off_peak and not off_peak(now):
            raise bad_request("Debits are not possible in peak hours")
        return
    if len(order["attempts"]) >= TRIES:
        raise bad_request(f"The order has had its {TRIES} attempts")
    if now < order["attempts"][-1]["_ended"] + RETRY_GAP:
        raise bad_request("A retry may start an hour and a half after the previous attempt ended")
    if not off_peak(now):
        raise bad_request("Retries are not possible in peak hours")


def _attempt(world: World, order: Record) -> Record:
    subscription = mandates.of_order(world, order)
    planned = mandates.next_outcome(world, subscription, "debits")
    order["state"] = "PENDING"
    result: Record | None = None
    if planned["outcome"] != "pending":
        failed = planned["outcome"].endswith("failure")
        result = {"code": planned.get("code", errors.DEFAULT) if failed else None, "final": True}
    late = planned["outcome"].startswith("late_")
    usual = world.switches.late_seconds if late else world.switches.debit_seconds
    after = planned.get("after_seconds", usual)
    return orders.begin_attempt(world, order, "UPI_AUTO_PAY", result, after, subscription["umn"])


def auto_due(world: World, job: Job) -> None:
    """PhonePe debits, or tries again, by itself."""
    order = orders.find(world, job.subject)
    busy = order["state"] in orders.TERMINAL or orders.waiting(order) or order["lapsed"]
    if not busy and mandates.live(world, mandates.of_order(world, order)):
        _attempt(world, order)


def attempt_ended(world: World, order: Record, attempt: Record) -> None:
    """Paid: the order is done. Failed: it waits for another attempt, while one is allowed."""
    if attempt["state"] == "COMPLETED":
        orders.close(world, order, "COMPLETED")
        _emit(world, order, "redemption.transaction.completed")
        _emit(world, order, "redemption.order.completed")
        return
    error = {name: attempt[name] for name in ("errorCode", "detailedErrorCode")}
    left = len(order["attempts"]) < TRIES and world.now * 1000 < order["flow"]["validUpto"]
    if left:
        orders.save(world, order)
    else:
        orders.close(world, order, "FAILED", error)
    _emit(world, order, "redemption.transaction.failed")
    if not left:
        _emit(world, order, "redemption.order.failed")
    elif order["flow"]["redemptionRetryStrategy"] == "STANDARD":
        _plan_auto(world, order, world.now + RETRY_GAP)


def _emit(world: World, order: Record, name: str) -> None:
    whole = name.startswith("redemption.order")
    webhooks.emit(
        world, f"subscription.{name}", order["id"], orders.show(world, order, details=whole, event=True)
    )
