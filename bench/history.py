"""What one paid cycle leaves in Temporal: events and bytes of its run."""

import asyncio
from contextlib import AsyncExitStack

from temporalio.client import Client, WorkflowExecutionStatus

from bench import renewals, sleepers
from bench.canned_gateway import payment_id
from bench.crews import BARE
from bench.figures import Aim, Figure, Floor
from bench.fleet import open_fleet
from bench.scale import Scale
from bench.stand import Stand
from workflows import ports

NAME = "history"
_RUNS = 5
_PATIENCE_SECONDS = 30.0


async def measure(stand: Stand, _scale: Scale) -> list[Figure]:
    """From waking up to rolling over, of ours in its thirteenth cycle and of the bare workflow."""
    async with AsyncExitStack() as stack:
        fleet = await stack.enter_async_context(open_fleet(stand))
        crew = await stack.enter_async_context(fleet.crew())
        members = await fleet.populate(_RUNS, crew)
        bare = await stack.enter_async_context(renewals.bare_subject(fleet, BARE, _RUNS))
        ours, floor = [], []
        for place, member in enumerate(members):
            identity = ports.subscription_workflow_id(member.id)
            run = await _run_of(fleet.client, identity)
            payment = payment_id(sleepers.PAID_CYCLES, member.id)
            await sleepers.announce_payment(fleet.client, member, payment)
            ours.append(await _finished(fleet.client, identity, run))
            identity = f"{BARE}/{place}"
            run = await _run_of(fleet.client, identity)
            await bare.wake(place, 0)
            floor.append(await _finished(fleet.client, identity, run))
    names = ("events", "bytes")
    aims = (Aim(at_most=24), None)
    return [
        Figure(
            NAME,
            "history per paid cycle",
            names[index],
            [run[index] for run in ours],
            [Floor(renewals.FLOORS[BARE], [run[index] for run in floor])],
            aims[index],
        )
        for index in (0, 1)
    ]


async def _run_of(client: Client, identity: str) -> str:
    run_id = (await client.get_workflow_handle(identity).describe()).run_id
    assert run_id is not None
    return run_id


async def _finished(client: Client, identity: str, run_id: str) -> tuple[int, int]:
    """Events and bytes of this run once it has rolled over."""
    handle = client.get_workflow_handle(identity, run_id=run_id)
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            found = await handle.describe()
            if found.status is WorkflowExecutionStatus.CONTINUED_AS_NEW:
                info = found.raw_description.workflow_execution_info
                return info.history_length, info.history_size_bytes
            await asyncio.sleep(0.02)
