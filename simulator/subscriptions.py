"""The merchant's commands on subscriptions (razorpay.md, 1.3, 1.4 and 2.5)."""

from simulator import billing, catalogue, cycles, mandates, shapes
from simulator.books import Job, Record
from simulator.fields import Call, Fields, collection, list_page
from simulator.refusals import Refusal
from simulator.world import World

_CREATE = ("plan_id", "total_count", "quantity", "start_at", "expire_by", "customer_notify", "addons",
           "offer_id", "notes", "notify_info")  # fmt: skip
_MOST_ADDONS = 5
_PAST_EXPIRY = "Link expire by cannot be lesser than the current time."
_FINAL_CYCLE = "The subscription is in its final cycle and cannot be cancelled now."
_NO_CYCLE = "Subscription cannot be cancelled since no billing cycle is going on"


def shown(world: World, subscription: Record) -> Record:
    """A subscription as the API shows it."""
    return shapes.subscription(subscription, world.base_url)


def create(world: World, call: Call) -> Record:
    """POST /v1/subscriptions"""
    allowed = (*_CREATE, "customer_id") if world.switches.accepts_customer_id else _CREATE
    fields = Fields(call.body, allowed)
    plan_id = fields.id_of("plan_id", "plan_", required=True)
    assert plan_id is not None
    plan = world.get("plan", plan_id)
    total = fields.integer("total_count", least=1)
    most = cycles.most_cycles(plan["period"], plan["interval"])
    if total > most:
        text = f"Exceeds the maximum total_count ({most}) allowed for the given period and interval"
        raise Refusal(text, field="total_count")
    start_at, expire_by = fields.instant("start_at"), fields.instant("expire_by")
    if expire_by is not None and expire_by <= world.now:
        raise Refusal(_PAST_EXPIRY, field="expire_by")
    if start_at is not None and start_at <= world.now:
        raise Refusal("start_at cannot be lesser than the current time.", field="start_at")  # ours
    if fields.has("offer_id"):
        raise Refusal("Offer Not Found", field="offer_id")
    upfront = _upfront(world, fields)
    fields.mapping("notify_info")
    subscription = _new(world, plan_id, total, start_at) | {
        "quantity": fields.integer("quantity", default=1, least=1),
        "notes": fields.notes(),
        "customer_notify": fields.flag("customer_notify", default=True),
        "expire_by": expire_by,
        "_upfront": upfront,
    }
    if fields.has("customer_id"):
        subscription["customer_id"] = world.get("customer", fields.raw("customer_id"))["id"]
    world.add("subscription", subscription)
    _open(world, subscription)
    return shown(world, subscription)


def _upfront(world: World, fields: Fields) -> list[Record]:
    sent = fields.raw("addons") or []
    if not isinstance(sent, list):
        raise Refusal("The addons must be an array.", field="addons")
    if len(sent) > _MOST_ADDONS:
        raise Refusal(f"The addons may not have more than {_MOST_ADDONS} items.", field="addons")
    return [
        catalogue.new_item(world, Fields(each, ("item",)).raw("item", required=True), "addon")
        for each in sent
    ]


def _new(world: World, plan_id: str, total: int, start_at: int | None) -> Record:
    return {
        "id": world.mint("sub_"),
        "entity": "subscription",
        "plan_id": plan_id,
        "customer_id": None,
        "status": "created",
        "current_start": None,
        "current_end": None,
        "ended_at": None,
        "quantity": 1,
        "notes": {},
        "charge_at": start_at,
        "start_at": start_at,
        "end_at": None,
        "auth_attempts": 0,
        "total_count": total,
        "paid_count": 0,
        "customer_notify": True,
        "created_at": world.now,
        "expire_by": None,
        "short_url": None,
        "has_scheduled_changes": False,
        "change_scheduled_at": None,
        "source": "api",
        "offer_id": None,
        "payment_method": None,
        "pause_initiated_by": None,
        "cancel_initiated_by": None,
        "paused_at": None,
        "remaining_count": total,
        "_code": world.mint.word(7),
        "_immediate": start_at is None,
        "_upfront": [],
        "_anchor": None,
        "_anchor_cycle": 0,
        "_cycle": -1,
        "_issued": 0,
        "_invoice_id": None,
        "_instrument": None,
        "_token_id": None,
        "_outcomes": [],
        "_cancel_at_end": False,
        "_update": None,
    }


def _open(world: World, subscription: Record) -> None:
    """The first invoice of an immediate start is issued at once; otherwise the start is anchored."""
    start_at, expire_by = subscription["start_at"], subscription["expire_by"]
    if subscription["_immediate"]:
        lines = [billing.plan_line(world, subscription)]
        lines += [billing.line(world, item, 1, "addon") for item in subscription["_upfront"]]
        billing.count_issued(subscription)
        subscription["_invoice_id"] = billing.issue(world, subscription, lines, 0)["id"]
    else:
        billing.anchor(world, subscription, start_at)
    world.save("subscription", subscription)
    deadlines = [instant for instant in (start_at, expire_by) if instant is not None]
    if deadlines:
        due = min(deadlines) + world.switches.expiry_lag_seconds
        world.books.schedule(due, "expire", subscription["id"])


