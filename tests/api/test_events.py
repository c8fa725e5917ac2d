"""Events can be followed for ever and none is missed; health and metrics tell machines how we are."""

from db import outbox
from domain.events import EventType
from tests.api.serving import Served
from tests.db import rows


async def announce(api: Served, how_many: int) -> None:
    await rows.add(api.services.database, rows.customer())
    kinds = [EventType.PAYMENT_CAPTURED, EventType.PAYMENT_FAILED]
    for number in range(how_many):
        async with api.services.database.transaction() as session:
            await outbox.append(
                session,
                key=f"event-{number}",
                type=kinds[number % 2],
                customer_id="cus_1",
                subscription_id=None,
                occurred_at=rows.NOON,
                data={"number": number},
                sinks=[],
            )


async def test_reading_on_after_the_last_event_misses_none(api: Served) -> None:
    await announce(api, 7)
    seen: list[int] = []
    after: int | None = None
    async with api.service() as service:
        for _ in range(4):
            parameters = {"limit": 3, **({"after": after} if after else {})}
            page = (await service.get("/v1/events", params=parameters)).json()
            seen += [event["data"]["number"] for event in page["data"]]
            after = page["next_after"]
        assert seen == list(range(7))
        assert page == {"data": [], "next_after": after}, "at the end the place stays"
        failed = await service.get("/v1/events", params={"types": ["payment.failed"]})
        assert [event["data"]["number"] for event in failed.json()["data"]] == [1, 3, 5]
        for bad in ({"after": "999999"}, {"types": "nothing.known"}, {"limit": "0"}, {"after": "-1"}):
            assert (await service.get("/v1/events", params=bad)).status_code == 422, bad


async def test_metrics_count_by_route_and_never_by_path(api: Served) -> None:
    async with api.client() as anybody, api.service() as service:
        await service.get("/internal/entitlements/somebody-special")
        await anybody.request("PROPFIND", "/v1/plans")
        await anybody.get("/some/where/else")
        metrics = (await anybody.get("/metrics")).text
    assert 'route="/internal/entitlements/{user_id}",status="200"} 1.0' in metrics
    assert 'route="unmatched",status="404"} 1.0' in metrics
    assert 'method="OTHER"' in metrics
    assert "somebody-special" not in metrics
    assert "bahi_http_request_seconds_bucket" in metrics
