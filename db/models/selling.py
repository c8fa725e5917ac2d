"""Who buys what: customers, the catalogue, subscriptions."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, CheckConstraint, ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, one_of
from domain.periods import Interval
from domain.subscription import LIVE, Collection, Status


class Customer(Base):
    """Who pays. `user_id` is the application's own name for them (the JWT's `sub`)."""

    __tablename__ = "customers"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(server_default="")
    email: Mapped[str] = mapped_column(server_default="")
    phone: Mapped[str] = mapped_column(server_default="")
    country: Mapped[str] = mapped_column(server_default="IN")
    state_code: Mapped[str | None]
    state_origin: Mapped[str | None]
    """How the State was learned (`domain.buyers.StateOrigin`; gst.md 2.3)."""
    address_lines: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    city: Mapped[str] = mapped_column(server_default="")
    pin: Mapped[str] = mapped_column(server_default="")
    gstin: Mapped[str] = mapped_column(server_default="")
    """GSTIN or UIN."""
    in_sez: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    """Buys for authorised operations in a Special Economic Zone."""
    registration_state_confirmed: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    """Someone was asked about a GSTIN of another State than the address, and wants it so."""
    seller_key: Mapped[str | None]
    """Which of the seller's registrations bills this customer; without one the plan's, or the default."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Plan(Base):
    """A row of the catalogue."""

    __tablename__ = "plans"
    __table_args__ = (
        Index("uq_plans_fallback", "fallback", unique=True, postgresql_where=text("fallback")),
        CheckConstraint(
            "num_nonnulls(monthly_budget_usd_cents, monthly_budget_paise) <= 1", name="one_budget"
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    code: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    features: Mapped[dict[str, Any]]
    highlights: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    monthly_budget_usd_cents: Mapped[int | None] = mapped_column(BigInteger)
    """What a month of use may cost (`domain.usage`), in one of the two units; neither: no limit."""
    monthly_budget_paise: Mapped[int | None] = mapped_column(BigInteger)
    rank: Mapped[int]
    fallback: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    """The one plan of everybody who has no access to another."""
    offered: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))
    seller_key: Mapped[str | None]
    """Which of the seller's registrations sells it, unless the customer has one; else the default."""


class Price(Base):
    """One version of a plan's price; versions are never edited."""

    __tablename__ = "prices"
    __table_args__ = (
        UniqueConstraint("plan_id", "interval", "version"),
        Index(
            "uq_prices_current",
            "plan_id",
            "interval",
            unique=True,
            postgresql_where=text("superseded_at IS NULL"),
        ),
        CheckConstraint(one_of("interval", [item.value for item in Interval]), name="interval"),
        CheckConstraint("amount_paise >= 0", name="amount"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    plan_id: Mapped[str] = mapped_column(ForeignKey("plans.id"))
    interval: Mapped[str]
    version: Mapped[int]
    amount_paise: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(server_default="INR")
    tax_inclusive: Mapped[bool] = mapped_column(Boolean)
    sac: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    superseded_at: Mapped[datetime | None]


class GatewayPlan(Base):
    """The gateway's immutable plan for one price and one total (tax included)."""

    __tablename__ = "gateway_plans"

    gateway: Mapped[str] = mapped_column(primary_key=True)
    price_id: Mapped[str] = mapped_column(ForeignKey("prices.id"), primary_key=True)
    amount_paise: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    gateway_plan_id: Mapped[str]


class Subscription(Base):
    """A subscription as last recorded by its workflow. `version` guards against a stale writer."""

    __tablename__ = "subscriptions"
    __table_args__ = (
        CheckConstraint(one_of("status", [item.value for item in Status]), name="status"),
        CheckConstraint(one_of("collection", [item.value for item in Collection]), name="collection"),
        CheckConstraint("charge_paise >= 0", name="charge"),
        Index(
            "uq_subscriptions_one_live",
            "customer_id",
            "is_free",
            unique=True,
            postgresql_where=text(one_of("status", sorted(item.value for item in LIVE))),
        ),
        Index("ix_subscriptions_customer_created", "customer_id", "created_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"))
    plan_id: Mapped[str] = mapped_column(ForeignKey("plans.id"))
    price_id: Mapped[str] = mapped_column(ForeignKey("prices.id"))
    gateway: Mapped[str]
    collection: Mapped[str] = mapped_column(server_default="gateway")
    """Who owns the charge clock (`domain.subscription.Collection`)."""
    by_mandate: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))
    """False: each period is paid on a page, as the customer wants it."""
    is_free: Mapped[bool] = mapped_column(Boolean)
    charge_paise: Mapped[int] = mapped_column(BigInteger)
    total_count: Mapped[int]
    status: Mapped[str]
    version: Mapped[int]
    gateway_subscription_id: Mapped[str | None] = mapped_column(unique=True)
    checkout_url: Mapped[str | None]
    checkout_expires_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    current_period_start: Mapped[datetime | None]
    current_period_end: Mapped[datetime | None]
    paid_cycle: Mapped[int | None]
    cancel_at_period_end: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    access_until: Mapped[datetime | None]
    uncollected: Mapped[list[int]] = mapped_column(server_default=text("'{}'"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
