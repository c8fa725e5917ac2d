"""The product's worker in its own process, until SIGTERM: `python -m bench.worker ours|autopay|nurse …`."""

import argparse
import asyncio
import dataclasses
from datetime import datetime

from temporalio.client import Client
from temporalio.worker import PollerBehaviorAutoscaling, UnsandboxedWorkflowRunner, Worker

from api.logs import configure_logging
from bench import crews
from bench.canned_gateway import CannedGateway
from bench.canned_phonepe import CannedPhonePe
from bench.crews import AUTOPAY, NURSE, OURS
from bench.tally import CountingInterceptor, Tally
from config import Settings
from engine.client import connect
from engine.codec import EncryptionCodec
from engine.plugin import bahi_plugin
from worker import assemble, build_workers
from workflows import ports
from workflows.subscription import SubscriptionWorkflow

STEPS = ("give_notice", "start_debit", "settle_charge")
"""What is counted: of a renewal that the gateway charges, the last alone."""
_UNLIMITED = 100_000.0
"""Calls per second: the gateway's rate limit is not what is measured."""


async def _our_workers(asked: argparse.Namespace, tally: Tally) -> list[Worker]:
    """The product's own, with the gateway asked for."""
    settings = Settings(
        environment="test",
        database_url=asked.database,
        temporal_address=asked.temporal,
        razorpay_calls_per_second=_UNLIMITED,
        phonepe_calls_per_second=_UNLIMITED,
        **({"razorpay_base_url": asked.simulator} if asked.simulator else {}),
    )
    codec = EncryptionCodec.from_setting(settings.payload_keys.get_secret_value())
    client = await Client.connect(
        settings.temporal_address,
        plugins=[bahi_plugin(codec)],
        interceptors=[CountingInterceptor(tally, STEPS)],
    )
    parts = assemble(settings)
    if not asked.simulator:
        canned = CannedGateway(datetime.fromisoformat(asked.started_at), asked.amount_paise)
        parts = dataclasses.replace(parts, gateway=canned)
    if asked.kind == AUTOPAY:
        phonepe = CannedPhonePe()
        parts = dataclasses.replace(parts, phonepe=phonepe, collecting={phonepe.name: phonepe})
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
            max_cached_workflows=crews.CACHED_WORKFLOWS,
            workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        )
    ]


def main() -> None:
    """Entry of the process."""
    parser = crews.arguments("bench.worker", (OURS, AUTOPAY, NURSE))
    parser.add_argument("--started-at", required=True, help="when all subscriptions began")
    parser.add_argument("--amount-paise", required=True, type=int)
    parser.add_argument("--simulator", help="URL; otherwise the gateway is canned")
    asked = parser.parse_args()
    configure_logging("ERROR")
    asyncio.run(crews.serve(_nurses if asked.kind == NURSE else _our_workers, asked))


if __name__ == "__main__":
    main()
