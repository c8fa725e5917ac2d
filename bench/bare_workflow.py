"""The floor of a renewal: the same signal, timer, activities and roll-over, and nothing in them."""

import contextlib
from datetime import timedelta

from temporalio import workflow

NAME = "Bare"
SIGNAL = "wake"
LOOK = "look"
BOOK = "book"
"""The last activity of a cycle."""


def gateway_queue(queue: str) -> str:
    """The first activity has a queue of its own, as the gateway has."""
    return f"{queue}-gateway"


@workflow.defn(name=NAME)
class BareWorkflow:
    """One run per cycle."""

    @workflow.init
    def __init__(self, _cycle: int) -> None:
        self._woken = False

    @workflow.run
    async def run(self, cycle: int) -> None:
        """Sleep until woken, do nothing twice, begin again."""
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(lambda: self._woken, timeout=timedelta(days=30))
        patience = timedelta(seconds=15)
        queue = gateway_queue(workflow.info().task_queue)
        await workflow.execute_activity(LOOK, task_queue=queue, start_to_close_timeout=patience)
        await workflow.execute_activity(BOOK, start_to_close_timeout=patience)
        workflow.continue_as_new(cycle + 1)

    @workflow.signal(name=SIGNAL)
    def wake(self) -> None:
        """What a webhook is to a subscription."""
        self._woken = True
