"""Events and their deliveries: a static Authorization, repeated a few times until answered 2xx.

phonepe.md, 4; the ladder is its proposal, since PhonePe publishes none (4.5).
"""

import hashlib
import json
import random
from typing import Any

from simulator.books import Job, Record
from simulator.phonepe import orders
from simulator.phonepe.world import World

LADDER = (5, 30, 300)
"""Seconds from one delivery to the next."""
_NAMES = {
    "checkout": ("checkout.order.completed", "checkout.order.failed"),
    "setup": ("subscription.setup.order.completed", "subscription.setup.order.failed"),
    "redemption": ("subscription.redemption.order.completed", "subscription.redemption.order.failed"),
}


def authorization(username: str, password: str) -> str:
    """The header of every webhook: bare lower-case hex."""
    return hashlib.sha256(f"{username}:{password}".encode()).hexdigest()


def order_event(world: World, order: Record, *, failed: bool) -> None:
    """An order came to its end."""
    hosted = order["kind"] == "setup" and order["variant"] == "B"
    name = _NAMES["checkout" if hosted else order["kind"]][failed]
    emit(world, name, order["id"], orders.show(world, order, details=True, event=True))


def emit(world: World, name: str, subject: str, payload: Record) -> Record:
    """Record an event and plan its deliveries under the policy in force."""
    policy = world.policy
    envelope: dict[str, Any] = {}
    if policy.fields != "type":
        envelope["event"] = name
    if policy.fields != "event":
        envelope["type"] = name.upper().replace(".", "_")
    number = world.books.entries() + 1
    event: Record = {
        "id": f"evt_{number}",
        "event": name,
        "subject": subject,
        "created_at": world.now,
        "body": json.dumps(envelope | {"payload": payload}, ensure_ascii=False, separators=(",", ":")),
        "state": "none",
        "deliveries": [],
    }
    rng = random.Random(f"{policy.seed}/{number}")  # noqa: S311 - disorder, not secrecy
    dropped = policy.drop_all or name in policy.drop_events or rng.random() < policy.drop_fraction
    if world.options.webhook_url:
        event["state"] = "dropped" if dropped else "waiting"
    world.books.add("event", event, world.now)
    for _ in range(policy.duplicate_times if event["state"] == "waiting" else 0):
        due = world.now + policy.delay_seconds + rng.randint(0, policy.shuffle_window)
        world.books.schedule(due, "deliver", subject, {"event": event["id"], "tries": 0})
    world.tell(name, subject, event_id=event["id"])
    return event


def prepare(world: World, job: Job) -> tuple[str, dict[str, str], bytes] | None:
    """URL, headers and body; None when there is nothing to send any more."""
    event = world.books.get("event", job.payload["event"])
    if event is None or world.options.webhook_url is None:
        return None
    options = world.options
    headers = {
        "Content-Type": "application/json",
        "Authorization": authorization(options.webhook_username, options.webhook_password),
    }
    return world.options.webhook_url, headers, event["body"].encode()


def conclude(world: World, job: Job, status: int | None, error: str | None) -> None:
    """Record a delivery and plan the next one if it failed."""
    event = world.books.get("event", job.payload["event"])
    if event is None:
        return
    event["deliveries"].append({"at": job.due, "status": status, "error": error})
    tries = job.payload["tries"]
    if status is not None and 200 <= status < 300:
        event["state"] = "delivered"
    elif tries < len(LADDER):
        world.books.schedule(job.due + LADDER[tries], "deliver", job.subject,
                             job.payload | {"tries": tries + 1})  # fmt: skip
    elif event["state"] != "delivered":
        event["state"] = "given_up"
    world.books.save("event", event)
    world.tell("webhook sent", event["subject"], event=event["event"], status=status, error=error)


def redeliver(world: World, events: list[Record]) -> int:
    """Send events once more, at once. Returns how many."""
    for event in events:
        event["state"] = "waiting"
        world.books.save("event", event)
        world.books.schedule(world.now, "deliver", event["subject"], {"event": event["id"], "tries": 0})
    return len(events)
