"""Dunning as data: what a failure means, what is tried next and when, and how it ends.

A rung inside one notified order is a retry and belongs to `domain.autopay`; a rung here is a new notice
with a new debit, or a pay link. Classes: phonepe.md 3.6 and 2.3, razorpay.md 5.4.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class FailureClass(StrEnum):
    """Why money did not come, as far as it decides what to try next."""

    FUNDS = "funds"
    TECHNICAL = "technical"
    LIMIT = "limit"
    ACCOUNT = "account"
    MANDATE = "mandate"
    RISK = "risk"


_CODES: dict[FailureClass, str] = {
    FailureClass.FUNDS: """
        Z9 INSUFFICIENT_BALANCE INSUFFICIENT_FUNDS INSUFFICIENT_FUND
        ADEQUATE_FUNDS_NOT_AVAILABLE_BLOCKED""",
    FailureClass.TECHNICAL: """
        U28 U90 UT UP U69 RB 96 BANK_TECHNICAL_ISSUE BANK_ERROR UPI_BACKBONE_ERROR PG_BACKBONE_ERROR
        GENERIC_NPCI_ERROR GENERIC_ERROR TIMED_OUT REQUEST_TIME_OUT TXN_NOT_COMPLETED TXN_AUTO_FAILED
        ORDER_EXPIRED PAYMENT_ERROR OTHERS 500 INTERNAL_SERVER_ERROR AUTHORIZATION_ERROR
        TRANSACTION_DECLINED BANK_TECHNICAL_ERROR BANK_NOT_AVAILABLE GATEWAY_TECHNICAL_ERROR
        PAYMENT_TIMED_OUT REQUEST_TIMED_OUT ISSUER_DISPATCH_FAILED SERVER_ERROR PAYMENT_FAILED
        PRE_DEBIT_NOTIFICATION_NOT_SENT BAD_REQUEST_MANDATE_PROMISED_DEBIT_DATE_NOT_HONOURED
        SUBSCRIPTION_DEBIT_EXECUTE_INTERVAL_NOT_STARTED""",
    FailureClass.LIMIT: """
        Z7 Z8 TXN_LIMIT_BREACHED TXN_FREQ_LIMIT_BREACHED TRANSACTION_LIMIT_EXCEEDED
        PER_TRANSACTION_LIMIT_EXCEEDED LIMIT_EXCEEDED_REMITTING_BANK
        MANDATE_CURRENT_CYCLE_ALLOWED_DEBIT_EXCEEDS EXECUTION_DAY_RULE_MISMATCH
        MANDATE_DEBIT_BEYOND_PSP_AMOUNT_CAP""",
    FailureClass.ACCOUNT: """
        XH YE ZX ZH B1 ACCOUNT_BLOCKED ACCOUNT_INACTIVE ACCOUNT_DOES_NOT_EXIST ACCOUNT_NOT_ELIGIBLE
        INVALID_VPA CARD_EXPIRED CARD_BLOCKED BANK_ACCOUNT_INVALID DEBIT_INSTRUMENT_BLOCKED
        REMITTER_ACCOUNT_DORMANT PAYER_ACCOUNT_HAS_CHANGED MOBILE_NUMBER_INVALID INCORRECT_IFSC
        CARD_DISABLED_FOR_ONLINE_PAYMENTS CARD_NOT_ENROLLED TXN_NOT_ALLOWED TRANSACTION_NOT_ALLOWED""",
    FailureClass.MANDATE: """
        INVALID_SUBSCRIPTION_STATE SUBSCRIPTION_NOT_FOUND MANDATE_CANCELLED MANDATE_EXPIRED MANDATE_PAUSED
        MANDATE_NOT_ACTIVE UMN_DOES_NOT_EXIST_PAYER INVALID_TOKEN DEBIT_DECLINED ZA TXN_CANCELLED
        ORDER_CANCELLED_BY_USER REQUEST_DECLINE_BY_REQUESTEE REQUEST_CANCEL_BY_REQUESTER
        ZM Z6 INVALID_MPIN MPIN_LIMIT_BREACHED MPIN_NOT_SET AMOUNT_DOES_NOT_MATCH_MANDATE_AMOUNT""",
    FailureClass.RISK: "59 K1 TXN_BLOCKED PAYMENT_RISK_CHECK_FAILED",
}
# The payer's "no" and a PIN asked for are not cured by asking the mandate again: both end with it.

FAILURES: Mapping[str, FailureClass] = {
    code: failure for failure, codes in _CODES.items() for code in codes.split()
}
"""Every failure code the references name, in upper case."""


def class_of(*codes: str | None) -> FailureClass:
    """The class of the first known code, most detailed first.

    What nobody knows is TECHNICAL: soft, and bounded like all rungs (phonepe.md 3.6).
    """
    for code in codes:
        found = FAILURES.get((code or "").strip().upper())
        if found is not None:
            return found
    return FailureClass.TECHNICAL


def is_known(code: str) -> bool:
    """Whether the table names this code; operators are told of those it does not."""
    return code.strip().upper() in FAILURES


class Channel(StrEnum):
    """How a rung asks for the money."""

    DEBIT = "debit"
    """A new notice and a new debit on the mandate."""
    LINK = "link"
    """A pay page of the same gateway."""
    RESCUE_LINK = "rescue_link"
    """A pay page of the other gateway."""


class EndAction(StrEnum):
    """What follows when the ladder is exhausted."""

    HALT = "halt"


_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Rung:
    """One more way to ask. `after` counts from the end of what failed before."""

    channel: Channel
    after: timedelta
    open_for: timedelta = timedelta(days=3)
    """How long a link can be paid."""
    reminders: tuple[timedelta, ...] = ()
    """After the link was offered."""


def _debit(days: int) -> Rung:
    return Rung(Channel.DEBIT, days * _DAY)


_LINKS = (
    Rung(Channel.LINK, timedelta(0), 3 * _DAY, (1 * _DAY, 2 * _DAY)),
    Rung(Channel.RESCUE_LINK, timedelta(0), 2 * _DAY, (1 * _DAY,)),
)


def _default_rungs() -> dict[FailureClass, tuple[Rung, ...]]:
    return {
        FailureClass.FUNDS: (_debit(2), _debit(3), *_LINKS),
        FailureClass.TECHNICAL: (_debit(1), _debit(2), *_LINKS),
        FailureClass.LIMIT: (_debit(1), _debit(2), *_LINKS),
        FailureClass.ACCOUNT: _LINKS,
        FailureClass.MANDATE: _LINKS,
        FailureClass.RISK: _LINKS,
    }


@dataclass(frozen=True)
class Ladder:
    """The policy: rungs by class of the latest failure, debits before links, a link last.

    `grace` is how long access stays after the first failure; no debit is planned beyond it. A policy
    that cannot be followed raises ValueError.
    """

    rungs: Mapping[FailureClass, tuple[Rung, ...]] = field(default_factory=_default_rungs)
    grace: timedelta = timedelta(days=15)
    end: EndAction = EndAction.HALT

    def __post_init__(self) -> None:
        for failure in FailureClass:
            rungs = self.rungs.get(failure, ())
            if not rungs or rungs[-1].channel is Channel.DEBIT:
                raise ValueError(f"the ladder for {failure} must end with a pay link")
            kinds = [rung.channel is Channel.DEBIT for rung in rungs]
            if kinds != sorted(kinds, reverse=True):
                raise ValueError(f"the ladder for {failure} must have its debits before its links")
            if any(rung.after < timedelta(0) for rung in rungs):
                raise ValueError(f"the ladder for {failure} has a rung before its failure")


@dataclass(frozen=True)
class Fall:
    """A way of asking that ended without money."""

    failure: FailureClass
    at: datetime


def next_rung(
    ladder: Ladder, falls: tuple[Fall, ...], links_tried: int, *, debits_allowed: bool = True
) -> Rung | None:
    """What to try after `falls` (debits that failed, oldest first) and `links_tried`; None at the end.

    The latest failure chooses the row; how much was tried before is counted over all rows, so a change
    of class never starts again from below.
    """
    rungs = ladder.rungs[falls[-1].failure if falls else FailureClass.MANDATE]
    links = [rung for rung in rungs if rung.channel is not Channel.DEBIT]
    debits = rungs[: len(rungs) - len(links)]
    used = len(falls) - 1
    if falls and debits_allowed and not links_tried and used < len(debits):
        rung = debits[used]
        if falls[-1].at + rung.after <= falls[0].at + ladder.grace:
            return rung
    return links[links_tried] if links_tried < len(links) else None


@dataclass(frozen=True)
class Unpaid:
    """A cycle whose bill stands open."""

    cycle: int
    amount_paise: int
    due_at: datetime


def oldest_first(unpaid: Iterable[Unpaid]) -> tuple[Unpaid, ...]:
    """In which order recovery collects: what has been owed longest comes first."""
    return tuple(sorted(unpaid, key=lambda bill: (bill.due_at, bill.cycle)))
