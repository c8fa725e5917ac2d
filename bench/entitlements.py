"""Entitlement reads per second and their slowest hundredth, beside `SELECT 1`."""

import itertools
import random

from bench import http_load, server, serving, sleepers
from bench.figures import Aim, Figure
from bench.scale import Scale
from bench.stand import Stand
from config import Settings
from db.session import Database

NAME = "entitlements"


async def measure(stand: Stand, scale: Scale) -> list[Figure]:
    """Random paying users, on keep-alive connections."""
    url = await stand.database()
    database = Database.connect(url, pool_size=1)
    members = sleepers.subscriptions(await sleepers.open_book(database), scale.few_sleepers)
    await sleepers.put_on_record(database, members)
    await database.close()
    token = Settings(environment="test").service_token.get_secret_value()
    headers = {"Authorization": f"Bearer {token}"}
    reads = [
        http_load.request("GET", f"/internal/entitlements/{sleepers.user_id(member)}", headers)
        for member in members
    ]
    random.Random(0).shuffle(reads)
    ours_next, floor = itertools.cycle(reads), http_load.request("GET", server.READ, headers)
    samples = await serving.compare(stand, scale, url, lambda: next(ours_next), lambda: floor)
    ours = samples.pop(server.OURS)
    figures = []
    for kind, floors in samples.items():
        name = serving.FLOORS[kind].format("SELECT 1")
        rates = [[each.outcome.per_second for each in of] for of in (ours, floors)]
        slowest = [[each.outcome.percentile_ms(0.99) for each in of] for of in (ours, floors)]
        costs = [[each.cpu_ms for each in of] for of in (ours, floors)]
        aim = Aim(at_least=0.6) if kind == server.FASTAPI else None
        note = f"{scale.connections} connections"
        figures += [
            Figure(NAME, "entitlement reads", "per second", rates[0], name, rates[1], aim, note),
            Figure(NAME, "entitlement reads, p99", "ms", slowest[0], name, slowest[1], None, note),
            Figure(NAME, "API CPU per entitlement read", "ms", costs[0], name, costs[1]),
        ]
    return figures
