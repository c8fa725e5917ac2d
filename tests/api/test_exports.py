"""Exports asked for by operators, made by the worker, fetched by the link."""

import csv
import json
from datetime import UTC, datetime
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import httpx
import pytest
from sqlalchemy import text

from tests.api.serving import Served, until
from tests.api.test_charges import ABROAD, buyer
from tests.world import OpenWorld

NOW = datetime(2026, 1, 1, 5, 0, tzinfo=UTC)
JANUARY = {"kind": "gstr1", "period": "2026-01"}
NOBODY = "29AAACT9999Z1ZE"
IN_A_ZONE = """
default: zone
sellers:
  - key: zone
    legal_name: Meghdoot Software Private Limited
    gstin: 29AAACI4798L1ZU
    address: [12 Electronic City]
    city: Bengaluru
    pin: "560100"
    in_sez: true
"""
LOSE_TWO_NUMBERS = text("UPDATE number_series SET last_number = last_number + 2")


async def ended(operator: httpx.AsyncClient, order: dict[str, Any], key: str = "") -> dict[str, Any]:
    """Ask for it, and what came of it."""
    asked = await operator.post("/admin/exports", json=order, headers={"Idempotency-Key": key} if key else {})
    assert asked.status_code == 202, asked.text
    assert asked.json()["status"] == "running"

    async def standing() -> dict[str, Any] | None:
        answer = await operator.get(asked.headers["location"])
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return None if body["status"] == "running" else body

    found: dict[str, Any] = await until(standing)
    return found


