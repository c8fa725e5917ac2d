"""Changing a running subscription: mostly refused in India, prorated for international cards.

The matrix and Razorpay's own proration: razorpay.md, 2.6.
"""

from typing import Any

from simulator import billing, cycles, payments, refunds, shapes, webhooks
from simulator.books import Record
from simulator.fields import Call, Fields
from simulator.refusals import Refusal
from simulator.world import World

_FIELDS = (
    "plan_id",
    "offer_id",
    "quantity",
    "remaining_count",
    "start_at",
    "schedule_change_at",
    "customer_notify",
)
_LEAST_DIFFERENCE = 50  # paise


def edit(world: World, call: Call) -> Record:
    """PATCH /v1/subscriptions/:id"""
    subscription = world.get("subscription", call.ids[0])
    fields = Fields(call.body, _FIELDS)
    when = fields.choice("schedule_change_at", ("now", "cycle_end"), default="now")
    changes = _read(world, fields)
    _refuse_by_method(subscription, when)
    if subscription["status"] == "authenticated":
        _apply_before_start(world, subscription, changes)
    elif when == "cycle_end":
        subscription.update(
            _update=changes, has_scheduled_changes=True, change_scheduled_at=subscription["current_end"]
        )
    else:
        _apply_now(world, subscription, changes)
    world.save("subscription", subscription)
    if when == "now":
        webhooks.subscription_event(world, "updated", subscription)
    return shapes.subscription(subscription, world.base_url)


def _read(world: World, fields: Fields) -> Record:
    changes: Record = {}
    if fields.has("plan_id"):
        plan_id = fields.id_of("plan_id", "plan_")
        changes["plan_id"] = world.get("plan", plan_id or "")["id"]
    for name in ("quantity", "remaining_count"):
        if fields.has(name):
            changes[name] = fields.integer(name, least=1)
    if fields.has("start_at"):
        changes["start_at"] = fields.instant("start_at")
    if fields.has("customer_notify"):
        changes["customer_notify"] = fields.flag("customer_notify", default=True)
    if fields.has("offer_id"):
        raise Refusal("Offer Not Found", field="offer_id")
    return changes


def _refuse_by_method(subscription: Record, when: str) -> None:
    if subscription["status"] not in ("authenticated", "active"):
        raise Refusal("Can't update subscription when subscription is not in Authenticated or Active state")
    kept = subscription["_instrument"]
    if kept["method"] == "upi":
        raise Refusal("Subscriptions cannot be updated when payment mode is UPI")
    if kept["method"] == "emandate":
        raise Refusal("Subscriptions cannot be updated when payment mode is eMandate")
    if kept.get("origin") != "domestic":
        return
    if when == "now":
        raise Refusal("Can't update subscription immediately when card mandate is applicable")
    text = "Only offers can be updated for subscriptions when payment mode is domestic card"
    raise Refusal(text, field="offer_id")


def _set(subscription: Record, changes: Record) -> None:
    for name in ("plan_id", "quantity", "customer_notify"):
        if name in changes:
            subscription[name] = changes[name]
    if "remaining_count" in changes:
        subscription["remaining_count"] = changes["remaining_count"]
        subscription["total_count"] = subscription["_issued"] + changes["remaining_count"]


def _apply_before_start(world: World, subscription: Record, changes: Record) -> None:
    _set(subscription, changes)
    start = changes.get("start_at") or subscription["start_at"]
    if start <= world.now:
        raise Refusal("start_at cannot be lesser than the current time.", field="start_at")  # ours
    subscription.update(start_at=start, charge_at=start)
    billing.anchor(world, subscription, start)
    world.books.unschedule(subscription["id"], "begin_cycle")
    billing.plan_cycle(world, subscription, 0)


def _apply_now(world: World, subscription: Record, changes: Record) -> None:
    if "start_at" in changes:
        raise Refusal(
            "start_at cannot be updated once the subscription has started.", field="start_at"
        )  # ours
    before = billing.plan_of(world, subscription)
    old_price = before["item"]["amount"] * subscription["quantity"]
    changed = dict(subscription)
    _set(changed, changes)
    after = billing.plan_of(world, changed)
    new_price = after["item"]["amount"] * changed["quantity"]
    same_cadence = _same_cadence(before, after)
    repriced = "plan_id" in changes or "quantity" in changes
    if repriced:
        difference = _difference(world, subscription, old_price, new_price, same_cadence=same_cadence)
        if abs(difference) < _LEAST_DIFFERENCE:
            raise Refusal("The prorated difference must be at least 50 paise.")  # ours
        _settle(world, subscription, changed, difference)
    subscription.update(changed)
    if same_cadence:
        billing.anchor(world, subscription, subscription["_anchor"], subscription["_anchor_cycle"])
    else:
        _restart_cycle(world, subscription)


