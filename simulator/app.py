"""Puts the rooms together: one ASGI application over one set of books."""

import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from simulator import webhooks
from simulator.api import Api
from simulator.books import Books
from simulator.checkout import Checkout
from simulator.clock import Clock
from simulator.control import Control
from simulator.faults import Faults
from simulator.ids import Mint
from simulator.panel import Panel
from simulator.refusals import NO_SUCH_URL, Refusal
from simulator.schedule import Scheduler
from simulator.settings import Options
from simulator.world import World


def open_world(options: Options) -> World:
    """The account as its books have it, with the webhook endpoint that the options name."""
    books = Books(options.books)
    clock = Clock(books, flowing=options.clock == "real", start=options.now)
    world = World(books, clock, Mint(clock.now), options)
    if options.webhook_url:
        name = webhooks.MAIN_ENDPOINT
        webhooks.put_endpoint(world, name, options.webhook_url, options.webhook_secret)
    return world


async def _nowhere(_request: Request, _problem: Exception) -> JSONResponse:
    return JSONResponse(Refusal(NO_SUCH_URL).body, 400)


def build(world: World) -> ASGIApp:
    """The application; it must be served by uvicorn, whose connections the faults can cut."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        scheduler = Scheduler(world)
        verbs = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        app.router.routes.append(Route("/v1/{path:path}", Api(world, scheduler).answer, methods=verbs))
        app.router.routes.extend(Panel(world, scheduler).routes())
        app.router.routes.extend(Control(world, scheduler).routes())
        app.router.routes.extend(Checkout(world, scheduler).routes())
        try:
            yield
        finally:
            await scheduler.close()
            world.books.close()

    return Faults(Starlette(exception_handlers={404: _nowhere}, lifespan=lifespan), world)
