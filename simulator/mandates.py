"""What the customer does: authenticates, pays first, changes method, pauses or revokes in the bank's app."""

from typing import Any

from simulator import billing, catalogue, payments, refunds, tokens, webhooks
from simulator.books import Job, Record
from simulator.payments import Instrument
from simulator.refusals import Refusal
from simulator.world import World

TOKEN_CHARGE = 500  # paise; returned at once
CHANGES = {"card": ("card", "upi", "emandate"), "upi": ("card",), "emandate": ("card",)}
_VISA, _MASTERCARD = "4718609108204366", "5104015555555558"
_NETWORKS = {"4": "Visa", "5": "MasterCard", "6": "RuPay"}


def make_instrument(world: World, asked: Record) -> Record:
    """What a customer pays with, from `method`, `card_origin`, `card_number`, `vpa`, `email`, `contact`."""
    method = asked.get("method", "upi")
    if method not in CHANGES:
        raise Refusal(f"{method} is not a payment method: card, upi or emandate", field="method")
    kept: Record = {"method": method, "email": asked.get("email") or "meera@kaveri.example"}
    kept["contact"] = asked.get("contact") or "+919812300045"
    if method == "card":
        origin = asked.get("card_origin") or "domestic"
        number = str(asked.get("card_number") or (_VISA if origin == "domestic" else _MASTERCARD))
        kept |= {"origin": origin, "card": _card(world, number.replace(" ", ""), origin)}
    elif method == "upi":
        kept["vpa"] = asked.get("vpa") or "meera@okaxis"
    else:
        kept["bank"] = asked.get("bank") or "HDFC"
    return kept


def _card(world: World, number: str, origin: str) -> Record:
    return {
        "id": world.mint("card_"),
        "entity": "card",
        "name": "",
        "last4": number[-4:],
        "network": _NETWORKS.get(number[:1], "Unknown"),
        "type": "credit",
        "issuer": "HDFC" if origin == "domestic" else None,
        "international": origin == "international",
        "emi": False,
        "expiry_month": 12,
        "expiry_year": 2035,
    }


# the first payment


def authenticate(world: World, subscription: Record, asked: Record) -> Record:
    """Set up the mandate, with whatever has to be paid at once. Returns the payment (may be empty).

    `outcome` is success, failure, late_success, wrong_amount or wrong_currency. Raises Refusal unless the
    subscription is still `created`.
    """
    if subscription["status"] != "created":
        raise Refusal(
            f"Subscription cannot be authenticated in {subscription['status']} status.", field="status"
        )
    outcome = _outcome(asked)
    subscription["_instrument"] = make_instrument(world, asked)
    world.save("subscription", subscription)
    by = Instrument(**subscription["_instrument"])
    invoice = _first_invoice(world, subscription)
    if invoice is not None:
        order = world.get("order", invoice["order_id"])
    elif by.method == "card":
        order = payments.new_order(world, TOKEN_CHARGE, "INR")
    else:  # UPI and eMandate mandates for a later start cost nothing now
        return _free_mandate(world, subscription, outcome)
    kind = outcome["outcome"]
    payment = payments.begin(
        world, order, by, invoice=invoice,
        description=billing.RECURRING if invoice else "Authorisation charge",
        amount=outcome.get("amount", order["amount"] + 100) if kind == "wrong_amount" else None,
        currency=outcome.get("currency", "USD") if kind == "wrong_currency" else None,
        subscription_id=subscription["id"],
    )  # fmt: skip
    if by.method == "emandate" and world.switches.emandate_result_seconds:
        due = world.now + world.switches.emandate_result_seconds
        world.books.schedule(due, "authentication_result", payment["id"], {"outcome": outcome})
    else:
        _first_result(world, subscription, payment, outcome)
    return world.get("payment", payment["id"])


def _outcome(asked: Record) -> Record:
    wanted = {"outcome": asked.get("outcome") or "success"}
    for name in ("error_reason", "amount", "currency", "after_seconds"):
        if asked.get(name) is not None:
            wanted[name] = asked[name]
    return wanted


def _first_invoice(world: World, subscription: Record) -> Record | None:
    if subscription["_invoice_id"]:
        return world.get("invoice", subscription["_invoice_id"])
    if not subscription["_upfront"]:
        return None
    lines = [billing.line(world, item, 1, "addon") for item in subscription["_upfront"]]
    invoice = billing.issue(world, subscription, lines, None)
    subscription["_invoice_id"] = invoice["id"]
    world.save("subscription", subscription)
    return invoice


def _free_mandate(world: World, subscription: Record, outcome: Record) -> Record:
    if outcome["outcome"] == "success":
        _attach(world, subscription)
        _wait_for_start(world, subscription)
    return {}


def authentication_result(world: World, job: Job) -> None:
    """The bank confirms or refuses an eMandate, a day later."""
    payment = world.get("payment", job.subject)
    subscription = world.get("subscription", payment["_subscription_id"])
    _first_result(world, subscription, payment, job.payload["outcome"])


