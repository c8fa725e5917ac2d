"""What using the product costs in a month: first its plan's budget, then the wallet, then nobody.

Amounts in between are micropaise, of which a paisa has a million: with a rate of whole paise per US dollar a
micro-dollar is exactly that many of them, so sums of usage are never rounded. Only what the wallet pays is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from domain.money import round_half_up
from domain.periods import india_date

MICRO = 1_000_000
_MICRO_PER_CENT = 10_000
_WARNED_PERCENT = 80


def month_of(day: date) -> str:
    """`2026-11`."""
    return f"{day:%Y-%m}"


def month_at(moment: datetime) -> str:
    """The calendar month in India at `moment` (aware)."""
    return month_of(india_date(moment))


def cost_micropaise(*, microusd: int | None = None, paise: int | None = None, usd_rate_paise: int) -> int:
    """A cost given in either unit, exactly. `usd_rate_paise` is what a US dollar counts for."""
    if (microusd is None) == (paise is None):
        raise ValueError("a cost is in micro-dollars or in paise")
    return microusd * usd_rate_paise if microusd is not None else (paise or 0) * MICRO


def whole_paise(micropaise: int) -> int:
    """To the nearest paisa."""
    return round_half_up(micropaise, MICRO)


def whole_microusd(micropaise: int, usd_rate_paise: int) -> int:
    """To the nearest micro-dollar; exact for what was given in them at this rate."""
    return round_half_up(micropaise, usd_rate_paise)


def limit_micropaise(usd_cents: int | None, paise: int | None, usd_rate_paise: int) -> int | None:
    """A plan's budget for a month, stated in one of the units; None: the plan sets no limit."""
    if paise is not None:
        return paise * MICRO
    return None if usd_cents is None else usd_cents * usd_rate_paise * _MICRO_PER_CENT


class Alert(StrEnum):
    """What a customer is told of a budget, once a month each."""

    WARNED = "warned"
    USED_UP = "used_up"


@dataclass(frozen=True)
class Month:
    """A customer's use in one month, as taken in so far.

    `drawn_paise + over_paise` is always `excess_micropaise` to the nearest paisa.
    """

    used_micropaise: int = 0
    excess_micropaise: int = 0
    """What of it the budget did not cover."""
    drawn_paise: int = 0
    """What the wallet paid of the excess."""
    over_paise: int = 0
    """What nobody covered."""
    alerts: frozenset[Alert] = frozenset()

    @property
    def budgeted_micropaise(self) -> int:
        """What counts against the budget."""
        return self.used_micropaise - self.excess_micropaise

    def left_micropaise(self, limit: int | None) -> int | None:
        """What the budget still covers; None: everything."""
        return None if limit is None else max(0, limit - self.budgeted_micropaise)


@dataclass(frozen=True)
class TakenIn:
    """The month after some use, what that took from the wallet, and what the customer is to be told."""

    month: Month
    drawn_paise: int
    alerts: tuple[Alert, ...]


def take_in(month: Month, cost: int, limit: int | None, wallet_paise: int) -> TakenIn:
    """Add a cost of `cost` micropaise: the budget covers what it can, the wallet the rest as far as it goes.

    What was not covered earlier in the month stays so, whatever has been paid into the wallet since.
    """
    left = month.left_micropaise(limit)
    excess = month.excess_micropaise + (0 if left is None else max(0, cost - left))
    due = whole_paise(excess) - whole_paise(month.excess_micropaise)
    drawn = min(due, max(0, wallet_paise))
    after = replace(
        month,
        used_micropaise=month.used_micropaise + cost,
        excess_micropaise=excess,
        drawn_paise=month.drawn_paise + drawn,
        over_paise=month.over_paise + due - drawn,
    )
    alerts = tuple(alert for alert in reached(after, limit) if alert not in month.alerts)
    return TakenIn(replace(after, alerts=month.alerts.union(alerts)), drawn, alerts)


def reached(month: Month, limit: int | None) -> Sequence[Alert]:
    """The thresholds that use has come to. A budget of nothing has none."""
    percent = used_percent(month, limit)
    if percent is None:
        return ()
    thresholds = {Alert.WARNED: _WARNED_PERCENT, Alert.USED_UP: 100}
    return tuple(alert for alert, threshold in thresholds.items() if percent >= threshold)


def used_percent(month: Month, limit: int | None) -> int | None:
    """How much of the budget is used, in whole percent, rounded down; None where there is none to use."""
    return month.budgeted_micropaise * 100 // limit if limit else None


class Source(StrEnum):
    """Who pays for what is about to be spent."""

    BUDGET = "budget"
    WALLET = "wallet"
    """All or part of it."""
    NONE = "none"


@dataclass(frozen=True)
class Permission:
    """Whether a cost may be spent now."""

    source: Source
    remaining_micropaise: int | None
    """What may be spent at most, by budget and wallet together; None: any amount."""

    @property
    def allowed(self) -> bool:
        """Whether somebody pays for it."""
        return self.source is not Source.NONE


def may_spend(month: Month, cost: int, limit: int | None, wallet_paise: int) -> Permission:
    """What `take_in` would find for `cost`, without taking it in."""
    left = month.left_micropaise(limit)
    if left is None:
        return Permission(Source.BUDGET, None)
    remaining = left + max(0, wallet_paise) * MICRO
    if cost > remaining:
        return Permission(Source.NONE, remaining)
    return Permission(Source.BUDGET if cost <= left else Source.WALLET, remaining)
