"""The floor of a cycle on our own clock: the same waits, activities and roll-over, and nothing in them."""

import contextlib
from datetime import datetime, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from bench.bare_workflow import BOOK, LOOK, SIGNAL, gateway_queue

NAME = "BareAutopay"
WAKE_QUERY = "wake_at"
ANNOUNCE = "announce"
DEBIT = "debit"
_PATIENCE = timedelta(seconds=15)
_TO_THE_NOTICE = timedelta(days=28)
_TO_THE_DEBIT = timedelta(hours=30)
_TO_A_LOOK = timedelta(seconds=30)


@workflow.defn(name=NAME)
class BareAutopayWorkflow:
    """One run per cycle."""

    @workflow.init
    def __init__(self, _cycle: int) -> None:
        self._told = False
        self._wake_at: datetime | None = None

    @workflow.run
    async def run(self, cycle: int) -> None:
        """Look and announce, look and debit, look and book."""
        await self._sleep(_TO_THE_NOTICE)
        await self._ask(LOOK)
        await self._ask(ANNOUNCE)
        await self._sleep(_TO_THE_DEBIT)
        await self._ask(LOOK)
        await self._ask(DEBIT)
        await self._sleep(_TO_A_LOOK)
        await self._ask(LOOK)
        await workflow.execute_activity(BOOK, start_to_close_timeout=_PATIENCE)
        workflow.continue_as_new(cycle + 1)

    @workflow.signal(name=SIGNAL)
    def tell(self) -> None:
        """What a webhook is to a subscription."""
        self._told = True

    @workflow.query(name=WAKE_QUERY)
    def wake_at(self) -> list[datetime]:
        """As a subscription's run answers it."""
        return [] if self._wake_at is None else [self._wake_at]

    async def _sleep(self, span: timedelta) -> None:
        self._wake_at = workflow.now() + span
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(lambda: self._told, timeout=span)

    async def _ask(self, activity: str) -> None:
        queue = gateway_queue(workflow.info().task_queue)
        await workflow.execute_activity(activity, task_queue=queue, start_to_close_timeout=_PATIENCE)
