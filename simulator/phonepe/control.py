"""The control API: what the world does to the merchant account. JSON in, JSON out, no credentials.

Times are unix seconds or ISO 8601, sums are paise. A POST that acts, or moves the clock, runs what is due and
attempts the webhooks due before it replies, unless its body has `"wait_webhooks": false`. Its reply then has
`happened`: `[{"at", "at_iso", "what", "subject", ...}]`, in order. A refusal is `{"code", "message"}`.

Time and books
    GET  /_sim/health       {"status": "ok"}
    GET  /_sim/clock        {"now", "iso", "ist", "mode": "real"|"virtual", "next_job": job or null}
    POST /_sim/clock        {"set": iso or unix} or {"advance_seconds": n}: the clock, and `happened`
    GET  /_sim/jobs         {"jobs": [{"due", "iso", "kind", "subject", "payload"}]}
    GET  /_sim/books[/{merchantSubscriptionId}]     see audit.py
    POST /_sim/reset        {"now": iso or unix} (optional): forgets everything

The payer: POST /_sim/...
    orders/{merchantOrderId}/pay        {"outcome", "code", "mode", "after_seconds"}, all optional; outcome is
                            success, failure, pending, late_success, late_failure, attempt_failed or cancel;
                            with "mode": "CARD" also "card" and "otp", see instruments.py
    orders/{id}/settle      {"outcome": "success"|"failure", "code"}: decides a pending attempt
    orders/{id}/opt_out     {}: of a debit that was notified and not begun
    subscriptions/{merchantSubscriptionId}/pause    {"until": time or absent}
    subscriptions/{id}/unpause, revoke              {}; these three take {"webhook": false} for a silent one
    subscriptions/{id}/scenario         {"name"}: one of PhonePe's test app, see scenarios.py
    subscriptions/{id}/next             {"notify": [...], "debits": [...], "replace": false}: outcomes of the
                            notices and debits to come; each a word or {"outcome", "code", "after_seconds"}.
                            notify: success, failure, stuck; debits: success, failure, pending,
                            late_success, late_failure
    refunds/{merchantRefundId}/settle   {"outcome": "CONFIRMED"|"COMPLETED"|"FAILED"}
    orders|subscriptions|refunds/{id}/show_state    {"state": any word, or null for the true one}

Faults and behaviour
    GET, POST, DELETE /_sim/faults      a rule or a list of them, see faults.py
    GET, POST /_sim/switches            any of settings.Switches
    POST /_sim/tokens/expire            every token dies: {"expired": n}

Webhooks: /_sim/webhooks/...
    GET, POST policy        any of settings.Policy; {"reset": true, ...} starts from the default
    GET  events             ?event=&subject=&state=: {"events": [{"id", "event", "subject", "body", "state",
                            "deliveries"}]}; state is waiting, delivered, dropped, given_up or none
    POST redeliver          any of {"id", "event", "subject", "state"}; {} is all that was dropped or given up
"""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.books import Record
from simulator.cycles import IST
from simulator.phonepe import (
    audit,
    checkout,
    errors,
    faults,
    fields,
    mandates,
    orders,
    refunds,
    scenarios,
    settlement,
    tokens,
    webhooks,
)
from simulator.phonepe.refusals import Refusal, bad_request
from simulator.phonepe.schedule import Scheduler
from simulator.phonepe.settings import Policy, Switches
from simulator.phonepe.world import World, iso

_OUTCOMES = {
    "notify": ("success", "failure", "stuck"),
    "debits": ("success", "failure", "pending", "late_success", "late_failure"),
}
_FINDERS: dict[str, tuple[str, Callable[[World, str], Record]]] = {
    "orders": ("order", orders.find),
    "subscriptions": ("subscription", mandates.find),
    "refunds": ("refund", refunds.find),
}


