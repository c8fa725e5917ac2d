"""The hosted page at `short_url`: plain forms, so that it works in any browser and without scripts."""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from simulator import acts, pages, registrations, wording
from simulator.books import Record
from simulator.cycles import IST
from simulator.refusals import Refusal
from simulator.schedule import Scheduler
from simulator.world import World

_SAFE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}
_FOREIGN = ("5104015555555558", "5104060000000008")
_FORCED = {  # Visa 4100 2800 followed by these; razorpay.md, 5.5
    "00080001": "insufficient_fund",
    "00070002": "payment_cancelled",
    "00060003": "card_declined",
    "00050004": "card_declined",
    "00040005": "card_declined",
    "00090000": "payment_timed_out",
    "00020007": "gateway_technical_error",
    "00010008": "card_number_invalid",
    "00000009": "authentication_failed",
}
REASONS = (
    "insufficient_funds",
    "payment_cancelled",
    "card_declined",
    "payment_timed_out",
    "bank_technical_error",
    "mandate_cancelled",
)
_DEFAULTS = {
    "card_number": "4718 6091 0820 4366",
    "expiry": "12/35",
    "cvv": "123",
    "vpa": "success@razorpay",
    "bank": "HDFC",
    "email": "meera@kaveri.example",
    "contact": "+919812300045",
}
_VPA = re.compile(r"[A-Za-z0-9.\-_]{2,64}@[A-Za-z0-9]{2,32}")

templates = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
)
templates.globals.update(method_names=pages.METHOD_NAMES, reasons=REASONS, reason_text=wording.reason)


@dataclass(frozen=True)
class _Subject:
    """What a page is about."""

    kind: str
    record: Record


class Checkout:
    """The routes of the hosted pages."""

    def __init__(self, world: World, scheduler: Scheduler) -> None:
        self._world = world
        self._scheduler = scheduler

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/i/{code}", self._show, methods=["GET"]),
            Route("/i/{code}", self._pay, methods=["POST"]),
        ]

    def _find(self, code: str) -> _Subject | None:
        for kind in ("subscription", "payment_link", "invoice"):
            record = self._world.books.first(kind, _code=code)
            if record is not None:
                return _Subject(kind, record)
        return None

    def _page(self, subject: _Subject, *, changing: bool) -> pages.Page:
        if subject.kind == "subscription":
            return pages.of_subscription(self._world, subject.record, changing=changing)
        if subject.kind == "payment_link":
            return pages.of_link(self._world, subject.record)
        if subject.record.get("_registration"):
            return pages.of_registration(self._world, subject.record)
        return pages.of_invoice(self._world, subject.record)

    # showing

    async def _show(self, request: Request) -> Response:
        subject = self._find(request.path_params["code"])
        if subject is None:
            return html("missing.html", 404, merchant=self._world.options.merchant)
        query = dict(request.query_params)
        page = self._page(subject, changing="change" in query)
        paid = self._own_payment(subject, query.get("paid"))
        if paid is not None:
            pages.of_success(
                self._world, page, paid, subject.record if subject.kind == "subscription" else None
            )
        failed = self._own_payment(subject, query.get("failed"))
        return self._render(subject, page, query, failed=failed, paid=paid, values=_DEFAULTS, errors={})

    def _own_payment(self, subject: _Subject, payment_id: str | None) -> Record | None:
        payment = self._world.books.get("payment", payment_id or "")
        if payment is None:
            return None
        mine = payment["_subscription_id"] == subject.record["id"] or (
            payment["order_id"] == subject.record.get("order_id")
        )
        return payment if mine else None

    def _render(
        self, subject: _Subject, page: pages.Page, query: dict[str, str], *, failed: Record | None,
        paid: Record | None, values: dict[str, str], errors: dict[str, str], status: int = 200,
    ) -> Response:  # fmt: skip
        method = query.get("method", page.methods[0] if page.methods else "")
        kept = _kept(query, "return_url", "change")
        return html(
            "checkout.html",
            status,
            page=page,
            method=method if method in page.methods else page.methods[0] if page.methods else "",
            failed=failed,
            values=values,
            errors=errors,
            tabs={name: "?" + urlencode(kept | {"method": name}) for name in page.methods},
            action="?" + urlencode(kept),
            change="?" + urlencode(kept | {"change": "1"}),
            left="left" in query,
            leave="?" + urlencode(kept | {"left": "1"}),
            again="?" + urlencode(kept),
            back=self._way_back(subject, query, paid),
        )

    def _way_back(self, subject: _Subject, query: dict[str, str], paid: Record | None) -> str | None:
        target = query.get("return_url") or self._world.options.return_url
        if not target or not target.startswith(("http://", "https://")):
            return None
        if paid is None or subject.kind != "subscription":
            return target
        signed = {
            "razorpay_payment_id": paid["id"],
            "razorpay_subscription_id": subject.record["id"],
            "razorpay_signature": acts.checkout_signature(self._world, paid["id"], subject.record["id"]),
        }
        return target + ("&" if "?" in target else "?") + urlencode(signed)

    # paying

    async def _pay(self, request: Request) -> Response:
        subject = self._find(request.path_params["code"])
        if subject is None:
            return html("missing.html", 404, merchant=self._world.options.merchant)
        form = {name: sent[0].strip() for name, sent in parse_qs((await request.body()).decode()).items()}
        query = dict(request.query_params)
        page = self._page(subject, changing="change" in query)
        if not page.methods:  # paid, cancelled or expired meanwhile: the page says so
            return RedirectResponse(request.url.path + "?" + urlencode(query), 303)
        errors = check(form, self._world.now)
        if errors:
            query["method"] = form.get("method", "")
            values = _DEFAULTS | form
            return self._render(
                subject, page, query, failed=None, paid=None, values=values, errors=errors, status=422
            )
        try:
            payment = self._perform(subject, asked(form))
        except Refusal as refusal:
            query["method"] = form.get("method", "")
            errors = {"form": refusal.description}
            return self._render(
                subject,
                page,
                query,
                failed=None,
                paid=None,
                values=_DEFAULTS | form,
                errors=errors,
                status=409,
            )
        self._scheduler.stir()
        return RedirectResponse(f"{request.url.path}?{urlencode(_result(query, form, payment))}", 303)

    def _perform(self, subject: _Subject, wanted: dict[str, Any]) -> Record:
        kind, record = subject.kind, subject.record
        if kind == "payment_link":
            act = ("payment_links", "pay")
        elif kind == "invoice":
            act = ("registrations", "authenticate")
        elif record["status"] == "created":
            act = ("subscriptions", "authenticate")
        else:
            act = ("subscriptions", "change_method")
        with self._world.books.transaction():
            answer = acts.ACTS[act](self._world, record["id"], wanted)
        payment: Record = answer["payment"]
        return payment


