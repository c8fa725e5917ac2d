"""Payloads are read by adapters that all runs of a process share."""

from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio.contrib.pydantic import PydanticPayloadConverter

from domain.renewal import Collecting, Terms
from engine import payloads
from engine.payloads import SharedPydanticConverter


@dataclass(frozen=True)
class _Note:
    """A type that nothing else reads."""

    at: datetime
    paise: int


def test_what_one_run_has_learned_to_read_no_other_learns_again() -> None:
    note = _Note(datetime(2026, 4, 1, 5, 30, tzinfo=UTC), 1_18_00)
    before = payloads._built.cache_info().misses
    for _ in range(3):
        of_a_run = SharedPydanticConverter()
        assert of_a_run.from_payloads(of_a_run.to_payloads([note]), [_Note]) == [note]
    assert payloads._built.cache_info().misses == before + 1


def test_what_is_written_is_what_the_library_writes() -> None:
    ours, theirs = SharedPydanticConverter(), PydanticPayloadConverter()
    values = [
        Collecting(Terms(rescue_gateway="razorpay")),
        None,
        b"raw",
        [datetime(2026, 4, 1, tzinfo=UTC)],
        7,
    ]
    written = ours.to_payloads(values)
    assert written == theirs.to_payloads(values)
    hints: list[type] = [Collecting, type(None), bytes, list[datetime], int]
    assert ours.from_payloads(written, hints) == theirs.from_payloads(written, hints) == values


def test_without_a_hint_json_is_read_as_it_stands() -> None:
    converter = SharedPydanticConverter()
    assert converter.from_payloads(converter.to_payloads([{"a": [1]}])) == [{"a": [1]}]
