"""What a person sees in the terminal: one line per thing done, a moving one for what is under way."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.status import Status
from rich.text import Text

_TITLE_WIDTH = 22
_WORTH_TELLING = 0.2  # seconds


@dataclass
class Step:
    """Something under way; `detail` is what its line says when it is done."""

    title: str
    detail: str = ""


class Narrator:
    """Several steps may run at once; each gets its line when it ends."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self._running: list[Step] = []
        self._status: Status | None = None

    def headline(self, text: str) -> None:
        self.console.print()
        self.console.print(Text(text, style="bold"))

    def say(self, text: str, style: str = "yellow") -> None:
        """A remark between the steps, such as a port that was taken."""
        self.console.print(Text(f"  • {text}", style=style), soft_wrap=True)

    @asynccontextmanager
    async def step(self, title: str) -> AsyncIterator[Step]:
        """Show `title` as under way; then a line with a tick and its seconds, or with a cross."""
        step, began = Step(title), time.monotonic()
        self._running.append(step)
        self._show()
        try:
            yield step
        except asyncio.CancelledError:  # another step failed, or Ctrl-C
            self._running.remove(step)
            self._show()
            raise
        except BaseException:
            self._end(step, Text("✗", style="bold red"))
            raise
        self._end(step, Text("✓", style="bold green"), time.monotonic() - began)

    def places(self, places: Mapping[str, str]) -> None:
        """Where everything is. Unframed and unwrapped, so that links stay links in any terminal."""
        self.console.print()
        self.console.rule("[bold]Where everything is", align="left", style="dim")
        for name, place in places.items():
            self.console.print(Text(f"  {name:<{_TITLE_WIDTH}}", style="bold") + Text(place), soft_wrap=True)

    def commands(self, commands: Mapping[str, str]) -> None:
        """Commands to copy."""
        self.console.print()
        self.console.rule("[bold]To try", align="left", style="dim")
        for purpose, command in commands.items():
            self.console.print(Text(f"  # {purpose}", style="dim"), soft_wrap=True)
            self.console.print(Text(f"  {command}"), soft_wrap=True)

    def _end(self, step: Step, mark: Text, seconds: float | None = None) -> None:
        self._running.remove(step)
        took = f"{seconds:.1f} s" if seconds and seconds >= _WORTH_TELLING else ""
        line = Text("  ") + mark + Text(f" {step.title:<{_TITLE_WIDTH - 2}}")
        line += Text(step.detail) + Text(f"  {took}" if took else "", style="dim")
        self.console.print(line, soft_wrap=True)
        self._show()

    def _show(self) -> None:
        """One moving line at the bottom names everything under way."""
        if not self.console.is_terminal:
            return
        titles = ", ".join(step.title for step in self._running)
        if self._status is None and titles:
            self._status = self.console.status(titles)
            self._status.start()
        elif self._status is not None and titles:
            self._status.update(titles)
        elif self._status is not None:
            self._status.stop()
            self._status = None
