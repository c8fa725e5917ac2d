"""The control API: what the world does to the merchant account. JSON in, JSON out, no credentials.

Times are unix seconds or ISO 8601, sums are paise. A POST that acts on an entity, or moves the clock, runs
what is due and attempts the webhooks due before it replies, unless its body has `"wait_webhooks": false`.
Its reply then has `happened`: `[{"at", "at_iso", "what", "subject", ...}]`, in order. A refusal is a 400 with
the API's error envelope.

Time and books
    GET  /_sim/health       {"status": "ok"}
    GET  /_sim/clock        {"now", "iso", "ist", "mode": "real"|"virtual", "next_job": job or null}
    POST /_sim/clock        {"set": iso or unix} or {"advance_seconds": n}: the clock, and `happened`
    GET  /_sim/jobs         {"jobs": [{"due", "iso", "kind", "subject", "payload"}]}
    GET  /_sim/books[/{subscription id}]
                            {"now", "subscriptions": [...], "other_payments": [...], "orders": [...],
                            "tokens": [...]}; see audit.py. `orders` are those of the merchant's own, of
                            payment links and of registrations, each with `reference` and `captured_paise`
    POST /_sim/reset        {"now": iso or unix} (optional): forgets all but the main webhook endpoint

Subscriptions: POST /_sim/subscriptions/{id}/...; each reply has `subscription`
    authenticate            {"method": "card"|"upi"|"emandate", "card_origin": "domestic"|"international",
                            "outcome", "error_reason", "amount", "currency", "after_seconds", "email",
                            "contact", "vpa", "card_number"}, all optional: also `payment`, `signature`.
                            outcome: success, failure, late_success, wrong_amount, wrong_currency
    next_charge             {"outcomes": [each an outcome word, or {"outcome", "error_reason", "amount",
                            "currency", "after_seconds"}], "replace": false}: also `queue`
    charge_invoice          {"invoice_id", "outcome", "error_reason"}; by default the oldest unpaid one;
                            refused for domestic cards: also `payment`
    change_method           as authenticate: also `payment`, which is {} when nothing had to be paid
    customer_pause, customer_resume, revoke, dashboard_pause, dashboard_resume      {}
    dashboard_cancel        {"cancel_at_cycle_end": false}

Mandates without a subscription, and their debits
    POST /_sim/registrations/{invoice id}/authenticate
                            as of a subscription; outcome: success, failure, late_success, rejected:
                            `invoice`, `payment`, `token`
    POST /_sim/tokens/{id}/pause, resume, revoke (by the payer), reject (by the bank), expire      {}: `token`
    POST /_sim/tokens/{id}/next_debit   {"outcomes": [each a word, or {"outcome", "error_reason", "amount",
                            "after_seconds", "late_seconds"}], "replace": false}: `token`, `queue`. outcome:
                            success, failure, late_success, wrong_amount, stuck
    POST /_sim/tokens/{id}/next_notice  {"outcomes": ["delivered"|"failed"]}: `token`, `queue`
    POST /_sim/orders/{id}/notice       {"outcome": "delivered"|"failed"}: at once: `order`
    POST /_sim/payments/{id}/settle     {"outcome", "error_reason"}: ends a debit that is stuck: `payment`
    POST /_sim/tokens/{id}/show_status, /_sim/orders/{id}/show_status
                            {"status": any word} and for orders {"notice": any word}: what it is called

Other entities
    POST /_sim/orders/{id}/pay, /_sim/payment_links/{id}/pay
                            {"method", "outcome": "success"|"failure", "error_reason", ...}: `payment`
    POST /_sim/payments/{id}/dashboard_refund
                            {"amount", "speed", "notes"} as by the API, all optional: `refund`, `payment`
    POST /_sim/refunds/{id}/settle      {"outcome": "processed"|"failed"|"speed_changed"}: `refund`
    POST /_sim/refunds/in_flight        {"key": k, "in_flight": true}: 409 for that idempotency key: `keys`

Faults and behaviour
    GET, POST, DELETE /_sim/faults      a rule or a list of them: {"kind", "method", "path_regex", "nth",
                            "times", "seconds", "after_commit"}, see faults.py; replies {"faults": [rule +
                            {"id", "matched", "struck", "requests"}]}
    GET, POST /_sim/switches            any of settings.Switches (list lag is `list_lag_seconds`)

Webhooks: /_sim/webhooks/...
    GET, POST policy        any of settings.Policy; {"reset": true, ...} starts from the default
    POST rotate_secret      {"secret": s, "endpoint": "main"}: {"endpoint": ...}
    GET, POST endpoints     {"name": "main", "url", "secret", "events": [...] or null, "active": true}:
                            {"endpoints": [...]}
    GET  deliveries         ?state=&event=&subject=&event_id=: {"deliveries": [{"id", "event_id", "event",
                            "subject", "endpoint", "state", "due", "attempts": [...]}]}; state is waiting,
                            delivered, dropped, lost (endpoint off) or given_up
    GET  events             ?event=&subject=: {"events": [{"id", "event", "created_at", "subject", "body"}]}
    POST redeliver          any of {"event_id", "state", "event", "subject"}; {} is all that was dropped, lost
                            or given up: {"redelivered": n, "happened": [...]}
"""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator import acts, audit, faults, webhooks
from simulator.books import Record
from simulator.cycles import IST
from simulator.refusals import Refusal, missing
from simulator.schedule import Scheduler
from simulator.settings import Policy, Switches
from simulator.world import World, iso

