"""Tables. Money is BIGINT paise, moments are timestamptz, kinds are text with a CHECK.

Issued documents, ledger postings and outbox events are append-only: the database refuses changes
(see the migrations). A ledger transaction that does not balance cannot be committed.
"""

from db.models.base import Base
from db.models.carrying import IdempotencyKey, Notification, OutboxDelivery, OutboxEvent, WebhookInbox
from db.models.collecting import AdvanceUse, Mandate, PayPage, TopUp, WalletDraw
from db.models.money import GatewayIntent, LedgerPosting, LedgerTransaction, Payment, Refund
from db.models.paper import Document, IrpRegistration, NumberSeries, Rendition
from db.models.selling import Customer, GatewayPlan, Plan, Price, Subscription
from db.models.usage import UsageDay, UsageEvent, UsageMonth

__all__ = [
    "AdvanceUse",
    "Base",
    "Customer",
    "Document",
    "GatewayIntent",
    "GatewayPlan",
    "IdempotencyKey",
    "IrpRegistration",
    "LedgerPosting",
    "LedgerTransaction",
    "Mandate",
    "Notification",
    "NumberSeries",
    "OutboxDelivery",
    "OutboxEvent",
    "PayPage",
    "Payment",
    "Plan",
    "Price",
    "Refund",
    "Rendition",
    "Subscription",
    "TopUp",
    "UsageDay",
    "UsageEvent",
    "UsageMonth",
    "WalletDraw",
    "WebhookInbox",
]
