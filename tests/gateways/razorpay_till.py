"""What tests of Razorpay's tokens and payment links need at the stand-in."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from domain.mandate import MandateKind
from domain.merchant_ids import Purpose, merchant_id
from gateways.base import NewDebit, NewMandate, NewPage, Payer
from gateways.razorpay import RazorpayGateway
from simulator.process import SimulatorProcess
from simulator.settings import Switches
from tests.gateways.conftest import AMOUNT, KEY_ID, KEY_SECRET

MOST = 500_000
HOUR = 3600
DAY = 24 * HOUR
WAIT = 25 * HOUR + 120
"""From asking for a UPI notice until its debit is lawful, a minute for its delivery among it."""
CARD_WAIT = 36 * HOUR + 120
PAYER = Payer("Meera S", "meera@kaveri.example", "+919812300045")
_subjects = itertools.count(1)


class Till:
    """Makes what a test needs at Razorpay, each time under new names. Its clock is the stand-in's."""

    def __init__(self, simulator: SimulatorProcess, now: int) -> None:
        self.simulator = simulator
        self.moment = datetime.fromtimestamp(now, UTC)
        self.gateway = RazorpayGateway(
            KEY_ID, KEY_SECRET, simulator.url, timeout=(1, 2), clock=lambda: self.moment
        )
        self.subject = f"test-{next(_subjects)}"
        self._tries = itertools.count(1)

    async def close(self) -> None:
        """End the connections, and what the test asked of the stand-in."""
        await self.gateway.close()
        await self.simulator.control("faults", method="DELETE")
        await self.simulator.control("switches", Switches().model_dump())

    async def advance(self, seconds: int) -> None:
        await self.simulator.advance(seconds)
        self.moment = datetime.fromtimestamp(await self.simulator.now(), UTC)

    async def switch(self, **switches: object) -> None:
        await self.simulator.control("switches", switches)

    async def fault(self, kind: str, **rule: object) -> None:
        await self.simulator.control("faults", {"kind": kind, **rule})

    def page(self, amount_paise: int = AMOUNT) -> NewPage:
        name = merchant_id(Purpose.PAGE, self.subject, attempt=next(self._tries))
        return NewPage(name, amount_paise, "https://shop.example/cb", "Top-up", timedelta(minutes=20), "bs_1")

    def mandate(
        self, first_charge_paise: int | None = AMOUNT, kind: MandateKind = MandateKind.UPI
    ) -> NewMandate:
        attempt = next(self._tries)
        return NewMandate(
            merchant_id(Purpose.MANDATE, self.subject, attempt=attempt),
            merchant_id(Purpose.SETUP, self.subject, attempt=attempt),
            first_charge_paise,
            MOST,
            self.moment + timedelta(days=3650),
            "https://shop.example/cb",
            "https://shop.example/x",
            "Basic, monthly",
            timedelta(minutes=30),
            reference="bs_1",
            kind=kind,
            payer=PAYER,
        )

    async def link_of(self, order_id: str) -> str:
        """The stand-in's registration link or payment link of an order of ours."""
        async with self.raw() as raw:
            invoices = (await raw.get("/v1/invoices", params={"receipt": order_id})).json()["items"]
            links = (await raw.get("/v1/payment_links", params={"reference_id": order_id})).json()
        found = [*invoices, *links["payment_links"]]
        assert len(found) == 1
        return str(found[0]["id"])

    def raw(self) -> httpx.AsyncClient:
        """A client past our adapter."""
        return httpx.AsyncClient(auth=(KEY_ID, KEY_SECRET), base_url=self.simulator.url, trust_env=False)

    async def approve(self, order_id: str, **asked: object) -> dict[str, Any]:
        link_id = await self.link_of(order_id)
        return await self.simulator.control(f"registrations/{link_id}/authenticate", asked)

    async def pay(self, order_id: str, **asked: object) -> dict[str, Any]:
        link_id = await self.link_of(order_id)
        return await self.simulator.control(f"payment_links/{link_id}/pay", asked)

    async def active(self, kind: MandateKind = MandateKind.UPI) -> NewMandate:
        new = self.mandate(kind=kind)
        await self.gateway.open_mandate(new)
        await self.approve(new.order_id)
        return new

    async def token(self, mandate_id: str) -> str:
        """The stand-in's token of a mandate of ours."""
        found = await self.gateway.find_mandate(mandate_id)
        assert found is not None
        assert found.gateway_id is not None
        return found.gateway_id

    async def act(self, mandate_id: str, name: str, **asked: object) -> None:
        """An act of payer or bank on a mandate."""
        await self.simulator.control(f"tokens/{await self.token(mandate_id)}/{name}", asked)

    def debit(self, mandate_id: str, amount_paise: int = AMOUNT, wait: int = WAIT) -> NewDebit:
        name = merchant_id(Purpose.DEBIT, self.subject, attempt=next(self._tries))
        target = self.moment + timedelta(seconds=wait - 60)
        return NewDebit(name, mandate_id, amount_paise, None, "bs_1", target)

    async def notified(self, mandate_id: str, wait: int = WAIT) -> str:
        """A debit that may be made: announced, delivered and waited for."""
        new = self.debit(mandate_id, wait=wait)
        await self.gateway.notify(new)
        await self.advance(wait)
        return new.order_id

    async def audited(self, reference: str) -> dict[str, Any]:
        """What the stand-in's books show under a reference of ours."""
        orders: list[dict[str, Any]] = (await self.simulator.books())["orders"]
        [found] = [each for each in orders if each["reference"] == reference]
        return found
