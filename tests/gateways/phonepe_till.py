"""What tests of our PhonePe adapter need at the stand-in."""

import itertools
from datetime import UTC, datetime, timedelta

from domain.merchant_ids import Purpose, merchant_id
from domain.refund import RefundSpeed
from gateways.base import NewDebit, NewMandate, NewPage, NewRefund
from gateways.phonepe import PhonePeGateway
from gateways.phonepe_client import PhonePeClient, PhonePeCredentials, PhonePeHosts
from gateways.phonepe_requests import BY_API, Management
from simulator.phonepe.process import PhonePeProcess

# Three in the night of 10 January in India: no peak hour for a day to come.
BEGIN = datetime(2026, 1, 9, 21, 30, tzinfo=UTC)
AMOUNT = 94282
DAY = 86_400
CREDENTIALS = PhonePeCredentials("SIMCLIENT", 1, "simulator-client-secret")
AS_USUAL = {
    "duplicate_order": "417 INVALID_TRANSACTION_ID",
    "unknown_status": 400,
    "subscription_setup_up": True,
}
_numbers = itertools.count(1)


def connect(url: str, management: Management = BY_API) -> PhonePeGateway:
    client = PhonePeClient(CREDENTIALS, PhonePeHosts(url, url, url), answer_seconds=1.5)
    return PhonePeGateway(client, management=management)


class Till:
    """Makes what a test needs at PhonePe, each time under new names."""

    def __init__(self, gateway: PhonePeGateway, phonepe: PhonePeProcess) -> None:
        self.gateway = gateway
        self.phonepe = phonepe
        self.subject = f"test-{next(_numbers)}"
        self._tries = itertools.count(1)

    def name(self, purpose: Purpose) -> str:
        return merchant_id(purpose, self.subject, attempt=next(self._tries))

    async def now(self) -> datetime:
        return datetime.fromtimestamp(await self.phonepe.now(), UTC)

    def page(self, amount_paise: int = AMOUNT) -> NewPage:
        name = self.name(Purpose.PAGE)
        return NewPage(name, amount_paise, "https://shop.example/cb", "Top-up", timedelta(minutes=20), "bs_1")

    async def paid(self) -> str:
        new = self.page()
        await self.gateway.open_page(new)
        await self.phonepe.order(new.order_id, "pay")
        await self.phonepe.advance(3)
        return new.order_id

    async def mandate(self, first_charge_paise: int | None = None) -> NewMandate:
        return NewMandate(
            self.name(Purpose.MANDATE),
            self.name(Purpose.SETUP),
            first_charge_paise,
            1_500_000,
            await self.now() + timedelta(days=3650),
            "https://shop.example/cb",
            "https://shop.example/x",
            "Basic, monthly",
            timedelta(minutes=30),
        )

    async def active(self) -> str:
        new = await self.mandate()
        await self.gateway.open_mandate(new)
        await self.phonepe.order(new.order_id, "pay")
        await self.phonepe.advance(5)
        return new.mandate_id

    async def debit(self, mandate_id: str, amount_paise: int = AMOUNT) -> NewDebit:
        return NewDebit(self.name(Purpose.DEBIT), mandate_id, amount_paise, None)

    async def notified(self, mandate_id: str) -> str:
        """A debit that may be made: announced a day ago."""
        new = await self.debit(mandate_id)
        await self.gateway.notify(new)
        await self.phonepe.advance(DAY + 10)
        assert await self.gateway.find_debit(new.order_id)  # with a token of today
        return new.order_id

    def refund(self, order_id: str, amount_paise: int = AMOUNT) -> NewRefund:
        return NewRefund(self.name(Purpose.REFUND), order_id, amount_paise, RefundSpeed.NORMAL, "left")

    async def fault(self, kind: str, **rule: object) -> None:
        await self.phonepe.control("faults", {"kind": kind, **rule})
