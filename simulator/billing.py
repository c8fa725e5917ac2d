"""The charge clock: cycles begin, invoices are issued and debited, failures climb the ladder.

razorpay.md 2.2 to 2.4: one try and three retries a day apart, then `halted`; a halted subscription goes on
getting invoices that nobody debits; `completed` comes at the start of the last cycle.
"""

from typing import Any

from simulator import cycles, payments, shapes, updates, webhooks
from simulator.books import Job, Record
from simulator.cycles import DAY
from simulator.payments import Instrument
from simulator.world import World

TERMINAL = frozenset({"cancelled", "completed", "expired"})
_LADDER_TRIES = 4
RECURRING = "Recurring Payment via Subscription"

Outcome = dict[str, Any]


def plan_of(world: World, subscription: Record) -> Record:
    """The plan a subscription is on."""
    return world.get("plan", subscription["plan_id"])


def bounds(world: World, subscription: Record, k: int) -> tuple[int, int]:
    """Begin and end of the subscription's cycle `k`, in unix seconds."""
    plan = plan_of(world, subscription)
    step = k - subscription["_anchor_cycle"]
    month_end = world.switches.month_end
    return cycles.cycle(subscription["_anchor"], plan["period"], plan["interval"], step, month_end)


def anchor(world: World, subscription: Record, start: int, k: int = 0) -> None:
    """Count the cycles from `start`, which begins cycle `k`; sets `end_at`."""
    subscription.update(_anchor=start, _anchor_cycle=k)
    subscription["end_at"] = bounds(world, subscription, subscription["total_count"] - 1)[0]


def is_last(subscription: Record, k: int) -> bool:
    """Whether cycle `k` is the last one agreed."""
    return k >= int(subscription["total_count"]) - 1


# invoices


def plan_line(world: World, subscription: Record) -> Record:
    """The invoice line for one cycle of the plan."""
    item = plan_of(world, subscription)["item"]
    return line(world, item, subscription["quantity"], "plan")


def line(world: World, item: Record, quantity: int, kind: str) -> Record:
    """An invoice line; sums in paise."""
    amount = item["amount"] * quantity
    return {
        "id": world.mint("li_"),
        "item_id": None,
        "ref_id": None,
        "ref_type": None,
        "name": item["name"],
        "description": item["description"],
        "amount": amount,
        "unit_amount": item["amount"],
        "gross_amount": amount,
        "tax_amount": 0,
        "taxable_amount": amount,
        "net_amount": amount,
        "currency": item["currency"],
        "type": kind,
        "tax_inclusive": False,
        "hsn_code": None,
        "sac_code": None,
        "tax_rate": None,
        "unit": None,
        "quantity": quantity,
        "taxes": [],
    }


def issue(world: World, subscription: Record, lines: list[Record], k: int | None) -> Record:
    """An issued invoice with its order. `k` is its cycle, or None when it is not for a cycle."""
    amount = sum(each["amount"] for each in lines)
    order = payments.new_order(world, amount, lines[0]["currency"])
    billing: tuple[int | None, int | None] = (None, None)
    if k is not None and subscription["_anchor"] is not None:
        billing = bounds(world, subscription, k)
    invoice = blank_invoice(world, lines, order) | {
        "subscription_id": subscription["id"],
        "customer_id": subscription["customer_id"],
        "billing_start": billing[0],
        "billing_end": billing[1],
        "_cycle": k,
    }
    world.add("invoice", invoice)
    world.tell("invoice issued", subscription["id"], invoice=invoice["id"], amount=amount)
    return invoice


