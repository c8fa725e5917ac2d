"""What a workflow may ask of the world: each activity's name, question and answer.

`activities/` implements these names; a test holds the two together. A business refusal (declined, already
taken) is a value in the answer; exceptions are for infrastructure. `before` and `after` are the subscription
as the workflow has it and as it is to be recorded: the version makes each recording happen once.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from temporalio import activity

from domain.collection import Charge, CollectionSnapshot, Failure
from domain.e_invoice import CancelReason, EInvoiceStatus
from domain.events import EventType
from domain.exports import Exported, ExportOrder
from domain.refund import RefundAtGateway, RefundSpeed, RefundStanding, Settlement
from domain.subscription import Subscription

SUBSCRIPTIONS_QUEUE = "subscriptions"
RAZORPAY_QUEUE = "gateway-razorpay"
DOCUMENTS_QUEUE = "documents"
IRP_QUEUE = "gateway-irp"


def subscription_workflow_id(subscription_id: str) -> str:
    """The one workflow of a subscription."""
    return f"subscription/{subscription_id}"


def document_workflow_id(document_id: str) -> str:
    """The one rendering of a document."""
    return f"document/{document_id}"


def e_invoice_workflow_id(document_id: str) -> str:
    """The one registration of a document."""
    return f"e-invoice/{document_id}"


def proforma_workflow_id(document_id: str) -> str:
    """The one issuing of a proforma."""
    return f"proforma/{document_id}"


def export_workflow_id(export_id: str) -> str:
    """The one making of an export."""
    return f"export/{export_id}"


def refund_workflow_id(refund_id: str) -> str:
    """The one workflow of a refund."""
    return f"refund/{refund_id}"


def credit_note_workflow_id(note_id: str) -> str:
    """The one issuing of a credit note, or of a receipt voucher."""
    return f"issue/{note_id}"


@dataclass(frozen=True)
class RegisterSubscription:
    """Write the subscription's first row, unless the customer has a live one of the kind."""

    subscription: Subscription
    actor: str
    at: datetime


@dataclass(frozen=True)
class Registered:
    """`existing_id` names the live subscription that is in the way; None when registered."""

    existing_id: str | None = None


@dataclass(frozen=True)
class OpenCheckout:
    """Create the subscription at the gateway, once."""

    subscription: Subscription
    at: datetime


@dataclass(frozen=True)
class CheckoutOpened:
    """Where the customer pays. `refused` is the gateway's reason when it will not have it."""

    gateway_id: str | None
    checkout_url: str | None
    refused: str | None = None


@dataclass(frozen=True)
class ReadCollection:
    """Read the gateway's books. `payment_id` is a payment a webhook spoke of, which lists may still hide."""

    subscription: Subscription
    at: datetime
    payment_id: str | None = None


class Instruction(StrEnum):
    """What the gateway can be told about a subscription."""

    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"


@dataclass(frozen=True)
class InstructGateway:
    """Tell the gateway, then read what is true."""

    subscription: Subscription
    instruction: Instruction
    at: datetime


@dataclass(frozen=True)
class Instructed:
    """The gateway's books afterwards, and its refusal if it gave one."""

    snapshot: CollectionSnapshot
    refused: str | None = None


@dataclass(frozen=True)
class SettleCharge:
    """Book a captured charge: payment, number, invoice, ledger, period and events in one transaction."""

    before: Subscription
    after: Subscription
    charge: Charge
    at: datetime


@dataclass(frozen=True)
class Settled:
    """The invoice issued, and the Free subscription that this payment ends."""

    invoice_id: str
    invoice_number: str
    superseded_id: str | None = None


@dataclass(frozen=True)
class SetAsidePayment:
    """Quarantine money that is not what was asked for."""

    before: Subscription
    after: Subscription
    charge: Charge
    reason: str
    at: datetime


@dataclass(frozen=True)
class RecordFailure:
    """A rung of the ladder failed."""

    before: Subscription
    after: Subscription
    failure: Failure
    at: datetime


