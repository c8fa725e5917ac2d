"""What a workflow that collects on our own clock may ask of the world, beside `workflows.ports`.

The asking of gateways runs on a queue of each gateway's own, so that each is asked at its own rate.
"""

from dataclasses import dataclass
from datetime import datetime

from temporalio import activity

from domain.events import EventType
from domain.mandate import Mandate
from domain.orders import DebitStarted, MandateAtGateway, OrderAtGateway
from domain.paying import PagesRead
from domain.subscription import Subscription
from workflows.ports import RAZORPAY_QUEUE, CheckoutOpened, OpenCheckout

PHONEPE_QUEUE = "gateway-phonepe"
GATEWAY_QUEUES = {"razorpay": RAZORPAY_QUEUE, "phonepe": PHONEPE_QUEUE}


def top_up_workflow_id(top_up_id: str) -> str:
    """The one workflow of a top-up."""
    return f"top-up/{top_up_id}"


@dataclass(frozen=True)
class MandateTerms:
    """A mandate that paying on a page is to set up."""

    max_amount_paise: int
    valid_until: datetime
    charges: bool = True
    """The page's sum is its first debit; else it is set up for nothing."""


@dataclass(frozen=True)
class PageSubject:
    """What is to be paid: a checkout, a pay link or a top-up; exactly one of the two owners."""

    id: str
    gateway: str
    amount_paise: int
    customer_id: str
    subscription_id: str | None = None
    top_up_id: str | None = None
    mandate: MandateTerms | None = None
    message: str = ""
    """Shown to the payer."""


@dataclass(frozen=True)
class OpenPage:
    """Have a page that can be paid: the one that is open, else a new one."""

    subject: PageSubject
    at: datetime


@dataclass(frozen=True)
class PageOpened:
    """How the subject stands. `refused` is the gateway's reason for not opening a page."""

    pages: PagesRead
    refused: str = ""


@dataclass(frozen=True)
class ReadPages:
    """Read a subject's orders. `closing`: no page will be opened any more, those that can be are closed.

    `order_id` is one that a webhook spoke of, read even if it was over.
    """

    subject: PageSubject
    at: datetime
    closing: bool = False
    order_id: str | None = None


@dataclass(frozen=True)
class ReadStanding:
    """Where a mandate stands, and an order on it."""

    gateway: str
    mandate_id: str | None
    order_id: str | None
    at: datetime


@dataclass(frozen=True)
class Standing:
    """As read; None where not asked for, or not known to the gateway."""

    mandate: MandateAtGateway | None = None
    order: OrderAtGateway | None = None


@dataclass(frozen=True)
class GiveNotice:
    """Have the payer told of a debit."""

    subscription: Subscription
    mandate_id: str
    order_id: str
    cycle: int
    amount_paise: int
    target: datetime
    expires_at: datetime
    at: datetime


@dataclass(frozen=True)
class NoticeGiven:
    """The order as it stands; None if the gateway refused it, in its words."""

    order: OrderAtGateway | None = None
    refused: str = ""


@dataclass(frozen=True)
class StartDebit:
    """Debit what was announced. Never repeated: an answer that is lost is looked up."""

    gateway: str
    order_id: str
    mandate_id: str
    amount_paise: int


@dataclass(frozen=True)
class CancelMandate:
    """End a mandate for good."""

    gateway: str
    mandate_id: str


@dataclass(frozen=True)
class MandateSeen:
    """What it is now; None if the gateway does not know it."""

    seen: MandateAtGateway | None = None


@dataclass(frozen=True)
class RecordMandate:
    """Put a mandate on record. `event` is what changed, if anybody is to hear of it."""

    subscription: Subscription
    gateway: str
    mandate: Mandate
    gateway_mandate_id: str | None
    in_use: bool
    event: EventType | None
    at: datetime


@dataclass(frozen=True)
class AskForPayment:
    """Tell the customer that a sum is to be paid on a page. `reminder` counts from 0, the first telling."""

    subscription: Subscription
    link_id: str
    reminder: int
    amount_paise: int
    cycle: int
    due_at: datetime
    open_until: datetime
    at: datetime


@dataclass(frozen=True)
class Done:
    """Nothing to tell."""


@activity.defn(name="offer_checkout")
async def offer_checkout(request: OpenCheckout) -> CheckoutOpened:
    """The address at which the customer pays, on record and announced; no gateway is asked."""
    raise NotImplementedError


@activity.defn(name="open_page")
async def open_page(request: OpenPage) -> PageOpened:
    """Stored intent, look-up, create, record; at most one page that can be paid."""
    raise NotImplementedError


@activity.defn(name="read_pages")
async def read_pages(request: ReadPages) -> PagesRead:
    """The gateway's truth."""
    raise NotImplementedError


@activity.defn(name="read_standing")
async def read_standing(request: ReadStanding) -> Standing:
    """The gateway's truth; changes nothing."""
    raise NotImplementedError


@activity.defn(name="give_notice")
async def give_notice(request: GiveNotice) -> NoticeGiven:
    """Stored intent, look-up, notify, announce."""
    raise NotImplementedError


@activity.defn(name="start_debit")
async def start_debit(request: StartDebit) -> DebitStarted:
    """A trigger only; the order says what became of it."""
    raise NotImplementedError


@activity.defn(name="cancel_mandate")
async def cancel_mandate(request: CancelMandate) -> MandateSeen:
    """Repeating it is harmless."""
    raise NotImplementedError


@activity.defn(name="record_mandate")
async def record_mandate(request: RecordMandate) -> Done:
    """Row and event."""
    raise NotImplementedError


@activity.defn(name="ask_for_payment")
async def ask_for_payment(request: AskForPayment) -> Done:
    """An event, which notifies."""
    raise NotImplementedError
