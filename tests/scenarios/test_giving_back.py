"""Refunds and credit notes: what goes back is noted, booked, told, and never more than was paid."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from db import models
from local.world import Person, World
from relay.refunds import RefundNotices, RefundSweep
from tests.scenarios.conftest import Story
from tests.scenarios.telling import KARNATAKA, MAHARASHTRA, letters, on
from tests.world import until

PRO = 4_999_00


async def notes(person: Person) -> list[tuple[str, str, int]]:
    """Number, day and total of every credit note and voucher, oldest first."""
    answer = (await person.http.get("/v1/documents?limit=100")).json()["data"]
    found = [each for each in answer if each["kind"] not in ("tax_invoice", "bill_of_supply")]
    return [(each["number"], each["issued_on"], each["total_paise"]) for each in reversed(found)]


async def refund(world: World, invoice: dict[str, Any], **asked: Any) -> httpx.Response:
    async with world.operator() as operator:
        answer = await ask(operator, invoice, **asked)
    await world.time.settle()
    return answer


async def ask(operator: httpx.AsyncClient, invoice: dict[str, Any], **asked: Any) -> httpx.Response:
    return await operator.post(
        f"/admin/invoices/{invoice['id']}/refund", json={"reason": "as promised on the phone", **asked}
    )


async def refunds(world: World) -> Sequence[models.Refund]:
    row = models.Refund
    async with world.database.reading() as session:
        return (await session.scalars(select(row).order_by(row.requested_at, row.id))).all()


async def balance(world: World, *accounts: str) -> dict[str, int]:
    """What is owed (positive) or held (negative) on these accounts, in paise."""
    row = models.LedgerPosting
    async with world.database.reading() as session:
        found = (await session.execute(select(row.account, row.amount_paise))).all()
    return {account: -sum(paise for name, paise in found if name == account) for account in accounts}


async def test_an_invoice_is_refunded_in_two_parts_and_the_second_takes_the_rest(story: Story) -> None:
    async with story(on(2026, 8, 3, "12:30")) as world:
        asha = await world.person("asha", state_code=MAHARASHTRA)
        await asha.subscribe("plan_pro")
        await asha.pay("card")
        [invoice] = await asha.invoices()

        first = await refund(world, invoice, amount_paise=1_000_00)
        assert (first.status_code, first.json()["status"]) == (201, "pending")
        assert await notes(asha) == []
        await world.time.travel_to(on(2026, 8, 15))
        assert await notes(asha) == [("CN26-27/000001", "2026-08-08", 1_000_00)]

        await refund(world, invoice)
        await world.time.travel_to(on(2026, 8, 28))
        [_, (number, _, total)] = await notes(asha)
        assert (number, total) == ("CN26-27/000002", 3_999_00)
        books = await balance(world, "revenue", "output_igst", "gateway_clearing", "round_off")
        assert books == {"revenue": 0, "output_igst": 0, "gateway_clearing": 0, "round_off": 0}
        assert (await asha.invoices())[0]["credited_paise"] == PRO
        assert await letters(asha) == ["refund", "credit_note"] * 2

        refused = await refund(world, invoice, amount_paise=1)
        assert refused.status_code == 409
        assert "given back already" in refused.json()["detail"]


async def test_fifty_refunds_at_once_never_exceed_the_payment(story: Story) -> None:
    async with story(on(2026, 8, 3, "12:30")) as world:
        asha = await world.person("asha", state_code=KARNATAKA)
        await asha.subscribe("plan_pro")
        await asha.pay("card")
        [invoice] = await asha.invoices()
        async with world.operator() as operator:
            answers = await asyncio.gather(*(ask(operator, invoice, amount_paise=301_00) for _ in range(50)))
        assert sorted(answer.status_code for answer in answers) == [201] * 16 + [409] * 34
        await world.time.travel_to(on(2026, 8, 20))
        numbers = sorted(number for number, _, _ in await notes(asha))
        assert numbers == [f"CN26-27/{count:06d}" for count in range(1, 17)]
        assert [each.status for each in await refunds(world)] == ["processed"] * 16


async def test_a_refund_made_in_the_dashboard_gets_its_credit_note(story: Story) -> None:
    async with story(on(2026, 8, 3, "12:30")) as world:
        asha = await world.person("asha", state_code=KARNATAKA)
        await asha.subscribe("plan_pro")
        await asha.pay("card")
        [invoice] = await asha.invoices()
        payment = await paid(world)
        await world.simulator.control(f"payments/{payment}/dashboard_refund", {"amount": 700_00})
        await world.time.travel(timedelta(minutes=5))
        [found] = await refunds(world)
        assert (found.origin, found.status, found.amount_paise) == ("dashboard", "pending", 700_00)
        await world.time.travel_to(on(2026, 8, 20))
        assert await notes(asha) == [("CN26-27/000001", "2026-08-08", 700_00)]
        assert (await asha.invoices())[0]["credited_paise"] == 700_00
        assert invoice["credited_paise"] == 0


async def test_a_refund_that_the_bank_does_not_take_leaves_everything_as_it_was(story: Story) -> None:
    async with story(on(2026, 8, 3, "12:30")) as world:
        asha = await world.person("asha", state_code=KARNATAKA)
        await asha.subscribe("plan_pro")
        await asha.pay("card")
        [invoice] = await asha.invoices()
        await refund(world, invoice)
        [under_way] = await refunds(world)
        await world.simulator.control(f"refunds/{under_way.gateway_refund_id}/settle", {"outcome": "failed"})
        await world.time.travel(timedelta(minutes=5))
        [failed] = await refunds(world)
        assert failed.status == "failed" and "bank did not take it" in str(failed.failure)
        assert await notes(asha) == []

        await refund(world, invoice)  # nothing was given back, so all of it may be asked for again
        await world.time.travel_to(on(2026, 8, 20))
        assert [total for _, _, total in await notes(asha)] == [PRO]


async def test_a_credit_note_to_the_balance_moves_no_money_until_a_refund_pays_it_out(
    story: Story,
) -> None:
    async with story(on(2026, 8, 3, "12:30")) as world:
        asha = await world.person("asha", state_code=KARNATAKA)
        await asha.subscribe("plan_pro")
        await asha.pay("card")
        [invoice] = await asha.invoices()
        path = f"/admin/invoices/{invoice['id']}/credit-note"
        async with world.operator() as operator:
            asked = {"amount_paise": 500_00, "reason": "a week of outages"}
            answer = await operator.post(path, json=asked, headers={"Idempotency-Key": "outage-august"})
            again = await operator.post(path, json=asked, headers={"Idempotency-Key": "outage-august"})
        await world.time.settle()
        assert (answer.status_code, again.content) == (201, answer.content)
        note = answer.json()
        assert (note["kind"], note["total_paise"], note["reason"]) == (
            "credit_note",
            500_00,
            "a week of outages",
        )
        assert note["original"]["number"] == invoice["number"]
        assert await balance(world, "customer_credit", "gateway_clearing") == {
            "customer_credit": 500_00,
            "gateway_clearing": -PRO,
        }
        assert await letters(asha) == ["credit_note"]
        assert (await asha.http.get("/v1/balance")).json() == {"owed_paise": 500_00, "advances_paise": 0}

        # What is owed is paid out first, and has its note already; only the rest gets another one.
        assert (await refund(world, invoice)).json()["amount_paise"] == PRO
        await world.time.travel_to(on(2026, 8, 20))
        assert sorted(total for _, _, total in await notes(asha)) == [500_00, 4_499_00]
        books = await balance(world, "customer_credit", "gateway_clearing", "revenue", "suspense")
        assert set(books.values()) == {0}
        assert (await asha.http.get("/v1/balance")).json()["owed_paise"] == 0


async def test_a_note_past_november_lowers_no_tax(story: Story) -> None:
    async with story(on(2026, 3, 20)) as world:
        asha = await world.person("asha", state_code=KARNATAKA)
        await asha.subscribe("plan_growth", "annual")
        await asha.pay("card")
        [invoice] = await asha.invoices()
        await world.time.travel_to(on(2026, 12, 1))
        async with world.operator() as operator:
            answer = await operator.post(
                f"/admin/invoices/{invoice['id']}/credit-note",
                json={"amount_paise": 1_000_00, "reason": "goodwill"},
            )
        await world.time.settle()
        note = answer.json()
        assert (note["gst_adjusting"], note["taxable_paise"], note["cgst_paise"]) == (False, 1_000_00, 0)


async def test_money_set_aside_is_kept_as_an_advance_and_then_returned(story: Story) -> None:
    async with story(on(2026, 8, 3, "12:30"), same_state=False) as world:
        asha = await world.person("asha", state_code=MAHARASHTRA)
        await asha.subscribe("plan_pro")
        await asha.pay("card", outcome="wrong_amount", amount=1_180_00)
        async with world.operator() as operator:
            [aside] = (await operator.get("/admin/quarantine")).json()["data"]
            keep = await operator.post(
                f"/admin/payments/{aside['id']}/keep", json={"reason": "wants it as a credit"}
            )
            await world.time.settle()
            voucher = keep.json()
            assert (keep.status_code, voucher["kind"], voucher["number"]) == (
                201,
                "receipt_voucher",
                "RV26-27/000001",
            )
            assert (voucher["taxable_paise"], voucher["igst_paise"]) == (1_000_00, 180_00)
            assert (await operator.get("/admin/quarantine")).json()["data"] == []
            back = await operator.post(
                f"/admin/payments/{aside['id']}/refund", json={"reason": "changed mind"}
            )
            assert back.status_code == 201
        await world.time.travel_to(on(2026, 8, 20))
        assert [(number, total) for number, _, total in await notes(asha)] == [
            ("RV26-27/000001", 1_180_00),
            ("RF26-27/000001", 1_180_00),
        ]
        owed = await balance(world, "suspense", "wallet", "output_tax_on_advances", "gateway_clearing")
        assert set(owed.values()) == {0}


async def test_money_set_aside_goes_back_without_a_document(story: Story) -> None:
    async with story(on(2026, 8, 3, "12:30"), same_state=False) as world:
        asha = await world.person("asha", state_code=MAHARASHTRA)
        await asha.subscribe("plan_pro")
        await asha.pay("card", outcome="wrong_amount", amount=1_180_00)
        async with world.operator() as operator:
            [aside] = (await operator.get("/admin/quarantine")).json()["data"]
            await operator.post(f"/admin/payments/{aside['id']}/refund", json={"reason": "not asked for"})
        await world.time.travel_to(on(2026, 8, 20))
        assert await notes(asha) == []
        assert set((await balance(world, "suspense", "gateway_clearing")).values()) == {0}
        async with world.operator() as operator:
            assert (await operator.get("/admin/quarantine")).json()["data"] == []


async def test_a_dashboard_refund_whose_webhooks_were_lost_is_found_by_looking(story: Story) -> None:
    async with story(on(2026, 8, 3, "12:30")) as world:
        asha = await world.person("asha", state_code=KARNATAKA)
        await asha.subscribe("plan_pro")
        await asha.pay("card")
        await world.simulator.control("webhooks/policy", {"drop_all": True})
        payment = await paid(world)
        await world.simulator.control(f"payments/{payment}/dashboard_refund", {"amount": 700_00})
        await world.time.travel_to(on(2026, 8, 15))
        assert await refunds(world) == []

        notices = RefundNotices(
            world.database, world.client, world.parts.refunds, lambda: world.settings.test_clock_offset
        )
        sweep = RefundSweep(world.parts.refunds, notices, world.time.clock)
        assert await sweep.look(timedelta(days=30)) == 1
        await until(lambda: has_note(asha))
        await world.time.settle()
        assert [total for _, _, total in await notes(asha)] == [700_00]
        assert await sweep.look(timedelta(days=30)) == 0


async def has_note(person: Person) -> bool:
    return bool(await notes(person))


@pytest.mark.parametrize("lost", ["drop_after_commit", "partial_json", "drop_before_commit", "http_500"])
async def test_an_answer_lost_on_refunding_gives_the_money_back_once(story: Story, lost: str) -> None:
    async with story(on(2026, 8, 3, "12:30")) as world:
        asha = await world.person("asha", state_code=KARNATAKA)
        await asha.subscribe("plan_pro")
        await asha.pay("card")
        [invoice] = await asha.invoices()
        rule = {"kind": lost, "method": "POST", "path_regex": "/refund$"}
        await world.simulator.control("faults", [rule])
        answer = await refund(world, invoice, amount_paise=1_000_00)
        assert answer.status_code in (201, 202)
        await world.time.travel_to(on(2026, 8, 20))
        assert [total for _, _, total in await notes(asha)] == [1_000_00]
        [theirs] = (await world.simulator.books())["subscriptions"]
        assert theirs["refunded_paise"] == 1_000_00


async def paid(world: World) -> str:
    """The gateway's id of the one captured payment."""
    row = models.Payment
    async with world.database.reading() as session:
        return str(await session.scalar(select(row.gateway_payment_id).where(row.status == "captured")))
