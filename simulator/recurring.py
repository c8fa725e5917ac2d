"""Debits of a token on the merchant's clock: an order with a notice, a wait, a payment (razorpay.md, 1.9).

Nothing here is retried by itself. How long to wait, and what becomes of a debit made too early, are
switches: the reference says "about".
"""

from simulator import payments, shapes, tokens, webhooks
from simulator.books import Job, Record
from simulator.fields import Call, Fields
from simulator.payments import Instrument
from simulator.refusals import Refusal, no_such_id, no_such_url
from simulator.world import World

OUTCOMES = ("success", "failure", "late_success", "wrong_amount", "stuck")
NOTICES = ("delivered", "failed")
_UNTOLD = "pre_debit_notification_not_sent"
_TOO_EARLY = "BAD_REQUEST_MANDATE_PROMISED_DEBIT_DATE_NOT_HONOURED"
_STANDING = {
    "initiated": "mandate_not_active",
    "rejected": "mandate_not_active",
    "paused": "mandate_paused",
    "cancelled": "mandate_cancelled",
}
_DEBIT = ("email", "contact", "amount", "currency", "order_id", "customer_id", "token", "recurring",
          "description", "notes")  # fmt: skip


# orders and their notices


def create_order(world: World, call: Call) -> Record:
    """POST /v1/orders; with a `notification` the payer is told of a debit to come"""
    order = payments.order_asked_for(world, call)
    if call.body.get("notification"):
        if not world.switches.recurring_payments:
            raise no_such_url()
        _announce(world, order, Fields(call.body["notification"], ("token_id", "payment_after")))
    return shapes.visible(order)


def _announce(world: World, order: Record, asked: Fields) -> None:
    token = world.get("token", asked.id_of("token_id", "token_", required=True) or "")
    after = asked.integer("payment_after")
    if after <= world.now:
        raise Refusal("payment_after cannot be lesser than the current time.", field="payment_after")  # ours
    reason = _standing(world, token)
    if reason:
        raise Refusal("The token cannot be debited.", field="token_id", reason=reason)  # ours
    order["notification"] = {
        "id": world.mint("notification_"),
        "token_id": token["id"],
        "payment_after": after,
        "status": "created",
        "delivered_at": None,
    }
    world.save("order", order)
    planned = tokens.take_outcome(world, token, "_notices") or {"outcome": "delivered"}
    world.books.schedule(world.now + world.switches.notice_seconds, "deliver_notice", order["id"], planned)


def deliver_notice(world: World, job: Job) -> None:
    """The payer has been told, or could not be."""
    conclude_notice(world, world.get("order", job.subject), job.payload["outcome"])


def conclude_notice(world: World, order: Record, outcome: str) -> None:
    """Set how a notice ended, once, and say so."""
    notification = order.get("notification")
    if notification is None or outcome not in NOTICES:
        raise Refusal("This order has no notice, or its outcome is none of: " + ", ".join(NOTICES))
    if notification["status"] in NOTICES:
        return
    notification["status"] = outcome
    notification["delivered_at"] = world.now if outcome == "delivered" else None
    world.save("order", order)
    world.books.unschedule(order["id"], "deliver_notice")
    told = notification | {"entity": "notification", "order_id": order["id"], "created_at": world.now}
    webhooks.emit(
        world, f"order.notification.{outcome}", shapes.event_payload(notification=told), order["id"]
    )


# debits


def create(world: World, call: Call) -> Record:
    """POST /v1/payments/create/recurring: the answer names the payment, whose outcome comes later"""
    if not world.switches.recurring_payments:
        raise no_such_url()
    fields = Fields(call.body, _DEBIT)
    order = world.get("order", fields.id_of("order_id", "order_", required=True) or "")
    token = world.get("token", fields.id_of("token", "token_", required=True) or "")
    customer_id = fields.id_of("customer_id", "cust_", required=True)
    if token["customer_id"] != customer_id:
        raise no_such_id()
    email, contact = fields.text("email", required=True), fields.text("contact", required=True)
    if not fields.flag("recurring", default=False):
        raise Refusal("The recurring field must be true.", field="recurring")  # ours
    if fields.amount() != order["amount"] or fields.currency() != order["currency"]:
        text = "Payment amount is different from your order amount. To pay successfully, use the same amount."
        raise Refusal(text, field="amount")  # ours
    _refuse_second(world, order, token)
    reason = _barred(world, order, token)
    if reason and world.switches.barred_debit == "refused":
        raise Refusal("The debit is not allowed.", reason=reason)  # ours
    outcome = {"outcome": "failure", "error_reason": reason} if reason else {}
    payment = _begin(world, order, token, outcome or tokens.take_outcome(world, token, "_debits"))
    payment.update(email=email, contact=contact, notes=fields.notes())
    payment["description"] = fields.text("description") or "Recurring Payment"
    world.save("payment", payment)
    return {"razorpay_payment_id": payment["id"]}