def blank_invoice(world: World, lines: list[Record], order: Record | None) -> Record:
    """An issued invoice over these lines, not for anyone yet."""
    amount = sum(each["amount"] for each in lines)
    return {
        "id": world.mint("inv_"),
        "entity": "invoice",
        "receipt": None,
        "invoice_number": None,
        "customer_id": None,
        "customer_details": None,
        "order_id": order["id"] if order else None,
        "subscription_id": None,
        "line_items": lines,
        "payment_id": None,
        "status": "issued",
        "expire_by": None,
        "issued_at": world.now,
        "paid_at": None,
        "cancelled_at": None,
        "expired_at": None,
        "sms_status": None,
        "email_status": None,
        "date": world.now,
        "terms": None,
        "partial_payment": False,
        "gross_amount": amount,
        "tax_amount": 0,
        "taxable_amount": amount,
        "amount": amount,
        "amount_paid": 0,
        "amount_due": amount,
        "currency": lines[0]["currency"] if lines else "INR",
        "currency_symbol": "₹",
        "description": None,
        "notes": {},
        "comment": None,
        "short_url": None,
        "view_less": True,
        "billing_start": None,
        "billing_end": None,
        "type": "invoice",
        "group_taxes_discounts": False,
        "created_at": world.now,
        "idempotency_key": None,
        "_code": world.mint.word(7),
        "_cycle": None,
    }


def mark_paid(world: World, invoice: Record, payment: Record) -> None:
    """The invoice is settled by this payment."""
    paid = payment["amount"]
    invoice.update(
        status="paid",
        payment_id=payment["id"],
        paid_at=world.now,
        customer_id=payment["customer_id"],
        amount_paid=paid,
        amount_due=max(invoice["amount"] - paid, 0),
    )
    world.save("invoice", invoice)


def announce_paid(world: World, invoice: Record, payment: Record) -> None:
    """Emit payment and invoice events of a captured payment, in the order observed."""
    payments.announce(world, payment)
    if not world.switches.invoice_events:
        return
    customer = world.books.get("customer", invoice["customer_id"] or "")
    payload = shapes.event_payload(
        payment=shapes.payment_in_payment_event(payment),
        order=shapes.visible(world.get("order", payment["order_id"])),
        invoice=shapes.invoice(invoice, world.base_url, customer),
    )
    webhooks.emit(world, "invoice.paid", payload, payment["_subscription_id"] or payment["id"])


# cycles


def plan_cycle(world: World, subscription: Record, k: int) -> None:
    """Put the beginning of cycle `k` into the queue."""
    world.books.schedule(bounds(world, subscription, k)[0], "begin_cycle", subscription["id"], {"cycle": k})


def begin_cycle(world: World, job: Job) -> None:
    """A cycle's first second has come."""
    subscription = world.get("subscription", job.subject)
    k = job.payload["cycle"]
    if subscription["status"] in TERMINAL or subscription["status"] == "created":
        return
    if subscription["_cancel_at_end"]:
        end(world, subscription, "cancelled", by="self")
        return
    if subscription["status"] == "paused":  # no invoice for a cycle that passes in a pause
        if not is_last(subscription, k):
            plan_cycle(world, subscription, k + 1)
        return
    if subscription["_update"]:
        updates.apply_scheduled(world, subscription, k)
    open_cycle(world, subscription, k)


def open_cycle(world: World, subscription: Record, k: int) -> None:
    """Issue the invoice of cycle `k` and plan its debit, unless the subscription is halted."""
    start, finish = bounds(world, subscription, k)
    subscription.update(current_start=start, current_end=finish, charge_at=start, auth_attempts=0, _cycle=k)
    count_issued(subscription)
    lines = [plan_line(world, subscription), *addon_lines(world, subscription)]
    invoice = issue(world, subscription, lines, k)
    claim_addons(world, subscription, invoice)
    subscription["_invoice_id"] = invoice["id"]
    if subscription["status"] == "authenticated":
        subscription["status"] = "active"
        webhooks.subscription_event(world, "activated", subscription)
    if not is_last(subscription, k):
        plan_cycle(world, subscription, k + 1)
    if subscription["status"] == "halted":
        subscription["charge_at"] = finish
        if is_last(subscription, k):
            complete(world, subscription, None)
    else:
        plan_charge(world, subscription, invoice, start)
    world.save("subscription", subscription)


def count_issued(subscription: Record) -> None:
    """One more plan invoice: `remaining_count` falls whether or not it gets paid."""
    subscription["_issued"] += 1
    subscription["remaining_count"] = max(subscription["total_count"] - subscription["_issued"], 0)


