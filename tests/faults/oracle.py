"""What must hold after any fault: the gateway's books and ours tell the same story.

The gateway's side is the simulator's own audit (`/_sim/books`), which shares no code with ours.
"""

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select

from db import models
from tests.faults.stage import Stage

_AGREES = {
    "created": {"CREATED"},
    "authenticated": {"CREATED", "AUTHENTICATED"},
    "active": {"ACTIVE"},
    "pending": {"PAST_DUE"},
    "halted": {"HALTED"},
    "paused": {"PAUSED"},
    "cancelled": {"CANCELLED", "EXPIRED"},
    "completed": {"COMPLETED"},
    "expired": {"EXPIRED"},
}


@dataclass
class Verdict:
    """Differences found, and how much was compared: a check of nothing proves nothing."""

    faults: list[str] = field(default_factory=list)
    subscriptions: int = 0
    captures: int = 0
    invoices: int = 0
    quarantined: int = 0
    failed: int = 0

    def expect(self, holds: bool, fault: str) -> None:
        """Note `fault` unless it holds."""
        if not holds:
            self.faults.append(fault)


async def judge(stage: Stage) -> Verdict:
    """Compare everything."""
    verdict = Verdict()
    theirs = (await stage.simulator.books())["subscriptions"]
    async with stage.database.reading() as session:
        ours = (await session.scalars(select(models.Subscription))).all()
        payments = (await session.scalars(select(models.Payment))).all()
        invoices = (await session.scalars(select(models.Invoice))).all()
    verdict.subscriptions, verdict.invoices = len(ours), len(invoices)
    _subscriptions(verdict, list(ours), theirs)
    _money(verdict, list(payments), list(invoices), theirs)
    _numbers(verdict, list(invoices))
    await _series(verdict, stage, list(invoices))
    await _ledger(verdict, stage, list(invoices), list(payments))
    await _events(verdict, stage, list(invoices), list(payments))
    await _documents(verdict, stage, list(invoices))
    return verdict


async def agree(stage: Stage) -> Verdict:
    """Assert that there is no difference."""
    verdict = await judge(stage)
    assert not verdict.faults, "\n".join(verdict.faults)
    return verdict


def _subscriptions(
    verdict: Verdict, ours: list[models.Subscription], theirs: list[dict[str, Any]]
) -> None:
    by_ours: dict[str, list[dict[str, Any]]] = {}
    for entry in theirs:
        by_ours.setdefault(next(iter(entry["notes"].values()), ""), []).append(entry)
    for row in ours:
        made = by_ours.pop(row.id, [])
        verdict.expect(len(made) == 1, f"{row.id} exists {len(made)} times at the gateway")
        for entry in made[:1]:
            verdict.expect(entry["id"] == row.gateway_subscription_id, f"{row.id} is recorded as another's")
            verdict.expect(
                row.status in _AGREES[entry["status"]],
                f"{row.id} is {row.status}, the gateway says {entry['status']}",
            )
    verdict.expect(not by_ours, f"the gateway has subscriptions we do not know: {sorted(by_ours)}")


def _money(
    verdict: Verdict,
    payments: list[models.Payment],
    invoices: list[models.Invoice],
    theirs: list[dict[str, Any]],
) -> None:
    captured = {
        payment["id"]: payment
        for entry in theirs
        for payment in entry["payments"]
        if payment["ever_captured"] and payment["invoice_id"]
    }
    for entry in theirs:
        for bill in entry["invoices"]:
            verdict.expect(bill["captures"] <= 1, f"bill {bill['id']} was captured {bill['captures']} times")
    booked = {each.gateway_payment_id: each for each in payments if each.status != "failed"}
    verdict.captures = len(captured)
    verdict.quarantined = sum(each.status == "quarantined" for each in payments)
    verdict.failed = sum(each.status == "failed" for each in payments)
    verdict.expect(
        captured.keys() == booked.keys(),
        f"captured, not booked: {captured.keys() - booked.keys()}; "
        f"booked, not captured: {booked.keys() - captured.keys()}",
    )
    for payment_id in captured.keys() & booked.keys():
        there, here = captured[payment_id], booked[payment_id]
        verdict.expect(
            (there["amount"], there["currency"]) == (here.amount_paise, here.currency),
            f"{payment_id}: {there['amount']} there, {here.amount_paise} here",
        )
    paid_by = Counter(each.payment_id for each in invoices)
    for payment in payments:
        wanted = 1 if payment.status == "captured" else 0
        found = paid_by.pop(payment.id, 0)
        verdict.expect(found == wanted, f"{payment.id} ({payment.status}) has {found} invoices")
    verdict.expect(not paid_by, f"invoices without payment: {paid_by}")
    totals = {each.id: each.amount_paise for each in payments}
    for invoice in invoices:
        verdict.expect(
            totals.get(invoice.payment_id) == invoice.total_paise,
            f"{invoice.number} is for {invoice.total_paise}, paid {totals.get(invoice.payment_id)}",
        )
    cycles = Counter((each.subscription_id, each.cycle) for each in invoices)
    verdict.expect(max(cycles.values(), default=1) == 1, f"a cycle has two invoices: {cycles.most_common(1)}")


