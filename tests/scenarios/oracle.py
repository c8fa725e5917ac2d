"""Whatever the story was, the gateway's books and ours agree at its end, and ours agree with themselves.

The gateway's side is the simulator's own audit, which shares no code with us; tax is counted again here
from the rate alone.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from db import models
from domain.subscription import LIVE, Subscription
from local.world import World
from tests.scenarios import phonepe_books
from workflows import messages

GST_BP = 1800
_NUMBER = re.compile(r"(?:BH|CN|RV|RF)(\d\d-\d\d)/(\d{6})")
_LIVE = {status.value for status in LIVE}
_ALIKE = {
    "created": {"CREATED"},
    "authenticated": {"AUTHENTICATED"},
    "active": {"ACTIVE"},
    "pending": {"PAST_DUE"},
    "halted": {"HALTED"},
    "paused": {"PAUSED"},
    "cancelled": {"CANCELLED", "EXPIRED"},
    "expired": {"EXPIRED"},
    "completed": {"COMPLETED"},
}
"""The gateway's word for a state, and ours."""

Record = dict[str, Any]


@dataclass
class Books:
    """Both sides, read at rest."""

    theirs: list[Record]
    subscriptions: dict[str, models.Subscription]
    payments: dict[str, models.Payment]
    """By the gateway's id."""
    invoices: list[models.Document]
    notes: list[models.Document]
    """Credit notes and vouchers."""
    refunds: list[models.Refund]
    series: list[models.NumberSeries]
    ledger: dict[str, dict[str, int]]
    """Postings by reference, then account."""
    events: list[models.OutboxEvent]
    drawn: list[str]
    """Documents, each as often as it was drawn: again once it has an IRN that it had not."""
    intervals: dict[str, str]
    """By price."""
    orders: list[Record] = field(default_factory=list)
    """PhonePe's, as is the next."""
    mandates: list[Record] = field(default_factory=list)
    our_mandates: list[models.Mandate] = field(default_factory=list)
    pages: list[models.PayPage] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)

    @property
    def captured(self) -> dict[str, tuple[Record, Record]]:
        """Every capture for a bill of a subscription, with that bill; at PhonePe every paid order."""
        found: dict[str, tuple[Record, Record]] = {}
        for subscription in self.theirs:
            bills = {bill["id"]: bill for bill in subscription["invoices"]}
            for payment in subscription["payments"]:
                if payment["ever_captured"] and payment["invoice_id"] in bills:
                    found[payment["id"]] = (payment, bills[payment["invoice_id"]])
        for order_id, payment, bill in phonepe_books.captures(self.orders):
            found[order_id] = (payment, bill)
        return found

    def period_of(self, invoice: models.Document) -> tuple[datetime, datetime]:
        """What the invoice must be for: the gateway's bill says, or the calendar where we own the clock."""
        payment = next(each for each in self.payments.values() if each.id == invoice.payment_id)
        _, bill = self.captured[payment.gateway_payment_id]
        if bill["cycle"] is not None:
            return _moment(bill["billing_start"]), _moment(bill["billing_end"])
        subscription = self.subscriptions[str(invoice.subscription_id)]
        assert invoice.cycle is not None
        interval = self.intervals[subscription.price_id]
        return phonepe_books.period_of(subscription, interval, invoice.cycle)

    @property
    def quarantined(self) -> list[models.Payment]:
        """Money set aside."""
        aside = ("quarantined", "kept", "returned")
        return [payment for payment in self.payments.values() if payment.status in aside]


async def agree(world: World, *, same_state: bool = True) -> Books:
    """Fails with what differs. `same_state` False where the story ends before we could have followed."""
    books = await read(world)
    captures_are_booked_once(books)
    invoices_add_up(books)
    credits_stay_within(books)
    numbers_have_no_gap(books)
    ledger_balances(books)
    facts_are_announced_once(books)
    one_subscription_each(books)
    phonepe_books.agree(books, same_state=same_state)
    assert not books.left_over, books.left_over
    if same_state:
        states_are_alike(books)
    await workflows_know_what_is_recorded(world, books)
    return books