def addon_lines(world: World, subscription: Record) -> list[Record]:
    """Lines for add-ons that wait for the next invoice."""
    waiting = world.books.find("addon", subscription_id=subscription["id"])
    return [line(world, ao["item"], ao["quantity"], "addon") for ao in waiting if ao["invoice_id"] is None]


def claim_addons(world: World, subscription: Record, invoice: Record) -> None:
    """Mark the waiting add-ons as billed by this invoice."""
    for addon in world.books.find("addon", subscription_id=subscription["id"]):
        if addon["invoice_id"] is None:
            world.save("addon", addon | {"invoice_id": invoice["id"]})


# debits


def plan_charge(world: World, subscription: Record, invoice: Record, planned: int) -> None:
    """Put the debit of an invoice into the queue, at its planned time plus the day's debit offset."""
    due = planned + world.switches.debit_offset_seconds
    world.books.schedule(due, "charge", subscription["id"], {"invoice": invoice["id"]})


def take_outcome(world: World, subscription: Record) -> Outcome:
    """What the next debit shall come to; success unless a test asked for something else."""
    if not subscription["_outcomes"]:
        return {"outcome": "success"}
    outcome: Outcome = subscription["_outcomes"].pop(0)
    world.save("subscription", subscription)
    return outcome


def instrument(subscription: Record) -> Instrument:
    """The mandate that debits go through."""
    kept = subscription["_instrument"]
    return Instrument(**kept, customer_id=subscription["customer_id"], token_id=subscription["_token_id"])


def charge(world: World, job: Job) -> None:
    """A debit is due: the first of the cycle, or a rung of the ladder."""
    subscription = world.get("subscription", job.subject)
    invoice = world.get("invoice", job.payload["invoice"])
    if subscription["status"] not in ("active", "pending") or invoice["status"] != "issued":
        return
    debit(world, subscription, invoice, take_outcome(world, subscription))


def debit(
    world: World, subscription: Record, invoice: Record, outcome: Outcome, *, rung: bool = True
) -> Record:
    """Try to collect an invoice. `rung` says whether a failure counts on the ladder."""
    order = world.get("order", invoice["order_id"])
    kind = outcome["outcome"]
    payment = payments.begin(
        world, order, instrument(subscription), description=RECURRING, invoice=invoice,
        amount=outcome.get("amount", invoice["amount"] + 100) if kind == "wrong_amount" else None,
        currency=outcome.get("currency", "USD") if kind == "wrong_currency" else None,
        subscription_id=subscription["id"],
    )  # fmt: skip
    bank_says = {"payment": payment["id"], "invoice": invoice["id"], "outcome": outcome, "rung": rung}
    if payment["method"] == "emandate" and world.switches.emandate_result_seconds:
        due = world.now + world.switches.emandate_result_seconds
        world.books.schedule(due, "bank_result", subscription["id"], bank_says)
    else:
        _conclude(world, subscription, bank_says)
    return world.get("payment", payment["id"])


def bank_result(world: World, job: Job) -> None:
    """The bank answers an eMandate debit, a day later."""
    _conclude(world, world.get("subscription", job.subject), job.payload)


def _conclude(world: World, subscription: Record, said: Record) -> None:
    payment, invoice = world.get("payment", said["payment"]), world.get("invoice", said["invoice"])
    outcome = said["outcome"]
    if outcome["outcome"] in ("failure", "late_success"):
        payments.fail(world, payment, outcome.get("error_reason") or "insufficient_funds")
        if outcome["outcome"] == "late_success":
            due = world.now + outcome.get("after_seconds", world.switches.late_success_seconds)
            world.books.schedule(due, "late_capture", payment["id"])
        if said["rung"]:
            climb(world, subscription, invoice)
        return
    settle(world, subscription, invoice, payment)


def late_capture(world: World, job: Job) -> None:
    """A payment that was reported as failed turns out to have gone through."""
    payment = world.get("payment", job.subject)
    invoice = world.get("invoice", payment["invoice_id"])
    subscription = world.get("subscription", invoice["subscription_id"])
    settle(world, subscription, invoice, payment)


