"""What is known of a customer's usage: where a month stands, what the plan allows, what is in the wallet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, Text, any_, bindparam, func, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from db.api_reads import GRANTED
from db.models import Customer, UsageDay, UsageMonth
from db.wallet import AVAILABLE
from domain import usage
from domain.periods import add_months, india_date
from domain.usage import Alert, Month

_MONTHS_SHOWN = 12


@dataclass(frozen=True)
class PlanInForce:
    """What the best plan granted to a customer allows a month of use to cost; one of the two, or no limit."""

    subscription_id: str | None
    """None where it is everybody's fallback."""
    budget_usd_cents: int | None
    budget_paise: int | None

    def limit_micropaise(self, usd_rate_paise: int) -> int | None:
        """See `domain.usage`."""
        return usage.limit_micropaise(self.budget_usd_cents, self.budget_paise, usd_rate_paise)


@dataclass(frozen=True)
class Recorded:
    """A month with use in it."""

    events: int
    usd_rate_paise: int
    limit_micropaise: int | None
    month: Month


@dataclass(frozen=True)
class Standing:
    """What is in force for a user in a month."""

    month: Month
    usd_rate_paise: int
    limit_micropaise: int | None
    wallet_paise: int


# A row `customer`; its best plan as a row `plan`, or the fallback. The order is that of entitlements.
_PLAN = f"""
    LEFT JOIN LATERAL (
        SELECT * FROM (
            SELECT subscription.id AS subscription_id, granted.monthly_budget_usd_cents,
                   granted.monthly_budget_paise, granted.rank, true AS granted
            FROM subscriptions AS subscription JOIN plans AS granted ON granted.id = subscription.plan_id
            WHERE subscription.customer_id = customer.id AND {GRANTED}
            UNION ALL
            SELECT NULL, monthly_budget_usd_cents, monthly_budget_paise, rank, false
            FROM plans WHERE fallback
        ) AS entitled
        ORDER BY granted DESC, rank DESC LIMIT 1
    ) AS plan ON true
"""  # noqa: S608 - our own text

_PLANS = text(
    f"""
    SELECT customer.id, plan.subscription_id, plan.monthly_budget_usd_cents, plan.monthly_budget_paise
    FROM unnest(:customer_ids) AS customer (id) {_PLAN}
    """  # noqa: S608 - our own text
).bindparams(bindparam("customer_ids", type_=ARRAY(Text)))

_STANDING = text(
    f"""
    SELECT plan.subscription_id, plan.monthly_budget_usd_cents, plan.monthly_budget_paise, month.events,
           month.usd_rate_paise, month.limit_micropaise, month.used_micropaise, month.excess_micropaise,
           month.drawn_paise, month.over_paise, month.warned_at, month.used_up_at, {AVAILABLE} AS wallet_paise
    FROM (SELECT CAST(:user_id AS text) AS user_id) AS asked
    LEFT JOIN customers AS customer ON customer.user_id = asked.user_id
    LEFT JOIN usage_months AS month ON month.customer_id = customer.id AND month.month = :month
    {_PLAN}
    """  # noqa: S608 - our own text
).bindparams(bindparam("month", type_=Text))


async def plans_in_force(
    session: AsyncSession, customer_ids: Sequence[str], now: datetime
) -> dict[str, PlanInForce]:
    """The plan of each customer at `now`."""
    found = await session.execute(_PLANS, {"customer_ids": list(customer_ids), "now": now})
    return {row[0]: PlanInForce(row[1], row[2], row[3]) for row in found.all()}


async def months_of(
    session: AsyncSession, customer_ids: Sequence[str], months: Sequence[str]
) -> dict[tuple[str, str], Recorded]:
    """Those of `months` in which these customers have used something, by customer and month."""
    row = UsageMonth
    query = select(row.__table__).where(
        row.customer_id == any_(literal(list(customer_ids), ARRAY(Text))),
        row.month == any_(literal(list(months), ARRAY(Text))),
    )
    return {
        (found.customer_id, found.month): _recorded(found) for found in (await session.execute(query)).all()
    }


