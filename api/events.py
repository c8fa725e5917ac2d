"""Announced facts, for whoever wants to follow."""

from typing import Annotated

from fastapi import APIRouter, Query

from api import views
from api.dependencies import PageSize, Parts, ServicesOrOperators
from api.problems import documented
from api.schemas import EventPage
from db import outbox
from domain.events import EventType

router = APIRouter(tags=["services"])
After = Annotated[int | None, Query(ge=1, le=2**63 - 1, description="The id of the last event you have.")]
Types = Annotated[
    list[EventType] | None, Query(max_length=50, description="Only these; repeat the parameter.")
]


@router.get(
    "/v1/events",
    operation_id="list_events",
    dependencies=[ServicesOrOperators],
    responses=documented(401, 403),
)
async def list_events(
    services: Parts, after: After = None, types: Types = None, limit: PageSize = 50
) -> EventPage:
    """Events in an order that never changes, none left out: read on with `after`, for ever."""
    async with services.database.reading() as session:
        events = await outbox.events_after(session, after, limit, types)
    return EventPage(
        data=[views.event_out(event) for event in events], next_after=events[-1].id if events else after
    )
