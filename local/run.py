"""`python -m local run`: everything up, the main job done before your eyes, and kept up until Ctrl-C."""

import asyncio
import os
import signal
from collections.abc import Coroutine
from typing import Any

from local.first_subscription import show
from local.home import Claim, Home
from local.narration import Narrator
from local.stack import Stack


async def run(narrator: Narrator) -> None:
    """Raises LocalError when the stack does not come up."""
    home = Home.open()
    with Claim(home.root / "lock"):
        stopping = _stop_signals()
        stack = Stack(home, narrator)
        try:
            narrator.headline("Bahi: subscription billing, all of it on this machine")
            await _until_set(stopping, _live(stack, narrator))
        finally:
            narrator.console.print()
            async with narrator.step("Stopped"):
                await stack.stop()


async def _live(stack: Stack, narrator: Narrator) -> None:
    """Start, show the main job, stay. What crashes comes back from the start on."""
    await stack.start()
    keeping = asyncio.create_task(stack.keep_alive())
    try:
        await show(stack, narrator)
        narrator.console.print("\nEverything stays up until Ctrl-C.", style="bold")
        await keeping
    finally:
        keeping.cancel()


async def _until_set(stopping: asyncio.Event, job: Coroutine[Any, Any, None]) -> None:
    """Do the job, or leave it where it is when told to stop."""
    working, told = asyncio.create_task(job), asyncio.create_task(stopping.wait())
    await asyncio.wait({working, told}, return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if working.done():
        return working.result()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    return None


def _stop_signals() -> asyncio.Event:
    """Set by the first Ctrl-C, SIGTERM or hang-up. A second one ends us at once."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if stopping.is_set():
            os._exit(130)
        stopping.set()

    for which in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(which, stop)
    return stopping
