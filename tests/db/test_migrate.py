import asyncio
import sys
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from db.issuing import DOCUMENTS
from db.migrate import upgrade
from domain.supply import BuyerKind, Supply, SupplyNature
from local.postgres import PostgresServer

LATEST = max(file.name for file in Path("db/migrations/versions").glob("0*.py"))[:4]

FIRST_SCHEMA_ROWS = """
INSERT INTO customers (id, user_id) VALUES ('cus_1', 'asha');
INSERT INTO plans (id, name, code, features, rank) VALUES ('plan_pro', 'Pro', 'PRO', '{}', 1);
INSERT INTO prices (id, plan_id, interval, version, amount_paise, tax_inclusive, sac)
    VALUES ('price_1', 'plan_pro', 'monthly', 1, 499900, true, '998315');
INSERT INTO subscriptions (id, customer_id, plan_id, price_id, gateway, is_free, charge_paise, total_count,
    status, version, created_at, updated_at)
    VALUES ('sub_1', 'cus_1', 'plan_pro', 'price_1', 'razorpay', false, 499900, 12, 'ACTIVE', 1,
    now(), now());
INSERT INTO payments (id, subscription_id, customer_id, cycle, gateway, gateway_payment_id,
    gateway_invoice_id, status, amount_paise, currency, method, attempted_at, recorded_at)
    VALUES ('pmt_1', 'sub_1', 'cus_1', 0, 'razorpay', 'pay_1', 'inv_r', 'captured', 499900, 'INR', 'upi',
    now(), now());
INSERT INTO invoices (id, number, seller_gstin, financial_year, customer_id, subscription_id, payment_id,
    cycle, period_start, period_end, issued_on, issued_at, place_of_supply, currency, taxable_paise,
    cgst_paise, sgst_paise, utgst_paise, igst_paise, round_off_paise, total_paise, document)
    VALUES ('inv_1', 'BH26-27/000001', '29AAACB1234F1Z5', '2026-27', 'cus_1', 'sub_1', 'pmt_1', 0, now(),
    now() + interval '30 days', '2026-04-10', now(), '29', 'INR', 423644, 38128, 38128, 0, 0, 0, 499900,
    '{"id": "inv_1", "number": "BH26-27/000001", "issued_on": "2026-04-10",
      "seller": {"legal_name": "Kaveri", "gstin": "29AAACB1234F1Z5", "address_lines": ["1 MG Road"],
                 "email": "", "cin": ""},
      "buyer": {"name": "Asha", "email": "", "address_lines": [], "state_code": "29",
                "gstin": "29AAACT1111A1Z5"},
      "place_of_supply": "29",
      "lines": [{"description": "Pro", "sac": "998315", "quantity": 1, "unit_paise": 423644,
                 "taxable_paise": 423644}],
      "amount": {"taxable_paise": 423644, "round_off_paise": 0, "total_paise": 499900, "taxes": [
          {"head": "CGST", "rate_bp": 900, "taxable_paise": 423644, "tax_paise": 38128},
          {"head": "SGST", "rate_bp": 900, "taxable_paise": 423644, "tax_paise": 38128}]},
      "period_first_day": "2026-04-10", "period_last_day": "2026-05-09", "payment_reference": "pay_1",
      "payment_method": "upi", "paid_on": "2026-04-10", "currency": "INR", "reverse_charge": false}');
INSERT INTO ledger_transactions (reference, kind, customer_id, occurred_at)
    VALUES ('invoice/inv_1', 'sale', 'cus_1', now());
INSERT INTO ledger_postings (transaction_id, account, amount_paise)
    SELECT id, 'gateway_clearing', 499900 FROM ledger_transactions;
INSERT INTO ledger_postings (transaction_id, account, amount_paise)
    SELECT id, 'revenue', -499900 FROM ledger_transactions
"""


async def scalar(url: str, query: str) -> object:
    engine = create_async_engine(url)
    try:
        async with engine.connect() as connection:
            return await connection.scalar(text(query))
    finally:
        await engine.dispose()


