"""What goes in and out here. Money is in rupees, budgets in dollars, both as JSON numbers."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from api.frontend.exact import Amount
from api.schemas import Answer, Request
from domain.periods import Interval

PlanName = Annotated[str, Field(description="`starter` for `plan_starter` under /v1.", examples=["starter"])]


class FrontPlan(Answer):
    """A plan at its monthly price."""

    id: PlanName
    name: str = Field(examples=["Starter"])
    price_inr: Amount = Field(description="Rupees a month; GST comes on top, unless the plan has it inside.")
    budget_usd: Amount | None = Field(description="Dollars that a month of use may cost; null: no limit.")
    features: list[str]


class FrontPlans(Answer):
    """All that is offered, cheapest plan first."""

    plans: list[FrontPlan]


class FrontSubscription(Answer):
    """What is in force."""

    id: str
    user_id: str
    plan: PlanName
    status: str = Field(description="As under /v1, in lower case.", examples=["active"])
    price_inr: Amount = Field(description="Rupees a billing cycle, as the plan has them.")
    billing_cycle: Interval
    current_period_start: datetime | None
    current_period_end: datetime | None = Field(description="Null for Free, which has no periods.")
    cancel_at_period_end: bool
    created_at: datetime


class FrontStanding(Answer):
    """The subscription, or the plan of those who have none."""

    subscription: FrontSubscription | None
    plan: PlanName


class FrontSubscribeIn(Request):
    """What to subscribe to."""

    plan_id: str = Field(pattern="^[a-z0-9_]{1,40}$", examples=["starter"])
    billing_cycle: Interval = Field(default=Interval.MONTHLY, description="A year costs ten months.")


class FrontActivated(Answer):
    """A free plan is in force at once."""

    success: Literal[True] = True
    plan: PlanName


class FrontPayment(Answer):
    """Where to send the customer."""

    success: Literal[True] = True
    payment_url: str
    payment_id: str = Field(description="GET /api/v1/billing/invoices/{payment_id} once it is paid.")


class FrontCancelled(Answer):
    """It will not renew."""

    success: Literal[True] = True
    subscription: FrontSubscription | None


class FrontPurpose(Answer):
    """What a payment was for."""

    order_type: Literal["subscription", "top_up"]
    plan: str | None
    billing_cycle: Interval | None


class FrontPaymentRecord(Answer):
    """A completed payment and the invoice it led to."""

    id: str
    user_id: str
    subscription_id: str | None
    invoice_id: str
    invoice_number: str
    amount_inr: Amount = Field(description="Before tax.")
    gst_amount: Amount
    total_amount: Amount
    status: Literal["completed"] = "completed"
    payment_method: str
    phonepe_merchant_transaction_id: str | None = Field(description="Null for another gateway's payment.")
    completed_at: datetime
    created_at: datetime
    metadata: FrontPurpose


class FrontPaymentRecords(Answer):
    """Newest first."""

    invoices: list[FrontPaymentRecord]


class FrontSeller(Answer):
    """As printed."""

    name: str
    gstin: str
    address: str
    state: str
    state_code: str


class FrontBuyer(Answer):
    """As printed."""

    name: str
    gstin: str | None
    address: str
    state: str
    state_code: str
    email: str


class FrontItem(Answer):
    """A described supply."""

    description: str
    hsn_code: str = Field(description="The service accounting code.", examples=["998315"])
    quantity: int
    unit_price: Amount
    amount: Amount


class FrontInvoice(Answer):
    """An invoice as issued."""

    invoice_number: str
    invoice_date: date
    seller: FrontSeller
    buyer: FrontBuyer
    items: list[FrontItem]
    subtotal: Amount
    base_amount: Amount = Field(description="The same as `subtotal`.")
    cgst: Amount
    sgst: Amount = Field(description="Or UTGST, where the place of supply has that.")
    igst: Amount
    total_gst: Amount
    round_off: Amount
    total_amount: Amount
    gst_type: Literal["INTRA", "INTER"]
    gst_rate: Amount = Field(description="Per cent; the highest, where the items differ.")
    payment_id: str | None
    transaction_id: str = Field(description="The gateway's.")
    payment_method: str
    status: Literal["paid"] = "paid"


class FrontInvoiceAnswer(Answer):
    """One invoice."""

    invoice: FrontInvoice