def _recorded(row: Row[Any]) -> Recorded:
    moments = {Alert.WARNED: row.warned_at, Alert.USED_UP: row.used_up_at}
    month = Month(
        used_micropaise=row.used_micropaise,
        excess_micropaise=row.excess_micropaise,
        drawn_paise=row.drawn_paise,
        over_paise=row.over_paise,
        alerts=frozenset(alert for alert, at in moments.items() if at is not None),
    )
    return Recorded(row.events, row.usd_rate_paise, row.limit_micropaise, month)


async def standing(session: AsyncSession, user_id: str, now: datetime, usd_rate_paise: int) -> Standing:
    """This month of a user, in one statement: services ask before they spend. Users nobody knows are new.

    `usd_rate_paise` counts where the month has no use yet.
    """
    values = {"user_id": user_id, "month": usage.month_at(now), "now": now}
    row = (await session.execute(_STANDING, values)).one()
    recorded = _recorded(row) if row.used_micropaise is not None else None
    rate = recorded.usd_rate_paise if recorded else usd_rate_paise
    plan = PlanInForce(row.subscription_id, row.monthly_budget_usd_cents, row.monthly_budget_paise)
    return Standing(
        month=recorded.month if recorded else Month(),
        usd_rate_paise=rate,
        limit_micropaise=plan.limit_micropaise(rate),
        wallet_paise=max(0, row.wallet_paise),
    )


@dataclass(frozen=True)
class Used:
    """Use under one heading: a day in ISO form, a month, or a kind."""

    heading: str
    events: int
    cost_micropaise: int
    usd_rate_paise: int


@dataclass(frozen=True)
class UsedMonth(Used):
    """A month's use, and who paid for what the budget did not cover."""

    drawn_paise: int
    over_paise: int


@dataclass(frozen=True)
class Overview:
    """What a customer is shown of their usage."""

    month: str
    standing: Standing
    days: tuple[Used, ...]
    """Of this month and the one before, oldest first."""
    kinds: tuple[Used, ...]
    """Of this month, dearest first."""
    months: tuple[UsedMonth, ...]
    """The last twelve at most, newest first."""


async def overview(session: AsyncSession, user_id: str, now: datetime, usd_rate_paise: int) -> Overview:
    """Everything of one user; nothing used, and the fallback plan's budget, for users nobody knows."""
    now_standing = await standing(session, user_id, now, usd_rate_paise)
    months = await _months(session, user_id)
    rates = {month.heading: month.usd_rate_paise for month in months}
    first = india_date(now).replace(day=1)
    month, day = usage.month_of(first), UsageDay

    def of_days(*columns: Any) -> Any:
        sums = func.sum(day.events).label("events"), func.sum(day.cost_micropaise).label("cost")
        mine = select(*columns, *sums).join(Customer, Customer.id == day.customer_id)
        return mine.where(Customer.user_id == user_id).group_by(*columns)

    by_day = of_days(day.day).where(day.day >= add_months(first, -1)).order_by(day.day)
    by_kind = (
        of_days(day.kind)
        .where(day.day >= first, day.day < add_months(first, 1))
        .order_by(func.sum(day.cost_micropaise).desc(), day.kind)
    )

    def used(heading: str, of_month: str, events: int, cost: int) -> Used:
        return Used(heading, int(events), int(cost), rates.get(of_month, usd_rate_paise))

    days: Sequence[tuple[date, int, int]] = (await session.execute(by_day)).all()
    kinds: Sequence[tuple[str, int, int]] = (await session.execute(by_kind)).all()
    return Overview(
        month=month,
        standing=now_standing,
        days=tuple(used(on.isoformat(), usage.month_of(on), events, cost) for on, events, cost in days),
        kinds=tuple(used(kind, month, events, cost) for kind, events, cost in kinds),
        months=months,
    )


async def _months(session: AsyncSession, user_id: str) -> tuple[UsedMonth, ...]:
    row = UsageMonth
    query = (
        select(row)
        .join(Customer, Customer.id == row.customer_id)
        .where(Customer.user_id == user_id)
        .order_by(row.month.desc())
        .limit(_MONTHS_SHOWN)
    )
    return tuple(
        UsedMonth(
            found.month,
            found.events,
            found.used_micropaise,
            found.usd_rate_paise,
            drawn_paise=found.drawn_paise,
            over_paise=found.over_paise,
        )
        for found in await session.scalars(query)
    )
