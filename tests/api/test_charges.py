"""What a subscription charges: by the buyer's status and place, and as the invoice says afterwards."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from db.models import Plan
from domain.gst import gstin_check_digit
from local.world import Person, World
from tests.api.serving import Served, serving
from tests.world import OpenWorld

NOW = datetime(2026, 1, 1, 5, 0, tzinfo=UTC)
STARTER, WITH_TAX = 79_900, 94_282
"""₹799, and with 18 % on top."""
EMBASSY = "0717UNO00157UNO"

SELLERS = """\
sellers:
  - key: ka
    legal_name: Bahi Demo Private Limited
    gstin: 29AAACB1234F1Z5
    address: [4 Residency Road]
    luts: [{arn: AD290425000001X, granted_on: 2025-04-02}]
  - {key: ch, legal_name: Bahi Demo Private Limited, gstin: 04AAACI4798L1Z6, address: [1 Sector 17]}
  - {key: mh, legal_name: Bahi Demo Private Limited, gstin: 27AAPFU0939F1ZV, address: [1 Fort]}
"""


def gstin(state: str) -> str:
    first = f"{state}AAACR5055K1Z"
    return first + gstin_check_digit(first)


ABROAD = {"country": "SG", "city": "Singapore"}
IN_SEZ = {"gstin": gstin("29"), "state_code": "29", "in_sez": True}


async def buyer(world: World, user_id: str, **details: Any) -> Person:
    person = await world.person(user_id, state_code="")
    given = {"name": user_id.title(), "email": f"{user_id}@customer.example", **details}
    (await person.http.put("/v1/billing-details", json=given)).raise_for_status()
    return person


async def buys(person: Person, plan_id: str = "plan_starter") -> tuple[int, dict[str, Any]]:
    """What was to be charged, and the invoice of it."""
    charge = int((await person.subscribe(plan_id))["charge_paise"])
    await person.pay()
    (invoice,) = await person.invoices()
    assert invoice["total_paise"] == charge
    return charge, (await person.http.get(f"/v1/invoices/{invoice['id']}")).json()


def heads(invoice: dict[str, Any]) -> dict[str, int]:
    return {head: paise for head in ("cgst", "sgst", "utgst", "igst") if (paise := invoice[f"{head}_paise"])}


async def test_each_buyer_is_charged_what_the_invoice_then_says(world_at: OpenWorld, tmp_path: Path) -> None:
    sellers = tmp_path / "sellers.yaml"
    sellers.write_text(SELLERS)
    async with world_at(NOW, sellers_path=sellers) as world:
        charge, invoice = await buys(await buyer(world, "asha", state_code="29"))
        assert (charge, heads(invoice)) == (WITH_TAX, {"cgst": 7_191, "sgst": 7_191})

        charge, invoice = await buys(await buyer(world, "unit", **IN_SEZ))
        assert (charge, heads(invoice), invoice["place_of_supply"]) == (STARTER, {}, "29")

        charge, invoice = await buys(await buyer(world, "mei", **ABROAD))
        assert (charge, heads(invoice), invoice["place_of_supply"]) == (STARTER, {}, "96")
        assert invoice["currency"] == "INR"

        charge, invoice = await buys(await buyer(world, "embassy", gstin=EMBASSY, state_code="07"))
        assert (charge, heads(invoice), invoice["place_of_supply"]) == (WITH_TAX, {"igst": 14_382}, "07")
        assert invoice["buyer"]["gstin"] == EMBASSY

        charge, invoice = await buys(await buyer(world, "far", **ABROAD), "plan_pro")
        assert (charge, invoice["taxable_paise"], heads(invoice)) == (499_900, 499_900, {})


async def test_the_customers_registration_bills_before_the_plans_and_that_before_the_usual_one(
    world_at: OpenWorld, tmp_path: Path
) -> None:
    sellers = tmp_path / "sellers.yaml"
    sellers.write_text(SELLERS)
    async with world_at(NOW, sellers_path=sellers) as world:
        async with world.database.transaction() as session:
            await session.execute(update(Plan).where(Plan.id == "plan_growth").values(seller_key="mh"))
        _, invoice = await buys(await buyer(world, "ravi", state_code="27"), "plan_growth")
        assert invoice["seller"]["gstin"].startswith("27")
        assert heads(invoice).keys() == {"cgst", "sgst"}

        simran = await buyer(world, "simran", state_code="04")
        async with world.operator() as operator:
            customer_id = (await simran.http.get("/v1/billing-details")).json()["customer_id"]
            answer = await operator.put(f"/admin/customers/{customer_id}/seller", json={"seller_key": "ch"})
        assert answer.json() == {"customer_id": customer_id, "user_id": "simran", "seller_key": "ch"}
        _, invoice = await buys(simran, "plan_growth")
        assert invoice["seller"]["gstin"].startswith("04")
        assert heads(invoice).keys() == {"cgst", "utgst"}


async def test_by_setting_zero_rated_supplies_pay_igst_and_totals_are_whole_rupees(
    world_at: OpenWorld,
) -> None:
    async with world_at(NOW, zero_rating="with_tax", round_total_to_rupee=True) as world:
        for name, details in (("unit", IN_SEZ), ("mei", ABROAD)):
            charge, invoice = await buys(await buyer(world, name, **details))
            assert (charge, heads(invoice)) == (94_300, {"igst": 14_382})
            assert invoice["round_off_paise"] == 18


@pytest.mark.parametrize("details", [IN_SEZ, ABROAD])
async def test_a_zero_rated_supply_without_a_letter_of_undertaking_is_refused(
    api: Served, details: dict[str, Any]
) -> None:
    async with api.customer() as customer:
        given = {"name": "A", "email": "a@b.example", **details}
        assert (await customer.put("/v1/billing-details", json=given)).status_code == 200
        answer = await customer.post("/v1/subscriptions", json={"plan_id": "plan_pro"})
    assert (answer.status_code, answer.json()["state"]) == (409, "no_lut")
    assert "RFD-11" in answer.json()["detail"]


async def test_a_letter_of_another_year_does_not_help(database_url: str) -> None:
    lut: dict[str, Any] = {"seller_lut_arn": "AD290425000001X", "seller_lut_granted_on": date(2025, 4, 2)}
    later = datetime(2026, 4, 1, 5, 0, tzinfo=UTC)
    async with serving(database_url, clock=lambda: later, **lut) as api, api.customer() as customer:
        given = {"name": "A", "email": "a@b.example", **ABROAD}
        await customer.put("/v1/billing-details", json=given)
        answer = await customer.post("/v1/subscriptions", json={"plan_id": "plan_pro"})
    assert (answer.status_code, answer.json()["state"]) == (409, "no_lut")
    assert "2026-27" in answer.json()["detail"]


async def test_money_that_makes_no_export_is_charged_with_igst(world_at: OpenWorld) -> None:
    async with world_at(NOW, export_payment_permitted=False) as world:
        charge, invoice = await buys(await buyer(world, "mei", **ABROAD))
        assert (charge, heads(invoice), invoice["place_of_supply"]) == (WITH_TAX, {"igst": 14_382}, "96")
