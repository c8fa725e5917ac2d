"""Documents in the books, made as the worker makes them: charges, notes, advances; and the portal's word."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from itertools import count

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from activities.crediting import Crediting, locked
from activities.issuer import Issuer
from activities.settlement import Settlement
from db import issuing, ledger, models, recording
from db.issuing import DOCUMENTS, Belongs, Series
from db.session import Database
from domain.collection import Charge, GatewayPayment, settled
from domain.document import Buyer, DocumentKind, Line, Lut, Seller, TaxDocument
from domain.gst import TaxedAmount
from domain.ledger import Account, sale, set_aside
from domain.periods import Interval, cycle_period
from domain.plans import Price
from domain.pricing import SupplyRules
from domain.refund import Settlement as SettledBy
from domain.registrations import SellerRegistration, open_registrations
from domain.subscription import Subscription
from domain.supply import BuyerKind, Supply, SupplyNature
from workflows.ports import IssueCreditNote, KeepPayment, SettleCharge

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
SEZ_UNIT = {"name": "Zone Unit Pvt Ltd", "state_code": "29", "gstin": "29AAACT3333C1ZP", "in_sez": True,
            "address_lines": ["SEZ Phase 1"], "city": "Bengaluru", "pin": "560037"}  # fmt: skip
SINGAPORE_COMPANY = {"name": "Merlion Pte Ltd", "country": "SG",
                     "address_lines": ["1 Raffles Place"], "city": "Singapore"}  # fmt: skip

PREFIXES = dict(zip(DocumentKind, ("PI", "BH", "BS", "CN", "RV", "RF"), strict=True))
LUT = Lut("AD290426000001X", date(2026, 4, 1), "2026-27")


def consumer(state_code: str) -> dict[str, object]:
    """Somebody without a GSTIN."""
    return {"name": f"Consumer in {state_code}", "state_code": state_code}


def october(day: int) -> datetime:
    """Noon in India."""
    return datetime(2026, 10, day, 6, 30, tzinfo=UTC)


def issuer(seller: Seller = KARNATAKA, prefix: str = "BH") -> Issuer:
    """Of one registration, whose invoices begin with the prefix."""
    registrations = open_registrations([SellerRegistration("main", seller, (LUT,))])
    return Issuer(registrations, {**PREFIXES, DocumentKind.TAX_INVOICE: prefix}, SupplyRules())


@dataclass
class Shop:
    """Sells a month of Pro to a new customer each time. Documents are named by their numbers."""

    database: Database
    _names: "count[int]" = field(default_factory=lambda: count(1))

    async def _subscribed(self, buyer: Mapping[str, object], total_paise: int, at: datetime) -> Subscription:
        name = next(self._names)
        price = Price(
            "price_pro_monthly_v1", "plan_pro", Interval.MONTHLY, 1, total_paise, tax_inclusive=True
        )
        subscription = Subscription(f"sub_{name}", f"cus_{name}", price, total_paise, 12, at)
        async with self.database.transaction() as session:
            session.add(models.Customer(id=f"cus_{name}", user_id=f"user_{name}", **buyer))
            await session.flush()
            await recording.register(session, subscription, at)
        return subscription

    async def sell(
        self,
        buyer: Mapping[str, object],
        total_paise: int,
        at: datetime,
        seller: Seller = KARNATAKA,
        prefix: str = "BH",
    ) -> str:
        """An invoice over that total, tax inside."""
        before = await self._subscribed(buyer, total_paise, at)
        payment = GatewayPayment(f"pay_{before.id}", "captured", total_paise, "INR", "upi", at)
        charge = Charge(payment, f"inv_rzp_{before.id}", 0, at, cycle_period(at, Interval.MONTHLY, 0))
        settlement = Settlement(self.database, issuer(seller, prefix), ())
        done = await settlement.settle_charge(SettleCharge(before, settled(before, charge), charge, at))
        return done.invoice_number

    async def credit(
        self, number: str, at: datetime, paise: int | None = None, seller: Seller = KARNATAKA
    ) -> str:
        """A credit note over part of an invoice, or over all that is left."""
        original, note_id = await self.row(number, seller), f"crn_{next(self._names)}"
        wish = IssueCreditNote(note_id, original.id, paise, SettledBy.OUTSIDE, "as agreed", "operator:x", at)
        done = await Crediting(self.database, issuer(seller), ()).issue_credit_note(wish)
        assert not done.refused, done.refused
        return (await self.document(note_id)).number

    async def keep(
        self, buyer: Mapping[str, object], paise: int, at: datetime, seller: Seller = KARNATAKA
    ) -> str:
        """A receipt voucher for money that was set aside."""
        subscription = await self._subscribed(buyer, paise, at)
        payment = models.Payment(
            id=f"pmt_{subscription.id}", subscription_id=subscription.id,
            customer_id=subscription.customer_id, cycle=0, gateway="razorpay",
            gateway_payment_id=f"pay_{subscription.id}", gateway_invoice_id="inv_rzp", status="quarantined",
            amount_paise=paise, currency="INR", method="upi", attempted_at=at, recorded_at=at,
        )  # fmt: skip
        async with self.database.transaction() as session:
            session.add(payment)
            await ledger.post(
                session,
                reference=f"payment/{payment.id}",
                kind="set_aside",
                customer_id=subscription.customer_id,
                occurred_at=at,
                postings=set_aside(paise),
            )
        wish = KeepPayment(f"rcv_{subscription.id}", payment.id, "use not known", "operator:x", at)
        done = await Crediting(self.database, issuer(seller), ()).keep_payment(wish)
        assert not done.refused, done.refused
        return (await self.document(done.document_id)).number

    async def give_back(self, number: str, paise: int, at: datetime, seller: Seller = KARNATAKA) -> str:
        """A refund voucher over part of an advance."""
        voucher = await self.row(number, seller)
        async with self.database.transaction() as session:
            original = await locked(session, voucher.id)
            note = await Crediting(self.database, issuer(seller), ()).give_back(
                session,
                original,
                note_id=f"rfv_{next(self._names)}",
                amount_paise=paise,
                to=Account.GATEWAY_CLEARING,
                reason="not wanted",
                at=at,
            )
            return note.number

    async def issue_untaxed(self, kind: DocumentKind, paise: int, at: datetime) -> str:
        """A bill of supply, with its posting; or a proforma, which has none."""
        subscription = await self._subscribed(consumer("29"), paise, at)
        document_id = f"{kind.value}_{subscription.id}"

        def write(number: str, issued_on: date) -> TaxDocument:
            return TaxDocument(
                id=document_id, kind=kind, number=number, issued_on=issued_on, seller=KARNATAKA,
                buyer=Buyer("A reader", BuyerKind.UNREGISTERED, state_code="29"),
                supply=Supply("29", SupplyNature.NOT_TAXED),
                lines=(Line("Printed books", "998315", 1, paise, paise, 0),),
                amount=TaxedAmount(paise, (), 0, paise),
            )  # fmt: skip

        async with self.database.transaction() as session:
            series = Series(KARNATAKA.gstin, kind, PREFIXES[kind])
            made = await issuing.issue(session, series, Belongs(subscription.customer_id), at, write)
            if kind is DocumentKind.BILL_OF_SUPPLY:
                await self._post(session, made, subscription.customer_id, at)
            return made.number

    @staticmethod
    async def _post(session: AsyncSession, made: TaxDocument, customer_id: str, at: datetime) -> None:
        await ledger.post(
            session, reference=f"sale/{made.id}", kind="sale", customer_id=customer_id,
            document_id=made.id, occurred_at=at, postings=sale(made.amount),
        )  # fmt: skip

    async def portal_says(self, number: str, status: str, **said: object) -> None:
        """The document's standing at the invoice registration portal."""
        row = await self.row(number)
        async with self.database.transaction() as session:
            session.add(
                models.IrpRegistration(
                    **{"document_id": row.id, "status": status, "updated_at": row.issued_at, **said}
                )
            )

    async def row(self, number: str, seller: Seller = KARNATAKA) -> models.Document:
        """The row of a document."""
        row = models.Document
        async with self.database.reading() as session:
            of_number = select(row).where(row.number == number, row.seller_gstin == seller.gstin)
            return (await session.scalars(of_number)).one()

    async def document(self, document_id: str) -> TaxDocument:
        """What it says."""
        async with self.database.reading() as session:
            row = await session.get_one(models.Document, document_id)
            return DOCUMENTS.validate_python(row.document)
