"""`python -m bench [names…] [--quick]`: measure, print a table, write `bench/results/<date>.json`."""

import argparse
import asyncio
import json
import os
import platform
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench import entitlements, growth, history, invoices, memory, renewals, webhooks
from bench.figures import Figure, table
from bench.scale import FULL, QUICK, Scale
from bench.stand import Stand, open_stand
from local.home import LocalError
from local.narration import Narrator

Measure = Callable[[Stand, Scale], Awaitable[list[Figure]]]
RESULTS = Path(__file__).with_name("results")
BENCHES: dict[str, Measure] = {
    renewals.NAME: renewals.measure,
    history.NAME: history.measure,
    webhooks.NAME: webhooks.measure,
    entitlements.NAME: entitlements.measure,
    invoices.NAME: invoices.measure,
    memory.NAME: memory.measure,
    growth.NAME: growth.measure,
}


async def run(names: list[str], scale: Scale, narrator: Narrator) -> list[Figure]:
    """Measure one after the other; each line says when one is done."""
    figures: list[Figure] = []
    async with open_stand() as stand:
        for name in names:
            async with narrator.step(name) as step:
                found = await BENCHES[name](stand, scale)
                figures += found
                step.detail = "; ".join(f"{each.name} {each.value:.4g} {each.unit}" for each in found[:2])
    return figures


def write(figures: list[Figure], *, quick: bool) -> Path:
    """The results file, named by the time in UTC."""
    now = datetime.now(UTC)
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{now:%Y-%m-%dT%H%M%SZ}.json"
    machine = {
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "python": platform.python_version(),
        "temporalio": version("temporalio"),
    }
    content = {"at": now.isoformat(), "quick": quick, "machine": machine}
    file.write_text(json.dumps({**content, "figures": [each.as_json() for each in figures]}, indent=1) + "\n")
    return file


def main() -> int:
    """Exit code 1 with the reason when something cannot be measured. A missed aim is no error."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHES, []], help="all unless named")
    parser.add_argument("--quick", action="store_true", help="small counts: shows that all of it works")
    asked = parser.parse_args()
    narrator = Narrator()
    try:
        figures = asyncio.run(run(asked.names or list(BENCHES), QUICK if asked.quick else FULL, narrator))
    except LocalError as error:
        narrator.say(str(error), style="red")
        return 1
    narrator.console.print()
    narrator.console.print(table(figures), soft_wrap=False)
    narrator.say(f"written to {write(figures, quick=asked.quick)}", style="dim")
    return 0


if __name__ == "__main__":
    sys.exit(main())
