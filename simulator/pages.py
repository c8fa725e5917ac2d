"""What the hosted page says in each state of a subscription, payment link or invoice."""

from dataclasses import dataclass, field

from simulator import billing, wording
from simulator.books import Record
from simulator.mandates import CHANGES, TOKEN_CHARGE
from simulator.world import World

METHOD_NAMES = {"card": "Card", "upi": "UPI", "emandate": "Bank"}


@dataclass
class Page:
    """All that the template shows. `methods` is empty on a page with nothing to pay."""

    heading: str
    merchant: str
    item: str
    description: str | None
    lines: list[tuple[str, str]]
    total_label: str
    total: str
    later: list[str] = field(default_factory=list)
    tone: str = "pay"  # pay, good, bad, wait, plain
    notice: str | None = None
    facts: list[tuple[str, str]] = field(default_factory=list)
    methods: tuple[str, ...] = ()
    button: str = ""
    consent: str = ""
    change_link: bool = False


def of_subscription(world: World, subscription: Record, *, changing: bool) -> Page:
    """The page of a subscription: to pay, to change the method, or to see how it stands."""
    status = subscription["status"]
    page = _summary(world, subscription)
    if status == "created":
        _first_payment(world, subscription, page)
    elif status in ("pending", "halted") or (changing and status in ("active", "authenticated")):
        _new_method(world, subscription, page)
    else:
        _standing(subscription, page)
    return page


def _summary(world: World, subscription: Record) -> Page:
    plan = billing.plan_of(world, subscription)
    item, quantity = plan["item"], subscription["quantity"]
    price = wording.rupees(item["amount"] * quantity, item["currency"])
    label = item["name"] if quantity == 1 else f"{item['name']} × {quantity}"
    return Page(
        heading=f"Subscribe to {item['name']}",
        merchant=world.options.merchant,
        item=item["name"],
        description=item["description"],
        lines=[(label, price)],
        total_label=wording.cadence(plan).capitalize(),
        total=price,
    )


def _first_payment(world: World, subscription: Record, page: Page) -> None:
    plan = billing.plan_of(world, subscription)
    price, often, count = page.total, wording.cadence(plan), subscription["total_count"]
    upfront = sum(item["amount"] for item in subscription["_upfront"])
    page.lines += [(item["name"], wording.rupees(item["amount"])) for item in subscription["_upfront"]]
    if subscription["_immediate"]:
        due = plan["item"]["amount"] * subscription["quantity"] + upfront
        page.later = [f"Then {price} {often}", f"{count} payments in all"]
        page.button = f"Pay {wording.rupees(due)}"
    else:
        due = upfront
        starts = wording.day(subscription["start_at"])
        page.lines[0] = (f"{page.lines[0][0]}, from {starts}", price)
        page.later = [f"{price} {often} from {starts}", f"{count} payments in all"]
        page.button = f"Pay {wording.rupees(due)}" if due else "Set up AutoPay"
        if not due:
            charge = wording.rupees(TOKEN_CHARGE)
            page.later.append(f"A card is charged {charge} now to check it, and gets it back at once")
    page.total_label, page.total = "Due today", wording.rupees(due)
    page.methods = ("upi", "card", "emandate")
    page.consent = (
        f"You allow {page.merchant} to collect {price} {often}, {count} times at most. Your bank tells you "
        "at least 24 hours before each debit, and you can end this in your bank's app at any time."
    )


def _new_method(world: World, subscription: Record, page: Page) -> None:
    status = subscription["status"]
    page.methods = CHANGES[subscription["payment_method"]]
    kept = subscription["_instrument"]
    current = _instrument_name(kept)
    page.facts = [("Current method", current)]
    page.heading = "Change how you pay"
    page.button = "Use this from now on"
    page.consent = (
        f"This replaces your mandate on {current}. A card is charged ₹5.00 and gets it back at once."
    )
    if status == "pending":
        invoice = world.get("invoice", subscription["_invoice_id"])
        due = wording.rupees(invoice["amount"])
        page.tone, page.notice = "bad", f"We could not collect {due}"
        page.heading = "Your payment did not go through"
        page.total_label, page.total = "Due now", due
        page.facts += [("Next attempt", wording.day(subscription["charge_at"]))]
        page.button = f"Pay {due}"
        page.consent = f"{due} is collected with the new method now, and later payments with it too."
    elif status == "halted":
        page.tone, page.notice = "bad", "Collection has stopped after four failed attempts"
        page.heading = "Your subscription is on hold"
        page.facts += [("Next payment", wording.day(subscription["charge_at"]))]


def _instrument_name(kept: Record) -> str:
    if kept["method"] == "card":
        return f"{kept['card']['network']} card ending {kept['card']['last4']}"
    return str(kept.get("vpa") or f"{kept.get('bank')} bank account")


def _payment_name(payment: Record) -> str:
    return _instrument_name(
        {name: payment[name] for name in ("method", "vpa", "bank")} | {"card": payment["_card"]}
    )


def _standing(subscription: Record, page: Page) -> None:
    status = subscription["status"]
    page.heading = _STANDING[status][1]
    page.tone, page.notice = _STANDING[status][0], _STANDING[status][2]
    page.change_link = status in ("active", "authenticated")
    if subscription["_instrument"] and status in ("active", "authenticated", "paused"):
        page.facts.append(("Paid with", _instrument_name(subscription["_instrument"])))
    if subscription["charge_at"] and status in ("active", "authenticated"):
        label = "Next payment" if status == "active" else "First payment"
        page.facts.append((label, wording.day(subscription["charge_at"])))
    if subscription["paid_count"]:
        paid = f"{subscription['paid_count']} of {subscription['total_count']}"
        page.facts.append(("Payments made", paid))
    if subscription["ended_at"]:
        page.facts.append(("Ended on", wording.day(subscription["ended_at"])))


