"""A merchant's side of the simulator: the official SDK, and an endpoint that receives webhooks."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import razorpay
import requests

from simulator.process import SimulatorProcess

START = datetime(2026, 2, 10, 5, 50, 35, tzinfo=UTC)  # 1770702635
WEBHOOK_SECRET = "whsec-kaveri-local-1"
DAY = 86_400


@dataclass
class Delivery:
    """One webhook as it arrived."""

    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed

    @property
    def name(self) -> str:
        return str(self.event["event"])

    @property
    def event_id(self) -> str:
        return self.headers["x-razorpay-event-id"]


@dataclass
class Receiver:
    """A small HTTP server that keeps what it gets; `answer` decides the status of each reply."""

    deliveries: list[Delivery] = field(default_factory=list)
    answer: Callable[[Delivery], int] = lambda _delivery: 200
    port: int = 0

    async def serve(self) -> asyncio.Server:
        server = await asyncio.start_server(self._connection, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        return server

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/webhooks/razorpay"

    def reset(self) -> None:
        self.deliveries.clear()
        self.answer = lambda _delivery: 200

    def names(self, subject: str | None = None) -> list[str]:
        return [each.name for each in self.deliveries if subject is None or subject.encode() in each.body]

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (head := await reader.readuntil(b"\r\n\r\n")) != b"":
                lines = head.decode().split("\r\n")[1:-2]
                pairs = (line.split(": ", 1) for line in lines)
                headers = {name.lower(): value for name, value in pairs}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                delivery = Delivery(headers, body)
                self.deliveries.append(delivery)
                status = self.answer(delivery)
                if status:
                    writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())
                    await writer.drain()
                else:
                    await asyncio.sleep(3600)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


class Merchant:
    """The SDK against one simulator, with the HTTP status of the last reply."""

    def __init__(self, simulator: SimulatorProcess) -> None:
        self.simulator = simulator
        self.status = 0
        self.text = ""
        session = requests.Session()
        session.trust_env = False
        session.hooks["response"].append(self._note)
        options = simulator.options
        self.client = razorpay.Client(
            session=session, auth=(options.key_id, options.key_secret), base_url=simulator.url
        )
        self.session = session
        self.auth = (options.key_id, options.key_secret)

    def _note(self, response: requests.Response, *_args: object, **_more: object) -> None:
        self.status, self.text = response.status_code, response.text

    async def call(self, method: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """Run an SDK method beside the event loop."""
        return await asyncio.to_thread(method, *args, timeout=20, **more)

    async def refused(self, method: Callable[..., Any], *args: Any, **more: Any) -> str:
        """The words of a refusal; fails when the call succeeds."""
        try:
            answer = await self.call(method, *args, **more)
        except (razorpay.errors.BadRequestError, razorpay.errors.ServerError) as refusal:
            return str(refusal)
        raise AssertionError(f"not refused: {answer}")

    async def raw(self, verb: str, path: str, **more: Any) -> requests.Response:
        """A request past the SDK."""
        more.setdefault("auth", self.auth)
        more.setdefault("timeout", 20)
        url = f"{self.simulator.url}{path}"
        return await asyncio.to_thread(self.session.request, verb, url, **more)

    async def plan(self, amount: int = 49_900, period: str = "monthly", interval: int = 1) -> dict[str, Any]:
        item = {"name": "Kaveri Reader", "amount": amount, "currency": "INR"}
        sent = {"period": period, "interval": interval, "item": item}
        plan: dict[str, Any] = await self.call(self.client.plan.create, sent)
        return plan

    async def subscribe(self, plan: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        plan = plan or await self.plan()
        sent = {"plan_id": plan["id"], "total_count": 12} | more
        subscription: dict[str, Any] = await self.call(self.client.subscription.create, sent)
        return subscription

    async def active(self, method: str = "upi", **more: Any) -> str:
        """The id of a subscription whose customer has paid the first cycle."""
        origin = more.pop("card_origin", "domestic")
        subscription = await self.subscribe(**more)
        await self.simulator.act(subscription["id"], "authenticate", method=method, card_origin=origin)
        return str(subscription["id"])

    async def fetch(self, subscription_id: str) -> dict[str, Any]:
        subscription: dict[str, Any] = await self.call(self.client.subscription.fetch, subscription_id)
        return subscription

    async def invoices(self, subscription_id: str) -> list[dict[str, Any]]:
        """Its invoices, oldest first."""
        sent = {"subscription_id": subscription_id, "count": 100}
        answer = await self.call(self.client.invoice.all, sent)
        return list(reversed(answer["items"]))

    async def to_next_charge(self, subscription_id: str) -> dict[str, Any]:
        """Move the clock to the next planned debit and see what came of it."""
        before = await self.fetch(subscription_id)
        await self.simulator.advance_to(before["charge_at"])
        return await self.fetch(subscription_id)
