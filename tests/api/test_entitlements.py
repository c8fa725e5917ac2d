"""What services are told about a user, in the shape of the product's second document."""

from datetime import timedelta
from itertools import product
from urllib.parse import quote

from sqlalchemy import event

from db import api_reads
from domain.subscription import Status, has_access
from tests.api.serving import Served, utc_now
from tests.db import rows

FREE = {"icps": 1, "phone_alerts": False, "live_ingestion": False, "retention_days": 7, "moves_per_month": 10}
PRO = {"live_ingestion": True, "phone_alerts": True, "retention_days": 90}


async def entitlement(api: Served, user_id: str = "user_1") -> dict[str, object]:
    async with api.service() as service:
        answer = await service.get(f"/internal/entitlements/{user_id}")
    assert answer.status_code == 200
    return dict(answer.json())


async def test_a_user_nobody_knows_is_on_the_free_plan(api: Served) -> None:
    assert await entitlement(api, "nobody") == {"plan": "FREE", "features": FREE}


async def test_a_paid_plan_answers_in_the_shape_of_the_second_document(api: Served) -> None:
    await rows.add(api.services.database, rows.customer(), rows.subscription())
    assert await entitlement(api) == {"plan": "PRO", "features": PRO}


async def test_access_in_sql_is_access_in_the_domain(api: Served) -> None:
    now = utc_now()
    moments = (None, now + timedelta(hours=1), now, now - timedelta(hours=1))
    cases = list(product(Status, moments))
    for number, (status, until) in enumerate(cases):
        await rows.add(
            api.services.database,
            rows.customer(str(number)),
            rows.subscription(
                str(number), customer_id=f"cus_{number}", status=status.value, access_until=until
            ),
        )
    async with api.services.database.reading() as session:
        for number, (status, until) in enumerate(cases):
            found = await api_reads.entitlement_json(session, f"user_{number}", now)
            assert found is not None
            assert ("PRO" in found) is has_access(status, until, now), (status, until)


async def test_of_several_the_best_plan_counts(api: Served) -> None:
    later = utc_now() + timedelta(days=1)
    await rows.add(
        api.services.database,
        rows.customer(),
        rows.subscription("1", status="CANCELLED", access_until=later, plan_id="plan_enterprise"),
        rows.subscription("2", plan_id="plan_basic"),
    )
    assert (await entitlement(api))["plan"] == "ENTERPRISE"


async def test_ids_of_users_may_hold_anything_a_url_can_carry(api: Served) -> None:
    odd = "auth0|Aŝa/ü %2F?#&"
    await rows.add(api.services.database, rows.customer(user_id=odd), rows.subscription())
    async with api.service() as service:
        answer = await service.get("/internal/entitlements/" + quote(odd, safe=""))
    assert answer.json()["plan"] == "PRO"


async def test_it_is_asked_of_the_database_in_one_statement(api: Served) -> None:
    await entitlement(api)
    said: list[str] = []
    engine = api.services.database._reader.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *arguments: said.append(arguments[2]))
    await entitlement(api)
    assert len(said) == 1


async def test_only_services_may_ask(api: Served) -> None:
    for client in (api.client(), api.client("wrong"), api.customer("user_1")):
        async with client:
            assert (await client.get("/internal/entitlements/user_1")).status_code == 401
