"""Why a payment fails: detailed codes, the errorCode they come under, stage and source (phonepe.md, 2.3)."""

from simulator.books import Record

_FAILURES: dict[str, tuple[str, str, str, str]] = {
    "Z9": ("INSUFFICIENT_BALANCE", "AUTHORIZATION", "CUSTOMER", "There is too little money in the account"),
    "ZM": ("INVALID_MPIN", "AUTHENTICATION", "CUSTOMER", "The UPI PIN was wrong"),
    "ZA": ("TRANSACTION_DECLINED", "AUTHORIZATION", "CUSTOMER", "The payer declined"),
    "Z8": ("TXN_LIMIT_BREACHED", "AUTHORIZATION", "CUSTOMER", "The limit of a single payment is exceeded"),
    "Z7": ("TXN_FREQ_LIMIT_BREACHED", "AUTHORIZATION", "CUSTOMER", "Too many payments today"),
    "U90": ("BANK_TECHNICAL_ISSUE", "AUTHORIZATION", "ISSUING_BANK", "The bank has a technical problem"),
    "UT": ("BANK_TECHNICAL_ISSUE", "AUTHORIZATION", "ISSUING_BANK", "The bank did not answer in time"),
    "U28": ("BANK_TECHNICAL_ISSUE", "AUTHORIZATION", "ISSUING_BANK", "The bank cannot be reached"),
    "XH": ("ACCOUNT_DOES_NOT_EXIST", "AUTHORIZATION", "ISSUING_BANK", "The account does not exist"),
    "YE": ("ACCOUNT_BLOCKED", "AUTHORIZATION", "ISSUING_BANK", "The account is frozen"),
    "ZX": ("ACCOUNT_INACTIVE", "AUTHORIZATION", "ISSUING_BANK", "The account is dormant"),
    "K1": ("TXN_BLOCKED", "AUTHORIZATION", "ISSUING_BANK", "The payment was stopped as a risk"),
    "UPI_1231": ("UPI_BACKBONE_ERROR", "AUTHORIZATION", "ISSUING_BANK", "UPI has a technical problem"),
    "INVALID_OTP": ("AUTHORIZATION_ERROR", "AUTHENTICATION", "CUSTOMER", "The card's OTP was wrong"),
    "TXN_AUTO_FAILED": ("TXN_NOT_COMPLETED", "PRE_AUTHENTICATION", "CUSTOMER", "The payer did not finish"),
}
_OURS = {
    "ORDER_EXPIRED": "The order expired",
    "ORDER_CANCELLED_BY_USER": "The payer left the page",
    "REQUEST_DECLINE_BY_REQUESTEE": "The payer opted out of this debit",
    "NOTIFICATION_FAILED": "The payer could not be notified",
}
DEFAULT = "Z9"
CHOICES = {detailed: known[3] for detailed, known in _FAILURES.items()}


def failure(detailed: str) -> Record:
    """errorCode and detailedErrorCode; an unknown code stands for itself, under OTHERS."""
    if detailed in _OURS:
        return {"errorCode": detailed, "detailedErrorCode": detailed}
    known = _FAILURES.get(detailed)
    return {"errorCode": known[0] if known else "OTHERS", "detailedErrorCode": detailed}


def context(error: Record) -> Record:
    """The errorContext block."""
    detailed = error["detailedErrorCode"]
    own = (error["errorCode"], "PRE_AUTHENTICATION", "CUSTOMER", _OURS.get(detailed, "The payment failed"))
    _, stage, source, description = _FAILURES.get(detailed, own)
    return error | {"source": source, "stage": stage, "description": description}
