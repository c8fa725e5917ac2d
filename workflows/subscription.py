"""A subscription's whole life, as one durable run per billing cycle.

Single writer: handlers check and enqueue, one loop takes one message at a time, or the timer that is
due. Webhooks only wake it; what it acts on is what the gateway's API says. Sleep first: a run ends when
a cycle is done, so that the next begins with its timer (decision records 0002 and 0003).
"""

from collections import deque
from dataclasses import replace
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from domain import dunning
from domain.errors import Refused
from domain.events import EventType
from domain.money import rupees
from domain.subscription import (
    TRANSITIONS,
    Command,
    Status,
    Subscription,
    Trigger,
    cancels_at_period_end,
    check_command,
)
from workflows import messages, options, ports, search_attributes
from workflows.following import Following
from workflows.messages import (
    Carried,
    CommandRefused,
    CommandReply,
    CommandRequest,
    GatewayEvent,
    Opened,
    StartSubscription,
    Superseded,
)

REMEMBERED_EVENTS = 100
REMEMBERED_REPLIES = 20
ROLL_AFTER_EVENTS = 400
"""A run that learns nothing for long is rolled over at this many history events."""

_AS_ASKED = "cancelled at the period's end, as asked"

Message = GatewayEvent | CommandRequest | Superseded


@workflow.defn(name=messages.WORKFLOW_NAME)
class SubscriptionWorkflow(Following):
    """See the module. State is `subscription` and what `Carried` lists; the inbox is empty at every roll."""

    @workflow.init
    def __init__(self, start: StartSubscription) -> None:
        carried = start.carried or Carried()
        self._actor = start.actor
        super().__init__(start.subscription, start.test_clock_offset, carried.looks)
        self._born = start.carried is None
        self._opened: Opened | None = None
        self._wake_at = carried.wake_at
        self._seen = deque(carried.seen, maxlen=REMEMBERED_EVENTS)
        self._replies = dict(carried.replies)
        self._inbox: deque[Message] = deque()

    @workflow.run
    async def run(self, _start: StartSubscription) -> Status:
        """Runs until the subscription has ended and its access with it."""
        if self._born and not await self._begin():
            return await self._leave()
        while True:
            if self._inbox:
                await self._take(self._inbox.popleft())
            elif self._is_over():
                status = await self._leave()
                if not self._inbox:
                    return status
            elif self._wake_at is not None and self._wake_at <= self._now():
                await self._act_when_due()
            elif self._should_roll():
                await workflow.wait_condition(workflow.all_handlers_finished)
                if not self._inbox:
                    self._roll()
            else:
                await self._sleep()

    # What the outside may say.

    @workflow.update(name=messages.OPEN_UPDATE)
    async def open(self) -> Opened:
        """Answers once the checkout stands, or why it does not."""
        await workflow.wait_condition(lambda: self._opened is not None or not self._born)
        if self._opened is not None:
            return self._opened
        now = self._subscription
        return Opened(now.id, now.status, now.checkout_url)

    @workflow.update(name=messages.COMMAND_UPDATE)
    async def command(self, request: CommandRequest) -> CommandReply:
        """Does what was asked, once per request id. Raises ApplicationError of type REFUSED."""
        earlier = self._replies.get(request.id)
        if isinstance(earlier, CommandRefused) and earlier.kind == messages.GATEWAY_UNAVAILABLE:
            # Nothing was decided: the same request may be made again.
            del self._replies[request.id]
        if request.id not in self._replies:
            self._inbox.append(request)
        await workflow.wait_condition(lambda: request.id in self._replies)
        reply = self._replies[request.id]
        if isinstance(reply, CommandRefused):
            raise _refusal(reply)
        return reply

    @command.validator
    def _command_fits(self, request: CommandRequest) -> None:
        if request.id in self._replies:
            return
        try:
            check_command(self._subscription, request.command)
        except Refused as error:
            raise _refusal(CommandRefused(str(error), error.state, error.allowed)) from None

    @workflow.signal(name=messages.GATEWAY_SIGNAL)
    def gateway_event(self, event: GatewayEvent) -> None:
        """A hint from a webhook. Never raises, never waits."""
        self._inbox.append(event)

    @workflow.signal(name=messages.SUPERSEDED_SIGNAL)
    def superseded(self, by: Superseded) -> None:
        """A paid subscription has begun; only a Free one listens."""
        self._inbox.append(by)

    @workflow.query(name=messages.STATE_QUERY)
    def state(self) -> Subscription:
        """For support tools; the API reads rows."""
        return self._subscription

    @workflow.query(name=messages.WAKE_QUERY)
    def wake_at(self) -> list[datetime]:
        """When it acts next if nobody speaks to it; empty for never."""
        return [] if self._wake_at is None else [self._wake_at]

    # Beginning.

    async def _begin(self) -> bool:
        """Registers and opens the checkout. False if another live subscription is in the way."""
        subscription = self._subscription
        registered = await workflow.execute_activity(
            ports.register_subscription,
            ports.RegisterSubscription(subscription, self._actor, self._now()),
            summary=f"register {subscription.price.plan_id}",
            **options.BOOKS,
        )
        if registered.existing_id is not None:
            self._opened = Opened(subscription.id, subscription.status, existing_id=registered.existing_id)
            return False
        if subscription.is_free:
            self._subscription = replace(subscription, status=Status.ACTIVE)
            self._opened = Opened(subscription.id, Status.ACTIVE)
            self._plan_next_wake()
        else:
            await self._open_checkout()
        self._born = False
        return True

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

    async def _take(self, message: Message) -> None:
        match message:
            case GatewayEvent():
                if message.id not in self._seen:
                    self._seen.append(message.id)
                    if message.payment_id is None or message.payment_id not in self._subscription.settled:
                        await self._follow_gateway(message.payment_id)
            case CommandRequest():
                if message.id not in self._replies:  # a repeat may have been queued behind the first
                    self._replies[message.id] = await self._obey(message)
                while len(self._replies) > REMEMBERED_REPLIES:
                    self._replies.pop(next(iter(self._replies)))
            case Superseded():
                if self._subscription.is_free and not self._subscription.is_final:
                    await self._end(Trigger.CANCELLED, f"the paid {message.by_subscription_id} has begun")
        self._plan_next_wake()

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

    async def _obey(self, request: CommandRequest) -> CommandReply | CommandRefused:
        subscription = self._subscription
        try:
            check_command(subscription, request.command)
        except Refused as error:
            return CommandRefused(str(error), error.state, error.allowed)
        reason = request.reason or f"asked for by the {request.actor}"
        match request.command:
            case Command.KEEP:
                after = replace(subscription, cancel_at_period_end=False, version=subscription.version + 1)
                event = EventType.SUBSCRIPTION_CANCELLATION_WITHDRAWN
                await self._record(event, after, reason, request.actor)
                paused = subscription.status is Status.PAUSED
                return self._reply("It is still paused." if paused else "It renews as before.")
            case Command.CANCEL:
                return await self._cancel(request, reason)
            case Command.CANCEL_NOW:
                return await self._cancel_now(reason, request.actor, access_ends_now=True)
            case Command.PAUSE:
                return await self._tell(ports.Instruction.PAUSE, Status.PAUSED, reason, request.actor)
            case Command.RESUME:
                return await self._tell(ports.Instruction.RESUME, Status.ACTIVE, reason, request.actor)

    async def _cancel(self, request: CommandRequest, reason: str) -> CommandReply | CommandRefused:
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
        self._looks = 0
        after = replace(
            before,
            cancel_at_period_end=True,
            cancel_after_cycle=before.paid_cycle,
            version=before.version + 1,
        )
        await self._record(EventType.SUBSCRIPTION_CANCELLATION_SCHEDULED, after, reason, request.actor)
        return self._reply("It will not renew; access stays until the period's end.")

    async def _cancel_now(
        self, reason: str, actor: str, *, access_ends_now: bool = False
    ) -> CommandReply | CommandRefused:
        if not await self._checkout_is_known():
            return self._unconfirmed()
        if self._subscription.gateway_id is None:
            await self._end(Trigger.CANCELLED, reason, actor)
            return self._reply("Cancelled.")
        return await self._tell(
            ports.Instruction.CANCEL, Status.CANCELLED, reason, actor, access_ends_now=access_ends_now
        )

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
    ) -> CommandReply | CommandRefused:
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

    def _unconfirmed(self) -> CommandRefused:
        message = "The payment gateway cannot be reached; nothing is confirmed. Ask again in a minute."
        return CommandRefused(message, self._subscription.status, kind=messages.GATEWAY_UNAVAILABLE)

    def _reply(self, message: str) -> CommandReply:
        now = self._subscription
        until = now.access_until
        if now.cancel_at_period_end and now.period is not None:
            until = now.period.end
        return CommandReply(now.status, now.cancel_at_period_end, until, now.version, message)

    # Sleeping, rolling over, leaving.

    def _is_over(self) -> bool:
        """Ended, access used up, and nothing heard of that was not looked into."""
        subscription = self._subscription
        return subscription.is_final and subscription.access_until is None and not self._unread

    def _plan_next_wake(self) -> None:
        if self._subscription.gateway_id is None and not self._subscription.is_free:
            return
        self._wake_at = dunning.next_wake(self._subscription, self._now(), self._looks)
        if self._unread:
            soon = dunning.after_failed_look(self._now(), self._looks)
            self._wake_at = soon if self._wake_at is None else min(self._wake_at, soon)

    async def _sleep(self) -> None:
        wait = None if self._wake_at is None else max(self._wake_at - self._now(), timedelta(0))
        status = self._subscription.status
        summary = None if self._wake_at is None else f"{status} until {self._wake_at:%d %b %Y %H:%M} UTC"
        workflow.set_current_details(_details(self._subscription))
        try:
            await workflow.wait_condition(lambda: bool(self._inbox), timeout=wait, timeout_summary=summary)
        except TimeoutError:
            return

    def _should_roll(self) -> bool:
        info = workflow.info()
        return (
            self._cycle_done
            or info.is_continue_as_new_suggested()
            or info.get_current_history_length() > ROLL_AFTER_EVENTS
        )

    def _roll(self) -> None:
        carried = Carried(self._wake_at, self._looks, tuple(self._seen), tuple(self._replies.items()))
        workflow.continue_as_new(
            StartSubscription(self._subscription, self._actor, self._offset, carried),
            search_attributes=search_attributes.of(self._subscription, self._wake_at),
        )

    async def _leave(self) -> Status:
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._subscription.status


def _details(subscription: Subscription) -> str:
    """What the UI shows of a run that sleeps."""
    price, period = subscription.price, subscription.period
    facts = [
        f"**{subscription.status}** {price.plan_id}, {rupees(subscription.charge_paise)} {price.interval}"
    ]
    if period is not None:
        facts.append(f"paid to {period.last_day:%d %b %Y}")
    if subscription.cancel_at_period_end:
        facts.append("will not renew")
    if subscription.failures:
        facts.append(f"{len(subscription.failures)} failed charges since")
    if subscription.uncollected:
        facts.append(f"{len(subscription.uncollected)} cycles given up by the gateway")
    return "\n\n".join(facts)


def _refusal(refused: CommandRefused) -> ApplicationError:
    return ApplicationError(
        refused.message, refused.state, list(refused.allowed), type=refused.kind, non_retryable=True
    )
