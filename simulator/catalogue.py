"""Plans and customers (razorpay.md, 1.1 and 1.2)."""

from simulator import shapes
from simulator.books import Record
from simulator.cycles import PERIODS
from simulator.fields import Call, Fields, collection, line_item, list_page
from simulator.refusals import Refusal
from simulator.world import World


def new_item(world: World, sent: object, kind: str) -> Record:
    """The priced item inside a plan or add-on."""
    line = line_item(sent, kind=kind)
    return {
        "id": world.mint("item_"),
        "active": True,
        "name": line["name"],
        "description": line["description"],
        "amount": line["amount"],
        "unit_amount": line["amount"],
        "currency": line["currency"],
        "type": kind,
        "unit": None,
        "tax_inclusive": False,
        "hsn_code": None,
        "sac_code": None,
        "tax_rate": None,
        "tax_id": None,
        "tax_group_id": None,
        "created_at": world.now,
        "updated_at": world.now,
    }


def create_plan(world: World, call: Call) -> Record:
    """POST /v1/plans"""
    fields = Fields(call.body, ("period", "interval", "item", "notes"))
    period = fields.choice("period", PERIODS)
    interval = fields.integer("interval", least=7 if period == "daily" else 1)
    item = new_item(world, fields.raw("item", required=True), "plan")
    plan: Record = {
        "id": world.mint("plan_"),
        "entity": "plan",
        "interval": interval,
        "period": period,
        "item": item,
        "notes": fields.notes(),
        "created_at": world.now,
    }
    return shapes.visible(world.add("plan", plan))


def list_plans(world: World, call: Call) -> Record:
    """GET /v1/plans"""
    return collection([shapes.visible(plan) for plan in world.page("plan", list_page(call.query), {})])


def fetch_plan(world: World, call: Call) -> Record:
    """GET /v1/plans/:id"""
    return shapes.visible(world.get("plan", call.ids[0]))


def customer_details(fields: Fields) -> Record:
    """Name, email and phone as far as they were sent."""
    details: Record = {}
    if fields.has("name"):
        name = fields.text("name") or ""
        if not 3 <= len(name) <= 50:
            raise Refusal("The name must be between 3 and 50 characters.", field="name")  # ours
        details["name"] = name
    if fields.has("email"):
        details["email"] = fields.text("email", most=64)
    if fields.has("contact"):
        contact = str(fields.raw("contact"))
        if sum(character.isdigit() for character in contact) < 8:
            text = "Contact number should be at least 8 digits, including country code."
            raise Refusal(text, field="contact")
        if len(contact) > 15:
            raise Refusal("The contact may not be greater than 15 characters.", field="contact")
        details["contact"] = contact
    return details


def new_customer(world: World, details: Record) -> Record:
    """Enter a customer."""
    customer: Record = {
        "id": world.mint("cust_"),
        "entity": "customer",
        "name": None,
        "email": None,
        "contact": None,
        "gstin": None,
        "notes": {},
        "created_at": world.now,
    }
    return world.add("customer", customer | details)


def known_customer(world: World, email: str | None, contact: str | None) -> Record | None:
    """The customer with exactly these details, which is what makes one a duplicate."""
    for customer in world.books.find("customer", **({"email": email} if email else {"contact": contact})):
        if customer["email"] == email and customer["contact"] == contact:
            return customer
    return None


def create_customer(world: World, call: Call) -> Record:
    """POST /v1/customers"""
    fields = Fields(call.body, ("name", "contact", "email", "fail_existing", "gstin", "notes"))
    details = customer_details(fields)
    known = known_customer(world, details.get("email"), details.get("contact")) if details else None
    if known is not None:
        if fields.flag("fail_existing", default=True):
            raise Refusal("Customer already exists for the merchant")
        return shapes.visible(known)
    details |= {"gstin": fields.text("gstin"), "notes": fields.notes()}
    return shapes.visible(new_customer(world, details))


def list_customers(world: World, call: Call) -> Record:
    """GET /v1/customers"""
    page = list_page(call.query)
    return collection([shapes.visible(customer) for customer in world.page("customer", page, {})])


def fetch_customer(world: World, call: Call) -> Record:
    """GET /v1/customers/:id"""
    return shapes.visible(world.get("customer", call.ids[0]))


def edit_customer(world: World, call: Call) -> Record:
    """PUT /v1/customers/:id"""
    customer = world.get("customer", call.ids[0])
    customer |= customer_details(Fields(call.body, ("name", "email", "contact")))
    return shapes.visible(world.save("customer", customer))
