"""The TypeScript client: its types are the API's, and what is built works on a running one."""

import asyncio
import os
import re
from datetime import UTC, datetime
from pathlib import Path

from clients.building import NODE, TYPES, TYPESCRIPT, compiler, generate
from clients.description import canonical
from tests.world import OpenWorld

NOW = datetime(2026, 1, 1, 5, 0, tzinfo=UTC)


def test_the_types_are_those_of_the_api_as_it_is(built: None, tmp_path: Path) -> None:
    generate(tmp_path / "schema.ts")
    same = (tmp_path / "schema.ts").read_text() == TYPES.read_text()
    assert same, "the API has changed: run `make client` and commit what it writes"


def test_no_older_shape_and_no_gateways_call_is_in_it() -> None:
    document = canonical()
    assert {path.split("/")[1] for path in document["paths"]} == {"v1", "internal", "admin"}
    assert not [name for name in document["components"]["schemas"] if name.startswith("Front")]


def test_the_lock_names_packages_by_hash_and_no_place_to_get_them() -> None:
    lock = (TYPESCRIPT / "package-lock.json").read_text()
    assert "resolved" not in lock
    assert lock.count('"integrity": "sha512-') == len(re.findall(r'^    "node_modules/', lock, re.M))


async def test_the_built_client_works_on_a_running_api(built: None, world_at: OpenWorld) -> None:
    compiler("-p", "test")
    async with world_at(NOW) as world:
        asha, ravi = await world.person("asha"), await world.person("ravi")
        await asha.subscribe("plan_pro")
        await asha.pay()
        await asha.invoices()
        async with world.operator() as operator:
            operator_token = operator.headers["authorization"].removeprefix("Bearer ")
        process = await asyncio.create_subprocess_exec(
            NODE, "--test", "test/client.test.ts",
            cwd=TYPESCRIPT,
            env={
                **os.environ,
                "BAHI_URL": world.settings.public_url,
                "BAHI_PAID": asha.token,
                "BAHI_NEW": ravi.token,
                "BAHI_SERVICE": world.settings.service_token.get_secret_value(),
                "BAHI_OPERATOR": operator_token,
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    assert re.search(r"pass 6\b", said.decode()), "none was left out"
