"""What operators see of stored calls, money set aside, intents and deliveries."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from api import views
from api.schemas import Answer, Paise, Request, SubscriptionOut
from db.api_reads import Subscribed
from db.models import GatewayIntent, OutboxDelivery, OutboxEvent, Payment, WebhookInbox

WebhookStatus = Literal["received", "signalled", "known", "duplicate", "unhandled", "orphan", "late"]


class WebhookOut(Answer):
    """A stored call."""

    id: int
    source: str
    event_id: str
    event_type: str
    status: WebhookStatus
    subscription_id: str | None
    gateway_subscription_id: str | None
    gateway_payment_id: str | None
    attempts: int
    last_error: str | None
    received_at: datetime
    processed_at: datetime | None


class WebhookDetail(WebhookOut):
    """A stored call with what it said."""

    body: str = Field(description="As received; undecodable bytes are replaced.")
    body_sha256: str


class WebhookPage(Answer):
    """Newest first."""

    data: list[WebhookOut]
    next_before: int | None


class QuarantinedPayment(Answer):
    """Money the gateway took that is not what was asked for."""

    id: str
    subscription_id: str
    customer_id: str
    cycle: int
    gateway: str
    gateway_payment_id: str
    amount_paise: Paise
    currency: str
    method: str
    reason: str | None
    attempted_at: datetime
    recorded_at: datetime


class QuarantineList(Answer):
    """Newest first."""

    data: list[QuarantinedPayment]


class AdminSubscription(SubscriptionOut):
    """A subscription with what only operators see."""

    user_id: str
    customer_id: str
    gateway: str
    gateway_subscription_id: str | None
    temporal_workflow_id: str
    total_count: int
    paid_cycle: int | None
    version: int


class AdminSubscriptionPage(Answer):
    """Newest first."""

    data: list[AdminSubscription]
    next_before: str | None


class IntentOut(Answer):
    """Something we mean to create at a gateway; `sent` without an id: outcome unknown."""

    key: str
    kind: str
    subscription_id: str | None
    state: Literal["planned", "sent", "done"]
    request: dict[str, Any]
    sent_at: datetime | None
    created_at: datetime


class IntentList(Answer):
    """Oldest first."""

    data: list[IntentOut]


class DeliveryOut(Answer):
    """An event that a sink has not taken."""

    event_id: int
    event_type: str
    sink: str
    customer_id: str
    status: Literal["pending", "failed"]
    attempts: int
    next_attempt_at: datetime
    last_error: str | None


class DeliveryList(Answer):
    """Oldest first."""

    data: list[DeliveryOut]


class RetryIn(Request):
    """Which sink takes events again."""

    sink: Literal["documents", "notifications", "kafka", "webhook"]


class RetriedOut(Answer):
    """How many events are offered once more."""

    retried: int


class Replayed(Answer):
    """It will be handed on again at once."""

    id: int
    status: Literal["received"] = "received"


def webhook_out(call: WebhookInbox) -> WebhookOut:
    """A call in a list."""
    return WebhookOut.model_validate(call, from_attributes=True)


def webhook_detail(call: WebhookInbox) -> WebhookDetail:
    """A call with its body."""
    return WebhookDetail(
        **webhook_out(call).model_dump(),
        body=call.body.decode(errors="replace"),
        body_sha256=call.body_sha256,
    )


def quarantined_out(payment: Payment) -> QuarantinedPayment:
    """Money set aside."""
    return QuarantinedPayment.model_validate(payment, from_attributes=True)


def intent_out(intent: GatewayIntent) -> IntentOut:
    """An open intent."""
    return IntentOut.model_validate(intent, from_attributes=True)


def delivery_out(delivery: OutboxDelivery, event: OutboxEvent) -> DeliveryOut:
    """A delivery that waits or was given up."""
    return DeliveryOut(
        event_id=delivery.event_id,
        event_type=event.type,
        sink=delivery.sink,
        customer_id=delivery.customer_id,
        status="failed" if delivery.status == "failed" else "pending",
        attempts=delivery.attempts,
        next_attempt_at=delivery.next_attempt_at,
        last_error=delivery.last_error,
    )


def admin_subscription(row: Subscribed, user_id: str, workflow_id: str, now: datetime) -> AdminSubscription:
    """All there is."""
    item = row.subscription
    return AdminSubscription(
        **views.subscription_out(row, now).model_dump(),
        user_id=user_id,
        customer_id=item.customer_id,
        gateway=item.gateway,
        gateway_subscription_id=item.gateway_subscription_id,
        temporal_workflow_id=workflow_id,
        total_count=item.total_count,
        paid_cycle=item.paid_cycle,
        version=item.version,
    )
