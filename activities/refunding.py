"""Money on its way back: reserved, asked for at the gateway, and booked with its note when it has gone."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities import crediting
from activities.crediting import LOCK, Crediting
from activities.settlement import business_id
from db import ledger, models, outbox, wallet
from db.session import Database
from domain.credit import MoneyBack
from domain.document import DocumentKind, TaxDocument
from domain.errors import GatewayRefused, InvalidInput, Refused, Unavailable
from domain.events import EventType, interested
from domain.ledger import Account, paid_out, returned
from domain.money import rupees
from domain.periods import india_date
from domain.refund import SETTLED, RefundAtGateway, RefundOrigin, RefundStanding, RefundStatus, left_to_refund
from gateways.base import NewRefund, RefundsByName
from workflows.ports import (
    NoticeRefund,
    ReadRefund,
    RecordRefund,
    RefundAnswer,
    Reserved,
    ReserveRefund,
    SendRefund,
)

_REFUNDABLE = ("captured", "quarantined", "kept")


class Refunding:
    """Implements `reserve_refund`, `notice_refund`, `send_refund`, `read_refund` and `record_refund`."""

    def __init__(
        self,
        database: Database,
        gateways: Mapping[str, RefundsByName],
        crediting: Crediting,
        sinks: Sequence[str],
    ) -> None:
        self._database = database
        self._gateways = gateways
        self._crediting = crediting
        self._sinks = sinks

    @activity.defn(name="reserve_refund")
    async def reserve_refund(self, request: ReserveRefund) -> Reserved:
        """The payment is locked meanwhile: fifty at once never exceed it, nor what is left of its invoice."""
        async with self._database.transaction() as session:
            payment = await session.get_one(models.Payment, request.payment_id, with_for_update=LOCK)
            known = await session.get(models.Refund, request.refund_id)
            if known is not None:
                return Reserved(
                    known.id, payment.gateway_payment_id, known.amount_paise, gateway=payment.gateway
                )
            one_at_a_time = self._gateways[payment.gateway].one_refund_at_a_time
            if one_at_a_time and await _is_under_way(session, payment.id):
                return Reserved(
                    refused=f"{payment.gateway} takes one refund of a payment at a time: "
                    "see how the one under way ends first.",
                    state="refund_under_way",
                )
            document_id = request.document_id or await _voucher_of(session, payment)
            left = await _left(session, payment, document_id)
            amount = left if request.amount_paise is None else request.amount_paise
            if payment.status not in _REFUNDABLE or not 0 < amount <= left:
                return _too_much(payment, request.amount_paise, left)
            refund = models.Refund(
                id=request.refund_id,
                payment_id=payment.id,
                document_id=document_id,
                customer_id=payment.customer_id,
                subscription_id=payment.subscription_id,
                gateway=payment.gateway,
                amount_paise=amount,
                currency=payment.currency,
                speed=request.speed.value,
                status=RefundStatus.REQUESTED.value,
                origin=RefundOrigin.BAHI.value,
                reason=request.reason,
                actor=request.actor,
                requested_at=request.at,
            )
            session.add(refund)
            await self._announce(session, EventType.REFUND_REQUESTED, refund, request.at)
            return Reserved(refund.id, payment.gateway_payment_id, amount, gateway=payment.gateway)

    @activity.defn(name="notice_refund")
    async def notice_refund(self, request: NoticeRefund) -> Reserved:
        """A fact: no limit of ours applies to it any more. Raises Unavailable until its payment is booked."""
        seen = request.seen
        async with self._database.transaction() as session:
            row = models.Payment
            query = select(row).where(
                row.gateway == request.gateway, row.gateway_payment_id == seen.payment_id
            )
            payment = await session.scalar(query.with_for_update(key_share=True))
            if payment is None:
                raise Unavailable(f"refund {seen.id} is of {seen.payment_id}, which is not booked yet")
            document_id = await session.scalar(
                select(models.Document.id).where(
                    models.Document.payment_id == payment.id, models.Document.original_id.is_(None)
                )
            )
            values = {
                "id": request.refund_id,
                "payment_id": payment.id,
                "document_id": document_id,
                "customer_id": payment.customer_id,
                "subscription_id": payment.subscription_id,
                "gateway": payment.gateway,
                "gateway_refund_id": seen.id,
                "amount_paise": seen.amount_paise,
                "currency": seen.currency,
                "speed": seen.speed_requested.value,
                "status": RefundStatus.REQUESTED.value,
                "origin": RefundOrigin.DASHBOARD.value,
                "reason": "made in the gateway's dashboard",
                "actor": "gateway",
                "requested_at": seen.created_at,
            }
            await session.execute(insert(models.Refund).values(values).on_conflict_do_nothing())
            kept = select(models.Refund.id).where(
                models.Refund.gateway == payment.gateway, models.Refund.gateway_refund_id == seen.id
            )
            # Another row where the webhook and the look, or two people, told of the same refund.
            refund_id = (await session.scalars(kept)).one()
            return Reserved(refund_id, payment.gateway_payment_id, seen.amount_paise, gateway=payment.gateway)

    @activity.defn(name="send_refund")
    async def send_refund(self, request: SendRefund) -> RefundAnswer:
        """Under one key however often; what may have arrived before is looked for first (razorpay.md 1.8)."""
        new = NewRefund(
            request.refund_id, request.gateway_payment_id, request.amount_paise, request.speed, request.reason
        )
        gateway = self._gateways[request.gateway]
        if request.repeated or activity.info().attempt > 1:
            found = await gateway.find_refund(new.gateway_payment_id, new.refund_id)
            if found is not None:
                return RefundAnswer(found)
        try:
            return RefundAnswer(await gateway.refund(new))
        except GatewayRefused as error:
            # "Already refunded" may be about our own earlier request.
            found = await gateway.find_refund(new.gateway_payment_id, new.refund_id)
            return RefundAnswer(found, "" if found else str(error))

    @activity.defn(name="read_refund")
    async def read_refund(self, request: ReadRefund) -> RefundAtGateway:
        """The gateway's truth; changes nothing."""
        gateway = self._gateways[request.gateway]
        return await gateway.read_refund(request.gateway_payment_id, request.gateway_refund_id)

    @activity.defn(name="record_refund")
    async def record_refund(self, request: RecordRefund) -> RefundStanding:
        """Every change once; a refund that has ended stays as it ended."""
        async with self._database.transaction() as session:
            refund = await session.get_one(models.Refund, request.refund_id, with_for_update=True)
            if RefundStatus(refund.status) not in SETTLED:
                seen = request.answer.seen
                if seen is None:
                    await self._fail(session, refund, request.answer.refused, request.at)
                else:
                    await self._learn(session, refund, seen, request.at)
            return RefundStanding(
                refund.id,
                RefundStatus(refund.status),
                refund.amount_paise,
                refund.failure or "",
                refund.note_id,
            )

    async def _learn(
        self, session: AsyncSession, refund: models.Refund, seen: RefundAtGateway, at: datetime
    ) -> None:
        row = models.Refund
        same = select(row.id).where(
            row.gateway == refund.gateway, row.gateway_refund_id == seen.id, row.id != refund.id
        )
        other = await session.scalar(same)
        if other is not None:  # its notes were edited, so that it looked like somebody else's
            await self._fail(session, refund, f"it is on record as {other}", at)
            return
        refund.gateway_refund_id = seen.id
        slowed = refund.speed == "optimum" and refund.speed_processed is None
        if seen.speed_processed is not None:
            refund.speed_processed = seen.speed_processed.value
            if slowed and refund.speed_processed == "normal":
                await self._announce(session, EventType.REFUND_SPEED_CHANGED, refund, at)
        if seen.status is RefundStatus.FAILED:
            await self._fail(session, refund, "the bank did not take it; the gateway gave up", at)
        elif seen.status is RefundStatus.PROCESSED:
            await self._settle(session, refund, at)
        else:
            refund.status = seen.status.value

    async def _fail(self, session: AsyncSession, refund: models.Refund, why: str, at: datetime) -> None:
        refund.status, refund.failure, refund.settled_at = RefundStatus.FAILED.value, why, at
        await self._announce(session, EventType.REFUND_FAILED, refund, at, reason=why)

    async def _settle(self, session: AsyncSession, refund: models.Refund, at: datetime) -> None:
        """The money has gone: credit note or refund voucher, ledger and events."""
        payment = await session.get_one(models.Payment, refund.payment_id, with_for_update=LOCK)
        if _is_advance(refund.document_id or ""):
            await wallet.lock_one(session, refund.customer_id)
        refund.status, refund.settled_at = RefundStatus.PROCESSED.value, at
        owed = await self._pay_out(session, refund, at) if refund.document_id else 0
        rest = refund.amount_paise - owed
        note = await self._note(session, refund, rest, at) if refund.document_id and rest else None
        refund.note_id = note.id if note else None
        unexplained = rest - (note.amount.total_paise if note else 0)
        if unexplained and payment.currency == "INR":
            await ledger.post(
                session,
                reference=f"refund/{refund.id}",
                kind="refund",
                customer_id=refund.customer_id,
                occurred_at=at,
                postings=returned(unexplained),
            )
        if payment.status != "captured" and not left_to_refund(
            payment.amount_paise, await _refunds(session, payment.id)
        ):
            payment.status = "returned"
        await self._announce(session, EventType.PAYMENT_REFUNDED, refund, at, unexplained_paise=unexplained)

    async def _pay_out(self, session: AsyncSession, refund: models.Refund, at: datetime) -> int:
        """What the customer is owed from earlier credit notes on the invoice goes first: it has its note."""
        original = await crediting.locked(session, str(refund.document_id))
        if await crediting.is_void(session, original.id):
            return 0
        owed = min(refund.amount_paise, await crediting.owed_of(session, original.id))
        if owed:
            await ledger.post(
                session,
                reference=f"refund/{refund.id}/balance",
                kind="balance_paid_out",
                customer_id=refund.customer_id,
                document_id=original.id,
                occurred_at=at,
                postings=paid_out(owed),
            )
        return owed

    async def _note(
        self, session: AsyncSession, refund: models.Refund, amount_paise: int, at: datetime
    ) -> TaxDocument | None:
        """Over what can be credited: money that went past us may be more, or too little for a note."""
        original = await crediting.locked(session, str(refund.document_id))
        if await crediting.is_void(session, original.id):
            return None
        creditable = min(amount_paise, await crediting.left_to_credit(session, original))
        if _is_advance(original.id):
            await session.flush()  # this refund is under way no more
            in_wallet = await wallet.available(session, [refund.customer_id])
            creditable = min(creditable, in_wallet[refund.customer_id])
        if creditable <= 0:
            return None
        try:
            async with session.begin_nested():  # a refusal gives the number back
                return await self._crediting.give_back(
                    session,
                    original,
                    note_id=_note_id(refund),
                    amount_paise=creditable,
                    to=Account.GATEWAY_CLEARING,
                    reason=refund.reason,
                    at=at,
                    back=MoneyBack(refund.gateway_refund_id or "", india_date(at)),
                )
        except (Refused, InvalidInput) as error:
            activity.logger.error("a refund has no note", extra={"refund": refund.id, "why": str(error)})
            return None

    async def _announce(
        self,
        session: AsyncSession,
        event: EventType,
        refund: models.Refund,
        at: datetime,
        reason: str | None = None,
        unexplained_paise: int = 0,
    ) -> None:
        """`unexplained_paise`: what went back without a note."""
        data = {
            "refund_id": refund.id,
            "gateway_refund_id": refund.gateway_refund_id,
            "payment_id": refund.payment_id,
            "invoice_id": refund.document_id,
            "note_id": refund.note_id,
            "amount_paise": refund.amount_paise,
            "unexplained_paise": unexplained_paise,
            "currency": refund.currency,
            "speed": refund.speed,
            "origin": refund.origin,
            "reason": reason or refund.reason,
            "actor": refund.actor,
            "subscription_id": refund.subscription_id,
        }
        await outbox.append(
            session,
            key=f"{event}/{refund.id}",
            type=event,
            customer_id=refund.customer_id,
            subscription_id=refund.subscription_id,
            occurred_at=at,
            data=data,
            sinks=interested(event, self._sinks),
        )


