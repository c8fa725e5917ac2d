"""What every subscription's run has in common: one loop, its messages, sleeping and rolling over.

Single writer: handlers check and enqueue, one loop takes one message at a time, or the timer that is
due. Sleep first: a run ends when a cycle is done, so that the next begins with its timer (decision records
0002 and 0003). Who owns the charge clock is a subclass's business.
"""

from collections import deque
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NoReturn

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from domain.errors import Refused
from domain.events import EventType
from domain.money import rupees
from domain.subscription import Command, Status, Subscription, Trigger, check_command
from workflows import messages, options, ports, search_attributes
from workflows.messages import (
    Carried,
    CommandRefused,
    CommandReply,
    CommandRequest,
    GatewayEvent,
    Opened,
    PayRequest,
    StartSubscription,
    Superseded,
)
from workflows.recording import Recording

REMEMBERED_EVENTS = 100
REMEMBERED_REPLIES = 20
ROLL_AFTER_EVENTS = 400
"""A run that learns nothing for long is rolled over at this many history events."""

Message = GatewayEvent | CommandRequest | Superseded | PayRequest
Answer = CommandReply | CommandRefused


class Life(Recording):
    """State is `subscription` and what `Carried` lists; the inbox is empty at every roll."""

    def __init__(self, start: StartSubscription) -> None:
        carried = start.carried or Carried()
        self._actor = start.actor
        Recording.__init__(self, start.subscription, start.test_clock_offset, carried.looks)
        self._born = start.carried is None
        self._opened: Opened | None = None
        self._wake_at = carried.wake_at
        self._seen = deque(carried.seen, maxlen=REMEMBERED_EVENTS)
        self._replies = dict(carried.replies)
        self._inbox: deque[Message] = deque()

    async def _live(self) -> Status:
        """Until the subscription has ended and its access with it."""
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
                await self._handlers_finish()
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

    # What depends on whose clock charges it.

    async def _open_checkout(self) -> None:
        """Have a place where the first payment can be made, and answer `open`."""
        raise NotImplementedError

    async def _hear(self, event: GatewayEvent) -> None:
        """Look at what a webhook spoke of."""
        raise NotImplementedError

    async def _show_page(self, request: PayRequest) -> None:
        """Somebody wants to pay."""
        raise NotImplementedError

    async def _act_when_due(self) -> None:
        """The timer's business; plans the next wake."""
        raise NotImplementedError

    def _plan_next_wake(self) -> None:
        raise NotImplementedError

    async def _cancel(self, request: CommandRequest, reason: str) -> Answer:
        """At the period's end if one is paid."""
        raise NotImplementedError

    async def _cancel_now(self, reason: str, actor: str, *, access_ends_now: bool = False) -> Answer:
        raise NotImplementedError

    async def _pause(self, reason: str, actor: str) -> Answer:
        raise NotImplementedError

    async def _resume(self, reason: str, actor: str) -> Answer:
        raise NotImplementedError

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

    # Messages, one at a time.

    async def _take(self, message: Message) -> None:
        match message:
            case GatewayEvent():
                if message.id not in self._seen:
                    self._seen.append(message.id)
                    await self._hear(message)
            case CommandRequest():
                if message.id not in self._replies:  # a repeat may have been queued behind the first
                    self._replies[message.id] = await self._obey(message)
                while len(self._replies) > REMEMBERED_REPLIES:
                    self._replies.pop(next(iter(self._replies)))
            case Superseded():
                if self._subscription.is_free and not self._subscription.is_final:
                    await self._end(Trigger.CANCELLED, f"the paid {message.by_subscription_id} has begun")
            case PayRequest():
                await self._show_page(message)
        self._plan_next_wake()

    async def _obey(self, request: CommandRequest) -> Answer:
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
                return await self._pause(reason, request.actor)
            case Command.RESUME:
                return await self._resume(reason, request.actor)

    async def _schedule_cancellation(self, reason: str, actor: str) -> CommandReply:
        before = self._subscription
        self._looks = 0
        after = replace(
            before,
            cancel_at_period_end=True,
            cancel_after_cycle=before.paid_cycle,
            version=before.version + 1,
        )
        await self._record(EventType.SUBSCRIPTION_CANCELLATION_SCHEDULED, after, reason, actor)
        return self._reply("It will not renew; access stays until the period's end.")

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

    async def _sleep(self) -> None:
        wait = None if self._wake_at is None else max(self._wake_at - self._now(), timedelta(0))
        status = self._subscription.status
        summary = None if self._wake_at is None else f"{status} until {self._wake_at:%d %b %Y %H:%M} UTC"
        workflow.set_current_details(self._details())
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

    def _roll(self) -> NoReturn:
        workflow.continue_as_new(
            StartSubscription(self._subscription, self._actor, self._offset, self._carried()),
            search_attributes=search_attributes.of(self._subscription, self._wake_at),
        )

    def _carried(self) -> Carried:
        return Carried(self._wake_at, self._looks, tuple(self._seen), tuple(self._replies.items()))

    async def _leave(self) -> Status:
        await self._handlers_finish()
        return self._subscription.status

    async def _handlers_finish(self) -> None:
        """Or somebody has come meanwhile, whose handler waits for this loop."""
        await workflow.wait_condition(lambda: bool(self._inbox) or workflow.all_handlers_finished())

    def _details(self) -> str:
        """What the UI shows of a run that sleeps."""
        subscription = self._subscription
        price, period = subscription.price, subscription.period
        charge = rupees(subscription.charge_paise)
        facts = [f"**{subscription.status}** {price.plan_id}, {charge} {price.interval}"]
        if period is not None:
            facts.append(f"paid to {period.last_day:%d %b %Y}")
        if subscription.cancel_at_period_end:
            facts.append("will not renew")
        if subscription.failures:
            facts.append(f"{len(subscription.failures)} failed charges since")
        if subscription.uncollected:
            facts.append(f"{len(subscription.uncollected)} cycles given up")
        return "\n\n".join(facts)


def _refusal(refused: CommandRefused) -> ApplicationError:
    return ApplicationError(
        refused.message, refused.state, list(refused.allowed), type=refused.kind, non_retryable=True
    )
