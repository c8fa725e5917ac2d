"""Plans, their entitlement features, and versioned prices."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.periods import Interval

DEFAULT_SAC = "998315"
"""Hosting and IT infrastructure provisioning services (gst.md 1.9)."""

FREE_PLAN_NAME = "FREE"


@dataclass(frozen=True)
class Price:
    """One version of what a plan costs per cycle. An edit makes a new version."""

    id: str
    plan_id: str
    interval: Interval
    version: int
    amount_paise: int
    tax_inclusive: bool
    currency: str = "INR"
    sac: str = DEFAULT_SAC

    @property
    def is_free(self) -> bool:
        """Nothing is ever charged."""
        return self.amount_paise == 0


@dataclass(frozen=True)
class Plan:
    """What a customer subscribes to."""

    id: str
    name: str
    code: str
    """Name that entitlements speak of, e.g. `PRO`."""
    description: str = ""
    features: Mapping[str, bool | int | str] = field(default_factory=dict)
    highlights: tuple[str, ...] = ()
    """Lines shown to people."""
    monthly_budget_usd_cents: int | None = None
    """What a month of use may cost, in one of two units; neither: no limit (`domain.usage`)."""
    monthly_budget_paise: int | None = None
    rank: int = 0
    """Higher is better; entitlements take the best of several."""
