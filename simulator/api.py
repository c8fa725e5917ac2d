"""The /v1 API: who calls, which route, in which words a refusal is sent (razorpay.md, 1.0 and 4.4)."""

import base64
import binascii
import json
import re
import secrets
import time
from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse

from simulator import (
    catalogue,
    invoices,
    links,
    payments,
    recurring,
    refunds,
    registrations,
    subscriptions,
    tokens,
    updates,
)
from simulator.books import Record
from simulator.fields import Call
from simulator.refusals import NoRoute, Refusal, bad_id, no_such_url, unauthenticated
from simulator.schedule import Scheduler
from simulator.world import World

Handler = Callable[[World, Call], Any]

_TABLE: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "plans", catalogue.create_plan),
    ("GET", "plans", catalogue.list_plans),
    ("GET", "plans/{plan_}", catalogue.fetch_plan),
    ("POST", "customers", catalogue.create_customer),
    ("GET", "customers", catalogue.list_customers),
    ("GET", "customers/{cust_}", catalogue.fetch_customer),
    ("PUT", "customers/{cust_}", catalogue.edit_customer),
    ("GET", "customers/{cust_}/tokens", tokens.list_all),
    ("GET", "customers/{cust_}/tokens/{token_}", tokens.fetch),
    ("DELETE", "customers/{cust_}/tokens/{token_}", tokens.delete),
    ("PUT", "customers/{cust_}/tokens/{token_}/cancel", tokens.cancel),
    ("POST", "subscriptions", subscriptions.create),
    ("GET", "subscriptions", subscriptions.list_all),
    ("GET", "subscriptions/{sub_}", subscriptions.fetch),
    ("PATCH", "subscriptions/{sub_}", updates.edit),
    ("POST", "subscriptions/{sub_}/cancel", subscriptions.cancel),
    ("POST", "subscriptions/{sub_}/pause", subscriptions.pause),
    ("POST", "subscriptions/{sub_}/resume", subscriptions.resume),
    ("GET", "subscriptions/{sub_}/retrieve_scheduled_changes", updates.scheduled),
    ("POST", "subscriptions/{sub_}/cancel_scheduled_changes", updates.cancel_scheduled),
    ("POST", "subscriptions/{sub_}/addons", subscriptions.create_addon),
    ("DELETE", "subscriptions/{sub_}/{offer_}", subscriptions.delete_offer),
    ("GET", "addons", subscriptions.list_addons),
    ("GET", "addons/{ao_}", subscriptions.fetch_addon),
    ("DELETE", "addons/{ao_}", subscriptions.delete_addon),
    ("POST", "subscription_registration/auth_links", registrations.create),
    ("POST", "invoices", invoices.create),
    ("GET", "invoices", invoices.list_all),
    ("GET", "invoices/{inv_}", invoices.fetch),
    ("PATCH", "invoices/{inv_}", invoices.edit),
    ("DELETE", "invoices/{inv_}", invoices.delete),
    ("POST", "invoices/{inv_}/issue", invoices.issue),
    ("POST", "invoices/{inv_}/cancel", invoices.cancel),
    ("POST", "invoices/{inv_}/notify_by/sms", invoices.notify),
    ("POST", "invoices/{inv_}/notify_by/email", invoices.notify),
    ("POST", "orders", recurring.create_order),
    ("GET", "orders", payments.list_orders),
    ("GET", "orders/{order_}", payments.fetch_order),
    ("PATCH", "orders/{order_}", payments.edit_order),
    ("GET", "orders/{order_}/payments", payments.payments_of_order),
    ("POST", "payments/create/recurring", recurring.create),
    ("GET", "payments", payments.list_payments),
    ("GET", "payments/{pay_}", payments.fetch_payment),
    ("PATCH", "payments/{pay_}", payments.edit_payment),
    ("POST", "payments/{pay_}/capture", payments.capture),
    ("POST", "payments/{pay_}/refund", refunds.create),
    ("GET", "payments/{pay_}/refunds", refunds.of_payment),
    ("GET", "payments/{pay_}/refunds/{rfnd_}", refunds.one_of_payment),
    ("GET", "refunds", refunds.list_all),
    ("GET", "refunds/{rfnd_}", refunds.fetch),
    ("PATCH", "refunds/{rfnd_}", refunds.edit),
    ("POST", "payment_links", links.create),
    ("GET", "payment_links", links.list_all),
    ("GET", "payment_links/{plink_}", links.fetch),
    ("PATCH", "payment_links/{plink_}", links.edit),
    ("POST", "payment_links/{plink_}/cancel", links.cancel),
    ("POST", "payment_links/{plink_}/notify_by/sms", links.notify),
    ("POST", "payment_links/{plink_}/notify_by/email", links.notify),
)
_ROUTES = tuple((method, tuple(path.split("/")), handler) for method, path, handler in _TABLE)
_BASE62 = re.compile(r"[0-9A-Za-z]{14}")


