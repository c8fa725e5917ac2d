"""A subscription that we collect on our own clock: PhonePe Autopay, Razorpay tokens, or a page each period.

The same life, commands and messages as one that the gateway charges (`workflows.life`); what is asked of
the payer each cycle is planned by `domain.autopay` and carried out by `workflows.renewing`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

from domain import debit, paying, renewal
from domain.events import EventType
from domain.mandate import DEAD, MandateStatus
from domain.money import rupees
from domain.renewal import Collecting, Terms
from domain.subscription import Status, Trigger, cancels_at_period_end
from workflows import collecting_ports, messages, options
from workflows.life import Answer, Life
from workflows.messages import (
    Carried,
    CommandRefused,
    CommandRequest,
    GatewayEvent,
    PayReply,
    PayRequest,
    StartSubscription,
)
from workflows.paying import Paying

Step = tuple[datetime, Callable[[], Awaitable[None]]]
_TRY_AGAIN = timedelta(minutes=5)


@workflow.defn(name=messages.ENGINE_WORKFLOW_NAME)
class EngineSubscriptionWorkflow(Life, Paying):
    """See the module."""

    @workflow.init
    def __init__(self, start: StartSubscription) -> None:
        super().__init__(start)
        carried = start.carried or Carried()
        self._collect(carried.collecting or Collecting(start.terms or Terms()))
        self._pay_replies: dict[str, PayReply] = {}
        self._doom_at: datetime | None = None

    @workflow.run
    async def run(self, _start: StartSubscription) -> Status:
        """Runs until the subscription has ended, its access with it, and nothing can be paid any more."""
        return await self._live()

    @workflow.update(name=messages.PAY_UPDATE)
    async def pay(self, request: PayRequest) -> PayReply:
        """Where to pay what is due, or how it stands."""
        self._inbox.append(request)
        await workflow.wait_condition(lambda: request.id in self._pay_replies)
        return self._pay_replies.pop(request.id)

    async def _show_page(self, request: PayRequest) -> None:
        self._pay_replies[request.id] = await self._answer(request)

    async def _open_checkout(self) -> None:
        self._opened = await self._offer_checkout()
        self._plan_next_wake()

    # What is to be done, and when.

    def _agenda(self) -> list[Step]:
        """Everything that waits for its time; where several are due, the first comes first."""
        subscription, collecting, period = self._subscription, self._collecting, self._subscription.period
        steps: list[Step] = []
        if subscription.access_until is not None:
            steps.append((subscription.access_until, self._close_access))
        if collecting.doomed:
            steps.append((self._doom_at or self._now(), self._end_mandates))
        if collecting.page is not None:
            since = collecting.page_read_at or collecting.page.opened_at
            look = paying.next_look(collecting.page.opened_at, collecting.page.expires_at, since)
            steps.append((look, self._look_at_page))
        if self._checkout_waits and (collecting.page is None or subscription.is_final):
            closes_at = None if subscription.is_final else subscription.checkout_expires_at
            steps.append((self._hold or closes_at or self._now(), self._close_checkout))
        if subscription.cancel_at_period_end and period is not None and self._nothing_under_way:
            steps.append((period.end, self._cancel_as_planned))
        past_due_at = renewal.falls_past_due_at(subscription, collecting.cycle)
        if past_due_at is not None:
            steps.append((past_due_at, self._fall_past_due))
        if self._wants_cycle:
            steps.append((self._now(), self._begin_cycle))
        plan_due = self._plan_due()
        if plan_due is not None:
            steps.append((plan_due, self._carry_out_plan))
        return steps

    def _plan_next_wake(self) -> None:
        self._wake_at = min((when for when, _ in self._agenda()), default=None)

    async def _act_when_due(self) -> None:
        now = self._now()
        due = next((step for when, step in self._agenda() if when <= now), None)
        if due is not None:
            await due()
        self._plan_next_wake()

    @property
    def _wants_cycle(self) -> bool:
        """A cycle is owed, and none is being collected."""
        subscription, cycle = self._subscription, self._collecting.cycle
        renews = subscription.status in (Status.ACTIVE, Status.PAST_DUE) or (
            subscription.status is Status.PAUSED and self._collecting.paused_by_payer
        )
        if not renews or subscription.cancel_at_period_end or subscription.paid_cycle is None:
            return False
        return cycle is None or self._nothing_under_way

    async def _close_access(self) -> None:
        before = self._subscription
        after = replace(before, access_until=None, version=before.version + 1)
        await self._record(EventType.ENTITLEMENT_CHANGED, after, "what was paid for is used up")

    async def _fall_past_due(self) -> None:
        after = self._subscription.moved(Trigger.CHARGE_FAILED)
        await self._record(EventType.SUBSCRIPTION_PAST_DUE, after, "not paid by the due date", "bahi")

    async def _begin_cycle(self) -> None:
        subscription, now = self._subscription, self._now()
        number = renewal.owed_next(subscription, now)
        self._collecting = renewal.planned(subscription, self._collecting, number, now)
        self._hold = None

    # Webhooks.

    async def _hear(self, event: GatewayEvent) -> None:
        if self._collecting.knows(event.order_id):
            return
        self._hold = None  # the gateway is there
        cycle = self._collecting.cycle
        try:
            if event.page_subject is not None:
                if await self._read_subject(event.page_subject, event.order_id) is None:
                    await self._read_stray_page(event)
            elif event.order_id is not None:
                if cycle is not None and any(order.id == event.order_id for order in cycle.orders):
                    await self._read_standing(event.order_id, mandate=False)
                else:
                    await self._read_stray_debit(event.order_id)
            elif event.mandate_id is not None and self._collecting.mandate is not None:
                await self._read_standing(None)
        except ActivityError as error:
            workflow.logger.warning("the gateway could not be read", extra={"cause": str(error.cause)})

    # Commands.

    async def _cancel(self, request: CommandRequest, reason: str) -> Answer:
        if not cancels_at_period_end(self._subscription, self._now()):
            return await self._cancel_now(reason, request.actor)
        self._withdraw()
        return await self._schedule_cancellation(reason, request.actor)

    async def _cancel_now(self, reason: str, actor: str, *, access_ends_now: bool = False) -> Answer:
        """We own the clock: nothing more is asked for, whether or not the gateway can be told now."""
        self._withdraw()
        ends_at = self._now() if access_ends_now else None
        await self._end(Trigger.CANCELLED, reason, actor, ends_at)
        self._doom_mandate()
        return self._reply("Cancelled.")

    async def _cancel_as_planned(self) -> None:
        await self._end(Trigger.CANCELLED, "cancelled at the period's end, as asked")
        self._doom_mandate()

    async def _pause(self, reason: str, actor: str) -> Answer:
        self._withdraw()
        await self._end(Trigger.PAUSED, reason, actor)
        return self._reply(f"It is {Status.PAUSED} now.")

    async def _resume(self, reason: str, actor: str) -> Answer:
        if self._collecting.paused_by_payer:
            return CommandRefused(
                "The payer paused the mandate in a UPI app: only there can it be taken up again.",
                self._subscription.status,
            )
        paid_until = self._subscription.period.end if self._subscription.period else self._now()
        await self._end(Trigger.RESUMED, reason, actor)
        if paid_until > self._now():
            return self._reply(f"It is {Status.ACTIVE} now.")
        charge = rupees(self._subscription.charge_paise)
        return self._reply(f"It is {Status.ACTIVE} now; {charge} for the running period is collected.")

    def _withdraw(self) -> None:
        """Ask for nothing more in this cycle; what is under way is followed to its end."""
        if self._collecting.cycle is not None:
            self._learn_fact(debit.Withdrawn())

    # Ending mandates.

    async def _end_mandates(self) -> None:
        """One after the other, again and again until the gateway has it."""
        mandate_id, *rest = self._collecting.doomed
        try:
            told = await workflow.execute_activity(
                collecting_ports.cancel_mandate,
                collecting_ports.CancelMandate(self._subscription.gateway, mandate_id),
                summary="end the mandate at the gateway",
                **options.gateway(self._subscription.gateway),
            )
        except ActivityError as error:
            workflow.logger.warning("the mandate is not ended yet", extra={"cause": str(error.cause)})
            self._doom_at = self._now() + _TRY_AGAIN
            return
        if told.seen is not None and told.seen.mandate.status not in DEAD:
            self._doom_at = self._now() + _TRY_AGAIN
            return
        self._collecting = replace(self._collecting, doomed=tuple(rest))
        known = self._collecting.mandate
        if known is not None and known.id == mandate_id:
            gone = replace(known, status=MandateStatus.REVOKED)
            dead = gone if told.seen is None else renewal.as_read(known, told.seen.mandate)
            await self._hold_mandate(dead, None, known.status, in_use=False)

    # Ending and rolling over.

    def _is_over(self) -> bool:
        under_way = self._collecting.doomed or self._collecting.page is not None or self._checkout_waits
        return super()._is_over() and self._nothing_under_way and not under_way

    def _carried(self) -> Carried:
        return replace(super()._carried(), collecting=self._collecting)

    def _details(self) -> str:
        return f"{super()._details()}\n\n{renewal.described(self._collecting)}"
