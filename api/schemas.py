"""Shapes of requests and answers. Requests refuse unknown fields.

Money is paise, and rupees where people look: an integer when whole (999), else text with two decimals
("799.50"), never a float.
"""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from config.collecting import CollectBy
from domain.document import DocumentKind
from domain.events import EventType
from domain.mandate import MandateStatus
from domain.periods import Interval
from domain.subscription import Command, Status

Rupees = int | str
FeatureValue = bool | int | str
Paise = Annotated[int, Field(description="Paise; 100 are one rupee.")]

# No control characters (C0, C1), line separators or overrides of the writing direction.
_ONE_LINE = "^[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]*$"


def one_line(longest: int) -> StringConstraints:
    """Text for one printed line."""
    return StringConstraints(strip_whitespace=True, max_length=longest, pattern=_ONE_LINE)


class Request(BaseModel):
    """A body that takes exactly its own fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """A body that we write."""

    model_config = ConfigDict(frozen=True)


def rupees_or_text(amount_paise: int) -> Rupees:
    """999 for whole rupees, "799.50" otherwise."""
    whole, paise = divmod(amount_paise, 100)
    return f"{whole}.{paise:02d}" if paise else whole


class PlanOut(Answer):
    """A plan at its current price for one interval."""

    id: str = Field(examples=["plan_pro"])
    name: str = Field(examples=["Pro"])
    price: Rupees = Field(description="Rupees per interval.", examples=[4999])
    currency: str = Field(examples=["INR"])
    interval: Interval
    code: str = Field(description="The name entitlements use.", examples=["PRO"])
    description: str
    price_paise: Paise = Field(examples=[499900])
    tax_inclusive: bool = Field(description="True: `price` is what the customer pays. False: GST is added.")
    price_id: str = Field(description="This version of the price; running subscriptions keep theirs.")
    features: dict[str, FeatureValue]
    highlights: list[str] = Field(description="Lines to show to people.")
    monthly_budget_usd_cents: int | None = Field(
        description="What a month of use may cost, in this unit or in paise; both null: there is no limit."
    )
    monthly_budget_paise: int | None


class SubscribeIn(Request):
    """What to subscribe to."""

    plan_id: str = Field(pattern="^plan_[a-z0-9_]{1,40}$", examples=["plan_pro"])
    interval: Interval = Interval.MONTHLY
    collect_by: CollectBy | None = Field(
        None, description="Who collects: by default as this installation is set up. A Free plan needs none."
    )
    autopay: bool = Field(
        True,
        description="False: no mandate, each period is paid on a page, with reminders. Not where Razorpay "
        "owns the charge clock.",
    )


class SubscriptionOut(Answer):
    """A subscription as recorded."""

    subscription_id: str = Field(examples=["sub_06f3m1k2p4q8s0t2v4a6c8e0g2"])
    short_url: str | None = Field(
        description="Where the customer pays, or gives a new payment method.",
        examples=["https://rzp.io/i/AbCdEf12"],
    )
    status: Status
    plan_id: str = Field(examples=["plan_pro"])
    plan: str = Field(examples=["PRO"])
    plan_name: str = Field(examples=["Pro"])
    interval: Interval
    price: Rupees = Field(examples=[4999])
    price_paise: Paise = Field(examples=[499900])
    tax_inclusive: bool
    charge_paise: int = Field(description="What one cycle takes from the customer, tax included.")
    currency: str = Field(examples=["INR"])
    collect_by: CollectBy = Field(description="Who collects.")
    created_at: datetime
    checkout_expires_at: datetime | None
    started_at: datetime | None
    current_period_start: datetime | None
    current_period_end: datetime | None
    renews_at: date | None = Field(description="Date in India of the next charge.", examples=["2026-02-01"])
    cancel_at_period_end: bool
    access: bool = Field(description="Whether the plan's features are granted now.")
    access_until: datetime | None = Field(description="When access ends, where that is known.")
    uncollected_cycles: list[int] = Field(description="Cycles (from 0) the gateway has given up collecting.")
    allowed: list[Command] = Field(description="What may be asked for now.")


class SubscriptionPending(Answer):
    """Accepted, not finished: ask at `ask`, which is also the header Location."""

    subscription_id: str = Field(examples=["sub_06f3m1k2p4q8s0t2v4a6c8e0g2"])
    short_url: None = None
    status: Status
    ask: str = Field(examples=["/v1/subscriptions/sub_06f3m1k2p4q8s0t2v4a6c8e0g2"])


class SubscriptionReference(Answer):
    """What every answer about a subscription names."""

    subscription_id: str


class OpenCheckout(Answer):
    """A checkout that waits for payment beside what is in force."""

    subscription_id: str
    plan: str
    short_url: str | None


class StatusOut(Answer):
    """What is in force for a customer."""

    status: Status | Literal["NONE"] = Field(examples=["ACTIVE"])
    plan: str = Field(examples=["PRO"])
    renews_at: date | None = Field(examples=["2026-02-01"])
    access: bool
    access_until: datetime | None
    cancel_at_period_end: bool
    subscription_id: str | None
    short_url: str | None
    pending: OpenCheckout | None = Field(description="A checkout opened for another plan, not yet paid.")


class SubscriptionList(Answer):
    """Newest first."""

    data: list[SubscriptionOut]


class CommandIn(Request):
    """Why; kept with the change."""

    reason: Annotated[str, one_line(300)] = ""


class CommandOut(Answer):
    """What stands after a command."""

    subscription_id: str
    status: Status
    cancel_at_period_end: bool
    access_until: datetime | None
    message: str
    version: int


class TimelineEntry(Answer):
    """One step of a subscription's story."""

    at: datetime
    kind: str = Field(description="For programs.", examples=["payment.captured"])
    title: str = Field(examples=["Payment received"])
    detail: str = Field(description="Why, how, and for how much.")
    amount_paise: int | None
    reference: str | None = Field(description="Invoice number, or the gateway's id of payment or event.")


