"""How much of the product is used: what was told, and its sums. `domain.usage` says what they mean."""

from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base


class UsageEvent(Base):
    """One use, told by a service; `event_id` is that service's and counts once per customer."""

    __tablename__ = "usage_events"
    __table_args__ = (
        CheckConstraint("num_nonnulls(cost_microusd, cost_paise) = 1", name="one_cost"),
        CheckConstraint("cost_micropaise >= 0", name="cost"),
    )

    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"), primary_key=True)
    event_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    occurred_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    cost_microusd: Mapped[int | None] = mapped_column(BigInteger)
    """As told; one of the two."""
    cost_paise: Mapped[int | None] = mapped_column(BigInteger)
    cost_micropaise: Mapped[int] = mapped_column(BigInteger)
    """What it counts for, at the rate of its month."""


class UsageDay(Base):
    """A customer's use of one kind on one day in India."""

    __tablename__ = "usage_days"

    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    events: Mapped[int] = mapped_column(BigInteger)
    cost_micropaise: Mapped[int] = mapped_column(BigInteger)


class UsageMonth(Base):
    """A customer's use in one month in India, who pays for it, and what they were told of their budget."""

    __tablename__ = "usage_months"
    __table_args__ = (
        CheckConstraint("excess_micropaise >= 0 AND excess_micropaise <= used_micropaise", name="excess"),
        CheckConstraint("drawn_paise >= 0 AND over_paise >= 0", name="covered"),
    )

    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"), primary_key=True)
    month: Mapped[str] = mapped_column(primary_key=True)
    """`2026-11`."""
    events: Mapped[int] = mapped_column(BigInteger)
    usd_rate_paise: Mapped[int]
    """The rate of its first use counts for the whole month."""
    limit_micropaise: Mapped[int | None] = mapped_column(BigInteger)
    """The budget in force at the last use taken in while the month ran."""
    used_micropaise: Mapped[int] = mapped_column(BigInteger)
    excess_micropaise: Mapped[int] = mapped_column(BigInteger)
    drawn_paise: Mapped[int] = mapped_column(BigInteger)
    over_paise: Mapped[int] = mapped_column(BigInteger)
    warned_at: Mapped[datetime | None]
    used_up_at: Mapped[datetime | None]
