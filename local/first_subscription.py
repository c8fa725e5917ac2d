"""The main job before a person's eyes: from checkout to tax invoice; then where everything is."""

import uuid
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import httpx

from domain.money import rupees
from gateways.links import file_path
from local import autopay_subscription
from local.asking import PATIENCE_SECONDS, Body, eventually
from local.home import LocalError
from local.narration import Narrator
from local.people import ASHA, RAVI, api_as, customer_token, keep_token, operator_token
from local.stack import Stack
from local.temporal import NAMESPACE
from workflows.ports import subscription_workflow_id

PLAN = "plan_growth"


@dataclass(frozen=True)
class Outcome:
    """What there is to see."""

    subscription_id: str
    checkout_url: str | None
    document: Path | str | None
    """The invoice's PDF: a file here, or a link where files lie elsewhere."""


async def show(stack: Stack, narrator: Narrator) -> None:
    """Subscribe and pay if that has not been done yet; show what there is either way."""
    async with api_as(stack.api_url, customer_token(stack.settings, ASHA.user_id)) as api:
        me = await _get(api, "/v1/subscriptions/me")
        if me["status"] in ("NONE", "CREATED") or me["pending"]:
            narrator.headline("One subscription, from checkout to tax invoice")
            outcome = await _perform(stack, narrator, api)
        else:
            narrator.headline("The subscription of an earlier run, found again")
            outcome = await _find_again(stack, narrator, api, me)
    await autopay_subscription.show(stack, narrator)
    await _where_everything_is(stack, narrator, outcome)


async def _perform(stack: Stack, narrator: Narrator, api: httpx.AsyncClient) -> Outcome:
    async with narrator.step("Customer") as step:
        stored = (await api.put("/v1/billing-details", json=ASHA.details)).json()
        step.detail = f"{ASHA.introduction}, {stored['state']}"
    async with narrator.step("Subscribes") as step:
        key = {"Idempotency-Key": str(uuid.uuid4())}
        opened = (await api.post("/v1/subscriptions", json={"plan_id": PLAN}, headers=key)).json()
        created = await eventually("a checkout page", lambda: _with_checkout(api, opened["subscription_id"]))
        step.detail = f"{created['plan_name']}, {rupees(created['price_paise'])} a month and GST"
    async with narrator.step("Checkout page") as step:
        step.detail = created["short_url"]
    if stack.uses_simulator:
        await _pay(stack, narrator, created)
        patience = PATIENCE_SECONDS
    else:
        narrator.say("Open the checkout page in a browser and pay; this waits for you.")
        patience = float("inf")
    async with narrator.step("Active") as step:
        me = await eventually("activation", lambda: _active(api), patience)
        step.detail = f"renews {_day(me['renews_at'])}"
    document = await _show_invoice(stack, narrator, api, created["subscription_id"])
    return Outcome(created["subscription_id"], created["short_url"], document)


async def _pay(stack: Stack, narrator: Narrator, created: Body) -> None:
    """What a person does on the checkout page, done through the simulator's control API."""
    async with (
        narrator.step("Pays") as step,
        httpx.AsyncClient(base_url=stack.simulator_url, trust_env=False, timeout=30) as simulator,
    ):
        books = (await simulator.get("/_sim/books")).raise_for_status().json()
        ours = [s["id"] for s in books["subscriptions"] if created["subscription_id"] in str(s["notes"])]
        if not ours:
            raise LocalError(f"the simulator does not know {created['subscription_id']}")
        card = {"method": "card", "card_origin": "domestic", "outcome": "success"}
        paid = await simulator.post(f"/_sim/subscriptions/{ours[-1]}/authenticate", json=card)
        paid.raise_for_status()
        step.detail = f"{rupees(created['charge_paise'])} by card, at the simulator: no money moves"


async def _find_again(stack: Stack, narrator: Narrator, api: httpx.AsyncClient, me: Body) -> Outcome:
    found = await _get(api, f"/v1/subscriptions/{me['subscription_id']}")
    async with narrator.step("Subscription") as step:
        renews = f", renews {_day(found['renews_at'])}" if found["renews_at"] else ""
        step.detail = f"{ASHA.details['name']}, {found['plan_name']}, {found['status']}{renews}"
    document = await _show_invoice(stack, narrator, api, found["subscription_id"])
    return Outcome(found["subscription_id"], found["short_url"], document)


async def _show_invoice(
    stack: Stack, narrator: Narrator, api: httpx.AsyncClient, subscription_id: str
) -> Path | str | None:
    async with narrator.step("Tax invoice") as step:
        invoice = await eventually("the invoice", lambda: _latest_invoice(api, subscription_id))
        step.detail = f"{invoice['number']}: {_sum(invoice)}"
    async with narrator.step("Its PDF") as step:
        await eventually("the PDF", lambda: _rendered(api, invoice["id"]))
        link = (await api.get(invoice["download_url"])).headers["location"]
        content = await _followed(link)
        document = _named_file(stack, link, invoice["number"]) if stack.settings.storage == "local" else link
        step.detail = f"{shown(document)}, {len(content) // 1000} kB"
    return document


