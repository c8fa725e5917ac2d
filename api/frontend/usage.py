"""What was used, as the first front end shows it: today, this month, and the budget, in dollars."""

from datetime import date, datetime
from decimal import Decimal

from fastapi import APIRouter, Response
from pydantic import Field

from api import usage_views
from api.dependencies import CurrentCustomer, Parts
from api.frontend.exact import Amount, Exact
from api.problems import documented
from api.schemas import Answer
from api.usage_views import CostOut, UsageOut
from db import usage_reads
from domain.periods import india_date

router = APIRouter(prefix="/api/v1/billing", tags=["front end"])


class FrontDay(Answer):
    """Today in India."""

    date: date
    events: int
    cost_usd: Amount


class FrontMonth(Answer):
    """This month in India."""

    month: str = Field(examples=["2026-11"])
    events: int
    cost_usd: Amount


class FrontBudget(Answer):
    """What the plan lets this month cost; `limit` and `remaining` are null where it has no limit."""

    limit: Amount | None
    used: Amount = Field(description="What counts against the budget; what the wallet paid does not.")
    remaining: Amount | None


class FrontUsage(Answer):
    """Dollars."""

    daily: FrontDay
    monthly: FrontMonth
    budget: FrontBudget


@router.get("/usage", operation_id="front_usage", response_model=FrontUsage, responses=documented(401))
async def front_usage(services: Parts, customer: CurrentCustomer) -> Response:
    """What the customer used today and this month, and what the plan's budget still covers."""
    now = services.now()
    async with services.database.reading() as session:
        found = await usage_reads.overview(session, customer.user_id, now, services.settings.usd_rate_paise)
    return Exact(_shown(usage_views.usage_out(found), now))


def _shown(used: UsageOut, now: datetime) -> FrontUsage:
    today = india_date(now)
    nothing = CostOut(events=0, cost_microusd=0, cost_paise=0)
    day: CostOut = next((each for each in used.daily if each.day == today), nothing)
    month: CostOut = next((each for each in used.monthly if each.month == used.month), nothing)
    budget = used.budget
    return FrontUsage(
        daily=FrontDay(date=today, events=day.events, cost_usd=_dollars(day.cost_microusd)),
        monthly=FrontMonth(month=used.month, events=month.events, cost_usd=_dollars(month.cost_microusd)),
        budget=FrontBudget(
            limit=None if budget.limit_microusd is None else _dollars(budget.limit_microusd),
            used=_dollars(budget.used_microusd),
            remaining=None if budget.remaining_microusd is None else _dollars(budget.remaining_microusd),
        ),
    )


def _dollars(microusd: int) -> Decimal:
    return Decimal(microusd).scaleb(-6)
