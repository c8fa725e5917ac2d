"""Reading Razorpay's books on one subscription: bills, attempts, and what its lists still hide.

List answers lag minutes behind answers by id (razorpay.md 1.0), so whatever has an id is read by id
as soon as a list and the subscription disagree.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import structlog

from domain.collection import CollectionSnapshot, GatewayPayment, GatewayStatus
from domain.errors import GatewayRefused, GatewayUnavailable
from domain.subscription import REMEMBERED
from gateways import razorpay_entities as entities
from gateways.razorpay_client import RazorpayClient, Sdk
from gateways.razorpay_entities import Agreement, Bill

_BEGUN = frozenset(
    {GatewayStatus.ACTIVE, GatewayStatus.PENDING, GatewayStatus.HALTED, GatewayStatus.COMPLETED}
)
"""States that no subscription reaches without a bill."""
_UNKNOWN_ID = (400, 404)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Attempted:
    """A bill and every attempt to collect it."""

    bill: Bill
    attempts: tuple[GatewayPayment, ...]

    @property
    def is_paid(self) -> bool:
        return self.bill.is_paid or any(attempt.is_captured for attempt in self.attempts)


@dataclass(frozen=True)
class _Hint:
    """A payment a webhook spoke of, read by its id."""

    payment: GatewayPayment
    bill_id: str


class CollectionReader:
    """Answers `SubscriptionGateway.read`."""

    def __init__(self, client: RazorpayClient) -> None:
        self._client = client

    async def read(
        self, gateway_id: str, *, settled: frozenset[str], payment_id: str | None, at: datetime
    ) -> CollectionSnapshot:
        """Raises GatewayUnavailable also while the lists hide a bill that the subscription counts as paid."""
        wanted = None if payment_id in settled else payment_id
        bills, hint = await asyncio.gather(self._bills(gateway_id), self._hint(wanted))
        if hint is not None and hint.bill_id not in {bill.id for bill in bills}:
            unlisted = await self._bill(hint.bill_id)
            if unlisted.subscription_id == gateway_id:
                bills.append(unlisted)
            else:
                _log.warning("hint_of_another_subscription", subscription=gateway_id, payment=payment_id)
        booked = _booked(bills, settled)
        looked = await self._complete((bill for bill in bills if bill.id not in booked), hint)
        # The subscription comes last: should a debit fall between these reads, the doubt it raises makes
        # us look again; the other way round we would report a fresh bill under a stale state.
        agreement = await self.agreement(gateway_id)
        looked = await self._dispel_doubt(agreement, looked, len(booked))
        first_cycle = agreement.started_at or agreement.created_at
        invoices = [entities.with_attempts(each.bill, each.attempts, first_cycle) for each in looked]
        return CollectionSnapshot(
            status=agreement.status,
            read_at=at,
            started_at=agreement.started_at,
            charge_at=agreement.charge_at,
            paid_count=agreement.paid_count,
            invoices=tuple(sorted(invoices, key=lambda invoice: (invoice.cycle_start, invoice.id))),
            payment_method=agreement.payment_method,
        )

    async def agreement(self, gateway_id: str) -> Agreement:
        """The subscription, by its id."""
        return await self._client.ask(
            f"read subscription {gateway_id}",
            lambda sdk: entities.agreement(sdk.subscription.fetch(gateway_id)),
        )

    async def subscription_of_bill(self, bill_id: str) -> str | None:
        """None for a bill that is not a subscription's, or not known."""
        try:
            return (await self._bill(bill_id)).subscription_id
        except GatewayRefused as error:
            if error.status in _UNKNOWN_ID:
                return None
            raise

    async def _dispel_doubt(
        self, agreement: Agreement, looked: list[_Attempted], booked: int
    ) -> list[_Attempted]:
        """Where more is said to be paid than the lists show, ask for the unpaid bills by id.

        `paid_count` may be off by one either way, so a visible bill that stays unpaid is believed; a
        payment whose bill is not visible at all is not.
        """
        said = max(agreement.paid_count, 1 if agreement.status in _BEGUN else 0)
        if said <= booked + sum(each.is_paid for each in looked):
            return looked
        if said > booked + len(looked):
            raise GatewayUnavailable(
                f"read subscription {agreement.id}: Razorpay counts {said} cycles and lists "
                f"{booked + len(looked)} bills; its lists lag by minutes, look again"
            )
        unpaid = [each.bill.id for each in looked if not each.is_paid]
        fresh = await asyncio.gather(*(self._bill(bill_id) for bill_id in unpaid))
        paid = {each.bill.id: each for each in await self._complete((b for b in fresh if b.is_paid), None)}
        return [paid.get(each.bill.id, each) for each in looked]

    async def _bills(self, gateway_id: str) -> list[Bill]:
        query = {"subscription_id": gateway_id}
        listed = self._client.ask_all(
            f"list bills of {gateway_id}",
            lambda sdk, paging: sdk.invoice.all(query | paging),
            entities.bill,
        )
        # By id, for a bill issued between two pages moves one onto the next page.
        return list({bill.id: bill async for bill in listed}.values())

    async def _bill(self, bill_id: str) -> Bill:
        return await self._client.ask(
            f"read bill {bill_id}", lambda sdk: entities.bill(sdk.invoice.fetch(bill_id))
        )

    async def _payment(self, payment_id: str) -> GatewayPayment:
        return await self._client.ask(
            f"read payment {payment_id}", lambda sdk: entities.payment(sdk.payment.fetch(payment_id))
        )

    async def _hint(self, payment_id: str | None) -> _Hint | None:
        """None for what pays no bill (a mandate's authorisation) and for what Razorpay does not know."""
        if payment_id is None:
            return None

        def fetch(sdk: Sdk) -> _Hint | None:
            answer = sdk.payment.fetch(payment_id)
            bill_id = entities.bill_id_of_payment(answer)
            return None if bill_id is None else _Hint(entities.payment(answer), bill_id)

        try:
            return await self._client.ask(f"read payment {payment_id}", fetch)
        except GatewayRefused as error:
            if error.status not in _UNKNOWN_ID:
                raise
            _log.warning("hint_unknown_to_gateway", payment=payment_id)
            return None

    async def _complete(self, bills: Iterable[Bill], hint: _Hint | None) -> list[_Attempted]:
        return list(await asyncio.gather(*(self._attempted(bill, hint) for bill in bills)))

    async def _attempted(self, bill: Bill, hint: _Hint | None) -> _Attempted:
        """All attempts of the bill's order; the one that paid it, and the hinted one, as read by id."""
        attempts: dict[str, GatewayPayment] = {}
        if bill.order_id is not None:
            listed = await self._client.ask(
                f"list payments of {bill.order_id}",
                lambda sdk: [
                    entities.payment(item) for item in entities.items(sdk.order.payments(bill.order_id))
                ],
            )
            attempts = {attempt.id: attempt for attempt in listed}
        if hint is not None and hint.bill_id == bill.id:
            attempts[hint.payment.id] = hint.payment
        payer = attempts.get(bill.payment_id or "")
        if bill.payment_id is not None and (payer is None or not payer.is_captured):
            attempts[bill.payment_id] = await self._payment(bill.payment_id)
        return _Attempted(bill, tuple(attempts.values()))


def _booked(bills: list[Bill], settled: frozenset[str]) -> frozenset[str]:
    """Bills whose payment needs no more looking at.

    `settled` names the latest payments only. Once it is full, a bill paid before the earliest of them
    has been booked before it too.
    """
    remembered = {bill.id for bill in bills if bill.is_paid and bill.payment_id in settled}
    if len(settled) < REMEMBERED:
        return frozenset(remembered)
    moments = [bill.paid_at for bill in bills if bill.id in remembered and bill.paid_at is not None]
    earliest = min(moments, default=None)
    forgotten = {
        bill.id
        for bill in bills
        if bill.is_paid and earliest is not None and bill.paid_at is not None and bill.paid_at < earliest
    }
    return frozenset(remembered | forgotten)
