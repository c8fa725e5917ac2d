"""What filling wallets and billing what was drawn may ask of the world, beside `workflows.ports`."""

from dataclasses import dataclass
from datetime import datetime

from temporalio import activity

from domain.paying import Paid
from domain.top_up import TopUp, TopUpStatus


def wallet_workflow_id(customer_id: str, month: str) -> str:
    """The one billing of what a customer drew in a month; again for what came late."""
    return f"wallet/{customer_id}/{month}"


@dataclass(frozen=True)
class RegisterTopUp:
    """Write the top-up's row, once."""

    top_up: TopUp
    at: datetime


@dataclass(frozen=True)
class TopUpStanding:
    """How it stands on record."""

    status: TopUpStatus


@dataclass(frozen=True)
class SettleTopUp:
    """Book money that came for a top-up."""

    top_up: TopUp
    paid: Paid
    at: datetime


@dataclass(frozen=True)
class TopUpSettled:
    """How the top-up stands then. `refund_id`: the money came a second time, and goes back under this id."""

    status: TopUpStatus
    payment_id: str
    refund_id: str | None = None


@dataclass(frozen=True)
class EndTopUp:
    """It is not to be paid any more; money that comes all the same counts."""

    top_up: TopUp
    status: TopUpStatus
    reason: str
    actor: str
    at: datetime


@dataclass(frozen=True)
class InvoiceDraws:
    """Bill what a customer drew from the wallet in a month (in India, `2026-11`) that is over.

    `key` makes the invoices' ids; another try has the same.
    """

    customer_id: str
    month: str
    key: str
    at: datetime


@dataclass(frozen=True)
class DrawsInvoiced:
    """The invoices; none where nothing was left to bill."""

    invoice_ids: tuple[str, ...] = ()


@activity.defn(name="register_top_up")
async def register_top_up(request: RegisterTopUp) -> TopUpStanding:
    """One transaction: row and event."""
    raise NotImplementedError


@activity.defn(name="settle_top_up")
async def settle_top_up(request: SettleTopUp) -> TopUpSettled:
    """One transaction: payment, number, receipt voucher, ledger, events; or suspense."""
    raise NotImplementedError


@activity.defn(name="end_top_up")
async def end_top_up(request: EndTopUp) -> TopUpStanding:
    """One transaction: row and event; what is paid stays paid."""
    raise NotImplementedError


@activity.defn(name="invoice_draws")
async def invoice_draws(request: InvoiceDraws) -> DrawsInvoiced:
    """One transaction: number, invoice, advances used up, ledger, events."""
    raise NotImplementedError
