"""Paying on a page: the first payment, what is owed, a new mandate.

Whoever wants to pay gets the gateway's page that is open, or a fresh one; what came of it is read until it
is known. Payers come by one address for the whole life of a subscription.
"""

from dataclasses import replace
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

from domain import autopay, debit, renewal
from domain.debit import State
from domain.mandate import DEAD
from domain.merchant_ids import Purpose, alike
from domain.money import rupees
from domain.paying import PagesRead, Paid
from domain.subscription import Status, Trigger
from workflows import collecting_ports, options, ports
from workflows.collecting_ports import MandateTerms, PageSubject
from workflows.messages import GatewayEvent, Opened, PayReply, PayRequest, PayStanding, PayWish
from workflows.renewing import Renewing

_TRY_AGAIN = timedelta(minutes=5)
_STEPS_TO_A_LINK = 4
"""Closing an announced debit and what follows from it."""


class Paying(Renewing):
    """What payers see of a subscription that we collect."""

    @property
    def _checkout_waits(self) -> bool:
        """The first payment has not come, and its door is not shut."""
        return self._subscription.paid_cycle is None and not self._collecting.checkout_closed

    @property
    def _nothing_under_way(self) -> bool:
        return self._collecting.cycle is None or self._planned() == autopay.DONE

    # What can be paid.

    def _page_subject(
        self, name: str, amount_paise: int, *, mandate: MandateTerms | None = None
    ) -> PageSubject:
        subscription = self._subscription
        return PageSubject(
            name,
            subscription.gateway,
            amount_paise,
            subscription.customer_id,
            subscription.id,
            mandate=mandate,
            message=f"{subscription.price.plan_id}, {subscription.price.interval}",
        )

    def _checkout(self) -> PageSubject:
        """Where a mandate can carry the charge, paying is its first debit (phonepe.md 3.2)."""
        subscription = self._subscription
        terms = self._mandate_terms()
        return self._page_subject(f"{subscription.id}-checkout", subscription.charge_paise, mandate=terms)

    def _mandate_terms(self, *, charges: bool = True) -> MandateTerms | None:
        cap = renewal.mandate_cap(self._subscription, self._collecting.terms)
        ends_at = renewal.mandate_ends(self._subscription, self._subscription.created_at)
        return None if cap is None else MandateTerms(cap, ends_at, charges)

    def _new_mandate(self) -> PageSubject | None:
        """A mandate in place of the one that is lost; nothing is taken for it."""
        terms = self._mandate_terms(charges=False)
        name = f"{self._mandates_name}{self._collecting.mandates_asked}"
        return None if terms is None else self._page_subject(name, 0, mandate=terms)

    def _payable(self) -> PageSubject | None:
        """What can be paid on a page now."""
        cycle = self._collecting.cycle
        if self._checkout_waits and not self._subscription.is_final:
            expiry = self._subscription.checkout_expires_at
            return self._checkout() if expiry is None or self._now() < expiry else None
        if cycle is None or cycle.link is None or cycle.is_over:
            return None
        return self._subject_of(cycle.link.id)

    # Those who want to pay, and those who come back.

    async def _answer(self, request: PayRequest) -> PayReply:
        try:
            match request.wish:
                case PayWish.STANDING:
                    return await self._standing()
                case PayWish.NEW_MANDATE:
                    return await self._place_for_mandate()
                case PayWish.DUE | PayWish.INSTEAD:
                    return await self._place_to_pay(instead=request.wish is PayWish.INSTEAD)
        except ActivityError as error:
            workflow.logger.warning("no page could be had", extra={"cause": str(error.cause)})
            return PayReply(PayStanding.UNAVAILABLE)

    async def _place_to_pay(self, *, instead: bool) -> PayReply:
        """The page of what is due; `instead` of an announced debit. Raises ActivityError."""
        if self._subscription.status is Status.HALTED and self._nothing_under_way:
            await self._begin_recovery()
        elif instead and self._collecting.cycle is not None and self._collecting.cycle.link is None:
            await self._opt_out()
        subject = self._payable()
        return self._nothing_due() if subject is None else await self._open_page(subject)

    async def _place_for_mandate(self) -> PayReply:
        subscription, mandate = self._subscription, self._collecting.mandate
        if subscription.is_final or self._checkout_waits:
            return self._nothing_due()
        if mandate is not None and mandate.status not in DEAD:
            return PayReply(PayStanding.NOTHING_DUE, message=f"The mandate is {mandate.status}.")
        subject = self._new_mandate()
        if subject is None:
            message = "No mandate can carry this price: each period is paid on a page."
            return PayReply(PayStanding.NOTHING_DUE, message=message)
        return await self._open_page(subject)

    async def _open_page(self, subject: PageSubject) -> PayReply:
        opened = await workflow.execute_activity(
            collecting_ports.open_page,
            collecting_ports.OpenPage(subject, self._now()),
            summary=f"page for {rupees(subject.amount_paise)}" if subject.amount_paise else "mandate's page",
            **options.gateway(subject.gateway),
        )
        if opened.refused:
            return PayReply(PayStanding.REFUSED, subject.amount_paise, message=opened.refused)
        read = opened.pages
        self._collecting = replace(
            self._collecting, page=read.page, page_subject=subject.id, page_read_at=self._now()
        )
        await self._note_pages(subject.id, read)
        return _told(read, subject.amount_paise)

    async def _standing(self) -> PayReply:
        """How the page stands from which somebody came back. Raises ActivityError."""
        name = self._collecting.page_subject
        read = await self._read_subject(name) if self._collecting.page is not None else None
        if name is not None and name.startswith(self._mandates_name):
            return self._mandate_stands(read)
        if read is not None and (read.paid or read.state is not State.OPEN or read.page is not None):
            return _told(read, self._subscription.charge_paise)
        subject = self._payable()
        if subject is not None:
            return PayReply(PayStanding.PAY, subject.amount_paise)
        paid = self._subscription.paid_cycle is not None and not self._subscription.uncollected
        return PayReply(PayStanding.PAID) if paid else self._nothing_due()

    @property
    def _mandates_name(self) -> str:
        """What the names of pages for new mandates begin with."""
        return f"{self._subscription.id}-mandate-"

    def _mandate_stands(self, read: PagesRead | None) -> PayReply:
        """Nothing is paid on a mandate's page, so nobody is thanked for it."""
        if read is not None and read.state is State.PENDING:
            return PayReply(PayStanding.CHECKING)
        mandate = self._collecting.mandate
        if mandate is not None and mandate.status not in DEAD:
            message = "The mandate is given: what falls due is debited by itself."
        else:
            message = "No mandate was given. Open its page once more to try again."
        return PayReply(PayStanding.NOTHING_DUE, message=message)

    def _nothing_due(self) -> PayReply:
        subscription, cycle = self._subscription, self._collecting.cycle
        if subscription.is_final or subscription.paid_cycle is None:
            return PayReply(PayStanding.OVER)
        order = cycle.order if cycle is not None else None
        if order is None and cycle is not None and cycle.falls and not cycle.is_over:
            return PayReply(
                PayStanding.DEBIT_ANNOUNCED, cycle.amount_paise
            )  # the next rung waits for its day
        if order is None:
            period = subscription.period
            message = f"It is paid until {period.last_day:%d %B %Y}." if period else ""
            return PayReply(PayStanding.NOTHING_DUE, message=message)
        if order.in_flight(self._rules.appears_within):
            return PayReply(PayStanding.CHECKING, order.amount_paise)
        return PayReply(PayStanding.DEBIT_ANNOUNCED, order.amount_paise, due_at=order.target)

    async def _begin_recovery(self) -> None:
        """What has been owed longest comes first; the plan sends a page at once."""
        unpaid = self._subscription.uncollected
        if not unpaid:
            return
        fresh = renewal.planned(self._subscription, self._collecting, min(unpaid), self._now())
        assert fresh.cycle is not None
        # By a page, whatever the mandate: it is the payer who came.
        self._collecting = replace(fresh, cycle=replace(fresh.cycle, mandate=None))
        self._hold = None
        await self._carry_out_plan()

    async def _opt_out(self) -> None:
        """The payer would rather pay on a page: the announced debit is not made, the plan sends a link."""
        self._learn_fact(debit.OptedOut())
        for _ in range(_STEPS_TO_A_LINK):
            cycle = self._collecting.cycle
            if self._planned().action is None or cycle is None or cycle.link is not None:
                return
            await self._carry_out_plan()

    # What came of it.

    async def _look_at_page(self) -> None:
        try:
            await self._read_subject(self._collecting.page_subject)
        except ActivityError as error:
            workflow.logger.warning("the page cannot be read", extra={"cause": str(error.cause)})
            self._collecting = replace(self._collecting, page_read_at=self._now())

    async def _read_subject(self, name: str | None, order_id: str | None = None) -> PagesRead | None:
        """Read the pages of a checkout, of one of the cycle's links, or of a new mandate.

        None if it is about something of the past. Raises ActivityError.
        """
        cycle, checkout, mandate = self._collecting.cycle, self._checkout(), self._new_mandate()
        if name == checkout.id:
            subject = checkout
        elif cycle is not None and any(link.id == name for link in cycle.links):
            subject = self._subject_of(str(name))
        elif mandate is not None and name == mandate.id:
            subject = mandate
        else:
            if name == self._collecting.page_subject:
                self._collecting = replace(self._collecting, page=None)
            return None
        read = await self._read_pages(subject, order_id=order_id)
        await self._note_pages(subject.id, read)
        return read

    async def _read_stray_page(self, event: GatewayEvent) -> None:
        """Money on a page of the past is not owed any more: it goes back. Raises ActivityError."""
        subject = self._page_subject(str(event.page_subject), 0)
        if event.gateway is not None:
            subject = replace(subject, gateway=event.gateway)
        read = await self._read_pages(subject, order_id=event.order_id)
        for paid in read.paid:
            await self._give_back_stray(paid)

    async def _read_stray_debit(self, order_id: str) -> None:
        """The same of a debit that was given up. Raises ActivityError."""
        found = await workflow.execute_activity(
            collecting_ports.read_standing,
            collecting_ports.ReadStanding(self._subscription.gateway, None, order_id, self._now()),
            summary="a debit of the past: did it bring money?",
            **options.gateway(self._subscription.gateway),
        )
        if found.order is not None and found.order.state is State.COMPLETED:
            await self._give_back_stray(self._paid_by(found.order))

    async def _give_back_stray(self, paid: Paid) -> None:
        if paid.payment_id not in self._subscription.settled:
            await self._give_back(paid, "paid after it was no longer owed")

    async def _note_pages(self, name: str, read: PagesRead) -> None:
        cycle, mandate = self._collecting.cycle, self._new_mandate()
        if name == self._checkout().id:
            await self._note_checkout(read)
        elif cycle is not None and any(link.id == name for link in cycle.links):
            await self._note_link(name, read)
        elif mandate is not None and name == mandate.id and read.mandate is not None:
            await self._take_mandate(read)

    async def _note_checkout(self, read: PagesRead) -> None:
        """The first money that comes in time begins the subscription; any other goes back."""
        fresh = [paid for paid in read.paid if paid.payment_id not in self._subscription.settled]
        if fresh and self._subscription.paid_cycle is None:
            first, *fresh = fresh
            if first.amount_paise != self._subscription.charge_paise:
                await self._refuse_payment(first, "another sum")
            elif self._subscription.status is not Status.CREATED:
                await self._refuse_payment(first, "paid after the checkout was closed")
            else:
                await self._begin_with(first, read)
            self._collecting = replace(self._collecting, checkout_closed=True, page=None)
        await self._give_back_the_rest(fresh)

    async def _refuse_payment(self, paid: Paid, reason: str) -> None:
        """It goes back, and nothing more is asked for here: whoever paid it may begin anew."""
        await self._give_back(paid, reason)
        if self._subscription.status is Status.CREATED:
            await self._end(Trigger.EXPIRED, f"{reason} was paid", "bahi")

    async def _begin_with(self, paid: Paid, read: PagesRead) -> None:
        self._collecting = self._collecting.came(self._checkout().id, paid)
        await self._settle(renewal.charge_of(self._subscription, 0, paid))
        if read.mandate is not None:
            await self._hold_mandate(read.mandate.mandate, read.mandate.gateway_id, None)
        if renewal.is_last(self._subscription):
            await self._complete()

    async def _take_mandate(self, read: PagesRead) -> None:
        """A new mandate takes the place of the one that was lost; what is owed is collected by it."""
        assert read.mandate is not None
        asked = self._collecting.mandates_asked + 1
        self._collecting = replace(self._collecting, mandates_asked=asked, page=None)
        await self._hold_mandate(read.mandate.mandate, read.mandate.gateway_id, None)
        if self._subscription.status is Status.HALTED:
            self._owe_again()

    async def _close_checkout(self) -> None:
        """Nobody paid in time, or it was cancelled: once no page can be paid any more it is over."""
        self._hold = self._now() + _TRY_AGAIN
        try:
            read = await self._read_pages(self._checkout(), closing=True)
        except ActivityError as error:
            workflow.logger.warning("the checkout cannot be read", extra={"cause": str(error.cause)})
            return
        await self._note_checkout(read)
        if read.state is State.EXPIRED:
            self._hold = None
            self._collecting = replace(self._collecting, checkout_closed=True, page=None)
            if self._subscription.status is Status.CREATED:
                await self._end(Trigger.EXPIRED, "not paid in time", "bahi")

    # Steps that several of these take.

    async def _offer_checkout(self) -> Opened:
        opened = await workflow.execute_activity(
            collecting_ports.offer_checkout,
            ports.OpenCheckout(self._subscription, self._now()),
            summary=f"checkout for {rupees(self._subscription.charge_paise)}",
            **options.BOOKS,
        )
        self._subscription = replace(self._subscription, checkout_url=opened.checkout_url)
        return Opened(self._subscription.id, self._subscription.status, opened.checkout_url)

    async def _settle_cycle(self, capture_id: str) -> None:
        await super()._settle_cycle(capture_id)
        if renewal.is_last(self._subscription) and not self._subscription.is_final:
            await self._complete()

    async def _complete(self) -> None:
        await self._end(Trigger.COMPLETED, "all agreed cycles are paid", "bahi")
        self._doom_mandate()

    def _doom_mandate(self) -> None:
        """To be ended at the gateway, as soon as it can be told."""
        mandate = self._collecting.mandate
        if mandate is not None and mandate.status not in DEAD:
            self._doom(mandate.id)

    async def _give_back(self, paid: Paid, reason: str) -> None:
        """With the mandate that paying it has set up, unless that is the one in use."""
        await super()._give_back(paid, reason)
        mandate, set_up = self._collecting.mandate, None
        if paid.order_id.startswith(Purpose.SETUP):
            set_up = alike(paid.order_id, Purpose.MANDATE)
        if set_up is not None and (mandate is None or mandate.id != set_up):
            self._doom(set_up)

    def _doom(self, mandate_id: str) -> None:
        if mandate_id not in self._collecting.doomed:
            self._collecting = replace(self._collecting, doomed=(*self._collecting.doomed, mandate_id))


def _told(read: PagesRead, amount_paise: int) -> PayReply:
    """What a payer hears of a subject's pages."""
    if read.state is State.COMPLETED:
        return PayReply(PayStanding.PAID, amount_paise)
    if read.state is State.PENDING:
        return PayReply(PayStanding.CHECKING, amount_paise)
    if read.state is State.OPEN and read.page is not None and read.page.url is not None:
        return PayReply(PayStanding.PAY, amount_paise, read.page.url)
    return PayReply(PayStanding.OVER if read.state is State.EXPIRED else PayStanding.UNAVAILABLE)
