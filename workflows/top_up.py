"""One top-up, from the wish to its end: a page when the payer asks for one, and looks at its orders.

What is acted on is what the gateway says; webhooks and the payer's coming back only make it look at once.
A run that has ended is begun again by news of its money: late or doubled, it is booked all the same.
"""

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn

from temporalio import workflow
from temporalio.exceptions import ActivityError, WorkflowAlreadyStartedError

from domain import dunning
from domain.debit import State
from domain.money import rupees
from domain.paying import LINGERS, PagesRead, next_look
from domain.refund import RefundSpeed
from domain.top_up import TopUp, TopUpStatus
from workflows import collecting_ports, messages, options, ports, refund, wallet_ports
from workflows.collecting_ports import OpenPage, PageSubject, ReadPages
from workflows.messages import GatewayEvent, PayReply, PayRequest, PayStanding, PayWish
from workflows.refund import StartRefund
from workflows.wallet_ports import EndTopUp, RegisterTopUp, SettleTopUp, TopUpSettled

WORKFLOW_NAME = "TopUp"
CANCEL_UPDATE = "cancel"
ROLL_AFTER_EVENTS = 1000
"""A page that is looked at every minute of an hour costs more than half of them."""
REMEMBERED_REPLIES = 20
ACTOR = "bahi"
_NOT_WANTED = "cancelled by the customer"
_NOT_PAID = "not paid in time"


@dataclass(frozen=True)
class CarriedTopUp:
    """What one run leaves to the next; nothing else survives."""

    status: TopUpStatus
    closed: bool
    pages: PagesRead | None
    settled: tuple[str, ...]


@dataclass(frozen=True)
class StartTopUp:
    """The workflow's argument; `carried` from run to run."""

    top_up: TopUp
    test_clock_offset: timedelta = timedelta(0)
    """Moves this top-up's clock; tests and demonstrations only."""
    heard: GatewayEvent | None = None
    """What a run that had ended is begun again for."""
    carried: CarriedTopUp | None = None


@dataclass(frozen=True)
class CancelTopUp:
    """The customer does not want it any more."""

    actor: str


_Message = GatewayEvent | PayRequest | CancelTopUp