class MandateOut(Answer):
    """The payer's permission to debit, as last read from the gateway."""

    status: MandateStatus
    gateway: str = Field(examples=["phonepe"])
    max_amount_paise: Paise = Field(description="The most that one debit may take; paise.")
    valid_until: datetime | None
    pause_ends_at: datetime | None = Field(description="Where the payer set an end to a pause.")
    renew_url: str | None = Field(
        description="Where the payer gives a new one, once this has ended.",
        examples=["https://billing.example/pay/sub_06f3m1k2p4q8s0t2v4a6c8e0g2/mandate"],
    )


class Timeline(Answer):
    """The story in order."""

    subscription_id: str
    data: list[TimelineEntry]


class DocumentOut(Answer):
    """An issued document."""

    id: str
    kind: DocumentKind
    number: str = Field(examples=["BH26-27/000042"])
    issued_on: date
    issued_at: datetime
    subscription_id: str | None
    plan_name: str | None
    period_first_day: date | None
    period_last_day: date | None
    place_of_supply: str = Field(description="State code; 96 outside India.", examples=["29"])
    currency: str
    taxable_paise: Paise
    cgst_paise: Paise
    sgst_paise: Paise
    utgst_paise: Paise
    igst_paise: Paise
    round_off_paise: Paise
    total_paise: Paise
    document_ready: bool = Field(description="Whether the PDF can be downloaded already.")
    download_url: str = Field(examples=["/v1/invoices/inv_0123456789abcdef0123456789abcdef/download"])


class InvoiceOut(DocumentOut):
    """An issued tax invoice, or bill of supply."""

    status: Literal["paid"] = "paid"
    credited_paise: Paise = Field(description="What credit notes took of it so far.")


class DocumentLineOut(Answer):
    """A described supply."""

    description: str
    sac: str
    quantity: int
    unit_paise: Paise
    discount_paise: Paise
    taxable_paise: Paise
    rate_bp: int = Field(description="Basis points.", examples=[1800])


class PartyOut(Answer):
    """Seller or buyer, as printed."""

    name: str
    address_lines: list[str]
    city: str
    pin: str
    state_code: str
    country: str
    gstin: str


class OriginalOut(Answer):
    """The document that a note or voucher is against."""

    id: str
    number: str
    issued_on: date


class AdvanceUsedOut(Answer):
    """What an invoice takes of an advance."""

    voucher_id: str = Field(description="The receipt voucher, at /v1/documents.")
    number: str = Field(examples=["RV26-27/000042"])
    issued_on: date
    amount_paise: Paise


class DocumentDetail(DocumentOut):
    """A document with what is printed on it."""

    seller: PartyOut
    buyer: PartyOut
    lines: list[DocumentLineOut]
    payment_reference: str
    payment_method: str
    paid_from: list[AdvanceUsedOut] = Field(default=[], description="Advances that pay an invoice.")
    original: OriginalOut | None = None
    reason: str = ""
    gst_adjusting: bool = Field(
        default=True, description="False for a credit note that no longer lowers tax (CGST Act s.34(2))."
    )


class InvoiceDetail(InvoiceOut, DocumentDetail):
    """An invoice with what is printed on it."""


class DocumentPage(Answer):
    """Newest first."""

    data: list[DocumentOut]
    next_cursor: str | None = Field(description="Give it as `cursor` for the next page; null at the end.")


class BalanceOut(Answer):
    """What a customer has with us."""

    owed_paise: Paise = Field(description="Credited, not paid out; a refund pays it out first.")
    advances_paise: Paise = Field(
        description="The wallet: paid in advance, neither used nor on its way back."
    )


class InvoicePage(Answer):
    """Newest first."""

    data: list[InvoiceOut]
    next_cursor: str | None = Field(description="Give it as `cursor` for the next page; null at the end.")


class Entitlement(Answer):
    """What a user may use."""

    plan: str = Field(examples=["PRO"])
    features: dict[str, FeatureValue] = Field(examples=[{"live_ingestion": True, "retention_days": 90}])


class EventOut(Answer):
    """A fact that was announced."""

    id: int
    type: EventType
    time: datetime
    customer_id: str
    subscription_id: str | None
    data: dict[str, Any]


class EventPage(Answer):
    """In an order that never changes."""

    data: list[EventOut]
    next_after: int | None = Field(description="Give it as `after` for what comes next; it stays at the end.")


class WebhookReceipt(Answer):
    """The call is kept."""

    status: Literal["stored", "duplicate"]