async def test_an_up_to_date_database_stays_as_it_is(database_url: str) -> None:
    tables = "SELECT string_agg(oid::text || relname, ',' ORDER BY oid) FROM pg_class"
    before = await scalar(database_url, tables)
    await upgrade(database_url)
    assert await scalar(database_url, tables) == before


async def test_processes_that_start_together_migrate_once(postgres: PostgresServer) -> None:
    await postgres.ensure_database("started_together")
    url = postgres.dsn("started_together")

    async def migrate() -> int | None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "db.migrate", env={"BAHI_DATABASE_URL": url}
        )
        return await process.wait()

    assert await asyncio.gather(*(migrate() for _ in range(3))) == [0, 0, 0]
    assert await scalar(url, "SELECT string_agg(version_num, ',') FROM alembic_version") == LATEST
    assert await scalar(url, "SELECT count(*) FROM prices") == 0


async def test_invoices_of_the_first_schema_say_the_same_in_the_terms_of_all_documents(
    postgres: PostgresServer,
) -> None:
    await postgres.ensure_database("from_the_first")
    url = postgres.dsn("from_the_first")
    await upgrade(url, "0001")
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        for statement in FIRST_SCHEMA_ROWS.split(";\n"):
            await connection.exec_driver_sql(statement)
    await upgrade(url)
    async with engine.connect() as connection:
        row = (await connection.execute(text("SELECT kind, document FROM documents"))).one()
        booked = await connection.scalar(text("SELECT document_id FROM ledger_transactions"))
        for attempt in ("UPDATE documents SET number = 'X'", "DELETE FROM ledger_transactions"):
            with pytest.raises(DBAPIError, match="append-only"):
                async with connection.begin_nested():
                    await connection.execute(text(attempt))
    await engine.dispose()
    assert (row.kind, booked) == ("tax_invoice", "inv_1")
    document = DOCUMENTS.validate_python(row.document)
    assert document.supply == Supply("29", SupplyNature.INTRA_STATE)
    assert document.buyer.kind is BuyerKind.REGISTERED
    [line] = document.lines
    assert (line.rate_bp, line.cgst_paise, line.sgst_paise, line.igst_paise) == (1800, 38128, 38128, 0)
    assert (document.paid_on, document.supplied_on) == (date(2026, 4, 10), date(2026, 4, 10))
    assert document.amount.total_paise == 499900


@pytest.mark.parametrize(("drawn", "name"), [("09:00", "inv_1"), ("11:00", "inv_1/registered")])
async def test_a_drawing_is_the_registered_one_if_it_was_made_after_the_portals_answer(
    postgres: PostgresServer, drawn: str, name: str
) -> None:
    await postgres.ensure_database(f"drawn_at_{drawn[:2]}")
    url = postgres.dsn(f"drawn_at_{drawn[:2]}")
    await upgrade(url, "0001")
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        for statement in FIRST_SCHEMA_ROWS.split(";\n"):
            await connection.exec_driver_sql(statement)
    await upgrade(url, "0002")
    async with engine.begin() as connection:
        await connection.exec_driver_sql(
            "INSERT INTO renditions (document_id, object_key, sha256, size_bytes, rendered_at) "
            f"VALUES ('inv_1', 'a.pdf', 'aa', 10, '2026-04-10 {drawn}+00')"
        )
        await connection.exec_driver_sql(
            "INSERT INTO irp_registrations (document_id, status, registered_at, updated_at) "
            "VALUES ('inv_1', 'registered', '2026-04-10 11:00+00', now())"
        )
    await upgrade(url)
    async with engine.connect() as connection:
        row = (await connection.execute(text("SELECT id, registered FROM renditions"))).one()
        with pytest.raises(DBAPIError, match="append-only"):
            await connection.execute(text("UPDATE renditions SET registered = NOT registered"))
    await engine.dispose()
    assert (row.id, row.registered) == (name, name.endswith("/registered"))