async def unpacked(link: str) -> dict[str, bytes]:
    async with httpx.AsyncClient(trust_env=False) as anybody:
        answer = await anybody.get(link)
    assert answer.status_code == 200, answer.text
    with ZipFile(BytesIO(answer.content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


async def test_a_month_is_exported_by_the_worker_and_fetched_by_its_link(world_at: OpenWorld) -> None:
    async with world_at(NOW) as world, world.operator() as operator:
        asha = await world.person("asha")
        await asha.subscribe("plan_pro")
        await asha.pay()
        made = await ended(operator, JANUARY)
        assert (made["status"], made["differences"], made["faults"]) == ("ready", [], [])
        assert made["counts"] == {"documents": 1, "cancelled": 0}
        (section,) = made["sections"]
        assert (section["section"], section["documents"], section["taxable_paise"]) == ("b2cs", 1, 423644)
        files = await unpacked(made["download_url"])
        assert list(files) == made["files"]
        (portal,) = [json.loads(content) for name, content in files.items() if name.startswith("returns_")]
        assert (portal["fp"], portal["b2cs"][0]["txval"]) == ("012026", 4236.44)
        assert "reconciliation.csv" in files and "registers.xlsx" in files

        registers = await ended(operator, {"kind": "registers", "period": "2026-01"})
        assert "sales.csv" in await unpacked(registers["download_url"])

        nothing = await ended(operator, {"kind": "einvoice", "period": "2026-01"})
        assert (nothing["status"], nothing["download_url"]) == ("ready", None)
        assert nothing["counts"] == {"documents": 1, "to_register": 0}

        days = {"kind": "journal", "from": "2026-01-01", "to": "2026-01-31"}
        journal = await ended(operator, days)
        (content,) = (await unpacked(journal["download_url"])).values()
        rows = list(csv.DictReader(StringIO(content.decode("utf-8-sig"))))
        assert {row["Account"] for row in rows} >= {"revenue", "gateway_clearing"}
        assert journal["counts"] == {"transactions": 1, "postings": len(rows)}


async def test_a_sale_abroad_that_is_no_export_does_not_block_the_month_of_a_seller_in_a_zone(
    world_at: OpenWorld, tmp_path: Path
) -> None:
    sellers = tmp_path / "sellers.yaml"
    sellers.write_text(IN_A_ZONE)
    settings = {
        "sellers_path": sellers,
        "export_payment_permitted": False,
        "gstr1_version": "GST3.3.0",
        "sac_descriptions": {"998315": "Hosting, as the master has it now"},
    }
    async with world_at(NOW, **settings) as world, world.operator() as operator:
        for user_id, details in (
            ("asha", {"state_code": "29"}),
            ("mei", ABROAD),
        ):
            person = await buyer(world, user_id, **details)
            await person.subscribe("plan_pro")
            await person.pay()
        made = await ended(operator, JANUARY)
        assert (made["status"], made["differences"], made["faults"]) == ("ready", [], [])
        files = await unpacked(made["download_url"])
        (portal,) = [json.loads(content) for name, content in files.items() if name.startswith("returns_")]
        (row,) = portal["b2cs"]
        assert (row["sply_ty"], row["pos"], row["iamt"]) == ("INTER", "29", 762.56)
        (code,) = portal["hsn"]["hsn_b2c"]
        assert (portal["version"], code["desc"]) == ("GST3.3.0", "Hosting, as the master has it now")
        assert b"is for a buyer abroad and no export" in files["summary.md"]


async def test_what_the_portal_would_refuse_is_refused_with_every_fault(world_at: OpenWorld) -> None:
    async with world_at(NOW) as world, world.operator() as operator:
        company = await world.person("asha", gstin="29AAACT1111A1Z5")
        await company.subscribe("plan_pro")
        await company.pay()
        async with world.database.transaction() as session:
            await session.execute(LOSE_TWO_NUMBERS)
        made = await ended(operator, JANUARY)
        assert (made["status"], made["download_url"], made["faults_in_all"]) == ("refused", None, 2)
        assert [fault["document"] for fault in made["faults"]] == ["BH25-26/000002", "BH25-26/000003"]
        unknown = await ended(operator, {**JANUARY, "gstin": NOBODY})
        assert unknown["status"] == "refused"
        assert "nothing was ever issued" in unknown["faults"][0]["message"]


async def test_an_export_asked_for_twice_is_made_once(world_at: OpenWorld) -> None:
    async with world_at(NOW) as world, world.operator() as operator:
        asha = await world.person("asha")
        await asha.subscribe("plan_pro")
        await asha.pay()
        first, second = [await ended(operator, JANUARY, "month-1") for _ in range(2)]
        assert first["export_id"] == second["export_id"]
        other = await operator.post(
            "/admin/exports", json={**JANUARY, "period": "2026-02"}, headers={"Idempotency-Key": "month-1"}
        )
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        missing = await operator.get("/admin/exports/exp_" + "0" * 26)
        assert missing.status_code == 404


@pytest.mark.parametrize(
    ("order", "field"),
    [
        ({"kind": "gstr1"}, "period"),
        ({"kind": "gstr1", "period": "2026-13"}, "period"),
        ({"kind": "registers", "period": "2026-01", "from": "2026-01-01"}, "from"),
        ({"kind": "einvoice", "period": "2026-01", "gstin": "29AAACT9999Z1ZF"}, "gstin"),
        ({"kind": "journal", "from": "2026-01-01"}, "to"),
        ({"kind": "journal", "from": "2026-01-01", "to": "2026-01-31", "period": "2026-01"}, "period"),
        ({"kind": "ledger", "period": "2026-01"}, "kind"),
    ],
)
async def test_an_order_that_makes_no_sense_names_its_field(
    api: Served, order: dict[str, Any], field: str
) -> None:
    async with api.operator() as operator:
        answer = await operator.post("/admin/exports", json=order)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


async def test_without_temporal_an_export_is_not_taken(api: Served) -> None:
    async with api.operator() as operator:
        answer = await operator.post("/admin/exports", json=JANUARY)
        assert answer.status_code == 503
        assert (await operator.get("/admin/exports/exp_" + "0" * 26)).status_code == 503
    async with api.customer() as customer:
        assert (await customer.post("/admin/exports", json=JANUARY)).status_code == 401
