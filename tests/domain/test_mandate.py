"""What a payer's permission allows, to the paisa and to the second."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.mandate import (
    DEFAULT_LIMITS,
    AmountType,
    Frequency,
    Limits,
    Mandate,
    MandateStatus,
    Refusal,
    interrupted,
    may_debit,
    standing,
    with_head_room,
)

NOW = datetime(2026, 12, 1, 3, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ACTIVE = Mandate("M1", 15_000_00, status=MandateStatus.ACTIVE)


def refusal(mandate: Mandate, amount_paise: int = 942_82, limits: Limits = DEFAULT_LIMITS) -> Refusal | None:
    verdict = may_debit(mandate, amount_paise, NOW, limits)
    assert verdict.allowed == (verdict.refusal is None) == (verdict.reason == "")
    return verdict.refusal


def test_mandates_are_asked_for_on_demand() -> None:
    assert ACTIVE.frequency is Frequency.ON_DEMAND


@pytest.mark.parametrize(
    ("charge", "most"),
    [
        (942_82, 1_886_00),
        (7_499_99, 15_000_00),
        (11_798_82, 15_000_00),
        (15_000_00, 15_000_00),
        (15_000_01, None),
        (1_00, 2_00),
        (99, None),
    ],
)
def test_head_room_doubles_a_charge_up_to_the_cap(charge: int, most: int | None) -> None:
    assert with_head_room(charge) == most


@given(st.integers(0, 30_000_00), st.integers(0, 50_000), st.integers(1_00, 20_000_00))
def test_a_mandate_always_carries_the_charge_it_was_asked_for(charge: int, room: int, cap: int) -> None:
    limits = Limits(max_amount_cap_paise=cap, head_room_basis_points=room)
    most = with_head_room(charge, limits)
    if most is not None:
        assert charge <= most <= min(cap, 15_000_00)
        assert refusal(replace(ACTIVE, max_amount_paise=most), charge, limits) is None


@pytest.mark.parametrize(
    ("changes", "amount", "expected"),
    [
        ({}, 15_000_00, None),
        ({}, 15_000_01, Refusal.OVER_MANDATE),
        ({"max_amount_paise": 50_000_00}, 15_000_01, Refusal.OVER_NO_PIN_CAP),
        ({"max_amount_paise": 942_81}, 942_82, Refusal.OVER_MANDATE),
        ({}, 99, Refusal.TOO_SMALL),
        ({"amount_type": AmountType.FIXED}, 942_82, Refusal.NOT_THE_FIXED_AMOUNT),
        ({"amount_type": AmountType.FIXED}, 15_000_00, None),
        ({"status": MandateStatus.CREATED}, 942_82, Refusal.NOT_YET_GIVEN),
        ({"status": MandateStatus.PAUSED}, 942_82, Refusal.PAUSED),
        ({"status": MandateStatus.REVOKED}, 942_82, Refusal.ENDED),
        ({"status": MandateStatus.EXPIRED}, 942_82, Refusal.ENDED),
        ({"status": MandateStatus.FAILED}, 942_82, Refusal.ENDED),
        ({"valid_until": NOW}, 942_82, Refusal.ENDED),
        ({"valid_until": NOW + SECOND}, 942_82, None),
    ],
)
def test_each_refusal_has_its_reason(
    changes: dict[str, object], amount: int, expected: Refusal | None
) -> None:
    assert refusal(replace(ACTIVE, **changes), amount) is expected  # type: ignore[arg-type]


def test_the_no_pin_cap_is_a_setting() -> None:
    insurance = Limits(no_pin_cap_paise=1_00_000_00)
    assert refusal(replace(ACTIVE, max_amount_paise=50_000_00), 35_388_20, insurance) is None


def test_a_reason_says_what_to_do() -> None:
    verdict = may_debit(replace(ACTIVE, max_amount_paise=50_000_00), 35_388_20, NOW)
    assert verdict.reason == "₹35,388.20 is above ₹15,000.00 and needs the payer's PIN: use a pay page."


def test_a_pause_whose_announced_end_has_passed_is_over_yet_its_notices_are_void() -> None:
    paused = replace(ACTIVE, status=MandateStatus.PAUSED, pause_ends_at=NOW)
    assert refusal(paused) is None
    assert standing(paused, NOW - SECOND) is MandateStatus.PAUSED
    assert refusal(paused, limits=Limits(trusts_pause_end=False)) is Refusal.PAUSED
    assert interrupted(paused, NOW)
    assert not interrupted(ACTIVE, NOW)
