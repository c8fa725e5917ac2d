"""State codes and PIN codes are those of the reference."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from domain.gst import local_tax
from domain.states import (
    CLOSED,
    PIN_PREFIXES,
    STATES,
    parse_pin,
    parse_state_code,
    pin_warning,
    states_of_pin,
)

_FILE = Path(__file__).parents[1] / "vectors" / "state_codes.json"
ROWS: dict[str, dict[str, Any]] = {row["code"]: row for row in json.loads(_FILE.read_text())["states"]}


def test_states_are_those_of_the_reference_with_their_local_tax() -> None:
    live = {code for code, row in ROWS.items() if row["gstin_allowed"] and row["pos_allowed"]}
    assert set(STATES) == live
    for code, name in STATES.items():
        assert name == ROWS[code]["name"]
        assert local_tax(code) == ROWS[code]["local_tax"]


def test_codes_the_reference_knows_and_we_do_not_are_not_places_in_india() -> None:
    assert set(ROWS) - set(STATES) == {"25", "28", "96", "99"}


@pytest.mark.parametrize("code", ["", "2", "029", "00", "25", "28", "39", "96", "99", "KA", "२९", " 29"])
def test_what_is_not_a_live_state_code_is_refused_with_the_remedy(code: str) -> None:
    with pytest.raises(InvalidInput, match="two digits such as 29") as refusal:
        parse_state_code(code, "billing.state_code")
    assert refusal.value.field == "billing.state_code"


@pytest.mark.parametrize(("closed", "successor"), sorted(CLOSED.items()))
def test_a_closed_code_is_refused_with_the_one_that_took_its_place(closed: str, successor: str) -> None:
    with pytest.raises(InvalidInput, match=f"give {successor} for {STATES[successor]}"):
        parse_state_code(closed)


@pytest.mark.parametrize("code", sorted(STATES))
def test_every_live_state_code_is_taken(code: str) -> None:
    assert parse_state_code(code) == code


def test_pin_codes_are_those_of_the_reference() -> None:
    assert set(PIN_PREFIXES) == set(STATES)
    for code, ranges in PIN_PREFIXES.items():
        assert [list(pair) for pair in ranges] == ROWS[code]["pin3"]


@pytest.mark.parametrize(("typed", "pin"), [("560001", "560001"), (" 560 001 ", "560001")])
def test_a_pin_code_is_taken_with_or_without_its_space(typed: str, pin: str) -> None:
    assert parse_pin(typed) == pin


@pytest.mark.parametrize("typed", ["", "056001", "56001", "5600011", "56000a", "५६०००१"])
def test_what_is_no_pin_code_is_refused(typed: str) -> None:
    with pytest.raises(InvalidInput, match="six digits such as 560001"):
        parse_pin(typed)


@pytest.mark.parametrize(
    ("pin", "state", "agree"),
    [
        ("560001", "29", True),
        ("400001", "27", True),
        ("403001", "30", True),
        ("403001", "27", True),  # Goa lies inside Maharashtra's range
        ("500001", "36", True),
        ("500001", "37", True),  # Telangana lies inside the old Andhra range
        ("160017", "04", True),
        ("560001", "27", False),
        ("110001", "29", False),
    ],
)
def test_a_pin_of_another_state_warns(pin: str, state: str, agree: bool) -> None:
    warning = pin_warning(pin, state)
    assert (warning is None) == agree
    if warning is not None:
        assert pin in warning
        assert STATES[state] in warning


def test_a_pin_that_nobody_has_warns_too() -> None:
    assert states_of_pin("100001") == ()
    assert "no State we know" in (pin_warning("100001", "29") or "")


@given(st.integers(100_000, 999_999), st.sampled_from(sorted(STATES)))
def test_a_pin_warns_exactly_where_the_state_is_not_among_its_own(pin: int, state: str) -> None:
    assert (pin_warning(str(pin), state) is None) == (state in states_of_pin(str(pin)))
