"""What the database itself refuses, whoever asks."""

from collections.abc import Sequence

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from db import ledger, outbox
from db.models import Rendition
from db.session import Database
from domain.events import EventType
from domain.ledger import Account, Posting
from tests.db.rows import NOON, add, count, customer, invoice, payment, subscription

APPEND_ONLY = ["documents", "ledger_transactions", "ledger_postings", "outbox_events"]
COLUMN = {
    "documents": "number",
    "ledger_transactions": "reference",
    "ledger_postings": "account",
    "outbox_events": "key",
}


@pytest.fixture
async def books(database: Database) -> Database:
    """A paid cycle, announced and documented."""
    drawing = {"object_key": "invoices/a.pdf", "sha256": "aa", "size_bytes": 10, "rendered_at": NOON}
    document = Rendition(id="inv_1", document_id="inv_1", **drawing)
    await add(database, customer(), subscription(), payment(), invoice(), document)
    await post(database, "sale/1", [499900, -499900])
    async with database.transaction() as session:
        await outbox.append(
            session,
            key="payment.captured/1",
            type=EventType.PAYMENT_CAPTURED,
            customer_id="cus_1",
            subscription_id="sub_1",
            occurred_at=NOON,
            data={},
            sinks=["kafka"],
        )
    return database


async def post(database: Database, reference: str, amounts: Sequence[int]) -> None:
    accounts = [Account.GATEWAY_CLEARING, Account.REVENUE, Account.OUTPUT_IGST]
    postings = [Posting(account, amount) for account, amount in zip(accounts, amounts, strict=False)]
    async with database.transaction() as session:
        await ledger.post(
            session,
            reference=reference,
            kind="sale",
            customer_id="cus_1",
            occurred_at=NOON,
            postings=postings,
        )


async def run(database: Database, statement: str) -> None:
    async with database.transaction() as session:
        await session.execute(text(statement))


@pytest.mark.parametrize("table", APPEND_ONLY)
async def test_issued_and_booked_and_announced_rows_stay_as_they_are(books: Database, table: str) -> None:
    column = COLUMN[table]
    for statement in (
        f"UPDATE {table} SET {column} = 'x'",
        f"UPDATE {table} SET {column} = {column}",
        f"UPDATE {table} SET {column} = 'x' WHERE false",
        f"DELETE FROM {table}",
        f"TRUNCATE {table} CASCADE",
    ):
        with pytest.raises(IntegrityError, match="append-only"):
            await run(books, statement)
    async with books.reading() as session:
        assert await count(session, table) == (2 if table == "ledger_postings" else 1)


async def test_the_refusal_says_what_to_do_instead(books: Database) -> None:
    with pytest.raises(IntegrityError) as caught:
        await run(books, "DELETE FROM documents")
    assert caught.value.orig is not None
    assert "documents is append-only: DELETE is refused" in str(caught.value.orig)
    assert "credit note" in str(getattr(caught.value.orig.__cause__, "hint", ""))


async def test_a_rendered_document_may_be_rendered_again_only_to_the_same_file(books: Database) -> None:
    await run(books, "UPDATE renditions SET sha256 = 'aa', rendered_at = now()")
    for change in ("sha256 = 'b'", "object_key = 'b'", "size_bytes = 11", "registered = true", "id = 'b'"):
        with pytest.raises(IntegrityError, match="renditions is append-only"):
            await run(books, f"UPDATE renditions SET {change}")
    for statement in ("DELETE FROM renditions", "TRUNCATE renditions"):
        with pytest.raises(IntegrityError, match="renditions is append-only"):
            await run(books, statement)


async def test_a_price_may_be_superseded_and_nothing_else(database: Database) -> None:
    await run(database, "UPDATE prices SET superseded_at = now() WHERE id = 'price_pro_monthly_v1'")
    for change in ("amount_paise = 1", "tax_inclusive = false", "sac = '998314'", "currency = 'USD'"):
        with pytest.raises(IntegrityError, match="prices is append-only"):
            await run(database, f"UPDATE prices SET {change} WHERE id = 'price_pro_monthly_v1'")
    with pytest.raises(IntegrityError, match="prices is append-only"):
        await run(database, "DELETE FROM prices")


