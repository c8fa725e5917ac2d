"""Four who pay at PhonePe, three months, all kinds of trouble. `FAULTS_SEED=n` repeats its choices."""

import asyncio
import os
import random
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from db import models
from relay.mandates import MandateSweep
from tests.faults.conftest import OpenStage
from tests.faults.oracle import agree
from tests.faults.paying import pay, pay_at, subscribe
from tests.faults.stage import Customer, Stage
from worker import assemble

NOW = datetime(2026, 1, 28, 6, 30, tzinfo=UTC)
STEPS = 7
_FAULTS = (
    "http_400", "http_429", "http_500", "http_503", "r999", "latency", "drop_before_commit",
    "drop_after_commit", "partial_json",
)  # fmt: skip
_CALLS = ("/notify$", "/redeem$", "/checkout/v2/pay$", "/status$", "/cancel$", ".")
_DEBITS = ("success", "failure", "failure", "late_success", "late_failure")
_COMMANDS = ("cancel", "keep", "pause", "resume", "cancel-now")
_ANSWERS = {httpx.codes.OK, httpx.codes.ACCEPTED, httpx.codes.CONFLICT, httpx.codes.SERVICE_UNAVAILABLE}


class Chaos:
    """Trouble at PhonePe, by a seed."""

    def __init__(self, stage: Stage, rng: random.Random) -> None:
        assert stage.phonepe is not None
        self._stage = stage
        self._phonepe = stage.phonepe
        self._rng = rng
        self.struck = 0
        """Requests that met a fault."""

    async def unsettle(self) -> None:
        """New faults there and on the way from it."""
        rng, control = self._rng, self._phonepe.control
        await self._count()
        for _ in range(rng.randint(1, 5)):
            fault = {
                "kind": rng.choice(_FAULTS),
                "path_regex": rng.choice(_CALLS),
                "nth": rng.randint(1, 3),
                "times": rng.randint(1, 2),
                "seconds": 0.3,
                "after_commit": rng.random() < 0.5,
            }
            await control("faults", fault)
        policy = {
            "drop_fraction": rng.choice((0, 0.4, 1)),
            "duplicate_times": rng.choice((1, 10)),
            "shuffle_window": rng.choice((0, 600, 7200)),
            "seed": rng.randrange(10**6),
        }
        await control("webhooks/policy", policy)

    async def happen_to(self, customer: Customer) -> None:
        """The bank, the payer, the customer, or nobody does something."""
        rng, chance = self._rng, self._rng.random()
        if chance < 0.4:
            codes = ("Z9", "Z9", "U28", "Z8", "YE")
            debits = [
                {"outcome": rng.choice(_DEBITS), "code": rng.choice(codes)} for _ in range(rng.randint(1, 4))
            ]
            await self._at_mandate(customer, "next", debits=debits)
        elif chance < 0.55:
            act = rng.choice(("pause", "unpause", "revoke"))
            await self._at_mandate(customer, act, webhook=rng.random() < 0.5)
        elif chance < 0.7:
            path = f"/v1/subscriptions/{customer.subscription_id}/{rng.choice(_COMMANDS)}"
            answer = await customer.http.post(path)
            assert answer.status_code in _ANSWERS, answer.text
        elif chance < 0.9:
            wish = rng.choice(("", "?instead=true", "/mandate"))
            page = await customer.http.get(f"/pay/{customer.subscription_id}{wish}")
            if page.status_code == httpx.codes.SEE_OTHER:
                await self._suffered(pay_at(self._stage, page.headers["location"]))

    async def _at_mandate(self, customer: Customer, act: str, **how: Any) -> None:
        row = models.Mandate
        query = select(row.id).where(row.subscription_id == customer.subscription_id, row.in_use)
        async with self._stage.database.reading() as session:
            mandate_id = await session.scalar(query)
        if mandate_id is not None:
            await self._suffered(self._phonepe.subscription(mandate_id, act, **how))

    async def _suffered(self, act: Any) -> None:
        try:
            await act
        except RuntimeError as error:
            assert ": 400 " in str(error), error  # it does not fit the state there

    async def kill_now_and_then(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(self._rng.uniform(4, 10))
            self._stage.workers.kill()

    async def calm(self) -> None:
        """No more trouble, and a look at every mandate."""
        await self._count()
        await self._phonepe.control("webhooks/policy", {"reset": True})
        await self._phonepe.control("webhooks/redeliver", {})
        await self._stage.settle()
        stage = self._stage
        async with stage.database.transaction() as session:
            for mandate in await session.scalars(select(models.Mandate)):
                mandate.updated_at = NOW
        parts = assemble(stage.settings)
        await MandateSweep(stage.database, stage.client, parts.collecting, stage.time.clock).look()
        await parts.closing.aclose()

    async def _count(self) -> None:
        faults = (await self._phonepe.ask("faults"))["faults"]
        self.struck += sum(each["struck"] for each in faults)
        await self._phonepe.control("faults", method="DELETE")


@pytest.mark.chaos
@pytest.mark.timeout(600)
async def test_whatever_happens_at_phonepe_the_books_agree_when_it_is_over(
    stage_at: OpenStage, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get("FAULTS_SEED") or secrets.randbelow(10**6))
    with capsys.disabled():
        print(f"\nFAULTS_SEED={seed}")  # noqa: T201
    rng = random.Random(seed)
    # A rescue would be paid at the other gateway, whose side this oracle does not count.
    async with stage_at(NOW, with_phonepe=True, rescue_by_other_gateway=False) as stage:
        await stage.workers.start()
        chaos = Chaos(stage, rng)
        states = ("29", "27", "07", "33")
        customers = [await stage.customer(f"payer{state}", state) for state in states]
        for customer in customers:
            await subscribe(customer)
            await pay(stage, customer)
        await chaos.unsettle()
        killer = asyncio.create_task(chaos.kill_now_and_then())
        for _ in range(STEPS):
            await stage.travel(timedelta(days=rng.randint(8, 12), hours=rng.randint(0, 23)))
            await chaos.unsettle()
            for customer in rng.sample(customers, 3):
                await chaos.happen_to(customer)
        killer.cancel()
        await chaos.calm()
        await stage.travel(timedelta(days=35))
        books = await agree(stage)
        assert len(books.captured) >= len(customers)
        assert chaos.struck
        assert stage.workers.deaths
