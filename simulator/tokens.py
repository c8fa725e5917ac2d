"""Mandates as tokens of a customer (razorpay.md, 1.9). Debits on them by the merchant are not here yet:
`/subscription_registration/auth_links` and `/payments/create/recurring` answer as on an account without them.
"""

from simulator import shapes, webhooks
from simulator.books import Record
from simulator.fields import Call, collection
from simulator.refusals import no_such_id
from simulator.world import World


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
    """PUT /v1/customers/:id/tokens/:token_id/cancel, which ends the mandate"""
    token = _owned(world, call)
    token["recurring_details"] = {"status": "cancelled", "failure_reason": None}
    world.save("token", token)
    webhooks.token_event(world, "cancelled", token)
    return {"status": "cancellation_initiated"}
