"""Reading webhook bodies: what they name is found, what is odd is absent, nothing raises."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.razorpay_webhook import (
    MANDATE_NOTE,
    ORDER_NOTE,
    REFUND_NOTE,
    SUBSCRIPTION_NOTE,
    RazorpayWebhook,
    parse_razorpay_webhook,
)
from tests.gateways.test_signatures import BODY


def body(event: str = "subscription.charged", **entities: Any) -> bytes:
    payload = {name: {"entity": entity} for name, entity in entities.items()}
    return json.dumps({"event": event, "payload": payload, "created_at": 1770702798}).encode()


def test_the_published_example_names_subscription_payment_and_bill() -> None:
    assert parse_razorpay_webhook(BODY) == RazorpayWebhook(
        event="subscription.charged",
        gateway_subscription_id="sub_SEKk61J6Teb3wW",
        payment_id="pay_SEKllMQaTsabP3",
        invoice_id="inv_SEKk5qKqLD25RQ",
        gateway_order_id="order_SEKk5foHVzF5ZR",
        gateway_token_id="token_SEKlmdfoua2Zs8",
        gateway_customer_id="cust_SEKllY9dmYeeby",
        created_at=datetime.fromtimestamp(1770702798, UTC),
    )


def test_our_own_id_is_read_from_the_notes() -> None:
    parsed = parse_razorpay_webhook(body(subscription={"id": "sub_1", "notes": {SUBSCRIPTION_NOTE: "bs_7"}}))
    assert (parsed.gateway_subscription_id, parsed.our_subscription_id) == ("sub_1", "bs_7")


def test_empty_notes_that_come_as_a_list_are_no_notes() -> None:
    parsed = parse_razorpay_webhook(body(subscription={"id": "sub_1", "notes": []}))
    assert (parsed.gateway_subscription_id, parsed.our_subscription_id) == ("sub_1", None)


def test_a_failed_payment_is_traced_by_its_bill() -> None:
    parsed = parse_razorpay_webhook(body("payment.failed", payment={"id": "pay_1", "invoice_id": "inv_1"}))
    assert (parsed.event, parsed.payment_id, parsed.invoice_id) == ("payment.failed", "pay_1", "inv_1")
    assert parsed.gateway_subscription_id is None


def test_a_bill_names_its_subscription_and_payment() -> None:
    invoice = {"id": "inv_1", "subscription_id": "sub_1", "payment_id": "pay_1"}
    parsed = parse_razorpay_webhook(body("invoice.paid", invoice=invoice))
    assert (parsed.gateway_subscription_id, parsed.payment_id, parsed.invoice_id) == (
        "sub_1",
        "pay_1",
        "inv_1",
    )


def test_a_refund_of_ours_is_named_by_both_ids_and_its_payment() -> None:
    refund = {"id": "rfnd_1", "payment_id": "pay_1", "notes": {REFUND_NOTE: "rfd_7"}}
    payment = {"id": "pay_1", "invoice_id": "inv_1", "notes": []}
    for event in ("refund.created", "refund.processed", "refund.failed", "refund.speed_changed"):
        assert parse_razorpay_webhook(body(event, refund=refund, payment=payment)) == RazorpayWebhook(
            event=event,
            payment_id="pay_1",
            invoice_id="inv_1",
            gateway_refund_id="rfnd_1",
            our_refund_id="rfd_7",
            created_at=datetime.fromtimestamp(1770702798, UTC),
        )


def test_a_dashboard_refund_names_its_payment_itself_and_has_no_id_of_ours() -> None:
    parsed = parse_razorpay_webhook(
        body("refund.created", refund={"id": "rfnd_1", "payment_id": "pay_1", "notes": []})
    )
    assert (parsed.gateway_refund_id, parsed.payment_id, parsed.our_refund_id) == ("rfnd_1", "pay_1", None)


OURS = {ORDER_NOTE: "deb_7", MANDATE_NOTE: "man_7"}


def test_a_paid_order_is_named_by_both_ids_and_by_its_mandate() -> None:
    order = {"id": "order_1", "receipt": "deb_7", "notes": OURS}
    payment = {"id": "pay_1", "order_id": "order_1", "token_id": "token_1", "customer_id": "cust_1"}
    parsed = parse_razorpay_webhook(body("order.paid", order=order, payment=payment))
    assert (parsed.gateway_order_id, parsed.our_order_id) == ("order_1", "deb_7")
    assert (parsed.our_mandate_id, parsed.payment_id) == ("man_7", "pay_1")
    assert (parsed.gateway_token_id, parsed.gateway_customer_id) == ("token_1", "cust_1")


def test_a_debits_payment_names_its_order_by_the_notes_we_sent() -> None:
    payment = {"id": "pay_1", "order_id": "order_1", "notes": OURS}
    parsed = parse_razorpay_webhook(body("payment.failed", payment=payment))
    assert (parsed.gateway_order_id, parsed.our_order_id) == ("order_1", "deb_7")
    assert parsed.our_mandate_id == "man_7"


def test_a_notice_names_its_order_and_token() -> None:
    notification = {"id": "notification_1", "order_id": "order_1", "token_id": "token_1"}
    parsed = parse_razorpay_webhook(body("order.notification.delivered", notification=notification))
    assert (parsed.gateway_order_id, parsed.gateway_token_id) == ("order_1", "token_1")
    assert parsed.our_order_id is None


def test_a_token_is_named_by_razorpays_ids_alone() -> None:
    parsed = parse_razorpay_webhook(body("token.paused", token={"id": "token_1", "customer_id": "cust_1"}))
    assert (parsed.gateway_token_id, parsed.gateway_customer_id) == ("token_1", "cust_1")
    assert (parsed.our_order_id, parsed.our_mandate_id, parsed.payment_id) == (None, None, None)


def test_a_registration_link_names_its_setup_order_and_its_mandate() -> None:
    invoice = {"id": "inv_1", "receipt": "set_7", "order_id": "order_1", "notes": {MANDATE_NOTE: "man_7"}}
    parsed = parse_razorpay_webhook(body("invoice.expired", invoice=invoice))
    assert (parsed.gateway_order_id, parsed.our_order_id) == ("order_1", "set_7")
    assert (parsed.our_mandate_id, parsed.invoice_id) == ("man_7", "inv_1")


def test_a_payment_link_is_named_by_its_reference_though_its_order_lacks_the_prefix() -> None:
    link = {"id": "plink_1", "reference_id": "pay_abc", "notes": None}
    parsed = parse_razorpay_webhook(body("payment_link.paid", payment_link=link, order={"id": "SEKk5foHVz"}))
    assert (parsed.gateway_link_id, parsed.our_order_id) == ("plink_1", "pay_abc")
    assert parsed.gateway_order_id == "order_SEKk5foHVz"
    long = "pay_of_more_than_forty_characters_in_full"
    noted = parse_razorpay_webhook(body(payment_link=link | {"notes": {ORDER_NOTE: long}}))
    assert noted.our_order_id == long


def test_the_time_is_found_inside_the_payload_too() -> None:
    inside = {"event": "refund.speed_changed", "payload": {"created_at": 1770702798}}
    assert parse_razorpay_webhook(json.dumps(inside).encode()).created_at is not None


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"7",
        b'{"event": 5, "payload": []}',
        b'{"event": "x", "payload": {"subscription": 1, "payment": {"entity": []}}}',
        b'{"event": "sub\\u0000scription", "created_at": 1e400}',
        b"[" * 200_000,
        b'{"created_at": ' + b"9" * 5000 + b"}",
    ],
)
def test_junk_gives_an_empty_answer(junk: bytes) -> None:
    parsed = parse_razorpay_webhook(junk)
    assert parsed in (RazorpayWebhook(), RazorpayWebhook(event="x"))


def test_ids_that_no_database_or_workflow_id_should_see_are_dropped() -> None:
    for hostile in ("a\x00b", "a/b", "x" * 65, "", 5, None, ["sub_1"], "sub_1\n"):
        parsed = parse_razorpay_webhook(
            body(
                subscription={"id": hostile, "notes": {SUBSCRIPTION_NOTE: hostile}},
                refund={"id": hostile, "payment_id": hostile, "notes": {REFUND_NOTE: hostile}},
                order={"id": hostile, "receipt": hostile, "notes": {ORDER_NOTE: hostile}},
                payment_link={"id": hostile, "reference_id": hostile},
                token={"id": hostile},
            )
        )
        assert (parsed.gateway_subscription_id, parsed.our_subscription_id) == (None, None)
        assert (parsed.gateway_refund_id, parsed.payment_id, parsed.our_refund_id) == (None, None, None)
        assert (parsed.gateway_order_id, parsed.our_order_id) == (None, None)
        assert (parsed.gateway_link_id, parsed.gateway_token_id) == (None, None)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["event", "payload", "entity", "id", "refund"]), inner)
    ),
)


@given(
    st.dictionaries(st.sampled_from(["event", "payload", "created_at", "subscription", "order"]), _JSON)
    | _JSON
)
def test_no_shape_of_json_raises(value: object) -> None:
    parse_razorpay_webhook(json.dumps(value).encode())
