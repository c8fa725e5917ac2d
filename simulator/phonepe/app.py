"""Puts the rooms together: one ASGI application over one set of books."""

import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from simulator.books import Books
from simulator.clock import Clock
from simulator.phonepe.api import Api
from simulator.phonepe.control import Control
from simulator.phonepe.faults import Faults
from simulator.phonepe.pages import Pages
from simulator.phonepe.schedule import Scheduler
from simulator.phonepe.settings import Options
from simulator.phonepe.world import World


def open_world(options: Options) -> World:
    """The account as its books have it."""
    books = Books(options.books)
    clock = Clock(books, flowing=options.clock == "real", start=options.now)
    return World(books, clock, options)


async def _nowhere(_request: Request, _problem: Exception) -> JSONResponse:
    return JSONResponse({"code": "NOT_FOUND", "message": "There is no such address"}, 404)


def build(world: World) -> ASGIApp:
    """The application; it must be served by uvicorn, whose connections the faults can cut."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        scheduler = Scheduler(world)
        for room in (Api, Pages, Control):
            app.router.routes.extend(room(world, scheduler).routes())
        try:
            yield
        finally:
            await scheduler.close()
            world.books.close()

    return Faults(Starlette(exception_handlers={404: _nowhere}, lifespan=lifespan), world)