async def read(world: World) -> Books:
    """Both books, once nothing is under way."""
    await world.time.settle()
    theirs = (await world.simulator.books())["subscriptions"]
    phonepe = await world.phonepe.books() if world.phonepe is not None else {}
    async with world.database.reading() as session:
        subscriptions = (await session.scalars(select(models.Subscription))).all()
        payments = (await session.scalars(select(models.Payment))).all()
        documents = (await session.scalars(select(models.Document))).all()
        refunds = (await session.scalars(select(models.Refund))).all()
        series = (await session.scalars(select(models.NumberSeries))).all()
        entry, posting = models.LedgerTransaction, models.LedgerPosting
        postings = (
            await session.execute(
                select(entry.reference, posting.account, posting.amount_paise).join(
                    posting, posting.transaction_id == entry.id
                )
            )
        ).all()
        events = (await session.scalars(select(models.OutboxEvent).order_by(models.OutboxEvent.id))).all()
        drawn = (await session.scalars(select(models.Rendition.document_id))).all()
        mandates = (await session.scalars(select(models.Mandate))).all()
        pages = (await session.scalars(select(models.PayPage))).all()
        intervals = (await session.execute(select(models.Price.id, models.Price.interval))).all()
        stuck = (
            await session.scalars(select(models.OutboxDelivery).where(models.OutboxDelivery.status != "done"))
        ).all()
        inbox = models.WebhookInbox
        lost = (await session.scalars(select(inbox).where(inbox.status.in_(["received", "orphan"])))).all()
        unsent = (
            await session.scalars(select(models.Notification).where(models.Notification.status != "sent"))
        ).all()
    ledger: dict[str, dict[str, int]] = defaultdict(dict)
    for reference, account, amount in postings:
        ledger[reference][account] = ledger[reference].get(account, 0) + amount
    left_over = [f"event {each.event_id} for {each.sink}: {each.status} {each.last_error}" for each in stuck]
    left_over += [f"webhook {each.event_type}: {each.status} {each.last_error}" for each in lost]
    left_over += [f"message {each.kind}: {each.status} {each.last_error}" for each in unsent]
    return Books(
        theirs=theirs,
        subscriptions={row.id: row for row in subscriptions},
        payments={row.gateway_payment_id: row for row in payments},
        invoices=[each for each in documents if each.kind == "tax_invoice"],
        notes=[each for each in documents if each.kind != "tax_invoice"],
        refunds=list(refunds),
        series=list(series),
        ledger=dict(ledger),
        events=list(events),
        drawn=list(drawn),
        intervals={row.id: row.interval for row in intervals},
        orders=phonepe.get("orders", []),
        mandates=phonepe.get("subscriptions", []),
        our_mandates=list(mandates),
        pages=list(pages),
        left_over=left_over,
    )


def captures_are_booked_once(books: Books) -> None:
    """At most one capture a bill; every capture booked or set aside, with its own sum and cycle."""
    for subscription in books.theirs:
        for bill in subscription["invoices"]:
            assert bill["captures"] <= 1, bill
    ours = {each.gateway_payment_id: each for each in books.payments.values() if each.status != "failed"}
    assert set(ours) == set(books.captured), set(ours) ^ set(books.captured)
    for payment, bill in books.captured.values():
        mine = ours[payment["id"]]
        assert (mine.amount_paise, mine.currency) == (payment["amount"], payment["currency"])
        assert bill["cycle"] in (None, mine.cycle)
        assert mine.gateway_invoice_id == bill["id"]
    invoiced = sum(invoice.total_paise for invoice in books.invoices)
    aside = sum(payment.amount_paise for payment in books.quarantined)
    assert sum(payment["amount"] for payment, _ in books.captured.values()) == invoiced + aside


def invoices_add_up(books: Books) -> None:
    """A captured payment and its invoice belong to each other; tax is the rate on the taxable value."""
    by_id: dict[str | None, models.Payment] = {each.id: each for each in books.payments.values()}
    paid = {payment.id for payment in books.payments.values() if payment.status == "captured"}
    assert Counter(invoice.payment_id for invoice in books.invoices) == Counter(paid)
    assert {each.id for each in (*books.invoices, *books.notes)} == set(books.drawn)
    for invoice in books.invoices:
        payment = by_id[invoice.payment_id]
        assert invoice.total_paise == payment.amount_paise
        assert invoice.subscription_id == payment.subscription_id
        assert (invoice.period_start, invoice.period_end) == books.period_of(invoice)
        within = invoice.place_of_supply == invoice.seller_gstin[:2]
        halves = 2 * _half_up(invoice.taxable_paise * GST_BP, 20_000)
        whole = _half_up(invoice.taxable_paise * GST_BP, 10_000)
        local = invoice.sgst_paise + invoice.utgst_paise
        assert invoice.cgst_paise == local
        assert invoice.cgst_paise + local == (halves if within else 0)
        assert invoice.igst_paise == (0 if within else whole)
        tax = invoice.cgst_paise + local + invoice.igst_paise
        assert invoice.taxable_paise + tax + invoice.round_off_paise == invoice.total_paise
        assert abs(invoice.round_off_paise) <= 1


