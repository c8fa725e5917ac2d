"""Following the gateway: reading its books, telling it things, and recording what is new.

The part of a subscription's run that turns facts into records; `subscription.py` decides when.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from domain import collection
from domain.collection import Charge, CollectionSnapshot, Failure
from domain.events import EventType, announced_by
from domain.money import rupees
from domain.subscription import TRANSITIONS, Subscription, Trigger
from workflows import messages, options, ports, search_attributes
from workflows.messages import Superseded


class Following:
    """Holds the subscription as last recorded."""

    def __init__(self, subscription: Subscription, offset: timedelta, looks: int) -> None:
        self._subscription = subscription
        self._offset = offset
        self._looks = looks
        self._unread = False
        """The last look failed: the books may hold something we were told of."""
        self._cycle_done = False

    def _now(self) -> datetime:
        return workflow.now() + self._offset

    async def _follow_gateway(self, payment_id: str | None = None) -> bool:
        """Look at the gateway's books and record whatever is new in them; False if that was not possible."""
        if self._subscription.gateway_id is None:
            return False
        try:
            snapshot = await workflow.execute_activity(
                ports.read_collection,
                ports.ReadCollection(self._subscription, self._now(), payment_id),
                summary="what does the gateway say?",
                **options.GATEWAY,
            )
        except ActivityError as error:
            workflow.logger.warning("gateway could not be read", extra={"cause": str(error.cause)})
            self._looks += 1
            self._unread = True
            return False
        self._unread = False
        version = self._subscription.version
        await self._learn(snapshot)
        self._looks = 0 if self._subscription.version != version else self._looks + 1
        return True

    async def _instruct(self, instruction: ports.Instruction) -> ports.Instructed | None:
        """None when the gateway could not be reached."""
        try:
            told = await workflow.execute_activity(
                ports.instruct_gateway,
                ports.InstructGateway(self._subscription, instruction, self._now()),
                summary=f"{instruction} at the gateway",
                **options.GATEWAY,
            )
        except ActivityError as error:
            workflow.logger.warning("gateway not told", extra={"cause": str(error.cause)})
            return None
        self._unread = False  # it was read after it was told
        return told

    async def _learn(
        self,
        snapshot: CollectionSnapshot,
        *,
        reason: str = "",
        actor: str = "gateway",
        access_ends_now: bool = False,
    ) -> None:
        """Money first, then failures, then what was given up, then the state that remains."""
        await self._settle_all(snapshot)
        for failure in collection.new_failures(self._subscription, snapshot):
            if (self._subscription.status, Trigger.CHARGE_FAILED) in TRANSITIONS:
                await self._record_failure(failure)
        trigger = collection.remaining_trigger(self._subscription, snapshot)
        if trigger is not None:
            ends_at = self._now() if access_ends_now and trigger is Trigger.CANCELLED else None
            await self._end(trigger, reason or f"the gateway says {snapshot.status}", actor, ends_at)
        uncollected = collection.uncollected_cycles(self._subscription, snapshot)
        if set(uncollected) - set(self._subscription.uncollected):
            await self._record_uncollected(uncollected)
        self._subscription = replace(self._subscription, charge_at=snapshot.charge_at)

    async def _settle_all(self, snapshot: CollectionSnapshot) -> None:
        for charge in collection.unsettled_charges(self._subscription, snapshot):
            reason = collection.mismatch(self._subscription, charge)
            if reason is None:
                await self._settle(charge)
            else:
                await self._set_aside(charge, reason)

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

    async def _set_aside(self, charge: Charge, reason: str) -> None:
        before = self._subscription
        after = collection.set_aside(before, charge)
        await workflow.execute_activity(
            ports.set_aside_payment,
            ports.SetAsidePayment(before, after, charge, reason, self._now()),
            summary=f"quarantine: {reason}",
            **options.BOOKS,
        )
        self._subscription = after

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

    async def _record_uncollected(self, cycles: tuple[int, ...]) -> None:
        before = self._subscription
        after = replace(before, uncollected=cycles, version=before.version + 1)
        new = sorted(set(cycles) - set(before.uncollected))
        names = ", ".join(str(cycle + 1) for cycle in new)
        reason = f"the gateway gave up on cycle {names}"
        await self._record(EventType.CHARGE_UNCOLLECTED, after, reason)

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
