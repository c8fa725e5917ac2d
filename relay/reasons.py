"""Why a payment failed, in words for the customer, and what follows (razorpay.md 5.4)."""

from dataclasses import dataclass
from enum import Enum


class Remedy(Enum):
    """What helps against a failure."""

    WAIT = "wait"
    """The next attempt may succeed by itself."""
    MONEY = "money"
    """The customer can make the next attempt succeed."""
    NEW_METHOD = "new_method"
    """No attempt can succeed until the customer authorises another way to pay."""
    OPERATOR = "operator"
    """Our own mistake: someone here must look."""
    NONE = "none"
    """Not a failure at all."""


@dataclass(frozen=True)
class Reason:
    """`words` finish the sentence "the payment did not go through because …"."""

    remedy: Remedy
    words: str


_BY_WORDS: tuple[tuple[Remedy, str, str], ...] = (
    (
        Remedy.WAIT,
        "the bank or the payment network had a technical problem",
        "bank_technical_error bank_not_available gateway_technical_error payment_timed_out request_timed_out "
        "issuer_dispatch_failed server_error payment_failed",
    ),
    (
        Remedy.WAIT,
        "your bank allows no further debit in this billing period",
        "mandate_current_cycle_allowed_debit_exceeds execution_day_rule_mismatch",
    ),
    (
        Remedy.MONEY,
        "there was not enough money in the account",
        "insufficient_funds insufficient_fund adequate_funds_not_available_blocked",
    ),
    (
        Remedy.MONEY,
        "the amount is above a limit that is set for your account",
        "transaction_limit_exceeded per_transaction_limit_exceeded limit_exceeded_remitting_bank",
    ),
    (Remedy.MONEY, "the mandate is paused in your bank's or UPI app", "mandate_paused"),
    (Remedy.NEW_METHOD, "the card has expired", "card_expired"),
    (
        Remedy.NEW_METHOD,
        "the card cannot be used for online payments",
        "card_disabled_for_online_payments card_not_enrolled",
    ),
    (
        Remedy.NEW_METHOD,
        "the payment mandate is no longer valid",
        "mandate_cancelled mandate_expired mandate_not_active mandate_not_usable umn_does_not_exist_payer "
        "invalid_token payer_account_has_changed",
    ),
    (
        Remedy.NEW_METHOD,
        "the account cannot be debited",
        "bank_account_invalid debit_declined debit_instrument_blocked remitter_account_dormant "
        "transaction_not_allowed mobile_number_invalid account_unavailable payment_risk_check_failed "
        "incorrect_ifsc",
    ),
    (
        Remedy.OPERATOR,
        "something went wrong on our side",
        "amount_does_not_match_mandate_amount mandate_debit_beyond_psp_amount_cap input_validation_failed "
        "pre_debit_notification_not_sent",
    ),
    (Remedy.NONE, "the mandate was set up without a payment", "upi_dummy_payment"),
)
_REASONS = {name: Reason(remedy, words) for remedy, words, names in _BY_WORDS for name in names.split()}
_PAYERS_APP = Reason(Remedy.WAIT, "your UPI app had a technical problem")
_DECLINED = Reason(Remedy.MONEY, "your bank declined it")


def explain(error_reason: str) -> Reason:
    """For any reason; one that is not known is a decline that the customer may look into."""
    if error_reason.startswith("psp_"):
        return _PAYERS_APP
    return _REASONS.get(error_reason, _DECLINED)