def settle(world: World, subscription: Record, invoice: Record, payment: Record) -> None:
    """Money has come in. It is captured unless it came too late: after the end, or for a paid invoice."""
    if subscription["status"] in TERMINAL or invoice["status"] != "issued":
        payments.authorize_only(world, payment)
    else:
        collect(world, subscription, invoice, payment)


def collect(world: World, subscription: Record, invoice: Record, payment: Record) -> None:
    """Capture a debit, mark the invoice paid, move the subscription on."""
    payments.authorize(world, payment)
    payments.take(world, payment)
    mark_paid(world, invoice, payment)
    announce_paid(world, invoice, payment)
    recovered = subscription["status"] in ("pending", "halted")
    subscription["paid_count"] += 1
    current = invoice["id"] == subscription["_invoice_id"] and subscription["status"] != "paused"
    if current or subscription["status"] == "halted":
        subscription.update(auth_attempts=0, charge_at=subscription["current_end"], status="active")
        world.books.unschedule(subscription["id"], "charge")
    world.save("subscription", subscription)
    last = invoice["_cycle"] is not None and is_last(subscription, invoice["_cycle"])
    late = world.policy.charged_delay_seconds
    webhooks.subscription_event(world, "charged", subscription, payment, late)
    if recovered and subscription["status"] == "active":
        webhooks.subscription_event(world, "activated", subscription)
    if last:
        complete(world, subscription, payment)


def climb(world: World, subscription: Record, invoice: Record) -> None:
    """A debit failed: the next rung a day later, or the end of the ladder."""
    if subscription["status"] not in ("active", "pending"):  # an eMandate answered after a pause or the end
        return
    emandate = subscription["payment_method"] == "emandate"
    subscription["auth_attempts"] += 1
    tries = world.switches.emandate_attempts if emandate else _LADDER_TRIES
    if subscription["auth_attempts"] < tries:
        planned = (world.now if emandate else subscription["charge_at"]) + DAY
        subscription.update(status="pending", charge_at=planned)
        world.save("subscription", subscription)
        plan_charge(world, subscription, invoice, planned)
        webhooks.subscription_event(world, "pending", subscription)
        return
    subscription.update(status="halted", charge_at=subscription["current_end"])
    webhooks.subscription_event(world, "halted", subscription)
    if world.switches.halted_auth_attempts == 0:
        subscription["auth_attempts"] = 0
    world.save("subscription", subscription)
    if is_last(subscription, subscription["_cycle"]):
        world.books.schedule(subscription["current_end"], "finish", subscription["id"])


# ends


def complete(world: World, subscription: Record, payment: Record | None) -> None:
    """The last invoice has been issued and, unless halted, paid: nothing more will be charged."""
    on_time = subscription["end_at"] + DAY > world.now
    end(world, subscription, "completed", quietly=True)
    subscription["ended_at"] = subscription["end_at"] if on_time else world.now
    subscription["remaining_count"] = 0
    world.save("subscription", subscription)
    shown = dict(subscription)
    if payment is not None and world.switches.completed_paid_count_lags:
        shown["paid_count"] -= 1
    webhooks.subscription_event(world, "completed", shown, payment)


def finish(world: World, job: Job) -> None:
    """The last cycle is over for a subscription that was halted in it."""
    subscription = world.get("subscription", job.subject)
    if subscription["status"] not in TERMINAL:
        complete(world, subscription, None)


def end(
    world: World, subscription: Record, status: str, *, by: str | None = None, quietly: bool = False
) -> None:
    """Reach a terminal state: no more work is planned, the mandate is dropped."""
    subscription.update(status=status, ended_at=world.now, charge_at=None, cancel_initiated_by=by)
    subscription.update(
        has_scheduled_changes=False, change_scheduled_at=None, _update=None, _cancel_at_end=False
    )
    world.save("subscription", subscription)
    world.books.unschedule(subscription["id"], "begin_cycle", "charge", "expire", "finish")
    token = world.books.get("token", subscription["_token_id"] or "")
    if token is not None:
        token["recurring_details"] = {"status": "cancelled", "failure_reason": None}
        world.save("token", token)
    if not quietly:
        webhooks.subscription_event(world, status, subscription)
