"""Mandates: both ways to set one up, their states, what the merchant and what the payer may do.

phonepe.md, 3.1 to 3.3 and 5.7.
"""

import secrets
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from simulator.books import Job, Record
from simulator.cycles import IST
from simulator.phonepe import fields, orders, webhooks
from simulator.phonepe.fields import Call
from simulator.phonepe.refusals import Refusal, bad_request, unknown_subscription, wrong_state
from simulator.phonepe.world import World

MOST = 1_500_000
"""Paise that a debit without UPI PIN may have (phonepe.md, 5.3)."""
PENNY = 200
FREQUENCIES = (
    "DAILY", "WEEKLY", "FORTNIGHTLY", "MONTHLY", "BIMONTHLY", "QUARTERLY", "HALFYEARLY", "YEARLY",
    "ON_DEMAND",
)  # fmt: skip
_IOS_APPS = ("PHONEPE", "GPAY", "PAYTM", "CRED", "SUPERMONEY", "BHIM", "AMAZON")
_SETUP_SECONDS = 15 * 60
_YEARS = 30
_SHOWN = (
    "merchantSubscriptionId", "subscriptionId", "state", "productType", "authInstrumentType",
    "authWorkflowType", "amountType", "currency", "maxAmount", "frequency", "expireAt", "pauseStartDate",
    "pauseEndDate",
)  # fmt: skip
_ENDS = ("CANCELLED", "REVOKED", "EXPIRED", "FAILED")


# setup


def setup(world: World, call: Call) -> Record:
    """POST subscriptions/v2/setup: variant A, for a UPI app on the payer's device."""
    body = call.body
    flow = fields.block(body, "paymentFlow")
    fields.choice(flow, "type", ("SUBSCRIPTION_SETUP",))
    mode = fields.block(flow, "paymentMode")
    kind = fields.choice(mode, "type", ("UPI_INTENT", "UPI_COLLECT"))
    if kind == "UPI_INTENT":
        _check_device(fields.block(body, "deviceContext"), mode)
    latest = world.now_ms + _SETUP_SECONDS * 1000
    if body.get("expireAt") is not None:
        latest = min(latest, fields.number(body, "expireAt", world.now_ms))
    order = _begin(world, body, flow, variant="A", expire_at=latest)
    shown = {"orderId": order["orderId"], "state": order["state"], "nativeOtpEnabled": False}
    if kind == "UPI_INTENT":
        return shown | {"intentUrl": _intent(world, order)}
    _collect(world, order, fields.block(mode, "details").get("vpa"))
    return shown


def _check_device(device: Record, mode: Record) -> None:
    """Where the UPI app is; an iPhone needs the app's name, and PhonePe's a way back (phonepe.md, 3.2)."""
    system = fields.choice({"deviceOS": str(device.get("deviceOS")).upper()}, "deviceOS", ("ANDROID", "IOS"))
    if system == "IOS":
        app = fields.choice(mode, "targetApp", _IOS_APPS)
        back = device.get("merchantCallBackScheme") or device.get("merchantCallbackScheme")
        if app == "PHONEPE" and not back:
            raise bad_request("deviceContext.merchantCallBackScheme is needed for PHONEPE on iOS")


def _collect(world: World, order: Record, vpa: object) -> None:
    """The sandbox's addresses answer by themselves (phonepe.md, 3.7); any other waits for its payer."""
    if not isinstance(vpa, str) or "@" not in vpa:
        raise bad_request("paymentMode.details.vpa must be a UPI address")
    name = vpa.partition("@")[0]
    if name in ("success", "failure", "pending"):
        result = {"code": None if name == "success" else "ZA", "final": True}
        umn = of_order(world, order)["umn"]
        orders.begin_attempt(world, order, "UPI_COLLECT", None if name == "pending" else result,
                             world.switches.settle_seconds, umn)  # fmt: skip


def checkout_setup(world: World, body: Record, flow: Record) -> Record:
    """POST checkout/v2/pay with SUBSCRIPTION_CHECKOUT_SETUP: variant B, on the hosted page."""
    details = fields.block(flow, "subscriptionDetails")
    fields.choice(details, "subscriptionType", ("RECURRING",), "RECURRING")
    fields.choice(details, "productType", ("UPI_MANDATE",), "UPI_MANDATE")
    seconds = _SETUP_SECONDS
    if body.get("expireAfter") is not None:
        seconds = fields.number(body, "expireAfter", 300, 3600)
    expire_at = world.now_ms + seconds * 1000
    return _begin(world, body, details, variant="B", expire_at=expire_at, urls=fields.urls(flow))


