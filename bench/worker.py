"""A worker in a process of its own, until SIGTERM: `python -m bench.worker ours|nurse|bare …`."""

import argparse
import asyncio
import dataclasses
import signal
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]
from temporalio.client import Client
from temporalio.worker import PollerBehaviorAutoscaling, UnsandboxedWorkflowRunner, Worker

from api.logs import configure_logging
from bench import bare_activities, bare_workflow
from bench.canned_gateway import CannedGateway
from bench.tally import CountingInterceptor, Tally
from config import Settings
from engine.client import connect
from engine.codec import EncryptionCodec
from engine.plugin import bahi_plugin
from worker import CACHED_WORKFLOWS, assemble, build_workers
from workflows import ports
from workflows.subscription import SubscriptionWorkflow

OURS, NURSE, BARE, BARE_POSTGRES = KINDS = ("ours", "nurse", "bare", "bare-postgres")
SETTLE = "settle_charge"
_UNLIMITED = 100_000.0
"""Calls per second: the gateway's rate limit is not what is measured."""


async def _our_workers(asked: argparse.Namespace, tally: Tally) -> list[Worker]:
    """The product's own, with the gateway asked for."""
    settings = Settings(
        environment="test",
        database_url=asked.database,
        temporal_address=asked.temporal,
        razorpay_calls_per_second=_UNLIMITED,
        **({"razorpay_base_url": asked.simulator} if asked.simulator else {}),
    )
    codec = EncryptionCodec.from_setting(settings.payload_keys.get_secret_value())
    client = await Client.connect(
        settings.temporal_address,
        plugins=[bahi_plugin(codec)],
        interceptors=[CountingInterceptor(tally, SETTLE)],
    )
    parts = assemble(settings)
    if not asked.simulator:
        canned = CannedGateway(datetime.fromisoformat(asked.started_at), asked.amount_paise)
        parts = dataclasses.replace(parts, gateway=canned)
    return build_workers(client, parts, ("subscriptions", "gateway"))


async def _nurses(asked: argparse.Namespace, _tally: Tally) -> list[Worker]:
    """Our workflow without its sandbox: puts thousands to sleep in half the time, with the same history."""
    client = await connect(Settings(environment="test", temporal_address=asked.temporal))
    return [
        Worker(
            client,
            task_queue=ports.SUBSCRIPTIONS_QUEUE,
            workflows=[SubscriptionWorkflow],
            workflow_runner=UnsandboxedWorkflowRunner(),
            max_cached_workflows=CACHED_WORKFLOWS,
            workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        )
    ]


async def _bare_workers(asked: argparse.Namespace, tally: Tally) -> list[Worker]:
    """Plain client, plain converter, no encryption; queues and options as the product's."""
    counting = CountingInterceptor(tally, bare_workflow.BOOK)
    client = await Client.connect(asked.temporal, interceptors=[counting])
    book: Callable[..., Any] = bare_activities.book_nothing
    if asked.kind == BARE_POSTGRES:
        pool = await asyncpg.create_pool(asked.database.replace("+asyncpg", ""), min_size=1, max_size=10)
        async with pool.acquire() as connection:
            await connection.execute(bare_activities.CREATE_TABLE)
        book = bare_activities.BareBookings(pool).book
    return [
        _bare_worker(client, asked.kind, [book], [bare_workflow.BareWorkflow]),
        _bare_worker(client, bare_workflow.gateway_queue(asked.kind), [bare_activities.look], []),
    ]


def _bare_worker(
    client: Client, queue: str, activities: Sequence[Callable[..., Any]], workflows: Sequence[type]
) -> Worker:
    return Worker(
        client,
        task_queue=queue,
        workflows=workflows,
        activities=activities,
        max_cached_workflows=CACHED_WORKFLOWS,
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=2),
        graceful_shutdown_timeout=timedelta(seconds=30),
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
    )


async def _serve(asked: argparse.Namespace) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    tally = Tally(asked.tally)
    make = {OURS: _our_workers, NURSE: _nurses}.get(asked.kind, _bare_workers)
    async with asyncio.TaskGroup() as running:
        workers = await make(asked, tally)
        for worker in workers:
            running.create_task(worker.run())
        print("serving", flush=True)
        await stop.wait()
        for worker in workers:
            running.create_task(worker.shutdown())


def main() -> None:
    """Entry of the process."""
    parser = argparse.ArgumentParser(prog="bench.worker", description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--temporal", required=True, help="host:port")
    parser.add_argument("--database", required=True, help="SQLAlchemy URL")
    parser.add_argument("--tally", required=True, type=Path)
    parser.add_argument("--started-at", help="when all subscriptions began")
    parser.add_argument("--amount-paise", type=int)
    parser.add_argument("--simulator", help="URL; otherwise the gateway is canned")
    configure_logging("ERROR")
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
