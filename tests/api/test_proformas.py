"""Proformas over HTTP, with the real worker, store and mail server: what a plan would cost, on paper."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import func, select

from db import models
from engine.client import connect
from local.temporal import TemporalServer
from local.world import Person, World
from tests.api.serving import Served, serving, until
from tests.documents.reading import pages
from tests.gateways.servers import mail_server
from tests.world import OpenWorld
from worker import assemble, build_workers

NOW = datetime(2026, 1, 1, 5, 0, tzinfo=UTC)
PATH = "/v1/proformas"
GROWTH = {"plan_id": "plan_growth", "interval": "annual"}


async def drawn(person: Person, document_id: str) -> bytes:
    """The PDF, as its owner downloads it."""

    async def ready() -> httpx.Response | None:
        answer = await person.http.get(f"/v1/documents/{document_id}/download")
        return answer if answer.status_code == 302 else None

    found: httpx.Response = await until(ready)
    pdf = await person.http.get(found.headers["location"])
    assert pdf.status_code == 200 and "PI25-26-000001.pdf" in pdf.headers["content-disposition"]
    return pdf.content


async def count(world: World, row: Any) -> int:
    async with world.database.reading() as session:
        return int(await session.scalar(select(func.count()).select_from(row)) or 0)


async def test_a_proforma_is_issued_listed_drawn_and_mailed(world_at: OpenWorld) -> None:
    async with mail_server() as box:
        settings = {
            "notify": "smtp",
            "smtp_host": "127.0.0.1",
            "smtp_port": box.port,
            "smtp_sender": "Kaveri <billing@kaveri.example>",
            "smtp_starttls": False,
        }
        async with world_at(NOW, **settings) as world:
            ravi = await world.person("ravi", name="Ravi Deshpande", state_code="27")
            answer = await ravi.http.post(PATH, json=GROWTH)
            made = answer.json()
            assert answer.status_code == 201, answer.text
            assert answer.headers["location"] == f"/v1/documents/{made['id']}"
            assert (made["kind"], made["number"]) == ("proforma", "PI25-26/000001")
            # ₹29,990 and 18 % IGST on top, which is what a subscription would be charged.
            sums = ("taxable_paise", "igst_paise", "total_paise")
            assert [made[each] for each in sums] == [2_999_000, 539_820, 3_538_820]
            assert (made["subscription_id"], made["payment_reference"]) == (None, "")

            [listed] = (await ravi.http.get("/v1/documents", params={"kind": "proforma"})).json()["data"]
            assert listed["id"] == made["id"]
            assert (await ravi.http.get("/v1/invoices")).json()["data"] == []
            [page] = pages(await drawn(ravi, made["id"]))
            assert "PROFORMA INVOICE" in page and "Ravi Deshpande" in page and "35,388.20" in page

            async def mailed() -> bool:
                return bool(box.mails)

            await until(mailed)
            mail = message_from_bytes(box.mails[0], policy=default)
            assert mail["Subject"] == "Proforma invoice PI25-26/000001 over ₹35,388.20"
            [attached] = list(mail.iter_attachments())
            assert attached.get_filename() == "PI25-26-000001.pdf"
            assert box.recipients == ["ravi@customer.example"]
            assert await count(world, models.LedgerTransaction) == 0


async def test_a_repeated_request_is_one_proforma_and_a_new_one_the_next_number(world_at: OpenWorld) -> None:
    async with world_at(NOW) as world:
        asha = await world.person("asha")
        first, again = [
            await asha.http.post(PATH, json=GROWTH, headers={"Idempotency-Key": "one"}) for _ in range(2)
        ]
        assert first.status_code == 201 and again.content == first.content
        assert again.headers["location"] == first.headers["location"]
        other = {"plan_id": "plan_basic"}
        reused = await asha.http.post(PATH, json=other, headers={"Idempotency-Key": "one"})
        assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
        second = await asha.http.post(PATH, json=other)
        assert (second.status_code, second.json()["number"]) == (201, "PI25-26/000002")
        assert await count(world, models.Document) == 2

        # The tax series knows nothing of them.
        await asha.subscribe("plan_basic")
        await asha.pay()
        [invoice] = await asha.invoices()
        assert invoice["number"] == "BH25-26/000001"
        assert invoice["total_paise"] == second.json()["total_paise"]


async def test_what_cannot_be_subscribed_to_gets_no_proforma_for_the_same_reason(
    world_at: OpenWorld,
) -> None:
    async with world_at(NOW) as world:
        nobody = await world.person("nobody", state_code="")
        refused = (await nobody.http.post(PATH, json=GROWTH)).json()
        assert (refused["status"], refused["errors"][0]["field"]) == (422, "state_code")

        asha = await world.person("asha")
        for wanted, field in (
            ({"plan_id": "plan_gold"}, "plan_id"),
            ({"plan_id": "plan_free"}, "plan_id"),
            ({"plan_id": "plan_basic", "interval": "weekly"}, "interval"),
        ):
            answer = await asha.http.post(PATH, json=wanted)
            assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), wanted

        wei = await world.person("wei", state_code="")
        abroad = {"name": "Wei", "email": "wei@customer.example", "country": "SG", "city": "Singapore"}
        (await wei.http.put("/v1/billing-details", json=abroad)).raise_for_status()
        answers = [(await wei.http.post(path, json=GROWTH)).json() for path in (PATH, "/v1/subscriptions")]
        assert [answer["status"] for answer in answers] == [409, 409]
        assert (
            answers[0]["detail"] == answers[1]["detail"] and "letter of undertaking" in answers[0]["detail"]
        )
        assert await count(world, models.Document) == 0


async def test_without_temporal_nothing_is_promised(api: Served) -> None:
    async with api.customer() as customer:
        details = {"name": "Asha", "email": "asha@customer.example", "state_code": "29"}
        (await customer.put("/v1/billing-details", json=details)).raise_for_status()
        answer = await customer.post(PATH, json=GROWTH)
    assert answer.status_code == 503


async def test_a_worker_that_is_away_keeps_the_request_and_its_id(database_url: str, tmp_path: Path) -> None:
    async with (
        TemporalServer(folder=tmp_path) as server,
        serving(database_url, temporal_address=server.address) as api,
        api.customer() as customer,
    ):
        customer.headers["Idempotency-Key"] = "one"
        details = {"name": "Asha", "email": "asha@customer.example", "state_code": "29"}
        (await customer.put("/v1/billing-details", json=details)).raise_for_status()
        waiting = await customer.post(PATH, json=GROWTH)
        pending = waiting.json()
        assert (waiting.status_code, waiting.headers["retry-after"]) == (202, "2")
        assert waiting.headers["location"] == pending["ask"] == f"/v1/documents/{pending['id']}"

        parts = assemble(api.settings)
        [worker] = build_workers(await connect(api.settings), parts, ["subscriptions"])
        async with parts.closing, worker:
            made = await customer.post(PATH, json=GROWTH)
        assert (made.status_code, made.json()["id"]) == (201, pending["id"])


async def test_another_customers_proforma_is_not_found(world_at: OpenWorld) -> None:
    async with world_at(NOW) as world:
        asha, ravi = await world.person("asha"), await world.person("ravi")
        made = (await asha.http.post(PATH, json=GROWTH)).json()
        assert (await ravi.http.get(f"/v1/documents/{made['id']}")).status_code == 404
        assert (await ravi.http.get("/v1/documents")).json()["data"] == []
