"""Faults on the API, each shown to have struck, and what the books hold afterwards."""

import time

import pytest
import razorpay
import requests

from tests.simulator.merchant import Merchant


async def struck(merchant: Merchant) -> list[int]:
    return [each["struck"] for each in (await merchant.simulator.ask("faults"))["faults"]]


async def test_a_create_can_be_committed_and_its_answer_lost(merchant: Merchant) -> None:
    plan = await merchant.plan()
    rule = {"kind": "drop_after_commit", "method": "POST", "path_regex": "/v1/subscriptions$"}
    await merchant.simulator.control("faults", rule)
    with pytest.raises(requests.exceptions.ConnectionError):
        await merchant.subscribe(plan, notes={"our_sub": "s_1"})
    assert await struck(merchant) == [1]
    found = await merchant.call(merchant.client.subscription.all, {"plan_id": plan["id"]})
    assert [each["notes"] for each in found["items"]] == [{"our_sub": "s_1"}]
    await merchant.subscribe(plan)  # the rule is used up


async def test_a_create_can_be_lost_before_it_is_committed(merchant: Merchant) -> None:
    plan = await merchant.plan()
    await merchant.simulator.control("faults", {"kind": "drop_before_commit", "path_regex": "subscriptions"})
    with pytest.raises(requests.exceptions.ConnectionError):
        await merchant.subscribe(plan)
    assert (await merchant.call(merchant.client.subscription.all))["items"] == []


@pytest.mark.parametrize(
    ("kind", "status", "error"),
    [
        ("http_429", 429, razorpay.errors.BadRequestError),
        ("http_500", 500, razorpay.errors.ServerError),
        ("http_502_html", 502, requests.exceptions.JSONDecodeError),
        ("http_503", 503, razorpay.errors.ServerError),
        ("http_504", 504, razorpay.errors.ServerError),
        ("no_route", 404, razorpay.errors.ServerError),
        ("partial_json", 200, requests.exceptions.JSONDecodeError),
        ("operation_in_progress", 400, razorpay.errors.BadRequestError),
    ],
)
async def test_each_kind_reaches_the_sdk_as_the_real_one_would(
    merchant: Merchant, kind: str, status: int, error: type[Exception]
) -> None:
    await merchant.plan()
    await merchant.simulator.control("faults", {"kind": kind, "method": "GET"})
    with pytest.raises(error):
        await merchant.call(merchant.client.plan.all)
    assert merchant.status == status
    assert await struck(merchant) == [1]
    assert (await merchant.call(merchant.client.plan.all))["count"] == 1


async def test_an_error_can_hide_an_act_that_happened(merchant: Merchant) -> None:
    sub = await merchant.active()
    await merchant.simulator.control(
        "faults", {"kind": "http_500", "path_regex": "cancel", "after_commit": True}
    )
    await merchant.refused(merchant.client.subscription.cancel, sub, {})
    assert (await merchant.fetch(sub))["status"] == "cancelled"


async def test_a_request_can_hang_until_its_caller_gives_up(merchant: Merchant) -> None:
    await merchant.simulator.control("faults", {"kind": "hang", "path_regex": "/plans", "seconds": 0.6})
    with pytest.raises(requests.exceptions.ReadTimeout):
        await merchant.raw("GET", "/v1/plans", timeout=0.2)


async def test_latency_only_takes_time(merchant: Merchant) -> None:
    await merchant.simulator.control("faults", {"kind": "latency", "seconds": 0.3})
    began = time.monotonic()
    await merchant.plan()
    assert time.monotonic() - began >= 0.3


async def test_rules_choose_the_nth_request_and_count_what_they_see(merchant: Merchant) -> None:
    rules = [{"kind": "http_500", "method": "GET", "path_regex": "/v1/plans", "nth": 3, "times": 2}]
    await merchant.simulator.control("faults", rules)
    statuses = [(await merchant.raw("GET", "/v1/plans")).status_code for _ in range(6)]
    assert statuses == [200, 200, 500, 500, 200, 200]
    [rule] = (await merchant.simulator.ask("faults"))["faults"]
    assert (rule["matched"], rule["struck"], rule["requests"]) == (6, 2, ["GET /v1/plans"] * 2)
    assert (await merchant.simulator.control("faults", method="DELETE"))["faults"] == []


async def test_a_rule_without_an_end_strikes_until_cleared(merchant: Merchant) -> None:
    await merchant.simulator.control("faults", {"kind": "http_503", "times": 0})
    assert {(await merchant.raw("GET", "/v1/plans")).status_code for _ in range(5)} == {503}
    await merchant.simulator.control("faults", method="DELETE")
    assert (await merchant.raw("GET", "/v1/plans")).status_code == 200


@pytest.mark.parametrize(
    "rule", [{"kind": "nonsense"}, {"kind": "hang", "unknown": 1}, {"kind": "hang", "nth": 0}]
)
async def test_a_rule_that_makes_no_sense_is_refused(merchant: Merchant, rule: dict[str, object]) -> None:
    with pytest.raises(RuntimeError, match="400"):
        await merchant.simulator.control("faults", rule)
