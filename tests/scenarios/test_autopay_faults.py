"""PhonePe's answers and calls get lost, come twice or say what nobody understands; the books are the same."""

from collections import Counter
from datetime import date
from itertools import pairwise
from typing import Any

import pytest

from local.payer import Payer
from local.world import World
from tests.scenarios.autopay import FROZEN, FUNDS, all_pay, debits, orders, phonepe, subscribes
from tests.scenarios.conftest import Story
from tests.scenarios.telling import MAHARASHTRA, letters, on, printed, stands, taxes
from tests.scenarios.test_webhook_faults import standing


async def test_whatever_answer_is_lost_each_month_is_announced_and_debited_once(story: Story) -> None:
    async with story(on(2026, 1, 15, "18:40"), with_phonepe=True) as world:
        control = phonepe(world).control
        asha = await subscribes(world, "asha", "plan_pro")
        # A page whose address was lost with the answer can be paid by nobody: the next one can.
        await control("faults", {"kind": "drop_after_commit", "path_regex": "/checkout/v2/pay$"})
        assert (await asha.pay()).endswith("_2")

        lost = {
            (2026, 2): {"kind": "http_400", "path_regex": "/redeem$", "after_commit": True},
            (2026, 3): {"kind": "drop_after_commit", "path_regex": "/notify$"},
            (2026, 4): {"kind": "drop_after_commit", "path_regex": "/redeem$"},
            (2026, 5): {"kind": "http_500", "path_regex": "/redeem$"},
            (2026, 6): {"kind": "partial_json", "path_regex": "/notify$"},
            (2026, 7): {"kind": "http_503", "path_regex": "/notify$", "after_commit": True},
        }
        for (year, month), fault in lost.items():
            await control("faults", fault)
            await world.time.travel_to(on(year, month, 16))
            assert await stands(asha.person) == "ACTIVE"
        assert [each["struck"] for each in (await phonepe(world).ask("faults"))["faults"]] == 7 * [1]

        # The bank takes its hour; nobody asks again meanwhile.
        await asha.next_debits({"outcome": "late_success"})
        await world.time.travel_to(on(2026, 8, 16))
        assert await debits(asha) == [
            (date(2026, month, 13), [(date(2026, month, 15), "COMPLETED")]) for month in range(2, 9)
        ]
        assert [days for _, *days in await printed(asha.person)][1:3] == [
            ["2026-02-15", "2026-02-15", "2026-03-14"],
            ["2026-03-15", "2026-03-15", "2026-04-14"],
        ]
        assert await taxes(asha.person) == 8 * [
            {"taxable": 4_236_44, "cgst": 381_28, "sgst": 381_28, "total": 4_999_00}
        ]
        assert await letters(asha.person) == []


async def test_a_notice_that_is_stuck_or_not_understood_is_followed_to_its_end_and_given_anew(
    story: Story,
) -> None:
    async with story(on(2026, 1, 15, "18:40"), with_phonepe=True) as world:
        await phonepe(world).control("switches", {"expired_state": "EXPIRED"})
        asha, bharat, chitra = [
            await subscribes(world, name, "plan_pro") for name in ("asha", "bharat", "chitra")
        ]
        await all_pay(asha, bharat, chitra)
        await phonepe(world).subscription(await asha.mandate_id(), "next", notify=["stuck"])
        await phonepe(world).subscription(await chitra.mandate_id(), "next", notify=["failure"])

        await world.time.travel_to(on(2026, 2, 14))
        [order] = await orders(bharat)
        await phonepe(world).order(order["merchantOrderId"], "show_state", state="ON_HOLD")
        await world.time.travel_to(on(2026, 2, 15, "12:00"))
        assert await debits(asha) == await debits(bharat) == [(date(2026, 2, 13), [])]
        assert await stands(bharat.person) == "ACTIVE"
        await world.time.travel_to(on(2026, 2, 22))
        for payer in (asha, bharat, chitra):
            assert (await stands(payer.person), await letters(payer.person)) == ("ACTIVE", [])
        assert await debits(asha) == [
            (date(2026, 2, 13), []),
            (date(2026, 2, 15), [(date(2026, 2, 16), "COMPLETED")]),
        ]
        assert await debits(bharat) == [
            (date(2026, 2, 13), []),
            (date(2026, 2, 16), [(date(2026, 2, 17), "COMPLETED")]),
        ]
        # The payer of this one could not be told at all: told at once again, and not debited before the day.
        assert await debits(chitra) == [
            (date(2026, 2, 13), []),
            (date(2026, 2, 13), [(date(2026, 2, 15), "COMPLETED")]),
        ]
        assert [each["state"] for each in await orders(bharat)] == ["EXPIRED", "COMPLETED"]


