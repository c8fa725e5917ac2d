"""Tells customers what concerns them, never twice for one cause.

A row in `notifications`, unique by cause and kind, is claimed (`sending`) before anything is sent. What
is found in `sending` was interrupted: a service that knows repeats by their id is sent it again, a mail
server is not, and the row says `unknown`. Only what certainly was not sent is tried again.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from db import models
from db.renditions import in_use
from db.session import Database
from domain.errors import FinalError, OutcomeUnknown, RetryableError
from gateways.cloud_events import OutgoingEvent
from gateways.links import download_name
from gateways.notifications import Attachment, Fact, Message, Notifier
from gateways.storage import ObjectStore
from relay.messages import WITH_DOCUMENT, Kind, Occasion, as_html, as_text, kind_for, write
from relay.reasons import Remedy, explain

_NAMES = uuid.UUID("0f6c2f0e-6c1b-4d39-9b5e-2f5b3b8f6a11")
DOCUMENT_LINK_LASTS = timedelta(days=7)
"""The longest an S3 link may."""
LARGEST_ATTACHMENT = 5_000_000
"""Bytes; mail servers take ten million and more, in which a file grows by a third. Larger is only linked."""

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
        """`seller` signs the messages; documents and the links to them come from `store`."""
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
        number = str(data.get("document_number") or "")
        rendition = await self._rendition(kind, data)
        attachment = await self._attachment(rendition, number)
        occasion = Occasion(
            seller=self._seller,
            customer=addressee.name,
            plan=addressee.plan,
            status=str(data.get("status") or ""),
            amount_paise=_whole(data, "amount_paise"),
            reason=str(data.get("reason") or ""),
            rung=_whole(data, "rung"),
            payment_link=data.get("checkout_url"),
            document_kind=str(data.get("document_kind") or ""),
            document_number=number,
            document_link=await self._link(rendition, number),
            attached=attachment is not None,
            access_until=_moment(data, "access_until"),
            due_at=_moment(data, "due_at"),
            open_until=_moment(data, "open_until"),
            reminder=_whole(data, "reminder"),
            by_ladder=data.get("collection") != "engine",
            month=_month(data),
            used_percent=_whole(data, "used_percent"),
            wallet_paise=_whole(data, "wallet_paise"),
            from_wallet_paise=_whole(data, "from_wallet_paise"),
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
            attachment=attachment,
        )

    async def _addressee(self, event: OutgoingEvent) -> _Addressee:
        """The customer, and the plan where the event is about a subscription."""
        customer, subscription, plan = models.Customer, models.Subscription, models.Plan
        of_event = (subscription.customer_id == customer.id) & (subscription.id == event.subscription_id)
        async with self._database.reading() as session:
            found = (
                await session.execute(
                    select(customer.name, customer.email, plan.name.label("plan"))
                    .outerjoin_from(customer, subscription, of_event)
                    .outerjoin(plan, plan.id == subscription.plan_id)
                    .where(customer.id == event.customer_id)
                )
            ).one_or_none()
        if found is None or (event.subscription_id is not None and found.plan is None):
            raise FinalError(f"event {event.id} is about no customer or subscription on record")
        return _Addressee(found.name, found.email, found.plan or "")

    async def _rendition(self, kind: Kind, data: Mapping[str, Any]) -> models.Rendition | None:
        """The drawn document that the message is about."""
        document_id = data.get("document_id")
        if kind not in WITH_DOCUMENT or not isinstance(document_id, str):
            return None
        async with self._database.reading() as session:
            row = models.Rendition
            return await session.scalar(select(row).where(row.id == in_use(document_id)))

    async def _link(self, rendition: models.Rendition | None, number: str) -> str | None:
        if rendition is None:
            return None
        return await self._store.signed_url(
            rendition.object_key, filename=f"{number}.pdf", expires=DOCUMENT_LINK_LASTS, now=self._clock()
        )

    async def _attachment(self, rendition: models.Rendition | None, number: str) -> Attachment | None:
        """The document itself, where the channel can carry it. Raises what the store raises."""
        if rendition is None or not self._notifier.carries_files:
            return None
        if rendition.size_bytes > LARGEST_ATTACHMENT:
            return None
        content = await self._store.get(rendition.object_key)
        return Attachment(download_name(f"{number}.pdf"), content)


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


def _month(data: Mapping[str, Any]) -> date | None:
    value = data.get("month")
    return date.fromisoformat(f"{value}-01") if isinstance(value, str) else None
