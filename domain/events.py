"""Names of the facts we announce (DESIGN: events out). Written with the change that makes them true."""

from collections.abc import Sequence
from enum import StrEnum

from domain.document import DocumentKind
from domain.subscription import Status, Trigger


class EventType(StrEnum):
    """CloudEvents type, without the reverse-domain prefix."""

    SUBSCRIPTION_CREATED = "subscription.created"
    SUBSCRIPTION_AUTHENTICATED = "subscription.authenticated"
    SUBSCRIPTION_ACTIVATED = "subscription.activated"
    SUBSCRIPTION_RENEWED = "subscription.renewed"
    SUBSCRIPTION_PAST_DUE = "subscription.past_due"
    SUBSCRIPTION_HALTED = "subscription.halted"
    SUBSCRIPTION_RECOVERED = "subscription.recovered"
    SUBSCRIPTION_PAUSED = "subscription.paused"
    SUBSCRIPTION_RESUMED = "subscription.resumed"
    SUBSCRIPTION_CANCELLATION_SCHEDULED = "subscription.cancellation_scheduled"
    SUBSCRIPTION_CANCELLATION_WITHDRAWN = "subscription.cancellation_withdrawn"
    SUBSCRIPTION_CANCELLED = "subscription.cancelled"
    SUBSCRIPTION_COMPLETED = "subscription.completed"
    SUBSCRIPTION_EXPIRED = "subscription.expired"
    CHECKOUT_OPENED = "checkout.opened"
    CHARGE_UNCOLLECTED = "charge.uncollected"
    INVOICE_ISSUED = "invoice.issued"
    INVOICE_DOCUMENT_READY = "invoice.document_ready"
    CREDIT_NOTE_ISSUED = "credit_note.issued"
    CREDIT_NOTE_DOCUMENT_READY = "credit_note.document_ready"
    PROFORMA_ISSUED = "proforma.issued"
    PROFORMA_DOCUMENT_READY = "proforma.document_ready"
    VOUCHER_ISSUED = "voucher.issued"
    VOUCHER_DOCUMENT_READY = "voucher.document_ready"
    E_INVOICE_REGISTERED = "e_invoice.registered"
    E_INVOICE_REFUSED = "e_invoice.refused"
    E_INVOICE_CANCELLED = "e_invoice.cancelled"
    PAYMENT_DUE = "payment.due"
    DEBIT_ANNOUNCED = "debit.announced"
    MANDATE_ACTIVATED = "mandate.activated"
    MANDATE_PAUSED = "mandate.paused"
    MANDATE_RESUMED = "mandate.resumed"
    MANDATE_ENDED = "mandate.ended"
    PAYMENT_CAPTURED = "payment.captured"
    PAYMENT_FAILED = "payment.failed"
    PAYMENT_QUARANTINED = "payment.quarantined"
    PAYMENT_KEPT = "payment.kept"
    REFUND_REQUESTED = "refund.requested"
    REFUND_SPEED_CHANGED = "refund.speed_changed"
    REFUND_FAILED = "refund.failed"
    PAYMENT_REFUNDED = "payment.refunded"
    ENTITLEMENT_CHANGED = "entitlement.changed"
    TOP_UP_OPENED = "top_up.opened"
    TOP_UP_PAID = "top_up.paid"
    TOP_UP_EXPIRED = "top_up.expired"
    TOP_UP_CANCELLED = "top_up.cancelled"
    USAGE_BUDGET_WARNED = "usage.budget_warned"
    USAGE_BUDGET_USED_UP = "usage.budget_used_up"