async def _refunds(session: AsyncSession, payment_id: str) -> Sequence[models.Refund]:
    return (await session.scalars(select(models.Refund).where(models.Refund.payment_id == payment_id))).all()


async def _is_under_way(session: AsyncSession, payment_id: str) -> bool:
    refunds = await _refunds(session, payment_id)
    return any(RefundStatus(each.status) not in SETTLED for each in refunds)


async def _left(session: AsyncSession, payment: models.Payment, document_id: str | None) -> int:
    """What may still go back: of the payment, and of its document less notes and refunds on their way."""
    refunds = await _refunds(session, payment.id)
    left = left_to_refund(payment.amount_paise, refunds)
    if document_id is None:
        return left
    if _is_advance(document_id):
        await wallet.lock_one(session, payment.customer_id)
    document = await crediting.locked(session, document_id)
    if await crediting.is_void(session, document_id):
        return left
    owed = await crediting.owed_of(session, document_id)
    under_way = sum(each.amount_paise for each in refunds if RefundStatus(each.status) not in SETTLED)
    left = min(left, owed + await crediting.left_to_credit(session, document) - under_way)
    if _is_advance(document_id):
        # What was drawn from the wallet is gone, though no invoice says yet of which advance.
        left = min(left, (await wallet.available(session, [payment.customer_id]))[payment.customer_id])
    return left


