"""How much is measured: enough for steady medians, or enough to see that all of it works."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Counts and seconds of one run of all measurements."""

    rounds: int
    """Floor and subject take turns this often."""
    renewals: int
    """Per round."""
    in_flight: int
    """Renewals under way at once."""
    cached: int
    """Sleeping subscriptions whose memory is measured."""
    few_sleepers: int
    many_sleepers: int
    grown_renewals: int
    """Per round, among few and among many sleepers."""
    load_seconds: float
    """Of HTTP requests per round."""
    connections: int
    """HTTP connections, each with one request under way."""
    invoices: int
    """Drawn per round."""


FULL = Scale(
    rounds=4,
    renewals=300,
    in_flight=50,
    cached=1_000,
    few_sleepers=1_000,
    many_sleepers=20_000,
    grown_renewals=200,
    load_seconds=4,
    connections=16,
    invoices=60,
)
QUICK = Scale(
    rounds=2,
    renewals=80,
    in_flight=50,
    cached=200,
    few_sleepers=200,
    many_sleepers=2_000,
    grown_renewals=80,
    load_seconds=1.5,
    connections=16,
    invoices=20,
)
