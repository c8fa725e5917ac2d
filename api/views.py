"""Rows as the answers show them."""

from datetime import date, datetime

from api import schemas
from config.collecting import collected_by
from db.api_reads import Offered, Subscribed
from db.models import Mandate, OutboxEvent
from db.restoring import subscription_of
from domain.events import EventType
from domain.mandate import DEAD, MandateStatus
from domain.periods import Interval, india_date
from domain.subscription import LIVE, Command, Status, allowed_commands, has_access

_RENEWING = (Status.ACTIVE, Status.PAST_DUE)


def plan_out(row: Offered) -> schemas.PlanOut:
    """A plan as offered."""
    plan, price = row.plan, row.price
    return schemas.PlanOut(
        id=plan.id,
        name=plan.name,
        price=schemas.rupees_or_text(price.amount_paise),
        currency=price.currency,
        interval=Interval(price.interval),
        code=plan.code,
        description=plan.description,
        price_paise=price.amount_paise,
        tax_inclusive=price.tax_inclusive,
        price_id=price.id,
        features=plan.features,
        highlights=plan.highlights,
        monthly_budget_usd_cents=plan.monthly_budget_usd_cents,
        monthly_budget_paise=plan.monthly_budget_paise,
    )


def renews_at(row: Subscribed) -> date | None:
    """Date in India of the next charge; None where none is to come."""
    item = row.subscription
    if Status(item.status) not in _RENEWING or item.cancel_at_period_end or item.current_period_end is None:
        return None
    return india_date(item.current_period_end)


def access_until(row: Subscribed) -> datetime | None:
    """When access ends, as far as is known."""
    item = row.subscription
    return item.current_period_end if item.cancel_at_period_end else item.access_until


def grants_access(row: Subscribed, now: datetime) -> bool:
    """Whether the plan's features are granted."""
    return has_access(Status(row.subscription.status), row.subscription.access_until, now)


def checkout_url(row: Subscribed) -> str | None:
    """Where to pay, while there is something to pay for."""
    return row.subscription.checkout_url if Status(row.subscription.status) in LIVE else None


def allowed(row: Subscribed) -> list[Command]:
    """What may be asked for now."""
    return list(allowed_commands(subscription_of(row.subscription, row.price)))


def subscription_out(row: Subscribed, now: datetime) -> schemas.SubscriptionOut:
    """All that a customer may know of their subscription."""
    item, plan, price = row.subscription, row.plan, row.price
    return schemas.SubscriptionOut(
        subscription_id=item.id,
        short_url=checkout_url(row),
        status=Status(item.status),
        plan_id=plan.id,
        plan=plan.code,
        plan_name=plan.name,
        interval=Interval(price.interval),
        price=schemas.rupees_or_text(price.amount_paise),
        price_paise=price.amount_paise,
        tax_inclusive=price.tax_inclusive,
        charge_paise=item.charge_paise,
        currency=price.currency,
        collect_by=collected_by(item.gateway, item.collection),
        created_at=item.created_at,
        checkout_expires_at=item.checkout_expires_at,
        started_at=item.started_at,
        current_period_start=item.current_period_start,
        current_period_end=item.current_period_end,
        renews_at=renews_at(row),
        cancel_at_period_end=item.cancel_at_period_end,
        access=grants_access(row, now),
        access_until=access_until(row),
        uncollected_cycles=item.uncollected,
        allowed=allowed(row),
    )


def mandate_out(row: Subscribed, mandate: Mandate, public_url: str) -> schemas.MandateOut:
    """A mandate, and where to give a new one."""
    status, item = MandateStatus(mandate.status), row.subscription
    renews = status in DEAD and Status(item.status) in LIVE
    return schemas.MandateOut(
        status=status,
        gateway=mandate.gateway,
        max_amount_paise=mandate.max_amount_paise,
        valid_until=mandate.valid_until,
        pause_ends_at=mandate.pause_ends_at,
        renew_url=f"{public_url.rstrip('/')}/pay/{item.id}/mandate" if renews else None,
    )


def foremost(rows: list[Subscribed], now: datetime) -> Subscribed:
    """What grants access, best plan first; else what is live; else what was last. There must be one."""

    def weight(row: Subscribed) -> tuple[bool, bool, bool, int, datetime]:
        status = Status(row.subscription.status)
        opened, granted = status is Status.CREATED, grants_access(row, now)
        return (
            granted,
            status in LIVE and not opened,
            opened,
            row.plan.rank if granted else 0,
            row.subscription.created_at,
        )

    return max(rows, key=weight)


def status_out(rows: list[Subscribed], now: datetime) -> schemas.StatusOut:
    """What is in force, as `foremost` has it."""
    if not rows:
        return schemas.StatusOut(
            status="NONE",
            plan="FREE",
            renews_at=None,
            access=False,
            access_until=None,
            cancel_at_period_end=False,
            subscription_id=None,
            short_url=None,
            pending=None,
        )
    shown = foremost(rows, now)
    waiting = next((row for row in rows if row.subscription.status == Status.CREATED and row != shown), None)
    return schemas.StatusOut(
        status=Status(shown.subscription.status),
        plan=shown.plan.code,
        renews_at=renews_at(shown),
        access=grants_access(shown, now),
        access_until=access_until(shown),
        cancel_at_period_end=shown.subscription.cancel_at_period_end,
        subscription_id=shown.subscription.id,
        short_url=checkout_url(shown),
        pending=schemas.OpenCheckout(
            subscription_id=waiting.subscription.id, plan=waiting.plan.code, short_url=checkout_url(waiting)
        )
        if waiting
        else None,
    )


def event_out(event: OutboxEvent) -> schemas.EventOut:
    """An announced fact."""
    return schemas.EventOut(
        id=event.id,
        type=EventType(event.type),
        time=event.occurred_at,
        customer_id=event.customer_id,
        subscription_id=event.subscription_id,
        data=event.data,
    )
