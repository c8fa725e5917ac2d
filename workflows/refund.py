"""One refund, from the wish or its discovery to its end: reserved, asked for, followed, booked.

A refund settles days after it is asked for, or fails (razorpay.md 1.8). Webhooks only wake the run; what is
booked is what the gateway's API says.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

from domain.money import rupees
from domain.refund import SETTLED, RefundAtGateway, RefundStanding, RefundStatus, next_look
from workflows import options, ports
from workflows.messages import WAKE_QUERY
from workflows.ports import RefundAnswer, Reserved

WORKFLOW_NAME = "Refund"
STANDING_UPDATE = "standing"
HINT_SIGNAL = "gateway_event"


@dataclass(frozen=True)
class StartRefund:
    """Exactly one of `wish` and `noticed`."""

    refund_id: str
    wish: ports.ReserveRefund | None = None
    noticed: RefundAtGateway | None = None
    test_clock_offset: timedelta = timedelta(0)
    gateway: str = "razorpay"
    """Where it was noticed."""


@dataclass(frozen=True)
class RefundReply:
    """What stands once the gateway has answered, or why nothing was asked of it."""

    standing: RefundStanding | None = None
    refused: str = ""
    state: str = ""
    allowed: tuple[str, ...] = ()


@workflow.defn(name=WORKFLOW_NAME)
class RefundWorkflow:
    """Ends when the money has gone, or stays."""

    def __init__(self) -> None:
        self._reply: RefundReply | None = None
        self._offset = timedelta(0)
        self._hinted = False
        self._looks_again: datetime | None = None

    @workflow.run
    async def run(self, start: StartRefund) -> RefundReply:
        """How it ended."""
        self._offset = start.test_clock_offset
        reserved = await self._reserve(start)
        if reserved.refused:
            self._reply = RefundReply(None, reserved.refused, reserved.state, reserved.allowed)
        else:
            seen = start.noticed or await self._ask(start, reserved)
            if seen is not None:
                await self._follow(reserved, seen)
        await workflow.wait_condition(workflow.all_handlers_finished)
        assert self._reply is not None
        return self._reply

    @workflow.update(name=STANDING_UPDATE)
    async def standing(self) -> RefundReply:
        """Answers when the gateway has, or when it is certain that it will not be asked."""
        await workflow.wait_condition(lambda: self._reply is not None)
        assert self._reply is not None
        return self._reply

    @workflow.signal(name=HINT_SIGNAL)
    def gateway_event(self) -> None:
        """Something happened to it: look."""
        self._hinted = True

    @workflow.query(name=WAKE_QUERY)
    def wake_at(self) -> list[datetime]:
        """When it looks by itself, if it waits."""
        return [] if self._looks_again is None else [self._looks_again]

    def _now(self) -> datetime:
        return workflow.now() + self._offset

    async def _reserve(self, start: StartRefund) -> Reserved:
        if start.noticed is not None:
            return await workflow.execute_activity(
                ports.notice_refund,
                ports.NoticeRefund(start.refund_id, start.noticed, self._now(), start.gateway),
                summary=f"a refund of {rupees(start.noticed.amount_paise)} made past us",
                **options.BOOKS,
            )
        assert start.wish is not None
        return await workflow.execute_activity(
            ports.reserve_refund, start.wish, summary="set the money aside for the refund", **options.BOOKS
        )

    async def _ask(self, start: StartRefund, reserved: Reserved) -> RefundAtGateway | None:
        """Until the gateway has it; None if it will not."""
        wish = start.wish
        assert wish is not None
        looks, asked_at = 0, self._now()
        while True:
            request = ports.SendRefund(
                start.refund_id,
                reserved.gateway_payment_id,
                reserved.amount_paise,
                wish.speed,
                wish.reason,
                repeated=looks > 0,
                gateway=reserved.gateway,
            )
            try:
                answer = await workflow.execute_activity(
                    ports.send_refund,
                    request,
                    summary=f"ask for {rupees(reserved.amount_paise)} back",
                    **options.gateway(reserved.gateway),
                )
            except ActivityError as error:
                workflow.logger.warning("refund not confirmed", extra={"cause": str(error.cause)})
                await self._rest(asked_at, looks)
                looks += 1
                continue
            if answer.seen is None:
                await self._record(start.refund_id, answer)
            return answer.seen

    async def _follow(self, reserved: Reserved, seen: RefundAtGateway) -> None:
        looks, begun_at = 0, self._now()
        while await self._record(reserved.refund_id, RefundAnswer(seen)) not in SETTLED:
            await self._rest(begun_at, looks)
            looks += 1
            try:
                seen = await workflow.execute_activity(
                    ports.read_refund,
                    ports.ReadRefund(seen.payment_id, seen.id, reserved.gateway),
                    summary="how does the refund stand?",
                    **options.gateway(reserved.gateway),
                )
            except ActivityError as error:
                workflow.logger.warning("refund could not be read", extra={"cause": str(error.cause)})

    async def _record(self, refund_id: str, answer: RefundAnswer) -> RefundStatus:
        standing = await workflow.execute_activity(
            ports.record_refund,
            ports.RecordRefund(refund_id, answer, self._now()),
            summary=f"refund {answer.seen.status}" if answer.seen else f"refused: {answer.refused}",
            **options.BOOKS,
        )
        self._reply = RefundReply(standing)
        return standing.status

    async def _rest(self, since: datetime, looks: int) -> None:
        due = self._looks_again = next_look(since, self._now(), looks)
        try:
            await workflow.wait_condition(
                lambda: self._hinted,
                timeout=due - self._now(),
                timeout_summary=f"looks again {due:%d %b %Y %H:%M} UTC",
            )
        except TimeoutError:
            return
        finally:
            self._hinted, self._looks_again = False, None  # the look that follows sees what was hinted at