def _slots(pattern: tuple[str, ...], parts: tuple[str, ...]) -> list[tuple[str, str]] | None:
    """The (prefix, value) pairs of a path that has this pattern's form."""
    if len(pattern) != len(parts):
        return None
    found = []
    for wanted, part in zip(pattern, parts, strict=True):
        if wanted.startswith("{"):
            found.append((wanted[1:-1], part))
        elif wanted != part:
            return None
    return found


def route(method: str, path: str) -> tuple[Handler, tuple[str, ...]]:
    """The handler of a request and the ids in its path. Raises Refusal as the real gateway answers."""
    parts = tuple(path.strip("/").split("/"))
    other_verb = False
    for verb, pattern, handler in _ROUTES:
        slots = _slots(pattern, parts)
        if slots is None:
            continue
        if verb != method:
            other_verb = True
            continue
        for prefix, value in slots:
            if len(value) != len(prefix) + 14:
                raise NoRoute
        for prefix, value in slots:
            if not value.startswith(prefix) or not _BASE62.fullmatch(value[len(prefix) :]):
                raise bad_id(value)
        return handler, tuple(value for _, value in slots)
    raise NoRoute if other_verb else no_such_url()


def _nest(pairs: list[tuple[str, str]]) -> Record:
    """Form fields with bracketed keys as the object they stand for."""
    body: Record = {}
    for name, value in pairs:
        keys = re.findall(r"[^\[\]]+", name)
        place = body
        for key in keys[:-1]:
            place = place.setdefault(key, {})
        place[keys[-1]] = value
    return body


def _body(raw: bytes, content_type: str) -> Record:
    if not raw:
        return {}
    if "form-urlencoded" in content_type:
        return _nest(parse_qsl(raw.decode()))
    try:
        body = json.loads(raw)
    except ValueError as problem:
        raise Refusal("The request body is not valid JSON.") from problem  # ours
    if not isinstance(body, dict):
        raise Refusal("The request body is not valid JSON.")  # ours
    return body


class Api:
    """Answers /v1. Each call is one transaction, committed before the reply leaves."""

    def __init__(self, world: World, scheduler: Scheduler) -> None:
        self._world = world
        self._scheduler = scheduler
        self._recent: deque[float] = deque()

    async def answer(self, request: Request) -> JSONResponse:
        """One API call."""
        raw = await request.body()
        try:
            self._check_rate()
            self._check_credentials(request.headers.get("authorization"))
            handler, ids = route(request.method, request.path_params["path"])
            query = dict(request.query_params)
            call = Call(ids, query, _body(raw, request.headers.get("content-type", "")), request.headers)
            with self._world.books.transaction():
                answer = handler(self._world, call)
        except Refusal as refusal:
            return JSONResponse(refusal.body, refusal.status)
        self._scheduler.stir()
        return JSONResponse(answer)

    def _check_rate(self) -> None:
        limit = self._world.switches.rate_limit_per_second
        if not limit:
            return
        now = time.monotonic()
        while self._recent and now - self._recent[0] >= 1:
            self._recent.popleft()
        if len(self._recent) >= limit:
            raise Refusal("Throttling Error", status=429, source="NA", step="NA", reason="NA")
        self._recent.append(now)

    def _check_credentials(self, header: str | None) -> None:
        options = self._world.options
        if header is None or not header.startswith("Basic "):
            raise unauthenticated("Authentication failed")
        try:
            key_id, _, key_secret = base64.b64decode(header[6:], validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as problem:
            raise unauthenticated("Authentication failed") from problem
        if not secrets.compare_digest(key_id.encode(), options.key_id.encode()):
            raise unauthenticated("The api key provided is invalid")
        if not secrets.compare_digest(key_secret.encode(), options.key_secret.encode()):
            raise unauthenticated("Authentication failed")
