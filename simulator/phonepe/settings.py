"""What can be set: options when the process starts, switches and webhook policy while it runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


@dataclass(frozen=True)
class Options:
    """How the process was started; see `python -m simulator.phonepe --help`."""

    host: str
    port: int
    books: Path
    webhook_url: str | None
    webhook_username: str
    webhook_password: str
    client_id: str
    client_secret: str
    client_version: str
    merchant_id: str
    merchant: str
    clock: Literal["real", "virtual"]
    now: int | None
    webhook_timeout: float


class _Changeable(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Switches(_Changeable):
    """Behaviour on which the sources differ or are silent (phonepe.md, 9.1 and 11), and timings."""

    token_ttl_seconds: int = Field(default=3600, ge=1)
    expires_in: Literal["null", "seconds"] = "null"
    bad_client_status: Literal[400, 401] = 401
    duplicate_order: Literal[
        "417 INVALID_TRANSACTION_ID", "417 INVALID_MERCHANT_ORDER_ID", "400 ORDER_ALREADY_EXISTS"
    ] = "417 INVALID_TRANSACTION_ID"
    unknown_status: Literal[400, 404] = Field(
        default=400, description="of an unknown order, refund or subscription"
    )
    cancel_status: Literal[200, 204] = 204
    settle_seconds: int = Field(default=2, ge=0, description="from paying on the page to the result")
    late_seconds: int = Field(default=3600, ge=0, description="the same of a late success or failure")
    notify_seconds: int = Field(default=2, ge=0)
    notify_state: Literal["NOTIFICATION_IN_PROGRESS", "PENDING"] = "NOTIFICATION_IN_PROGRESS"
    debit_seconds: int = Field(default=3, ge=0, description="from redeem to the attempt's result")
    transition_seconds: int = Field(default=1, ge=0, description="how long PAUSE_IN_PROGRESS and such last")
    window_hours: int = Field(default=48, ge=25, description="of a redemption order; 72 and 96 are seen too")
    first_attempt_off_peak: bool = Field(default=False, description="refuse first attempts in peak hours too")
    expired_state: Literal["FAILED", "EXPIRED"] = "FAILED"
    never_approved_is_unknown: bool = Field(default=True, description="status of a mandate nobody approved")
    refund_accept_seconds: int = Field(default=60, ge=0)
    refund_settle_seconds: int = Field(default=2 * 86_400, ge=0)
    payments_up: bool = True
    subscription_setup_up: bool = True


class Policy(_Changeable):
    """What happens to webhooks on their way out. Applied to each event when it is made."""

    drop_all: bool = False
    drop_events: list[str] = Field(default_factory=list, description="names of events that get lost")
    drop_fraction: float = Field(default=0, ge=0, le=1)
    duplicate_times: int = Field(default=1, ge=1, le=100, description="how often each event is delivered")
    delay_seconds: int = Field(default=0, ge=0)
    shuffle_window: int = Field(default=0, ge=0, description="seconds; each delivery waits 0 to this many")
    fields: Literal["both", "event", "type"] = Field(
        default="both", description="which of the envelope's names of the event are sent"
    )
    seed: int = 0
