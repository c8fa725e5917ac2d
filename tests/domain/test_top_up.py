"""Which sums may be put into the wallet, and what becomes of money that comes for one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import InvalidInput
from domain.paying import Paid
from domain.top_up import Fate, TopUp, TopUpLimits, fate_of

NOW = datetime(2026, 10, 1, 6, 30, tzinfo=UTC)
TOP_UP = TopUp("top_1", "cus_1", "phonepe", 500_00, NOW, NOW + timedelta(days=1))
PAID = Paid("phonepe", "pay_1", "pay_1", 500_00, "INR", "upi", NOW)
LIMITS = TopUpLimits(100_00, 1_00_000_00)


@pytest.mark.parametrize("paise", [100_00, 50_000, 1_00_000_00])
def test_sums_within_the_limits_are_taken(paise: int) -> None:
    LIMITS.check(paise)


@pytest.mark.parametrize("paise", [0, -1, 99_99, 1_00_000_01])
def test_other_sums_are_refused_and_the_limits_named(paise: int) -> None:
    with pytest.raises(InvalidInput, match=r"give ₹100\.00 to ₹1,00,000\.00") as refused:
        LIMITS.check(paise, "amount_usd")
    assert refused.value.field == "amount_usd"


def test_the_first_money_fills_the_wallet_whenever_it_comes() -> None:
    late = replace(PAID, at=NOW + timedelta(days=3))
    assert fate_of(TOP_UP, PAID, paid_before=False) is Fate.ADVANCE
    assert fate_of(TOP_UP, late, paid_before=False) is Fate.ADVANCE


def test_money_that_comes_a_second_time_goes_back() -> None:
    assert fate_of(TOP_UP, PAID, paid_before=True) is Fate.SECOND


@pytest.mark.parametrize("paid", [replace(PAID, amount_paise=499_99), replace(PAID, currency="USD")])
def test_money_that_was_not_asked_for_waits_for_somebody_to_look(paid: Paid) -> None:
    assert fate_of(TOP_UP, paid, paid_before=False) is Fate.STRANGE
    assert fate_of(TOP_UP, paid, paid_before=True) is Fate.STRANGE
