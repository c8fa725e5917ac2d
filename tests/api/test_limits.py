"""How much may be asked of the API."""

import asyncio
import resource
from collections.abc import AsyncIterator

from api.limits import MAX_BODY_BYTES, Limits
from tests.api.serving import Served, serving


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def chunks(total: int) -> AsyncIterator[bytes]:
    for _ in range(total // 65536):
        yield b"x" * 65536


async def test_a_body_that_declares_too_much_is_refused_unread(api: Served) -> None:
    async with api.customer() as customer:
        answer = await customer.post("/v1/subscriptions", content=b"x" * (MAX_BODY_BYTES + 1))
    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"


async def test_a_streamed_body_is_cut_off_and_never_held_in_memory(api: Served) -> None:
    before = peak_bytes()
    async with api.client() as anybody:
        for path in ("/webhooks/razorpay", "/v1/subscriptions"):
            answer = await anybody.post(
                path, content=chunks(40 * MAX_BODY_BYTES), headers={"Content-Type": "application/json"}
            )
            assert answer.status_code == 413, path
    assert peak_bytes() - before < 20 * MAX_BODY_BYTES


async def test_a_body_that_trickles_in_is_given_up(database_url: str) -> None:
    async with serving(database_url, limits=Limits(body_seconds=0.3)) as api:
        port = api.settings.api_port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST /webhooks/razorpay HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
            b"Content-Type: application/json\r\n\r\n{"
        )
        await writer.drain()
        status_line = await asyncio.wait_for(reader.readline(), 5)
        writer.close()
    assert b" 408 " in status_line


async def test_a_customer_who_asks_too_fast_is_told_when_to_come_back(database_url: str) -> None:
    limits = Limits(customer_per_second=0.5, customer_burst=3)
    async with (
        serving(database_url, limits=limits) as api,
        api.customer("hasty") as hasty,
        api.customer("calm") as calm,
    ):
        codes = [(await hasty.get("/v1/subscriptions/me")).status_code for _ in range(3)]
        refused = await hasty.get("/v1/subscriptions/me")
        assert codes == [200, 200, 200]
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
        assert (await calm.get("/v1/subscriptions/me")).status_code == 200


async def test_browsers_get_careful_headers_and_only_known_origins_may_read(api: Served) -> None:
    origin = api.settings.allowed_origins[0]
    async with api.client() as anybody:
        known = await anybody.get("/v1/plans", headers={"Origin": origin})
        unknown = await anybody.get("/v1/plans", headers={"Origin": "https://evil.example"})
        preflight = await anybody.options(
            "/v1/subscriptions",
            headers={
                "Origin": origin,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization,idempotency-key",
            },
        )
    assert known.headers["access-control-allow-origin"] == origin
    assert known.headers["access-control-allow-credentials"] == "true"
    assert "access-control-allow-origin" not in unknown.headers
    assert preflight.status_code == 200
    assert known.headers["x-content-type-options"] == "nosniff"
    assert known.headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in known.headers["content-security-policy"]
