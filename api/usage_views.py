"""A customer's usage as the answers show it."""

from datetime import date

from pydantic import Field

from api.schemas import Answer, Paise
from db.usage_reads import Overview, Standing, Used
from domain.usage import used_percent, whole_microusd, whole_paise


class CostOut(Answer):
    """What use under one heading cost, in both units; paise are rounded."""

    events: int
    cost_microusd: int = Field(description="Millionths of a US dollar.")
    cost_paise: Paise


class DayOut(CostOut):
    """A day in India."""

    day: date


class KindOut(CostOut):
    """What was used."""

    kind: str = Field(examples=["move"])


class MonthOut(CostOut):
    """A month in India."""

    month: str = Field(examples=["2026-11"])
    wallet_paise: Paise = Field(description="What of it the wallet paid.")
    over_budget_paise: Paise = Field(description="What neither budget nor wallet covered.")


class BudgetOut(Answer):
    """What the plan lets a month of use cost. Limits are null where the plan has none."""

    limit_microusd: int | None
    limit_paise: int | None
    used_microusd: int = Field(description="What counts against the budget; the wallet's part does not.")
    used_paise: Paise
    remaining_microusd: int | None
    remaining_paise: int | None
    used_percent: int | None = Field(description="Rounded down.", examples=[80])
    usd_rate_paise: int = Field(description="What a US dollar counts for this month.", examples=[9000])


class WalletOut(Answer):
    """Paid in advance, not used yet."""

    balance_paise: Paise


class UsageOut(Answer):
    """A customer's usage."""

    month: str = Field(description="The month in India that budget and kinds are of.", examples=["2026-11"])
    daily: list[DayOut] = Field(description="This month and the one before, oldest first.")
    kinds: list[KindOut] = Field(description="This month, dearest first.")
    monthly: list[MonthOut] = Field(description="The last twelve months with use, newest first.")
    budget: BudgetOut
    wallet: WalletOut


def usage_out(found: Overview) -> UsageOut:
    """Everything a customer is shown."""
    return UsageOut(
        month=found.month,
        daily=[DayOut(day=date.fromisoformat(used.heading), **_cost(used)) for used in found.days],
        kinds=[KindOut(kind=used.heading, **_cost(used)) for used in found.kinds],
        monthly=[
            MonthOut(
                month=used.heading,
                wallet_paise=used.drawn_paise,
                over_budget_paise=used.over_paise,
                **_cost(used),
            )
            for used in found.months
        ],
        budget=_budget_out(found.standing),
        wallet=WalletOut(balance_paise=found.standing.wallet_paise),
    )


def _cost(used: Used) -> dict[str, int]:
    return {
        "events": used.events,
        "cost_microusd": whole_microusd(used.cost_micropaise, used.usd_rate_paise),
        "cost_paise": whole_paise(used.cost_micropaise),
    }


def _budget_out(found: Standing) -> BudgetOut:
    """Limit, used and remaining add up in either unit."""
    limit, rate, used = found.limit_micropaise, found.usd_rate_paise, found.month.budgeted_micropaise
    used_microusd, used_paise = whole_microusd(used, rate), whole_paise(used)
    limit_microusd = None if limit is None else whole_microusd(limit, rate)
    limit_paise = None if limit is None else whole_paise(limit)
    return BudgetOut(
        limit_microusd=limit_microusd,
        limit_paise=limit_paise,
        used_microusd=used_microusd,
        used_paise=used_paise,
        remaining_microusd=None if limit_microusd is None else max(0, limit_microusd - used_microusd),
        remaining_paise=None if limit_paise is None else max(0, limit_paise - used_paise),
        used_percent=used_percent(found.month, limit),
        usd_rate_paise=rate,
    )
