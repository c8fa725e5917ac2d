"""Tells customers what concerns them, never twice for one cause.

A row in `notifications`, unique by cause and kind, is claimed (`sending`) before anything is sent. What
is found in `sending` was interrupted: a service that knows repeats by their id is sent it again, a mail
server is not, and the row says `unknown`. Only what certainly was not sent is tried again.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from db import models
from db.session import Database
from domain.errors import FinalError, OutcomeUnknown, RetryableError
from gateways.cloud_events import OutgoingEvent
from gateways.notifications import Fact, Message, Notifier
from gateways.storage import ObjectStore
from relay.messages import Kind, Occasion, as_html, as_text, kind_for, write
from relay.reasons import Remedy, explain

_NAMES = uuid.UUID("0f6c2f0e-6c1b-4d39-9b5e-2f5b3b8f6a11")
DOCUMENT_LINK_LASTS = timedelta(days=7)
"""The longest an S3 link may."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Addressee:
    name: str
    email: str
    plan: str


class NotificationsSink:
    """One message per cause and kind through one channel."""

    def __init__(
        self,
        database: Database,
        notifier: Notifier,
        store: ObjectStore,
        seller: str,
        clock: Callable[[], datetime],
    ) -> None:
        """`seller` signs the messages; `store` makes the links to documents."""
        self._database = database
        self._notifier = notifier
        self._store = store
        self._seller = seller
        self._clock = clock

    async def deliver(self, event: OutgoingEvent) -> None:
        """Raises what the notifier raises, unless the outcome is unknown and must stay so."""
        kind = kind_for(event.type, event.data)
        if kind is None:
            return
        notification_id = f"ntf_{uuid.uuid5(_NAMES, f'{event.key}/{kind}').hex}"
        message = await self._compose(notification_id, event, kind)
        if not await self._claim(notification_id, event, kind):
            return
        try:
            await self._notifier.send(message)
        except OutcomeUnknown as error:
            if self._notifier.repeatable:
                raise
            _log.error("notification_of_unknown_fate", notification=notification_id, kind=kind.value)
            await self._set(notification_id, "unknown", str(error))
        except (FinalError, RetryableError) as error:
            await self._set(notification_id, "failed", str(error))
            raise
        else:
            await self._set(notification_id, "sent")

    async def _claim(self, notification_id: str, event: OutgoingEvent, kind: Kind) -> bool:
        """Whether to send: it was never tried, was certainly not sent, or bears repeating."""
        row, channel = models.Notification, self._notifier.channel
        values = {
            "id": notification_id,
            "cause": event.key,
            "kind": kind.value,
            "customer_id": event.customer_id,
            "subscription_id": event.subscription_id,
            "channel": channel,
            "status": "sending",
            "created_at": self._clock(),
        }
        async with self._database.transaction() as session:
            claim = insert(row).values(values).on_conflict_do_nothing().returning(row.id)
            if await session.scalar(claim) is not None:
                return True
            found = await session.get_one(row, notification_id, with_for_update=True)
            if found.status == "sending" and not (self._notifier.repeatable and found.channel == channel):
                found.status, found.last_error = "unknown", "interrupted while being sent"
                _log.error("notification_of_unknown_fate", notification=notification_id, kind=kind.value)
            elif found.status in ("sending", "failed"):
                found.status, found.channel = "sending", channel
                return True
            return False

    async def _set(self, notification_id: str, status: str, error: str | None = None) -> None:
        row = models.Notification
        sent_at = self._clock() if status == "sent" else None
        async with self._database.transaction() as session:
            await session.execute(
                update(row)
                .where(row.id == notification_id)
                .values(status=status, last_error=error, sent_at=sent_at)
            )

    async def _compose(self, notification_id: str, event: OutgoingEvent, kind: Kind) -> Message:
        data = event.data
        addressee = await self._addressee(event)
        occasion = Occasion(
            seller=self._seller,
            customer=addressee.name,
            plan=addressee.plan,
            status=str(data.get("status") or ""),
            amount_paise=_whole(data, "amount_paise"),
            reason=str(data.get("reason") or ""),
            rung=_whole(data, "rung"),
            payment_link=data.get("checkout_url"),
            document_number=str(data.get("document_number") or ""),
            document_link=await self._document_link(data),
            access_until=_moment(data, "access_until"),
        )
        if kind is Kind.PAYMENT_FAILED and explain(occasion.reason).remedy is Remedy.OPERATOR:
            _log.error(
                "payment_failed_by_our_fault", subscription=event.subscription_id, reason=occasion.reason
            )
        letter = write(kind, occasion)
        return Message(
            id=notification_id,
            kind=kind.value,
            to_email=addressee.email,
            to_name=addressee.name,
            subject=letter.subject,
            text=as_text(letter),
            html=as_html(letter),
            data=_facts(event, occasion),
        )

    async def _addressee(self, event: OutgoingEvent) -> _Addressee:
        customer, subscription, plan = models.Customer, models.Subscription, models.Plan
        async with self._database.reading() as session:
            found = (
                await session.execute(
                    select(customer.name, customer.email, plan.name.label("plan"))
                    .join_from(customer, subscription, subscription.customer_id == customer.id)
                    .join(plan, plan.id == subscription.plan_id)
                    .where(customer.id == event.customer_id, subscription.id == event.subscription_id)
                )
            ).one_or_none()
        if found is None:
            raise FinalError(f"event {event.id} is about no subscription on record")
        return _Addressee(found.name, found.email, found.plan)

    async def _document_link(self, data: Mapping[str, Any]) -> str | None:
        """Where the document that the event tells of can be had, if it is drawn."""
        row = models.Rendition
        async with self._database.reading() as session:
            query = select(row.object_key).where(row.document_id == data.get("document_id"))
            key = await session.scalar(query)
        if key is None:
            return None
        return await self._store.signed_url(
            key, filename=f"{data.get('document_number')}.pdf", expires=DOCUMENT_LINK_LASTS, now=self._clock()
        )


def _facts(event: OutgoingEvent, occasion: Occasion) -> dict[str, Fact]:
    """For services that write their own texts."""
    facts: dict[str, Fact] = {
        name: value
        for name, value in event.data.items()
        if isinstance(value, str | int | bool) or value is None
    }
    return facts | {
        "customer_id": event.customer_id,
        "plan": occasion.plan,
        "document_link": occasion.document_link,
    }


def _whole(data: Mapping[str, Any], name: str) -> int:
    value = data.get(name)
    return value if isinstance(value, int) else 0


def _moment(data: Mapping[str, Any], name: str) -> datetime | None:
    value = data.get(name)
    return datetime.fromisoformat(value) if isinstance(value, str) else None