async def _voucher_of(session: AsyncSession, payment: models.Payment) -> str | None:
    """The receipt voucher of money that was kept."""
    row = models.Document
    return await session.scalar(
        select(row.id).where(row.payment_id == payment.id, row.kind == DocumentKind.RECEIPT_VOUCHER.value)
    )


def _note_id(refund: models.Refund) -> str:
    """A refund voucher where an advance goes back, else a credit note."""
    return business_id("rfv" if _is_advance(str(refund.document_id)) else "crn", refund.id)


def _is_advance(document_id: str) -> bool:
    """Receipt vouchers bear it in their ids."""
    return document_id.startswith("rcv_")


def _too_much(payment: models.Payment, asked: int | None, left: int) -> Reserved:
    if payment.status not in _REFUNDABLE:
        return Reserved(
            refused=f"The payment is {payment.status}: there is nothing to give back.", state=payment.status
        )
    if left <= 0:
        return Reserved(refused="Everything is given back already, or on its way.", state="refunded")
    words = "" if asked is None else f"{rupees(asked)} was asked for, but "
    return Reserved(
        refused=f"{words}{rupees(left)} is left to give back: lower the amount.",
        state="partly_refunded",
        allowed=("a lower amount",),
    )


def _standing(refund: models.Refund) -> RefundStanding:
    status = RefundStatus(refund.status)
    return RefundStanding(refund.id, status, refund.amount_paise, refund.failure or "", refund.note_id)
