"""How much is measured: enough for steady medians, or enough to see that all of it works."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Counts and seconds of one run of all measurements."""

    rounds: int
    """Subject and floor take turns this often. Short rounds: noise then falls on both."""
    renewals: int
    """Per round."""
    in_flight: int
    """Renewals under way at once."""
    autopays: int
    """Cycles collected on our own clock, per round."""
    cached: int
    """Sleeping subscriptions whose memory is measured."""
    few_sleepers: int
    many_sleepers: int
    grown_renewals: int
    """Per round, among few and among many sleepers."""
    load_rounds: int
    """As `rounds`, for HTTP requests."""
    load_seconds: float
    """Of HTTP requests per round."""
    connections: int
    """HTTP connections, each with one request under way."""
    issued: int
    """Documents per round."""
    issuers: int
    """Transactions under way at once."""
    pdfs: int
    """Drawn per round."""


FULL = Scale(
    rounds=6,
    renewals=150,
    in_flight=50,
    autopays=60,
    cached=1_000,
    few_sleepers=1_000,
    many_sleepers=20_000,
    grown_renewals=120,
    load_rounds=10,
    load_seconds=1,
    connections=16,
    issued=480,
    issuers=16,
    pdfs=60,
)
QUICK = Scale(
    rounds=3,
    renewals=40,
    in_flight=40,
    autopays=20,
    cached=120,
    few_sleepers=100,
    many_sleepers=1_000,
    grown_renewals=30,
    load_rounds=3,
    load_seconds=0.5,
    connections=16,
    issued=160,
    issuers=16,
    pdfs=20,
)
