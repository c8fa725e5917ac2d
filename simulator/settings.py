"""What can be set: options when the process starts, switches and webhook policy while it runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from simulator.cycles import MonthEnd


@dataclass(frozen=True)
class Options:
    """How the process was started; see `python -m simulator --help`."""

    host: str
    port: int
    books: Path
    webhook_url: str | None
    webhook_secret: str
    key_id: str
    key_secret: str
    clock: Literal["real", "virtual"]
    now: int | None
    merchant: str
    return_url: str | None
    webhook_timeout: float


class _Changeable(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Switches(_Changeable):
    """Behaviour that the reference leaves open (razorpay.md, section 8), and timings worth varying."""

    first_payment_order: Literal["payment_first", "subscription_first"] = "payment_first"
    month_end: MonthEnd = "clamp"
    invoice_events: bool = True
    accepts_customer_id: bool = False
    cycle_end_cancel_remembered: bool = Field(
        default=False, description="whether a cycle-end cancel asked for in pending, paused or halted is kept"
    )
    halted_auth_attempts: Literal[0, 4] = 4
    paused_keeps_current: bool = True
    completed_paid_count_lags: bool = True
    emandate_attempts: int = Field(default=4, ge=1)
    debit_offset_seconds: int = Field(default=0, ge=0, description="from a cycle's start to its debit")
    emandate_result_seconds: int = Field(default=86_400, ge=0)
    late_success_seconds: int = Field(default=600, ge=0)
    expiry_lag_seconds: int = Field(default=0, ge=0)
    refund_settle_seconds: int = Field(default=5 * 86_400, ge=0)
    refund_balance_paise: int | None = None
    instant_refund_fails_after_seconds: int | None = Field(
        default=None, ge=0, description="until an optimum refund becomes a normal one; null: it is instant"
    )
    auto_refund_seconds: int = Field(default=3 * 86_400, ge=0, description="for payments never captured")
    list_lag_seconds: float = Field(default=0, ge=0)
    order_payments_lag: bool = Field(default=False, description="whether an order's payments lag as lists do")
    list_lag_by: Literal["clock", "wall"] = "clock"
    rate_limit_per_second: int = Field(default=0, ge=0, description="0 is no limit")
    webhook_type_field: bool = True
    recurring_payments: bool = Field(default=True, description="whether the account may use tokens")
    unique_receipts: bool = Field(default=True, description="of orders; documented, not met everywhere")
    registration_needs_payer: bool = Field(
        default=True, description="whether a registration link needs name, email and phone"
    )
    upi_most_paise: int = Field(default=9_999_900, description="the largest a UPI token may allow")
    token_confirm_seconds: int = Field(
        default=0, ge=0, description="until a token is confirmed; not eMandate"
    )
    token_cancel_seconds: int = Field(default=0, ge=0, description="until a token's cancellation is done")
    token_resumed_event: bool = True
    free_registration_paid: bool = Field(
        default=True, description="whether a registration link for nothing counts as paid"
    )
    notice_seconds: int = Field(default=60, ge=0, description="until a pre-debit notice is delivered")
    upi_wait_seconds: int = Field(default=25 * 3600, ge=0, description="from a notice to its debit")
    card_wait_seconds: int = Field(default=36 * 3600, ge=0, description="and from a failed debit to the next")
    upi_debits_per_order: int = Field(default=1, ge=0, description="0 is any number")
    debit_seconds: int = Field(default=30, ge=0, description="until the bank answers a debit of a token")
    barred_debit: Literal["refused", "failed"] = Field(
        default="failed", description="what becomes of a debit too early, or of a mandate that is not active"
    )
    links_tell_order: bool = Field(default=False, description="whether payment links show their order's id")


class Policy(_Changeable):
    """What happens to webhooks on their way out. Applied to each event when it is made."""

    duplicate_times: int = Field(default=1, ge=1, le=100, description="how often each event is delivered")
    shuffle_window: int = Field(default=0, ge=0, description="seconds; each delivery waits 0 to this many")
    drop_fraction: float = Field(default=0, ge=0, le=1)
    drop_all: bool = False
    delay_seconds: int = Field(default=0, ge=0)
    re_escape: bool = Field(default=False, description="slashes and non-ASCII escaped as PHP does")
    charged_delay_seconds: int = Field(default=60, ge=0, description="subscription.charged comes this late")
    seed: int = 0
