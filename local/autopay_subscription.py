"""UPI Autopay before a person's eyes: a mandate given on the gateway's page, its first debit, the invoice."""

from datetime import date

import httpx

from domain.money import rupees
from local.asking import Body, eventually
from local.home import LocalError
from local.narration import Narrator
from local.people import MEERA, api_as, customer_token
from local.stack import Stack

PLAN = "plan_starter"


async def show(stack: Stack, narrator: Narrator) -> None:
    """Where PhonePe is set up: subscribe and pay if that has not been done, say how it stands."""
    if not stack.settings.phonepe_client_id:
        return
    narrator.headline("Another customer, by UPI Autopay at PhonePe: here the charge clock is our own")
    async with api_as(stack.api_url, customer_token(stack.settings, MEERA.user_id)) as api:
        me: Body = (await api.get("/v1/subscriptions/me")).json()
        if me["status"] in ("NONE", "CREATED"):
            me = await _subscribe(stack, narrator, api)
        async with narrator.step("Active" if me["status"] == "ACTIVE" else "Stands") as step:
            renews = f", renews {date.fromisoformat(me['renews_at']):%-d %b %Y}" if me["renews_at"] else ""
            step.detail = (
                f"{MEERA.details['name']}, {me['plan']}, {me['status']}{renews}: announced a day before"
            )


async def _subscribe(stack: Stack, narrator: Narrator, api: httpx.AsyncClient) -> Body:
    async with narrator.step("Customer") as step:
        stored = (await api.put("/v1/billing-details", json=MEERA.details)).json()
        step.detail = f"{MEERA.introduction}, {stored['state']}"
    async with narrator.step("Subscribes") as step:
        wanted = {"plan_id": PLAN, "collect_by": "phonepe"}
        created: Body = (await api.post("/v1/subscriptions", json=wanted)).json()
        step.detail = f"{created['plan_name']}, {rupees(created['charge_paise'])} a month with GST"
    async with narrator.step("Our pay page") as step:
        step.detail = created["short_url"]
    if stack.uses_phonepe_simulator:
        await _approve(narrator, created)

    async def active() -> Body | None:
        me: Body = (await api.get("/v1/subscriptions/me")).json()
        return me if me["status"] == "ACTIVE" else None

    if not stack.uses_phonepe_simulator:
        narrator.say("Open the pay page in a browser and approve the mandate; this waits for you.")
    return await eventually("activation", active, 60.0 if stack.uses_phonepe_simulator else float("inf"))


async def _approve(narrator: Narrator, created: Body) -> None:
    """What a person does: follow our address to the gateway's page, and approve there."""
    async with narrator.step("Approves mandate") as step, httpx.AsyncClient(trust_env=False) as http:
        page = await http.get(created["short_url"])
        if page.status_code != 303:
            raise LocalError(f"{created['short_url']} leads to no page: {page.text}")
        approved = await http.post(page.headers["location"], data={"outcome": "success"})
        if approved.status_code != 303:
            raise LocalError(f"the mandate could not be approved: {approved.text}")
        step.detail = f"{rupees(created['charge_paise'])} now, each month the same: no money moves"
