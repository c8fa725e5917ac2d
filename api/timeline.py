"""A subscription's story in order, told from rows."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from api.schemas import Timeline, TimelineEntry
from db import api_reads
from db.api_reads import Subscribed
from db.models import Notification, OutboxEvent, WebhookInbox
from db.session import Database
from domain.events import EventType
from domain.money import rupees
from domain.periods import india_date

_E = EventType
_Data = Mapping[str, Any]


def _day(data: _Data, name: str) -> str:
    value = data.get(name)
    return f"{india_date(datetime.fromisoformat(value)):%d %b %Y}" if value else "an unknown day"


def _amount(data: _Data) -> str:
    return rupees(int(data.get("amount_paise") or 0))


def _cycle(data: _Data) -> str:
    return f"cycle {int(data.get('cycle') or 0) + 1}"


_SENTENCES: dict[EventType, Callable[[_Data], str]] = {
    _E.SUBSCRIPTION_CREATED: lambda d: (
        f"{d.get('plan_id')} was asked for ({d.get('interval')}, {rupees(int(d.get('charge_paise') or 0))})."
    ),
    _E.CHECKOUT_OPENED: lambda _: "A checkout was opened.",
    _E.SUBSCRIPTION_AUTHENTICATED: lambda _: "The mandate stands; the first charge is to come.",
    _E.SUBSCRIPTION_ACTIVATED: lambda _: "It began.",
    _E.SUBSCRIPTION_RENEWED: lambda d: f"It was renewed until {_day(d, 'period_end')}.",
    _E.SUBSCRIPTION_RECOVERED: lambda _: "It recovered.",
    _E.SUBSCRIPTION_PAST_DUE: lambda d: f"{_cycle(d)} is past due.".capitalize(),
    _E.SUBSCRIPTION_HALTED: lambda _: "All attempts failed; it is halted and a new payment method is needed.",
    _E.SUBSCRIPTION_PAUSED: lambda _: "It was paused.",
    _E.SUBSCRIPTION_RESUMED: lambda _: "It was resumed.",
    _E.SUBSCRIPTION_CANCELLATION_SCHEDULED: lambda d: f"It will end on {_day(d, 'period_end')}.",
    _E.SUBSCRIPTION_CANCELLATION_WITHDRAWN: lambda _: "The cancellation was taken back.",
    _E.SUBSCRIPTION_CANCELLED: lambda _: "It was cancelled.",
    _E.SUBSCRIPTION_COMPLETED: lambda _: "The agreed number of cycles is done.",
    _E.SUBSCRIPTION_EXPIRED: lambda _: "It was never paid and has expired.",
    _E.CHARGE_UNCOLLECTED: lambda _: "The gateway gave up collecting a charge.",
    _E.INVOICE_ISSUED: lambda d: f"Invoice {d.get('invoice_number')} over {_amount(d)} was issued.",
    _E.INVOICE_DOCUMENT_READY: lambda d: f"The PDF of invoice {d.get('invoice_number')} is ready.",
    _E.PAYMENT_CAPTURED: lambda d: f"{_amount(d)} was paid by {d.get('method')} for {_cycle(d)}.",
    _E.PAYMENT_FAILED: lambda d: f"Attempt {d.get('rung')} to collect {_amount(d)} for {_cycle(d)} failed.",
    _E.PAYMENT_QUARANTINED: lambda d: f"{_amount(d)} was set aside: it is not what was asked for.",
    _E.ENTITLEMENT_CHANGED: lambda d: "Access was given." if d.get("granted") else "Access ended.",
}
_TOLD = frozenset({"reason", "amount_paise", "subscription_id"})


def _event(event: OutboxEvent, for_operators: bool) -> TimelineEntry:
    sentence = _SENTENCES.get(EventType(event.type))
    details = {name: value for name, value in event.data.items() if name not in _TOLD}
    if "actor" in details and not for_operators:
        # Which of our people it was is not the customer's affair.
        details["actor"] = str(details["actor"]).partition(":")[0]
    return TimelineEntry(
        at=event.occurred_at,
        kind=event.type,
        text=sentence(event.data) if sentence else event.type,
        reason=event.data.get("reason"),
        amount_paise=event.data.get("amount_paise"),
        details=details,
    )


def _notification(item: Notification, for_operators: bool) -> TimelineEntry:
    return TimelineEntry(
        at=item.sent_at or item.created_at,
        kind="notification",
        text=f"The customer was told by {item.channel}: {item.kind} ({item.status}).",
        reason=item.last_error if for_operators else None,
        amount_paise=None,
        details={"kind": item.kind, "status": item.status},
    )


def _webhook(call: WebhookInbox) -> TimelineEntry:
    return TimelineEntry(
        at=call.received_at,
        kind="webhook",
        text=f"{call.source} called: {call.event_type} ({call.status}).",
        reason=call.last_error,
        amount_paise=None,
        details={"webhook_id": call.id, "event_id": call.event_id, "status": call.status},
    )


async def tell(database: Database, row: Subscribed, *, for_operators: bool) -> Timeline:
    """Events and messages in the order they were recorded; for operators the gateway's calls too.

    Sorted by the database's clock, which all rows share; shown are the times at which things were true.
    """
    subscription = row.subscription
    async with database.reading() as session:
        events = await api_reads.events_about(session, subscription.id)
        notifications = await api_reads.notifications_about(session, subscription.id)
        calls = (
            await api_reads.webhooks_about(session, subscription.id, subscription.gateway_subscription_id)
            if for_operators
            else []
        )
    steps = [((event.recorded_at, 0, event.id), _event(event, for_operators)) for event in events]
    steps += [((item.created_at, 1, 0), _notification(item, for_operators)) for item in notifications]
    steps += [((call.received_at, 2, call.id), _webhook(call)) for call in calls]
    steps.sort(key=lambda step: step[0])
    return Timeline(subscription_id=subscription.id, data=[entry for _, entry in steps])
