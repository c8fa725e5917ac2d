"""What a user may use: asked by our own services on every request of theirs, so one query and no detours."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.dependencies import Parts, ServicesOnly
from api.problems import documented
from api.schemas import Entitlement
from db import api_reads
from domain.plans import FREE_PLAN_NAME

router = APIRouter(tags=["services"])
UserId = Annotated[
    str,
    Path(
        min_length=1,
        max_length=255,
        pattern="^[^\x00-\x1f\x7f]+$",
        description="The application's own id of the user: the `sub` of their token.",
        examples=["user_42"],
    ),
]
_NO_CATALOGUE = f'{{"plan" : "{FREE_PLAN_NAME}", "features" : {{}}}}'


@router.get(
    "/internal/entitlements/{user_id:path}",
    operation_id="get_entitlements",
    dependencies=[ServicesOnly],
    response_model=Entitlement,
    responses=documented(401, 404),
)
async def get_entitlements(services: Parts, user_id: UserId) -> Response:
    """Plan and features in force now; Free for users we do not know."""
    async with services.database.reading() as session:
        found = await api_reads.entitlement_json(session, user_id, services.now())
    return Response(found or _NO_CATALOGUE, media_type="application/json")
