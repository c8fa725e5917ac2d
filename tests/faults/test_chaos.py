"""Six subscriptions, three months, every kind of trouble at random. `FAULTS_SEED=n` repeats its choices."""

import asyncio
import os
import random
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.faults.conftest import OpenStage
from tests.faults.oracle import agree
from tests.faults.stage import Customer, Stage

NOW = datetime(2026, 1, 28, 6, 30, tzinfo=UTC)
CUSTOMERS = 6
STEPS = 6
_FAULTS = (
    "http_429", "http_500", "http_502_html", "http_503", "http_504", "latency", "drop_before_commit",
    "drop_after_commit", "partial_json",
)  # fmt: skip
_OUTCOMES = ("success", "success", "failure", "failure", "failure", "late_success")
_GIVEN_BACK = ("refund", "refund", "credit-note")
_COMMANDS = ("cancel", "keep", "pause", "resume", "cancel-now")
_ANSWERS = {
    httpx.codes.OK, httpx.codes.CREATED, httpx.codes.ACCEPTED, httpx.codes.CONFLICT,
    httpx.codes.SERVICE_UNAVAILABLE,
}  # fmt: skip


class Chaos:
    """Trouble, by a seed."""

    def __init__(self, stage: Stage, rng: random.Random) -> None:
        self._stage = stage
        self._rng = rng
        self.struck = 0
        """Requests to the gateway that met a fault."""
        self.dropped = 0
        self.repeated = 0
        """Webhooks."""

    async def unsettle(self) -> None:
        """New faults at the gateway and on the way from it."""
        rng, control = self._rng, self._stage.simulator.control
        await self._count()
        await control("faults", method="DELETE")
        for _ in range(rng.randint(1, 4)):
            await control("faults", self._fault())
        policy = {
            "drop_fraction": rng.choice((0, 0.3, 0.6)),
            "duplicate_times": rng.choice((2, 10)),
            "shuffle_window": rng.choice((0, 600, 7200)),
            "seed": rng.randrange(10**6),
        }
        await control("webhooks/policy", policy)

    def _fault(self) -> dict[str, Any]:
        rng = self._rng
        return {
            "kind": rng.choice(_FAULTS),
            "method": rng.choice(("GET", "POST", None)),
            "nth": rng.randint(1, 6),
            "times": rng.randint(1, 3),
            "seconds": 0.3,
            "after_commit": rng.random() < 0.5,
        }

    async def happen_to(self, customer: Customer) -> None:
        """The bank, the customer, or nobody does something."""
        rng = self._rng
        chance = rng.random()
        if chance < 0.4:
            outcomes = [rng.choice(_OUTCOMES) for _ in range(rng.randint(1, 5))]
            await self._at_gateway(customer, "next_charge", outcomes=outcomes)
        elif chance < 0.6:
            answer = await customer.http.post(
                f"/v1/subscriptions/{customer.subscription_id}/{rng.choice(_COMMANDS)}"
            )
            assert answer.status_code in _ANSWERS, answer.text
        elif chance < 0.7:
            await self._at_gateway(customer, "change_method", method="card", outcome="success")
        elif chance < 0.8:
            await self._at_gateway(customer, rng.choice(("dashboard_pause", "dashboard_resume")))
        if rng.random() < 0.2:  # seldom: each is looked at every hour of its first day
            await self._give_back(customer)

    async def _give_back(self, customer: Customer) -> None:
        """A part of an invoice, with a refund or without."""
        rng = self._rng
        asked = {"amount_paise": rng.randint(1, 1_000) * 100, "reason": "so it happened"}
        invoices = (await customer.http.get("/v1/invoices?limit=100")).json()["data"]
        if not invoices:
            return
        path = f"/admin/invoices/{rng.choice(invoices)['id']}/{rng.choice(_GIVEN_BACK)}"
        async with self._stage.operator() as operator:
            answer = await operator.post(path, json=asked)
        assert answer.status_code in _ANSWERS, answer.text

    async def _at_gateway(self, customer: Customer, act: str, **how: Any) -> None:
        try:
            await self._stage.simulator.act(customer.gateway_id, act, **how)
        except RuntimeError as error:
            assert ": 400 " in str(error), error  # it does not fit the state there

    async def kill_now_and_then(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(self._rng.uniform(4, 10))
            self._stage.workers.kill()

    async def calm(self) -> None:
        """No more trouble."""
        await self._count()
        await self._stage.simulator.control("faults", method="DELETE")
        await self._stage.simulator.control("webhooks/policy", {"reset": True})

    async def _count(self) -> None:
        faults = (await self._stage.simulator.ask("faults"))["faults"]
        self.struck += sum(each["struck"] for each in faults)
        deliveries = (await self._stage.simulator.ask("webhooks/deliveries"))["deliveries"]
        self.dropped = sum(each["state"] == "dropped" for each in deliveries)
        self.repeated = len(deliveries) - len({each["event_id"] for each in deliveries})


@pytest.mark.chaos
@pytest.mark.timeout(600)
async def test_whatever_happens_the_books_agree_when_it_is_over(
    stage_at: OpenStage, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get("FAULTS_SEED") or secrets.randbelow(10**6))
    with capsys.disabled():
        print(f"\nFAULTS_SEED={seed}")  # noqa: T201
    rng = random.Random(seed)
    async with stage_at(NOW) as stage:
        await stage.workers.start()
        chaos = Chaos(stage, rng)
        await chaos.unsettle()
        customers = await stage.subscribed(CUSTOMERS)
        for customer in customers:
            await customer.pay(method=rng.choice(("card", "upi")))
        killer = asyncio.create_task(chaos.kill_now_and_then())
        for _ in range(STEPS):
            for _ in range(2):  # a journey is to be over within its patience, however many stops it has
                await stage.travel(timedelta(days=rng.randint(4, 7), hours=rng.randint(0, 23)))
            await chaos.unsettle()
            for customer in rng.sample(customers, 4):
                await chaos.happen_to(customer)
        killer.cancel()
        await chaos.calm()
        # Whoever is active is looked at when the next cycle has begun.
        await stage.travel(timedelta(days=35))
        books = await agree(stage)
        assert len(books.captured) >= CUSTOMERS
        assert chaos.struck
        assert chaos.dropped
        assert chaos.repeated
        assert stage.workers.deaths
