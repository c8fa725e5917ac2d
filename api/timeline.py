"""A subscription's story as customers and operators read it."""

from api.schemas import Timeline, TimelineEntry
from db.session import Database
from db.timeline import timeline


async def tell(database: Database, subscription_id: str, *, for_operators: bool) -> Timeline:
    """In order. Customers see neither the gateway's calls nor which of our people did something."""
    async with database.reading() as session:
        entries = await timeline(session, subscription_id, for_operators=for_operators)
    return Timeline(
        subscription_id=subscription_id,
        data=[TimelineEntry.model_validate(entry, from_attributes=True) for entry in entries],
    )
