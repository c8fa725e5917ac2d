"""Following the gateway: reading its books, telling it things, and recording what is new.

For charges that the gateway makes on a clock of its own; `subscription.py` decides when.
"""

from dataclasses import replace

from temporalio import workflow
from temporalio.exceptions import ActivityError

from domain import collection
from domain.collection import CollectionSnapshot
from domain.events import EventType
from domain.subscription import TRANSITIONS, Trigger
from workflows import options, ports
from workflows.recording import Recording


class Following(Recording):
    """For a subscription whose charges the gateway makes by itself."""

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

    async def _record_uncollected(self, cycles: tuple[int, ...]) -> None:
        before = self._subscription
        after = replace(before, uncollected=cycles, version=before.version + 1)
        new = sorted(set(cycles) - set(before.uncollected))
        names = ", ".join(str(cycle + 1) for cycle in new)
        reason = f"the gateway gave up on cycle {names}"
        await self._record(EventType.CHARGE_UNCOLLECTED, after, reason)
