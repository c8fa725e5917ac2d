"""Why a payment failed: PhonePe's `errorCode` and the bank's `detailedErrorCode` in our classes.

PhonePe's own table was not obtained whole (phonepe.md 2.3, 3.6, 11), so names nobody knew are judged by
their parts, and what is left is unknown: soft, but within bounds.
"""

from domain.orders import FailureClass, OrderFailure

_KINDS: dict[FailureClass, tuple[str, ...]] = {
    FailureClass.FUNDS: ("Z9", "INSUFFICIENT_BALANCE", "INSUFFICIENT_FUNDS"),
    FailureClass.TECHNICAL: (
        *("U28", "U90", "UT", "UP", "RB", "96"),
        *("BANK_TECHNICAL_ISSUE", "BANK_ERROR", "UPI_BACKBONE_ERROR", "PG_BACKBONE_ERROR"),
        *("GENERIC_NPCI_ERROR", "REQUEST_TIME_OUT", "TIMED_OUT", "INTERNAL_SERVER_ERROR"),
    ),
    FailureClass.LIMIT: (
        *("Z7", "Z8", "Z6", "TXN_LIMIT_BREACHED", "TXN_FREQ_LIMIT_BREACHED", "MPIN_LIMIT_BREACHED"),
        "TRANSACTION_LIMIT_EXCEEDED",
    ),
    FailureClass.ACCOUNT: (
        *("XH", "YE", "ZX", "B1", "ZH", "INVALID_VPA", "MPIN_NOT_SET", "CARD_EXPIRED", "CARD_BLOCKED"),
        *("ACCOUNT_BLOCKED", "ACCOUNT_INACTIVE", "ACCOUNT_DOES_NOT_EXIST", "ACCOUNT_NOT_ELIGIBLE"),
        "TXN_NOT_ALLOWED",
    ),
    FailureClass.MANDATE: ("INVALID_SUBSCRIPTION_STATE", "SUBSCRIPTION_NOT_FOUND"),
    FailureClass.RISK: ("59", "K1", "TXN_BLOCKED"),
    FailureClass.PAYER: (
        *("ZA", "ZM", "U69", "INVALID_MPIN", "TXN_NOT_COMPLETED", "TXN_AUTO_FAILED", "TXN_CANCELLED"),
        *("ORDER_EXPIRED", "ORDER_CANCELLED_BY_USER", "PAYMENT_CANCELLED"),
        *("REQUEST_DECLINE_BY_REQUESTEE", "REQUEST_CANCEL_BY_REQUESTER"),
    ),
    FailureClass.UNKNOWN: (
        *("AUTHORIZATION_ERROR", "PAYMENT_ERROR", "PAYMENT_DECLINED", "OTHERS", "500", "XC", "UPI_1231"),
        *("TRANSACTION_DECLINED", "GENERIC_ERROR", "REFUND_BREACHED", "DUPLICATE_TRANSACTION"),
    ),
}
FAILURES = {code: kind for kind, codes in _KINDS.items() for code in codes}
"""Every code of a failed payment in the reference."""

_PARTS = (
    ("INSUFFICIENT_", FailureClass.FUNDS),
    ("_LIMIT_", FailureClass.LIMIT),
    ("ACCOUNT_", FailureClass.ACCOUNT),
    ("_BACKBONE_", FailureClass.TECHNICAL),
    ("BANK_", FailureClass.TECHNICAL),
    ("TIMED_OUT", FailureClass.TECHNICAL),
)


def classify(code: str, detail: str) -> OrderFailure:
    """The bank's code decides if it says something, for it is the narrower one."""
    kinds = [FAILURES.get(each) or _by_parts(each) for each in (detail, code)]
    known = (kind for kind in kinds if kind is not FailureClass.UNKNOWN)
    return OrderFailure(next(known, FailureClass.UNKNOWN), code, detail)


def _by_parts(code: str) -> FailureClass:
    return next((kind for part, kind in _PARTS if part in code), FailureClass.UNKNOWN)
