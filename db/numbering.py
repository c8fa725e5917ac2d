"""Invoice numbers without gap or duplicate, taken in the transaction that issues the document."""

from datetime import date

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import NumberSeries
from domain.periods import financial_year


async def take_number(
    session: AsyncSession, *, gstin: str, kind: str, prefix: str, on: date
) -> tuple[int, date]:
    """The next number of the series in `on`'s financial year, and the date to issue the document with.

    The date is `on` (in India), or the series' latest where that is later: dates never run against
    numbers. The series stays locked until the caller's transaction ends, so take the number late;
    a rollback gives it back (rule 46(b), gst.md 1.6).
    """
    statement = insert(NumberSeries).values(
        gstin=gstin,
        kind=kind,
        prefix=prefix,
        financial_year=financial_year(on),
        last_number=1,
        last_issued_on=on,
    )
    series = NumberSeries.__table__.c
    taken = statement.on_conflict_do_update(
        index_elements=NumberSeries.__table__.primary_key,
        set_={
            "last_number": series.last_number + 1,
            "last_issued_on": func.greatest(series.last_issued_on, statement.excluded.last_issued_on),
        },
    ).returning(series.last_number, series.last_issued_on)
    number, issued_on = (await session.execute(taken)).one()
    return number, issued_on