def credits_stay_within(books: Books) -> None:
    """Notes never exceed their invoice, per head and in total; what went back has its note."""
    for invoice in books.invoices:
        against = [note for note in books.notes if note.original_id == invoice.id]
        for column in ("taxable", "cgst", "sgst", "utgst", "igst", "total"):
            given = sum(getattr(note, f"{column}_paise") for note in against)
            assert 0 <= given <= getattr(invoice, f"{column}_paise"), (invoice.number, column)
        assert all(note.cgst_paise == note.sgst_paise + note.utgst_paise for note in against)
    gone = sum(each.amount_paise for each in books.refunds if each.status in ("pending", "processed"))
    # Not of the five rupees by which the gateway tries a new card: they come and go without us.
    assert gone == sum(payment["amount_refunded"] for payment, _ in books.captured.values())
    noted = {note.id for note in books.notes}
    of_refunds = {refund.note_id for refund in books.refunds if refund.note_id}
    assert of_refunds <= noted
    for document in {refund.document_id for refund in books.refunds if refund.document_id}:
        # No note is needed only for what an earlier one, that moved no money, has left owing.
        owing = [note for note in books.notes if note.original_id == document and note.id not in of_refunds]
        paid_out = sum(_without_note(books, each) for each in books.refunds if each.document_id == document)
        assert 0 <= paid_out <= sum(note.total_paise for note in owing), document


def _without_note(books: Books, refund: models.Refund) -> int:
    if refund.status != "processed":
        return 0
    noted = sum(note.total_paise for note in books.notes if note.id == refund.note_id)
    return refund.amount_paise - noted


def _posted_for(books: Books, note: models.Document) -> dict[str, int]:
    total, tax = note.total_paise, note.cgst_paise + note.sgst_paise + note.utgst_paise + note.igst_paise
    if note.kind == "receipt_voucher":
        liability = {"tax_on_advances": tax, "output_tax_on_advances": -tax}
        return {"suspense": total, "wallet": -total, **liability}
    if note.kind == "refund_voucher":
        liability = {"tax_on_advances": -tax, "output_tax_on_advances": tax}
        return {"wallet": total, "gateway_clearing": -total, **liability}
    refunded = any(refund.note_id == note.id for refund in books.refunds)
    return {
        "revenue": note.taxable_paise,
        "output_cgst": note.cgst_paise,
        "output_sgst": note.sgst_paise,
        "output_utgst": note.utgst_paise,
        "output_igst": note.igst_paise,
        "round_off": note.round_off_paise,
        "gateway_clearing" if refunded else "customer_credit": -total,
    }


def numbers_have_no_gap(books: Books) -> None:
    """Per registration, kind and financial year 1, 2, 3 …, and dates never run against them."""
    issued: dict[tuple[str, str, str], list[tuple[int, models.Document]]] = defaultdict(list)
    for invoice in (*books.invoices, *books.notes):
        found = _NUMBER.fullmatch(invoice.number)
        assert found, invoice.number
        assert f"20{found[1]}" == invoice.financial_year
        key = (invoice.seller_gstin, invoice.kind, invoice.financial_year)
        issued[key].append((int(found[2]), invoice))
    for members in issued.values():
        members.sort(key=lambda member: member[0])
        assert [number for number, _ in members] == list(range(1, len(members) + 1))
        dates = [invoice.issued_on for _, invoice in members]
        assert dates == sorted(dates)
    assert {(row.gstin, row.kind, row.financial_year): row.last_number for row in books.series} == {
        key: len(members) for key, members in issued.items()
    }