def _begin(world: World, body: Record, terms: Record, *, variant: str, expire_at: int, **more: Any) -> Record:
    order_id = fields.identifier(body, "merchantOrderId")
    name = fields.identifier(terms, "merchantSubscriptionId")
    workflow = fields.choice(terms, "authWorkflowType", ("PENNY_DROP", "TRANSACTION"))
    amount = fields.number(body, "amount", 100)
    if workflow == "PENNY_DROP" and amount != PENNY:
        raise bad_request(f"amount must be {PENNY} for PENNY_DROP")
    most = fields.number(terms, "maxAmount", 100)
    if most > MOST or (workflow == "TRANSACTION" and amount > most):
        raise Refusal(417, "TRANSACTION_LIMIT_EXCEEDED", "The amount or maxAmount exceeds the limit")
    orders.check_new(world, order_id)
    if world.books.get("subscription", name) is not None:
        raise Refusal(400, "DUPLICATE_REQUEST_ID", "Merchant subscription id has already been used")
    longest = _years_on(world.now, _YEARS) * 1000
    ends = longest
    if terms.get("expireAt") is not None:
        ends = min(longest, fields.number(terms, "expireAt", world.now_ms))
    subscription: Record = {
        "id": name,
        "merchantSubscriptionId": name,
        "subscriptionId": world.mint("OMS"),
        "state": "ACTIVATION_IN_PROGRESS",
        "productType": "UPI_MANDATE",
        "authInstrumentType": "UPI",
        "authWorkflowType": workflow,
        "amountType": fields.choice(terms, "amountType", ("FIXED", "VARIABLE")),
        "currency": "INR",
        "maxAmount": most,
        "frequency": fields.choice(terms, "frequency", FREQUENCIES),
        "expireAt": ends,
        "pauseStartDate": None,
        "pauseEndDate": None,
        "umn": f"{secrets.token_hex(16)}@ybl",
        "created_at": world.now,
        "approved": False,
        "shown_state": None,
        "next": {"notify": [], "debits": []},
    }
    kind = "SUBSCRIPTION_SETUP" if variant == "A" else "SUBSCRIPTION_CHECKOUT_SETUP"
    names = ("merchantSubscriptionId", "authWorkflowType", "amountType", "maxAmount", "frequency", "expireAt")
    flow = {"type": kind} | {each: subscription[each] for each in names}
    flow |= {"subscriptionId": subscription["subscriptionId"], "productType": None}
    flow |= {"authInstrumentType": None}
    meta = fields.meta(body)
    order = orders.create(world, order_id, "setup", amount, expire_at, metaInfo=meta, flow=flow,
                          subscription_id=name, variant=variant, **more)  # fmt: skip
    world.books.add("subscription", subscription, world.now)
    return order


def _years_on(instant: int, years: int) -> int:
    """The same day of a later year in India; 29 February becomes the 28th."""
    moment = datetime.fromtimestamp(instant, IST)
    day = 28 if (moment.month, moment.day) == (2, 29) else moment.day
    return int(moment.replace(year=moment.year + years, day=day).timestamp())