def _same_cadence(one: Record, other: Record) -> bool:
    return (one["period"], one["interval"]) == (other["period"], other["interval"])


def _difference(world: World, subscription: Record, old: int, new: int, *, same_cadence: bool) -> int:
    """What the change costs now, in paise; negative is owed to the customer."""
    start, end = subscription["current_start"], subscription["current_end"]
    days = max(cycles.days_between(start, end), 1)
    left = days - cycles.days_between(start, world.now)
    credit = _share(old, left, days)
    return (_share(new, left, days) if same_cadence else new) - credit


def _share(amount: int, part: int, whole: int) -> int:
    return (2 * amount * part + whole) // (2 * whole)


def _settle(world: World, subscription: Record, changed: Record, difference: int) -> None:
    if difference < 0:
        _give_back(world, subscription, -difference)
        return
    item = billing.plan_of(world, changed)["item"]
    line = billing.line(world, item | {"amount": difference}, 1, "plan")
    invoice = billing.issue(world, subscription, [line], None)
    outcome = billing.take_outcome(world, subscription)
    changed["_outcomes"] = subscription["_outcomes"]
    order = world.get("order", invoice["order_id"])
    payment = payments.begin(world, order, billing.instrument(subscription), invoice=invoice,
                             description=billing.RECURRING, subscription_id=subscription["id"])  # fmt: skip
    if outcome["outcome"] != "success":
        # Raising would undo the books, so the attempt is not recorded; the refusal is what the caller sees.
        raise Refusal(
            "The subscription could not be updated because the payment for the change failed."
        )  # ours
    payments.authorize(world, payment)
    payments.take(world, payment)
    billing.mark_paid(world, invoice, payment)
    billing.announce_paid(world, invoice, payment)


def _give_back(world: World, subscription: Record, amount: int) -> None:
    for invoice in reversed(world.books.find("invoice", subscription_id=subscription["id"])):
        if invoice["payment_id"]:
            payment = world.get("payment", invoice["payment_id"])
            left = payment["amount"] - payment["amount_refunded"]
            if left > 0:
                refunds.open_refund(world, payment, min(left, amount))
                return


def _restart_cycle(world: World, subscription: Record) -> None:
    """A change of cadence begins a new cycle on the day of the change."""
    k = subscription["_cycle"]
    billing.anchor(world, subscription, world.now, k)
    start, end = billing.bounds(world, subscription, k)
    subscription.update(current_start=start, current_end=end, charge_at=end)
    world.books.unschedule(subscription["id"], "begin_cycle")
    if not billing.is_last(subscription, k):
        billing.plan_cycle(world, subscription, k + 1)


def apply_scheduled(world: World, subscription: Record, k: int) -> None:
    """A change that waited for the cycle's end takes effect as cycle `k` begins."""
    changes: dict[str, Any] = subscription["_update"]
    start = billing.bounds(world, subscription, k)[0]
    before = billing.plan_of(world, subscription)
    subscription.update(_update=None, has_scheduled_changes=False, change_scheduled_at=None)
    _set(subscription, changes)
    if _same_cadence(before, billing.plan_of(world, subscription)):  # keep the anchor day, the 31st stays
        billing.anchor(world, subscription, subscription["_anchor"], subscription["_anchor_cycle"])
    else:
        billing.anchor(world, subscription, start, k)
    world.save("subscription", subscription)
    webhooks.subscription_event(world, "updated", subscription)


def scheduled(world: World, call: Call) -> Record:
    """GET /v1/subscriptions/:id/retrieve_scheduled_changes: as it will look"""
    subscription = _with_pending(world, call)
    future = dict(subscription)
    _set(future, subscription["_update"])
    return shapes.subscription(future, world.base_url)


def cancel_scheduled(world: World, call: Call) -> Record:
    """POST /v1/subscriptions/:id/cancel_scheduled_changes"""
    subscription = _with_pending(world, call)
    subscription.update(_update=None, has_scheduled_changes=False, change_scheduled_at=None)
    world.save("subscription", subscription)
    return shapes.subscription(subscription, world.base_url)


def _with_pending(world: World, call: Call) -> Record:
    subscription = world.get("subscription", call.ids[0])
    if not subscription["_update"]:
        raise Refusal("No Pending update for this subscription")
    return subscription
