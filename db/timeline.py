"""The story of one subscription, in order, from rows: what happened, why, and for how much."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, literal_column, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Notification, OutboxEvent, Payment, Subscription, WebhookInbox
from db.wording import call_told, event_told, message_told, payment_told
from domain.events import EventType


@dataclass(frozen=True)
class TimelineEntry:
    """One line of the story. `kind` is for machines, `title` and `detail` are for people."""

    at: datetime
    kind: str
    title: str
    detail: str
    amount_paise: int | None = None
    reference: str | None = None
    """What to look for elsewhere: invoice number, gateway's payment id, gateway's event id."""


_Placed = tuple[datetime, int, int, TimelineEntry]
"""When it was written down, then source and place within it, for what was written at one moment."""


async def timeline(
    session: AsyncSession, subscription_id: str, *, for_operators: bool = True
) -> list[TimelineEntry]:
    """Everything recorded about the subscription, oldest first; empty for an unknown one.

    Entries are in the order in which they were written down, which is the order of causes, also
    where a test clock moves the times they show. The customer is told neither which of our people
    did something, nor of the gateway's calls.
    """
    events, told_payments = await _events(session, subscription_id, for_operators)
    placed = [
        *events,
        *await _payments(session, subscription_id, told_payments),
        *await _messages(session, subscription_id),
        *(await _calls(session, subscription_id) if for_operators else []),
    ]
    return [entry for *_, entry in sorted(placed, key=lambda each: each[:3])]


async def _events(
    session: AsyncSession, subscription_id: str, for_operators: bool
) -> tuple[list[_Placed], set[str]]:
    """The announced facts, and the gateway's ids of the payments they tell of."""
    row = OutboxEvent
    rows = await session.scalars(select(row).where(row.subscription_id == subscription_id).order_by(row.id))
    placed: list[_Placed] = []
    payments: set[str] = set()
    for event in rows:
        data = event.data if for_operators else _without_names(event.data)
        title, detail = event_told(EventType(event.type), data)
        reference = (
            data.get("gateway_payment_id")
            or data.get("gateway_refund_id")
            or data.get("document_number")
            or data.get("invoice_number")
        )
        if data.get("gateway_payment_id"):
            payments.add(data["gateway_payment_id"])
        entry = TimelineEntry(
            event.occurred_at, event.type, title, detail, data.get("amount_paise"), reference
        )
        placed.append((event.recorded_at, 1, event.id, entry))
    return placed, payments


async def _payments(session: AsyncSession, subscription_id: str, told: set[str]) -> list[_Placed]:
    """Payments that no event told of."""
    row = Payment
    rows = await session.scalars(
        select(row).where(row.subscription_id == subscription_id).order_by(row.attempted_at, row.id)
    )
    placed: list[_Placed] = []
    for place, payment in enumerate(rows):
        if payment.gateway_payment_id in told:
            continue
        title, detail = payment_told(payment)
        entry = TimelineEntry(
            payment.attempted_at,
            f"payment.{payment.status}",
            title,
            detail,
            payment.amount_paise,
            payment.gateway_payment_id,
        )
        placed.append((payment.recorded_at, 2, place, entry))
    return placed


async def _messages(session: AsyncSession, subscription_id: str) -> list[_Placed]:
    row = Notification
    rows = await session.scalars(
        select(row).where(row.subscription_id == subscription_id).order_by(row.created_at, row.id)
    )
    placed: list[_Placed] = []
    for place, message in enumerate(rows):
        title, detail = message_told(message)
        at = message.sent_at or message.created_at
        placed.append((at, 3, place, TimelineEntry(at, f"notification.{message.kind}", title, detail)))
    return placed


async def _calls(session: AsyncSession, subscription_id: str) -> list[_Placed]:
    """Calls handed on to the subscription, and those still waiting to be."""
    row = WebhookInbox
    gateway_id = (
        select(Subscription.gateway_subscription_id)
        .where(Subscription.id == subscription_id)
        .scalar_subquery()
    )
    waiting = and_(
        row.status == literal_column("'received'"),
        row.subscription_id.is_(None),
        row.gateway_subscription_id == gateway_id,
    )
    rows = await session.scalars(
        select(row).where(or_(row.subscription_id == subscription_id, waiting)).order_by(row.id)
    )
    placed: list[_Placed] = []
    for call in rows:
        title, detail = call_told(call)
        entry = TimelineEntry(
            call.received_at, f"webhook.{call.event_type}", title, detail, None, call.event_id
        )
        placed.append((call.received_at, 0, call.id, entry))
    return placed


def _without_names(data: dict[str, Any]) -> dict[str, Any]:
    """`operator:asha` becomes `operator`, also where the reason says it; what a portal said to us is ours."""
    data = {name: value for name, value in data.items() if name != "refusal"}
    actor = str(data.get("actor") or "")
    role = actor.partition(":")[0]
    if role == actor:
        return data
    return {**data, "actor": role, "reason": str(data.get("reason") or "").replace(actor, role)}