def ledger_balances(books: Books) -> None:
    """Each transaction sums to nothing; what each invoice and each sum set aside posted is all there is."""
    expected: dict[str, dict[str, int]] = {}
    for invoice in books.invoices:
        expected[f"invoice/{invoice.id}"] = {
            "gateway_clearing": invoice.total_paise,
            "revenue": -invoice.taxable_paise,
            "output_cgst": -invoice.cgst_paise,
            "output_sgst": -invoice.sgst_paise,
            "output_utgst": -invoice.utgst_paise,
            "output_igst": -invoice.igst_paise,
            "round_off": -invoice.round_off_paise,
        }
    for note in books.notes:
        expected[f"{note.kind}/{note.id}"] = _posted_for(books, note)
    for refund in books.refunds:
        rest = _without_note(books, refund)
        if not rest:
            continue
        # What was owed from an earlier note is paid out; what nothing explains comes out of suspense.
        paid_out = f"refund/{refund.id}/balance"
        owed = paid_out in books.ledger
        reference, source = (paid_out, "customer_credit") if owed else (f"refund/{refund.id}", "suspense")
        expected[reference] = {source: rest, "gateway_clearing": -rest}
    for payment in books.quarantined:
        if payment.currency == "INR":
            amount = payment.amount_paise
            expected[f"payment/{payment.id}"] = {"gateway_clearing": amount, "suspense": -amount}
    for reference, postings in books.ledger.items():
        assert sum(postings.values()) == 0, reference
    assert books.ledger == {
        reference: {account: paise for account, paise in postings.items() if paise}
        for reference, postings in expected.items()
    }


def facts_are_announced_once(books: Books) -> None:
    """One event per payment taken, failed or set aside, and per invoice and drawing; no two with one key."""
    assert _twice(event.key for event in books.events) == []
    payments = list(books.payments.values())
    assert _subjects(books, "payment.captured", "gateway_payment_id") == sorted(
        each.gateway_payment_id for each in payments if each.status == "captured"
    )
    assert _subjects(books, "payment.quarantined", "payment_id") == sorted(
        each.id for each in books.quarantined
    )
    invoices = sorted(invoice.id for invoice in books.invoices)
    assert _subjects(books, "invoice.issued", "invoice_id") == invoices
    assert _subjects(books, "invoice.document_ready", "invoice_id") == sorted(
        each for each in books.drawn if each in invoices
    )
    failed = _subjects(books, "payment.failed", "gateway_payment_id")
    assert _twice(failed) == []
    attempts = {payment["id"] for each in books.theirs for payment in each["payments"]}
    attempts |= phonepe_books.attempts(books.orders)
    assert set(failed) <= attempts
    untold = phonepe_books.earlier_attempts(books.orders)
    assert {each.gateway_payment_id for each in payments if each.status == "failed"} <= set(failed) | untold


def one_subscription_each(books: Books) -> None:
    """At the gateway exactly the subscriptions we know of, one for each of ours."""
    known = {row.gateway_subscription_id: row.id for row in books.subscriptions.values()}
    live = [each for each in books.theirs if _ALIKE[each["status"]] & _LIVE]
    for each in live:
        assert each["notes"]["bahi_subscription"] == known[each["id"]], each
    noted = [each["notes"]["bahi_subscription"] for each in live]
    assert _twice(noted) == []
    customers = Counter(
        (row.customer_id, row.is_free) for row in books.subscriptions.values() if row.status in _LIVE
    )
    assert all(number == 1 for number in customers.values()), customers


def states_are_alike(books: Books) -> None:
    """Ours follows from theirs."""
    for each in books.theirs:
        ours = books.subscriptions[each["notes"]["bahi_subscription"]]
        if ours.gateway_subscription_id == each["id"]:
            assert ours.status in _ALIKE[each["status"]], (ours.id, ours.status, each["status"])


async def workflows_know_what_is_recorded(world: World, books: Books) -> None:
    """Of each that is open: the version, the state and the cycle in its row are those it decides by."""
    for row in books.subscriptions.values():
        if row.status not in _LIVE and row.access_until is None:
            continue
        state = await world.workflow(row.id).query(messages.STATE_QUERY, result_type=Subscription)
        assert (state.version, state.status.value, state.paid_cycle, state.cancel_at_period_end) == (
            row.version,
            row.status,
            row.paid_cycle,
            row.cancel_at_period_end,
        )


def _subjects(books: Books, kind: str, name: str) -> list[str]:
    return sorted(str(event.data[name]) for event in books.events if event.type == kind)


def _twice(items: Iterable[str]) -> list[str]:
    return [item for item, number in Counter(items).items() if number > 1]


def _half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
