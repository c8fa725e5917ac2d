"""Pages for a person: paying, approving a mandate, and the payer's console. Plain forms, no scripts."""

from pathlib import Path
from urllib.parse import parse_qs, urlencode

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from simulator import wording
from simulator.books import Page, Record
from simulator.cycles import DAY
from simulator.phonepe import checkout, control, errors, instruments, mandates, orders, scenarios
from simulator.phonepe.refusals import Refusal
from simulator.phonepe.schedule import Scheduler
from simulator.phonepe.world import World

_SAFE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}
_HERE = Path(__file__).parent
_templates = jinja2.Environment(
    loader=jinja2.FileSystemLoader([_HERE / "templates", _HERE.parent / "templates"]),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
)
_templates.globals.update(rupees=wording.rupees, moment=wording.moment, day=wording.day)
_STEPS = {"minute": 60, "hour": 3600, "day": DAY, "week": 7 * DAY}
_SHOWN = 100


def html(name: str, status: int = 200, **values: object) -> HTMLResponse:
    """A page that may load nothing from elsewhere."""
    return HTMLResponse(_templates.get_template(name).render(values), status, _SAFE)


class Pages:
    """The routes of all pages."""

    def __init__(self, world: World, scheduler: Scheduler) -> None:
        self._world = world
        self._scheduler = scheduler

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/transact/uat_v3", self._show, methods=["GET"]),
            Route("/transact/uat_v3", self._pay, methods=["POST"]),
            Route("/_sim/", self._console, methods=["GET"]),
            Route("/_sim/console/clock", self._clock, methods=["POST"]),
            Route("/_sim/console/{kind}/{id}/{act}", self._act, methods=["POST"]),
        ]

    # paying

    def _order(self, request: Request) -> Record | None:
        code = request.query_params.get("token")
        return self._world.books.first("order", _code=code) if code else None

    async def _show(self, request: Request) -> Response:
        order = self._order(request)
        if order is None:
            return html("missing.html", 404, merchant=self._world.options.merchant)
        return self._page(order)

    def _page(self, order: Record, problem: str = "", status: int = 200) -> Response:
        mandate = mandates.of_order(self._world, order) if order["kind"] == "setup" else None
        busy = orders.waiting(order) is not None
        return html(
            "pay.html",
            status,
            merchant=self._world.options.merchant,
            order=order,
            mandate=mandate,
            open=order["state"] == "PENDING" and not busy,
            busy=busy,
            again=bool(order["attempts"]) and not busy,
            codes=errors.CHOICES,
            may_retry=not order.get("final", False),
            modes=[mode for mode in instruments.allowed(order) if mode != "CARD"],
            cards=instruments.CARDS if "CARD" in instruments.allowed(order) else {},
            otp=instruments.OTP,
            back=_back(order, cancelled=False),
            problem=problem,
        )

    async def _pay(self, request: Request) -> Response:
        order = self._order(request)
        if order is None:
            return html("missing.html", 404, merchant=self._world.options.merchant)
        form = {name: value[0] for name, value in parse_qs((await request.body()).decode()).items()}
        if form.get("outcome") == "card":
            form |= {"outcome": "success", "mode": "CARD"}
        else:
            form.pop("card", None)
        try:
            with self._world.books.transaction():
                order = checkout.settle_with(self._world, order, dict(form))
        except Refusal as refusal:
            return self._page(order, str(refusal), refusal.status)
        self._scheduler.stir()
        outcome = form.get("outcome", "success")
        back = _back(order, cancelled=outcome == "cancel")
        if back is None or outcome == "attempt_failed":
            return RedirectResponse(checkout.page_url(self._world, order), 303)
        # The browser goes back with a plain GET that says nothing of the result (phonepe.md, 2.2).
        return RedirectResponse(back, 303)

    # the console

    async def _console(self, request: Request) -> Response:
        world = self._world
        newest = Page(count=_SHOWN)
        found = world.books.page("order", newest, {})
        due = world.books.next_due()
        return html(
            "console.html",
            merchant=world.options.merchant,
            now=wording.moment(world.now),
            flowing=world.clock.flowing,
            due=wording.moment(due) if due is not None else None,
            steps=[*_STEPS, "next event"],
            mandates=world.books.page("subscription", newest, {}),
            orders=[each | {"url": self._url(each)} for each in found],
            events=world.books.page("event", Page(count=12), {}),
            problem=request.query_params.get("problem"),
            scenarios=list(scenarios.SCENARIOS),
        )

    def _url(self, order: Record) -> str | None:
        paying = order["kind"] != "redemption" and order["state"] == "PENDING"
        return checkout.page_url(self._world, order) if paying else None

    async def _clock(self, request: Request) -> Response:
        step = parse_qs((await request.body()).decode()).get("step", ["day"])[0]
        now = self._world.now
        target = self._world.books.next_due() or now if step == "next event" else now + _STEPS.get(step, DAY)
        await self._scheduler.advance(max(target, now))
        self._scheduler.stir()
        return RedirectResponse("/_sim/", 303)

    async def _act(self, request: Request) -> Response:
        kind, entity_id, act = (request.path_params[name] for name in ("kind", "id", "act"))
        form = parse_qs((await request.body()).decode())
        body: Record = {name: value[0] for name, value in form.items()}
        if act == "next":
            body = {"debits": ["failure"]}
        perform, problem = control.ACTS.get((kind, act)), ""
        try:
            with self._world.books.transaction():
                if perform is not None and kind in ("orders", "subscriptions"):
                    find = orders.find if kind == "orders" else mandates.find
                    perform(self._world, find(self._world, entity_id), body)
        except Refusal as refusal:
            problem = "?" + urlencode({"problem": str(refusal)})
        await self._scheduler.catch_up()
        self._scheduler.stir()
        return RedirectResponse(f"/_sim/{problem}", 303)


def _back(order: Record, *, cancelled: bool) -> str | None:
    urls = order.get("urls") or {}
    back: str | None = urls.get("redirectUrl")
    return urls.get("cancelRedirectUrl") or back if cancelled else back
