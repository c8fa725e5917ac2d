"""Issuers' clocks differ; the dates of a series follow its numbers all the same (rule 46(b), gst.md 1.6)."""

import asyncio
import itertools
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from db import issuing
from db.issuing import Belongs, Series
from db.session import Database
from domain.document import Buyer, DocumentKind, Line, Seller, TaxDocument
from domain.gst import tax_inside
from domain.periods import financial_year, india_date
from domain.supply import BuyerKind, Supply, SupplyNature
from tests.db.rows import add, customer

NEW_YEAR = datetime(2027, 3, 31, 18, 30, tzinfo=UTC)
"""Midnight in India before 1 April."""
_MINUTE, _DAYS = timedelta(minutes=1), 3 * 24 * 60
PREFIXES = {DocumentKind.TAX_INVOICE: "BH", DocumentKind.RECEIPT_VOUCHER: "RV"}
CLOCKS = st.integers(-_DAYS, _DAYS).map(lambda minutes: NEW_YEAR + minutes * _MINUTE)
ISSUES = st.lists(st.tuples(st.sampled_from([*PREFIXES]), CLOCKS), min_size=1, max_size=10)
_SELLER = Seller(
    "Bahi Demo Private Limited", "29AAACB1234F1Z5", ("12 Residency Road",), "Bengaluru", "560025"
)
_BUYER = Buyer("Kaveri Textiles LLP", BuyerKind.UNREGISTERED, state_code="29")
_numbers = itertools.count(1)

Issue = tuple[DocumentKind, datetime]
"""What is issued, and what the issuer's clock shows."""


@pytest.fixture
async def books(database: Database) -> Database:
    await add(database, customer())
    return database


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(issues=ISSUES, at_once=st.booleans())
@example(
    issues=[(DocumentKind.TAX_INVOICE, NEW_YEAR - days * 24 * 60 * _MINUTE) for days in range(5)],
    at_once=False,
)
@example(
    issues=[(DocumentKind.TAX_INVOICE, NEW_YEAR), (DocumentKind.TAX_INVOICE, NEW_YEAR - _MINUTE)] * 4,
    at_once=True,
)
async def test_a_date_is_the_latest_that_any_clock_of_its_series_has_shown(
    books: Database, issues: list[Issue], at_once: bool
) -> None:
    seller = replace(_SELLER, gstin=f"29AAACB{next(_numbers):04d}F1Z5")  # so that every series begins
    issuing_all = [_issue(books, seller, *issue) for issue in issues]
    issued = await asyncio.gather(*issuing_all) if at_once else [await one for one in issuing_all]

    series: dict[tuple[DocumentKind, str], list[tuple[str, date, date]]] = defaultdict(list)
    for (kind, at), document in zip(issues, issued, strict=True):
        own = india_date(at)
        assert financial_year(document.issued_on) == financial_year(own)
        series[kind, financial_year(own)].append((document.number, document.issued_on, own))
    for (kind, year), found in series.items():
        numbers, dates, shown = zip(*sorted(found), strict=True)
        assert [*numbers] == [f"{PREFIXES[kind]}{year[2:]}/{n:06d}" for n in range(1, len(found) + 1)]
        assert [*dates] == [*accumulate(shown, max)]


async def _issue(books: Database, seller: Seller, kind: DocumentKind, at: datetime) -> TaxDocument:
    amount = tax_inside("29", "29", 1800, 99_900)
    taxable = amount.taxable_paise

    def write(number: str, issued_on: date) -> TaxDocument:
        return TaxDocument(
            id=f"inv_{next(_numbers)}",
            kind=kind,
            number=number,
            issued_on=issued_on,
            seller=seller,
            buyer=_BUYER,
            supply=Supply("29", SupplyNature.INTRA_STATE),
            lines=(Line("Pro subscription, monthly", "998315", 1, taxable, taxable, 1800),),
            amount=amount,
        )

    async with books.transaction() as session:
        series = Series(seller.gstin, kind, PREFIXES[kind])
        return await issuing.issue(session, series, Belongs("cus_1"), at, write)
