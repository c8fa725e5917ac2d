"""Lawful numbers, and postings that always balance."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.document import Seller, document_number
from domain.errors import Misconfigured
from domain.gst import STATES, TaxHead, tax_inside, tax_on_top
from domain.ledger import Account, Posting, balanced, sale, set_aside
from domain.periods import financial_year

DAYS = st.dates(date(2017, 7, 1), date(2090, 12, 31))
PREFIXES = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ123456789", min_size=1, max_size=3)
AMOUNTS = st.integers(1, 10**12)
STATE_CODES = st.sampled_from(sorted(STATES))
LAWFUL = set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-")


@given(PREFIXES, DAYS, st.integers(1, 999_999))
def test_every_number_is_lawful_and_names_its_financial_year(prefix: str, day: date, sequence: int) -> None:
    number = document_number(prefix, day, sequence)
    assert len(number) <= 16
    assert set(number) <= LAWFUL
    assert number[0] not in "0/-"
    assert number == f"{prefix}{financial_year(day)[2:]}/{sequence:06d}"


@given(PREFIXES, DAYS, st.integers(1, 999_998))
def test_numbers_sort_as_they_were_issued(prefix: str, day: date, sequence: int) -> None:
    assert document_number(prefix, day, sequence) < document_number(prefix, day, sequence + 1)


def test_the_number_turns_with_the_financial_year() -> None:
    assert document_number("BH", date(2026, 3, 31), 7) == "BH25-26/000007"
    assert document_number("BH", date(2026, 4, 1), 1) == "BH26-27/000001"


@pytest.mark.parametrize("prefix", ["TOOLONG", "bh", "B H", "0A", "/A", "-A", "बी", "A\n"])
def test_a_prefix_that_breaks_the_law_is_refused_with_the_setting_to_change(prefix: str) -> None:
    with pytest.raises(Misconfigured, match="shorten the prefix"):
        document_number(prefix, date(2026, 4, 1), 42)


def test_a_series_that_outgrows_sixteen_characters_is_refused() -> None:
    assert document_number("ABCD", date(2026, 4, 1), 999_999) == "ABCD26-27/999999"
    with pytest.raises(Misconfigured, match="at most 16"):
        document_number("ABCD", date(2026, 4, 1), 1_000_000)


def test_the_sellers_state_is_that_of_the_gstin() -> None:
    assert Seller("A", "29AAACI4798L1ZU", ()).state_code == "29"


@given(STATE_CODES, STATE_CODES, AMOUNTS, st.booleans())
def test_a_sale_balances_and_shows_each_part_once(
    seller: str, place: str, paise: int, inclusive: bool
) -> None:
    amount = (tax_inside if inclusive else tax_on_top)(seller, place, 1800, paise)
    postings = sale(amount)
    assert sum(posting.amount_paise for posting in postings) == 0
    assert all(posting.amount_paise for posting in postings)
    books = {posting.account: posting.amount_paise for posting in postings}
    assert len(books) == len(postings)
    assert books[Account.GATEWAY_CLEARING] == amount.total_paise
    assert books.get(Account.REVENUE, 0) == -amount.taxable_paise
    assert books.get(Account.ROUND_OFF, 0) == -amount.round_off_paise
    for head, account in {
        TaxHead.CGST: Account.OUTPUT_CGST,
        TaxHead.SGST: Account.OUTPUT_SGST,
        TaxHead.UTGST: Account.OUTPUT_UTGST,
        TaxHead.IGST: Account.OUTPUT_IGST,
    }.items():
        assert books.get(account, 0) == -amount.head_paise(head)


@given(AMOUNTS)
def test_money_set_aside_waits_in_suspense(paise: int) -> None:
    assert set_aside(paise) == (
        Posting(Account.GATEWAY_CLEARING, paise),
        Posting(Account.SUSPENSE, -paise),
    )


@given(st.lists(st.integers(-(10**9), 10**9).filter(bool), min_size=1, max_size=8))
def test_postings_that_do_not_balance_cannot_be_made(amounts: list[int]) -> None:
    postings = [Posting(Account.WALLET, amount) for amount in amounts]
    rest = Posting(Account.SUSPENSE, -sum(amounts))
    assert sum(each.amount_paise for each in balanced([*postings, rest])) == 0
    if sum(amounts):
        with pytest.raises(ValueError, match="do not balance"):
            balanced(postings)
