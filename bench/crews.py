"""What all worker processes of the measurements have in common, ours and the floors'."""

import argparse
import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from temporalio.worker import Worker

from bench.tally import Tally

OURS, AUTOPAY, NURSE = "ours", "autopay", "nurse"
"""Charged by the gateway, charged on our own clock, and whoever puts them to sleep."""
BARE, BARE_POSTGRES = "bare", "bare-postgres"
MODULES = {
    OURS: "bench.worker",
    AUTOPAY: "bench.worker",
    NURSE: "bench.worker",
    BARE: "bench.bare_worker",
    BARE_POSTGRES: "bench.bare_worker",
}
CACHED_WORKFLOWS = 2_000
"""As worker.py has it; a floor does not load all of ours to learn it."""

Make = Callable[[argparse.Namespace, Tally], Awaitable[list[Worker]]]


def arguments(program: str, kinds: Sequence[str]) -> argparse.ArgumentParser:
    """The command line of a worker process."""
    parser = argparse.ArgumentParser(prog=program)
    parser.add_argument("kind", choices=kinds)
    parser.add_argument("--temporal", required=True, help="host:port")
    parser.add_argument("--database", required=True, help="SQLAlchemy URL")
    parser.add_argument("--tally", required=True, type=Path, help="file of the count of what is done")
    return parser


async def serve(make: Make, asked: argparse.Namespace) -> None:
    """Serve until SIGTERM, after saying so."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with asyncio.TaskGroup() as running:
        workers = await make(asked, Tally(asked.tally))
        for worker in workers:
            running.create_task(worker.run())
        print("serving", flush=True)
        await stop.wait()
        for worker in workers:
            running.create_task(worker.shutdown())
