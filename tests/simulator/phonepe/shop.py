"""A merchant's server as PhonePe sees it, and the payer's browser."""

import re
from datetime import datetime
from typing import Any

import httpx

from domain.periods import IST
from simulator.phonepe.process import PhonePeProcess

Json = dict[str, Any]
NIGHT = datetime(2026, 11, 20, 3, 0, tzinfo=IST)
DAY = 86_400
BACK = "http://shop.example/back"


class Shop:
    """Calls the API with a token, a new one after a 401 if it `renews`; `sent` gives the raw reply."""

    def __init__(self, phonepe: PhonePeProcess, http: httpx.AsyncClient) -> None:
        self.phonepe = phonepe
        self.http = http
        self.token = ""
        self.renews = True
        self.back = BACK

    async def sign_in(self, **other: str) -> httpx.Response:
        form = {
            "client_id": "SIMCLIENT",
            "client_secret": "simulator-client-secret",
            "client_version": "1",
            "grant_type": "client_credentials",
        } | other
        reply = await self.http.post(f"{self.phonepe.pg_url}/v1/oauth/token", data=form)
        if reply.status_code == 200:
            self.token = f"O-Bearer {reply.json()['access_token']}"
        return reply

    async def sent(self, verb: str, path: str, body: Json | None = None, **query: str) -> httpx.Response:
        if not self.token:
            await self.sign_in()
        headers = {"Authorization": self.token}
        url = f"{self.phonepe.pg_url}{path}"
        reply = await self.http.request(verb, url, json=body, headers=headers, params=query or None)
        if reply.status_code == 401 and self.renews:
            await self.sign_in()
            headers = {"Authorization": self.token}
            reply = await self.http.request(verb, url, json=body, headers=headers, params=query or None)
        return reply

    async def post(self, path: str, body: Json) -> Json:
        reply = await self.sent("POST", path, body)
        assert reply.status_code == 200, reply.text
        answer: Json = reply.json()
        return answer

    async def refused(self, path: str, body: Json) -> tuple[int, str]:
        reply = await self.sent("POST", path, body)
        assert reply.status_code >= 400, reply.text
        return reply.status_code, reply.json()["code"]

    async def pay(self, order: str, amount: int = 94_282, **more: Any) -> Json:
        flow = {"type": "PG_CHECKOUT", "merchantUrls": {"redirectUrl": self.back}}
        return await self.post(
            "/checkout/v2/pay", {"merchantOrderId": order, "amount": amount, "paymentFlow": flow} | more
        )

    async def order(self, order: str, **query: str) -> Json:
        reply = await self.sent("GET", f"/checkout/v2/order/{order}/status", None, **query)
        assert reply.status_code == 200, reply.text
        answer: Json = reply.json()
        return answer

    async def refund(self, refund: str, order: str, amount: int) -> Json:
        sent = {"merchantRefundId": refund, "originalMerchantOrderId": order, "amount": amount}
        return await self.post("/payments/v2/refund", sent)

    async def refund_state(self, refund: str) -> str:
        return str((await self.sent("GET", f"/payments/v2/refund/{refund}/status")).json()["state"])

    # Autopay

    async def mandate(self, name: str, **terms: Any) -> Json:
        """A checkout setup, variant B; its order is `set_<name>`."""
        details = {
            "subscriptionType": "RECURRING",
            "merchantSubscriptionId": name,
            "authWorkflowType": "PENNY_DROP",
            "amountType": "VARIABLE",
            "maxAmount": 1_500_000,
            "frequency": "ON_DEMAND",
            "productType": "UPI_MANDATE",
        } | terms
        flow = {"type": "SUBSCRIPTION_CHECKOUT_SETUP", "merchantUrls": {"redirectUrl": self.back}}
        sent = {"merchantOrderId": f"set_{name}", "amount": 200, "paymentFlow": flow}
        flow["subscriptionDetails"] = details
        return await self.post("/checkout/v2/pay", sent)

    async def approved(self, name: str, **terms: Any) -> None:
        """A mandate that its payer has approved."""
        await self.mandate(name, **terms)
        await self.phonepe.order(f"set_{name}", "pay")
        await self.phonepe.advance(2)

    async def state(self, name: str) -> str:
        reply = await self.sent("GET", f"/subscriptions/v2/{name}/status")
        answer: Json = reply.json()
        return str(answer.get("state") or f"{reply.status_code} {answer['code']}")

    def notice(self, order: str, name: str, amount: int = 94_282, **flow: Any) -> Json:
        terms = {"merchantSubscriptionId": name, "redemptionRetryStrategy": "CUSTOM", "autoDebit": False}
        kind = {"type": "SUBSCRIPTION_REDEMPTION"}
        return {"merchantOrderId": order, "amount": amount, "paymentFlow": kind | terms | flow}

    async def notified(self, order: str, name: str, **flow: Any) -> Json:
        """A debit that its payer knows of."""
        answer = await self.post("/subscriptions/v2/notify", self.notice(order, name, **flow))
        await self.phonepe.advance(2)
        return answer

    async def redeem(self, order: str) -> str:
        """PENDING, or the code and message of the refusal."""
        reply = await self.sent("POST", "/subscriptions/v2/redeem", {"merchantOrderId": order})
        answer: Json = reply.json()
        return str(answer.get("state") or f"{answer['code']}: {answer['message']}")

    async def audit(self, order: str) -> Json:
        books = await self.phonepe.books()
        (found,) = [each for each in books["orders"] if each["merchantOrderId"] == order]
        record: Json = found
        return record


def buttons(page: str) -> list[str]:
    """The outcomes a page offers."""
    return re.findall(r'name="outcome" value="(\w+)"', page)
