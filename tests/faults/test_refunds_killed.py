"""A worker killed at every boundary of giving back; another takes over, and the money goes once.

Two storms on one stage, as in test_worker_killed.py: while operators ask, and while the gateway settles.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.faults.conftest import OpenStage
from tests.faults.oracle import agree
from tests.faults.stage import Customer, Stage, eventually
from tests.faults.workers import Hand
from tests.scenarios.oracle import Books
from worker import ROLES

NOW = datetime.now(UTC).replace(microsecond=0)
"""The true time: a worker's housekeeping, which has it, would take keys of another year for old."""
ADVANCE = 1_180_00
AWAY = (httpx.codes.ACCEPTED, httpx.codes.CONFLICT, httpx.codes.SERVICE_UNAVAILABLE)
"""Being worked at, being served, or not taken: to be asked again."""


def _around(*activities: str) -> tuple[str, ...]:
    stages = ("before", "written", "committed", "after")
    return tuple(f"{name}:{stage}" for name in activities for stage in stages)


ASK = {
    "subscriptions": _around("keep_payment", "issue_credit_note", "reserve_refund", "record_refund"),
    "gateway": ("send_refund:before", "refund:sent", "refund:made", "send_refund:after"),
}
"""What is recorded is `pending`."""
SETTLE = {
    "subscriptions": _around("notice_refund", "record_refund"),
    "gateway": ("read_refund:before", "read_refund:after"),
    "relay": ("inbox:claimed", "inbox:signalled"),
}
"""What is recorded is `processed`, with note, ledger and events."""
PHASES = {"ask": ASK, "settle": SETTLE}
POINTS = [(phase, point) for phase, roles in PHASES.items() for points in roles.values() for point in points]


@dataclass
class Storm:
    """What happened, for the tests to look at."""

    books: Books
    refunds: dict[str, int]
    """Ids that operators were told, and what was to go back, in paise."""
    papers: set[str]
    """Ids of the credit note and the voucher that operators were told."""
    dashboard_paise: int
    struck: dict[str, dict[str, str]]
    deaths: int


@pytest.fixture(scope="module")
async def storm(stage_at: OpenStage) -> AsyncIterator[Storm]:
    async with stage_at(NOW, gateway_list_lag_seconds=5) as stage:
        await stage.workers.start()
        asha, meera = await stage.paid(2)
        [ravi] = await stage.subscribed(1, name="ravi")
        await ravi.pay(outcome="wrong_amount", amount=ADVANCE)
        await stage.travel(timedelta(minutes=2))
        async with stage.operator() as operator:
            refunds, papers = await _ask(stage, operator, [asha, meera])
        asked = stage.workers.struck
        await stage.workers.stop()
        await _settle(stage)
        yield Storm(
            books=await agree(stage, same_state=False),
            refunds=refunds,
            papers=papers,
            dashboard_paise=700_00,
            struck={"ask": asked, "settle": stage.workers.struck},
            deaths=stage.workers.deaths,
        )


async def _ask(
    stage: Stage, operator: httpx.AsyncClient, customers: list[Customer]
) -> tuple[dict[str, int], set[str]]:
    """Refunds of two invoices, a credit note, and an advance that is kept and then returned."""
    first, second = [await _invoice(each) for each in customers]
    [aside] = (await operator.get("/admin/quarantine")).json()["data"]
    await stage.workers.start(*_hands("ask"))

    async def advance() -> tuple[str, dict[str, Any]]:
        voucher = await _insist(operator, f"payments/{aside['id']}/keep")
        return voucher["id"], await _insist(operator, f"payments/{aside['id']}/refund")

    async with asyncio.TaskGroup() as tasks:
        given = [
            tasks.create_task(_insist(operator, f"invoices/{invoice}/refund", amount_paise=paise))
            for invoice, paise in ((first, 1_000_00), (first, 500_00), (second, 2_000_00))
        ]
        note = tasks.create_task(_insist(operator, f"invoices/{second}/credit-note", amount_paise=300_00))
        kept = tasks.create_task(advance())
    await eventually(lambda: _all_struck(stage))
    voucher_id, returned = kept.result()
    refunds = [*(each.result() for each in given), returned]
    return {each["id"]: each["amount_paise"] for each in refunds}, {note.result()["id"], voucher_id}


