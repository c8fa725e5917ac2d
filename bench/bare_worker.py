"""The floors' worker in a process of its own: `python -m bench.bare_worker bare|bare-postgres …`."""

import argparse
import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import asyncpg  # type: ignore[import-untyped]
from temporalio.client import Client
from temporalio.worker import PollerBehaviorAutoscaling, Worker

from bench import bare_activities, bare_autopay, bare_workflow, crews
from bench.bare_autopay import BareAutopayWorkflow
from bench.bare_workflow import BareWorkflow
from bench.tally import CountingInterceptor, Tally


async def _workers(asked: argparse.Namespace, tally: Tally) -> list[Worker]:
    """Plain client, plain converter, no encryption."""
    steps = (bare_autopay.ANNOUNCE, bare_autopay.DEBIT, bare_workflow.BOOK)
    counting = CountingInterceptor(tally, steps)
    client = await Client.connect(asked.temporal, interceptors=[counting])
    book: Callable[..., Any] = bare_activities.book_nothing
    if asked.kind == crews.BARE_POSTGRES:
        pool = await asyncpg.create_pool(asked.database.replace("+asyncpg", ""), min_size=1, max_size=10)
        async with pool.acquire() as connection:
            await connection.execute(bare_activities.CREATE_TABLE)
        book = bare_activities.BareBookings(pool).book
    asked_of_gateway = [bare_activities.look, bare_activities.announce, bare_activities.debit]
    return [
        _worker(client, asked.kind, [book], [BareWorkflow, BareAutopayWorkflow]),
        _worker(client, bare_workflow.gateway_queue(asked.kind), asked_of_gateway, []),
    ]


def _worker(
    client: Client, queue: str, activities: Sequence[Callable[..., Any]], workflows: Sequence[type]
) -> Worker:
    """Queues and options are as the product's."""
    return Worker(
        client,
        task_queue=queue,
        workflows=workflows,
        activities=activities,
        max_cached_workflows=crews.CACHED_WORKFLOWS,
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=2),
        graceful_shutdown_timeout=timedelta(seconds=30),
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
    )


def main() -> None:
    """Entry of the process."""
    asked = crews.arguments("bench.bare_worker", (crews.BARE, crews.BARE_POSTGRES)).parse_args()
    asyncio.run(crews.serve(_workers, asked))


if __name__ == "__main__":
    main()
