"""What leaves for PhonePe: the documented shapes, whole paise, and nothing that breaks a sure rule."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.errors import InvalidInput
from domain.mandate import MandateKind
from domain.refund import RefundSpeed
from gateways import phonepe_requests as requests
from gateways.base import NewDebit, NewMandate, NewPage, NewRefund
from gateways.phonepe_requests import BY_API, BY_CHECKOUT, DeviceOs, UpiApp

NOW = datetime(2026, 11, 22, 6, 30, tzinfo=UTC)
NOW_MS = 1795329000000
PAGE = NewPage("pay_1", 94282, "https://shop.example/cb", "Top-up", timedelta(minutes=20), "bs_1")
MANDATE = NewMandate(
    mandate_id="man_1",
    order_id="set_1",
    first_charge_paise=None,
    max_amount_paise=1_500_000,
    valid_until=NOW + timedelta(days=3650),
    return_url="https://shop.example/cb",
    cancel_url="https://shop.example/x",
    message="Basic, monthly",
    lasts=timedelta(minutes=30),
)
DEBIT = NewDebit("deb_1", "man_1", 94282, None)
TERMS = {
    "merchantSubscriptionId": "man_1",
    "authWorkflowType": "PENNY_DROP",
    "amountType": "VARIABLE",
    "maxAmount": 1_500_000,
    "frequency": "ON_DEMAND",
    "expireAt": NOW_MS + 3650 * 86_400_000,
}


def test_a_page_as_documented() -> None:
    assert requests.page(PAGE) == {
        "merchantOrderId": "pay_1",
        "amount": 94282,
        "expireAfter": 1200,
        "metaInfo": {"udf1": "bs_1"},
        "paymentFlow": {
            "type": "PG_CHECKOUT",
            "message": "Top-up",
            "merchantUrls": {"redirectUrl": "https://shop.example/cb"},
        },
    }
    assert "metaInfo" not in requests.page(replace(PAGE, reference=""))
    assert len(requests.page(replace(PAGE, reference="x" * 999))["metaInfo"]["udf1"]) == 256


def test_only_upi_is_debited_there() -> None:
    card = replace(MANDATE, kind=MandateKind.CARD)
    with pytest.raises(InvalidInput, match="not card"):
        requests.mandate_page(card)
    with pytest.raises(InvalidInput, match="not card"):
        requests.mandate_in_app(card, UpiApp(DeviceOs.ANDROID, "com.phonepe.app"), NOW)


def test_a_mandate_on_the_page_as_documented() -> None:
    assert requests.mandate_page(MANDATE) == {
        "merchantOrderId": "set_1",
        "amount": 200,
        "expireAfter": 1800,
        "paymentFlow": {
            "type": "SUBSCRIPTION_CHECKOUT_SETUP",
            "message": "Basic, monthly",
            "merchantUrls": {
                "redirectUrl": "https://shop.example/cb",
                "cancelRedirectUrl": "https://shop.example/x",
            },
            "subscriptionDetails": {"subscriptionType": "RECURRING", "productType": "UPI_MANDATE"} | TERMS,
        },
    }


def test_a_first_charge_is_the_amount_of_the_set_up() -> None:
    body = requests.mandate_page(replace(MANDATE, first_charge_paise=94282))
    assert body["amount"] == 94282
    assert body["paymentFlow"]["subscriptionDetails"]["authWorkflowType"] == "TRANSACTION"


def test_a_mandate_in_an_app_ends_at_a_moment() -> None:
    body = requests.mandate_in_app(MANDATE, UpiApp(DeviceOs.ANDROID, "com.phonepe.app"), NOW)
    assert body == {
        "merchantOrderId": "set_1",
        "amount": 200,
        "expireAt": NOW_MS + 1_800_000,
        "deviceContext": {"deviceOS": "ANDROID"},
        "paymentFlow": {
            "type": "SUBSCRIPTION_SETUP",
            "paymentMode": {"type": "UPI_INTENT", "targetApp": "com.phonepe.app"},
        }
        | TERMS,
    }
    device = requests.mandate_in_app(MANDATE, UpiApp(DeviceOs.IOS, "PHONEPE", "shop"), NOW)["deviceContext"]
    assert device == {"deviceOS": "IOS", "merchantCallBackScheme": "shop", "merchantCallbackScheme": "shop"}


def test_a_debit_is_never_made_or_repeated_by_the_gateway() -> None:
    assert requests.debit(DEBIT, BY_API) == {
        "merchantOrderId": "deb_1",
        "amount": 94282,
        "paymentFlow": {
            "type": "SUBSCRIPTION_REDEMPTION",
            "merchantSubscriptionId": "man_1",
            "redemptionRetryStrategy": "CUSTOM",
            "autoDebit": False,
        },
    }
    later = requests.debit(replace(DEBIT, expires_at=NOW), BY_CHECKOUT)
    assert later["expireAt"] == NOW_MS
    assert later["paymentFlow"]["type"] == "SUBSCRIPTION_CHECKOUT_REDEMPTION"


def test_a_refund_names_the_paid_order() -> None:
    new = NewRefund("rfd_000001", "pay_1", 50, RefundSpeed.OPTIMUM, "left")
    assert requests.refund(new) == {
        "merchantRefundId": "rfd_000001",
        "originalMerchantOrderId": "pay_1",
        "amount": 50,
    }


@pytest.mark.parametrize("amount", [942.82, 94282.0, True, "94282", None, 99, 0, -100])
def test_only_whole_paise_leave(amount: Any) -> None:
    with pytest.raises(InvalidInput, match="whole paise"):
        requests.page(replace(PAGE, amount_paise=amount))
    with pytest.raises(InvalidInput, match="whole paise"):
        requests.debit(replace(DEBIT, amount_paise=amount), BY_API)


def test_a_cap_below_the_first_charge_is_no_cap() -> None:
    for first, most in ((94282, 94281), (None, 199)):
        wrong = replace(MANDATE, first_charge_paise=first, max_amount_paise=most)
        with pytest.raises(InvalidInput, match="less than the first charge"):
            requests.mandate_page(wrong)


@pytest.mark.parametrize("wrong", ["", "x" * 64, "a/b", "a b", "a\n", "é", "a?b", "..", "a.b"])
def test_only_plain_ids_leave(wrong: str) -> None:
    with pytest.raises(InvalidInput, match="is no id"):
        requests.page(replace(PAGE, order_id=wrong))
    with pytest.raises(InvalidInput, match="is no id"):
        requests.mandate_page(replace(MANDATE, mandate_id=wrong))
    with pytest.raises(InvalidInput, match="is no id"):
        requests.debit(replace(DEBIT, mandate_id=wrong), BY_API)
    for refund_id, order_id in ((wrong, "pay_1"), ("rfd_1", wrong)):
        with pytest.raises(InvalidInput, match="is no id"):
            requests.refund(NewRefund(refund_id, order_id, 100, RefundSpeed.NORMAL, ""))


@pytest.mark.parametrize("lasts", [timedelta(minutes=4, seconds=59), timedelta(hours=1, seconds=1)])
def test_a_page_is_open_from_five_minutes_to_an_hour(lasts: timedelta) -> None:
    with pytest.raises(InvalidInput, match="stays open"):
        requests.page(replace(PAGE, lasts=lasts))


def test_a_moment_without_a_zone_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="zone"):
        requests.debit(replace(DEBIT, expires_at=datetime(2026, 1, 1)), BY_API)  # noqa: DTZ001
