"""Records a history of every shape of life: `python -m tests.workflows.record [name ...]`.

Of lives a subscription's runs, of deeds (deeds.py) the one run of another workflow. To be run after a
change made on purpose. Payloads are encrypted with the local key, as ever.
test_replay.py replays them: what an older version of the workflow began must go on under this one.
"""

import asyncio
import gzip
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from db.catalogue import load_file
from db.migrate import upgrade
from db.session import Database
from local.postgres import PostgresServer
from local.world import Person, World, open_world
from simulator.irp.process import PortalProcess
from tests.postgres import CATALOGUE
from tests.scenarios.telling import CARD, KARNATAKA, on
from tests.workflows.autopay_lives import AUTOPAY_LIVES
from tests.workflows.deeds import COMPANY, DEEDS, PAID_AT_PHONEPE, Deed, the_run
from tests.workflows.runs import Run, runs_of, runs_under

FOLDER = Path(__file__).with_name("histories")
BEGINS = on(2026, 1, 31, "11:22")
SETTINGS = {"monthly_total_count": 3, "checkout_expires_after_seconds": 6 * 3600}
SETTINGS_OF: dict[str, dict[str, Any]] = {
    "gateway-refuses": {"monthly_total_count": 1201},
    **{key: {"with_phonepe": True} for key in (*PAID_AT_PHONEPE, *AUTOPAY_LIVES)},
}
Life = Callable[[Person], Awaitable[None]]


async def _asked(person: Person) -> None:
    await person.subscribe("plan_pro")


async def _paid(person: Person) -> None:
    await _asked(person)
    await person.pay("upi")


async def _failing(person: Person, failures: int) -> None:
    await _paid(person)
    await person.next_charges(*failures * ["failure"])


def _rungs(number: int) -> Life:
    async def life(person: Person) -> None:
        await _failing(person, number)
        await person.world.time.travel_to(on(2026, 2, 28, "06:00") + timedelta(days=number - 1))

    return life


async def _recovered(person: Person) -> None:
    await _failing(person, 2)
    await person.world.time.travel_to(on(2026, 3, 2, "12:00"))


async def _halted_and_back(person: Person) -> None:
    await _failing(person, 4)
    await person.world.time.travel_to(on(2026, 3, 4))
    await person.at_gateway("change_method", **CARD)
    await person.world.time.travel_to(on(2026, 3, 31, "06:00"))


async def _unpaid(person: Person) -> None:
    await _asked(person)
    await person.pay("card", outcome="failure")
    await person.world.time.travel_to(on(2026, 1, 31, "18:00"))


async def _silent(person: Person) -> None:
    await person.world.simulator.control("webhooks/policy", {"drop_all": True})
    await _failing(person, 1)
    await person.world.time.travel_to(on(2026, 3, 2))


async def _paused(person: Person) -> None:
    await _paid(person)
    await person.world.time.travel_to(on(2026, 2, 27))
    await person.command("pause")
    await person.world.time.travel_to(on(2026, 3, 1))


async def _paused_and_resumed(person: Person) -> None:
    await _paused(person)
    await person.command("resume")
    await person.world.time.travel_to(on(2026, 3, 31, "06:00"))


def _commanded(*names: str, days: int = 0) -> Life:
    async def life(person: Person) -> None:
        await _paid(person)
        for name in names:
            await person.command(name)
        await person.world.time.travel(timedelta(days=days))

    return life


async def _completed(person: Person) -> None:
    await _paid(person)
    await person.world.time.travel_to(on(2026, 5, 1))


async def _free(person: Person) -> None:
    await person.subscribe("plan_free")


async def _superseded(person: Person) -> None:
    await _free(person)
    free_id = person.subscription_id
    await _paid(person)
    person.subscription_id = free_id


async def _too_late(person: Person) -> None:
    """Two requests at one moment for different plans: one of them finds the other in the way."""
    plans = ("plan_pro", "plan_basic", "plan_growth", "plan_starter")
    answers = await asyncio.gather(
        *(person.http.post("/v1/subscriptions", json={"plan_id": plan}) for plan in plans)
    )
    on_record = {answer.json().get("subscription_id") for answer in answers if answer.is_success}
    found = person.world.client.list_workflows("WorkflowType = 'Subscription'")
    await asyncio.sleep(1)  # the list of runs follows a moment later
    begun = {run.id.removeprefix("subscription/") async for run in found}
    person.subscription_id = min(begun - on_record)


async def _wrong_amount(person: Person) -> None:
    await _asked(person)
    await person.pay("card", outcome="wrong_amount")


async def _gateway_away(person: Person) -> None:
    rule = {"kind": "http_503", "path_regex": "/v1/subscriptions$", "method": "POST", "times": 0}
    await person.world.simulator.control("faults", rule)
    answer = await person.http.post("/v1/subscriptions", json={"plan_id": "plan_pro"})
    person.subscription_id = answer.json()["subscription_id"]
    await person.world.time.settle()