def _refuse_second(world: World, order: Record, token: Record) -> None:
    if order["status"] == "paid":
        raise Refusal(
            "Your payment has been declined as the order is already paid. "
            "Please initiate the payment with a new order."
        )
    made = world.books.find("payment", order_id=order["id"])
    if any(each["status"] in ("created", "authorized") for each in made):
        raise Refusal("A payment of this order has not ended.")  # ours
    most = world.switches.upi_debits_per_order
    if token["method"] == "upi" and most and len(made) >= most:
        raise Refusal("This order has had its debit; create a new one.")  # ours


def _standing(world: World, token: Record) -> str | None:
    if token["expired_at"] <= world.now:
        return "mandate_expired"
    return _STANDING.get(tokens.status_of(token))


def _barred(world: World, order: Record, token: Record) -> str | None:
    """Why this debit may not be made now, as an error reason."""
    reason = _standing(world, token)
    if reason:
        return reason
    if order["amount"] > token["max_amount"]:
        return "mandate_debit_beyond_psp_amount_cap"
    if token["method"] == "emandate":  # no notice of the merchant's
        return None
    notification = order.get("notification") or {}
    if notification.get("status") != "delivered" or notification["token_id"] != token["id"]:
        return _UNTOLD
    card = token["method"] == "card"
    wait = world.switches.card_wait_seconds if card else world.switches.upi_wait_seconds
    earliest = max(notification["delivered_at"] + wait, notification["payment_after"])
    failed = [each["created_at"] for each in world.books.find("payment", order_id=order["id"])]
    if failed:
        earliest = max(earliest, failed[-1] + wait)
    return _TOO_EARLY if world.now < earliest else None


def _begin(world: World, order: Record, token: Record, outcome: Record) -> Record:
    by = Instrument(**token["_instrument"], customer_id=token["customer_id"], token_id=token["id"])
    wrong = outcome.get("outcome") == "wrong_amount"
    amount = outcome.get("amount", order["amount"] + 100) if wrong else None
    payment = payments.begin(world, order, by, description="Recurring Payment", amount=amount)
    token["used_at"] = world.now
    world.save("token", token)
    if outcome.get("outcome") != "stuck":
        slow = token["method"] == "emandate"
        wait = world.switches.emandate_result_seconds if slow else world.switches.debit_seconds
        due = world.now + outcome.get("after_seconds", wait)
        world.books.schedule(due, "debit_result", payment["id"], {"outcome": outcome})
    return payment


def debit_result(world: World, job: Job) -> None:
    """The bank answers."""
    settle(world, world.get("payment", job.subject), job.payload["outcome"])


def settle(world: World, payment: Record, outcome: Record) -> None:
    """How a debit ends. What the payer ended meanwhile fails, whatever was planned."""
    if payment["status"] != "created":
        raise Refusal(f"This payment is {payment['status']}.", field="status")
    world.books.unschedule(payment["id"], "debit_result")
    token = world.books.get("token", payment["token_id"])
    reason = "invalid_token" if token is None else _standing(world, token)
    planned = outcome.get("outcome", "success")
    if reason or planned in ("failure", "late_success"):
        payments.fail(world, payment, reason or outcome.get("error_reason") or "insufficient_funds")
        if planned == "late_success" and not reason:
            due = world.now + outcome.get("late_seconds", world.switches.late_success_seconds)
            world.books.schedule(due, "late_debit", payment["id"])
        return
    _take(world, payment)


def late_debit(world: World, job: Job) -> None:
    """A debit that was reported as failed turns out to have gone through."""
    _take(world, world.get("payment", job.subject))


def _take(world: World, payment: Record) -> None:
    if world.get("order", payment["order_id"])["status"] == "paid":
        payments.authorize_only(world, payment)
        return
    payments.authorize(world, payment)
    payments.take(world, payment)
    payments.announce(world, payment)
