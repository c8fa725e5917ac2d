"""A subscription whose charges the gateway makes, as one durable run per billing cycle.

Webhooks only wake it; what it acts on is what the gateway's API says (`workflows.life` has the loop).
"""

from dataclasses import replace
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

from domain import dunning
from domain.errors import Refused
from domain.events import EventType
from domain.money import rupees
from domain.subscription import (
    TRANSITIONS,
    Status,
    Trigger,
    cancels_at_period_end,
    check_command,
)
from workflows import messages, options, ports
from workflows.following import Following
from workflows.life import Answer, Life
from workflows.messages import CommandRefused, CommandRequest, GatewayEvent, Opened, StartSubscription

_AS_ASKED = "cancelled at the period's end, as asked"


@workflow.defn(name=messages.WORKFLOW_NAME)
class SubscriptionWorkflow(Life, Following):
    """See the module."""

    @workflow.init
    def __init__(self, start: StartSubscription) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, _start: StartSubscription) -> Status:
        """Runs until the subscription has ended and its access with it."""
        return await self._live()

    async def _open_checkout(self) -> None:
        subscription = self._subscription
        try:
            opened = await workflow.execute_activity(
                ports.open_checkout,
                ports.OpenCheckout(subscription, self._now()),
                summary=f"checkout for {rupees(subscription.charge_paise)}",
                **options.GATEWAY,
            )
        except ActivityError as error:
            workflow.logger.warning("checkout not opened yet", extra={"cause": str(error.cause)})
            self._looks += 1
            self._wake_at = self._now() + timedelta(minutes=min(2**self._looks, 60))
            return
        if opened.refused is not None:
            after = subscription.moved(Trigger.CANCELLED)
            await self._record(
                EventType.SUBSCRIPTION_CANCELLED, after, f"the gateway refused: {opened.refused}"
            )
            self._opened = Opened(subscription.id, after.status, refused=opened.refused)
            return
        self._subscription = replace(
            subscription, gateway_id=opened.gateway_id, checkout_url=opened.checkout_url
        )
        self._opened = Opened(subscription.id, subscription.status, opened.checkout_url)
        self._looks = 0
        self._plan_next_wake()

    # Messages and timers, one at a time.

    async def _hear(self, event: GatewayEvent) -> None:
        if event.payment_id is None or event.payment_id not in self._subscription.settled:
            await self._follow_gateway(event.payment_id)

    async def _act_when_due(self) -> None:
        subscription, now = self._subscription, self._now()
        if subscription.access_until is not None and subscription.access_until <= now:
            after = replace(subscription, access_until=None, version=subscription.version + 1)
            await self._record(EventType.ENTITLEMENT_CHANGED, after, "what was paid for is used up")
        elif subscription.gateway_id is None:
            await self._open_checkout()
            return
        elif subscription.cancel_at_period_end:
            await self._cancel_as_planned()
        elif subscription.status is Status.CREATED and self._checkout_is_over(now):
            await self._expire()
        else:
            await self._follow_gateway()
        self._plan_next_wake()

    def _checkout_is_over(self, now: datetime) -> bool:
        expiry = self._subscription.checkout_expires_at
        return expiry is not None and now >= expiry + dunning.DEFAULT_PATIENCE.checkout_margin

    async def _cancel_as_planned(self) -> None:
        """The last moment of a cancellation at period end: only now is the gateway told (razorpay.md 2.5)."""
        told = await self._instruct(ports.Instruction.CANCEL)
        if told is not None:
            late = self._subscription.cancellation_overtaken
            reason = "cancelled as asked, after one more charge" if late else _AS_ASKED
            await self._learn(told.snapshot, reason=reason)
        if not self._subscription.is_final:
            self._looks += 1

    async def _expire(self) -> None:
        """Nobody paid in time: see whether someone slipped in, else close the door and see again."""
        if not await self._follow_gateway() or self._subscription.status is not Status.CREATED:
            return
        told = await self._instruct(ports.Instruction.CANCEL)
        if told is None:
            self._looks += 1
            return
        await self._settle_all(told.snapshot)
        if (self._subscription.status, Trigger.EXPIRED) in TRANSITIONS:
            await self._end(Trigger.EXPIRED, "not paid in time")
        else:
            await self._learn(told.snapshot)

    # Commands.

    async def _cancel(self, request: CommandRequest, reason: str) -> Answer:
        """At the period's end if one is paid; the books are read first, for a payment may just have come."""
        if not cancels_at_period_end(self._subscription, self._now()) and self._subscription.gateway_id:
            if not await self._follow_gateway():
                return self._unconfirmed()
            try:
                check_command(self._subscription, request.command)
            except Refused as error:
                return CommandRefused(str(error), error.state, error.allowed)
        before = self._subscription
        if not cancels_at_period_end(before, self._now()):
            return await self._cancel_now(reason, request.actor)
        return await self._schedule_cancellation(reason, request.actor)

    async def _cancel_now(self, reason: str, actor: str, *, access_ends_now: bool = False) -> Answer:
        if not await self._checkout_is_known():
            return self._unconfirmed()
        if self._subscription.gateway_id is None:
            await self._end(Trigger.CANCELLED, reason, actor)
            return self._reply("Cancelled.")
        return await self._tell(
            ports.Instruction.CANCEL, Status.CANCELLED, reason, actor, access_ends_now=access_ends_now
        )

    async def _pause(self, reason: str, actor: str) -> Answer:
        return await self._tell(ports.Instruction.PAUSE, Status.PAUSED, reason, actor)

    async def _resume(self, reason: str, actor: str) -> Answer:
        return await self._tell(ports.Instruction.RESUME, Status.ACTIVE, reason, actor)

    async def _checkout_is_known(self) -> bool:
        """Whether it is certain what the gateway has of it: the reply to its creation may have been lost."""
        subscription = self._subscription
        if subscription.is_free or subscription.gateway_id is not None:
            return True
        try:
            found = await workflow.execute_activity(
                ports.find_checkout,
                ports.OpenCheckout(subscription, self._now()),
                summary="did an earlier attempt arrive?",
                **options.GATEWAY,
            )
        except ActivityError as error:
            workflow.logger.warning("no certainty about the checkout", extra={"cause": str(error.cause)})
            return False
        self._subscription = replace(
            subscription, gateway_id=found.gateway_id, checkout_url=found.checkout_url
        )
        return True

    async def _tell(
        self,
        instruction: ports.Instruction,
        wanted: Status,
        reason: str,
        actor: str,
        *,
        access_ends_now: bool = False,
    ) -> Answer:
        """Tell the gateway and believe only what its books say afterwards."""
        told = await self._instruct(instruction)
        if told is None:
            return self._unconfirmed()
        await self._learn(told.snapshot, reason=reason, actor=actor, access_ends_now=access_ends_now)
        if self._subscription.status is wanted:
            return self._reply(f"It is {wanted} now.")
        detail = f" It says: {told.refused}" if told.refused else ""
        message = f"The payment gateway did not {instruction} the subscription.{detail}"
        return CommandRefused(message, self._subscription.status)

    def _plan_next_wake(self) -> None:
        if self._subscription.gateway_id is None and not self._subscription.is_free:
            return
        self._wake_at = dunning.next_wake(self._subscription, self._now(), self._looks)
        if self._unread:
            soon = dunning.after_failed_look(self._now(), self._looks)
            self._wake_at = soon if self._wake_at is None else min(self._wake_at, soon)
