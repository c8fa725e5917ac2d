"""A Razorpay stand-in as a process of its own, and our adapter talking to it over HTTP."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.periods import Interval
from domain.plans import Price
from gateways.base import NewSubscription, PlanAtGateway, SubscriptionAtGateway
from gateways.razorpay import RazorpayGateway
from simulator.process import SimulatorProcess

BEGIN = datetime(2026, 1, 31, 6, 0, tzinfo=UTC)
KEY_ID, KEY_SECRET = "rzp_test_simulator00001", "simulator-key-secret"
AMOUNT = 117882


@pytest.fixture(scope="module")
async def running_simulator(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SimulatorProcess]:
    books: Path = tmp_path_factory.mktemp("razorpay") / "books.sqlite"
    async with SimulatorProcess.start(books, now=BEGIN, clock="virtual") as simulator:
        yield simulator


@pytest.fixture
async def simulator(running_simulator: SimulatorProcess) -> AsyncIterator[SimulatorProcess]:
    yield running_simulator
    await running_simulator.control("faults", method="DELETE")
    await running_simulator.control("switches", {"list_lag_seconds": 0})


@pytest.fixture(scope="module")
async def gateway(running_simulator: SimulatorProcess) -> AsyncIterator[RazorpayGateway]:
    gateway = RazorpayGateway(KEY_ID, KEY_SECRET, running_simulator.url, timeout=(1, 2))
    yield gateway
    await gateway.close()


class Shop:
    """Makes what a test needs at the gateway."""

    def __init__(self, gateway: RazorpayGateway, simulator: SimulatorProcess) -> None:
        self.gateway = gateway
        self.simulator = simulator
        self._made = 0

    def plan(self, interval: Interval = Interval.MONTHLY) -> PlanAtGateway:
        self._made += 1
        price = Price(f"price_{id(self)}_{self._made}", "plan_basic", interval, 1, 99900, False)
        return PlanAtGateway(price, "Basic", AMOUNT)

    async def now(self) -> datetime:
        return datetime.fromtimestamp(await self.simulator.now(), UTC)

    async def new(self, subscription_id: str = "bs_1", total_count: int = 12) -> NewSubscription:
        plan_id = await self.gateway.create_plan(self.plan())
        return NewSubscription(subscription_id, plan_id, total_count, await self.now() + timedelta(days=7))

    async def created(self) -> SubscriptionAtGateway:
        return await self.gateway.create_subscription(await self.new())

    async def active(self, **mandate: object) -> str:
        """A subscription whose first cycle is paid."""
        created = await self.created()
        await self.simulator.act(created.id, "authenticate", **mandate)
        return created.id

    async def fault(self, kind: str, **rule: object) -> None:
        await self.simulator.control("faults", {"kind": kind, **rule})

    async def struck(self) -> int:
        """How many requests faults have struck."""
        return sum(rule["struck"] for rule in (await self.simulator.ask("faults"))["faults"])


@pytest.fixture
def shop(gateway: RazorpayGateway, simulator: SimulatorProcess) -> Shop:
    return Shop(gateway, simulator)
