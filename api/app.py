"""The application: its parts, its routes, and what surrounds them."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from api import (
    admin,
    admin_customers,
    admin_documents,
    codec,
    customers,
    documentation,
    e_invoices,
    entitlements,
    events,
    exports,
    files,
    health,
    invoices,
    login,
    pay,
    plans,
    proformas,
    refunds,
    subscriptions,
    topups,
    usage,
    webhooks,
)
from api.auth import Tokens
from api.dependencies import Services
from api.frontend import routes as frontend
from api.frontend import top_ups as frontend_top_ups
from api.frontend import usage as frontend_usage
from api.limits import DEFAULT_LIMITS, BodyLimit, Limits, RateLimiter
from api.logs import configure_logging, logger
from api.observing import Metrics, Observer, RequestIdMint
from api.problems import LastResort, install_handlers
from api.security import SecurityHeaders
from config import Settings
from db.session import Database
from engine.client import connect
from gateways.storage import open_store

VERSION = "1.0.0"
_ROUTERS = (
    entitlements,
    usage,
    webhooks,
    plans,
    subscriptions,
    customers,
    invoices,
    proformas,
    topups,
    events,
    files,
    admin,
    admin_customers,
    admin_documents,
    refunds,
    exports,
    e_invoices,
    codec,
    frontend,
    frontend_usage,
    frontend_top_ups,
)


def utc_now() -> datetime:
    """The one clock of this process."""
    return datetime.now(UTC)


def create_app(
    settings: Settings | None = None,
    *,
    clock: Callable[[], datetime] = utc_now,
    limits: Limits = DEFAULT_LIMITS,
) -> FastAPI:
    """For `uvicorn --factory api.app:create_app`. Raises Misconfigured.

    It starts while database or Temporal are away. `clock` is the subscriptions' time; our own is moved by
    the setting for tests.
    """
    settings = settings or Settings()
    configure_logging(settings.log_level)
    metrics = Metrics()
    app = FastAPI(
        title="Bahi",
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan(settings, clock, limits, metrics),
        # A path with a slash too many is unknown, not elsewhere: a redirect would drop bodies and tokens.
        redirect_slashes=False,
    )
    install_handlers(app)
    documentation.describe(app, settings.public_url)
    for module in _ROUTERS:
        app.include_router(module.router)
    app.include_router(health.router)
    app.include_router(login.router)
    app.include_router(pay.router)
    app.include_router(documentation.router)
    # The last one added is the outermost.
    app.add_middleware(LastResort)
    app.add_middleware(BodyLimit, seconds=limits.body_seconds)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(settings.allowed_origins),
        allow_credentials=True,
        allow_methods=["GET", "POST", "PUT"],
        allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "X-Request-Id", "X-Namespace"],
        expose_headers=["Location", "Retry-After", "X-Request-Id"],
        max_age=600,
    )
    app.add_middleware(SecurityHeaders, https=settings.public_url.startswith("https://"))
    app.add_middleware(Observer, metrics=metrics, mint=RequestIdMint())
    return app


def _lifespan(
    settings: Settings, clock: Callable[[], datetime], limits: Limits, metrics: Metrics
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    tokens = Tokens(settings)
    store = open_store(settings.storage_settings)

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        for warning in settings.registrations.warnings:
            logger.warning("look at the seller", detail=warning)
        database = Database.connect(settings.database_url.get_secret_value(), settings.database_pool_size)
        app.state.services = Services(
            settings=settings,
            database=database,
            temporal=await connect(settings, lazy=True),
            store=store,
            tokens=tokens,
            metrics=metrics,
            customer_limit=RateLimiter(limits.customer_per_second, limits.customer_burst, time.monotonic),
            refusal_limit=RateLimiter(limits.refused_per_second, limits.refused_burst, time.monotonic),
            payer_limit=RateLimiter(limits.payer_per_second, limits.payer_burst, time.monotonic),
            clock=clock,
            clock_offset=settings.test_clock_offset if clock is utc_now else timedelta(0),
        )
        try:
            yield
        finally:
            await database.close()

    return life
