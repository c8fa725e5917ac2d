"""The /_sim/ page for a person: the clock, every subscription, and buttons to make things happen."""

from urllib.parse import parse_qs, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from simulator import acts, billing, shapes, wording
from simulator.books import Page, Record
from simulator.checkout import html
from simulator.cycles import DAY, boundary
from simulator.refusals import Refusal
from simulator.schedule import Scheduler
from simulator.world import World

_STEPS = {"hour": 3600, "day": DAY, "week": 7 * DAY}
_SHOWN = 100
_MANDATE_ACTS = {
    "initiated": [("reject", "Refuse mandate")],
    "confirmed": [
        ("next_debit", "Fail next debit"),
        ("pause", "Pause mandate"),
        ("revoke", "Revoke mandate"),
    ],
    "paused": [("resume", "Lift pause"), ("revoke", "Revoke mandate")],
}


def _same_time_next_month(now: int) -> int:
    return boundary(now, "monthly", 1, 1) + now - boundary(now, "daily", 1, 0)


class Panel:
    """The routes of the page."""

    def __init__(self, world: World, scheduler: Scheduler) -> None:
        self._world = world
        self._scheduler = scheduler

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/_sim/", self._show, methods=["GET"]),
            Route("/_sim/panel/clock", self._clock, methods=["POST"]),
            Route("/_sim/panel/{id}/{act}", self._act, methods=["POST"]),
        ]

    async def _show(self, request: Request) -> Response:
        world = self._world
        found = world.books.page("subscription", Page(count=_SHOWN), {})
        due = world.books.next_due()
        return html(
            "panel.html",
            200,
            merchant=world.options.merchant,
            now=wording.moment(world.now),
            flowing=world.clock.flowing,
            due=wording.moment(due) if due is not None else None,
            steps=[*_STEPS, "month", "next event"],
            rows=[self._row(each) for each in found],
            mandates=self._mandates(),
            events=self._last_events(),
            problem=request.query_params.get("problem"),
        )

    def _row(self, subscription: Record) -> Record:
        plan = billing.plan_of(self._world, subscription)
        return {
            "id": subscription["id"],
            "notes": list(dict(subscription["notes"]).values()),
            "status": subscription["status"],
            "plan": plan["item"]["name"],
            "price": wording.rupees(plan["item"]["amount"] * subscription["quantity"]),
            "paid": f"{subscription['paid_count']} of {subscription['total_count']}",
            "next": wording.day(subscription["charge_at"]),
            "queue": ", ".join(each["outcome"].replace("_", " ") for each in subscription["_outcomes"]),
            "url": shapes.short_url("", subscription),
            "ended": subscription["status"] in billing.TERMINAL,
            "begun": subscription["status"] != "created",
        }

    def _mandates(self) -> list[Record]:
        """Registration links, newest first, with the mandates they set up."""
        found = self._world.books.page("invoice", Page(count=_SHOWN), {"type": "link"})
        return [self._mandate(each) for each in found if each.get("_registration")]

    def _mandate(self, link: Record) -> Record:
        token = self._world.books.get("token", link["_registration"]["token_id"] or "")
        status = token["recurring_details"]["status"] if token else link["status"]
        queue = [each["outcome"].replace("_", " ") for each in token["_debits"]] if token else []
        return {
            "id": token["id"] if token else None,
            "name": token["id"] if token else link["id"],
            "notes": list(dict(link["notes"]).values()),
            "status": status,
            "most": wording.rupees(link["_registration"]["most"]),
            "url": shapes.short_url("", link),
            "queue": ", ".join(queue),
            "acts": _MANDATE_ACTS.get(status, []) if token else [],
        }

    def _last_events(self) -> list[Record]:
        found = self._world.books.page("event", Page(count=12), {})
        return [
            {"when": wording.moment(each["created_at"]), "name": each["event"], "subject": each["subject"]}
            for each in found
        ]

    async def _clock(self, request: Request) -> Response:
        form = parse_qs((await request.body()).decode())
        step = form.get("step", ["day"])[0]
        if step == "next event":
            target = self._world.books.next_due() or self._world.now
        elif step == "month":
            target = _same_time_next_month(self._world.now)
        else:
            target = self._world.now + _STEPS.get(step, DAY)
        await self._scheduler.advance(max(target, self._world.now))
        self._scheduler.stir()
        return RedirectResponse("/_sim/", 303)

    async def _act(self, request: Request) -> Response:
        act, problem = request.path_params["act"], ""
        kind = "tokens" if request.path_params["id"].startswith("token_") else "subscriptions"
        perform = acts.ACTS.get((kind, act))
        body = {"outcomes": ["failure"]} if act in ("next_charge", "next_debit") else {}
        if perform is not None:
            try:
                with self._world.books.transaction():
                    perform(self._world, request.path_params["id"], body)
            except Refusal as refusal:
                problem = "?" + urlencode({"problem": refusal.description})
        await self._scheduler.catch_up()
        return RedirectResponse(f"/_sim/{problem}", 303)
