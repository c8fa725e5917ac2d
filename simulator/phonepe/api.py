"""The routes under /apis: sandbox and production layout over one set of books (phonepe.md, 9)."""

import json
import re
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.books import Record
from simulator.phonepe import checkout, mandates, orders, redemptions, refunds, tokens
from simulator.phonepe.fields import Call
from simulator.phonepe.refusals import Refusal, bad_request
from simulator.phonepe.schedule import Scheduler
from simulator.phonepe.world import World

Act = Callable[[World, Call], Record | None]
_VPA = re.compile(r"[A-Za-z0-9.\-_]{2,256}@[A-Za-z]{2,64}")
_BASES = ("/apis/pg-sandbox", "/apis/pg")
_HEALTH = "/apis/pg-health/v3/health"
_TOKEN = ("/apis/pg-sandbox/v1/oauth/token", "/apis/identity-manager/v1/oauth/token")


def validate_vpa(_world: World, call: Call) -> Record:
    """POST v2/validate/upi: every well-formed address is known, but for those that begin with `invalid`."""
    vpa = call.body.get("vpa")
    if call.body.get("type") != "VPA" or not isinstance(vpa, str):
        raise bad_request()
    if not _VPA.fullmatch(vpa) or vpa.startswith("invalid"):
        return {"valid": False}
    return {"valid": True, "name": "Meera Iyer"}


def health(world: World, _call: Call) -> Record:
    """GET v3/health"""

    def word(up: bool) -> str:
        return "UP" if up else "DOWN"

    up = word(world.switches.payments_up)
    flows = {"PAYMENT": up, "SUBSCRIPTION_SETUP": word(world.switches.subscription_setup_up)}
    return {
        "paymentFlows": [{"type": name, "status": status} for name, status in flows.items()],
        "instruments": [
            {"type": name, "status": up, "banks": [{"bankId": "SIMB", "status": up}]}
            for name in ("UPI", "CARD", "NET_BANKING")
        ],
    }


_CHECKOUT: tuple[tuple[str, str, Act], ...] = (
    ("POST", "/checkout/v2/pay", checkout.pay),
    ("POST", "/checkout/v2/sdk/order", checkout.sdk_order),
    ("GET", "/checkout/v2/order/{id}/status", orders.status),
    ("GET", "/checkout/v2/transaction/{id}/status", orders.transaction_status),
    ("POST", "/payments/v2/refund", refunds.create),
    ("GET", "/payments/v2/refund/{id}/status", refunds.status),
    ("POST", "/v2/validate/upi", validate_vpa),
    ("GET", "/v3/health", health),
    ("POST", "/subscriptions/v2/setup", mandates.setup),
    ("GET", "/subscriptions/v2/order/{id}/status", orders.status),
    ("GET", "/subscriptions/v2/transaction/{id}/status", orders.transaction_status),
)
_MANAGED: tuple[tuple[str, str, Act], ...] = (
    ("POST", "/notify", redemptions.notify),
    ("POST", "/redeem", redemptions.redeem),
    ("GET", "/{id}/status", mandates.status),
    ("POST", "/{id}/cancel", mandates.cancel),
)
_MANAGERS = ("/subscriptions/v2", "/checkout/v2/subscriptions")


class Api:
    """Answers requests of the merchant's server."""

    def __init__(self, world: World, scheduler: Scheduler) -> None:
        self._world = world
        self._scheduler = scheduler

    def routes(self) -> list[Route]:
        """All of them."""
        table = [*_CHECKOUT]
        for prefix in _MANAGERS:
            table += [(verb, prefix + path, act) for verb, path, act in _MANAGED]
        found = [Route(path, self._token, methods=["POST"]) for path in _TOKEN]
        found += [Route(_HEALTH, self._answering(health), methods=["GET"])]
        for base in _BASES:
            found += [Route(base + path, self._answering(act), methods=[verb]) for verb, path, act in table]
        return found

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        try:
            with self._world.books.transaction():
                return JSONResponse(tokens.issue(self._world, form))
        except Refusal as refusal:
            return JSONResponse(refusal.body, refusal.status)

    def _answering(self, act: Act) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            raw = await request.body()
            world = self._world
            try:
                tokens.check(world, request.headers.get("authorization"))
                call = Call(_json(raw), dict(request.query_params), dict(request.path_params))
                with world.books.transaction():
                    found = act(world, call)
            except Refusal as refusal:
                return JSONResponse(refusal.body, refusal.status)
            self._scheduler.stir()
            if found is None:
                return Response(status_code=world.switches.cancel_status)
            return JSONResponse(found)

        return answer


def _json(raw: bytes) -> Record:
    try:
        body = json.loads(raw) if raw.strip() else {}
    except ValueError:
        raise bad_request() from None
    if not isinstance(body, dict):
        raise bad_request()
    return body
