"""Names for orders at gateways where the merchant chooses them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.merchant_ids import Purpose, alike, merchant_id

SUBJECTS = st.lists(st.text(min_size=1, max_size=80), min_size=1, max_size=3).map(tuple)
TRIES = st.tuples(st.sampled_from(Purpose), SUBJECTS, st.integers(1, 10**12 - 1))


@given(TRIES)
def test_a_name_is_one_that_every_gateway_takes_and_never_changes(
    tried: tuple[Purpose, tuple[str, ...], int],
) -> None:
    purpose, subject, attempt = tried
    name = merchant_id(purpose, *subject, attempt=attempt)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,63}", name)
    assert name == merchant_id(purpose, *subject, attempt=attempt)


@given(st.sets(TRIES, min_size=2, max_size=30))
def test_no_two_tries_share_a_name(tries: set[tuple[Purpose, tuple[str, ...], int]]) -> None:
    names = {merchant_id(purpose, *subject, attempt=attempt) for purpose, subject, attempt in tries}
    assert len(names) == len(tries)


def test_subjects_that_read_alike_when_joined_are_not_the_same() -> None:
    assert merchant_id(Purpose.DEBIT, "a", "bc", attempt=1) != merchant_id(
        Purpose.DEBIT, "ab", "c", attempt=1
    )
    assert merchant_id(Purpose.DEBIT, "a1", attempt=1) != merchant_id(Purpose.DEBIT, "a", attempt=11)


def test_a_name_does_not_change_between_versions_for_money_is_known_by_it() -> None:
    expected = "deb_184dce79ff6342dd3773ee83308beae8_2"
    assert merchant_id(Purpose.DEBIT, "bs_1", "cycle-3", attempt=2) == expected


def test_a_name_serves_as_the_id_of_a_refund_everywhere() -> None:
    assert 10 <= len(merchant_id(Purpose.REFUND, "pay_1", attempt=999)) <= 40


def test_a_mandate_and_its_setup_order_are_named_alike() -> None:
    mandate, setup = (merchant_id(each, "bs_1", attempt=3) for each in (Purpose.MANDATE, Purpose.SETUP))
    assert alike(mandate, Purpose.SETUP) == setup
    assert alike(setup, Purpose.MANDATE) == mandate
    for other in ("", "man_1", f"{mandate}x", f"x{mandate}"):
        assert alike(other, Purpose.SETUP) is None


@pytest.mark.parametrize(
    ("subject", "attempt"), [((), 1), (("",), 1), (("a", ""), 1), (("a",), 0), (("a",), 10**12)]
)
def test_what_names_nothing_is_refused(subject: tuple[str, ...], attempt: int) -> None:
    with pytest.raises(ValueError, match=r"say whose|attempts count"):
        merchant_id(Purpose.PAGE, *subject, attempt=attempt)