def parse_instant(value: object) -> int:
    """Unix seconds from a number or ISO 8601; a time without an offset is UTC. Raises Refusal."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError as problem:
        raise bad_request(f"{value} is neither unix seconds nor ISO 8601") from problem
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


# acts


def _pay(world: World, order: Record, body: Record) -> None:
    checkout.settle_with(world, order, body)


def _settle_order(world: World, order: Record, body: Record) -> None:
    outcome = fields.choice(body, "outcome", ("success", "failure"), "success")
    code = fields.text(body, "code") or errors.DEFAULT
    settlement.settle_pending(world, order, None if outcome == "success" else code)


def opt_out(world: World, order: Record, _body: Record) -> None:
    """The payer refuses one debit."""
    if order["state"] != "NOTIFIED":
        raise bad_request("Only a debit that was notified and not begun can be refused")
    settlement.give_up(world, order, "REQUEST_DECLINE_BY_REQUESTEE")


def _pause(world: World, subscription: Record, body: Record) -> None:
    until = None if body.get("until") is None else parse_instant(body["until"]) * 1000
    mandates.pause(world, subscription, until, told=body.get("webhook", True))


def _unpause(world: World, subscription: Record, body: Record) -> None:
    mandates.unpause(world, subscription, told=body.get("webhook", True))


def _revoke(world: World, subscription: Record, body: Record) -> None:
    mandates.revoke(world, subscription, told=body.get("webhook", True))


def plan_outcomes(world: World, subscription: Record, body: Record) -> None:
    """What the coming notices and debits will lead to."""
    for name, words in _OUTCOMES.items():
        given = [each if isinstance(each, dict) else {"outcome": each} for each in body.get(name) or []]
        for each in given:
            fields.choice(each, "outcome", words)
            fields.text(each, "code")
        kept = [] if body.get("replace") else subscription["next"][name]
        subscription["next"][name] = kept + given
    world.books.save("subscription", subscription)


def _follow(world: World, subscription: Record, body: Record) -> None:
    plan_outcomes(world, subscription, scenarios.outcomes(body))


def _settle_refund(world: World, refund: Record, body: Record) -> None:
    states = ("CONFIRMED", "COMPLETED", "FAILED")
    refunds.move(world, refund, fields.choice(body, "outcome", states, "COMPLETED"))


ACTS: dict[tuple[str, str], Callable[[World, Record, Record], None]] = {
    ("orders", "pay"): _pay,
    ("orders", "settle"): _settle_order,
    ("orders", "opt_out"): opt_out,
    ("subscriptions", "pause"): _pause,
    ("subscriptions", "unpause"): _unpause,
    ("subscriptions", "revoke"): _revoke,
    ("subscriptions", "next"): plan_outcomes,
    ("subscriptions", "scenario"): _follow,
    ("refunds", "settle"): _settle_refund,
}


class Control:
    """The routes under /_sim."""

    def __init__(self, world: World, scheduler: Scheduler) -> None:
        self._world = world
        self._scheduler = scheduler

    def routes(self) -> list[Route]:
        """All of them."""
        table: list[tuple[str, str, Callable[[Request, Any], Awaitable[Record]]]] = [
            ("GET", "/health", self._health),
            ("GET", "/clock", self._clock),
            ("POST", "/clock", self._move),
            ("GET", "/jobs", self._jobs),
            ("GET", "/books", self._books),
            ("GET", "/books/{id}", self._books),
            ("POST", "/reset", self._reset),
            ("GET", "/faults", self._faults),
            ("POST", "/faults", self._add_faults),
            ("DELETE", "/faults", self._clear_faults),
            ("GET", "/switches", self._switches),
            ("POST", "/switches", self._switches),
            ("POST", "/tokens/expire", self._expire_tokens),
            ("GET", "/webhooks/policy", self._policy),
            ("POST", "/webhooks/policy", self._policy),
            ("GET", "/webhooks/events", self._events),
            ("POST", "/webhooks/redeliver", self._redeliver),
            ("POST", "/{kind}/{id}/{act}", self._act),
        ]
        return [Route(f"/_sim{path}", self._answering(act), methods=[verb]) for verb, path, act in table]

    def _answering(
        self, act: Callable[[Request, Any], Awaitable[Record]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            raw = await request.body()
            try:
                return JSONResponse(await act(request, json.loads(raw) if raw else {}))
            except Refusal as refusal:
                return JSONResponse(refusal.body, refusal.status)
            except (ValidationError, json.JSONDecodeError) as problem:
                return JSONResponse(bad_request(str(problem)).body, 400)

        return answer

    # time and books

    async def _health(self, _request: Request, _body: Record) -> Record:
        return {"status": "ok"}

    def _time(self) -> Record:
        now, queue = self._world.now, self._world.books.jobs(1)
        job = queue[0] if queue else None
        return {
            "now": now,
            "iso": iso(now),
            "ist": datetime.fromtimestamp(now, IST).isoformat(),
            "mode": "real" if self._world.clock.flowing else "virtual",
            "next_job": job and {"due": job.due, "iso": iso(job.due), "kind": job.kind,
                                 "subject": job.subject},
        }  # fmt: skip

    async def _clock(self, _request: Request, _body: Record) -> Record:
        return self._time()

    async def _move(self, _request: Request, body: Record) -> Record:
        if "set" in body:
            instant = parse_instant(body["set"])
        elif "advance_seconds" in body:
            instant = self._world.now + int(body["advance_seconds"])
        else:
            raise bad_request('Say where to: {"set": iso or unix} or {"advance_seconds": n}')
        if instant < self._world.now:
            raise bad_request(f"The clock stands at {iso(self._world.now)} and never goes back")
        happened = await self._scheduler.advance(instant, deliver=body.get("wait_webhooks", True))
        self._scheduler.stir()
        return self._time() | {"happened": happened}

    async def _jobs(self, _request: Request, _body: Record) -> Record:
        jobs = self._world.books.jobs()
        return {"jobs": [{"due": job.due, "iso": iso(job.due), "kind": job.kind, "subject": job.subject,
                          "payload": job.payload} for job in jobs]}  # fmt: skip

    async def _books(self, request: Request, _body: Record) -> Record:
        return audit.audit(self._world, request.path_params.get("id"))

    async def _reset(self, _request: Request, body: Record) -> Record:
        start = parse_instant(body["now"]) if "now" in body else None
        with self._world.books.transaction():
            self._world.books.clear()
            self._world.clock.reset(start)
            self._world.load()
        return self._time()

    # acts

    async def _act(self, request: Request, body: Record) -> Record:
        kind, entity_id, act = (request.path_params[name] for name in ("kind", "id", "act"))
        perform = ACTS.get((kind, act))
        if kind not in _FINDERS or (perform is None and act != "show_state"):
            raise Refusal(404, "NOT_FOUND", f"There is no act {kind}/{act}; see control.py")
        world = self._world
        stored, find = _FINDERS[kind]
        world.happened = []
        with world.books.transaction():
            record = find(world, entity_id)
            if perform is not None:
                perform(world, record, body)
            else:
                record["shown_state"] = fields.text(body, "state")
                world.books.save(stored, record)
        happened = list(world.happened)
        happened += await self._scheduler.catch_up(deliver=body.get("wait_webhooks", True))
        self._scheduler.stir()
        return {stored: world.books.get(stored, entity_id), "happened": happened}

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

    async def _expire_tokens(self, _request: Request, _body: Record) -> Record:
        return {"expired": tokens.expire_all(self._world)}

    # webhooks

    async def _policy(self, request: Request, body: Record) -> Record:
        world = self._world
        if request.method == "POST":
            base = Policy() if body.pop("reset", False) else world.policy
            world.policy = Policy.model_validate(base.model_dump() | body)
            world.books.set_note("policy", world.policy.model_dump())
        return world.policy.model_dump()

    def _chosen(self, asked: Any) -> list[Record]:
        names = ("id", "event", "subject", "state")
        return self._world.books.find("event", **{name: asked[name] for name in names if asked.get(name)})

    async def _events(self, request: Request, _body: Record) -> Record:
        return {"events": self._chosen(request.query_params)}

    async def _redeliver(self, _request: Request, body: Record) -> Record:
        found = self._chosen(body)
        if not body:
            found = [each for each in found if each["state"] in ("dropped", "given_up")]
        with self._world.books.transaction():
            number = webhooks.redeliver(self._world, found)
        return {"redelivered": number, "happened": await self._scheduler.catch_up()}
