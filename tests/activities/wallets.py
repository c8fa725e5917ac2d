"""A customer's wallet on a real database: filled by top-ups, drawn on by usage, billed, refunded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any, TypeVar

from sqlalchemy import func, select

from activities.crediting import Crediting
from activities.issuer import Issuer
from activities.refunding import Refunding
from activities.top_ups import TopUps
from activities.wallet_invoices import WalletInvoices
from db import models, wallet
from db.advances import open_advances
from db.issuing import DOCUMENTS
from db.models import Base
from db.session import Database
from domain.document import TaxDocument
from domain.ledger import Account
from domain.paying import Paid
from domain.refund import RefundAtGateway, RefundSpeed, RefundStatus
from domain.top_up import TopUp
from gateways.base import NewRefund
from tests.filing.selling import issuer, october
from workflows.ports import NoticeRefund, RecordRefund, RefundAnswer, Reserved, ReserveRefund
from workflows.wallet_ports import DrawsInvoiced, InvoiceDraws, RegisterTopUp, SettleTopUp, TopUpSettled

FIRST_OF_NOVEMBER = october(31) + timedelta(days=1)
_Row = TypeVar("_Row", bound=Base)
AT_HOME: Mapping[str, Any] = {"name": "Asha Verma", "state_code": "29"}


class NoGateway:
    """Nothing is asked of it: refunds here are told, not made."""

    name = "phonepe"
    one_refund_at_a_time = False

    async def refund(self, new: NewRefund) -> RefundAtGateway:
        raise NotImplementedError

    async def find_refund(self, payment_id: str, our_id: str) -> RefundAtGateway | None:
        raise NotImplementedError

    async def read_refund(self, payment_id: str, refund_id: str) -> RefundAtGateway:
        raise NotImplementedError


@dataclass
class Purse:
    """One customer's wallet, `cus_1`."""

    database: Database
    issuer: Issuer = field(default_factory=issuer)
    _names: "count[int]" = field(default_factory=lambda: count(1))

    @property
    def top_ups(self) -> TopUps:
        return TopUps(self.database, self.issuer, ())

    @property
    def invoices(self) -> WalletInvoices:
        return WalletInvoices(self.database, self.issuer, ())

    @property
    def refunding(self) -> Refunding:
        crediting = Crediting(self.database, self.issuer, ())
        return Refunding(self.database, {"phonepe": NoGateway()}, crediting, ())

    async def belongs_to(self, **buyer: Any) -> None:
        """Opens it."""
        row = models.Customer(id="cus_1", user_id="user_1", **{**AT_HOME, **buyer})
        async with self.database.transaction() as session:
            session.add(row)

    async def wish(self, paise: int, day: int = 1) -> TopUp:
        """A top-up that waits for its money."""
        at = october(day)
        top_up = TopUp(f"top_{next(self._names)}", "cus_1", "phonepe", paise, at, at + timedelta(days=1))
        await self.top_ups.register_top_up(RegisterTopUp(top_up, at))
        return top_up

    async def pays(self, top_up: TopUp, name: str = "", day: int = 1, **other: Any) -> TopUpSettled:
        """Its money comes."""
        order = name or f"pay_{top_up.id}"
        values = {"amount_paise": top_up.amount_paise, "currency": "INR", **other}
        paid = Paid("phonepe", order, order, method="upi", at=october(day), reference="UTR1", **values)
        return await self.top_ups.settle_top_up(SettleTopUp(top_up, paid, october(day)))

    async def fill(self, paise: int, day: int = 1) -> str:
        """Our id of the payment."""
        return (await self.pays(await self.wish(paise, day), day=day)).payment_id

    async def draw(self, paise: int, month: str = "2026-10", day: int = 20) -> None:
        """Usage beyond the plan."""
        name = next(self._names)
        async with self.database.transaction() as session:
            session.add(
                models.WalletDraw(
                    id=f"wdr_{name}", customer_id="cus_1", amount_paise=paise, drawn_at=october(day),
                    month=month, reference=f"usage/{name}",
                )
            )  # fmt: skip

    async def bill(self, month: str = "2026-10", at: datetime = FIRST_OF_NOVEMBER) -> DrawsInvoiced:
        """What was drawn in the month."""
        request = InvoiceDraws("cus_1", month, f"{month}/{next(self._names)}", at)
        return await self.invoices.invoice_draws(request)

    async def asks_back(self, payment_id: str, paise: int | None = None) -> Reserved:
        """An operator wants a top-up refunded."""
        refund_id = f"rfd_{next(self._names)}"
        wish = ReserveRefund(
            refund_id, payment_id, None, paise, RefundSpeed.NORMAL, "not wanted", "operator:x", october(25)
        )
        return await self.refunding.reserve_refund(wish)

    async def goes_back(self, refund_id: str, paise: int, payment: str) -> None:
        """The gateway says that it has."""
        seen = at_gateway(refund_id, paise, payment)
        await self.refunding.record_refund(RecordRefund(refund_id, RefundAnswer(seen), october(26)))

    async def noticed(self, paise: int, payment: str) -> None:
        """Somebody gave back in the gateway's dashboard."""
        refund_id = f"rfd_{next(self._names)}"
        seen = at_gateway(refund_id, paise, payment)
        notice = NoticeRefund(refund_id, seen, october(26), "phonepe")
        reserved = await self.refunding.notice_refund(notice)
        await self.goes_back(reserved.refund_id, paise, payment)

    async def available(self) -> int:
        async with self.database.reading() as session:
            return (await wallet.available(session, ["cus_1"]))["cus_1"]

    async def balances(self) -> dict[str, int]:
        """What is credited less debited, by account; paise."""
        row = models.LedgerPosting
        query = select(row.account, func.sum(-row.amount_paise)).group_by(row.account)
        async with self.database.reading() as session:
            return {account: int(paise) for account, paise in (await session.execute(query)).all() if paise}

    async def documents(self, kind: str) -> list[TaxDocument]:
        """As issued, oldest first."""
        row = models.Document
        query = select(row.document).where(row.kind == kind).order_by(row.number)
        async with self.database.reading() as session:
            return [DOCUMENTS.validate_python(each) for each in await session.scalars(query)]

    async def rows(self, row: type[_Row]) -> list[_Row]:
        async with self.database.reading() as session:
            return list(await session.scalars(select(row)))

    async def is_whole(self) -> None:
        """What the books hold for the customer is what is left of the vouchers, and no tax is left behind."""
        async with self.database.transaction() as session:
            left = await open_advances(session, "cus_1")
        balances = await self.balances()
        tax = sum(
            each.voucher.amount.tax_paise - sum(part.amount.tax_paise for part in each.earlier)
            for each in left
        )
        assert balances.get(Account.WALLET, 0) == sum(each.left_paise for each in left)
        assert balances.get(Account.OUTPUT_TAX_ON_ADVANCES, 0) == tax
        assert balances.get(Account.TAX_ON_ADVANCES, 0) == -tax


def at_gateway(refund_id: str, paise: int, payment: str) -> RefundAtGateway:
    """A refund that is through."""
    return RefundAtGateway(
        f"gw_{refund_id}", payment, paise, "INR", RefundStatus.PROCESSED, RefundSpeed.NORMAL, None,
        refund_id, october(25),
    )  # fmt: skip