def late_authentication(world: World, job: Job) -> None:
    """A first payment that was reported as failed goes through after all."""
    payment = world.get("payment", job.subject)
    subscription = world.get("subscription", payment["_subscription_id"])
    _first_success(world, subscription, payment)


def _first_result(world: World, subscription: Record, payment: Record, outcome: Record) -> None:
    if outcome["outcome"] not in ("failure", "late_success"):
        _first_success(world, subscription, payment)
        return
    payments.fail(world, payment, outcome.get("error_reason") or "payment_cancelled")
    if outcome["outcome"] == "late_success":
        due = world.now + outcome.get("after_seconds", world.switches.late_success_seconds)
        world.books.schedule(due, "late_authentication", payment["id"])


def _first_success(world: World, subscription: Record, payment: Record) -> None:
    if subscription["status"] != "created":  # cancelled, expired or paid otherwise: nobody captures this
        payments.authorize_only(world, payment)
        return
    _attach(world, subscription)
    payment.update(customer_id=subscription["customer_id"], token_id=subscription["_token_id"])
    payments.authorize(world, payment)
    payments.take(world, payment)
    if subscription["_immediate"]:
        _start_now(world, subscription, payment)
    else:
        _start_later(world, subscription, payment)


def _attach(world: World, subscription: Record) -> None:
    """The customer and the mandate come into being with the first payment."""
    kept = subscription["_instrument"]
    customer = catalogue.known_customer(world, kept["email"], kept["contact"])
    if customer is None:
        customer = catalogue.new_customer(world, {"email": kept["email"], "contact": kept["contact"]})
    subscription["customer_id"] = customer["id"]
    subscription["payment_method"] = kept["method"]
    subscription["_token_id"] = _token_of(world, subscription)
    world.save("subscription", subscription)


def _token_of(world: World, subscription: Record) -> str:
    kept, customer_id = subscription["_instrument"], subscription["customer_id"]
    token = tokens.new(world, kept, customer_id, subscription_id=subscription["id"])
    tokens.announce(world, token)
    return str(token["id"])


def _start_now(world: World, subscription: Record, payment: Record) -> None:
    """An immediate start: the first cycle begins with this payment."""
    billing.anchor(world, subscription, world.now)
    start, finish = billing.bounds(world, subscription, 0)
    invoice = world.get("invoice", payment["invoice_id"])
    invoice.update(billing_start=start, billing_end=finish)
    billing.mark_paid(world, invoice, payment)
    subscription.update(status="authenticated", start_at=start, charge_at=start)
    authenticated = dict(subscription)
    subscription.update(status="active", current_start=start, current_end=finish, _cycle=0, paid_count=1)
    last = billing.is_last(subscription, 0)
    subscription["charge_at"] = finish
    world.save("subscription", subscription)
    world.books.unschedule(subscription["id"], "expire")
    if world.switches.first_payment_order == "payment_first":
        billing.announce_paid(world, invoice, payment)
    webhooks.subscription_event(world, "authenticated", authenticated)
    webhooks.subscription_event(world, "activated", subscription, payment)
    webhooks.subscription_event(world, "charged", subscription, payment, world.policy.charged_delay_seconds)
    if world.switches.first_payment_order == "subscription_first":
        billing.announce_paid(world, invoice, payment)
    if last:
        billing.complete(world, subscription, payment)
    else:
        billing.plan_cycle(world, subscription, 1)


def _start_later(world: World, subscription: Record, payment: Record) -> None:
    """A later start: an upfront amount is kept, the five-rupee card charge is returned."""
    if payment["invoice_id"]:
        invoice = world.get("invoice", payment["invoice_id"])
        billing.mark_paid(world, invoice, payment)
        billing.announce_paid(world, invoice, payment)
    else:
        payments.announce(world, payment)
    _wait_for_start(world, subscription)
    if not payment["invoice_id"]:
        refunds.open_refund(world, payment, payment["amount"], instant=True)


def _wait_for_start(world: World, subscription: Record) -> None:
    subscription.update(status="authenticated", charge_at=subscription["start_at"], _invoice_id=None)
    world.save("subscription", subscription)
    world.books.unschedule(subscription["id"], "expire")
    billing.plan_cycle(world, subscription, 0)
    webhooks.subscription_event(world, "authenticated", subscription)


# later acts


