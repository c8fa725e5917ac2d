"""What can be subscribed to."""

from fastapi import APIRouter, Response

from api import views
from api.dependencies import Parts
from api.problems import documented
from api.schemas import PlanOut
from db import api_reads

router = APIRouter(tags=["plans"])


@router.get("/v1/plans", operation_id="list_plans", responses=documented())
async def list_plans(services: Parts, response: Response) -> list[PlanOut]:
    """All plans at their current prices: one entry per plan and interval. No token needed."""
    async with services.database.reading() as session:
        offers = await api_reads.offers(session)
    response.headers["Cache-Control"] = "public, max-age=60"
    return [views.plan_out(offer) for offer in offers]
