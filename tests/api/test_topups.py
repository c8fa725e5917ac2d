"""Asking for top-ups over HTTP: what is refused, and why, changes nothing."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import func, select

from db import models
from db.session import Database
from tests.api.serving import Served, serving
from tests.db import rows

NOW = datetime(2026, 10, 5, 7, 0, tzinfo=UTC)
DETAILS = {"name": "Asha Verma", "email": "asha@example.com", "state_code": "29"}


async def ask(http: httpx.AsyncClient, paise: object) -> httpx.Response:
    return await http.post("/v1/topups", json={"amount_paise": paise})


async def nothing_is_written(database: Database) -> bool:
    async with database.reading() as session:
        return not await session.scalar(select(func.count()).select_from(models.TopUp))


@pytest.fixture
async def served(database_url: str) -> AsyncIterator[Served]:
    async with serving(database_url, clock=lambda: NOW, top_up_largest_paise=10_000_00) as running:
        yield running


@pytest.mark.parametrize("paise", [99_99, 10_000_01, 1])
async def test_a_sum_outside_the_limits_is_refused_with_the_limits(
    served: Served, database: Database, paise: int
) -> None:
    async with served.customer() as http:
        await http.put("/v1/billing-details", json=DETAILS)
        refused = await ask(http, paise)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "amount_paise"
    assert "give ₹100.00 to ₹10,000.00" in refused.text
    assert await nothing_is_written(database)


@pytest.mark.parametrize("paise", [0, -500, "500", 500.5, None, True])
async def test_what_is_no_sum_is_refused(served: Served, database: Database, paise: object) -> None:
    async with served.customer() as http:
        refused = await ask(http, paise)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "amount_paise")
    assert await nothing_is_written(database)


async def test_without_a_state_on_record_it_is_said_where_to_put_it(
    served: Served, database: Database
) -> None:
    async with served.customer() as http:
        refused = await ask(http, 500_00)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "state_code"
    assert "PUT /v1/billing-details" in refused.text
    assert await nothing_is_written(database)


async def test_a_buyer_abroad_needs_a_letter_of_undertaking_on_our_side(
    served: Served, database: Database
) -> None:
    abroad = {"name": "Merlion", "email": "m@example.com", "country": "SG",
              "address_lines": ["1 Raffles Place"], "city": "Singapore"}  # fmt: skip
    async with served.customer() as http:
        (await http.put("/v1/billing-details", json=abroad)).raise_for_status()
        refused = await ask(http, 500_00)
    assert (refused.status_code, refused.json()["state"]) == (409, "no_lut")
    assert await nothing_is_written(database)


async def test_while_temporal_is_away_it_says_so_and_nothing_is_begun(
    served: Served, database: Database
) -> None:
    async with served.customer() as http:
        await http.put("/v1/billing-details", json=DETAILS)
        refused = await ask(http, 500_00)
    assert refused.status_code == 503
    assert await nothing_is_written(database)


async def test_anothers_top_up_is_not_there(served: Served, database: Database) -> None:
    top_up_id = f"top_{'0' * 26}"
    await rows.add(database, rows.customer(), rows.top_up(id=top_up_id))
    async with served.customer("user_1") as owner, served.customer("user_2") as other:
        assert (await owner.get(f"/v1/topups/{top_up_id}")).json()["amount_paise"] == 500_00
        for answer in (
            await other.get(f"/v1/topups/{top_up_id}"),
            await other.post(f"/v1/topups/{top_up_id}/cancel"),
        ):
            assert answer.status_code == 404
        assert (await other.get("/v1/topups")).json() == {"data": []}
        assert (await owner.get("/v1/topups/top_1")).status_code == 404
