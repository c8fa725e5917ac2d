"""Names of the facts we announce (DESIGN: events out). Written with the change that makes them true."""

from enum import StrEnum


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
    PAYMENT_CAPTURED = "payment.captured"
    PAYMENT_FAILED = "payment.failed"
    PAYMENT_QUARANTINED = "payment.quarantined"
    ENTITLEMENT_CHANGED = "entitlement.changed"
