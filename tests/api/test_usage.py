"""Usage over HTTP: told by services, asked about before spending, shown to customers."""

import asyncio
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import event

from db import models
from domain.events import EventType
from domain.usage import month_at
from tests.api.serving import Served, utc_now
from tests.db import rows, using

DOLLAR = 1_000_000
ON_GROWTH: dict[str, Any] = {"plan_id": "plan_growth", "price_id": "price_growth_monthly_v1"}


def event_in(event_id: str = "evt_1", **values: Any) -> dict[str, Any]:
    at = utc_now().isoformat()
    return {
        "event_id": event_id,
        "user_id": "user_1",
        "occurred_at": at,
        "kind": "move",
        **({} if {"cost_microusd", "cost_paise"} & set(values) else {"cost_microusd": 1250}),
        **values,
    }


async def told(api: Served, *events: dict[str, Any]) -> dict[str, Any]:
    async with api.service() as service:
        answer = await service.post("/internal/usage", json={"events": events})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def refused(api: Served, *events: Any) -> dict[str, Any]:
    """The first fault of what is answered 422; nothing is on record then."""
    async with api.service() as service:
        answer = await service.post("/internal/usage", json={"events": events})
    assert answer.status_code == 422, answer.text
    async with api.services.database.reading() as session:
        assert await rows.count(session, "usage_events") == 0
        assert await rows.count(session, "customers") == 0
    return dict(answer.json()["errors"][0])


async def may_spend(api: Served, user_id: str = "user_1", **cost: int) -> dict[str, Any]:
    async with api.service() as service:
        answer = await service.get(f"/internal/spend/{quote(user_id, safe='')}", params=cost)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def shown(api: Served, user_id: str = "user_1") -> dict[str, Any]:
    async with api.customer(user_id) as customer:
        answer = await customer.get("/v1/usage")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_it_answers_how_many_were_new(api: Served) -> None:
    batch = [event_in(f"evt_{number}") for number in range(3)]
    assert await told(api, *batch, batch[0]) == {"received": 4, "new": 3}
    assert await told(api, *batch, event_in("evt_9")) == {"received": 4, "new": 1}


