"""An HTTP server in a process of its own: the product's API, or a floor for it.

`python -m bench.server ours|fastapi|bare …`. All are served by uvicorn as installed for production.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import uvicorn
from fastapi import FastAPI, Request, Response
from sqlalchemy import text
from starlette.types import ASGIApp, Receive, Scope, Send

from db.session import Database
from local.ports import LOOPBACK

OURS, FASTAPI, BARE = KINDS = ("ours", "fastapi", "bare")
READ, WRITE = "/read", "/write"
CREATE_TABLE = "CREATE TABLE IF NOT EXISTS bare_calls (id bigserial PRIMARY KEY, body bytea NOT NULL)"
_SELECT = "SELECT 1"
_INSERT = "INSERT INTO bare_calls (body) VALUES ({})"
_POOL = 10
_ANSWER = b'{"answer": 1}'


def _fastapi(url: str) -> FastAPI:
    """The product's framework and its database layer, with one statement per route."""

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await database.close()

    app, database = FastAPI(lifespan=life), Database.connect(url, _POOL)
    select, insert = text(_SELECT), text(_INSERT.format(":body"))

    @app.get(READ)
    async def read() -> Response:
        async with database.reading() as session:
            await session.scalar(select)
        return Response(_ANSWER, media_type="application/json")

    @app.post(WRITE)
    async def write(request: Request) -> Response:
        body = await request.body()
        async with database.transaction() as session:
            await session.execute(insert, {"body": body})
        return Response(_ANSWER, media_type="application/json")

    return app


class _Bare:
    """No framework, the driver alone."""

    def __init__(self, url: str) -> None:
        self._dsn = url.replace("+asyncpg", "")
        self._pool: asyncpg.Pool | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        assert self._pool is not None
        if scope["path"] == READ:
            await self._pool.fetchval(_SELECT)
        else:
            await self._pool.execute(_INSERT.format("$1"), await _body(receive))
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_ANSWER))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": _ANSWER})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._pool = await asyncpg.create_pool(self._dsn, min_size=_POOL, max_size=_POOL)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._pool.close()
        await send({"type": "lifespan.shutdown.complete"})


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body = bytes(message.get("body", b""))
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return body


class _Announced(uvicorn.Server):
    async def startup(self, sockets: Any = None) -> None:
        """Say when requests can be sent."""
        await super().startup(sockets)
        print("serving", flush=True)


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="bench.server", description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--database", required=True, help="SQLAlchemy URL")
    asked = parser.parse_args()
    app: ASGIApp
    if asked.kind == OURS:
        # Only here: the floors need none of it.
        from api.app import create_app
        from config import Settings

        app = create_app(Settings(environment="test", database_url=asked.database, log_level="WARNING"))
    else:
        app = _fastapi(asked.database) if asked.kind == FASTAPI else _Bare(asked.database)
    # Faster parts may be installed for development; production has these (requirements.lock).
    config = uvicorn.Config(
        app,
        host=LOOPBACK,
        port=asked.port,
        http="h11",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
    )
    asyncio.run(_Announced(config).serve())


if __name__ == "__main__":
    main()
