"""GET /v1/plans in the shape of the product's second document."""

from tests.api.serving import Served


async def test_the_plans_of_the_second_document_are_listed_in_its_shape(api: Served) -> None:
    async with api.client() as anybody:
        answer = await anybody.get("/v1/plans")
    assert answer.status_code == 200
    shape = ("id", "name", "price", "currency", "interval")
    listed = [{name: plan[name] for name in shape} for plan in answer.json()]
    for wanted in (
        {"id": "plan_basic", "name": "Basic", "price": 999, "currency": "INR", "interval": "monthly"},
        {"id": "plan_pro", "name": "Pro", "price": 4999, "currency": "INR", "interval": "monthly"},
    ):
        assert wanted in listed


async def test_each_interval_of_a_plan_is_an_entry_and_annual_costs_ten_months(api: Served) -> None:
    async with api.client() as anybody:
        plans = (await anybody.get("/v1/plans")).json()
    prices = {(plan["id"], plan["interval"]): plan["price_paise"] for plan in plans}
    assert prices["plan_growth", "monthly"] == 299900
    assert prices["plan_growth", "annual"] == 10 * 299900
    assert all(plan["price_paise"] == plan["price"] * 100 for plan in plans)
