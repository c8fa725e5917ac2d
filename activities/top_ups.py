"""Top-ups on record: asked for, paid into the wallet, over."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities import advances
from activities.advances import Received
from activities.issuer import Issuer
from activities.settlement import business_id
from db import issuing, ledger, models, outbox
from db.session import Database
from domain.document import TaxDocument
from domain.errors import InvalidInput, Misconfigured, Unavailable
from domain.events import EventType, interested
from domain.ledger import advance_received, set_aside
from domain.paying import Paid
from domain.top_up import Fate, TopUp, TopUpStatus, fate_of
from workflows.wallet_ports import EndTopUp, RegisterTopUp, SettleTopUp, TopUpSettled, TopUpStanding

_FOR_USAGE = "Advance for usage beyond the plan"
_REASONS = {
    Fate.SECOND: "the top-up was paid before",
    Fate.STRANGE: "not the sum that the top-up is for",
}
_ENDS = {
    TopUpStatus.EXPIRED: EventType.TOP_UP_EXPIRED,
    TopUpStatus.CANCELLED: EventType.TOP_UP_CANCELLED,
}


class TopUps:
    """Implements `register_top_up`, `settle_top_up` and `end_top_up`."""

    def __init__(self, database: Database, issuer: Issuer, sinks: Sequence[str]) -> None:
        self._database = database
        self._issuer = issuer
        self._sinks = sinks

    @activity.defn(name="register_top_up")
    async def register_top_up(self, request: RegisterTopUp) -> TopUpStanding:
        """Asking again finds how far it has got."""
        top_up, row = request.top_up, models.TopUp
        new = insert(row).values(
            id=top_up.id,
            customer_id=top_up.customer_id,
            gateway=top_up.gateway,
            amount_paise=top_up.amount_paise,
            status=TopUpStatus.OPEN.value,
            created_at=top_up.created_at,
            expires_at=top_up.expires_at,
        )
        async with self._database.transaction() as session:
            if await session.scalar(new.on_conflict_do_nothing().returning(row.id)) is not None:
                await self._announce(session, EventType.TOP_UP_OPENED, top_up, request.at)
            return TopUpStanding(TopUpStatus((await session.get_one(row, top_up.id)).status))

    @activity.defn(name="settle_top_up")
    async def settle_top_up(self, request: SettleTopUp) -> TopUpSettled:
        """The top-up is locked: of two payments at once, one fills the wallet and the other goes back."""
        top_up, paid = request.top_up, request.paid
        payment_id = business_id("pmt", f"{paid.gateway}/{paid.payment_id}")
        async with self._database.transaction() as session:
            row = await session.get_one(models.TopUp, top_up.id, with_for_update=True)
            fate = fate_of(top_up, paid, paid_before=row.payment_id not in (None, payment_id))
            if await session.get(models.Payment, payment_id) is None:
                payment = await _record(session, request, payment_id, fate)
                if fate is Fate.ADVANCE:
                    await self._fill(session, request, row, payment)
                else:
                    await self._set_aside(session, request, payment)
                    if fate is Fate.STRANGE and row.status == TopUpStatus.OPEN:
                        await self._end(session, row, request, TopUpStatus.CANCELLED, _REASONS[fate])
            refund_id = business_id("rfd", payment_id) if fate is Fate.SECOND else None
            return TopUpSettled(TopUpStatus(row.status), payment_id, refund_id)

    @activity.defn(name="end_top_up")
    async def end_top_up(self, request: EndTopUp) -> TopUpStanding:
        """Only an open one ends so."""
        async with self._database.transaction() as session:
            row = await session.get_one(models.TopUp, request.top_up.id, with_for_update=True)
            if row.status == TopUpStatus.OPEN:
                await self._end(session, row, request, request.status, request.reason)
            return TopUpStanding(TopUpStatus(row.status))

    async def _end(
        self,
        session: AsyncSession,
        row: models.TopUp,
        request: EndTopUp | SettleTopUp,
        status: TopUpStatus,
        reason: str,
    ) -> None:
        row.status, row.reason, row.ended_at = status.value, reason, request.at
        actor = request.actor if isinstance(request, EndTopUp) else "gateway"
        await self._announce(session, _ENDS[status], request.top_up, request.at, reason=reason, actor=actor)

    async def _fill(
        self, session: AsyncSession, request: SettleTopUp, row: models.TopUp, payment: models.Payment
    ) -> None:
        top_up, at = request.top_up, request.at
        received = Received(business_id("rcv", top_up.id), payment.amount_paise, _FOR_USAGE, at)
        try:
            voucher = await advances.receipt_voucher(session, self._issuer, payment, received)
        except (InvalidInput, Misconfigured) as error:
            # The money is here: it waits until the setting is mended.
            raise Unavailable(f"no voucher can be written for {top_up.id} yet: {error}") from error
        await advances.book(session, voucher, top_up.customer_id, advance_received(voucher.amount), at)
        row.status, row.payment_id, row.voucher_id = TopUpStatus.PAID.value, payment.id, voucher.id
        row.reason, row.ended_at = None, at
        await self._tell(session, request, payment, voucher)

    async def _tell(
        self, session: AsyncSession, request: SettleTopUp, payment: models.Payment, voucher: TaxDocument
    ) -> None:
        top_up, at = request.top_up, request.at
        money: dict[str, Any] = {
            **issuing.facts(voucher),
            "payment_id": payment.id,
            "gateway_payment_id": payment.gateway_payment_id,
            "method": payment.method,
        }
        await self._announce(
            session, EventType.PAYMENT_CAPTURED, top_up, at, key=payment.gateway_payment_id, **money
        )
        await self._announce(session, EventType.TOP_UP_PAID, top_up, at, **money)
        await advances.announce(session, self._sinks, voucher, top_up.customer_id, None, at)

    async def _set_aside(self, session: AsyncSession, request: SettleTopUp, payment: models.Payment) -> None:
        if payment.currency == "INR":
            await ledger.post(
                session,
                reference=f"payment/{payment.id}",
                kind="set_aside",
                customer_id=payment.customer_id,
                occurred_at=request.at,
                postings=set_aside(payment.amount_paise),
            )
        await self._announce(
            session,
            EventType.PAYMENT_QUARANTINED,
            request.top_up,
            request.at,
            key=payment.id,
            payment_id=payment.id,
            gateway_payment_id=payment.gateway_payment_id,
            amount_paise=payment.amount_paise,
            currency=payment.currency,
            reason=payment.reason,
        )

    async def _announce(
        self,
        session: AsyncSession,
        event: EventType,
        top_up: TopUp,
        at: datetime,
        key: str | None = None,
        **data: Any,
    ) -> None:
        await outbox.append(
            session,
            key=f"{event}/{key or top_up.id}",
            type=event,
            customer_id=top_up.customer_id,
            subscription_id=None,
            occurred_at=at,
            data={"top_up_id": top_up.id, "amount_paise": top_up.amount_paise, **data},
            sinks=interested(event, self._sinks),
        )


async def _record(session: AsyncSession, request: SettleTopUp, payment_id: str, fate: Fate) -> models.Payment:
    """The payment's row: kept as an advance, or set aside."""
    paid: Paid = request.paid
    payment = models.Payment(
        id=payment_id,
        customer_id=request.top_up.customer_id,
        gateway=paid.gateway,
        gateway_payment_id=paid.payment_id,
        gateway_invoice_id=paid.order_id,
        status="kept" if fate is Fate.ADVANCE else "quarantined",
        amount_paise=paid.amount_paise,
        currency=paid.currency,
        method=paid.method,
        bank_reference=paid.reference,
        reason=_REASONS.get(fate),
        attempted_at=paid.at,
        recorded_at=request.at,
    )
    session.add(payment)
    await session.flush()
    return payment
