"""Refunds: any number of them until the captured amount is used up (razorpay.md, 1.8).

The only calls with an idempotency key. A refund is `pending` until the bank has settled it.
"""

import hashlib
import json
import re

from simulator import payments, shapes, webhooks
from simulator.books import Job, Record
from simulator.fields import Call, Fields, collection, list_page
from simulator.refusals import Refusal, no_such_id
from simulator.world import World

_KEY_HEADER = "x-refund-idempotency"
_KEY_SHAPE = re.compile(r"[A-Za-z0-9_-]+")


def create(world: World, call: Call) -> Record:
    """POST /v1/payments/:id/refund"""
    key = call.headers.get(_KEY_HEADER)
    if key is None:
        return _create(world, call)
    known = _known(world, key, call)
    if known is not None:
        return known
    shown = _create(world, call)
    world.books.add("refund_key", {"id": key, "request": _digest(call), "refund": shown}, world.now)
    return shown


def _digest(call: Call) -> str:
    return hashlib.sha256(json.dumps([call.ids, call.body], sort_keys=True).encode()).hexdigest()


def _known(world: World, key: str, call: Call) -> Record | None:
    if len(key) < 10:
        raise Refusal("The idempotency key must be at least 10 characters long.")
    if not _KEY_SHAPE.fullmatch(key):
        raise Refusal(
            "The idempotency key must only contain alphanumeric characters, underscores and hyphens."
        )
    if key in (world.books.note("refunds_in_flight") or []):
        text = "Another request with the same idempotency key is still in progress."
        raise Refusal(text, status=409, source="NA", step="NA", reason="NA")
    known = world.books.get("refund_key", key)
    if known is None:
        return None
    if known["request"] != _digest(call):
        text = "Different request with the same idempotency key has already been processed."
        raise Refusal(text, status=409, source="NA", step="NA", reason="NA")
    refund: Record = known["refund"]
    return refund


def _create(world: World, call: Call) -> Record:
    return shapes.visible(give_back(world, world.get("payment", call.ids[0]), call.body))


def give_back(world: World, payment: Record, body: Record) -> Record:
    """A refund as the API or somebody in the dashboard asks for it. Raises Refusal."""
    fields = Fields(body, ("amount", "speed", "notes", "receipt"))
    speed = fields.choice("speed", ("normal", "optimum"), default="normal")
    notes, receipt = fields.notes(), fields.text("receipt")
    if payment["status"] == "refunded":
        raise Refusal("The payment has been fully refunded already")
    if payment["status"] != "captured":
        raise Refusal("The payment status should be captured for action to be taken")
    left = payment["amount"] - payment["amount_refunded"]
    amount = fields.amount() if fields.has("amount") else left
    if amount > left:
        raise Refusal("The refund amount provided is greater than amount captured", field="amount")
    if not payments.refundable(world, payment):
        raise Refusal("Refund is not supported by the bank because the payment is more than 6 months old")
    balance = world.switches.refund_balance_paise
    if balance is not None and amount > balance:
        raise Refusal("Your account does not have enough balance to carry out the refund operation.")
    instant = speed == "optimum"
    return open_refund(world, payment, amount, speed=speed, instant=instant, notes=notes, receipt=receipt)


def open_refund(
    world: World, payment: Record, amount: int, *, speed: str = "normal", instant: bool = False,
    notes: Record | None = None, receipt: str | None = None,
) -> Record:  # fmt: skip
    """Return paise of a captured payment; an instant refund is processed at once, or tried in vain."""
    tried_seconds = world.switches.instant_refund_fails_after_seconds if speed == "optimum" else None
    refund: Record = {
        "id": world.mint("rfnd_"),
        "entity": "refund",
        "amount": amount,
        "currency": payment["currency"],
        "payment_id": payment["id"],
        "notes": notes or {},
        "receipt": receipt,
        "acquirer_data": {"arn": None},
        "created_at": world.now,
        "batch_id": None,
        "status": "pending",
        "speed_requested": speed,
        # Null while the instant way is tried is ours; the reference does not show that moment.
        "speed_processed": "normal" if not instant else "instant" if tried_seconds is None else None,
    }
    world.add("refund", refund)
    _count_refunded(world, payment, amount)
    webhooks.refund_event(world, "created", refund, payment)
    if tried_seconds is not None:
        world.books.schedule(world.now + tried_seconds, "slow_refund", refund["id"])
    elif instant:
        settle(world, refund, "processed")
    else:
        _settle_later(world, refund)
    return refund