async def the_month_goes_on(world: World) -> list[Payer]:
    """Asha has no money at first; Bharat's account is frozen, so that he pays on a page."""
    asha, bharat = [
        await subscribes(world, name, "plan_growth", state_code=MAHARASHTRA) for name in ("asha", "bharat")
    ]
    await asha.pay()
    await bharat.pay()
    await asha.next_debits(FUNDS, FUNDS, FUNDS)
    await bharat.next_debits(FROZEN)
    await world.time.travel_to(on(2026, 2, 16))
    await bharat.pay()
    await world.time.travel_to(on(2026, 2, 20))
    return [asha, bharat]


PAID = {"taxable": 2_999_00, "igst": 539_82, "total": 3_538_82}
TOLD_ALIKE = {
    "subscription.created": 1,
    "checkout.opened": 1,
    "subscription.activated": 1,
    "entitlement.changed": 1,
    "mandate.activated": 1,
    "payment.captured": 2,
    "invoice.issued": 2,
    "invoice.document_ready": 2,
    "payment.failed": 1,
    "subscription.past_due": 1,
    "subscription.recovered": 1,
}
ASHA: dict[str, Any] = {
    "status": "ACTIVE",
    "renews_at": "2026-03-15",
    "uncollected": [],
    "payments": [
        (0, "captured", 3_538_82, "upi"),
        *3 * [(1, "failed", 3_538_82, "upi_autopay")],
        (1, "captured", 3_538_82, "upi_autopay"),
    ],
    "invoices": [("2026-01-15", "2026-02-14", "2026-01-15"), ("2026-02-15", "2026-03-14", "2026-02-17")],
    "taxes": 2 * [PAID],
    "letters": Counter({"payment_failed": 1}),
    "events": Counter(TOLD_ALIKE | {"debit.announced": 2}),
}
BHARAT: dict[str, Any] = {
    "status": "ACTIVE",
    "renews_at": "2026-03-15",
    "uncollected": [],
    "payments": [
        (0, "captured", 3_538_82, "upi"),
        (1, "failed", 3_538_82, "upi_autopay"),
        (1, "captured", 3_538_82, "upi"),
    ],
    "invoices": [("2026-01-15", "2026-02-14", "2026-01-15"), ("2026-02-15", "2026-03-14", "2026-02-16")],
    "taxes": 2 * [PAID],
    "letters": Counter({"payment_due": 2, "new_method_needed": 1}),
    "events": Counter(TOLD_ALIKE | {"debit.announced": 1, "payment.due": 2}),
}


@pytest.mark.parametrize(
    "policy",
    [
        pytest.param({"drop_all": True}, id="none"),
        pytest.param({"duplicate_times": 10}, id="each-ten-times"),
        pytest.param({"shuffle_window": 6 * 3600}, id="shuffled"),
    ],
)
async def test_the_books_are_the_same_whatever_becomes_of_phonepes_calls(
    story: Story, policy: dict[str, Any]
) -> None:
    async with story(on(2026, 1, 15, "18:40"), with_phonepe=True) as world:
        await phonepe(world).control("webhooks/policy", policy)
        asha, bharat = await the_month_goes_on(world)
        assert await standing(asha.person) == ASHA
        assert await standing(bharat.person) == BHARAT
        events = (await phonepe(world).ask("webhooks/events"))["events"]
        delivered = [len(each["deliveries"]) for each in events]
        if policy.get("drop_all"):
            assert set(delivered) == {0}
        elif "duplicate_times" in policy:
            assert set(delivered) == {10}
        else:
            arrived = [each["deliveries"][0]["at"] for each in events if each["deliveries"]]
            assert sum(later < earlier for earlier, later in pairwise(arrived)) > 1