def change_method(world: World, subscription: Record, asked: Record) -> Record:
    """A new mandate. In `pending` it pays the last invoice at once; in `halted` only future ones."""
    status = subscription["status"]
    if status not in ("authenticated", "active", "pending", "halted"):
        raise Refusal(f"Payment method cannot be changed in {status} status.", field="status")
    allowed = CHANGES[subscription["payment_method"]]
    if asked.get("method") not in allowed:
        text = f"From {subscription['payment_method']} the method can change only to {', '.join(allowed)}"
        raise Refusal(text, field="method")
    outcome = _outcome(asked)
    if status == "pending":
        return _pay_pending(world, subscription, asked, outcome)
    kept = make_instrument(world, asked)
    payment: Record = {}
    if kept["method"] == "card":
        payment = _token_charge(world, subscription, kept, outcome)
    if outcome["outcome"] != "success":
        return payment
    subscription["_instrument"] = kept
    _swap_token(world, subscription)
    if status == "halted":
        subscription.update(status="active", auth_attempts=0, charge_at=subscription["current_end"])
        world.save("subscription", subscription)
        webhooks.subscription_event(world, "activated", subscription)
    return payment


def _pay_pending(world: World, subscription: Record, asked: Record, outcome: Record) -> Record:
    before = subscription["_instrument"]
    subscription["_instrument"] = make_instrument(world, asked)
    invoice = world.get("invoice", subscription["_invoice_id"])
    if outcome["outcome"] == "success":
        _swap_token(world, subscription)
        return billing.debit(world, subscription, invoice, outcome, rung=False)
    payment = billing.debit(world, subscription, invoice, outcome, rung=False)
    subscription["_instrument"] = before
    world.save("subscription", subscription)
    return payment


def _token_charge(world: World, subscription: Record, kept: Record, outcome: Record) -> Record:
    order = payments.new_order(world, TOKEN_CHARGE, "INR")
    by = Instrument(**kept, customer_id=subscription["customer_id"])
    payment = payments.begin(
        world, order, by, description="Authorisation charge", subscription_id=subscription["id"]
    )
    if outcome["outcome"] != "success":
        payments.fail(world, payment, outcome.get("error_reason") or "payment_cancelled")
        return payment
    payments.authorize(world, payment)
    payments.take(world, payment)
    payments.announce(world, payment)
    refunds.open_refund(world, payment, payment["amount"], instant=True)
    return payment


def _swap_token(world: World, subscription: Record) -> None:
    drop_token(world, subscription)
    subscription["payment_method"] = subscription["_instrument"]["method"]
    subscription["_token_id"] = _token_of(world, subscription)
    world.save("subscription", subscription)


def drop_token(world: World, subscription: Record, *, announce: bool = False) -> None:
    """The mandate is gone."""
    token = world.books.get("token", subscription["_token_id"] or "")
    if token is None:
        return
    token["recurring_details"] = {"status": "cancelled", "failure_reason": None}
    world.save("token", token)
    if announce:
        webhooks.token_event(world, "cancelled", token)


def revoke(world: World, subscription: Record) -> None:
    """The customer ends the mandate at their bank: the subscription is cancelled."""
    if subscription["status"] in billing.TERMINAL or subscription["status"] == "created":
        raise Refusal(f"There is no mandate to revoke in {subscription['status']} status.", field="status")
    drop_token(world, subscription, announce=True)
    billing.end(world, subscription, "cancelled", by="customer")


def customer_pause(world: World, subscription: Record) -> None:
    """The customer pauses the mandate in their UPI app."""
    if subscription["payment_method"] != "upi" or subscription["status"] != "active":
        raise Refusal("Only an active UPI mandate can be paused by its customer", field="status")
    pause(world, subscription, by="customer")


def customer_resume(world: World, subscription: Record) -> None:
    """The customer lifts their own pause."""
    if subscription["status"] != "paused" or subscription["pause_initiated_by"] != "customer":
        raise Refusal("There is no pause by the customer to lift", field="status")
    resume(world, subscription)


def pause(world: World, subscription: Record, by: str) -> None:
    """No more invoices and debits until resumed."""
    subscription.update(status="paused", charge_at=None, pause_initiated_by=by, paused_at=world.now)
    if not world.switches.paused_keeps_current:
        subscription.update(current_start=None, current_end=None)
    world.save("subscription", subscription)
    webhooks.subscription_event(world, "paused", subscription)


def resume(world: World, subscription: Record) -> None:
    """Go on with the cycle that is running now; cycles that passed in the pause are not charged."""
    start, finish = _running_cycle(world, subscription)
    subscription.update(status="active", pause_initiated_by=None, paused_at=None)
    subscription.update(current_start=start, current_end=finish, charge_at=finish)
    world.save("subscription", subscription)
    webhooks.subscription_event(world, "resumed", subscription)
    if finish <= world.now and billing.is_last(subscription, subscription["_cycle"]):
        billing.complete(world, subscription, None)


def _running_cycle(world: World, subscription: Record) -> tuple[Any, Any]:
    k = subscription["_cycle"]
    begin, finish = billing.bounds(world, subscription, k)
    while finish <= world.now and not billing.is_last(subscription, k):
        k += 1
        begin, finish = billing.bounds(world, subscription, k)
    subscription["_cycle"] = k
    return begin, finish