def _intent(world: World, order: Record) -> str:
    subscription = of_order(world, order)
    day = "%d%m%Y"
    begins = datetime.fromtimestamp(world.now, IST)
    ends = datetime.fromtimestamp(subscription["expireAt"] // 1000, IST)
    often = "ASPRESENTED" if subscription["frequency"] == "ON_DEMAND" else subscription["frequency"]
    words = {
        "pa": "SIMMERCHANT@ybl",
        "pn": world.options.merchant,
        "am": rupees(subscription["maxAmount"]),
        "fam": rupees(order["amount"]),
        "cu": "INR",
        "mn": "Autopay",
        "amrule": "MAX" if subscription["amountType"] == "VARIABLE" else "EXACT",
        "recur": often,
        "rev": "Y",
        "validitystart": begins.strftime(day),
        "validityend": ends.strftime(day),
        "tr": world.mint("OM"),
    }
    return f"ppesim://mandate?{urlencode(words)}"


def rupees(paise: int) -> str:
    """100.50"""
    return f"{paise // 100}.{paise % 100:02d}"


def activate(world: World, order: Record) -> None:
    """The payer approved, and the first payment is there."""
    subscription = of_order(world, order)
    subscription.update(state="ACTIVE", approved=True)
    _save(world, subscription)
    world.books.schedule(subscription["expireAt"] // 1000, "expire_mandate", subscription["id"])


def setup_failed(world: World, order: Record) -> None:
    """The payer did not approve."""
    subscription = of_order(world, order)
    subscription["state"] = "FAILED"
    _save(world, subscription)


# states


def of_order(world: World, order: Record) -> Record:
    """The mandate an order belongs to."""
    subscription = world.books.get("subscription", order["subscription_id"])
    assert subscription is not None
    return subscription


def find(world: World, subscription_id: str) -> Record:
    """A mandate that is or was to be approved. Raises Refusal."""
    subscription = world.books.get("subscription", subscription_id)
    hidden = world.switches.never_approved_is_unknown
    if subscription is None or (hidden and subscription["state"] == "FAILED"):
        raise unknown_subscription(world.switches.unknown_status)
    return subscription


def live(world: World, subscription: Record) -> bool:
    """Active, or paused until a day that has passed (phonepe.md, 3.3)."""
    ends = subscription["pauseEndDate"]
    over = subscription["state"] == "PAUSED" and ends is not None and ends <= world.now_ms
    return subscription["state"] == "ACTIVE" or over


def show(subscription: Record) -> Record:
    """As status and webhooks tell it."""
    shown = {name: subscription[name] for name in _SHOWN}
    return shown | {"state": subscription["shown_state"] or subscription["state"]}


def status(world: World, call: Call) -> Record:
    """GET .../{merchantSubscriptionId}/status"""
    return show(find(world, call.ids["id"]))


def cancel(world: World, call: Call) -> None:
    """POST .../{merchantSubscriptionId}/cancel, by the merchant and for good."""
    subscription = find(world, call.ids["id"])
    if subscription["state"] not in ("ACTIVE", "PAUSED"):
        raise wrong_state()
    _turn(world, subscription, "CANCEL_IN_PROGRESS", "CANCELLED", "subscription.cancelled")


def pause(world: World, subscription: Record, until_ms: int | None, *, told: bool = True) -> None:
    """The payer pauses, until a time in milliseconds or for as long as it takes. Raises Refusal."""
    if subscription["state"] != "ACTIVE":
        raise wrong_state()
    if until_ms is not None and until_ms <= world.now_ms:
        raise bad_request("A pause must end in the future")
    subscription.update(pauseStartDate=world.now_ms, pauseEndDate=until_ms)
    _lapse_notices(world, subscription)
    _turn(world, subscription, "PAUSE_IN_PROGRESS", "PAUSED", "subscription.paused", told=told)


def unpause(world: World, subscription: Record, *, told: bool = True) -> None:
    """The payer lets it go on. Raises Refusal."""
    if subscription["state"] != "PAUSED":
        raise wrong_state()
    _turn(world, subscription, "UNPAUSE_IN_PROGRESS", "ACTIVE", "subscription.unpaused", told=told)


def revoke(world: World, subscription: Record, *, told: bool = True) -> None:
    """The payer, or with `told` false the bank without a word, ends it for good. Raises Refusal."""
    if subscription["state"] not in ("ACTIVE", "PAUSED"):
        raise wrong_state()
    _turn(world, subscription, "REVOKE_IN_PROGRESS", "REVOKED", "subscription.revoked", told=told)


def _lapse_notices(world: World, subscription: Record) -> None:
    """Paused after the notice: that order is never debited, a new notice is needed (phonepe.md, 3.5)."""
    for order in world.books.find("order", subscription_id=subscription["id"]):
        if (
            order["kind"] == "redemption"
            and order["state"] not in orders.TERMINAL
            and not orders.waiting(order)
        ):
            order["lapsed"] = True
            world.books.unschedule(order["id"], "auto_redeem")
            orders.save(world, order)


def _turn(
    world: World, subscription: Record, through: str, to: str, event: str, *, told: bool = True
) -> None:
    subscription["state"] = through
    _save(world, subscription)
    due = world.now + world.switches.transition_seconds
    world.books.schedule(due, "mandate_turns", subscription["id"], {"to": to, "event": event if told else ""})


def turn_due(world: World, job: Job) -> None:
    """A change of state is through."""
    subscription = world.books.get("subscription", job.subject)
    if subscription is None or subscription["state"] in _ENDS:
        return
    subscription["state"] = job.payload["to"]
    if subscription["state"] == "ACTIVE":
        subscription.update(pauseStartDate=None, pauseEndDate=None)
    if subscription["state"] in _ENDS:
        world.books.unschedule(subscription["id"], "expire_mandate")
    _save(world, subscription)
    if job.payload["event"]:
        payload = show(subscription) | {"merchantId": world.options.merchant_id}
        webhooks.emit(world, job.payload["event"], subscription["id"], payload)


def expiry_due(world: World, job: Job) -> None:
    """The mandate has run its course; PhonePe has no event for it."""
    subscription = world.books.get("subscription", job.subject)
    if subscription is not None and subscription["state"] not in _ENDS:
        world.books.unschedule(subscription["id"], "mandate_turns")
        subscription["state"] = "EXPIRED"
        _save(world, subscription)


def _save(world: World, subscription: Record) -> None:
    world.books.save("subscription", subscription)
    world.tell(f"subscription {subscription['state'].lower()}", subscription["id"])


def next_outcome(world: World, subscription: Record, what: str) -> Record:
    """Take the next planned outcome of `notify` or `debits`; success when none is planned."""
    queue = subscription["next"][what]
    if not queue:
        return {"outcome": "success"}
    outcome: Record = queue.pop(0)
    world.books.save("subscription", subscription)
    return outcome
