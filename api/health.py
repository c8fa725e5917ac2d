"""Whether this process lives, whether it can serve, and how it has served."""

import asyncio
from typing import Literal

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from api import temporal
from api.dependencies import Parts
from db.session import Database
from domain.errors import BahiError

router = APIRouter(tags=["operations"])
_DATABASE_SECONDS = 2.0


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Readiness(BaseModel):
    """`degraded`: reads and webhooks are served, commands wait for Temporal. `down`: nothing is."""

    status: Literal["ready", "degraded", "down"]
    database: bool
    temporal: bool


@router.get("/healthz", operation_id="get_health")
async def get_health() -> Alive:
    """Asks nobody else."""
    return Alive()


@router.get(
    "/readyz",
    operation_id="get_readiness",
    responses={503: {"model": Readiness, "description": "The database does not answer."}},
)
async def get_readiness(services: Parts, response: Response) -> Readiness:
    """503 without the database. Without Temporal it stays in service: webhooks must still be kept."""
    database, engine = await asyncio.gather(_answers(services.database), temporal.answers(services.temporal))
    if not database:
        response.status_code = 503
    status: Literal["ready", "degraded", "down"] = (
        "down" if not database else "ready" if engine else "degraded"
    )
    return Readiness(status=status, database=database, temporal=engine)


async def _answers(database: Database) -> bool:
    try:
        async with asyncio.timeout(_DATABASE_SECONDS):
            await database.ping()
    except (TimeoutError, BahiError):
        return False
    return True


@router.get(
    "/metrics",
    operation_id="get_metrics",
    response_class=Response,
    responses={200: {"description": "Prometheus text.", "content": {"text/plain": {}}}},
)
async def get_metrics(services: Parts) -> Response:
    """Requests by route and status, and their times."""
    return Response(generate_latest(services.metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