@workflow.defn(name=WORKFLOW_NAME)
class TopUpWorkflow:
    """Single writer, as `workflows.life`: handlers enqueue, one loop takes one message or the due timer."""

    @workflow.init
    def __init__(self, start: StartTopUp) -> None:
        carried = start.carried
        self._top_up = start.top_up
        self._offset = start.test_clock_offset
        self._status = carried.status if carried else TopUpStatus.OPEN
        self._known = carried is not None
        self._closed = carried.closed if carried else False
        self._pages = carried.pages if carried else None
        self._settled = set(carried.settled if carried else ())
        self._failed_looks = 0
        self._looked_at: datetime | None = None
        self._inbox: deque[_Message] = deque([start.heard] if start.heard else ())
        self._replies: dict[str, PayReply] = {}
        self._cancels_left = 0

    @workflow.run
    async def run(self, _start: StartTopUp) -> TopUpStatus:
        """Until it is paid, or cannot be any more."""
        if not self._known:
            await self._register()
        while True:
            if self._inbox:
                await self._take(self._inbox.popleft())
            elif self._is_over():
                await workflow.wait_condition(workflow.all_handlers_finished)
                if not self._inbox:
                    return self._status
            elif self._due() <= self._now():
                await self._look()
            elif self._should_roll():
                await workflow.wait_condition(workflow.all_handlers_finished)
                if not self._inbox:
                    self._roll()
            else:
                await self._sleep()

    # What the outside may say.

    @workflow.update(name=messages.OPEN_UPDATE)
    async def open(self) -> TopUpStatus:
        """Answers once it is on record."""
        await workflow.wait_condition(lambda: self._known)
        return self._status

    @workflow.update(name=messages.PAY_UPDATE)
    async def pay(self, request: PayRequest) -> PayReply:
        """Where it is paid, or how it stands."""
        self._replies.pop(request.id, None)
        self._inbox.append(request)
        await workflow.wait_condition(lambda: request.id in self._replies)
        return self._replies[request.id]

    @workflow.update(name=CANCEL_UPDATE)
    async def cancel(self, request: CancelTopUp) -> TopUpStatus:
        """No page is opened any more; what is paid on one that is open still counts."""
        self._cancels_left += 1
        self._inbox.append(request)
        await workflow.wait_condition(lambda: self._cancels_left == 0)
        return self._status

    @workflow.signal(name=messages.GATEWAY_SIGNAL)
    def gateway_event(self, event: GatewayEvent) -> None:
        """A hint from a webhook. Never raises, never waits."""
        self._inbox.append(event)

    @workflow.query(name=messages.WAKE_QUERY)
    def wake_at(self) -> list[datetime]:
        """When it looks next if nobody speaks to it; empty once it is over."""
        return [] if self._is_over() else [self._due()]

    # Messages and looks.

    def _is_over(self) -> bool:
        """Nothing can be paid any more, as far as the gateway knows."""
        return self._closed and self._status is not TopUpStatus.OPEN

    def _now(self) -> datetime:
        return workflow.now() + self._offset

    async def _register(self) -> None:
        """An earlier run may have ended: then what it was begun for is looked at first."""
        standing = await workflow.execute_activity(
            wallet_ports.register_top_up,
            RegisterTopUp(self._top_up, self._now()),
            summary=f"top-up of {rupees(self._top_up.amount_paise)}",
            **options.BOOKS,
        )
        self._status, self._known = standing.status, True

    async def _take(self, message: _Message) -> None:
        match message:
            case GatewayEvent():
                await self._look(message.order_id)
            case PayRequest():
                self._replies[message.id] = await self._show_page(message)
                while len(self._replies) > REMEMBERED_REPLIES:
                    self._replies.pop(next(iter(self._replies)))
            case CancelTopUp():
                await self._look()
                await self._end(TopUpStatus.CANCELLED, _NOT_WANTED, message.actor)
                self._cancels_left -= 1

    async def _look(self, order_id: str | None = None) -> bool:
        """Read the orders and book what came. False if the gateway does not answer."""
        now = self._looked_at = self._now()
        closing = self._status is not TopUpStatus.OPEN or now >= self._top_up.expires_at
        try:
            pages = await workflow.execute_activity(
                collecting_ports.read_pages,
                ReadPages(self._subject(), now, closing, order_id),
                summary="is it paid?",
                **options.gateway(self._top_up.gateway),
            )
        except ActivityError as error:
            workflow.logger.warning("orders could not be read", extra={"cause": str(error.cause)})
            self._failed_looks += 1
            return False
        self._failed_looks = 0
        await self._learn(pages)
        if closing and pages.state is not State.PENDING:
            self._closed = True
            await self._end(TopUpStatus.EXPIRED, _NOT_PAID, ACTOR)
        return True

    async def _show_page(self, request: PayRequest) -> PayReply:
        open_now = self._status is TopUpStatus.OPEN and self._now() < self._top_up.expires_at
        if request.wish is PayWish.STANDING or not open_now:
            if self._status is not TopUpStatus.PAID and not await self._look():
                return PayReply(PayStanding.UNAVAILABLE, self._top_up.amount_paise)
            return self._standing()
        try:
            opened = await workflow.execute_activity(
                collecting_ports.open_page,
                OpenPage(self._subject(), self._now()),
                summary="a page to pay on",
                **options.gateway(self._top_up.gateway),
            )
        except ActivityError as error:
            workflow.logger.warning("no page could be opened", extra={"cause": str(error.cause)})
            return PayReply(PayStanding.UNAVAILABLE, self._top_up.amount_paise)
        await self._learn(opened.pages)
        if opened.refused:
            return PayReply(PayStanding.REFUSED, self._top_up.amount_paise, message=opened.refused)
        return self._standing()

    def _standing(self) -> PayReply:
        """As last read."""
        amount, pages = self._top_up.amount_paise, self._pages
        if self._status is TopUpStatus.PAID:
            return PayReply(PayStanding.PAID, amount)
        if pages is not None and pages.state is State.PENDING:
            return PayReply(PayStanding.CHECKING, amount)
        if self._status is not TopUpStatus.OPEN or self._now() >= self._top_up.expires_at:
            return PayReply(PayStanding.OVER, amount)
        page = pages.page if pages is not None else None
        return PayReply(PayStanding.PAY, amount, page.url if page else None)

    async def _learn(self, pages: PagesRead) -> None:
        """Book everything that came and was not booked yet."""
        self._pages = pages
        for paid in pages.paid:
            if paid.payment_id in self._settled:
                continue
            done = await workflow.execute_activity(
                wallet_ports.settle_top_up,
                SettleTopUp(self._top_up, paid, self._now()),
                summary=f"book {rupees(paid.amount_paise)}",
                **options.BOOKS,
            )
            self._settled.add(paid.payment_id)
            self._status = done.status
            if done.refund_id is not None:
                await self._give_back(done, done.refund_id)
        self._closed = self._closed or bool(pages.paid)

    async def _give_back(self, done: TopUpSettled, refund_id: str) -> None:
        """It goes its own way, and outlives this run."""
        wish = ports.ReserveRefund(
            refund_id,
            done.payment_id,
            None,
            None,
            RefundSpeed.NORMAL,
            f"{self._top_up.id} was paid twice",
            ACTOR,
            self._now(),
        )
        try:
            await workflow.start_child_workflow(
                refund.WORKFLOW_NAME,
                StartRefund(refund_id, wish=wish, test_clock_offset=self._offset),
                id=ports.refund_workflow_id(refund_id),
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                static_summary="a top-up was paid twice",
            )
        except WorkflowAlreadyStartedError:
            workflow.logger.info("the refund is under way already", extra={"refund_id": refund_id})

    async def _end(self, status: TopUpStatus, reason: str, actor: str) -> None:
        if self._status is not TopUpStatus.OPEN:
            return
        standing = await workflow.execute_activity(
            wallet_ports.end_top_up,
            EndTopUp(self._top_up, status, reason, actor, self._now()),
            summary=reason,
            **options.BOOKS,
        )
        self._status = standing.status

    def _subject(self) -> PageSubject:
        top_up = self._top_up
        return PageSubject(
            id=top_up.id,
            gateway=top_up.gateway,
            amount_paise=top_up.amount_paise,
            customer_id=top_up.customer_id,
            top_up_id=top_up.id,
            message=f"Top-up of {rupees(top_up.amount_paise)}",
        )

    # Sleeping and rolling over.

    def _due(self) -> datetime:
        """The next look: while a page is open often, else when it is over."""
        top_up, looked = self._top_up, self._looked_at
        if self._failed_looks and looked is not None:
            return dunning.after_failed_look(looked, self._failed_looks)
        if self._status is not TopUpStatus.OPEN and looked is None:
            return self._now()
        page = self._pages.page if self._pages is not None else None
        last = self._pages.at if self._pages is not None else top_up.created_at
        looks = []
        if page is not None and (last < page.expires_at + LINGERS or self._pending()):
            looks.append(next_look(page.opened_at, page.expires_at, last))
        if self._status is TopUpStatus.OPEN and last < top_up.expires_at:
            looks.append(top_up.expires_at)
        return min(looks, default=self._now())

    def _pending(self) -> bool:
        return self._pages is not None and self._pages.state is State.PENDING

    async def _sleep(self) -> None:
        due = self._due()
        workflow.set_current_details(f"**{self._status}** {rupees(self._top_up.amount_paise)}")
        try:
            await workflow.wait_condition(
                lambda: bool(self._inbox),
                timeout=max(due - self._now(), timedelta(0)),
                timeout_summary=f"looks {due:%d %b %Y %H:%M:%S} UTC",
            )
        except TimeoutError:
            return

    def _should_roll(self) -> bool:
        info = workflow.info()
        return info.is_continue_as_new_suggested() or info.get_current_history_length() > ROLL_AFTER_EVENTS

    def _roll(self) -> NoReturn:
        carried = CarriedTopUp(self._status, self._closed, self._pages, tuple(sorted(self._settled)))
        workflow.continue_as_new(StartTopUp(self._top_up, self._offset, carried=carried))
