"""Recording what happened to a subscription: money booked or set aside, failures, changes of state.

What every subscription's run does, whoever owns its charge clock. `following.py` and `renewing.py` find
out what there is to record.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from domain import collection
from domain.collection import Charge, Failure
from domain.events import EventType, announced_by
from domain.money import rupees
from domain.subscription import Subscription, Trigger
from workflows import messages, options, ports, search_attributes
from workflows.messages import Superseded


class Recording:
    """Holds the subscription as last recorded."""

    def __init__(self, subscription: Subscription, offset: timedelta, looks: int) -> None:
        self._subscription = subscription
        self._offset = offset
        self._looks = looks
        """Looks at the gateway in vain since the last thing learned."""
        self._unread = False
        """The last look failed: the books may hold something we were told of."""
        self._cycle_done = False

    def _now(self) -> datetime:
        return workflow.now() + self._offset

    async def _settle(self, charge: Charge) -> None:
        before = self._subscription
        after = collection.settled(before, charge)
        settled = await workflow.execute_activity(
            ports.settle_charge,
            ports.SettleCharge(before, after, charge, self._now()),
            summary=f"settle {rupees(charge.payment.amount_paise)} for cycle {charge.cycle + 1}",
            activity_id=f"settle-{before.id}-{charge.cycle}",
            **options.BOOKS,
        )
        self._subscription = after
        self._cycle_done = True
        if settled.superseded_id is not None:
            await self._supersede(settled.superseded_id)

    async def _supersede(self, free_id: str) -> None:
        free = workflow.get_external_workflow_handle(ports.subscription_workflow_id(free_id))
        try:
            await free.signal(messages.SUPERSEDED_SIGNAL, Superseded(self._subscription.id))
        except ApplicationError:
            workflow.logger.info("the Free subscription had ended already", extra={"free_id": free_id})

    async def _set_aside(self, charge: Charge, reason: str) -> ports.Recorded:
        before = self._subscription
        after = collection.set_aside(before, charge)
        recorded = await workflow.execute_activity(
            ports.set_aside_payment,
            ports.SetAsidePayment(before, after, charge, reason, self._now()),
            summary=f"quarantine: {reason}",
            **options.BOOKS,
        )
        self._subscription = after
        return recorded

    async def _record_failure(self, failure: Failure) -> None:
        before = self._subscription
        after = collection.failed(before, failure)
        await workflow.execute_activity(
            ports.record_failure,
            ports.RecordFailure(before, after, failure, self._now()),
            summary=f"rung {failure.rung} failed: {failure.reason}",
            **options.BOOKS,
        )
        self._become(after)

    async def _end(
        self, trigger: Trigger, reason: str, actor: str = "gateway", access_ends_at: datetime | None = None
    ) -> None:
        """Move by `trigger`; access that would end in the past or now is closed in the same step."""
        after = self._subscription.moved(trigger, access_ends_at=access_ends_at)
        if after.access_until is not None and after.access_until <= self._now():
            after = replace(after, access_until=None)
        await self._record(announced_by(trigger), after, reason, actor)

    async def _record(
        self, event: EventType, after: Subscription, reason: str, actor: str = "gateway"
    ) -> None:
        await workflow.execute_activity(
            ports.record_change,
            ports.RecordChange(self._subscription, after, event, reason, self._now(), actor),
            summary=f"{event}: {reason}",
            **options.BOOKS,
        )
        self._become(after)

    def _become(self, after: Subscription) -> None:
        moved = after.status is not self._subscription.status
        self._subscription = after
        if moved:
            workflow.upsert_search_attributes([search_attributes.STATUS.value_set(after.status.value)])