def _kept(query: dict[str, str], *names: str) -> dict[str, str]:
    return {name: query[name] for name in names if name in query}


def _result(query: dict[str, str], form: dict[str, str], payment: Record) -> dict[str, str]:
    """The query of the page that comes after an attempt."""
    if not payment:
        return _kept(query, "return_url")
    if payment["status"] == "failed" and payment["error_reason"] != registrations.DUMMY:
        return _kept(query, "return_url", "change") | {
            "failed": payment["id"],
            "method": form.get("method", ""),
        }
    return _kept(query, "return_url") | ({} if payment["status"] == "failed" else {"paid": payment["id"]})


def check(form: dict[str, str], now: int) -> dict[str, str]:
    """What is wrong with the fields of a form, by field."""
    errors: dict[str, str] = {}
    method = form.get("method")
    if method == "upi" and not _VPA.fullmatch(form.get("vpa", "")):
        errors["vpa"] = "A UPI ID looks like name@bank"
    if method == "card":
        digits = form.get("card_number", "").replace(" ", "")
        if not digits.isdigit() or not 12 <= len(digits) <= 19:
            errors["card_number"] = "A card number has 12 to 19 digits"
        if not _valid_expiry(form.get("expiry", ""), now):
            errors["expiry"] = "Month and year of a card still valid, like 12/35"
        if not re.fullmatch(r"\d{3,4}", form.get("cvv", "")):
            errors["cvv"] = "3 or 4 digits"
    if "@" not in form.get("email", ""):
        errors["email"] = "An email address, for the receipt"
    if sum(each.isdigit() for each in form.get("contact", "")) < 8:
        errors["contact"] = "At least 8 digits, with the country code"
    return errors


def _valid_expiry(text: str, now: int) -> bool:
    found = re.fullmatch(r"(0[1-9]|1[0-2])\s*/\s*(\d{2})", text)
    if not found:
        return False
    today = datetime.fromtimestamp(now, IST)
    return (2000 + int(found[2]), int(found[1])) >= (today.year, today.month)


def asked(form: dict[str, str]) -> dict[str, Any]:
    """What a form asks for, with the outcome that the test card, UPI ID or button stands for."""
    method = form.get("method", "")
    wanted: dict[str, Any] = {"method": method, "email": form["email"], "contact": form["contact"]}
    outcome: str | None = None
    if method == "card":
        number = form["card_number"].replace(" ", "")
        wanted |= {
            "card_number": number,
            "card_origin": "international" if number in _FOREIGN else "domestic",
        }
        if number.startswith("41002800"):
            outcome = _FORCED.get(number[8:])
    elif method == "upi":
        wanted["vpa"] = form["vpa"]
        outcome = "payment_cancelled" if form["vpa"].startswith("failure@") else None
    else:
        wanted["bank"] = form.get("bank", "HDFC")
    if form.get("act") == "decline":
        chosen = form.get("reason", "")
        outcome = chosen if chosen in REASONS else REASONS[0]
    return wanted | ({"outcome": "failure", "error_reason": outcome} if outcome else {"outcome": "success"})


def html(template: str, status: int, **context: Any) -> HTMLResponse:
    """A page from a template, which may load nothing from elsewhere."""
    return HTMLResponse(templates.get_template(template).render(context), status, headers=_SAFE)