@dataclass(frozen=True)
class RecordChange:
    """Any other change: its event, why, and who asked."""

    before: Subscription
    after: Subscription
    event: EventType
    reason: str
    at: datetime
    actor: str = "gateway"


@dataclass(frozen=True)
class Recorded:
    """The version now on record, and our id of the payment that was set aside, if one was."""

    version: int
    payment_id: str = ""


@dataclass(frozen=True)
class RenderDocument:
    """Render an issued document's PDF and store it."""

    document_id: str
    at: datetime


@dataclass(frozen=True)
class Rendered:
    """Where it lies."""

    object_key: str
    sha256: str


@dataclass(frozen=True)
class IssueProforma:
    """Write down what one period at this price would cost the customer on the day of `at`."""

    document_id: str
    customer_id: str
    price_id: str
    at: datetime


@dataclass(frozen=True)
class ProformaIssued:
    """It is on record; or why not: the billing detail (`field`), or what stands in the way (`state`)."""

    refused: str = ""
    field: str = ""
    state: str = ""
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReserveRefund:
    """Part of a payment; of money set aside or an advance without `document_id`. None is all that is left."""

    refund_id: str
    payment_id: str
    document_id: str | None
    amount_paise: int | None
    speed: RefundSpeed
    reason: str
    actor: str
    at: datetime


@dataclass(frozen=True)
class NoticeRefund:
    """Put a refund on record that somebody made in the gateway's dashboard."""

    refund_id: str
    seen: RefundAtGateway
    at: datetime
    gateway: str = "razorpay"


@dataclass(frozen=True)
class Reserved:
    """The refund as it is to be asked for; or why not, and what would be allowed."""

    refund_id: str = ""
    gateway_payment_id: str = ""
    amount_paise: int = 0
    refused: str = ""
    state: str = ""
    allowed: tuple[str, ...] = ()
    gateway: str = "razorpay"


@dataclass(frozen=True)
class SendRefund:
    """Ask the gateway for a refund, once however often."""

    refund_id: str
    gateway_payment_id: str
    amount_paise: int
    speed: RefundSpeed
    reason: str
    repeated: bool = False
    """An earlier request may have arrived."""
    gateway: str = "razorpay"


@dataclass(frozen=True)
class RefundAnswer:
    """The refund as the gateway has it, or its refusal."""

    seen: RefundAtGateway | None = None
    refused: str = ""


@dataclass(frozen=True)
class ReadRefund:
    """Read a refund at the gateway."""

    gateway_payment_id: str
    gateway_refund_id: str
    gateway: str = "razorpay"


@dataclass(frozen=True)
class RecordRefund:
    """Record what the gateway says; when the money has gone, with note, ledger and events."""

    refund_id: str
    answer: RefundAnswer
    at: datetime


@dataclass(frozen=True)
class IssueCreditNote:
    """Credit an invoice without a refund. `amount_paise` None is all that is left, tax inside."""

    note_id: str
    document_id: str
    amount_paise: int | None
    settlement: Settlement
    reason: str
    actor: str
    at: datetime


@dataclass(frozen=True)
class KeepPayment:
    """Make money that was set aside the customer's advance, with a receipt voucher."""

    voucher_id: str
    payment_id: str
    reason: str
    actor: str
    at: datetime


@dataclass(frozen=True)
class NoteIssued:
    """The document issued; or why not, and what would be allowed."""

    document_id: str = ""
    refused: str = ""
    state: str = ""
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True)
class RegisterEInvoice:
    """Have the portal register a document, or find that it has."""

    document_id: str


@dataclass(frozen=True)
class RefuseEInvoice:
    """Give a registration up."""

    document_id: str
    refusal: str


@dataclass(frozen=True)
class CancelEInvoice:
    """Have the portal take a registration back."""

    document_id: str
    reason: CancelReason
    remark: str
    actor: str


@dataclass(frozen=True)
class EInvoiceStanding:
    """Where a document stands. `refusal` says why the last thing asked was not done."""

    status: EInvoiceStatus
    acknowledged_at: str | None = None
    """As the portal answered it, Indian time."""
    refusal: str | None = None


