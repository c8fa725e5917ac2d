"""A subscription collected at a PhonePe stand-in, and the activities that ask for its money."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import select

from activities.mandates import Mandates
from activities.pages import Pages
from db import models, recording
from db.session import Database
from domain.mandate import Mandate, MandateStatus
from domain.merchant_ids import Purpose, merchant_id
from domain.paying import PagesRead
from domain.periods import Interval
from domain.plans import Price
from domain.subscription import Collection, Subscription
from gateways.phonepe import PhonePeGateway
from tests.gateways.phonepe_till import AMOUNT, Till
from workflows.collecting_ports import (
    GiveNotice,
    MandateTerms,
    OpenPage,
    PageOpened,
    PageSubject,
    ReadPages,
)

PUBLIC = "https://billing.example.com"
SINKS = ("notifications",)
LAG = timedelta(seconds=120)
YEARS = timedelta(days=3650)
_numbers = itertools.count(1)


@dataclass
class Desk:
    """One customer's subscription, with names of its own at the stand-in, which tests share."""

    database: Database
    till: Till
    gateway: PhonePeGateway
    id: str = field(default_factory=lambda: f"sub_{next(_numbers):026}")

    async def open(self) -> "Desk":
        """With the rows that the rest of the product would have written."""
        async with self.database.transaction() as session:
            session.add(models.Customer(id=f"cus_{self.id}", user_id=f"user_{self.id}"))
            await session.flush()
            await recording.register(session, self.subscription, await self.till.now())
        return self

    @property
    def subscription(self) -> Subscription:
        price = Price("price_pro_monthly_v1", "plan_pro", Interval.MONTHLY, 1, AMOUNT, tax_inclusive=True)
        begun = datetime.fromisoformat("2026-01-09T21:00:00+00:00")
        return Subscription(
            self.id, f"cus_{self.id}", price, AMOUNT, 12, begun,
            gateway="phonepe", collection=Collection.ENGINE,
        )  # fmt: skip

    # Pages.

    @property
    def pages(self) -> Pages:
        return Pages(self.database, {"phonepe": self.gateway}, PUBLIC + "/")

    @property
    def subject(self) -> PageSubject:
        return PageSubject(
            f"{self.id}-L1", "phonepe", AMOUNT, f"cus_{self.id}", self.id, message="plan_pro, monthly"
        )

    async def with_mandate(self, *, charges: bool = True) -> PageSubject:
        """The checkout: paying on it sets a mandate up."""
        terms = MandateTerms(2 * AMOUNT // 100 * 100, await self.till.now() + YEARS, charges)
        amount = AMOUNT if charges else 0
        return replace(self.subject, id=f"{self.id}-checkout", mandate=terms, amount_paise=amount)

    async def opened(self, subject: PageSubject | None = None) -> PageOpened:
        return await self.pages.open_page(OpenPage(subject or self.subject, await self.till.now()))

    async def read(
        self, subject: PageSubject | None = None, *, closing: bool = False, order_id: str | None = None
    ) -> PagesRead:
        request = ReadPages(subject or self.subject, await self.till.now(), closing, order_id)
        return await self.pages.read_pages(request)

    async def rows(self) -> list[models.PayPage]:
        row = models.PayPage
        async with self.database.reading() as session:
            query = select(row).where(row.subscription_id == self.id).order_by(row.attempt)
            return list(await session.scalars(query))

    async def states(self) -> list[str]:
        return [row.state for row in await self.rows()]

    async def pays(self, order_id: str, **how: object) -> None:
        await self.till.phonepe.order(order_id, "pay", **how)
        await self.till.phonepe.advance(5)

    # Debits.

    @property
    def mandates(self) -> Mandates:
        return Mandates(self.database, {"phonepe": self.gateway}, SINKS, LAG, lambda: self.now)

    now: datetime = field(default_factory=lambda: datetime.fromisoformat("2026-01-10T00:00:00+00:00"))

    async def notice(self, mandate_id: str, attempt: int = 1) -> GiveNotice:
        now = await self.till.now()
        return GiveNotice(
            self.subscription,
            mandate_id,
            f"{merchant_id(Purpose.DEBIT, self.id, attempt=1)}-{attempt}",
            1,
            AMOUNT,
            now + timedelta(hours=30),
            now + timedelta(hours=96),
            now,
        )

    async def mandate(self, mandate_id: str, status: MandateStatus = MandateStatus.ACTIVE) -> Mandate:
        return Mandate(mandate_id, 1_500_000, status=status, valid_until=await self.till.now() + YEARS)

    async def events(self, *kinds: str) -> Sequence[models.OutboxEvent]:
        row = models.OutboxEvent
        async with self.database.reading() as session:
            query = select(row).where(row.subscription_id == self.id, row.type.in_(kinds))
            return (await session.scalars(query.order_by(row.id))).all()
