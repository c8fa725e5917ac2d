"""Events and their deliveries: made with the change they tell of, signed, repeated until answered 2xx.

Rules and measured intervals: razorpay.md, 3.2 and 3.3. At least once, in no promised order.
"""

import hashlib
import hmac
import json
import random
import time
from typing import Any

from simulator import shapes
from simulator.books import Job, Record
from simulator.cycles import DAY
from simulator.world import World, iso

# Seconds from one delivery to the next: sixteen deliveries over 22.76 hours.
LADDER = (6, 13, 20, 43, 82, 162, 324, 643, 1283, 2563, 5127, 10241, 20481, 40964)
MAIN_ENDPOINT = "main"


def sign(body: bytes, secret: str) -> str:
    """HMAC-SHA256 of the raw body in lower-case hex."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def put_endpoint(world: World, name: str, url: str, secret: str, events: list[str] | None = None) -> Record:
    """Add an endpoint, or change its URL; a changed secret is a rotation."""
    known = world.books.get("endpoint", name)
    if known is None:
        endpoint = {
            "id": name,
            "url": url,
            "secrets": [secret],
            "events": events,
            "active": True,
            "created_at": world.now,
            "failing_since": None,
            "disabled_at": None,
        }
        return world.books.add("endpoint", endpoint, world.now)
    known["url"] = url
    if events is not None:
        known["events"] = events
    if known["secrets"][-1] != secret:
        known["secrets"].append(secret)
    return world.save("endpoint", known)


def enable_endpoint(world: World, name: str, *, active: bool) -> Record | None:
    """Switch an endpoint on or off by hand; events made while it is off are lost to it."""
    endpoint = world.books.get("endpoint", name)
    if endpoint is not None:
        endpoint.update(active=active, failing_since=None, disabled_at=None if active else world.now)
        world.save("endpoint", endpoint)
    return endpoint


# making events


def emit(world: World, name: str, payload: dict[str, Any], subject: str, delay: int = 0) -> Record:
    """Record an event and plan its deliveries under the policy in force. `delay` is in seconds."""
    policy = world.policy
    created = world.now + delay
    envelope = {
        "entity": "event",
        "account_id": world.account_id,
        "event": name,
        "contains": list(payload),
        "payload": payload,
        "created_at": created,
    }
    event: Record = {
        "id": world.mint(""),
        "event": name,
        "created_at": created,
        "subject": subject,
        "body": serialise(envelope, re_escape=policy.re_escape),
    }
    world.books.add("event", event, created)
    rng = random.Random(f"{policy.seed}/{world.books.entries()}")  # noqa: S311 - disorder, not secrecy
    for endpoint in world.books.find("endpoint"):
        if endpoint["events"] is not None and name not in endpoint["events"]:
            continue
        dropped = policy.drop_all or rng.random() < policy.drop_fraction
        for _ in range(1 if dropped else policy.duplicate_times):
            wait = policy.delay_seconds + rng.randint(0, policy.shuffle_window)
            _plan_delivery(world, event, endpoint, created + wait, dropped=dropped)
    world.tell(name, subject, event_id=event["id"], created_at=created)
    return event


def serialise(envelope: Record, *, re_escape: bool = False) -> str:
    """The body as it is sent: one line of JSON."""
    body = json.dumps(envelope, ensure_ascii=re_escape, separators=(",", ":"))
    return body.replace("/", "\\/") if re_escape else body


def _plan_delivery(world: World, event: Record, endpoint: Record, due: int, *, dropped: bool) -> Record:
    state = "dropped" if dropped else "waiting" if endpoint["active"] else "lost"
    delivery: Record = {
        "id": world.mint("dlv_"),
        "event_id": event["id"],
        "event": event["event"],
        "subject": event["subject"],
        "endpoint": endpoint["id"],
        # An event is signed with the secret that was current when it was made, in retries too.
        "_secret": endpoint["secrets"][-1],
        "state": state,
        "due": due if state == "waiting" else None,
        "attempts": [],
    }
    world.books.add("delivery", delivery, event["created_at"])
    if state == "waiting":
        world.books.schedule(due, "deliver", event["subject"], {"delivery": delivery["id"]})
    return delivery


def subscription_event(
    world: World, name: str, subscription: Record, payment: Record | None = None, delay: int = 0
) -> None:
    """Emit `subscription.<name>` with the subscription as it is now, and the payment that led to it."""
    with_type = world.switches.webhook_type_field
    entities = {"subscription": shapes.subscription_in_event(subscription, with_type=with_type)}
    if payment is not None:
        entities["payment"] = shapes.payment_in_subscription_event(payment)
    emit(world, f"subscription.{name}", shapes.event_payload(**entities), subscription["id"], delay)


def payment_event(world: World, name: str, payment: Record) -> None:
    """Emit `payment.<name>`."""
    payload = shapes.event_payload(payment=shapes.payment_in_payment_event(payment))
    emit(world, f"payment.{name}", payload, payment.get("_subscription_id") or payment["id"])


def refund_event(world: World, name: str, refund: Record, payment: Record) -> None:
    """Emit `refund.<name>` with the payment it returns."""
    payload = shapes.event_payload(
        refund=shapes.visible(refund), payment=shapes.payment_in_payment_event(payment)
    )
    emit(world, f"refund.{name}", payload, payment.get("_subscription_id") or payment["id"])


def token_event(world: World, name: str, token: Record) -> None:
    """Emit `token.<name>`."""
    emit(world, f"token.{name}", shapes.event_payload(token=shapes.visible(token)), token["id"])


# delivering


def prepare(world: World, job: Job) -> tuple[Record, str, dict[str, str], bytes] | None:
    """The delivery with its URL, headers and body; None when there is nothing to send any more."""
    delivery = world.books.get("delivery", job.payload["delivery"])
    if delivery is None:
        return None
    event = world.books.get("event", delivery["event_id"])
    endpoint = world.books.get("endpoint", delivery["endpoint"])
    if event is None or endpoint is None or not endpoint["active"]:
        delivery.update(state="lost", due=None)
        world.save("delivery", delivery)
        return None
    body = event["body"].encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Razorpay-Webhook/v1",
        "Accept-Encoding": "gzip",
        "X-Razorpay-Event-Id": event["id"],
        "Request-Id": event["id"],
    }
    if delivery["_secret"]:
        headers["X-Razorpay-Signature"] = sign(body, delivery["_secret"])
    return delivery, endpoint["url"], headers, body


def conclude(world: World, job: Job, status: int | None, error: str | None) -> None:
    """Record an attempt and plan the next one if it failed: anything but 2xx within the deadline."""
    delivery = world.books.get("delivery", job.payload["delivery"])
    if delivery is None:
        return
    wall = iso(int(time.time()))
    delivery["attempts"].append({"at": job.due, "wall": wall, "status": status, "error": error})
    delivered = status is not None and 200 <= status < 300
    again = _next_attempt(world, delivery, job.due)
    if delivered:
        delivery.update(state="delivered", due=None)
    elif again is None:
        delivery.update(state="given_up", due=None)
    else:
        delivery.update(state="waiting", due=again)
        world.books.schedule(again, "deliver", job.subject, job.payload)
    world.save("delivery", delivery)
    _watch_endpoint(world, delivery["endpoint"], job.due, delivered=delivered)
    what = "webhook delivered" if delivered else "webhook failed"
    told = {"event": delivery["event"], "event_id": delivery["event_id"], "status": status, "error": error}
    world.tell(what, delivery["subject"], **told)


def _next_attempt(world: World, delivery: Record, attempted: int) -> int | None:
    tries = len(delivery["attempts"])
    if tries > len(LADDER):
        return None
    due = attempted + LADDER[tries - 1]
    event = world.books.get("event", delivery["event_id"])
    return due if event is not None and due <= event["created_at"] + DAY else None


def _watch_endpoint(world: World, name: str, at: int, *, delivered: bool) -> None:
    """Razorpay switches an endpoint off after about 24 hours of nothing but failures."""
    endpoint = world.books.get("endpoint", name)
    if endpoint is None or (delivered and endpoint["failing_since"] is None):
        return
    if delivered:
        endpoint["failing_since"] = None
        world.books.unschedule(name, "disable_endpoint")
    elif endpoint["failing_since"] is None:
        endpoint["failing_since"] = at
        world.books.schedule(at + DAY, "disable_endpoint", name)
    world.save("endpoint", endpoint)


def disable_endpoint(world: World, job: Job) -> None:
    """A day of nothing but failures is over: no more deliveries there."""
    endpoint = world.books.get("endpoint", job.subject)
    if endpoint is None or endpoint["failing_since"] is None:
        return
    endpoint.update(active=False, disabled_at=job.due)
    world.save("endpoint", endpoint)
    world.tell("webhook endpoint disabled", endpoint["id"], url=endpoint["url"])


def redeliver(world: World, deliveries: list[Record]) -> int:
    """Send deliveries once more, at once and with the same event ids. Returns how many."""
    for delivery in deliveries:
        delivery.update(state="waiting", due=world.now)
        world.save("delivery", delivery)
        world.books.schedule(world.now, "deliver", delivery["subject"], {"delivery": delivery["id"]})
    return len(deliveries)