async def _where_everything_is(stack: Stack, narrator: Narrator, outcome: Outcome) -> None:
    settings, folder = stack.settings, stack.home.root
    asha = keep_token(folder, "customer", customer_token(settings, ASHA.user_id))
    ravi = keep_token(folder, "second-customer", customer_token(settings, RAVI.user_id))
    operator = keep_token(folder, "operator", operator_token(settings))
    service = keep_token(folder, "service", settings.service_token.get_secret_value())
    async with api_as(stack.api_url, ravi.read_text().strip()) as api:
        await api.put("/v1/billing-details", json=RAVI.details)
    run = quote(subscription_workflow_id(outcome.subscription_id), safe="")
    places = {
        "Checkout page": outcome.checkout_url,
        "Invoice": outcome.document,
        "API": f"{stack.api_url}/docs",
        "Operators sign in": f"{stack.api_url}/admin/login, to read payloads in Temporal's pages too",
        "Temporal": stack.temporal_ui_url,
        "  this subscription": f"{stack.temporal_ui_url}/namespaces/{NAMESPACE}/workflows/{run}",
        "Simulator": f"{stack.simulator_url}/_sim/" if stack.uses_simulator else None,
        "PhonePe simulator": f"{stack.phonepe_url}/_sim/" if stack.uses_phonepe_simulator else None,
        "Database": f"{stack.database_address}, password in {shown(stack.home.postgres / 'password')}",
        "Tokens": ", ".join(map(shown, (asha, ravi, operator, service))),
        "Logs": f"{shown(stack.home.logs)}/",
    }
    narrator.places({name: shown(place) for name, place in places.items() if place})
    api_as_asha, api_as_ravi, api_as_operator, api_as_service = (
        f'curl -s -H "Authorization: Bearer $(cat {shown(file)})" {stack.api_url}'
        for file in (asha, ravi, operator, service)
    )
    body = """-H 'Content-Type: application/json' -d '{"plan_id": "plan_pro"}'"""
    by_phonepe = body.replace('plan_pro"', 'plan_starter", "collect_by": "phonepe"')
    narrator.commands(
        {
            f"what {ASHA.details['name']} sees": f"{api_as_asha}/v1/subscriptions/me",
            "what your services may grant her": f"{api_as_service}/internal/entitlements/{ASHA.user_id}",
            "her invoices": f"{api_as_asha}/v1/invoices",
            "pay yourself, as Ravi: open the short_url that this answers": (
                f"{api_as_ravi}/v1/subscriptions {body}"
            ),
            "the same by UPI Autopay at PhonePe": f"{api_as_ravi}/v1/subscriptions {by_phonepe}",
            "all subscriptions, as an operator": f"{api_as_operator}/admin/subscriptions",
        }
    )


def shown(place: object) -> str:
    """A path as seen from where the person is; anything else as it is."""
    if isinstance(place, Path) and place.is_relative_to(Path.cwd()):
        return str(place.relative_to(Path.cwd()))
    return str(place)


async def _get(api: httpx.AsyncClient, path: str) -> Body:
    body: Body = (await api.get(path)).json()
    return body


async def _with_checkout(api: httpx.AsyncClient, subscription_id: str) -> Body | None:
    found = await _get(api, f"/v1/subscriptions/{subscription_id}")
    return found if found["short_url"] else None


async def _active(api: httpx.AsyncClient) -> Body | None:
    me = await _get(api, "/v1/subscriptions/me")
    return me if me["status"] == "ACTIVE" else None


async def _latest_invoice(api: httpx.AsyncClient, subscription_id: str) -> Body | None:
    invoices = (await _get(api, "/v1/invoices"))["data"]
    return next((invoice for invoice in invoices if invoice["subscription_id"] == subscription_id), None)


async def _rendered(api: httpx.AsyncClient, invoice_id: str) -> Body | None:
    invoice = await _get(api, f"/v1/invoices/{invoice_id}")
    return invoice if invoice["document_ready"] else None


async def _followed(link: str) -> bytes:
    """What anybody who has the signed link gets, without a token."""
    async with httpx.AsyncClient(trust_env=False, timeout=30) as anybody:
        content = (await anybody.get(link)).raise_for_status().content
    if not content.startswith(b"%PDF-"):
        raise LocalError(f"{link} is not a PDF")
    return content


def _named_file(stack: Stack, link: str, number: str) -> Path:
    """The stored file, under a name that a person can type."""
    key = unquote(urlsplit(link).path).removeprefix("/files/")
    named = stack.home.root / f"invoice-{number.replace('/', '-')}.pdf"
    named.unlink(missing_ok=True)
    named.symlink_to(file_path(stack.settings.storage_folder.absolute(), key))
    return named


def _sum(invoice: Body) -> str:
    taxes = {"CGST": "cgst_paise", "SGST": "sgst_paise", "UTGST": "utgst_paise", "IGST": "igst_paise"}
    parts = [f"{name} {rupees(invoice[field])}" for name, field in taxes.items() if invoice[field]]
    if invoice["round_off_paise"]:
        parts.append(f"round-off {rupees(invoice['round_off_paise'])}")
    return " + ".join([rupees(invoice["taxable_paise"]), *parts]) + f" = {rupees(invoice['total_paise'])}"


def _day(iso: str) -> str:
    return f"{date.fromisoformat(iso):%-d %b %Y}"
