"""Registration links: an invoice of type `link` whose page sets a mandate up (razorpay.md, 1.9)."""

from simulator import billing, catalogue, invoices, mandates, payments, tokens, webhooks
from simulator.books import Job, Record
from simulator.fields import Call, Fields
from simulator.payments import Instrument
from simulator.refusals import Refusal, missing, no_such_url
from simulator.world import World

FREQUENCIES = ("daily", "weekly", "fortnightly", "bimonthly", "monthly", "quarterly", "half_yearly", "yearly",
               "as_presented")  # fmt: skip
OUTCOMES = ("success", "failure", "late_success", "rejected")
DUMMY = "upi_dummy_payment"
_CREATE = ("type", "customer", "amount", "currency", "description", "subscription_registration", "receipt",
           "email_notify", "sms_notify", "expire_by", "notes")  # fmt: skip
_TERMS = ("method", "max_amount", "expire_at", "frequency", "recurring_type", "recurring_value", "auth_type",
          "bank_account", "first_payment_amount")  # fmt: skip
_LEAST_EXPIRY = 900
_LEAST_UPI = 500


def create(world: World, call: Call) -> Record:
    """POST /v1/subscription_registration/auth_links"""
    if not world.switches.recurring_payments:
        raise no_such_url()
    fields = Fields(call.body, _CREATE)
    fields.choice("type", ("link",))
    terms = _terms(world, Fields(fields.mapping("subscription_registration", required=True), _TERMS))
    amount = fields.amount(least=100 if terms["method"] == "card" else 0)
    if terms["method"] == "emandate" and amount:
        raise Refusal("The amount must be 0 for emandate.", field="amount")  # ours
    receipt = fields.text("receipt", most=40)
    if receipt and world.books.first("invoice", receipt=receipt):
        raise Refusal("The receipt has already been taken.", field="receipt")  # ours
    expire_by = fields.instant("expire_by")
    if expire_by is not None and expire_by < world.now + _LEAST_EXPIRY:
        text = "expire_by should be at least 15 minutes after current time."  # ours
        raise Refusal(text, field="expire_by")
    order = payments.new_order(world, amount, fields.currency(), _kind="registration", _reference=receipt)
    invoice = billing.blank_invoice(world, [], order) | {
        "type": "link",
        "receipt": receipt,
        "invoice_number": receipt,
        "customer_id": _customer(world, fields)["id"],
        "description": fields.text("description", required=True, most=2048),
        "notes": fields.notes(),
        "expire_by": expire_by,
        "_registration": terms,
    }
    sums = ("gross_amount", "taxable_amount", "amount", "amount_due")
    invoice |= dict.fromkeys(sums, amount)
    world.add("invoice", invoice)
    if expire_by is not None:
        world.books.schedule(expire_by, "expire_registration", invoice["id"])
    return invoices.shown(world, invoice)


def _terms(world: World, fields: Fields) -> Record:
    method = fields.choice("method", tuple(mandates.CHANGES))
    most = fields.integer("max_amount")
    if method == "upi" and most < _LEAST_UPI:
        raise Refusal("The minimum transaction amount allowed is Re. 5.", field="max_amount")
    if method == "upi" and most > world.switches.upi_most_paise:
        raise Refusal("Amount exceeds maximum amount allowed.", field="max_amount")
    expire_at = fields.instant("expire_at")
    if expire_at is not None and expire_at <= world.now:
        raise Refusal("expire_at cannot be lesser than the current time.", field="expire_at")  # ours
    if method == "emandate" and not fields.has("bank_account"):
        raise missing("bank_account")
    return {
        "method": method,
        "most": most,
        "expire_at": expire_at,
        "frequency": fields.choice("frequency", FREQUENCIES, default="as_presented"),
        "token_id": None,
    }


def _customer(world: World, fields: Fields) -> Record:
    told = Fields(fields.mapping("customer", required=True), ("name", "email", "contact"))
    details = catalogue.customer_details(told)
    for name in ("name", "email", "contact"):
        if name not in details and world.switches.registration_needs_payer:
            raise missing(f"customer.{name}")
    known = None
    if "email" in details or "contact" in details:
        known = catalogue.known_customer(world, details.get("email"), details.get("contact"))
    return known if known is not None else catalogue.new_customer(world, details)


