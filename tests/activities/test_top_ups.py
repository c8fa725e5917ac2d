"""Money that comes for top-ups is booked once, in the wallet or aside; what goes back was still there."""

import asyncio

import pytest

from db import models
from db.session import Database
from domain.ledger import Account
from domain.top_up import TopUpStatus
from tests.activities.wallets import Purse
from tests.filing.selling import october
from workflows.wallet_ports import EndTopUp, RegisterTopUp


@pytest.fixture
async def purse(database: Database) -> Purse:
    made = Purse(database)
    await made.belongs_to()
    return made


async def test_a_paid_top_up_is_an_advance_with_a_voucher_and_tax_due_on_it(purse: Purse) -> None:
    await purse.fill(1_180_00)
    (voucher,) = await purse.documents("receipt_voucher")
    assert (voucher.number, voucher.amount.total_paise) == ("RV26-27/000001", 1_180_00)
    assert voucher.lines[0].description == "Advance for usage beyond the plan"
    assert (voucher.payment_reference, voucher.reason) == ("pay_top_1", "")
    assert await purse.balances() == {
        Account.GATEWAY_CLEARING: -1_180_00,
        Account.WALLET: 1_180_00,
        Account.OUTPUT_TAX_ON_ADVANCES: 180_00,
        Account.TAX_ON_ADVANCES: -180_00,
    }
    (row,) = await purse.rows(models.TopUp)
    (payment,) = await purse.rows(models.Payment)
    assert (row.status, row.payment_id, row.voucher_id) == ("paid", payment.id, voucher.id)
    assert (payment.status, payment.subscription_id, payment.bank_reference) == ("kept", None, "UTR1")
    assert await purse.available() == 1_180_00
    told = [event.type for event in await purse.rows(models.OutboxEvent)]
    assert told == ["top_up.opened", "payment.captured", "top_up.paid", "voucher.issued"]
    await purse.is_whole()


async def test_money_told_of_several_times_at_once_is_booked_once(purse: Purse) -> None:
    top_up = await purse.wish(500_00)
    answers = await asyncio.gather(*(purse.pays(top_up) for _ in range(5)))
    assert {(each.status, each.refund_id) for each in answers} == {(TopUpStatus.PAID, None)}
    assert len(await purse.documents("receipt_voucher")) == 1
    assert await purse.available() == 500_00


async def test_of_two_payments_at_once_one_fills_the_wallet_and_the_other_waits_to_go_back(
    purse: Purse,
) -> None:
    top_up = await purse.wish(500_00)
    answers = await asyncio.gather(purse.pays(top_up, "order_1"), purse.pays(top_up, "order_2"))
    (second,) = [each for each in answers if each.refund_id]
    assert {each.status for each in answers} == {TopUpStatus.PAID}
    assert second == await purse.pays(top_up, "order_1" if answers[0] is second else "order_2")
    balances = await purse.balances()
    assert (balances[Account.WALLET], balances[Account.SUSPENSE]) == (500_00, 500_00)
    assert (await purse.asks_back(second.payment_id)).amount_paise == 500_00
    assert await purse.available() == 500_00


async def test_late_money_counts_and_early_repetitions_change_nothing(purse: Purse) -> None:
    top_up = await purse.wish(500_00)
    over = EndTopUp(top_up, TopUpStatus.EXPIRED, "not paid in time", "bahi", october(3))
    assert (await purse.top_ups.end_top_up(over)).status is TopUpStatus.EXPIRED
    assert (await purse.top_ups.register_top_up(RegisterTopUp(top_up, october(3)))).status == "expired"
    assert (await purse.pays(top_up, day=4)).status is TopUpStatus.PAID
    assert (await purse.top_ups.end_top_up(over)).status is TopUpStatus.PAID
    (row,) = await purse.rows(models.TopUp)
    assert (row.status, row.reason, row.ended_at) == ("paid", None, october(4))


async def test_another_sum_is_set_aside_and_ends_the_top_up(purse: Purse) -> None:
    top_up = await purse.wish(500_00)
    done = await purse.pays(top_up, amount_paise=499_00)
    assert (done.status, done.refund_id) == (TopUpStatus.CANCELLED, None)
    assert (await purse.balances())[Account.SUSPENSE] == 499_00
    assert await purse.available() == 0
    (row,) = await purse.rows(models.TopUp)
    assert row.reason == "not the sum that the top-up is for"
    # Its own sum counts all the same.
    assert (await purse.pays(top_up, "order_2")).status is TopUpStatus.PAID


async def test_what_was_drawn_is_not_given_back(purse: Purse) -> None:
    first = await purse.fill(500_00)
    await purse.fill(300_00)
    await purse.draw(600_00)
    refused = await purse.asks_back(first, 200_01)
    assert "₹200.00 is left to give back" in refused.refused
    kept = await purse.asks_back(first)
    assert (kept.amount_paise, await purse.available()) == (200_00, 0)
    # What is on its way back cannot be drawn meanwhile, nor be asked for again.
    assert (await purse.asks_back(first)).state == "refunded"
    await purse.goes_back(kept.refund_id, 200_00, "pay_top_1")
    assert await purse.available() == 0
    (back,) = await purse.documents("refund_voucher")
    assert back.amount.total_paise == 200_00
    await purse.is_whole()
    await purse.bill()
    assert (await purse.balances()).get(Account.WALLET, 0) == 0
    await purse.is_whole()


async def test_refunds_and_billing_at_once_never_take_the_same_money(purse: Purse) -> None:
    payments = [await purse.fill(100_00) for _ in range(4)]
    await purse.draw(250_00)
    back = asyncio.gather(*(purse.asks_back(payment) for payment in payments))
    _, answers, _ = await asyncio.gather(purse.bill(), back, purse.bill())
    assert sum(each.amount_paise for each in answers) == 150_00
    assert await purse.available() == 0
    await purse.is_whole()


async def test_money_given_back_past_us_that_was_drawn_is_left_for_operators_to_explain(
    purse: Purse,
) -> None:
    await purse.fill(500_00)
    await purse.draw(300_00)
    await purse.noticed(500_00, "pay_top_1")
    (back,) = await purse.documents("refund_voucher")
    assert back.amount.total_paise == 200_00
    assert (await purse.balances())[Account.SUSPENSE] == -300_00
    await purse.bill()
    (invoice,) = await purse.documents("tax_invoice")
    assert invoice.due_paise == 0
    await purse.is_whole()
