"""`python -m local run | demo | reset`; see `make help`."""

import argparse
import asyncio
import shutil
import sys

from rich.text import Text

from domain.errors import BahiError
from local.demo import demo
from local.home import Claim, Home, LocalError
from local.narration import Narrator


def reset(narrator: Narrator, *, ask: bool) -> None:
    """Delete the data folder; refuses while the stack runs. Raises LocalError."""
    home = Home.open()
    with Claim(home.root / "lock"):
        if ask:
            narrator.console.print(
                f"This deletes {home.root} with every subscription, invoice and log in it."
            )
            if not sys.stdin.isatty() or input("Type 'yes' to go on: ").strip() != "yes":
                raise LocalError("nothing was deleted")
        shutil.rmtree(home.root)
    narrator.say(f"deleted {home.root}", style="green")


def main() -> int:
    """Exit code 1 with the reason when something cannot be done."""
    parser = argparse.ArgumentParser(prog="local", description="Bahi on one machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="start everything, show one subscription, stay up until Ctrl-C")
    commands.add_parser("demo", help="twelve months of subscriptions, told as a dated story")
    wiping = commands.add_parser("reset", help="delete all local data")
    wiping.add_argument("--yes", action="store_true", help="do not ask")
    asked = parser.parse_args()
    narrator = Narrator()
    try:
        if asked.command == "run":
            from local.run import run  # here, because it takes a second to import

            asyncio.run(run(narrator))
        elif asked.command == "demo":
            asyncio.run(demo(narrator))
        else:
            reset(narrator, ask=not asked.yes)
    except (LocalError, BahiError) as error:
        narrator.console.print(Text(f"\n{error}", style="red"))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