async def _gateway_refuses(person: Person) -> None:
    """See SETTINGS_OF: it takes no agreement of that length."""
    await person.http.post("/v1/subscriptions", json={"plan_id": "plan_pro"})
    listed = (await person.http.get("/v1/subscriptions")).json()["data"]
    person.subscription_id = listed[0]["subscription_id"]


LIVES: dict[str, Life] = {
    "created": _asked,
    "expired": _unpaid,
    "gateway-away": _gateway_away,
    "gateway-refuses": _gateway_refuses,
    "refused-because-of-another": _too_late,
    "wrong-amount": _wrong_amount,
    "sleeping": _paid,
    "no-webhook-ever": _silent,
    "past-due-rung-1": _rungs(1),
    "past-due-rung-2": _rungs(2),
    "past-due-rung-3": _rungs(3),
    "recovered": _recovered,
    "halted": _rungs(4),
    "halted-and-back": _halted_and_back,
    "paused": _paused,
    "paused-and-resumed": _paused_and_resumed,
    "cancel-scheduled": _commanded("cancel"),
    "cancel-taken-back": _commanded("cancel", "keep"),
    "cancelled-at-period-end": _commanded("cancel", days=30),
    "cancelled-now": _commanded("cancel-now"),
    "completed": _completed,
    "free": _free,
    "free-superseded": _superseded,
    **AUTOPAY_LIVES,
}


def shape(run: Run) -> tuple[str, ...]:
    """Two runs of one shape take the same way through the workflow."""
    return (*run.kinds, *run.activities)


async def _record_life(world: World, name: str, known: set[tuple[str, ...]]) -> None:
    """The runs of this life, except those of a shape that is known."""
    person = await world.person("asha", state_code=KARNATAKA)
    await LIVES[name](person)
    runs = await runs_of(person)
    for number, run in enumerate(runs, start=1):
        if shape(run) in known and run is not runs[-1]:
            continue
        known.add(shape(run))
        _keep(run, f"{name}-{number}")


async def _record_deed(world: World, name: str, deed: Deed) -> None:
    person = await world.person("asha", name="Asha Textiles LLP", state_code=KARNATAKA, gstin=deed.gstin)
    await deed.done(person)
    await world.time.settle()
    [run] = await runs_under(world.client, await the_run(world, deed.kind))
    _keep(run, f"{name}-1")


def _keep(run: Run, name: str) -> None:
    file = FOLDER / f"{name}.json.gz"
    lean = json.dumps(run.history.to_json_dict(), separators=(",", ":"))
    file.write_bytes(gzip.compress(lean.encode(), mtime=0))
    print(f"{file.name}: {len(run.history.events)} events, {file.stat().st_size} bytes")  # noqa: T201


@asynccontextmanager
async def _portal(folder: Path, deed: Deed | None) -> AsyncIterator[dict[str, Any]]:
    """Settings with which companies' invoices are registered, where the deed is about that."""
    if deed is None or deed.gstin != COMPANY:
        yield {}
        return
    async with PortalProcess.open(folder / "irp.sqlite", BEGINS) as portal:
        yield {
            "irp_enabled": True,
            "irp_base_url": portal.url,
            "irp_client_id": "simulator",
            "irp_client_secret": "simulator-secret",
            "irp_public_keys": await portal.public_key(),
        }


async def _fresh_database(postgres: PostgresServer, name: str) -> str:
    await postgres.ensure_database(name)
    url = postgres.dsn(name)
    await upgrade(url)
    database = Database.connect(url, pool_size=1)
    await load_file(database, CATALOGUE, BEGINS)
    await database.close()
    return url


async def main(names: list[str]) -> None:
    """Each in a world of its own; all without a name. Lives are named together: they share shapes."""
    FOLDER.mkdir(exist_ok=True)
    chosen = names or [*LIVES, *DEEDS]
    for old in FOLDER.glob("*.json.gz"):
        if not names or old.name.rpartition("-")[0] in names:
            old.unlink()
    known: set[tuple[str, ...]] = set()
    with tempfile.TemporaryDirectory() as base:
        async with PostgresServer(Path(base) / "postgres", throw_away=True) as postgres:
            for number, name in enumerate(chosen):
                folder, deed = Path(base) / name, DEEDS.get(name)
                folder.mkdir()
                url = await _fresh_database(postgres, f"life_{number}")
                async with _portal(folder, deed) as portal:
                    settings = {"log_level": "ERROR", **SETTINGS, **SETTINGS_OF.get(name, {}), **portal}
                    async with open_world(folder, url, BEGINS, **settings) as world:
                        if deed is None:
                            await _record_life(world, name, known)
                        else:
                            await _record_deed(world, name, deed)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
