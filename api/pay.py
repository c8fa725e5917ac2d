"""Where payers come to: one address for the whole life of a subscription, or of a top-up.

It leads on to the gateway's page where something is to be paid, and says how things stand where not. Whoever
holds the address may pay, as with any pay link; it tells nothing about the customer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Request, Response
from fastapi import Path as InPath
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, select_autoescape

from api import temporal
from api.dependencies import Parts, Services
from api.documentation import STYLESHEET_PATH
from api.ids import ID_CHARACTERS
from api.problems import RequestRejected
from api.security import PAGE_POLICY
from db.models import Subscription, TopUp
from domain.errors import NotFound, Unavailable
from domain.money import rupees
from domain.periods import IST
from domain.subscription import FINAL, Collection, Status
from domain.top_up import TopUpStatus
from workflows import collecting_ports, ports
from workflows.messages import PayReply, PayStanding, PayWish

router = APIRouter(include_in_schema=False)
PayerId = Annotated[str, InPath(pattern=f"^(sub|top)_{ID_CHARACTERS}$")]
_LOOKS_AGAIN_SECONDS = 3
_HEADERS = {
    "Cache-Control": "no-store",
    # PhonePe's page looks for the merchant's site in it (phonepe.md 2.2); the path stays here.
    "Referrer-Policy": "strict-origin-when-cross-origin",
}
_TEMPLATE = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")), autoescape=select_autoescape()
).get_template("pay.html")


@dataclass(frozen=True)
class _Page:
    """What a payer reads. `actions` are labels and addresses."""

    title: str
    lines: tuple[str, ...] = ()
    actions: tuple[tuple[str, str], ...] = ()
    looks_again: bool = False
    status: int = 200
    outcome: str = field(default="")
    """Told to the application's own page, if payers are to go on to it."""
    retry_after: int | None = None
    onward: str = ""
    """Where the page leads by itself."""


@router.get("/pay/{owner_id}")
async def pay(request: Request, services: Parts, owner_id: PayerId, instead: bool = False) -> Response:
    """Leads on to where it is paid. `instead`: of a debit that is announced."""
    return await _answer(request, services, owner_id, PayWish.INSTEAD if instead else PayWish.DUE)


@router.get("/pay/{owner_id}/mandate")
async def give_mandate(request: Request, services: Parts, owner_id: PayerId) -> Response:
    """Leads on to where a new mandate is given for one that was lost."""
    return await _answer(request, services, owner_id, PayWish.NEW_MANDATE)


@router.get("/pay/{owner_id}/back")
async def come_back(request: Request, services: Parts, owner_id: PayerId) -> Response:
    """Where the gateway sends payers, with no word about the result: it is read here."""
    return await _answer(request, services, owner_id, PayWish.STANDING)


async def _answer(request: Request, services: Services, owner_id: str, wish: PayWish) -> Response:
    address = f"/pay/{owner_id}"
    try:
        services.payer_limit.take(owner_id)
    except RequestRejected as too_many:
        return _shown(services, _too_often(address, too_many), address)
    reply = await _elsewhere(request, services, owner_id)
    if reply is None:
        reply = await _asked(services, owner_id, wish)
    elif reply.url is not None:
        return _lead_on(reply.url)
    if reply.standing is PayStanding.PAY and reply.url is not None and wish is not PayWish.STANDING:
        if _has_no_referrer(request):
            return _shown(services, _way_on(reply.url), address)
        return _lead_on(reply.url)
    page = _page_for(reply, address)
    onward = services.settings.payment_return_url
    if wish is PayWish.STANDING and page.outcome and onward:
        name = "subscription_id" if owner_id.startswith("sub_") else "top_up_id"
        return _lead_on(_with_query(onward, {name: owner_id, "status": page.outcome}))
    return _shown(services, page, f"{address}/back")


async def _asked(services: Services, owner_id: str, wish: PayWish) -> PayReply:
    try:
        return await temporal.ask_to_pay(services.temporal, _workflow_id(owner_id), wish)
    except temporal.WorkflowOver:
        return await _ended(services, owner_id)
    except (temporal.StillWorking, Unavailable):
        return PayReply(PayStanding.UNAVAILABLE)


async def _ended(services: Services, owner_id: str) -> PayReply:
    """A top-up's run ends as soon as it is paid, before the payer is back."""
    async with services.database.reading() as session:
        row = await session.get(TopUp, owner_id)
    if row is not None and row.status == TopUpStatus.PAID:
        return PayReply(PayStanding.PAID, row.amount_paise)
    return PayReply(PayStanding.OVER)


