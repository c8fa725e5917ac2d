import asyncio
import random
from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from db.numbering import take_number
from db.session import Database
from domain.errors import Unavailable

GSTIN = "29AAACB1234F1Z5"
ISSUERS = 60


async def take(session: AsyncSession, on: date, kind: str = "invoice") -> tuple[int, date]:
    return await take_number(session, gstin=GSTIN, kind=kind, prefix="BH", on=on)


async def test_a_series_counts_from_one_in_each_financial_year(database: Database) -> None:
    taken = []
    for on in (date(2026, 3, 30), date(2026, 3, 31), date(2026, 4, 1), date(2026, 4, 1)):
        async with database.transaction() as session:
            taken.append((await take(session, on))[0])
    assert taken == [1, 2, 1, 2]


async def test_each_kind_of_document_has_its_own_series(database: Database) -> None:
    async with database.transaction() as session:
        assert (await take(session, date(2026, 4, 1)))[0] == 1
        assert (await take(session, date(2026, 4, 1), "credit_note"))[0] == 1
        assert (await take(session, date(2026, 4, 1)))[0] == 2


async def test_dates_never_run_against_numbers(database: Database) -> None:
    asked = [date(2026, 4, 2), date(2026, 4, 5), date(2026, 4, 3), date(2026, 4, 6)]
    issued = []
    for on in asked:
        async with database.transaction() as session:
            issued.append(await take(session, on))
    assert issued == [
        (1, date(2026, 4, 2)),
        (2, date(2026, 4, 5)),
        (3, date(2026, 4, 5)),
        (4, date(2026, 4, 6)),
    ]


async def test_a_late_document_of_last_year_stays_in_last_years_series(database: Database) -> None:
    for on, expected in ((date(2027, 4, 2), 1), (date(2027, 3, 31), 1), (date(2027, 4, 1), 2)):
        async with database.transaction() as session:
            number, issued_on = await take(session, on)
            assert number == expected
            assert (issued_on < date(2027, 4, 1)) == (on < date(2027, 4, 1))


async def test_a_rollback_gives_the_number_back(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.transaction() as session:
            assert (await take(session, date(2026, 4, 1)))[0] == 1
            raise ZeroDivisionError
    async with database.transaction() as session:
        assert (await take(session, date(2026, 4, 1)))[0] == 1


async def test_no_gap_and_no_duplicate_while_issuers_fail_and_are_killed(database: Database) -> None:
    """Sixty at once; a third change their mind, a third lose their connection, before or at the end."""
    chance = random.Random(20260401)
    async with database.transaction() as session:
        await session.execute(text("CREATE TABLE issued (number int, issued_on date, issuer int)"))
    fates = [chance.choice(["issues", "rolls back", "is killed"]) for _ in range(ISSUERS)]
    assert {fates.count(fate) >= 10 for fate in set(fates)} == {True}
    days = [date(2026, 4, chance.randint(1, 28)) for _ in fates]
    killed = 0

    async def issue(issuer: int) -> None:
        nonlocal killed
        async with database.transaction() as session:
            number, issued_on = await take(session, days[issuer])
            await asyncio.sleep(chance.random() / 200)
            row = {"number": number, "issued_on": issued_on, "issuer": issuer}
            await session.execute(text("INSERT INTO issued VALUES (:number, :issued_on, :issuer)"), row)
            if fates[issuer] == "rolls back":
                raise ZeroDivisionError
            if fates[issuer] == "is killed":
                pid = await session.scalar(text("SELECT pg_backend_pid()"))
                async with database.reading() as other:
                    killed += bool(
                        await other.scalar(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
                    )

    outcomes = await asyncio.gather(*map(issue, range(ISSUERS)), return_exceptions=True)
    assert killed == fates.count("is killed")
    for fate, outcome in zip(fates, outcomes, strict=True):
        expected = {"issues": type(None), "rolls back": ZeroDivisionError, "is killed": Unavailable}[fate]
        assert isinstance(outcome, expected), (fate, outcome)
    async with database.transaction() as session:
        rows = (await session.execute(text("SELECT number, issued_on FROM issued ORDER BY number"))).all()
        next_number = (await take(session, date(2026, 4, 1)))[0]
    assert [row.number for row in rows] == list(range(1, fates.count("issues") + 1))
    assert [row.issued_on for row in rows] == sorted(row.issued_on for row in rows)
    assert next_number == len(rows) + 1
