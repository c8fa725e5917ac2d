"""Payments, their orders, and capture (razorpay.md, 1.6 and 1.7)."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from simulator import shapes, webhooks
from simulator.books import Page, Record
from simulator.cycles import DAY
from simulator.fields import Call, Fields, collection, list_page
from simulator.refusals import Refusal, no_such_url
from simulator.world import World

_FEE_BASIS_POINTS = 200
_GST_BASIS_POINTS = 1800
_HALF_YEAR = 182 * DAY
ERROR_TEXTS = {
    "insufficient_funds": "Your payment could not be completed due to insufficient account balance.",
    "payment_cancelled": "The payment was cancelled by the customer.",
    "payment_timed_out": "The payment was not completed on time.",
    "card_declined": "The card was declined by the issuing bank.",
    "card_expired": "The card has expired.",
    "authentication_failed": "The payment could not be authenticated.",
    "mandate_cancelled": "The mandate for this payment has been cancelled.",
}


@dataclass
class Instrument:
    """What the customer pays with."""

    method: str
    origin: str | None = None  # of a card: domestic or international
    card: Record | None = None
    vpa: str | None = None
    bank: str | None = None
    token_id: str | None = None
    customer_id: str | None = None
    email: str | None = None
    contact: str | None = None
    extra: Record = field(default_factory=dict)


def rupees_share(amount: int, basis_points: int) -> int:
    """A share of paise, half up."""
    return (amount * basis_points * 2 + 10_000) // 20_000


def new_order(world: World, amount: int, currency: str, **more: Any) -> Record:
    """An order, which gathers the attempts to pay one sum."""
    order: Record = {
        "id": world.mint("order_"),
        "entity": "order",
        "amount": amount,
        "amount_paid": 0,
        "amount_due": amount,
        "currency": currency,
        "receipt": None,
        "offer_id": None,
        "status": "created",
        "attempts": 0,
        "notes": {},
        "created_at": world.now,
    }
    return world.add("order", order | more)


def begin(
    world: World, order: Record, by: Instrument, *, description: str | None, invoice: Record | None = None,
    amount: int | None = None, currency: str | None = None, subscription_id: str | None = None,
) -> Record:  # fmt: skip
    """A new attempt to pay an order: a payment in `created`."""
    order["attempts"] += 1
    if order["status"] == "created":
        order["status"] = "attempted"
    world.save("order", order)
    payment: Record = {
        "id": world.mint("pay_"),
        "entity": "payment",
        "amount": order["amount"] if amount is None else amount,
        "currency": currency or order["currency"],
        "status": "created",
        "order_id": order["id"],
        "invoice_id": invoice["id"] if invoice else None,
        "international": by.origin == "international",
        "method": by.method,
        "amount_refunded": 0,
        "refund_status": None,
        "captured": False,
        "description": description,
        "card_id": by.card["id"] if by.card else None,
        "bank": by.bank,
        "wallet": None,
        "vpa": by.vpa,
        "email": by.email,
        "contact": by.contact,
        "customer_id": by.customer_id,
        "token_id": by.token_id,
        "notes": {},
        "fee": None,
        "tax": None,
        "error_code": None,
        "error_description": None,
        "error_source": None,
        "error_step": None,
        "error_reason": None,
        "acquirer_data": {},
        "created_at": world.now,
        "_card": by.card,
        "_subscription_id": subscription_id,
        "_captured_at": None,
    }
    if by.vpa:
        payment["upi"] = {"vpa": by.vpa}
    return world.add("payment", payment)


def fail(world: World, payment: Record, reason: str) -> None:
    """Turn a payment down and say so."""
    payment.update(
        status="failed",
        error_code="GATEWAY_ERROR" if "technical" in reason or "gateway" in reason else "BAD_REQUEST_ERROR",
        error_description=ERROR_TEXTS.get(reason, f"The payment failed: {reason.replace('_', ' ')}."),
        error_source="customer" if payment["method"] != "emandate" else "bank",
        error_step="payment_authorization",
        error_reason=reason,
    )
    if (payment["description"] or "").startswith("Recurring"):
        payment["description"] = f"Failed {payment['description']}"
    world.save("payment", payment)
    webhooks.payment_event(world, "failed", payment)


def authorize(world: World, payment: Record) -> None:
    """The bank has set the money aside. A failed payment may come to this, late."""
    payment.update(status="authorized", acquirer_data=_acquirer_data(world, payment))
    for name in ("error_code", "error_description", "error_source", "error_step", "error_reason"):
        payment[name] = None
    if (payment["description"] or "").startswith("Failed "):
        payment["description"] = payment["description"].removeprefix("Failed ")
    world.save("payment", payment)


def _acquirer_data(world: World, payment: Record) -> Record:
    if payment["method"] == "upi":
        digest = hashlib.sha256(payment["id"].encode()).hexdigest()[:20].upper()
        return {"rrn": world.mint.digits(12), "upi_transaction_id": digest}
    return {"auth_code": world.mint.digits(6)} if payment["method"] == "card" else {}


def take(world: World, payment: Record) -> None:
    """Capture an authorized payment: fees are charged and its order is paid."""
    fee = rupees_share(payment["amount"], _FEE_BASIS_POINTS)
    tax = rupees_share(fee, _GST_BASIS_POINTS)
    payment.update(status="captured", captured=True, fee=fee + tax, tax=tax, _captured_at=world.now)
    world.save("payment", payment)
    order = world.get("order", payment["order_id"])
    paid = order["amount_paid"] + payment["amount"]
    order.update(amount_paid=paid, amount_due=max(order["amount"] - paid, 0), status="paid")
    world.save("order", order)


def announce(world: World, payment: Record) -> None:
    """Emit what a captured payment brings about: authorized, captured, the order paid."""
    webhooks.payment_event(world, "authorized", payment | {"status": "authorized", "captured": False})
    webhooks.payment_event(world, "captured", payment)
    order = world.get("order", payment["order_id"])
    payload = shapes.event_payload(
        payment=shapes.payment_in_payment_event(payment), order=shapes.visible(order)
    )
    webhooks.emit(world, "order.paid", payload, payment.get("_subscription_id") or payment["id"])


def authorize_only(world: World, payment: Record) -> None:
    """Money set aside that nobody will capture: Razorpay sends it back by itself after some days."""
    authorize(world, payment)
    webhooks.payment_event(world, "authorized", payment)
    world.books.schedule(world.now + world.switches.auto_refund_seconds, "auto_refund", payment["id"])


# API


def order_asked_for(world: World, call: Call) -> Record:
    """The plain order of POST /v1/orders."""
    allowed = ("amount", "currency", "receipt", "notes", "partial_payment", "first_payment_min_amount",
               "customer_id", "method", "token", "notification", "payment_capture")  # fmt: skip
    fields = Fields(call.body, allowed)
    amount, currency = fields.amount(), fields.currency()
    receipt = fields.text("receipt", most=40)
    if receipt and world.switches.unique_receipts and world.books.first("order", receipt=receipt):
        raise Refusal("Order already exists for the receipt.", field="receipt")  # ours
    if fields.has("token"):
        raise no_such_url()  # mandates by an order of Checkout's are not here
    customer_id = fields.id_of("customer_id", "cust_")
    if customer_id:
        world.get("customer", customer_id)
    return new_order(world, amount, currency, receipt=receipt, notes=fields.notes(),
                     _capture=fields.flag("payment_capture", default=True), _customer_id=customer_id,
                     _kind="order", _reference=receipt)  # fmt: skip


def list_orders(world: World, call: Call) -> Record:
    """GET /v1/orders"""
    page = list_page(call.query, ("authorized", "receipt", "expand[]"))
    equal = {"receipt": call.query["receipt"]} if "receipt" in call.query else {}
    return collection([shapes.visible(order) for order in world.page("order", page, equal)])


def fetch_order(world: World, call: Call) -> Record:
    """GET /v1/orders/:id"""
    return shapes.visible(world.get("order", call.ids[0]))


def edit_order(world: World, call: Call) -> Record:
    """PATCH /v1/orders/:id, notes only"""
    order = world.get("order", call.ids[0])
    order["notes"] = Fields(call.body, ("notes",)).notes()
    return shapes.visible(world.save("order", order))


def payments_of_order(world: World, call: Call) -> Record:
    """GET /v1/orders/:id/payments"""
    order = world.get("order", call.ids[0])
    if world.switches.order_payments_lag:
        found = world.page("payment", Page(count=100), {"order_id": order["id"]})
    else:
        found = world.books.find("payment", order_id=order["id"])[::-1]
    return collection([shapes.payment(payment) for payment in found])


def list_payments(world: World, call: Call) -> Record:
    """GET /v1/payments"""
    page = list_page(call.query, ("expand[]",))
    expand = (call.query.get("expand[]", ""),)
    return collection([shapes.payment(payment, expand) for payment in world.page("payment", page, {})])


def fetch_payment(world: World, call: Call) -> Record:
    """GET /v1/payments/:id"""
    Fields(call.query, ("expand[]",))
    return shapes.payment(world.get("payment", call.ids[0]), (call.query.get("expand[]", ""),))


def edit_payment(world: World, call: Call) -> Record:
    """PATCH /v1/payments/:id, notes only"""
    payment = world.get("payment", call.ids[0])
    payment["notes"] = Fields(call.body, ("notes",)).notes()
    return shapes.payment(world.save("payment", payment))


def capture(world: World, call: Call) -> Record:
    """POST /v1/payments/:id/capture"""
    payment = world.get("payment", call.ids[0])
    fields = Fields(call.body, ("amount", "currency"))
    amount, currency = fields.amount(), fields.currency()
    if payment["status"] in ("captured", "refunded"):
        raise Refusal("This payment has already been captured")
    if payment["status"] != "authorized":
        raise Refusal("Only payments which have been authorized and not yet captured can be captured")  # ours
    if amount != payment["amount"] or currency != payment["currency"]:
        raise Refusal("Capture amount must be equal to the amount authorized.", field="amount")
    world.books.unschedule(payment["id"], "auto_refund")
    take(world, payment)
    announce(world, payment)
    return shapes.payment(payment)


def pay_order(world: World, order: Record, by: Instrument, outcome: str, reason: str) -> Record:
    """A customer's attempt to pay a plain order; captured at once unless the order says otherwise."""
    if order["status"] == "paid":
        raise Refusal(
            "Your payment has been declined as the order is already paid. "
            "Please initiate the payment with a new order."
        )
    payment = begin(world, order, by, description=None)
    if outcome == "failure":
        fail(world, payment, reason)
    elif order.get("_capture", True):
        authorize(world, payment)
        take(world, payment)
        announce(world, payment)
    else:
        authorize_only(world, payment)
    return payment


def refundable(world: World, payment: Record) -> bool:
    """Whether the payment is young enough for its bank to take it back."""
    return world.now - int(payment["created_at"]) <= _HALF_YEAR
