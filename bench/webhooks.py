"""Webhooks per second to a durable 200, beside one insert per request."""

import hashlib
import hmac
import itertools
import json

from sqlalchemy import func, select

from bench import http_load, server, serving
from bench.figures import Figure
from bench.scale import Scale
from bench.stand import Stand
from config import Settings
from db import models
from db.session import Database
from local.home import LocalError

NAME = "webhooks"
_PLACE = "NNNNNNNNNNNNNN"


async def measure(stand: Stand, scale: Scale) -> list[Figure]:
    """Signed calls about ever new payments; each must be found in the inbox afterwards."""
    url = await stand.database()
    bodies = map(_body, itertools.count())
    secret = Settings(environment="test").razorpay_webhook_secret.get_secret_value()

    def signed() -> bytes:
        body = next(bodies)
        headers = {
            "Content-Type": "application/json",
            "X-Razorpay-Signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(),
            "X-Razorpay-Event-Id": hashlib.sha256(body).hexdigest()[:14],
        }
        return http_load.request("POST", "/webhooks/razorpay", headers, body)

    def plain() -> bytes:
        return http_load.request("POST", server.WRITE, {"Content-Type": "application/json"}, next(bodies))

    samples = await serving.compare(stand, scale, url, signed, plain)
    await _check_inbox(url, sum(len(sample.outcome.latencies_ms) for sample in samples[server.OURS]))
    return [
        serving.figure(NAME, "webhooks to a durable 200", "per second", samples, serving.rate, "one insert"),
        serving.figure(NAME, "API CPU per webhook", "ms", samples, serving.cpu, "one insert"),
    ]


async def _check_inbox(url: str, answered: int) -> None:
    """A figure counts only if what was answered is kept."""
    database = Database.connect(url, pool_size=1)
    async with database.reading() as session:
        kept = await session.scalar(select(func.count()).select_from(models.WebhookInbox)) or 0
    await database.close()
    if kept < answered:
        raise LocalError(f"{answered} webhooks were answered 200, {kept} are kept")


def _body(number: int) -> bytes:
    return _TEMPLATE.replace(_PLACE, f"{number:014d}").encode()


def _template() -> str:
    """`subscription.charged` with what Razorpay sends along (razorpay.md 3.5)."""
    subscription = {
        "id": f"sub_{_PLACE}", "entity": "subscription", "plan_id": "plan_00000000000001",
        "customer_id": "cust_0000000000001", "status": "active", "current_start": 1770702730,
        "current_end": 1773081000, "ended_at": None, "quantity": 1,
        "notes": {"bahi_subscription": "sub_06g0000000000000000000000"}, "charge_at": 1773081000,
        "start_at": 1770702730, "end_at": 1799519400, "auth_attempts": 0, "total_count": 120,
        "paid_count": 12, "customer_notify": False, "created_at": 1770702635, "expire_by": None,
        "short_url": None, "has_scheduled_changes": False, "change_scheduled_at": None, "source": "api",
        "offer_id": None, "payment_method": "card", "remaining_count": 108,
    }  # fmt: skip
    payment = {
        "id": f"pay_{_PLACE}", "entity": "payment", "amount": 499900, "currency": "INR",
        "status": "captured", "order_id": f"order_{_PLACE}", "invoice_id": f"inv_{_PLACE}",
        "international": False, "method": "card", "amount_refunded": 0, "amount_transferred": 0,
        "refund_status": None, "captured": "1", "description": "Recurring Payment via Subscription",
        "card_id": "card_0000000000001", "bank": None, "wallet": None, "vpa": None,
        "email": "asha@customer.example", "contact": "+919800000000", "customer_id": "cust_0000000000001",
        "token_id": "token_000000000001", "notes": [], "fee": 11798, "tax": 1800, "error_code": None,
        "error_description": None, "created_at": 1770702730,
    }  # fmt: skip
    call = {
        "entity": "event", "account_id": "acc_00000000000001", "event": "subscription.charged",
        "contains": ["subscription", "payment"],
        "payload": {"subscription": {"entity": subscription}, "payment": {"entity": payment}},
        "created_at": 1770702798,
    }  # fmt: skip
    return json.dumps(call, separators=(",", ":"))


_TEMPLATE = _template()
