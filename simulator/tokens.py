"""Mandates as tokens of a customer (razorpay.md, 1.9): the merchant's calls, and what payer and bank do."""

from typing import Any

from simulator import shapes, webhooks
from simulator.books import Job, Record
from simulator.fields import Call, collection
from simulator.refusals import Refusal, no_such_id
from simulator.world import World

_THIRTY_YEARS = 30 * 365 * 86_400
_USUAL_MOST = 1_500_000


def new(
    world: World, kept: Record, customer_id: str, *, status: str = "confirmed", most: int = _USUAL_MOST,
    expires_at: int | None = None, subscription_id: str | None = None,
) -> Record:  # fmt: skip
    """Enter a token for what the customer pays with; `most` is in paise."""
    token: Record = {
        "id": world.mint("token_"),
        "entity": "token",
        "token": world.mint.word(14),
        "bank": kept.get("bank"),
        "wallet": None,
        "method": kept["method"],
        "recurring": True,
        "recurring_details": {"status": status, "failure_reason": None},
        "auth_type": None,
        "mrn": None,
        "used_at": world.now,
        "created_at": world.now,
        "start_time": world.now,
        "expired_at": expires_at or world.now + _THIRTY_YEARS,
        "max_amount": most,
        "dcc_enabled": False,
        "customer_id": customer_id,
        "_subscription_id": subscription_id,
        "_instrument": kept,
        "_debits": [],
        "_notices": [],
    }
    if kept.get("vpa"):
        username, _, handle = kept["vpa"].partition("@")
        token["vpa"] = {"username": username, "handle": handle, "name": None}
    if kept.get("card"):
        token["card"] = kept["card"]
    return world.add("token", token)


def status_of(token: Record) -> str:
    """Razorpay's word for where the mandate stands."""
    return str(token["recurring_details"]["status"])


def announce(world: World, token: Record) -> None:
    """Emit `token.<status>`."""
    webhooks.token_event(world, status_of(token), token)


def put(
    world: World, token: Record, status: str, why: str | None = None, *, event: str | None = None
) -> None:
    """Set where the mandate stands and say so; an empty `event` keeps silent."""
    token["recurring_details"] = {"status": status, "failure_reason": why}
    world.save("token", token)
    world.tell(f"token {status}", token["id"])
    name = status if event is None else event
    if name:
        webhooks.token_event(world, name, token)


def take_outcome(world: World, token: Record, queue: str) -> Record:
    """What the next debit or notice of a token shall come to, if a test asked for something."""
    waiting = token.get(queue) or []
    if not waiting:
        return {}
    outcome: Record = waiting.pop(0)
    token[queue] = waiting
    world.save("token", token)
    return outcome


# API


def _owned(world: World, call: Call) -> Record:
    customer, token = world.get("customer", call.ids[0]), world.get("token", call.ids[1])
    if token["customer_id"] != customer["id"]:
        raise no_such_id()
    return token


def list_all(world: World, call: Call) -> Record:
    """GET /v1/customers/:id/tokens"""
    customer = world.get("customer", call.ids[0])
    found = world.books.find("token", customer_id=customer["id"])
    return collection([shapes.visible(token) for token in reversed(found)])


def fetch(world: World, call: Call) -> Record:
    """GET /v1/customers/:id/tokens/:token_id"""
    return shapes.visible(_owned(world, call))


def delete(world: World, call: Call) -> Record:
    """DELETE /v1/customers/:id/tokens/:token_id, which leaves the mandate standing at the bank"""
    world.books.remove("token", _owned(world, call)["id"])
    return {"deleted": True}


def cancel(world: World, call: Call) -> Record:
    """PUT /v1/customers/:id/tokens/:token_id/cancel, which ends the mandate, perhaps a while later"""
    token = _owned(world, call)
    if status_of(token) in ("cancelled", "rejected"):
        raise Refusal(f"Token cannot be cancelled in {status_of(token)} status.")  # ours
    wait = world.switches.token_cancel_seconds
    if wait:
        world.books.schedule(world.now + wait, "cancel_token", token["id"])
    else:
        put(world, token, "cancelled")
    return {"status": "cancellation_initiated"}


def cancel_due(world: World, job: Job) -> None:
    """The bank has done what the merchant asked for."""
    token = world.books.get("token", job.subject)
    if token is not None and status_of(token) != "cancelled":
        put(world, token, "cancelled")


# payer and bank


def _move(world: World, token_id: str, before: tuple[str, ...], status: str, **more: Any) -> Record:
    token = world.get("token", token_id)
    if status_of(token) not in before:
        raise Refusal(f"The mandate is {status_of(token)}", field="status")
    put(world, token, status, **more)
    return token


def pause(world: World, token_id: str) -> Record:
    """The payer pauses the mandate in their UPI app."""
    if world.get("token", token_id)["method"] != "upi":
        raise Refusal("Only a UPI mandate can be paused by its payer", field="method")
    return _move(world, token_id, ("confirmed",), "paused")


def resume(world: World, token_id: str) -> Record:
    """The payer lifts the pause."""
    event = "resumed" if world.switches.token_resumed_event else ""
    return _move(world, token_id, ("paused",), "confirmed", event=event)


def revoke(world: World, token_id: str) -> Record:
    """The payer ends the mandate at the bank."""
    return _move(world, token_id, ("confirmed", "paused"), "cancelled")


def reject(world: World, token_id: str) -> Record:
    """The bank turns the mandate down."""
    return _move(world, token_id, ("initiated",), "rejected", why="mandate_not_active")


def expire(world: World, token_id: str) -> Record:
    """Its last day has come; no status says so, and no event."""
    token = world.get("token", token_id)
    token["expired_at"] = world.now
    return world.save("token", token)
