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
    reads_at_once = f"entitlement reads on {scale.connections} connections"
    statement = "SELECT 1"
    return [
        serving.figure(
            NAME, reads_at_once, "per second", samples, serving.rate, statement, Aim(at_least=0.6)
        ),
        serving.figure(NAME, f"{reads_at_once}, p99", "ms", samples, serving.slowest, statement),
        serving.figure(NAME, "API CPU per entitlement read", "ms", samples, serving.cpu, statement),
    ]
