"""The API fuzzed from its own description, all phases, with the real workflow: no 5xx, no surprises."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.api.serving import serving
from tests.world import OpenWorld

SEED = 20261122
SECONDS = 20
CONFIG = """
continue-on-failure = true

[auth.openapi.customer]
bearer = "{customer}"
[auth.openapi.operator]
bearer = "{operator}"
[auth.openapi.operatorSession]
api_key = "{operator}"
[auth.openapi.service]
bearer = "{service}"

[checks]
# Rules that no schema can state (a GSTIN's check digit, a State that fits it) refuse well-formed bodies.
positive_data_acceptance.enabled = false
"""


async def test_no_request_meets_a_fault_or_an_undocumented_answer(
    world_at: OpenWorld, tmp_path: Path, database_url: str
) -> None:
    async with (
        world_at(datetime(2026, 1, 1, 5, 0, tzinfo=UTC)) as world,
        # A second API, which is patient with so many requests.
        serving(
            database_url, temporal_address=world.settings.temporal_address, clock=world.time.clock
        ) as api,
    ):
        asha = await world.person("asha")
        await asha.subscribe("plan_pro")
        await asha.pay()
        config = tmp_path / "schemathesis.toml"
        config.write_text(
            CONFIG.format(
                customer=asha.token,
                operator=api.operator_token(),
                service=world.settings.service_token.get_secret_value(),
            )
        )
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("schemathesis")),
            f"--config-file={config}",
            "run",
            f"{api.url}/openapi.json",
            "--phases=examples,coverage,fuzzing,stateful",
            "--max-examples=8",
            f"--max-time={SECONDS}",
            f"--seed={SEED}",
            "--suppress-health-check=all",
            "--workers=1",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=tmp_path,
        )
        said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
