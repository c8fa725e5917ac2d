"""Recording what happened to a subscription other than a payment."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.dialects.postgresql import Insert, insert
from temporalio import activity

from activities.settlement import business_id
from db import models, recording
from db.session import Database
from domain.collection import Failure, GatewayPayment
from domain.events import EventType
from domain.subscription import Status, Subscription
from workflows.ports import RecordChange, Recorded, RecordFailure


class Changes:
    """Implements `record_failure` and `record_change`."""

    def __init__(self, database: Database, sinks: Sequence[str]) -> None:
        self._database = database
        self._sinks = sinks

    @activity.defn(name="record_failure")
    async def record_failure(self, request: RecordFailure) -> Recorded:
        """The failed attempt, the state that follows, and one announcement per rung."""
        before, after, failure = request.before, request.after, request.failure
        async with self._database.transaction() as session:
            if not await recording.save(session, before, after, request.at):
                return Recorded(after.version)
            payment = failure.payment
            for attempt in (*failure.earlier, payment):
                await session.execute(_failed(after, failure, attempt, request.at))
            announce = recording.Announcer(session, self._sinks, after, request.at)
            await announce(
                EventType.PAYMENT_FAILED,
                key=f"{after.id}/{failure.id}",
                reason=failure.reason,
                rung=failure.rung,
                cycle=failure.cycle,
                amount_paise=payment.amount_paise,
                gateway_payment_id=payment.id,
                method=payment.method if payment else None,
                checkout_url=after.checkout_url,
            )
            if after.status is Status.PAST_DUE and before.status is not Status.PAST_DUE:
                await announce(EventType.SUBSCRIPTION_PAST_DUE, reason=failure.reason, cycle=failure.cycle)
            await announce.access_change(before)
        return Recorded(after.version)

    @activity.defn(name="record_change")
    async def record_change(self, request: RecordChange) -> Recorded:
        """The new state and its event."""
        before, after = request.before, request.after
        async with self._database.transaction() as session:
            if not await recording.save(session, before, after, request.at):
                return Recorded(after.version)
            announce = recording.Announcer(session, self._sinks, after, request.at)
            if request.event is not EventType.ENTITLEMENT_CHANGED:
                period = after.period
                await announce(
                    request.event,
                    reason=request.reason,
                    actor=request.actor,
                    checkout_url=after.checkout_url,
                    period_end=period.end.isoformat() if period else None,
                    access_until=after.access_until.isoformat() if after.access_until else None,
                    uncollected_cycles=len(after.uncollected),
                )
                await announce.access_change(before)
            else:
                await announce.entitlement(granted=False)
        return Recorded(after.version)


def _failed(after: Subscription, failure: Failure, attempt: GatewayPayment, at: datetime) -> Insert:
    reason = failure.reason if attempt is failure.payment else attempt.error_reason
    row = insert(models.Payment).values(
        id=business_id("pmt", f"{after.gateway}/{attempt.id}"),
        subscription_id=after.id,
        customer_id=after.customer_id,
        cycle=failure.cycle,
        gateway=after.gateway,
        gateway_payment_id=attempt.id,
        gateway_invoice_id="",
        status="failed",
        amount_paise=attempt.amount_paise,
        currency=attempt.currency,
        method=attempt.method,
        bank_reference=attempt.reference,
        reason=reason or failure.reason,
        attempted_at=attempt.attempted_at,
        recorded_at=at,
    )
    return row.on_conflict_do_nothing()
