"""GSTIN and its relatives, against the vectors and with one character wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from domain.identifiers import IdKind, gstin_check_digit, parse_gst_id, parse_gstin, parse_pan

_FILE = Path(__file__).parents[1] / "vectors" / "gstin_vectors.json"
GSTINS: dict[str, Any] = json.loads(_FILE.read_text())

VALID = [(row["gstin"], row["kind"]) for row in GSTINS["valid"]]
REGULAR = [gstin for gstin, kind in VALID if kind == "regular"]
OTHERS = [gstin for gstin, kind in VALID if kind != "regular"]
INVALID = [(row["gstin"], row["reason"]) for row in GSTINS["invalid"] if row["reason"] != "lower_case"]
SANDBOX = [gstin for gstin, reason in INVALID if reason == "sandbox_only"]
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@pytest.mark.parametrize(("text", "kind"), VALID)
def test_every_known_identifier_is_told_for_what_it_is(text: str, kind: str) -> None:
    found = parse_gst_id(f" {text.lower()} ")
    assert (found.text, found.kind) == (text, kind)
    assert found.state_code == ("" if kind == "oidar_nonresident" else text[:2])
    assert gstin_check_digit(text[:14]) == text[14]


@pytest.mark.parametrize(
    ("first", "kind"), [("29BLRA12345F1Z", IdKind.GOVERNMENT), ("2917USA12345NR", IdKind.NON_RESIDENT)]
)
def test_a_government_department_and_a_non_resident_have_shapes_of_their_own(
    first: str, kind: IdKind
) -> None:
    """No public sample is known: the shapes are the reference's, the check digits computed."""
    assert parse_gst_id(first + gstin_check_digit(first)).kind is kind


@pytest.mark.parametrize("text", REGULAR)
def test_a_regular_gstin_is_taken_as_written_or_in_lower_case(text: str) -> None:
    assert parse_gstin(text) == text
    assert parse_gstin(f" {text.lower()} ") == text


@pytest.mark.parametrize("text", OTHERS)
def test_where_only_a_regular_gstin_will_do_its_relatives_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="not a regular GSTIN: 15 characters"):
        parse_gstin(text)


@pytest.mark.parametrize(("text", "reason"), INVALID)
def test_a_wrong_identifier_is_refused(text: str, reason: str) -> None:
    for parse in (parse_gst_id, parse_gstin):
        with pytest.raises(InvalidInput) as refusal:
            parse(text, "seller.gstin")
        assert refusal.value.field == "seller.gstin"
    if reason == "bad_check_digit":
        assert "check digit" in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("29AABCU9603R1ZM", "check digit"),
        ("39AAACI4798L1ZT", "State code"),
        ("25AAACI4798L1Z2", "26 took its place"),
        ("27AAPFU0939F1Z", "15 characters"),
    ],
)
def test_the_refusal_says_which_part_is_wrong(text: str, part: str) -> None:
    with pytest.raises(InvalidInput, match=part):
        parse_gst_id(text)


@pytest.mark.parametrize("text", SANDBOX)
def test_the_tax_portals_test_identifiers_pass_in_the_sandbox_only(text: str) -> None:
    assert parse_gstin(text, sandbox=True) == text
    with pytest.raises(InvalidInput):
        parse_gstin(text)


def test_the_sandbox_forgives_a_check_digit_but_not_a_state() -> None:
    assert parse_gstin("29AABCU9603R1ZM", sandbox=True) == "29AABCU9603R1ZM"
    with pytest.raises(InvalidInput, match="State code"):
        parse_gstin("39AABCT1332L000", sandbox=True)


@given(st.sampled_from([text for text, _ in VALID]), st.integers(0, 14), st.sampled_from(ALPHABET))
def test_no_single_mistyped_character_passes(text: str, place: int, typed: str) -> None:
    mistyped = text[:place] + typed + text[place + 1 :]
    if mistyped != text:
        with pytest.raises(InvalidInput):
            parse_gst_id(mistyped)


@given(st.text(max_size=20) | st.from_regex(r"[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][0-9A-Z]{3}", fullmatch=True))
def test_any_text_is_either_an_identifier_or_refused(text: str) -> None:
    try:
        found = parse_gst_id(text)
    except InvalidInput:
        return
    assert found.text.isascii()
    assert len(found.text) == 15


def test_the_pan_is_read_from_identifiers_that_hold_one() -> None:
    assert parse_gst_id("29AAACI4798L1ZU").pan == "AAACI4798L"
    assert parse_gst_id("0717UNO00157UNO").pan == ""
    assert parse_gst_id("27PNEA06819B1DE").pan == ""
    assert parse_pan(" aaaci4798l ") == "AAACI4798L"


@pytest.mark.parametrize("text", ["", "AAAXI4798L", "AAAC14798L", "AAACI4798", "AAACI4798LL"])
def test_a_wrong_pan_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not a PAN"):
        parse_pan(text)