@activity.defn(name="register_subscription")
async def register_subscription(request: RegisterSubscription) -> Registered:
    """One transaction: row and event."""
    raise NotImplementedError


@activity.defn(name="find_checkout")
async def find_checkout(request: OpenCheckout) -> CheckoutOpened:
    """What a lost reply may have left at the gateway."""
    raise NotImplementedError


@activity.defn(name="open_checkout")
async def open_checkout(request: OpenCheckout) -> CheckoutOpened:
    """Intent, look-up, create, record."""
    raise NotImplementedError


@activity.defn(name="read_collection")
async def read_collection(request: ReadCollection) -> CollectionSnapshot:
    """The gateway's truth; changes nothing."""
    raise NotImplementedError


@activity.defn(name="instruct_gateway")
async def instruct_gateway(request: InstructGateway) -> Instructed:
    """Cancel, pause or resume; repeating it is harmless."""
    raise NotImplementedError


@activity.defn(name="settle_charge")
async def settle_charge(request: SettleCharge) -> Settled:
    """The one transaction of a paid cycle."""
    raise NotImplementedError


@activity.defn(name="set_aside_payment")
async def set_aside_payment(request: SetAsidePayment) -> Recorded:
    """Suspense instead of revenue."""
    raise NotImplementedError


@activity.defn(name="record_failure")
async def record_failure(request: RecordFailure) -> Recorded:
    """The failed attempt and the state that follows."""
    raise NotImplementedError


@activity.defn(name="record_change")
async def record_change(request: RecordChange) -> Recorded:
    """A change of state or plan to end."""
    raise NotImplementedError


@activity.defn(name="render_document")
async def render_document(request: RenderDocument) -> Rendered:
    """Same document, same bytes, same place."""
    raise NotImplementedError


@activity.defn(name="issue_proforma")
async def issue_proforma(request: IssueProforma) -> ProformaIssued:
    """One transaction: number, proforma, event."""
    raise NotImplementedError


@activity.defn(name="make_export")
async def make_export(request: ExportOrder) -> Exported:
    """Files of the books, in one archive; or every fault that stands in the way."""
    raise NotImplementedError


@activity.defn(name="reserve_refund")
async def reserve_refund(request: ReserveRefund) -> Reserved:
    """The stored intent; many at once never exceed the payment."""
    raise NotImplementedError


@activity.defn(name="notice_refund")
async def notice_refund(request: NoticeRefund) -> Reserved:
    """A fact at the gateway becomes a row of ours."""
    raise NotImplementedError


@activity.defn(name="send_refund")
async def send_refund(request: SendRefund) -> RefundAnswer:
    """Look-up if it may have arrived, then ask."""
    raise NotImplementedError


@activity.defn(name="read_refund")
async def read_refund(request: ReadRefund) -> RefundAtGateway:
    """The gateway's truth; changes nothing."""
    raise NotImplementedError


@activity.defn(name="record_refund")
async def record_refund(request: RecordRefund) -> RefundStanding:
    """One transaction: standing, note, ledger, events."""
    raise NotImplementedError


@activity.defn(name="issue_credit_note")
async def issue_credit_note(request: IssueCreditNote) -> NoteIssued:
    """One transaction: number, note, ledger, events."""
    raise NotImplementedError


@activity.defn(name="keep_payment")
async def keep_payment(request: KeepPayment) -> NoteIssued:
    """One transaction: number, receipt voucher, ledger, events."""
    raise NotImplementedError


@activity.defn(name="register_e_invoice")
async def register_e_invoice(request: RegisterEInvoice) -> EInvoiceStanding:
    """Register, or adopt after comparing; a refusal is an answer, a portal that is away is an error."""
    raise NotImplementedError


@activity.defn(name="refuse_e_invoice")
async def refuse_e_invoice(request: RefuseEInvoice) -> EInvoiceStanding:
    """Unless somebody brought the portal's reply in meanwhile."""
    raise NotImplementedError


@activity.defn(name="cancel_e_invoice")
async def cancel_e_invoice(request: CancelEInvoice) -> EInvoiceStanding:
    """Looks first whether it was cancelled; repeating it is harmless."""
    raise NotImplementedError
