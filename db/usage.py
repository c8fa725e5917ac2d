"""Taking usage in: events, their sums, draws on wallets and alerts, all in the caller's transaction."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Date, DateTime, Text, TextClause, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from db import outbox, usage_reads, wallet
from db.usage_reads import PlanInForce, Recorded
from domain import usage
from domain.events import EventType, interested
from domain.periods import india_date
from domain.usage import Alert, Month, TakenIn


@dataclass(frozen=True)
class Use:
    """One use as a service tells it; one of the two costs is given."""

    event_id: str
    user_id: str
    kind: str
    occurred_at: datetime
    cost_microusd: int | None
    cost_paise: int | None


@dataclass(frozen=True)
class Intake:
    """What taking in depends on."""

    at: datetime
    """Now; draws and alerts are of this moment."""
    usd_rate_paise: int
    new_customer_id: Callable[[], str]
    sinks: Sequence[str]


_Key = tuple[str, str]
"""Customer and month."""


@dataclass(frozen=True)
class _Sum:
    events: int
    cost: int


def _bulk(statement: str, **types: type[Text] | DateTime | type[Date]) -> TextClause:
    arrays = [bindparam(name, type_=ARRAY(kind)) for name, kind in types.items()]
    return text(statement).bindparams(*arrays)


_MOMENTS = DateTime(timezone=True)

_KNOWN = _bulk("SELECT user_id FROM customers WHERE user_id = ANY(:user_ids)", user_ids=Text)

_NEW_CUSTOMERS = _bulk(
    """
    INSERT INTO customers (id, user_id, created_at, updated_at)
    SELECT given.id, given.user_id, :at, :at FROM unnest(:ids, :user_ids) AS given (id, user_id)
    ORDER BY given.user_id
    ON CONFLICT (user_id) DO NOTHING
    """,
    ids=Text,
    user_ids=Text,
)

_NEW_EVENTS = _bulk(
    """
    INSERT INTO usage_events (customer_id, event_id, kind, occurred_at, recorded_at,
                              cost_microusd, cost_paise, cost_micropaise)
    SELECT customer_id, event_id, kind, occurred_at, :at, microusd, paise, micropaise
    FROM unnest(:customer_ids, :event_ids, :kinds, :moments, CAST(:microusd AS bigint[]),
                CAST(:paise AS bigint[]), CAST(:micropaise AS bigint[]))
         AS given (customer_id, event_id, kind, occurred_at, microusd, paise, micropaise)
    ON CONFLICT (customer_id, event_id) DO NOTHING
    RETURNING customer_id, kind, occurred_at, cost_micropaise
    """,
    customer_ids=Text,
    event_ids=Text,
    kinds=Text,
    moments=_MOMENTS,
)

_ADD_TO_DAYS = _bulk(
    """
    INSERT INTO usage_days AS sums (customer_id, day, kind, events, cost_micropaise)
    SELECT * FROM unnest(:customer_ids, :days, :kinds, CAST(:events AS bigint[]), CAST(:costs AS bigint[]))
    ON CONFLICT (customer_id, day, kind) DO UPDATE
    SET events = sums.events + excluded.events,
        cost_micropaise = sums.cost_micropaise + excluded.cost_micropaise
    """,
    customer_ids=Text,
    days=Date,
    kinds=Text,
)

_PUT_MONTHS = _bulk(
    """
    INSERT INTO usage_months (customer_id, month, events, usd_rate_paise, limit_micropaise, used_micropaise,
                              excess_micropaise, drawn_paise, over_paise, warned_at, used_up_at)
    SELECT * FROM unnest(:customer_ids, :months, CAST(:events AS bigint[]), CAST(:rates AS integer[]),
                         CAST(:limits AS bigint[]), CAST(:used AS bigint[]), CAST(:excess AS bigint[]),
                         CAST(:drawn AS bigint[]), CAST(:over AS bigint[]), :warned, :used_up)
    ON CONFLICT (customer_id, month) DO UPDATE SET
        events = usage_months.events + excluded.events,
        limit_micropaise = excluded.limit_micropaise,
        used_micropaise = excluded.used_micropaise,
        excess_micropaise = excluded.excess_micropaise,
        drawn_paise = excluded.drawn_paise,
        over_paise = excluded.over_paise,
        warned_at = coalesce(usage_months.warned_at, excluded.warned_at),
        used_up_at = coalesce(usage_months.used_up_at, excluded.used_up_at)
    """,
    customer_ids=Text,
    months=Text,
    warned=_MOMENTS,
    used_up=_MOMENTS,
)


async def take_in(session: AsyncSession, uses: Sequence[Use], intake: Intake) -> int:
    """Record what is new of `uses`; how many that are. An event id counts once per user, as first told.

    Users nobody knows become customers without details, on the fallback plan. A customer's use is taken in by
    one transaction at a time.
    """
    customers = await _customers(session, sorted({use.user_id for use in uses}), intake)
    months = {usage.month_at(use.occurred_at) for use in uses}
    before = await usage_reads.months_of(session, list(customers.values()), sorted(months))
    days = await _record(session, uses, customers, before, intake)
    if not days:
        return 0
    sums: dict[_Key, _Sum] = {}
    for (customer_id, day, _), one in days.items():
        key = customer_id, usage.month_of(day)
        so_far = sums.get(key, _Sum(0, 0))
        sums[key] = _Sum(so_far.events + one.events, so_far.cost + one.cost)
    await _add_to_days(session, days)
    await _bill(session, sums, before, intake)
    return sum(one.events for one in sums.values())


async def _customers(session: AsyncSession, user_ids: list[str], intake: Intake) -> dict[str, str]:
    """Customer by user, all of them locked."""
    known = set((await session.scalars(_KNOWN, {"user_ids": user_ids})).all())
    if unknown := [user_id for user_id in user_ids if user_id not in known]:
        ids = [intake.new_customer_id() for _ in unknown]
        await session.execute(_NEW_CUSTOMERS, {"ids": ids, "user_ids": unknown, "at": intake.at})
    return await wallet.lock(session, user_ids)


async def _record(
    session: AsyncSession,
    uses: Sequence[Use],
    customers: dict[str, str],
    before: dict[_Key, Recorded],
    intake: Intake,
) -> dict[tuple[str, date, str], _Sum]:
    """The events themselves; the sums of those that are new by customer, day in India and kind."""

    def cost(use: Use) -> int:
        month = before.get((customers[use.user_id], usage.month_at(use.occurred_at)))
        rate = month.usd_rate_paise if month else intake.usd_rate_paise
        return usage.cost_micropaise(microusd=use.cost_microusd, paise=use.cost_paise, usd_rate_paise=rate)

    values = {
        "at": intake.at,
        "customer_ids": [customers[use.user_id] for use in uses],
        "event_ids": [use.event_id for use in uses],
        "kinds": [use.kind for use in uses],
        "moments": [use.occurred_at for use in uses],
        "microusd": [use.cost_microusd for use in uses],
        "paise": [use.cost_paise for use in uses],
        "micropaise": [cost(use) for use in uses],
    }
    days: dict[tuple[str, date, str], _Sum] = defaultdict(lambda: _Sum(0, 0))
    for customer_id, kind, occurred_at, micropaise in (await session.execute(_NEW_EVENTS, values)).all():
        key = customer_id, india_date(occurred_at), kind
        days[key] = _Sum(days[key].events + 1, days[key].cost + micropaise)
    return days


async def _add_to_days(session: AsyncSession, days: dict[tuple[str, date, str], _Sum]) -> None:
    values = {
        "customer_ids": [customer_id for customer_id, _, _ in days],
        "days": [day for _, day, _ in days],
        "kinds": [kind for _, _, kind in days],
        "events": [one.events for one in days.values()],
        "costs": [one.cost for one in days.values()],
    }
    await session.execute(_ADD_TO_DAYS, values)


@dataclass(frozen=True)
class _Bill:
    """One customer's month with what is new in it."""

    customer_id: str
    month: str
    new: _Sum
    rate: int
    limit: int | None
    before: Month
    subscription_id: str | None

    def taken(self, wallet_paise: int) -> TakenIn:
        return usage.take_in(self.before, self.new.cost, self.limit, wallet_paise)

    @property
    def asks_for_the_wallet(self) -> bool:
        """To draw on it, or to tell what is in it."""
        taken = self.taken(0)
        return bool(taken.alerts) or taken.month.excess_micropaise > self.before.excess_micropaise