def _numbers(verdict: Verdict, invoices: list[models.Invoice]) -> None:
    """Per series 1, 2, 3 …, and never an earlier date on a later number."""
    series: dict[tuple[str, str], list[tuple[int, models.Invoice]]] = {}
    for invoice in invoices:
        matched = re.fullmatch(r"(.+)/(\d{6})", invoice.number)
        assert matched, invoice.number
        series.setdefault((invoice.seller_gstin, matched[1]), []).append((int(matched[2]), invoice))
    for key, members in series.items():
        members.sort(key=lambda each: each[0])
        taken = [number for number, _ in members]
        verdict.expect(taken == list(range(1, len(taken) + 1)), f"series {key}: {taken}")
        dates = [invoice.issued_on for _, invoice in members]
        verdict.expect(dates == sorted(dates), f"series {key}: dates run backwards")


async def _series(verdict: Verdict, stage: Stage, invoices: list[models.Invoice]) -> None:
    per_year = Counter(each.financial_year for each in invoices)
    async with stage.database.reading() as session:
        rows = (await session.scalars(select(models.NumberSeries))).all()
    last = {row.financial_year: row.last_number for row in rows}
    verdict.expect(last == dict(per_year), f"series stand at {last}, invoices are {dict(per_year)}")


async def _ledger(
    verdict: Verdict, stage: Stage, invoices: list[models.Invoice], payments: list[models.Payment]
) -> None:
    head, posting = models.LedgerTransaction, models.LedgerPosting
    async with stage.database.reading() as session:
        sums = (
            await session.execute(
                select(
                    head.reference,
                    func.sum(posting.amount_paise),
                    func.sum(posting.amount_paise).filter(posting.amount_paise > 0),
                )
                .join(posting, posting.transaction_id == head.id)
                .group_by(head.reference)
            )
        ).all()
    for reference, balance, _ in sums:
        verdict.expect(balance == 0, f"{reference} does not balance: {balance}")
    booked = {str(reference): int(debits) for reference, _, debits in sums}
    expected = {f"invoice/{each.id}": each.total_paise for each in invoices} | {
        f"payment/{each.id}": each.amount_paise
        for each in payments
        if each.status == "quarantined" and each.currency == "INR"
    }
    # A rounding can stand on either side, so a transaction's debits may exceed its total by under a rupee.
    verdict.expect(
        booked.keys() == expected.keys(), f"ledger: {sorted(booked.keys() ^ expected.keys())} on one side only"
    )
    for reference in booked.keys() & expected.keys():
        apart = abs(booked[reference] - expected[reference])
        verdict.expect(apart < 100, f"{reference}: {booked[reference]} posted, {expected[reference]} due")


async def _events(
    verdict: Verdict, stage: Stage, invoices: list[models.Invoice], payments: list[models.Payment]
) -> None:
    event, delivery, inbox = models.OutboxEvent, models.OutboxDelivery, models.WebhookInbox
    async with stage.database.reading() as session:
        events = (await session.scalars(select(event))).all()
        undone = (await session.scalars(select(delivery).where(delivery.status != "done"))).all()
        waiting = (await session.scalars(select(inbox).where(inbox.status == "received"))).all()
        lost = (await session.scalars(select(inbox).where(inbox.status == "orphan"))).all()
    kinds = Counter(each.type for each in events)
    captured = sum(each.status == "captured" for each in payments)
    for kind, wanted in (
        ("payment.captured", captured),
        ("invoice.issued", len(invoices)),
        ("invoice.document_ready", len(invoices)),
        ("payment.quarantined", sum(each.status == "quarantined" for each in payments)),
    ):
        verdict.expect(kinds[kind] == wanted, f"{kinds[kind]} events {kind}, {wanted} expected")
    verdict.expect(not undone, f"{len(undone)} deliveries not done: {[each.last_error for each in undone][:3]}")
    verdict.expect(not waiting, f"{len(waiting)} webhooks wait: {[each.last_error for each in waiting][:3]}")
    verdict.expect(not lost, f"{len(lost)} webhooks found no workflow: {[each.last_error for each in lost][:3]}")


async def _documents(verdict: Verdict, stage: Stage, invoices: list[models.Invoice]) -> None:
    async with stage.database.reading() as session:
        rows = {row.invoice_id: row for row in await session.scalars(select(models.InvoiceDocument))}
    for invoice in invoices:
        row = rows.get(invoice.id)
        if row is None:
            verdict.expect(False, f"{invoice.number} has no PDF")
            continue
        file = stage.settings.storage_folder / row.object_key
        intact = file.exists() and hashlib.sha256(file.read_bytes()).hexdigest() == row.sha256
        verdict.expect(intact, f"the PDF of {invoice.number} is missing or damaged")
