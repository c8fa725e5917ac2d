"""What we send to PhonePe (phonepe.md 1.4, 2.1, 2.5, 3.2, 3.4), checked before it leaves.

Amounts are integer paise, page spans seconds, moments unix milliseconds. Whatever breaks a rule that is
certain raises InvalidInput; rules that differ by merchant are left to PhonePe.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from domain.errors import InvalidInput
from domain.mandate import MandateKind
from gateways.base import NewDebit, NewMandate, NewPage, NewRefund
from gateways.checks import paise, plain_id

Body = dict[str, Any]

PENNY_DROP_PAISE = 200
"""Taken to prove the account and given back by itself; exactly this (phonepe.md 3.2)."""
SHORTEST_PAGE = timedelta(minutes=5)
LONGEST_PAGE = timedelta(hours=1)

_LONGEST_NOTE = 256


class DeviceOs(StrEnum):
    """Where a UPI app runs; the values are PhonePe's."""

    ANDROID = "ANDROID"
    IOS = "IOS"


@dataclass(frozen=True)
class UpiApp:
    """An app on the payer's own device, to set a mandate up without a page."""

    os: DeviceOs
    target: str
    """A package name on Android (`com.phonepe.app`), a short name on iOS (`PHONEPE`, `GPAY`)."""
    callback_scheme: str | None = None
    """iOS with PhonePe needs the merchant app's."""


@dataclass(frozen=True)
class Management:
    """Under which paths mandates are debited and cancelled (phonepe.md 3.1)."""

    prefix: str
    orders: str
    redemption: str


BY_API = Management("/subscriptions/v2", "/subscriptions/v2/order", "SUBSCRIPTION_REDEMPTION")
"""Works in the field for mandates of either set-up."""
BY_CHECKOUT = Management(
    "/checkout/v2/subscriptions", "/checkout/v2/order", "SUBSCRIPTION_CHECKOUT_REDEMPTION"
)


def page(new: NewPage) -> Body:
    """An order to be paid on the hosted page."""
    return _order(new.order_id, new.amount_paise, new.reference) | {
        "expireAfter": _page_seconds(new.lasts),
        "paymentFlow": {
            "type": "PG_CHECKOUT",
            "message": new.message,
            "merchantUrls": {"redirectUrl": new.return_url},
        },
    }


def mandate_page(new: NewMandate) -> Body:
    """A mandate set up on the hosted page. Its end is always sent: without, the page shows a wrong one."""
    return _setup_order(new) | {
        "expireAfter": _page_seconds(new.lasts),
        "paymentFlow": {
            "type": "SUBSCRIPTION_CHECKOUT_SETUP",
            "message": new.message,
            "merchantUrls": {"redirectUrl": new.return_url, "cancelRedirectUrl": new.cancel_url},
            "subscriptionDetails": {
                "subscriptionType": "RECURRING",
                "productType": "UPI_MANDATE",
                **_mandate_terms(new),
            },
        },
    }


def mandate_in_app(new: NewMandate, app: UpiApp, now: datetime) -> Body:
    """A mandate set up in a UPI app; its order ends at a moment, not after a span."""
    device: Body = {"deviceOS": app.os.value}
    if app.callback_scheme is not None:
        # The documents and the official SDK spell it differently; unknown fields are not minded.
        device |= dict.fromkeys(("merchantCallBackScheme", "merchantCallbackScheme"), app.callback_scheme)
    return _setup_order(new) | {
        "expireAt": _milliseconds(now + new.lasts),
        "deviceContext": device,
        "paymentFlow": {
            "type": "SUBSCRIPTION_SETUP",
            "paymentMode": {"type": "UPI_INTENT", "targetApp": app.target},
            **_mandate_terms(new),
        },
    }


def debit(new: NewDebit, management: Management) -> Body:
    """A debit to announce. The retries are ours, so nothing is debited unless we say so."""
    body = _order(new.order_id, new.amount_paise, new.reference)
    if new.expires_at is not None:
        body["expireAt"] = _milliseconds(new.expires_at)
    return body | {
        "paymentFlow": {
            "type": management.redemption,
            "merchantSubscriptionId": plain_id("mandate_id", new.mandate_id),
            "redemptionRetryStrategy": "CUSTOM",
            "autoDebit": False,
        }
    }


def refund(new: NewRefund) -> Body:
    """Part or all of a paid order."""
    return {
        "merchantRefundId": plain_id("refund_id", new.refund_id),
        "originalMerchantOrderId": plain_id("gateway_payment_id", new.gateway_payment_id),
        "amount": paise("amount_paise", new.amount_paise, least=1),
    }


def _setup_order(new: NewMandate) -> Body:
    if new.kind is not MandateKind.UPI:
        raise InvalidInput("kind", f"kind: PhonePe debits UPI mandates, not {new.kind}; ask another gateway")
    first = PENNY_DROP_PAISE if new.first_charge_paise is None else new.first_charge_paise
    if first > new.max_amount_paise:
        raise InvalidInput(
            "max_amount_paise",
            f"max_amount_paise: {new.max_amount_paise} is less than the first charge of {first}; raise it",
        )
    return _order(new.order_id, first, new.reference)


def _mandate_terms(new: NewMandate) -> Body:
    return {
        "merchantSubscriptionId": plain_id("mandate_id", new.mandate_id),
        "authWorkflowType": "PENNY_DROP" if new.first_charge_paise is None else "TRANSACTION",
        "amountType": "VARIABLE",
        "maxAmount": paise("max_amount_paise", new.max_amount_paise),
        "frequency": new.frequency.value,
        "expireAt": _milliseconds(new.valid_until),
    }


def _order(order_id: str, amount_paise: int, reference: str) -> Body:
    body: Body = {
        "merchantOrderId": plain_id("order_id", order_id),
        "amount": paise("amount_paise", amount_paise),
    }
    return body | ({"metaInfo": {"udf1": reference[:_LONGEST_NOTE]}} if reference else {})


def _page_seconds(lasts: timedelta) -> int:
    if not SHORTEST_PAGE <= lasts <= LONGEST_PAGE:
        raise InvalidInput("lasts", f"lasts: a page stays open from {SHORTEST_PAGE} to {LONGEST_PAGE}")
    return lasts // timedelta(seconds=1)


def _milliseconds(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise ValueError("a moment needs its zone")
    return int(moment.timestamp()) * 1000