async def _bill(
    session: AsyncSession, sums: dict[_Key, _Sum], before: dict[_Key, Recorded], intake: Intake
) -> None:
    """Budgets, wallets and alerts."""
    plans = await usage_reads.plans_in_force(session, sorted({who for who, _ in sums}), intake.at)
    bills = [_open(key, one, before.get(key), plans.get(key[0]), intake) for key, one in sorted(sums.items())]
    asking = {bill.customer_id for bill in bills if bill.asks_for_the_wallet}
    left = await wallet.available(session, sorted(asking)) if asking else {}
    drawn: dict[str, int] = defaultdict(int)
    done: list[tuple[_Bill, TakenIn]] = []
    for bill in bills:
        taken = bill.taken(left.get(bill.customer_id, 0))
        if taken.drawn_paise:
            left[bill.customer_id] -= taken.drawn_paise
            drawn[bill.customer_id] += taken.drawn_paise
        done.append((bill, taken))
    await _put_months(session, done, intake.at)
    if drawn:
        await wallet.draw(session, drawn, intake.at)
    for bill, taken in done:
        for alert in taken.alerts:
            await _announce(session, bill, taken, alert, left[bill.customer_id], intake)


def _open(key: _Key, new: _Sum, recorded: Recorded | None, plan: PlanInForce | None, intake: Intake) -> _Bill:
    """A month that is over keeps the budget it had; one without use before has today's."""
    customer_id, month = key
    rate = recorded.usd_rate_paise if recorded else intake.usd_rate_paise
    if recorded and month < usage.month_at(intake.at):
        limit = recorded.limit_micropaise
    else:
        limit = plan.limit_micropaise(rate) if plan else None
    subscription_id = plan.subscription_id if plan else None
    return _Bill(
        customer_id, month, new, rate, limit, recorded.month if recorded else Month(), subscription_id
    )


