"""Sleepers that the simulator knows too, so that renewals can be read from a gateway over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from bench import sleepers
from bench.fleet import Fleet
from config import Settings
from domain.subscription import Subscription
from gateways.base import NewSubscription, PlanAtGateway
from gateways.razorpay import RazorpayGateway
from local.home import LocalError
from simulator.process import SimulatorProcess

_AT_ONCE = 8
_MONTH = timedelta(days=31)


@dataclass
class GatewayBooks:
    """The simulator's clock moves; ours does not, and does not mind."""

    simulator: SimulatorProcess
    gateway: RazorpayGateway
    members: list[Subscription] = field(default_factory=list)
    payments: list[str] = field(default_factory=list)
    """The latest payment of each member."""

    async def sell(self, fleet: Fleet, count: int) -> None:
        """`count` subscriptions, subscribed and paid once at the gateway; the same is put on our record."""
        price = fleet.book.price
        plan_id = await self.gateway.create_plan(PlanAtGateway(price, "Pro", fleet.book.charge_paise))
        waiting = iter(sleepers.subscriptions(fleet.book, count))

        async def sell_some() -> None:
            for each in waiting:
                self.members.append(await self._sold(each, plan_id))

        await asyncio.gather(*(sell_some() for _ in range(_AT_ONCE)))
        await self._learn_payments()
        self.members = [
            replace(member, settled=(payment,), paid_cycle=0, version=1)
            for member, payment in zip(self.members, self.payments, strict=True)
        ]
        await sleepers.put_on_record(fleet.database, self.members)
        await sleepers.put_to_sleep(fleet.client, self.members)

    async def charge_next_month(self) -> None:
        """All renew at the gateway; nobody is told."""
        now = datetime.fromtimestamp(await self.simulator.now(), UTC)
        await self.simulator.advance_to(now + _MONTH)
        await self._learn_payments()

    async def _sold(self, subscription: Subscription, plan_id: str) -> Subscription:
        expires_at = datetime.now(UTC) + timedelta(days=7)
        new = NewSubscription(subscription.id, plan_id, subscription.total_count, expires_at)
        made = await self.gateway.create_subscription(new)
        how = {"method": "card", "card_origin": "domestic", "outcome": "success"}
        await self.simulator.act(made.id, "authenticate", **how)
        started_at = datetime.now(UTC).replace(microsecond=0)
        return replace(subscription, gateway_id=made.id, started_at=started_at)

    async def _learn_payments(self) -> None:
        """The newest captured payment of a bill, per member in order."""
        found: dict[str, str] = {}
        for entry in (await self.simulator.books())["subscriptions"]:
            paid = [
                (payment["created_at"], payment["id"])
                for payment in entry["payments"]
                if payment["ever_captured"] and payment["invoice_id"]
            ]
            found[entry["id"]] = max(paid)[1]
        latest = [found[str(member.gateway_id)] for member in self.members]
        if self.payments and any(old == new for old, new in zip(self.payments, latest, strict=True)):
            raise LocalError("the gateway has not charged everybody")
        self.payments = latest


@asynccontextmanager
async def open_gateway_books(fleet: Fleet, count: int) -> AsyncIterator[GatewayBooks]:
    """A simulator that calls nobody."""
    settings = Settings(environment="test")
    secret = settings.razorpay_key_secret.get_secret_value()
    start = SimulatorProcess.start(
        fleet.stand.file("simulator.sqlite"),
        key_id=settings.razorpay_key_id,
        key_secret=secret,
        now=datetime.now(UTC),
    )
    async with start as simulator:
        gateway = RazorpayGateway(settings.razorpay_key_id, secret, simulator.url)
        books = GatewayBooks(simulator, gateway)
        try:
            await books.sell(fleet, count)
            yield books
        finally:
            await gateway.close()
