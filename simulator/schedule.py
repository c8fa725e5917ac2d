"""Runs the queue: work in order of time, each piece at its own time, webhooks among it."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

import httpx

from simulator import (
    billing,
    links,
    mandates,
    recurring,
    refunds,
    registrations,
    subscriptions,
    tokens,
    webhooks,
)  # fmt: skip
from simulator.books import Job, Record
from simulator.world import World

_WORK: dict[str, Callable[[World, Job], None]] = {
    "begin_cycle": billing.begin_cycle,
    "charge": billing.charge,
    "bank_result": billing.bank_result,
    "late_capture": billing.late_capture,
    "finish": billing.finish,
    "expire": subscriptions.expire,
    "authentication_result": mandates.authentication_result,
    "late_authentication": mandates.late_authentication,
    "settle_refund": refunds.settle_due,
    "slow_refund": refunds.slow_down,
    "auto_refund": refunds.auto_refund,
    "expire_link": links.expire,
    "expire_registration": registrations.expire,
    "late_registration": registrations.late,
    "token_result": registrations.token_result,
    "cancel_token": tokens.cancel_due,
    "deliver_notice": recurring.deliver_notice,
    "debit_result": recurring.debit_result,
    "late_debit": recurring.late_debit,
    "disable_endpoint": webhooks.disable_endpoint,
}
_log = logging.getLogger(__name__)
_LANES = 16  # deliveries at once; those about one subject stay in order
_LONGEST_NAP = 3600.0


class Scheduler:
    """One at a time moves the clock; whatever is due is run in the background otherwise."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = asyncio.Lock()
        self._stirred = asyncio.Event()
        self._client = httpx.AsyncClient(timeout=world.options.webhook_timeout, trust_env=False)
        self._pump = asyncio.create_task(self._keep_up())

    async def close(self) -> None:
        """Stop the background work; what is queued stays in the books."""
        self._pump.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._pump
        await self._client.aclose()

    def stir(self) -> None:
        """There may be new work that is due now."""
        self._stirred.set()

    async def advance(self, instant: int, *, deliver: bool = True) -> list[Record]:
        """Go to `instant`, running everything due on the way. Returns what happened, in order."""
        async with self._lock:
            return await self._run(instant, deliver=deliver)

    async def catch_up(self, *, deliver: bool = True) -> list[Record]:
        """Run what is due now."""
        return await self.advance(self._world.now, deliver=deliver)

    async def _keep_up(self) -> None:
        while True:
            try:
                await self.catch_up()
            except Exception:  # noqa: BLE001 - the queue must go on, and the fault is logged
                _log.exception("work that was due failed; it is tried again in a second")
                await asyncio.sleep(1)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stirred.wait(), self._nap())
            self._stirred.clear()

    def _nap(self) -> float | None:
        due = self._world.books.next_due()
        if not self._world.clock.flowing or due is None:
            return None if not self._world.clock.flowing else _LONGEST_NAP
        return min(max(self._world.clock.seconds_until(due), 0.01), _LONGEST_NAP)

    async def _run(self, instant: int, *, deliver: bool) -> list[Record]:
        world = self._world
        world.happened.clear()
        while (job := world.books.next_job(instant, deliveries=deliver)) is not None:
            if job.kind == "deliver":
                batch = world.books.deliveries_from(job)
                world.clock.move(job.due)
                await self._deliver(batch)
            else:
                with world.clock.at(max(job.due, 0)), world.books.transaction():
                    _WORK[job.kind](world, job)
                    world.books.done(job.seq)
                world.clock.move(job.due)
                await asyncio.sleep(0)  # let requests in between two pieces of work
        world.clock.move(instant)
        return list(world.happened)

    async def _deliver(self, batch: list[Job]) -> None:
        lanes: dict[str, list[Job]] = {}
        for job in batch:
            lanes.setdefault(job.subject, []).append(job)
        gate = asyncio.Semaphore(_LANES)

        async def lane(jobs: list[Job]) -> None:
            async with gate:
                for job in jobs:
                    await self._attempt(job)

        await asyncio.gather(*(lane(jobs) for jobs in lanes.values()))

    async def _attempt(self, job: Job) -> None:
        world = self._world
        with world.books.transaction():
            ready = webhooks.prepare(world, job)
            if ready is None:
                world.books.done(job.seq)
                return
        _, url, headers, body = ready
        status: int | None = None
        error: str | None = None
        try:
            async with asyncio.timeout(world.options.webhook_timeout):
                status = (await self._client.post(url, content=body, headers=headers)).status_code
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as problem:
            error = type(problem).__name__
        with world.clock.at(job.due), world.books.transaction():
            webhooks.conclude(world, job, status, error)
            world.books.done(job.seq)