async def _put_months(session: AsyncSession, done: Sequence[tuple[_Bill, TakenIn]], at: datetime) -> None:
    def moments(alert: Alert) -> list[datetime | None]:
        return [at if alert in taken.alerts else None for _, taken in done]

    values = {
        "customer_ids": [bill.customer_id for bill, _ in done],
        "months": [bill.month for bill, _ in done],
        "events": [bill.new.events for bill, _ in done],
        "rates": [bill.rate for bill, _ in done],
        "limits": [bill.limit for bill, _ in done],
        "used": [taken.month.used_micropaise for _, taken in done],
        "excess": [taken.month.excess_micropaise for _, taken in done],
        "drawn": [taken.month.drawn_paise for _, taken in done],
        "over": [taken.month.over_paise for _, taken in done],
        "warned": moments(Alert.WARNED),
        "used_up": moments(Alert.USED_UP),
    }
    await session.execute(_PUT_MONTHS, values)


_ANNOUNCED = {
    Alert.WARNED: EventType.USAGE_BUDGET_WARNED,
    Alert.USED_UP: EventType.USAGE_BUDGET_USED_UP,
}


async def _announce(
    session: AsyncSession, bill: _Bill, taken: TakenIn, alert: Alert, wallet_paise: int, intake: Intake
) -> None:
    event = _ANNOUNCED[alert]
    await outbox.append(
        session,
        key=f"{event.value}/{bill.customer_id}/{bill.month}",
        type=event,
        customer_id=bill.customer_id,
        subscription_id=bill.subscription_id,
        occurred_at=intake.at,
        data={
            "month": bill.month,
            "used_percent": usage.used_percent(taken.month, bill.limit),
            "budget_paise": usage.whole_paise(bill.limit or 0),
            "used_paise": usage.whole_paise(taken.month.used_micropaise),
            "wallet_paise": max(0, wallet_paise),
        },
        sinks=interested(event, intake.sinks),
    )
