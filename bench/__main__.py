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

from bench import autopay, entitlements, growth, history, issuing, memory, pdfs, renewals, usage, webhooks
from bench.figures import Figure, table
from bench.scale import FULL, QUICK, Scale
from bench.stand import Stand, open_stand
from local.home import LocalError
from local.narration import Narrator

Measure = Callable[[Stand, Scale], Awaitable[list[Figure]]]
RESULTS = Path(__file__).with_name("results")
BENCHES: dict[str, Measure] = {
    renewals.NAME: renewals.measure,
    autopay.NAME: autopay.measure,
    history.NAME: history.measure,
    webhooks.NAME: webhooks.measure,
    entitlements.NAME: entitlements.measure,
    usage.NAME: usage.measure,
    issuing.NAME: issuing.measure,
    pdfs.NAME: pdfs.measure,
    memory.NAME: memory.measure,
    growth.NAME: growth.measure,
}


async def run(names: list[str], scale: Scale, narrator: Narrator) -> tuple[list[Figure], list[str]]:
    """Measure one after the other: the figures, and why others are missing."""
    figures: list[Figure] = []
    faults: list[str] = []
    async with open_stand() as stand:
        for name in names:
            try:
                async with narrator.step(name) as step:
                    found = await BENCHES[name](stand, scale)
                    step.detail = f"{found[0].name}: {found[0].value:.4g} {found[0].unit}"
                figures += found
            except LocalError as error:
                faults.append(f"{name}: {error}")
    return figures, faults


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
    scale = QUICK if asked.quick else FULL
    figures, faults = asyncio.run(run(asked.names or list(BENCHES), scale, narrator))
    narrator.console.print()
    narrator.console.print(table(figures))
    narrator.say(f"written to {write(figures, quick=asked.quick)}", style="dim")
    for missing in dict.fromkeys(figure.missing for figure in figures if figure.missing):
        narrator.say(missing, style="yellow")
    for fault in faults:
        narrator.say(fault, style="red")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
