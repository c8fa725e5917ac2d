"""Payment links (razorpay.md, 1.10)."""

from simulator import payments, shapes, webhooks
from simulator.books import Job, Record
from simulator.cycles import DAY
from simulator.fields import Call, Fields, list_page
from simulator.payments import Instrument
from simulator.refusals import Refusal
from simulator.world import World

_CREATE = ("amount", "currency", "accept_partial", "first_min_partial_amount", "reference_id", "description",
           "customer", "notify", "reminder_enable", "callback_url", "callback_method", "notes", "expire_by",
           "upi_link", "options")  # fmt: skip
_LEAST_EXPIRY = 900
_MOST_EXPIRY = 183 * DAY


def shown(world: World, link: Record) -> Record:
    """A payment link as the API shows it; the reference's sample has no order."""
    entity = shapes.payment_link(link, world.base_url)
    if not world.switches.links_tell_order:
        del entity["order_id"]
    return entity


def create(world: World, call: Call) -> Record:
    """POST /v1/payment_links"""
    fields = Fields(call.body, _CREATE)
    amount = fields.amount()
    reference = fields.text("reference_id", most=40) or ""
    if reference and world.books.first("payment_link", reference_id=reference):
        text = f"payment link with given reference_id ({reference}) already exists"  # ours
        raise Refusal(text, field="reference_id")
    expire_by = fields.instant("expire_by") or 0
    if expire_by and not world.now + _LEAST_EXPIRY <= expire_by <= world.now + _MOST_EXPIRY:
        text = "expire_by should be between 15 minutes and 6 months after current time."  # ours
        raise Refusal(text, field="expire_by")
    if fields.flag("upi_link", default=False):
        raise Refusal("UPI Payment Links is not supported in Test Mode", field="upi_link")  # ours
    order = payments.new_order(world, amount, "INR", _kind="payment_link", _reference=reference)
    link: Record = {
        "id": world.mint("plink_"),
        "amount": amount,
        "amount_paid": 0,
        "currency": fields.currency() if fields.has("currency") else "INR",
        "accept_partial": fields.flag("accept_partial", default=False),
        "first_min_partial_amount": fields.integer("first_min_partial_amount", default=0, least=0),
        "reference_id": reference,
        "description": fields.text("description", most=2048) or "",
        "customer": fields.mapping("customer"),
        "notify": {"sms": False, "email": False} | fields.mapping("notify"),
        "reminder_enable": fields.flag("reminder_enable", default=False),
        "reminders": [],
        "callback_url": fields.text("callback_url") or "",
        "callback_method": fields.text("callback_method") or "",
        "payments": None,
        "notes": fields.notes(),
        "short_url": None,
        "status": "created",
        "upi_link": False,
        "expire_by": expire_by,
        "expired_at": 0,
        "cancelled_at": 0,
        "created_at": world.now,
        "updated_at": world.now,
        "user_id": "",
        "_code": world.mint.word(7),
        "order_id": order["id"],
    }
    world.add("payment_link", link)
    if expire_by:
        world.books.schedule(expire_by, "expire_link", link["id"])
    return shown(world, link)


def list_all(world: World, call: Call) -> Record:
    """GET /v1/payment_links, whose list is not wrapped as the others are"""
    page = list_page(call.query, ("reference_id", "payment_id"))
    equal = {"reference_id": call.query["reference_id"]} if "reference_id" in call.query else {}
    found = world.page("payment_link", page, equal)
    wanted = call.query.get("payment_id")
    if wanted:
        found = [link for link in found if wanted in {paid["payment_id"] for paid in link["payments"] or []}]
    return {"payment_links": [shown(world, link) for link in found]}


def fetch(world: World, call: Call) -> Record:
    """GET /v1/payment_links/:id"""
    return shown(world, world.get("payment_link", call.ids[0]))


def _open_link(world: World, call: Call) -> Record:
    link = world.get("payment_link", call.ids[0])
    if link["status"] != "created":
        raise Refusal(f"Payment Link cannot be changed in {link['status']} status.")  # ours
    return link


def edit(world: World, call: Call) -> Record:
    """PATCH /v1/payment_links/:id"""
    link = _open_link(world, call)
    fields = Fields(call.body, ("reference_id", "expire_by", "reminder_enable", "notes", "accept_partial"))
    if fields.has("notes"):
        link["notes"] = fields.notes()
    if fields.has("reference_id"):
        link["reference_id"] = fields.text("reference_id", most=40)
    if fields.has("expire_by"):
        link["expire_by"] = fields.instant("expire_by")
        world.books.unschedule(link["id"], "expire_link")
        world.books.schedule(link["expire_by"], "expire_link", link["id"])
    link["updated_at"] = world.now
    return shown(world, world.save("payment_link", link))


def cancel(world: World, call: Call) -> Record:
    """POST /v1/payment_links/:id/cancel"""
    link = _open_link(world, call)
    link.update(status="cancelled", cancelled_at=world.now, updated_at=world.now)
    world.save("payment_link", link)
    world.books.unschedule(link["id"], "expire_link")
    _announce(world, "cancelled", link)
    return shown(world, link)


def expire(world: World, job: Job) -> None:
    """The link was not paid in time."""
    link = world.get("payment_link", job.subject)
    if link["status"] == "created":
        link.update(status="expired", expired_at=world.now, updated_at=world.now)
        world.save("payment_link", link)
        _announce(world, "expired", link)


def notify(world: World, call: Call) -> Record:
    """POST /v1/payment_links/:id/notify_by/:medium"""
    _open_link(world, call)
    return {"success": True}


def pay(world: World, link: Record, by: Instrument, outcome: str, reason: str) -> Record:
    """A customer's attempt to pay the link. Raises Refusal unless it is open."""
    if link["status"] != "created":
        raise Refusal(f"This payment link is {link['status']}.")
    order = world.get("order", link["order_id"])
    payment = payments.pay_order(world, order, by, outcome, reason)
    if payment["status"] == "captured":
        paid = {
            "amount": payment["amount"],
            "created_at": payment["created_at"],
            "method": payment["method"],
            "payment_id": payment["id"],
            "plink_id": link["id"],
            "status": "captured",
            "updated_at": world.now,
        }
        link.update(status="paid", amount_paid=payment["amount"], payments=[paid], updated_at=world.now)
        world.save("payment_link", link)
        world.books.unschedule(link["id"], "expire_link")
        _announce(world, "paid", link, payment)
    return payment


def _announce(world: World, name: str, link: Record, payment: Record | None = None) -> None:
    entities = {"payment_link": shown(world, link)}
    if payment is not None:
        order = shapes.visible(world.get("order", link["order_id"]))
        order["id"] = order["id"].removeprefix("order_")  # as in the real event
        entities |= {"order": order, "payment": shapes.payment_in_payment_event(payment)}
    webhooks.emit(world, f"payment_link.{name}", shapes.event_payload(**entities), link["id"])
