"""The hosted page."""

from starlette.routing import Route

from simulator.schedule import Scheduler
from simulator.world import World


class Checkout:
    """The routes of the hosted pages."""

    def __init__(self, world: World, scheduler: Scheduler) -> None:
        self._world = world
        self._scheduler = scheduler

    def routes(self) -> list[Route]:
        """All of them."""
        return []
