"""Memory of a worker for each sleeping subscription that it keeps at hand."""

from contextlib import AsyncExitStack

from temporalio.client import Client

from bench import renewals
from bench.crews import BARE
from bench.figures import Figure, Floor
from bench.fleet import open_fleet
from bench.scale import Scale
from bench.stand import Stand

NAME = "memory"
_WARM_UP = 100
_PARTS = 4


async def measure(stand: Stand, scale: Scale) -> list[Figure]:
    """Growth of resident memory over the same number of each, after a warm-up; ours and bare in turn."""
    ours, floor = [], []
    part = scale.cached // _PARTS
    async with AsyncExitStack() as stack:
        fleet = await stack.enter_async_context(open_fleet(stand))
        crew = await stack.enter_async_context(fleet.crew())
        bare = await stack.enter_async_context(fleet.crew(BARE))
        client = await Client.connect(fleet.address)
        await fleet.populate(_WARM_UP, crew)
        await renewals.start_bare(client, BARE, range(_WARM_UP))
        await bare.meter.until_idle()
        for turn in range(_PARTS):
            before = crew.meter.resident_bytes()
            await fleet.populate(part, crew)
            ours.append((crew.meter.resident_bytes() - before) / part / 1024)
            before = bare.meter.resident_bytes()
            first = _WARM_UP + turn * part
            await renewals.start_bare(client, BARE, range(first, first + part))
            await bare.meter.until_idle()
            floor.append((bare.meter.resident_bytes() - before) / part / 1024)
    what = "worker memory per cached sleeping subscription"
    return [Figure(NAME, what, "KiB", ours, [Floor(renewals.FLOORS[BARE], floor)])]
