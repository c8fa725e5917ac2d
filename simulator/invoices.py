"""Invoices through the API: those of subscriptions to read, plain ones to make (razorpay.md, 1.5)."""

from simulator import billing, payments, shapes
from simulator.books import Record
from simulator.fields import Call, Fields, collection, line_item, list_page
from simulator.refusals import Refusal
from simulator.world import World

_FILTERS = ("subscription_id", "payment_id", "receipt", "customer_id", "type")
_CREATE = (
    "type",
    "description",
    "customer",
    "customer_id",
    "line_items",
    "expire_by",
    "receipt",
    "invoice_number",
    "draft",
    "currency",
    "notes",
    "comment",
    "terms",
    "partial_payment",
    "sms_notify",
    "email_notify",
    "date",
)
_EDIT = ("line_items", "description", "comment", "terms", "notes", "receipt", "expire_by")
_MOST_LINES = 50
_LEAST_EXPIRY = 900


def shown(world: World, invoice: Record) -> Record:
    """An invoice as the API shows it."""
    customer = world.books.get("customer", invoice["customer_id"] or "")
    return shapes.invoice(invoice, world.base_url, customer)


def list_all(world: World, call: Call) -> Record:
    """GET /v1/invoices"""
    page = list_page(call.query, _FILTERS)
    equal = {name: call.query[name] for name in _FILTERS if name in call.query}
    return collection([shown(world, invoice) for invoice in world.page("invoice", page, equal)])


def fetch(world: World, call: Call) -> Record:
    """GET /v1/invoices/:id"""
    return shown(world, world.get("invoice", call.ids[0]))


def create(world: World, call: Call) -> Record:
    """POST /v1/invoices"""
    fields = Fields(call.body, _CREATE)
    sent = fields.raw("line_items") or []
    if not isinstance(sent, list) or len(sent) > _MOST_LINES:
        raise Refusal(f"The line items may not have more than {_MOST_LINES} items.", field="line_items")
    lines = []
    for each in sent:
        quantity = int(each.get("quantity", 1)) if isinstance(each, dict) else 1
        plain = (
            {name: value for name, value in each.items() if name != "quantity"}
            if isinstance(each, dict)
            else each
        )
        lines.append(billing.line(world, line_item(plain, kind="invoice"), quantity, "invoice"))
    receipt = fields.text("receipt", most=40)
    if receipt and world.books.first("invoice", receipt=receipt):
        raise Refusal("The receipt has already been taken.", field="receipt")  # ours
    draft = fields.flag("draft", default=False)
    order = None if draft else payments.new_order(world, sum(each["amount"] for each in lines), "INR")
    invoice = billing.blank_invoice(world, lines, order) | {
        "receipt": receipt,
        "invoice_number": fields.text("invoice_number", most=40) or receipt,
        "description": fields.text("description"),
        "notes": fields.notes(),
        "expire_by": _expiry(world, fields),
        "type": fields.choice("type", ("invoice", "link"), default="invoice"),
        "customer_id": fields.id_of("customer_id", "cust_"),
    }
    if draft:
        invoice.update(status="draft", issued_at=None)
    return shown(world, world.add("invoice", invoice))


def _expiry(world: World, fields: Fields) -> int | None:
    expire_by = fields.instant("expire_by")
    if expire_by is not None and expire_by < world.now + _LEAST_EXPIRY:
        raise Refusal(
            "expire_by should be at least 15 minutes after current time.", field="expire_by"
        )  # ours
    return expire_by


def _in_status(world: World, call: Call, *statuses: str) -> Record:
    invoice = world.get("invoice", call.ids[0])
    if invoice["status"] not in statuses:
        raise Refusal(f"Operation not allowed for Invoice in {invoice['status']} status.")
    return invoice


def issue(world: World, call: Call) -> Record:
    """POST /v1/invoices/:id/issue"""
    invoice = _in_status(world, call, "draft")
    order = payments.new_order(world, invoice["amount"], invoice["currency"])
    invoice.update(status="issued", issued_at=world.now, order_id=order["id"])
    return shown(world, world.save("invoice", invoice))


def cancel(world: World, call: Call) -> Record:
    """POST /v1/invoices/:id/cancel"""
    invoice = _in_status(world, call, "draft", "issued", "partially_paid")
    invoice.update(status="cancelled", cancelled_at=world.now)
    return shown(world, world.save("invoice", invoice))


def edit(world: World, call: Call) -> Record:
    """PATCH /v1/invoices/:id"""
    fields = Fields(call.body, _EDIT)
    changes: Record = {
        name: fields.raw(name) for name in ("description", "comment", "terms") if fields.has(name)
    }
    if fields.has("notes"):
        changes["notes"] = fields.notes()
    invoice = world.get("invoice", call.ids[0])
    if set(changes) - {"notes"}:
        invoice = _in_status(world, call, "draft")
    return shown(world, world.save("invoice", invoice | changes))


def delete(world: World, call: Call) -> list[Record]:
    """DELETE /v1/invoices/:id, drafts only, which answers an empty list"""
    invoice = _in_status(world, call, "draft")
    world.books.remove("invoice", invoice["id"])
    return []


def notify(world: World, call: Call) -> Record:
    """POST /v1/invoices/:id/notify_by/:medium"""
    _in_status(world, call, "issued", "partially_paid")
    return {"success": True}