@pytest.mark.parametrize(
    ("amounts", "message"),
    [
        ([499900, -499800], "off balance by 100 paise"),
        ([499900, -423644, -76255], "off balance by 1 paise"),
        ([], r"has 0 posting\(s\)"),
        ([499900], r"has 1 posting\(s\)"),
    ],
)
async def test_a_ledger_transaction_that_does_not_balance_cannot_be_committed(
    books: Database, amounts: list[int], message: str
) -> None:
    with pytest.raises(IntegrityError, match=message):
        await post(books, "sale/2", amounts)
    async with books.reading() as session:
        assert await count(session, "ledger_transactions") == 1


async def test_a_balanced_transaction_of_three_postings_is_committed(books: Database) -> None:
    await post(books, "sale/2", [499900, -423644, -76256])
    async with books.reading() as session:
        assert await count(session, "ledger_postings") == 5


async def test_nothing_can_be_added_to_a_balanced_transaction_without_balancing_it(books: Database) -> None:
    add_one = "INSERT INTO ledger_postings (transaction_id, account, amount_paise) SELECT id, 'revenue', -1 "
    with pytest.raises(IntegrityError, match="off balance by -1 paise"):
        await run(books, add_one + "FROM ledger_transactions")


async def test_the_same_happening_is_booked_once(books: Database) -> None:
    with pytest.raises(IntegrityError, match="uq_ledger_transactions_reference"):
        await post(books, "sale/1", [499900, -499900])


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"total_paise": 499901}, "ck_documents_adds_up"),
        ({"cgst_paise": 38129, "sgst_paise": 38127}, "ck_documents_halves_equal"),
        ({"number": "BH2026-27/00000002"}, "ck_documents_number_length"),
        ({"number": "BH26-27/000001"}, "uq_documents_seller_gstin_number"),
        ({"cycle": 0}, "uq_documents_one_per_cycle"),
        ({"payment_id": "pmt_1"}, "uq_documents_one_per_payment"),
    ],
)
async def test_an_invoice_that_cannot_be_right_is_refused(
    books: Database, values: dict[str, object], constraint: str
) -> None:
    await add(books, payment("2", cycle=1))
    with pytest.raises(IntegrityError, match=constraint):
        await add(books, invoice("2", **{"cycle": 1, **values}))


async def test_a_cycle_is_captured_once_and_may_fail_often(books: Database) -> None:
    for number in range(2, 5):
        await add(books, payment(str(number), status="failed"))
    with pytest.raises(IntegrityError, match="uq_payments_one_capture_per_cycle"):
        await add(books, payment("5"))


async def test_a_customer_has_one_live_paid_and_one_live_free_subscription(books: Database) -> None:
    await add(books, subscription("2", is_free=True), subscription("3", status="CANCELLED"))
    for free in (False, True):
        with pytest.raises(IntegrityError, match="uq_subscriptions_one_live"):
            await add(books, subscription("4", is_free=free, status="CREATED"))


async def test_unknown_kinds_are_refused(books: Database) -> None:
    with pytest.raises(IntegrityError, match="ck_subscriptions_status"):
        await add(books, subscription("9", status="SLEEPING"))


async def test_whoever_listens_is_called_after_the_commit(books: Database) -> None:
    heard: list[str] = []
    raw = await books.engine.raw_connection()
    listener = raw.driver_connection
    assert listener is not None
    for channel in ("outbox", "webhook_inbox"):
        await listener.add_listener(channel, lambda *call: heard.append(call[2]))
    insert = (
        "INSERT INTO webhook_inbox (source, event_id, event_type, body, body_sha256) "
        "VALUES ('razorpay', 'evt_1', 'payment.failed', '', '')"
    )
    async with books.transaction() as session:
        await session.execute(text(insert))
        await session.execute(
            text(
                "INSERT INTO outbox_deliveries (event_id, sink, customer_id) "
                "SELECT id, 'x', 'cus_1' FROM outbox_events"
            )
        )
        await listener.fetch("SELECT 1")
        assert heard == []
    await listener.fetch("SELECT 1")
    assert sorted(heard) == ["outbox", "webhook_inbox"]
    listener.terminate()
    raw.invalidate()


async def test_the_guards_speak_to_the_schemas_owner_too(books: Database) -> None:
    with pytest.raises(DBAPIError, match="append-only"):
        async with books.transaction() as session:
            assert await session.scalar(text("SHOW is_superuser")) == "on"
            await session.execute(text("DELETE FROM ledger_postings"))