async def test_a_thousand_events_are_taken_at_once_and_no_more(api: Served) -> None:
    many = [event_in(f"evt_{number}", user_id=f"user_{number % 50}") for number in range(1_001)]
    fault = await refused(api, *many)
    assert fault["field"] == "events" and fault["remedy"] == "Give fewer of them."
    assert await told(api, *many[:1_000]) == {"received": 1_000, "new": 1_000}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"cost_microusd": 1, "cost_paise": 1}, "cost_microusd"),
        ({"cost_microusd": None}, "cost_microusd"),
        ({"cost_microusd": -1}, "cost_microusd"),
        ({"cost_microusd": 1.5}, "cost_microusd"),
        ({"cost_paise": "12"}, "cost_paise"),
        ({"cost_paise": 10**9}, "cost_paise"),
        ({"occurred_at": "2026-11-30T10:00:00"}, "occurred_at"),
        ({"occurred_at": 1_780_000_000}, "occurred_at"),
        ({"occurred_at": "2026-13-01T10:00:00Z"}, "occurred_at"),
        ({"occurred_at": (utc_now() + timedelta(hours=1)).isoformat()}, "occurred_at"),
        ({"occurred_at": (utc_now() - timedelta(days=91)).isoformat()}, "occurred_at"),
        ({"event_id": ""}, "event_id"),
        ({"kind": "Über"}, "kind"),
        ({"user_id": "a\x00"}, "user_id"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_one_wrong_event_refuses_the_batch_and_is_named(
    api: Served, wrong: dict[str, Any], field: str
) -> None:
    fault = await refused(api, event_in("good"), event_in(**{"event_id": "bad", **wrong}))
    assert fault["field"] == f"events.1.{field}"
    assert fault["message"] and fault["remedy"]


async def test_an_empty_batch_is_refused(api: Served) -> None:
    assert (await refused(api))["field"] == "events"


async def test_only_services_tell_usage_and_ask_about_it(api: Served) -> None:
    for client in (api.client(), api.client("wrong"), api.customer("user_1"), api.operator()):
        async with client:
            batch = {"events": [event_in()]}
            assert (await client.post("/internal/usage", json=batch)).status_code == 401
            assert (await client.get("/internal/spend/user_1?cost_paise=1")).status_code == 401


async def test_budget_then_wallet_then_no(api: Served) -> None:
    await rows.add(api.services.database, rows.customer(), rows.subscription(**ON_GROWTH))
    await using.top_up(api.services.database, 9_000)
    assert await may_spend(api, cost_microusd=50 * DOLLAR) == {
        "allowed": True,
        "source": "budget",
        "remaining_microusd": 51 * DOLLAR,
        "remaining_paise": 51 * 9_000,
    }
    await told(api, event_in(cost_microusd=49 * DOLLAR))
    assert (await may_spend(api, cost_microusd=DOLLAR))["source"] == "budget"
    assert (await may_spend(api, cost_paise=9_001))["source"] == "wallet"
    assert (await may_spend(api, cost_microusd=2 * DOLLAR))["source"] == "wallet"
    no = await may_spend(api, cost_microusd=2 * DOLLAR + 1)
    assert no == {
        "allowed": False,
        "source": "none",
        "remaining_microusd": 2 * DOLLAR,
        "remaining_paise": 18_000,
    }


async def test_who_is_not_known_may_spend_the_free_budget(api: Served) -> None:
    odd = "auth0|Aŝa/ü %2F?#&"
    assert (await may_spend(api, odd, cost_microusd=DOLLAR))["allowed"] is True
    assert (await may_spend(api, odd, cost_microusd=DOLLAR + 1))["allowed"] is False
    await told(api, event_in(user_id=odd, cost_microusd=DOLLAR))
    assert (await may_spend(api, odd, cost_microusd=1))["allowed"] is False


async def test_a_plan_without_a_budget_allows_everything(api: Served) -> None:
    await rows.add(api.services.database, rows.customer(), rows.subscription())
    answer = await may_spend(api, cost_paise=10**8)
    assert answer == {
        "allowed": True,
        "source": "budget",
        "remaining_microusd": None,
        "remaining_paise": None,
    }


@pytest.mark.parametrize("query", ["", "?cost_paise=1&cost_microusd=1", "?cost_paise=0", "?cost_paise=1.5"])
async def test_asking_needs_one_cost(api: Served, query: str) -> None:
    async with api.service() as service:
        answer = await service.get(f"/internal/spend/user_1{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] in ("cost_microusd", "cost_paise")


async def test_asking_is_one_statement(api: Served) -> None:
    await may_spend(api, cost_paise=1)
    said: list[str] = []
    engine = api.services.database._reader.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *arguments: said.append(arguments[2]))
    await may_spend(api, cost_paise=1)
    assert len(said) == 1


async def test_a_customer_sees_what_they_used_and_nobody_elses(api: Served) -> None:
    await rows.add(api.services.database, rows.customer(), rows.subscription(**ON_GROWTH))
    await using.top_up(api.services.database, 100_000)
    await told(
        api,
        event_in("a", cost_microusd=40 * DOLLAR),
        event_in("b", kind="call", cost_paise=100_000),
        event_in("c", user_id="user_2"),
    )
    answer = await shown(api)
    month = month_at(utc_now())
    assert answer["month"] == month
    assert [(day["events"], day["cost_paise"]) for day in answer["daily"]] == [(2, 460_000)]
    assert [(kind["kind"], kind["cost_paise"]) for kind in answer["kinds"]] == [
        ("move", 360_000),
        ("call", 100_000),
    ]
    [of_month] = answer["monthly"]
    assert of_month == {
        "month": month,
        "events": 2,
        "cost_microusd": 51_111_111,
        "cost_paise": 460_000,
        "wallet_paise": 10_000,
        "over_budget_paise": 0,
    }
    assert answer["budget"] == {
        "limit_microusd": 50 * DOLLAR,
        "limit_paise": 450_000,
        "used_microusd": 50 * DOLLAR,
        "used_paise": 450_000,
        "remaining_microusd": 0,
        "remaining_paise": 0,
        "used_percent": 100,
        "usd_rate_paise": 9_000,
    }
    assert answer["wallet"] == {"balance_paise": 90_000}
    assert (await shown(api, "user_2"))["monthly"][0]["cost_microusd"] == 1250


async def test_who_used_nothing_sees_their_budget(api: Served) -> None:
    answer = await shown(api, "newcomer")
    assert (answer["daily"], answer["kinds"], answer["monthly"]) == ([], [], [])
    assert answer["budget"]["remaining_microusd"] == answer["budget"]["limit_microusd"] == DOLLAR
    assert answer["wallet"] == {"balance_paise": 0}


async def test_batches_at_once_over_http_draw_no_more_than_the_wallet_holds(api: Served) -> None:
    await rows.add(api.services.database, rows.customer(), rows.subscription(**ON_GROWTH))
    await using.top_up(api.services.database, 500)
    await told(api, event_in("budget", cost_microusd=50 * DOLLAR))
    answers = await asyncio.gather(
        *(told(api, *(event_in(f"{batch}/{n}", cost_paise=1) for n in range(10))) for batch in range(60))
    )
    assert sum(answer["new"] for answer in answers) == 600
    assert await using.drawn(api.services.database) == 500
    [month] = (await shown(api))["monthly"]
    assert (month["wallet_paise"], month["over_budget_paise"]) == (500, 100)


async def test_alerts_can_be_followed(api: Served) -> None:
    await told(api, event_in(cost_microusd=900_000))
    async with api.service() as service:
        page = (await service.get("/v1/events", params={"types": EventType.USAGE_BUDGET_WARNED.value})).json()
    [alert] = page["data"]
    assert alert["data"]["used_percent"] == 90
    async with api.services.database.reading() as session:
        assert alert["customer_id"] == (await session.get_one(models.UsageMonth, _key(alert))).customer_id


def _key(alert: dict[str, Any]) -> tuple[str, str]:
    return alert["customer_id"], alert["data"]["month"]
