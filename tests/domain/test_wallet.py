"""Advances that pay invoices: nothing is used twice, and the tax on them goes to the paisa."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.credit import part_of_advance
from domain.document import AdvanceUse, Buyer, DocumentKind, Seller, TaxDocument
from domain.errors import Refused
from domain.gst import tax_inside_supply
from domain.ledger import Account, advance_received, advance_used, opposite
from domain.supply import BuyerKind, Supply, SupplyNature
from domain.tax import advance_amount, supply_of_advance
from domain.wallet import Advance, paise_of_usd_cents, use_advances

SELLER = Seller("Example SaaS Pvt Ltd", "29AAACT9999Z1ZE", ("4 Residency Road",))
AT_HOME = Supply("29", SupplyNature.INTRA_STATE)
ACROSS = Supply("27", SupplyNature.INTER_STATE)
ABROAD = Supply("96", SupplyNature.EXPORT_WITHOUT_TAX)
FIRST_DAY = date(2026, 10, 1)

supplies = st.sampled_from([AT_HOME, ACROSS, ABROAD, supply_of_advance("29")])
sums = st.integers(1, 10**9)


def voucher(number: int, received_paise: int, supply: Supply = AT_HOME) -> TaxDocument:
    made = advance_amount(received_paise, supply, "Advance", "998315")
    return TaxDocument(
        id=f"rcv_{number}",
        kind=DocumentKind.RECEIPT_VOUCHER,
        number=f"RV26-27/{number:06d}",
        issued_on=FIRST_DAY + timedelta(days=number),
        seller=SELLER,
        buyer=Buyer("Asha Verma", BuyerKind.UNREGISTERED, state_code="29"),
        supply=supply,
        lines=made.lines,
        amount=made.amount,
    )


def taken(advance: Advance, *uses: AdvanceUse) -> Advance:
    mine = [use for use in uses if use.voucher_id == advance.voucher.id]
    return replace(advance, earlier=(*advance.earlier, *mine))


def heads(parts: list[AdvanceUse]) -> list[int]:
    lines = [line for part in parts for line in part.lines]
    return [
        sum(getattr(line, name) for line in lines)
        for name in ("taxable_paise", "cgst_paise", "sgst_paise", "igst_paise")
    ]


def test_the_oldest_advance_is_used_first_and_the_last_one_in_part() -> None:
    advances = [Advance(voucher(1, 500_00)), Advance(voucher(2, 1_000_00, ACROSS)), Advance(voucher(3, 99))]
    uses = use_advances(advances, 900_00)
    assert [(use.voucher.number, use.amount.total_paise) for use in uses] == [
        ("RV26-27/000001", 500_00),
        ("RV26-27/000002", 400_00),
    ]
    # ₹500.00 is ₹423.73 with CGST and SGST of ₹38.14 each, and a paisa less of round-off.
    assert heads([uses[0]]) == [423_73, 38_14, 38_14, 0]
    assert uses[0].amount.round_off_paise == -1
    # At the voucher's own place and rate, whatever the invoice is taxed with.
    assert (uses[1].supply, heads([uses[1]])) == (ACROSS, [338_98, 0, 0, 61_02])


def _whole(advance: Advance) -> AdvanceUse:
    (use,) = use_advances([advance], advance.left_paise)
    return use


def test_more_than_is_in_the_wallet_is_refused_and_says_how_much_is_missing() -> None:
    with pytest.raises(Refused, match=r"₹600.00 is to be paid from advances, but ₹100.00 of it is not"):
        use_advances([Advance(voucher(1, 500_00))], 600_00)


def test_an_advance_that_is_used_up_is_passed_over() -> None:
    first = Advance(voucher(1, 500_00))
    first = taken(first, _whole(first))
    (use,) = use_advances([first, Advance(voucher(2, 500_00))], 100_00)
    assert use.voucher_id == "rcv_2"


@given(st.lists(sums, min_size=1, max_size=6), supplies, st.data())
def test_all_uses_together_take_what_was_received_and_its_tax_to_the_paisa(
    received: list[int], supply: Supply, data: st.DataObject
) -> None:
    advances = [Advance(voucher(number, paise, supply)) for number, paise in enumerate(received)]
    used: list[AdvanceUse] = []
    while left := sum(advance.left_paise for advance in advances):
        few = len(used) > 12  # else paise by paise
        asked = left if few else data.draw(st.integers(1, left))
        uses = use_advances(advances, asked)
        assert sum(use.amount.total_paise for use in uses) == asked
        used += uses
        advances = [taken(advance, *uses) for advance in advances]
        assert min(advance.left_paise for advance in advances) >= 0
    for advance in advances:
        mine = [use for use in used if use.voucher_id == advance.voucher.id]
        lines = advance.voucher.lines
        assert heads(mine) == [
            sum(getattr(line, name) for line in lines)
            for name in ("taxable_paise", "cgst_paise", "sgst_paise", "igst_paise")
        ]
        assert sum(use.amount.tax_paise for use in mine) == advance.voucher.amount.tax_paise


@given(sums, st.integers(1, 99), supplies)
def test_what_is_refunded_is_not_used_and_the_other_way_round(
    received: int, percent: int, supply: Supply
) -> None:
    paper = voucher(1, received, supply)
    back = max(1, received * percent // 100)
    refunded = part_of_advance(paper, (), back)
    advance = Advance(paper, (refunded,))
    assert advance.left_paise == received - back
    if advance.left_paise:
        use = _whole(advance)
        assert use.amount.tax_paise + refunded.amount.tax_paise == paper.amount.tax_paise
        with pytest.raises(Refused):
            part_of_advance(paper, (refunded, use), 1)


@given(sums, supplies, supplies)
def test_books_of_an_advance_that_an_invoice_uses_up_come_to_the_invoice_alone(
    paise: int, at_receipt: Supply, at_invoice: Supply
) -> None:
    advance = Advance(voucher(1, paise, at_receipt))
    invoice = tax_inside_supply(at_invoice, 1800, paise)
    use = _whole(advance)
    postings = [*advance_received(advance.voucher.amount), *advance_used(invoice, use.amount.tax_paise)]
    balances = dict.fromkeys(Account, 0)
    for posting in postings:
        balances[posting.account] += posting.amount_paise
    assert sum(balances.values()) == 0
    for empty in (Account.WALLET, Account.TAX_ON_ADVANCES, Account.OUTPUT_TAX_ON_ADVANCES):
        assert balances[empty] == 0
    assert balances[Account.GATEWAY_CLEARING] == paise
    assert balances[Account.REVENUE] == -invoice.taxable_paise
    assert sum(each.amount_paise for each in [*postings, *opposite(postings)]) == 0


@pytest.mark.parametrize(
    ("cents", "rate", "paise"), [(500, 83_50, 417_50), (1, 83_50, 84), (999, 83_51, 834_26), (0, 83_50, 0)]
)
def test_dollars_are_converted_at_the_stated_rate_in_whole_numbers(cents: int, rate: int, paise: int) -> None:
    assert paise_of_usd_cents(cents, rate) == paise
