"""Invoices in the books: customers of several States, charged through the activity that settles."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count

from activities.issuer import Issuer
from activities.settlement import Settlement
from db import models, recording
from db.session import Database
from domain.collection import Charge, GatewayPayment, settled
from domain.document import DocumentKind, Seller
from domain.periods import Interval, cycle_period
from domain.plans import Price
from domain.pricing import SupplyRules
from domain.registrations import SellerRegistration, open_registrations
from domain.subscription import Subscription
from workflows.ports import SettleCharge

KARNATAKA = Seller(
    "Example SaaS Pvt Ltd",
    "29AAACT9999Z1ZE",
    ("4 Residency Road",),
    city="Bengaluru",
    pin="560025",
    email="accounts@example.test",
)
CHANDIGARH = replace(
    KARNATAKA, gstin="04AAACB1234F1ZH", address_lines=("9 Madhya Marg",), city="Chandigarh", pin="160017"
)
BENGALURU_COMPANY = {"name": "Kaveri Textiles LLP", "state_code": "29", "gstin": "29AAACT1111A1Z5",
                     "address_lines": ["88 Race Course Road"], "city": "Mysuru", "pin": "570010"}  # fmt: skip
MUMBAI_COMPANY = {"name": "=Sahyadri & Sons", "state_code": "27", "gstin": "27AAACT2222B1Z1",
                  "address_lines": ["7 Fort Road"], "city": "Mumbai", "pin": "400001"}  # fmt: skip


def consumer(state_code: str) -> dict[str, object]:
    """Somebody without a GSTIN."""
    return {"name": f"Consumer in {state_code}", "state_code": state_code}


def october(day: int) -> datetime:
    """Noon in India."""
    return datetime(2026, 10, day, 6, 30, tzinfo=UTC)


@dataclass
class Shop:
    """Sells a month of Pro to a new customer each time."""

    database: Database
    _customers: "count[int]" = field(default_factory=lambda: count(1))

    async def sell(
        self,
        buyer: Mapping[str, object],
        total_paise: int,
        at: datetime,
        seller: Seller = KARNATAKA,
        prefix: str = "BH",
    ) -> str:
        """The number of the invoice over that total, tax inside."""
        name = next(self._customers)
        price = Price(
            "price_pro_monthly_v1", "plan_pro", Interval.MONTHLY, 1, total_paise, tax_inclusive=True
        )
        before = Subscription(f"sub_{name}", f"cus_{name}", price, total_paise, 12, at)
        async with self.database.transaction() as session:
            session.add(models.Customer(id=f"cus_{name}", user_id=f"user_{name}", **buyer))
            await session.flush()
            await recording.register(session, before, at)
        payment = GatewayPayment(f"pay_{name}", "captured", total_paise, "INR", "upi", at)
        charge = Charge(payment, f"inv_rzp_{name}", 0, at, cycle_period(at, Interval.MONTHLY, 0))
        registrations = open_registrations([SellerRegistration("main", seller)])
        prefixes = dict.fromkeys(DocumentKind, prefix)
        settlement = Settlement(self.database, Issuer(registrations, prefixes, SupplyRules()), ())
        done = await settlement.settle_charge(SettleCharge(before, settled(before, charge), charge, at))
        return done.invoice_number