Reply = Callable[[Request], Awaitable[Response]]


def parse_instant(value: object) -> int:
    """Unix seconds from a number or ISO 8601; a time without an offset is UTC. Raises Refusal."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError as problem:
        raise Refusal(f"{value} is neither unix seconds nor ISO 8601") from problem
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


class Control:
    """The routes under /_sim."""

    def __init__(self, world: World, scheduler: Scheduler) -> None:
        self._world = world
        self._scheduler = scheduler

    def routes(self) -> list[Route]:
        """All of them."""
        table: list[tuple[str, str, Callable[[Request, Record], Awaitable[Any]]]] = [
            ("GET", "/health", self._health),
            ("GET", "/clock", self._clock),
            ("POST", "/clock", self._move),
            ("GET", "/jobs", self._jobs),
            ("GET", "/books", self._books),
            ("GET", "/books/{id}", self._books),
            ("POST", "/reset", self._reset),
            ("POST", "/refunds/in_flight", self._in_flight),
            ("POST", "/{kind:str}/{id}/{act}", self._act),
            ("GET", "/faults", self._faults),
            ("POST", "/faults", self._add_faults),
            ("DELETE", "/faults", self._clear_faults),
            ("GET", "/switches", self._switches),
            ("POST", "/switches", self._switches),
            ("GET", "/webhooks/policy", self._policy),
            ("POST", "/webhooks/policy", self._policy),
            ("POST", "/webhooks/rotate_secret", self._rotate),
            ("GET", "/webhooks/endpoints", self._endpoints),
            ("POST", "/webhooks/endpoints", self._endpoints),
            ("GET", "/webhooks/deliveries", self._deliveries),
            ("GET", "/webhooks/events", self._events),
            ("POST", "/webhooks/redeliver", self._redeliver),
        ]
        return [Route(f"/_sim{path}", self._reply(handler), methods=[verb]) for verb, path, handler in table]

    def _reply(self, handler: Callable[[Request, Record], Awaitable[Any]]) -> Reply:
        async def reply(request: Request) -> Response:
            raw = await request.body()
            try:
                return JSONResponse(await handler(request, json.loads(raw) if raw else {}))
            except Refusal as refusal:
                return JSONResponse(refusal.body, refusal.status)
            except ValidationError as problem:
                faulty = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in problem.errors())
                return JSONResponse(Refusal(faulty).body, 400)
            except json.JSONDecodeError:
                return JSONResponse(Refusal("The request body is not valid JSON.").body, 400)

        return reply

    # the world

    async def _health(self, _request: Request, _body: Record) -> Record:
        return {"status": "ok"}

    def _time(self) -> Record:
        now = self._world.now
        queue = self._world.books.jobs(1)
        return {
            "now": now,
            "iso": iso(now),
            "ist": datetime.fromtimestamp(now, IST).isoformat(),
            "mode": "real" if self._world.clock.flowing else "virtual",
            "next_job": {"due": queue[0].due, "iso": iso(queue[0].due), "kind": queue[0].kind,
                         "subject": queue[0].subject} if queue else None,
        }  # fmt: skip

    async def _clock(self, _request: Request, _body: Record) -> Record:
        return self._time()

    async def _move(self, _request: Request, body: Record) -> Record:
        if "set" in body:
            instant = parse_instant(body["set"])
        elif "advance_seconds" in body:
            instant = self._world.now + int(body["advance_seconds"])
        else:
            raise Refusal('Say where to: {"set": iso or unix} or {"advance_seconds": n}')
        if instant < self._world.now:
            raise Refusal(f"The clock stands at {iso(self._world.now)} and never goes back")
        wait = body.get("wait_webhooks", True)
        happened = await self._scheduler.advance(instant, deliver=wait)
        self._scheduler.stir()
        return self._time() | {"happened": happened}

    async def _jobs(self, _request: Request, _body: Record) -> Record:
        jobs = self._world.books.jobs()
        return {"jobs": [{"due": job.due, "iso": iso(job.due), "kind": job.kind, "subject": job.subject,
                          "payload": job.payload} for job in jobs]}  # fmt: skip

    async def _books(self, request: Request, _body: Record) -> Record:
        return audit.audit(self._world, request.path_params.get("id"))

    async def _reset(self, _request: Request, body: Record) -> Record:
        world = self._world
        start = parse_instant(body["now"]) if "now" in body else None
        with world.books.transaction():
            main = world.books.get("endpoint", webhooks.MAIN_ENDPOINT)
            world.books.clear()
            world.clock.reset(start)
            world.load()
            if main is not None:
                webhooks.put_endpoint(world, main["id"], main["url"], main["secrets"][-1], main["events"])
        return self._time()

    # acts on one entity

    async def _act(self, request: Request, body: Record) -> Record:
        kind, entity_id, act = (request.path_params[name] for name in ("kind", "id", "act"))
        perform = acts.ACTS.get((kind, act))
        if perform is None:
            raise Refusal(f"There is no act {kind}/{act}; see simulator/control.py", status=404)
        wait = body.pop("wait_webhooks", True)
        world = self._world
        world.happened = []
        with world.books.transaction():
            answer = perform(world, entity_id, body)
        happened = list(world.happened)
        happened += await self._scheduler.catch_up(deliver=wait)
        self._scheduler.stir()
        return acts.refreshed(world, answer) | {"happened": happened}

    async def _in_flight(self, _request: Request, body: Record) -> Record:
        keys = set(self._world.books.note("refunds_in_flight") or [])
        keys = keys | {body["key"]} if body.get("in_flight", True) else keys - {body["key"]}
        self._world.books.set_note("refunds_in_flight", sorted(keys))
        return {"keys": sorted(keys)}

    # faults and switches

    async def _faults(self, _request: Request, _body: Record) -> Record:
        return {"faults": faults.rules(self._world)}

    async def _add_faults(self, _request: Request, body: Any) -> Record:
        new = [faults.Rule.model_validate(rule) for rule in (body if isinstance(body, list) else [body])]
        return {"faults": faults.add(self._world, new)}

    async def _clear_faults(self, _request: Request, _body: Record) -> Record:
        faults.clear(self._world)
        return {"faults": []}

    async def _switches(self, request: Request, body: Record) -> Record:
        world = self._world
        if request.method == "POST":
            world.switches = Switches.model_validate(world.switches.model_dump() | body)
            world.books.set_note("switches", world.switches.model_dump())
        return world.switches.model_dump()

    # webhooks

    async def _policy(self, request: Request, body: Record) -> Record:
        world = self._world
        if request.method == "POST":
            base = Policy() if body.pop("reset", False) else world.policy
            world.policy = Policy.model_validate(base.model_dump() | body)
            world.books.set_note("policy", world.policy.model_dump())
        return world.policy.model_dump()

    async def _rotate(self, _request: Request, body: Record) -> Record:
        name = body.get("endpoint", webhooks.MAIN_ENDPOINT)
        endpoint = self._world.books.get("endpoint", name)
        if endpoint is None:
            raise Refusal(f"There is no webhook endpoint {name}", status=404)
        secret = body.get("secret")
        if not isinstance(secret, str) or not secret:
            raise missing("secret")
        return {"endpoint": webhooks.put_endpoint(self._world, name, endpoint["url"], secret)}

    async def _endpoints(self, request: Request, body: Record) -> Record:
        world = self._world
        if request.method == "POST":
            name = body.get("name", webhooks.MAIN_ENDPOINT)
            known: Record = world.books.get("endpoint", name) or {"url": "", "secrets": [""]}
            secret = body.get("secret", known["secrets"][-1])
            webhooks.put_endpoint(
                world, name, str(body.get("url") or known["url"]), secret, body.get("events")
            )
            if "active" in body:
                webhooks.enable_endpoint(world, name, active=bool(body["active"]))
        return {"endpoints": world.books.find("endpoint")}

    def _chosen(self, kind: str, asked: Any, names: tuple[str, ...]) -> list[Record]:
        return self._world.books.find(kind, **{name: asked[name] for name in names if asked.get(name)})

    async def _deliveries(self, request: Request, _body: Record) -> Record:
        found = self._chosen("delivery", request.query_params, ("state", "event", "subject", "event_id"))
        return {"deliveries": [{k: v for k, v in each.items() if k != "_secret"} for each in found]}

    async def _events(self, request: Request, _body: Record) -> Record:
        return {"events": self._chosen("event", request.query_params, ("event", "subject"))}

    async def _redeliver(self, _request: Request, body: Record) -> Record:
        names = ("state", "event", "subject", "event_id")
        found = self._chosen("delivery", body, names)
        if not any(body.get(name) for name in names):
            found = [each for each in found if each["state"] in ("dropped", "lost", "given_up")]
        with self._world.books.transaction():
            number = webhooks.redeliver(self._world, found)
        happened = await self._scheduler.catch_up()
        return {"redelivered": number, "happened": happened}