def _workflow_id(owner_id: str) -> str:
    if owner_id.startswith("sub_"):
        return ports.subscription_workflow_id(owner_id)
    return collecting_ports.top_up_workflow_id(owner_id)


async def _elsewhere(request: Request, services: Services, owner_id: str) -> PayReply | None:
    """How a subscription stands that its gateway collects on a page of its own; None for those we collect.

    Raises NotFound, and RequestRejected for those who try one id after the other.
    """
    if not owner_id.startswith("sub_"):
        return None
    async with services.database.reading() as session:
        row = await session.get(Subscription, owner_id)
    if row is None or row.is_free:
        services.refusal_limit.take(request.client.host if request.client else "")
        raise NotFound("There is nothing to pay at this address.")
    if row.collection != Collection.GATEWAY:
        return None
    if row.checkout_url is None and row.status == Status.CREATED:
        return PayReply(PayStanding.UNAVAILABLE)  # its page is still to be opened
    over = row.checkout_url is None or row.status in FINAL
    return PayReply(PayStanding.OVER) if over else PayReply(PayStanding.PAY, url=row.checkout_url)


def _has_no_referrer(request: Request) -> bool:
    """A browser that comes from a mail: led on at once it would reach the gateway without a referrer."""
    return request.headers.get("sec-fetch-mode") == "navigate" and "referer" not in request.headers


def _way_on(url: str) -> _Page:
    """PhonePe's page turns away who does not come from the merchant's site (phonepe.md 2.2)."""
    return _Page("To the payment page", (), (("Continue", url),), onward=url)


def _lead_on(address: str) -> Response:
    return RedirectResponse(address, 303, _HEADERS)


def _with_query(address: str, query: Mapping[str, str]) -> str:
    return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(query)}"


def _page_for(reply: PayReply, address: str) -> _Page:
    amount = rupees(reply.amount_paise) if reply.amount_paise else ""
    match reply.standing:
        case PayStanding.PAY:
            lines = ("No payment has arrived. Nothing was taken if you did not finish.",)
            label = f"Pay {amount}".strip()
            return _Page("Not paid yet", lines, ((label, address),), outcome="unpaid")
        case PayStanding.PAID:
            thanks = f"We have received {amount}." if amount else "Everything is paid."
            paper = "receipt voucher" if address.startswith("/pay/top_") else "invoice"
            return _Page("Thank you", (thanks, f"The {paper} comes by mail."), outcome="paid")
        case PayStanding.CHECKING:
            lines = ("Your bank has not told us yet. This page looks again by itself.",)
            return _Page("One moment", lines, looks_again=True)
        case PayStanding.DEBIT_ANNOUNCED:
            when = f"on {reply.due_at.astimezone(IST):%d %B %Y}" if reply.due_at else "in the coming days"
            lines = (f"{amount} is debited by itself {when}. You need not do anything.",)
            return _Page("Nothing to do", lines, (("Pay now instead", f"{address}?instead=true"),))
        case PayStanding.NOTHING_DUE:
            return _Page("Nothing is due", (reply.message or "There is nothing to pay at the moment.",))
        case PayStanding.OVER:
            lines = (reply.message or "This can no longer be paid. Please begin again in the application.",)
            return _Page("Too late", lines, status=410, outcome="over")
        case PayStanding.UNAVAILABLE:
            lines = ("The payment service does not answer. Nothing was taken.",)
            return _Page("Please try again in a minute", lines, (("Try again", address),), status=503)
        case PayStanding.REFUSED:
            lines = ("The payment service did not accept this. Nothing was taken; please tell the seller.",)
            return _Page("This cannot be paid now", lines, status=502)


def _too_often(address: str, rejected: RequestRejected) -> _Page:
    lines = ("This page was asked for very often. Nothing was taken.",)
    actions = (("Try again", address),)
    return _Page(
        "One moment, please", lines, actions, status=rejected.status, retry_after=rejected.retry_after
    )


def _shown(services: Services, page: _Page, again_at: str) -> Response:
    content = _TEMPLATE.render(
        title=page.title,
        lines=page.lines,
        actions=page.actions,
        seller=services.settings.registrations.chosen().seller.legal_name,
        stylesheet=STYLESHEET_PATH,
        leads_in=_LOOKS_AGAIN_SECONDS if page.looks_again else 0,
        leads_to=again_at if page.looks_again else page.onward,
    )
    headers = {**_HEADERS, "Content-Security-Policy": PAGE_POLICY}
    if page.retry_after is not None:
        headers["Retry-After"] = str(page.retry_after)
    return HTMLResponse(content, page.status, headers)