_ANNOUNCED: dict[Trigger, EventType] = {
    Trigger.AUTHENTICATED: EventType.SUBSCRIPTION_AUTHENTICATED,
    Trigger.CHARGE_FAILED: EventType.SUBSCRIPTION_PAST_DUE,
    Trigger.RETRIES_EXHAUSTED: EventType.SUBSCRIPTION_HALTED,
    Trigger.MANDATE_RENEWED: EventType.SUBSCRIPTION_RECOVERED,
    Trigger.PAUSED: EventType.SUBSCRIPTION_PAUSED,
    Trigger.RESUMED: EventType.SUBSCRIPTION_RESUMED,
    Trigger.CANCELLED: EventType.SUBSCRIPTION_CANCELLED,
    Trigger.COMPLETED: EventType.SUBSCRIPTION_COMPLETED,
    Trigger.EXPIRED: EventType.SUBSCRIPTION_EXPIRED,
}


def announced_by(trigger: Trigger) -> EventType:
    """The event of a change of state other than a payment."""
    return _ANNOUNCED[trigger]


def payment_event(before: Status, paid_cycle: int | None) -> EventType | None:
    """What a booked payment means: begun, recovered or renewed; nothing for one that was cancelled.

    `paid_cycle` is the one before it.
    """
    if before is Status.CANCELLED:
        return None
    if paid_cycle is None:
        return EventType.SUBSCRIPTION_ACTIVATED
    if before in (Status.PAST_DUE, Status.HALTED):
        return EventType.SUBSCRIPTION_RECOVERED
    return EventType.SUBSCRIPTION_RENEWED


_ISSUED = {
    DocumentKind.TAX_INVOICE: EventType.INVOICE_ISSUED,
    DocumentKind.BILL_OF_SUPPLY: EventType.INVOICE_ISSUED,
    DocumentKind.CREDIT_NOTE: EventType.CREDIT_NOTE_ISSUED,
    DocumentKind.PROFORMA: EventType.PROFORMA_ISSUED,
    DocumentKind.RECEIPT_VOUCHER: EventType.VOUCHER_ISSUED,
    DocumentKind.REFUND_VOUCHER: EventType.VOUCHER_ISSUED,
}
_READY = {
    EventType.INVOICE_ISSUED: EventType.INVOICE_DOCUMENT_READY,
    EventType.CREDIT_NOTE_ISSUED: EventType.CREDIT_NOTE_DOCUMENT_READY,
    EventType.PROFORMA_ISSUED: EventType.PROFORMA_DOCUMENT_READY,
    EventType.VOUCHER_ISSUED: EventType.VOUCHER_DOCUMENT_READY,
}


def issued_event(kind: DocumentKind) -> EventType:
    """That a document has got its number."""
    return _ISSUED[kind]


def ready_event(kind: DocumentKind) -> EventType:
    """That its PDF can be downloaded."""
    return _READY[_ISSUED[kind]]


DOCUMENTS_SINK = "documents"
NOTIFICATIONS_SINK = "notifications"
KAFKA_SINK = "kafka"
WEBHOOK_SINK = "webhook"

_WANTED: dict[str, frozenset[EventType]] = {
    DOCUMENTS_SINK: frozenset({*_READY, EventType.E_INVOICE_REGISTERED, EventType.E_INVOICE_REFUSED}),
    NOTIFICATIONS_SINK: frozenset(
        {
            EventType.PAYMENT_DUE,
            EventType.PAYMENT_FAILED,
            EventType.SUBSCRIPTION_HALTED,
            EventType.SUBSCRIPTION_CANCELLED,
            EventType.INVOICE_DOCUMENT_READY,
            EventType.CREDIT_NOTE_DOCUMENT_READY,
            EventType.VOUCHER_DOCUMENT_READY,
            EventType.PROFORMA_DOCUMENT_READY,
            EventType.PAYMENT_REFUNDED,
            EventType.USAGE_BUDGET_WARNED,
            EventType.USAGE_BUDGET_USED_UP,
        }
    ),
}


def interested(event: EventType, sinks: Sequence[str]) -> tuple[str, ...]:
    """Those of `sinks` that want `event`; a sink outside the table takes every event."""
    return tuple(sink for sink in sinks if sink not in _WANTED or event in _WANTED[sink])