def expire(world: World, job: Job) -> None:
    """Nobody approved in time."""
    invoice = world.get("invoice", job.subject)
    if invoice["status"] == "issued" and not invoice["_registration"]["token_id"]:
        invoice.update(status="expired", expired_at=world.now)
        world.save("invoice", invoice)
        webhooks.emit(
            world, "invoice.expired", {"invoice": {"entity": invoices.shown(world, invoice)}}, invoice["id"]
        )


# the payer's side


def open_link(world: World, invoice_id: str) -> Record:
    """A registration link that can be approved. Raises Refusal."""
    invoice = world.get("invoice", invoice_id)
    terms = invoice.get("_registration")
    if not terms:
        raise Refusal("This invoice registers no mandate")
    if invoice["status"] != "issued" or terms["token_id"]:
        raise Refusal(f"This registration link is {invoice['status']}.", field="status")
    return invoice


def authenticate(world: World, invoice_id: str, asked: Record) -> Record:
    """The payer's attempt to set the mandate up. Returns the payment."""
    invoice = open_link(world, invoice_id)
    terms, outcome = invoice["_registration"], asked.get("outcome") or "success"
    if outcome not in OUTCOMES:
        raise Refusal(f"{outcome} is not an outcome: {', '.join(OUTCOMES)}", field="outcome")
    if asked.get("method", terms["method"]) != terms["method"]:
        raise Refusal(f"This mandate is set up with {terms['method']}", field="method")
    customer = world.get("customer", invoice["customer_id"])
    known = {name: customer[name] for name in ("email", "contact")}
    kept = mandates.make_instrument(world, known | {"method": terms["method"]} | asked)
    for name, told in known.items():
        customer[name] = told or kept[name]
    world.save("customer", customer)
    order = world.get("order", invoice["order_id"])
    by = Instrument(**kept, customer_id=customer["id"])
    payment = payments.begin(world, order, by, description="Mandate registration", invoice=invoice)
    if outcome in ("failure", "late_success"):
        payments.fail(world, payment, asked.get("error_reason") or "payment_cancelled")
        if outcome == "late_success":
            due = world.now + asked.get("after_seconds", world.switches.late_success_seconds)
            world.books.schedule(due, "late_registration", payment["id"], {"kept": kept})
        return payment
    _succeed(world, invoice, payment, kept, rejected=outcome == "rejected")
    return world.get("payment", payment["id"])


def late(world: World, job: Job) -> None:
    """A payment that was reported as failed turns out to have gone through."""
    payment = world.get("payment", job.subject)
    invoice = world.get("invoice", payment["invoice_id"])
    if invoice["_registration"]["token_id"]:
        payments.authorize_only(world, payment)
    else:
        _succeed(world, invoice, payment, job.payload["kept"], rejected=False)


def _succeed(world: World, invoice: Record, payment: Record, kept: Record, *, rejected: bool) -> None:
    terms = invoice["_registration"]
    token = tokens.new(world, kept, invoice["customer_id"], status="initiated", most=terms["most"],
                       expires_at=terms["expire_at"])  # fmt: skip
    terms["token_id"] = token["id"]
    payment["token_id"] = token["id"]
    world.save("invoice", invoice)
    _pay(world, invoice, payment)
    slow = kept["method"] == "emandate"
    wait = world.switches.emandate_result_seconds if slow else world.switches.token_confirm_seconds
    status = "rejected" if rejected else "confirmed"
    if wait:
        world.books.schedule(world.now + wait, "token_result", token["id"], {"status": status})
    else:
        tokens.put(world, token, status)


def _pay(world: World, invoice: Record, payment: Record) -> None:
    if payment["method"] == "upi" and payment["amount"] == 0:  # a success that is reported as a failure
        payments.fail(world, payment, DUMMY)
        if world.switches.free_registration_paid:
            billing.mark_paid(world, invoice, payment)
        return
    payments.authorize(world, payment)
    payments.take(world, payment)
    billing.mark_paid(world, invoice, payment)
    billing.announce_paid(world, invoice, payment)


def token_result(world: World, job: Job) -> None:
    """The bank confirms or turns down the mandate, a while after it was approved."""
    token = world.books.get("token", job.subject)
    if token is not None and tokens.status_of(token) == "initiated":
        tokens.put(world, token, job.payload["status"])