async def _insist(operator: httpx.AsyncClient, path: str, **asked: Any) -> dict[str, Any]:
    """The same request until it is done: every answer on the way is about the same thing."""
    body = {"reason": "as promised on the phone", **asked}
    key = {"Idempotency-Key": f"{path}/{asked.get('amount_paise')}"}
    told = set()
    while (answer := await operator.post(f"/admin/{path}", json=body, headers=key)).status_code in AWAY:
        if answer.status_code == httpx.codes.ACCEPTED:
            told.add(answer.json()["id"])
        else:
            assert answer.json()["code"] in ("in_flight", "unavailable"), answer.text
        await asyncio.sleep(0.5)
    assert answer.status_code == httpx.codes.CREATED, answer.text
    done: dict[str, Any] = answer.json()
    assert told <= {done["id"]}
    return done


async def _settle(stage: Stage) -> None:
    """The bank pays what was asked for, and what somebody asked for in the dashboard."""
    control, payments = stage.simulator.control, await _payments(stage)
    of = next(each for each in payments if each["amount_refunded"] == 1_500_00)
    made = await control(f"payments/{of['id']}/dashboard_refund", {"amount": 700_00})
    under_way = [refund["id"] for each in payments for refund in each["refunds"]]
    for refund_id in (*under_way, made["refund"]["id"]):
        await control(f"refunds/{refund_id}/settle", {"outcome": "processed"})
    await stage.workers.start(*_hands("settle"))
    await eventually(lambda: _all_struck(stage))


async def _payments(stage: Stage) -> list[dict[str, Any]]:
    books = await stage.simulator.books()
    return [payment for each in books["subscriptions"] for payment in each["payments"]]


async def _invoice(customer: Customer) -> str:
    [invoice] = (await customer.http.get("/v1/invoices")).json()["data"]
    return str(invoice["id"])


async def _all_struck(stage: Stage) -> bool:
    return not stage.workers.missed


def _hands(phase: str) -> Iterable[Hand]:
    """One process per role, so that nobody else can carry a refund past a point."""
    return [Hand((role,), PHASES[phase].get(role, ()), activity_seconds=1.5) for role in ROLES]


@pytest.mark.parametrize(("phase", "point"), POINTS)
async def test_what_a_worker_had_in_hand_when_it_was_struck_here_is_done_once(
    storm: Storm, phase: str, point: str
) -> None:
    subject = storm.struck[phase][point]
    refunds = [each for each in storm.books.refunds if each.id in subject]
    papers = [each for each in storm.books.notes if each.id in subject]
    if subject.startswith(("rfd_", "crn_", "rcv_", "refund/")):
        assert len(refunds) + len(papers) == 1
    for refund in refunds or storm.books.refunds:
        assert refund.status == "processed"
        theirs = [each for each in _refunds_at_gateway(storm) if each["id"] == refund.gateway_refund_id]
        assert [each["amount"] for each in theirs] == [refund.amount_paise]
        # What an earlier credit note left owing is paid out first, and has its note.
        owed = storm.books.ledger.get(f"refund/{refund.id}/balance", {}).get("customer_credit", 0)
        [note] = [each for each in storm.books.notes if each.id == refund.note_id]
        assert note.total_paise + owed == refund.amount_paise


def _refunds_at_gateway(storm: Storm) -> list[dict[str, Any]]:
    return [
        refund for each in storm.books.theirs for payment in each["payments"] for refund in payment["refunds"]
    ]


async def test_what_operators_were_told_is_all_there_is(storm: Storm) -> None:
    assert storm.deaths >= len(POINTS)
    ours = {each.id: each.amount_paise for each in storm.books.refunds if each.origin == "bahi"}
    assert ours == storm.refunds
    assert [each.amount_paise for each in storm.books.refunds if each.id not in ours] == [
        storm.dashboard_paise
    ]
    assert len(_refunds_at_gateway(storm)) == len(storm.books.refunds)
    notes = {each.id for each in storm.books.notes}
    assert notes == storm.papers | {each.note_id for each in storm.books.refunds}
    assert len(notes) == len(storm.papers) + len(storm.books.refunds)
