"""Rows to test with; whatever a test does not care about has some value."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from db.issuing import DOCUMENTS
from db.models import Base, Customer, Document, Mandate, Payment, Subscription, TopUp
from db.session import Database
from domain.document import Buyer, DocumentKind, Line, Seller, TaxDocument
from domain.gst import tax_inside
from domain.mandate import MandateKind, MandateStatus
from domain.subscription import Status
from domain.supply import BuyerKind, Supply, SupplyNature

NOON = datetime(2026, 4, 10, 6, 30, tzinfo=UTC)
"""Noon in India."""

PRINTED = DOCUMENTS.dump_python(
    TaxDocument(
        id="inv_1",
        kind=DocumentKind.TAX_INVOICE,
        number="BH26-27/000001",
        issued_on=date(2026, 4, 10),
        seller=Seller("Bahi Demo Private Limited", "29AAACB1234F1Z5", ("4 Residency Road",)),
        buyer=Buyer("Asha Verma", BuyerKind.UNREGISTERED, address_lines=("12 MG Road",), state_code="29"),
        supply=Supply("29", SupplyNature.INTRA_STATE),
        lines=(Line("Pro subscription, monthly", "998315", 1, 423644, 423644, 1800, 0, 38128, 38128, 0),),
        amount=tax_inside("29", "29", 1800, 499900),
        period_first_day=date(2026, 4, 10),
        period_last_day=date(2026, 5, 9),
        payment_reference="pay_1",
        payment_method="upi",
        paid_on=date(2026, 4, 10),
    ),
    mode="json",
)
"""What an invoice's row holds of it."""


async def add(database: Database, *rows: Base) -> None:
    async with database.transaction() as session:
        for row in rows:
            session.add(row)
            await session.flush()


def customer(name: str = "1", **values: Any) -> Customer:
    return Customer(**{"id": f"cus_{name}", "user_id": f"user_{name}", **values})


def subscription(name: str = "1", **values: Any) -> Subscription:
    defaults: dict[str, Any] = {
        "id": f"sub_{name}",
        "customer_id": "cus_1",
        "plan_id": "plan_pro",
        "price_id": "price_pro_monthly_v1",
        "gateway": "razorpay",
        "is_free": False,
        "charge_paise": 499900,
        "total_count": 120,
        "status": Status.ACTIVE.value,
        "version": 1,
        "created_at": NOON,
        "updated_at": NOON,
    }
    return Subscription(**{**defaults, **values})


def mandate(name: str = "1", **values: Any) -> Mandate:
    defaults: dict[str, Any] = {
        "id": f"man_{name}",
        "subscription_id": "sub_1",
        "customer_id": "cus_1",
        "gateway": "phonepe",
        "kind": MandateKind.UPI.value,
        "status": MandateStatus.ACTIVE.value,
        "max_amount_paise": 1_500_000,
        "in_use": True,
        "created_at": NOON,
        "updated_at": NOON,
    }
    return Mandate(**{**defaults, **values})


def payment(name: str = "1", **values: Any) -> Payment:
    defaults: dict[str, Any] = {
        "id": f"pmt_{name}",
        "subscription_id": "sub_1",
        "customer_id": "cus_1",
        "cycle": 0,
        "gateway": "razorpay",
        "gateway_payment_id": f"pay_{name}",
        "gateway_invoice_id": f"inv_rzp_{name}",
        "status": "captured",
        "amount_paise": 499900,
        "currency": "INR",
        "method": "upi",
        "attempted_at": NOON,
        "recorded_at": NOON,
    }
    return Payment(**{**defaults, **values})


def invoice(name: str = "1", **values: Any) -> Document:
    defaults: dict[str, Any] = {
        "id": f"inv_{name}",
        "kind": "tax_invoice",
        "number": f"BH26-27/{int(name):06d}",
        "seller_gstin": "29AAACB1234F1Z5",
        "financial_year": "2026-27",
        "customer_id": "cus_1",
        "subscription_id": "sub_1",
        "payment_id": f"pmt_{name}",
        "cycle": 0,
        "period_start": NOON,
        "period_end": NOON + timedelta(days=30),
        "issued_on": date(2026, 4, 10),
        "issued_at": NOON,
        "place_of_supply": "29",
        "currency": "INR",
        "taxable_paise": 423644,
        "cgst_paise": 38128,
        "sgst_paise": 38128,
        "utgst_paise": 0,
        "igst_paise": 0,
        "round_off_paise": 0,
        "total_paise": 499900,
        "document": PRINTED,
    }
    return Document(**{**defaults, **values})


def top_up(name: str = "1", **values: Any) -> TopUp:
    defaults: dict[str, Any] = {
        "id": f"top_{name}",
        "customer_id": "cus_1",
        "gateway": "phonepe",
        "amount_paise": 50000,
        "status": "open",
        "created_at": NOON,
        "expires_at": NOON + timedelta(days=1),
    }
    return TopUp(**{**defaults, **values})


async def count(session: AsyncSession, table: str) -> int:
    return int(await session.scalar(text(f"SELECT count(*) FROM {table}")) or 0)