def _settle_later(world: World, refund: Record) -> None:
    world.books.schedule(world.now + world.switches.refund_settle_seconds, "settle_refund", refund["id"])


def _count_refunded(world: World, payment: Record, amount: int) -> None:
    refunded = payment["amount_refunded"] + amount
    full = refunded >= payment["amount"]
    payment.update(
        amount_refunded=refunded,
        refund_status="full" if full else "partial" if refunded else None,
        status="refunded" if full else "captured",
    )
    world.save("payment", payment)


def settle(world: World, refund: Record, outcome: str) -> None:
    """The bank's answer: processed, failed (the money stays with us), or only slower than asked for."""
    payment = world.get("payment", refund["payment_id"])
    if refund["status"] != "pending":
        return
    world.books.unschedule(refund["id"], "settle_refund", "slow_refund")
    if outcome == "speed_changed":
        refund["speed_processed"] = "normal"
        _settle_later(world, refund)
    else:
        refund["status"] = outcome
    if outcome == "processed":
        refund["speed_processed"] = refund["speed_processed"] or "instant"
        refund["acquirer_data"] = {"arn": world.mint.digits(23)}
    elif outcome == "failed":
        _count_refunded(world, payment, -refund["amount"])
    world.save("refund", refund)
    webhooks.refund_event(world, outcome, refund, payment)


def settle_due(world: World, job: Job) -> None:
    """A normal refund has taken its working days."""
    settle(world, world.get("refund", job.subject), "processed")


def slow_down(world: World, job: Job) -> None:
    """The instant way was tried in vain; now it takes its working days."""
    settle(world, world.get("refund", job.subject), "speed_changed")


def auto_refund(world: World, job: Job) -> None:
    """An authorized payment that nobody captured goes back to the customer."""
    payment = world.get("payment", job.subject)
    if payment["status"] != "authorized":
        return
    refund = open_refund(world, payment, payment["amount"], instant=True)
    world.tell("uncaptured payment returned", payment["id"], refund=refund["id"])


def of_payment(world: World, call: Call) -> Record:
    """GET /v1/payments/:id/refunds"""
    payment = world.get("payment", call.ids[0])
    page = list_page(call.query)
    return collection(
        [shapes.visible(each) for each in world.page("refund", page, {"payment_id": payment["id"]})]
    )


def one_of_payment(world: World, call: Call) -> Record:
    """GET /v1/payments/:id/refunds/:refund_id"""
    payment, refund = world.get("payment", call.ids[0]), world.get("refund", call.ids[1])
    if refund["payment_id"] != payment["id"]:
        raise no_such_id()
    return shapes.visible(refund)


def list_all(world: World, call: Call) -> Record:
    """GET /v1/refunds"""
    page = list_page(call.query, ("payment_id",))
    equal = {"payment_id": call.query["payment_id"]} if "payment_id" in call.query else {}
    return collection([shapes.visible(refund) for refund in world.page("refund", page, equal)])


def fetch(world: World, call: Call) -> Record:
    """GET /v1/refunds/:id"""
    return shapes.visible(world.get("refund", call.ids[0]))


def edit(world: World, call: Call) -> Record:
    """PATCH /v1/refunds/:id, notes only"""
    refund = world.get("refund", call.ids[0])
    refund["notes"] = Fields(call.body, ("notes",)).notes()
    return shapes.visible(world.save("refund", refund))