def expire(world: World, job: Job) -> None:
    """Nobody authenticated in time. There is no event for this."""
    subscription = world.get("subscription", job.subject)
    if subscription["status"] == "created":
        billing.end(world, subscription, "expired", quietly=True)
        world.tell("subscription expired", subscription["id"])


def list_all(world: World, call: Call) -> Record:
    """GET /v1/subscriptions"""
    page = list_page(call.query, ("plan_id",))
    equal = {"plan_id": call.query["plan_id"]} if "plan_id" in call.query else {}
    return collection([shown(world, each) for each in world.page("subscription", page, equal)])


def fetch(world: World, call: Call) -> Record:
    """GET /v1/subscriptions/:id"""
    return shown(world, world.get("subscription", call.ids[0]))


def cancel(world: World, call: Call) -> Record:
    """POST /v1/subscriptions/:id/cancel"""
    subscription = world.get("subscription", call.ids[0])
    at_end = Fields(call.body, ("cancel_at_cycle_end",)).flag("cancel_at_cycle_end", default=False)
    cancel_subscription(world, subscription, at_end=at_end)
    return shown(world, subscription)


def cancel_subscription(world: World, subscription: Record, *, at_end: bool) -> None:
    """The matrix of razorpay.md 2.5. Raises Refusal where Razorpay refuses."""
    status = subscription["status"]
    if status in billing.TERMINAL:
        raise Refusal(f"Subscription is not cancellable in {status} status.", field="status")
    if not at_end:
        billing.end(world, subscription, "cancelled", by="self")
        return
    if status in ("created", "authenticated"):
        raise Refusal(_NO_CYCLE)
    if status == "active" and billing.is_last(subscription, subscription["_cycle"]):
        raise Refusal(_FINAL_CYCLE)
    if status == "active" or world.switches.cycle_end_cancel_remembered:
        subscription["_cancel_at_end"] = True
        world.save("subscription", subscription)


def pause(world: World, call: Call) -> Record:
    """POST /v1/subscriptions/:id/pause"""
    subscription = world.get("subscription", call.ids[0])
    Fields(call.body, ("pause_at",)).choice("pause_at", ("now",), default="now")
    pause_subscription(world, subscription)
    return shown(world, subscription)


def pause_subscription(world: World, subscription: Record) -> None:
    """An active subscription pauses; one that has not begun is cancelled instead."""
    status = subscription["status"]
    if status == "authenticated":
        billing.end(world, subscription, "cancelled", by="self")
    elif status == "active":
        mandates.pause(world, subscription, by="self")
    else:
        raise Refusal(f"Subscription cannot be paused in {status} status.", field="status")  # ours


def resume(world: World, call: Call) -> Record:
    """POST /v1/subscriptions/:id/resume"""
    subscription = world.get("subscription", call.ids[0])
    Fields(call.body, ("resume_at",)).choice("resume_at", ("now",), default="now")
    resume_subscription(world, subscription)
    return shown(world, subscription)


def resume_subscription(world: World, subscription: Record) -> None:
    """Lift the merchant's own pause."""
    status = subscription["status"]
    if status != "paused":
        raise Refusal(f"Subscription cannot be resumed in {status} status.", field="status")  # ours
    if subscription["pause_initiated_by"] == "customer":
        raise Refusal("Subscription was paused by the customer and only they can resume it.")  # ours
    mandates.resume(world, subscription)


# add-ons


def create_addon(world: World, call: Call) -> Record:
    """POST /v1/subscriptions/:id/addons: billed with the next invoice"""
    subscription = world.get("subscription", call.ids[0])
    fields = Fields(call.body, ("item", "quantity"))
    item = catalogue.new_item(world, fields.raw("item", required=True), "addon")
    kept = subscription["_instrument"] or {}
    if kept.get("method") == "upi":
        raise Refusal("Add-ons can't be added for Subscriptions when payment mode is upi")
    if kept.get("origin") == "domestic":
        raise Refusal("Addons can't be added for subscriptions when payment mode is domestic card")
    if subscription["status"] in billing.TERMINAL:
        raise Refusal(f"Addons can't be added for subscriptions in {subscription['status']} status.")  # ours
    addon: Record = {
        "id": world.mint("ao_"),
        "entity": "addon",
        "item": item,
        "quantity": fields.integer("quantity", default=1, least=1),
        "created_at": world.now,
        "subscription_id": subscription["id"],
        "invoice_id": None,
    }
    return shapes.visible(world.add("addon", addon))


def list_addons(world: World, call: Call) -> Record:
    """GET /v1/addons"""
    return collection([shapes.visible(addon) for addon in world.page("addon", list_page(call.query), {})])


def fetch_addon(world: World, call: Call) -> Record:
    """GET /v1/addons/:id"""
    return shapes.visible(world.get("addon", call.ids[0]))


def delete_addon(world: World, call: Call) -> list[Record]:
    """DELETE /v1/addons/:id, which answers an empty list"""
    addon = world.get("addon", call.ids[0])
    if addon["invoice_id"] is not None:
        raise Refusal("Addon cannot be deleted as it has already been invoiced.")  # ours
    world.books.remove("addon", addon["id"])
    return []


def delete_offer(world: World, call: Call) -> Record:
    """DELETE /v1/subscriptions/:id/:offer_id; offers are made in the dashboard only, and there are none"""
    world.get("subscription", call.ids[0])
    raise Refusal("Offer Not Found", field="offer_id")