_STANDING = {
    "active": ("good", "You are subscribed", "There is nothing to pay now."),
    "authenticated": ("good", "Your mandate is set up", "The first payment is collected by itself."),
    "paused": ("wait", "Your subscription is paused", "Nothing is collected until it is resumed."),
    "cancelled": ("plain", "This subscription was cancelled", "Nothing more will be collected."),
    "completed": ("good", "All payments are made", "This subscription has run its course."),
    "expired": ("plain", "This link has expired", "Ask the merchant for a new one."),
}
_LINK_STANDING = {
    "paid": ("good", "This link is paid", "There is nothing to pay now."),
    "cancelled": ("plain", "This link was cancelled", "Nothing can be paid here any more."),
    "expired": ("plain", "This link has expired", "Ask the merchant for a new one."),
}


def of_link(world: World, link: Record) -> Page:
    """The page of a payment link."""
    sum_ = wording.rupees(link["amount"])
    name = link["description"] or "Payment"
    page = Page(
        f"Pay {world.options.merchant}", world.options.merchant, name, None, [(name, sum_)], "To pay", sum_
    )
    if link["status"] == "created":
        page.methods, page.button = ("upi", "card"), f"Pay {sum_}"
        page.consent = "This is a single payment. Nothing is collected later."
    else:
        page.tone, page.heading, page.notice = _LINK_STANDING[link["status"]]
    return page


_FREQUENCIES = {"as_presented": "whenever it is due", "half_yearly": "every half year"}
_GIVEN = {
    "initiated": ("wait", "Your bank is checking", "The mandate is confirmed by your bank."),
    "confirmed": ("good", "Your mandate is set up", "Payments are collected by themselves from now on."),
    "paused": ("wait", "Your mandate is paused", "Nothing is collected until you take it up again."),
    "cancelled": ("plain", "This mandate was ended", "Nothing more will be collected."),
    "rejected": ("bad", "Your bank refused the mandate", "Ask the merchant for a new link."),
}


def of_registration(world: World, invoice: Record) -> Page:
    """The page of a registration link: to set a mandate up, or to see how it stands."""
    terms, sum_ = invoice["_registration"], wording.rupees(invoice["amount"])
    most = wording.rupees(terms["most"])
    page = Page(
        "Set up AutoPay", world.options.merchant, invoice["description"], None, [("Charged now", sum_)],
        "Due today", sum_,
    )  # fmt: skip
    often = _FREQUENCIES.get(terms["frequency"], terms["frequency"])
    page.later = [f"Then up to {most}, {often}"]
    if terms["expire_at"]:
        page.later.append(f"Until {wording.day(terms['expire_at'])}")
    if terms["token_id"]:
        token = world.books.get("token", terms["token_id"])
        status = token["recurring_details"]["status"] if token else "cancelled"
        page.tone, page.heading, page.notice = _GIVEN.get(status, _GIVEN["initiated"])
    elif invoice["status"] == "issued":
        page.methods = (terms["method"],)
        page.button = f"Pay {sum_} and set up AutoPay" if invoice["amount"] else "Set up AutoPay"
        page.consent = (
            f"You allow {page.merchant} to collect up to {most} at a time. You are told at least 24 hours "
            "before each debit, and you can end this in your bank's app at any time."
        )
    else:
        page.tone, page.heading, page.notice = _LINK_STANDING.get(
            invoice["status"], _LINK_STANDING["expired"]
        )
    return page


def of_invoice(world: World, invoice: Record) -> Page:
    """The page of an invoice: what it is for and whether it is paid."""
    lines = [(each["name"], wording.rupees(each["amount"])) for each in invoice["line_items"]]
    paid = invoice["status"] == "paid"
    page = Page(
        f"Invoice from {world.options.merchant}", world.options.merchant, "Invoice", None, lines, "Total",
        wording.rupees(invoice["amount"]), tone="good" if paid else "wait",
        notice="Paid in full." if paid else f"This invoice is {invoice['status']}.",
    )  # fmt: skip
    page.facts = [("Issued", wording.day(invoice["issued_at"]))]
    if invoice["billing_start"]:
        period = f"{wording.day(invoice['billing_start'])} to {wording.day(invoice['billing_end'])}"
        page.facts.append(("Period", period))
    if paid:
        page.facts += [("Paid on", wording.day(invoice["paid_at"])), ("Payment", invoice["payment_id"])]
    return page


def of_success(world: World, page: Page, payment: Record, subscription: Record | None) -> None:
    """Turn a page into the receipt of the payment just made."""
    waiting = payment["status"] == "created"
    page.methods, page.change_link, page.later = (), False, []
    page.tone = "wait" if waiting else "good"
    page.heading = "Your bank is checking" if waiting else "Payment successful"
    page.notice = (
        "Bank mandates are confirmed on the next working day."
        if waiting
        else f"Thank you for paying {page.merchant}."
    )
    if payment["amount_refunded"]:
        page.heading, page.notice = (
            "Your card is set up",
            "The charge that checked it is on its way back to you.",
        )
    page.lines = [(page.lines[0][0], wording.rupees(payment["amount"], payment["currency"]))]
    page.total_label, page.total = "Paid", page.lines[0][1]
    page.facts = [("Payment", payment["id"]), ("When", wording.moment(payment["created_at"]))]
    page.facts.append(("With", _payment_name(payment)))
    if subscription is not None and subscription["charge_at"]:
        plan = billing.plan_of(world, subscription)
        price = wording.rupees(plan["item"]["amount"] * subscription["quantity"])
        page.facts.append(("Next payment", f"{price} on {wording.day(subscription['charge_at'])}"))
