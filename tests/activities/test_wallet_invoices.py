"""The month's invoice of what was drawn: once, numbered without gaps, and the advances go with their tax."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import update

from activities.issuer import Issuer
from activities.wallet_invoices import WalletInvoices
from db import e_invoices, models
from db.session import Database
from domain.document import Registration
from domain.e_invoice import CancelReason
from domain.errors import Unavailable
from domain.ledger import Account
from domain.registrations import SellerRegistration, open_registrations
from domain.supply import SupplyNature
from tests.activities.wallets import Purse
from tests.filing.selling import CHANDIGARH, KARNATAKA, issuer, october


@pytest.fixture
async def purse(database: Database) -> Purse:
    made = Purse(database)
    await made.belongs_to()
    return made


async def test_a_months_draws_are_one_invoice_that_advances_pay(purse: Purse) -> None:
    await purse.fill(500_00)
    await purse.fill(1_000_00, day=2)
    for paise in (100_00, 250_50, 399_50):
        await purse.draw(paise)
    done = await purse.bill()
    (invoice,) = await purse.documents("tax_invoice")
    assert done.invoice_ids == (invoice.id,)
    assert (invoice.number, invoice.amount.total_paise, invoice.due_paise) == ("BH26-27/000001", 750_00, 0)
    assert invoice.lines[0].description == "Usage beyond the plan, October 2026"
    assert (str(invoice.period_first_day), str(invoice.period_last_day)) == ("2026-10-01", "2026-10-31")
    assert str(invoice.issued_on) == "2026-11-01" and str(invoice.supplied_on) == "2026-10-31"
    assert [(use.voucher.number, use.amount.total_paise) for use in invoice.adjusts] == [
        ("RV26-27/000001", 500_00),
        ("RV26-27/000002", 250_00),
    ]
    assert {draw.document_id for draw in await purse.rows(models.WalletDraw)} == {invoice.id}
    assert await purse.available() == 750_00
    balances = await purse.balances()
    assert balances[Account.REVENUE] == invoice.amount.taxable_paise
    assert balances[Account.OUTPUT_CGST] == balances[Account.OUTPUT_SGST] == 57_20
    await purse.is_whole()


async def test_billed_many_times_at_once_a_month_has_one_invoice_and_no_number_is_lost(
    purse: Purse,
) -> None:
    await purse.fill(500_00)
    await purse.draw(100_00)
    answers = await asyncio.gather(*(purse.bill() for _ in range(6)))
    assert sum(len(each.invoice_ids) for each in answers) == 1
    await purse.draw(50_00)  # told late
    await purse.bill()
    assert [each.number for each in await purse.documents("tax_invoice")] == [
        "BH26-27/000001",
        "BH26-27/000002",
    ]
    assert (await purse.bill()).invoice_ids == ()
    await purse.is_whole()


async def test_only_the_months_own_draws_are_billed(purse: Purse) -> None:
    await purse.fill(500_00)
    await purse.draw(100_00)
    await purse.draw(70_00, month="2026-11")
    await purse.bill()
    assert await purse.available() == 330_00
    open_draws = [each for each in await purse.rows(models.WalletDraw) if each.document_id is None]
    assert [each.month for each in open_draws] == ["2026-11"]


async def test_a_buyer_who_moved_is_invoiced_at_the_new_place_and_the_advance_at_its_old_one(
    purse: Purse,
) -> None:
    await purse.fill(1_180_00)
    async with purse.database.transaction() as session:
        await session.execute(update(models.Customer).values(state_code="27"))
    await purse.draw(1_180_00)
    await purse.bill()
    (invoice,) = await purse.documents("tax_invoice")
    (use,) = invoice.adjusts
    assert (invoice.supply.nature, invoice.supply.place) == (SupplyNature.INTER_STATE, "27")
    assert (use.supply.nature, use.supply.place) == (SupplyNature.INTRA_STATE, "29")
    balances = await purse.balances()
    assert balances[Account.OUTPUT_IGST] == 180_00
    assert Account.OUTPUT_TAX_ON_ADVANCES not in balances
    await purse.is_whole()


async def test_each_registration_invoices_what_its_own_advances_pay(purse: Purse) -> None:
    both = open_registrations([SellerRegistration("ka", KARNATAKA), SellerRegistration("ch", CHANDIGARH)])
    purse.issuer = Issuer(both, issuer().prefixes, issuer().rules)
    await purse.fill(300_00)
    async with purse.database.transaction() as session:
        await session.execute(update(models.Customer).values(seller_key="ch"))
    await purse.fill(300_00, day=2)
    for paise in (200_00, 200_00, 50_00):
        await purse.draw(paise)
    await purse.bill()
    invoices = {each.seller.gstin: each for each in await purse.documents("tax_invoice")}
    assert {gstin: each.amount.total_paise for gstin, each in invoices.items()} == {
        KARNATAKA.gstin: 300_00,
        CHANDIGARH.gstin: 150_00,
    }
    assert all(each.due_paise == 0 for each in invoices.values())
    of_draws = [
        each.document_id for each in sorted(await purse.rows(models.WalletDraw), key=lambda row: row.id)
    ]
    home, away = invoices[KARNATAKA.gstin].id, invoices[CHANDIGARH.gstin].id
    assert of_draws == [home, away, away]
    await purse.is_whole()


async def test_what_no_advance_covers_waits_and_takes_no_number(purse: Purse) -> None:
    await purse.fill(100_00)
    await purse.draw(100_01)
    with pytest.raises(Unavailable, match=r"₹0\.01 of it is not there"):
        await purse.bill()
    await purse.fill(100_00, day=2)
    await purse.bill()
    assert [each.number for each in await purse.documents("tax_invoice")] == ["BH26-27/000001"]


async def test_details_that_no_invoice_can_be_written_with_are_waited_for(purse: Purse) -> None:
    await purse.fill(100_00)
    await purse.draw(40_00)
    alone = open_registrations([SellerRegistration("ch", CHANDIGARH)])
    elsewhere = WalletInvoices(purse.database, Issuer(alone, issuer().prefixes, issuer().rules), ())
    right, purse.issuer = purse.issuer, elsewhere._issuer
    with pytest.raises(Unavailable, match="no seller registration has the GSTIN"):
        await purse.bill()
    purse.issuer = right
    assert len((await purse.bill()).invoice_ids) == 1


async def test_an_invoice_cancelled_at_the_portal_leaves_its_draws_and_advances_to_the_next(
    database: Database,
) -> None:
    purse = Purse(database)
    await purse.belongs_to(name="Kaveri Textiles LLP", gstin="29AAACT1111A1Z5")
    await purse.fill(500_00)
    await purse.draw(200_00)
    (invoice_id,) = (await purse.bill()).invoice_ids
    at = october(31) + timedelta(days=1)
    async with database.transaction() as session:
        await e_invoices.begin_attempt(session, invoice_id, at)
        await e_invoices.register(session, invoice_id, Registration("f" * 64, "1", "", ""), None, at, ())
        assert await e_invoices.begin_cancelling(session, invoice_id, CancelReason.DATA_ENTRY_MISTAKE) is None
        reason = CancelReason.DATA_ENTRY_MISTAKE
        assert await e_invoices.cancel(session, invoice_id, reason, at, ())
    assert Account.REVENUE not in await purse.balances()
    assert await purse.available() == 300_00
    await purse.is_whole()
    (again,) = (await purse.bill()).invoice_ids
    assert again != invoice_id
    assert (await purse.available(), (await purse.balances())[Account.WALLET]) == (300_00, 300_00)
    await purse.is_whole()
