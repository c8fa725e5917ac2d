"""Renewing on our own clock: carrying out what `domain.autopay` plans for a cycle, and learning from it.

An intent is learned before the gateway is asked, an answer after; what was asked for and not answered is
looked up by the plan itself. `engine_subscription.py` decides when.
"""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, TimeoutType, WorkflowAlreadyStartedError
from temporalio.exceptions import TimeoutError as TemporalTimeout

from domain import autopay, debit, renewal
from domain.autopay import Plan, plan
from domain.debit import Cycle, Fact, State, learn
from domain.events import EventType
from domain.ladder import FailureClass
from domain.mandate import DEAD, Mandate, MandateStatus
from domain.money import rupees
from domain.orders import MandateAtGateway, OrderAtGateway
from domain.paying import PagesRead, Paid
from domain.refund import RefundSpeed
from domain.renewal import Collecting
from domain.subscription import TRANSITIONS, Status, Trigger
from workflows import collecting_ports, options, ports, refund
from workflows.collecting_ports import PageSubject
from workflows.recording import Recording

_BUSY = timedelta(minutes=5)
"""Before a debit is tried again that no worker had time for."""
_NAMES = uuid.UUID("7d0c2b34-8a5f-4f0b-9d0e-52f7f1f3a6c9")


class Renewing(Recording):
    """Holds what is under way beside the subscription."""

    def _collect(self, collecting: Collecting) -> None:
        """Begin with what was under way; to be called once, at the run's start."""
        self._collecting = collecting
        self._rules = renewal.rules_of(self._subscription.gateway, collecting.mandate, collecting.terms)
        self._hold: datetime | None = None
        """Nothing of the plan is tried before: the gateway could not be asked."""
        self._seen_order: OrderAtGateway | None = None

    # What is planned.

    def _planned(self) -> Plan:
        cycle = self._collecting.cycle
        return autopay.DONE if cycle is None else plan(cycle, self._now(), self._rules)

    def _plan_due(self) -> datetime | None:
        """When the plan has something to do; None for never."""
        found = self._planned()
        if found.action is None:
            return found.wake_at
        return self._now() if self._hold is None else self._hold

    async def _carry_out_plan(self) -> None:
        found = self._planned()
        if found.alarm:
            workflow.logger.error("an operator should look", extra={"why": found.why})
        if found.action is None:
            return
        self._hold = None
        try:
            await self._act(found.action)
        except ActivityError as error:
            workflow.logger.warning("the gateway could not be asked", extra={"cause": str(error.cause)})
            self._hold = found.wake_at

    def _learn_fact(self, fact: Fact) -> None:
        cycle = self._collecting.cycle
        assert cycle is not None
        self._collecting = replace(self._collecting, cycle=learn(cycle, fact, self._rules.limits))

    async def _act(self, action: autopay.Action) -> None:
        """Raises ActivityError where a gateway could not be asked."""
        cycle, now = self._collecting.cycle, self._now()
        assert cycle is not None
        match action:
            case autopay.ReadMandate():
                await self._read_standing(cycle.order.id if cycle.order else None)
            case autopay.ReadOrder(order_id):
                await self._read_standing(order_id, mandate=False)
            case autopay.SendNotice():
                await self._give_notice(action)
            case autopay.Redeem(order_id, amount_paise):
                self._learn_fact(debit.RedeemAsked(order_id, now))
                await self._start_debit(order_id, amount_paise, now)
            case autopay.CloseOrder(order_id, failure):
                await self._close_order(cycle, order_id, failure)
            case autopay.OfferLink(link_id, _, rescue, expires_at, reminders):
                self._learn_fact(debit.LinkAsked(link_id, rescue, expires_at, reminders, now))
                await self._ask_for_payment(link_id, 0)
                self._learn_fact(debit.LinkRead(link_id, now, State.OPEN))
            case autopay.ReadLink(link_id):
                await self._read_link(link_id)
            case autopay.Remind(link_id):
                link = cycle.link
                await self._ask_for_payment(link_id, link.reminded + 1 if link else 1)
                self._learn_fact(debit.Reminded(link_id))
            case autopay.CloseLink(link_id):
                await self._read_link(link_id, closing=True)
            case autopay.Settle(capture_id):
                await self._settle_cycle(capture_id)
            case autopay.GiveBack(capture_id):
                await self._give_back(self._collecting.named(capture_id), "not owed, or paid before")
                self._learn_fact(debit.GivenBack(capture_id))
            case autopay.End(halted):
                await self._end_cycle(halted=halted)

    # Mandates and orders.

    async def _read_standing(self, order_id: str | None, *, mandate: bool = True) -> None:
        known = self._collecting.mandate
        mandate_id = known.id if mandate and known is not None else None
        found = await workflow.execute_activity(
            collecting_ports.read_standing,
            collecting_ports.ReadStanding(self._subscription.gateway, mandate_id, order_id, self._now()),
            summary="how do mandate and debit stand?" if mandate_id else "how does the debit stand?",
            **options.gateway(self._subscription.gateway),
        )
        if mandate_id is not None:
            await self._note_mandate(found.mandate)
        if order_id is not None:
            self._note_order(order_id, found.order)

    def _note_order(self, order_id: str, seen: OrderAtGateway | None) -> None:
        at = self._now()
        if seen is None:
            self._learn_fact(debit.OrderRead(order_id, at, State.ABSENT))
            return
        self._seen_order = seen
        if seen.state is State.COMPLETED:
            self._collecting = self._collecting.came(order_id, self._paid_by(seen))
        self._learn_fact(seen.debit_fact(at))

    def _paid_by(self, order: OrderAtGateway) -> Paid:
        payment, gateway = order.payment, self._subscription.gateway
        return Paid(
            gateway,
            order.refund_name(gateway),
            order.id,
            order.amount_paise,
            order.currency,
            payment.method if payment else "upi",
            payment.attempted_at if payment and payment.attempted_at else self._now(),
            payment.reference if payment else None,
        )

    async def _note_mandate(self, seen: MandateAtGateway | None) -> None:
        """What the gateway says of the mandate in use; a change is recorded, and moves the subscription."""
        known = self._collecting.mandate
        assert known is not None
        if seen is None:
            # Not known there: never approved, or asked for with other credentials. No proof of its end.
            workflow.logger.error("the gateway does not know the mandate", extra={"mandate": known.id})
            await self._hold_mandate(known, None, known.status)
            return
        await self._hold_mandate(renewal.as_read(known, seen.mandate), seen.gateway_id, known.status)

    async def _hold_mandate(
        self, mandate: Mandate, gateway_id: str | None, before: MandateStatus | None, *, in_use: bool = True
    ) -> None:
        at = self._now()
        self._collecting = replace(self._collecting, mandate=mandate, mandate_read_at=at)
        self._rules = renewal.rules_of(self._subscription.gateway, mandate, self._collecting.terms)
        if self._collecting.cycle is not None:
            self._learn_fact(debit.MandateRead(mandate, at))
        if mandate.status is not before:
            event = renewal.announced_change(before, mandate.status)
            await self._record_mandate(mandate, gateway_id, event, in_use=in_use)
        await self._follow_pause(mandate)

    async def _record_mandate(
        self, mandate: Mandate, gateway_id: str | None, event: EventType | None, *, in_use: bool
    ) -> None:
        await workflow.execute_activity(
            collecting_ports.record_mandate,
            collecting_ports.RecordMandate(
                self._subscription,
                self._subscription.gateway,
                mandate,
                gateway_id,
                in_use,
                event,
                self._now(),
            ),
            summary=f"mandate {mandate.status}",
            **options.BOOKS,
        )

    async def _follow_pause(self, mandate: Mandate) -> None:
        """A payer who pauses in a UPI app pauses the subscription, and takes it up there again."""
        status, paused = self._subscription.status, mandate.status is MandateStatus.PAUSED
        if paused and status in (Status.ACTIVE, Status.PAST_DUE):
            self._collecting = replace(self._collecting, paused_by_payer=True)
            await self._end(Trigger.PAUSED, "the payer paused the mandate in a UPI app", "customer")
        elif not paused and self._collecting.paused_by_payer:
            self._collecting = replace(self._collecting, paused_by_payer=False)
            if status is Status.HALTED and mandate.status is MandateStatus.ACTIVE:
                self._owe_again()
            elif status is Status.PAUSED and mandate.status in DEAD:
                # Whoever pauses and then ends it wants to pay for nothing; resuming is theirs to ask for.
                if self._collecting.cycle is not None:
                    self._learn_fact(debit.Withdrawn())
            elif status is Status.PAUSED:
                await self._end(Trigger.RESUMED, "the payer took the mandate up again", "customer")

    def _owe_again(self) -> None:
        """What was given up is collected once more, the oldest first: there is a mandate for it again."""
        unpaid = self._subscription.uncollected
        if unpaid and self._planned() == autopay.DONE:
            self._collecting = renewal.planned(self._subscription, self._collecting, min(unpaid), self._now())
            self._hold = None

    async def _give_notice(self, action: autopay.SendNotice) -> None:
        collecting, now = self._collecting, self._now()
        assert collecting.mandate is not None
        self._learn_fact(debit.NoticeAsked(action.order_id, action.amount_paise, action.target, now))
        amount, when = rupees(action.amount_paise), f"{action.target:%d %b %Y %H:%M} UTC"
        try:
            given = await workflow.execute_activity(
                collecting_ports.give_notice,
                collecting_ports.GiveNotice(
                    self._subscription,
                    collecting.mandate.id,
                    action.order_id,
                    collecting.number,
                    action.amount_paise,
                    action.target,
                    action.expires_at,
                    now,
                ),
                summary=f"announce a debit of {amount} for {when}",
                **options.gateway(self._subscription.gateway),
            )
        except ActivityError as error:
            workflow.logger.warning("the notice is not confirmed", extra={"cause": str(error.cause)})
            return  # the plan knows that it was asked for, and looks
        if given.order is not None:
            self._note_order(action.order_id, given.order)
        else:
            workflow.logger.warning("the notice was refused", extra={"why": given.refused})

    async def _start_debit(self, order_id: str, amount_paise: int, asked_at: datetime) -> None:
        mandate = self._collecting.mandate
        assert mandate is not None
        try:
            started = await workflow.execute_activity(
                collecting_ports.start_debit,
                collecting_ports.StartDebit(self._subscription.gateway, order_id, mandate.id, amount_paise),
                summary=f"debit {rupees(amount_paise)}",
                **options.once(self._subscription.gateway),
            )
        except ActivityError as error:
            workflow.logger.warning("the debit is not confirmed", extra={"cause": str(error.cause)})
            cause = error.cause
            if isinstance(cause, TemporalTimeout) and cause.type is TimeoutType.SCHEDULE_TO_START:
                # No worker took it, so nothing was asked for.
                self._learn_fact(debit.RedeemNotSent(order_id, asked_at))
                self._hold = self._now() + _BUSY
            return  # never asked for twice: the plan looks what became of it
        if started.turned_away is not None:
            workflow.logger.warning("the debit was turned away", extra={"why": started.said})

    async def _close_order(self, cycle: Cycle, order_id: str, failure: FailureClass | None) -> None:
        self._learn_fact(debit.OrderClosed(order_id, failure, self._now()))
        learned = self._collecting.cycle
        assert learned is not None
        order = next(each for each in cycle.orders if each.id == order_id)
        nothing_tried = failure is None or not (order.asks or order.attempts)
        if nothing_tried or (self._subscription.status, Trigger.CHARGE_FAILED) not in TRANSITIONS:
            return
        assert failure is not None
        seen = self._seen_order if self._seen_order and self._seen_order.id == order_id else None
        await self._record_failure(
            renewal.failure_of(learned, order, self._collecting.number, failure, seen, self._now())
        )

    # Links.

    async def _ask_for_payment(self, link_id: str, reminder: int) -> None:
        cycle = self._collecting.cycle
        assert cycle is not None
        link = next(each for each in cycle.links if each.id == link_id)
        await workflow.execute_activity(
            collecting_ports.ask_for_payment,
            collecting_ports.AskForPayment(
                self._subscription,
                link_id,
                reminder,
                cycle.amount_paise,
                self._collecting.number,
                cycle.due_at,
                link.expires_at,
                self._now(),
            ),
            summary=f"ask for {rupees(cycle.amount_paise)} on a page" + (", again" if reminder else ""),
            **options.BOOKS,
        )

    def _subject_of(self, link_id: str) -> PageSubject:
        cycle, subscription = self._collecting.cycle, self._subscription
        assert cycle is not None
        link = next(each for each in cycle.links if each.id == link_id)
        rescue = self._collecting.terms.rescue_gateway
        gateway = rescue if link.rescue and rescue is not None else subscription.gateway
        return PageSubject(
            link_id,
            gateway,
            cycle.amount_paise,
            subscription.customer_id,
            subscription.id,
            message=f"{subscription.price.plan_id}, {subscription.price.interval}",
        )

    async def _read_link(self, link_id: str, *, closing: bool = False, order_id: str | None = None) -> None:
        """Raises ActivityError."""
        read = await self._read_pages(self._subject_of(link_id), closing=closing, order_id=order_id)
        await self._note_link(link_id, read)

    async def _note_link(self, link_id: str, read: PagesRead) -> None:
        """The money that was learned of first pays it, whichever page brings more."""
        fresh = [paid for paid in read.paid if paid.payment_id not in self._subscription.settled]
        kept = self._collecting.brought(link_id)
        if kept is None and fresh:
            kept = fresh[0]
            self._collecting = self._collecting.came(link_id, kept)
        self._learn_fact(read.link_fact(link_id))
        await self._give_back_the_rest([paid for paid in fresh if paid != kept])

    async def _give_back_the_rest(self, second: Sequence[Paid]) -> None:
        """Money beyond the first payment of one page was never asked for."""
        for paid in second:
            await self._give_back(paid, "a second payment of the same page")

    async def _read_pages(
        self, subject: PageSubject, *, closing: bool = False, order_id: str | None = None
    ) -> PagesRead:
        read = await workflow.execute_activity(
            collecting_ports.read_pages,
            collecting_ports.ReadPages(subject, self._now(), closing, order_id),
            summary="has it been paid?",
            **options.gateway(subject.gateway),
        )
        if self._collecting.page_subject == subject.id:
            self._collecting = replace(self._collecting, page=read.page, page_read_at=self._now())
        return read

    # Money.

    async def _settle_cycle(self, capture_id: str) -> None:
        paid = self._collecting.named(capture_id)
        await self._settle(renewal.charge_of(self._subscription, self._collecting.number, paid))
        self._learn_fact(debit.Settled(capture_id))

    async def _give_back(self, paid: Paid, reason: str) -> None:
        """Set aside and refunded by itself: the payer owes nothing for it."""
        charge = renewal.charge_of(self._subscription, self._collecting.number, paid)
        recorded = await self._set_aside(charge, f"{reason}; it goes back by itself")
        if not recorded.payment_id:
            return  # it was booked after all
        refund_id = f"rfd_{uuid.uuid5(_NAMES, recorded.payment_id).hex}"
        wish = ports.ReserveRefund(
            refund_id,
            recorded.payment_id,
            None,
            None,
            RefundSpeed.NORMAL,
            reason,
            "bahi",
            self._now(),
        )
        try:
            await workflow.start_child_workflow(
                refund.WORKFLOW_NAME,
                refund.StartRefund(refund_id, wish=wish, test_clock_offset=self._offset),
                id=ports.refund_workflow_id(refund_id),
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                static_summary=f"{reason}: {rupees(paid.amount_paise)} goes back",
            )
        except WorkflowAlreadyStartedError:
            workflow.logger.info("it is on its way back already", extra={"refund_id": refund_id})

    async def _end_cycle(self, *, halted: bool) -> None:
        """The ladder is exhausted, or nothing is owed any more."""
        subscription, number = self._subscription, self._collecting.number
        self._learn_fact(debit.Ended(self._now()))
        if not halted or (subscription.status, Trigger.RETRIES_EXHAUSTED) not in TRANSITIONS:
            return
        unpaid = tuple(sorted({*subscription.uncollected, number}))
        after = replace(subscription.moved(Trigger.RETRIES_EXHAUSTED), uncollected=unpaid)
        reason = f"cycle {number + 1} could not be collected"
        await self._record(EventType.SUBSCRIPTION_HALTED, after, reason, "bahi")
