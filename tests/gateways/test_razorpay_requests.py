"""What leaves us for Razorpay's tokens and payment links, to the letter."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import InvalidInput
from domain.mandate import Frequency, MandateKind
from domain.merchant_ids import Purpose, merchant_id
from gateways import razorpay_requests as requests
from gateways.base import NewDebit, NewMandate, NewPage, Payer

NOW = datetime(2026, 11, 22, 6, 30, tzinfo=UTC)
SECONDS = 1795329000
MANDATE_ID, SETUP = (merchant_id(each, "bs_1", attempt=1) for each in (Purpose.MANDATE, Purpose.SETUP))
MANDATE = NewMandate(
    MANDATE_ID,
    SETUP,
    94282,
    500_000,
    NOW + timedelta(days=3650),
    "https://shop.example/cb",
    "https://shop.example/x",
    "Basic, monthly",
    timedelta(minutes=30),
    payer=Payer("Meera S", "meera@kaveri.example", "+919812300045"),
)
DEBIT = NewDebit("deb_1", MANDATE_ID, 94282, None, "bs_1", NOW + timedelta(days=2))
PAGE = NewPage("pay_1", 94282, "https://shop.example/cb", "Top-up", timedelta(minutes=20), "bs_1")


def test_a_registration_link_as_documented() -> None:
    assert requests.registration_link(MANDATE, NOW) == {
        "type": "link",
        "customer": {"name": "Meera S", "email": "meera@kaveri.example", "contact": "+919812300045"},
        "amount": 94282,
        "currency": "INR",
        "description": "Basic, monthly",
        "subscription_registration": {
            "method": "upi",
            "max_amount": 500_000,
            "expire_at": SECONDS + 3650 * 86_400,
            "frequency": "as_presented",
        },
        "receipt": SETUP,
        "email_notify": False,
        "sms_notify": False,
        "expire_by": SECONDS + 1800,
        "notes": {"bahi_order": SETUP, "bahi_mandate": MANDATE_ID},
    }


def test_for_nothing_a_card_is_still_charged_a_rupee() -> None:
    for kind, amount, method in ((MandateKind.UPI, 0, "upi"), (MandateKind.CARD, 100, "card")):
        body = requests.registration_link(replace(MANDATE, first_charge_paise=None, kind=kind), NOW)
        assert (body["amount"], body["subscription_registration"]["method"]) == (amount, method)


@pytest.mark.parametrize("frequency", list(Frequency))
def test_every_frequency_has_razorpays_word(frequency: Frequency) -> None:
    body = requests.registration_link(replace(MANDATE, frequency=frequency), NOW)
    assert body["subscription_registration"]["frequency"] in (
        "daily", "weekly", "fortnightly", "bimonthly", "monthly", "quarterly", "half_yearly", "yearly",
        "as_presented",
    )  # fmt: skip


def test_what_is_not_known_of_the_payer_is_left_out() -> None:
    body = requests.registration_link(replace(MANDATE, payer=Payer(email="meera@kaveri.example")), NOW)
    assert body["customer"] == {"email": "meera@kaveri.example"}


def test_a_notice_as_documented() -> None:
    assert requests.notice(DEBIT, "token_1", "cust_1") == {
        "amount": 94282,
        "currency": "INR",
        "receipt": "deb_1",
        "customer_id": "cust_1",
        "payment_capture": True,
        "notification": {"token_id": "token_1", "payment_after": SECONDS + 2 * 86_400},
        "notes": {
            "bahi_order": "deb_1",
            "bahi_mandate": MANDATE_ID,
            "bahi_token": "token_1",
            "bahi_customer": "cust_1",
            "bahi_reference": "bs_1",
        },
    }


def test_a_payment_link_as_documented() -> None:
    assert requests.payment_link(PAGE, NOW) == {
        "amount": 94282,
        "currency": "INR",
        "accept_partial": False,
        "reference_id": "pay_1",
        "description": "Top-up",
        "notify": {"sms": False, "email": False},
        "reminder_enable": False,
        "callback_url": "https://shop.example/cb",
        "callback_method": "get",
        "expire_by": SECONDS + 1200,
        "notes": {"bahi_order": "pay_1", "bahi_reference": "bs_1"},
    }


def test_names_of_up_to_forty_characters_stand_and_longer_ones_keep_their_beginning() -> None:
    assert requests.receipt_of("order_id", SETUP) == SETUP
    assert requests.receipt_of("order_id", "x" * 40) == "x" * 40
    long = [requests.receipt_of("order_id", f"deb_cycle_{'x' * 40}_{number}") for number in (1, 2)]
    assert [(len(each), each[:8]) for each in long] == [(40, "deb_cyc_")] * 2
    assert long[0] != long[1]
    for wrong in ("", "x" * 64, "a/b", "a b", "नमस्ते"):
        with pytest.raises(InvalidInput, match="is no id"):
            requests.receipt_of("order_id", wrong)


def test_amounts_are_integers_and_moments_have_their_zone() -> None:
    for amount in (True, 499.0, "49900", 99):
        with pytest.raises(InvalidInput):
            requests.payment_link(replace(PAGE, amount_paise=amount), NOW)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="zone"):
        requests.payment_link(PAGE, NOW.replace(tzinfo=None))
