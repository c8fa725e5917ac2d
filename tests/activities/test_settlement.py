"""Booking a charge where something is wrong with our own settings."""

import pytest
from sqlalchemy import func, select

from db import models
from db.session import Database
from domain.errors import Unavailable
from tests.filing.selling import BENGALURU_COMPANY, Shop, october


async def test_money_waits_for_a_missing_registration_instead_of_ending_the_subscription(
    database: Database,
) -> None:
    shop = Shop(database)
    with pytest.raises(Unavailable, match="no seller registration has the key 'gone'"):
        await shop.sell({**BENGALURU_COMPANY, "seller_key": "gone"}, 1_180_00, october(3))
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(models.Document)) == 0
        assert await session.scalar(select(func.count()).select_from(models.Payment)) == 0
        assert (await session.scalars(select(models.NumberSeries.last_number))).all() == []
