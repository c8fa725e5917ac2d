"""Reading PhonePe's webhook bodies: what they name is found, what is odd is absent, nothing raises."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.phonepe_webhook import PhonePeWebhook, parse_phonepe_callback, parse_phonepe_webhook
from tests.gateways.test_phonepe_entities import MANDATE, PAID, REDEMPTION, REFUND
from tests.gateways.test_phonepe_signatures import CALLBACK


def body(event: str, payload: object, **changed: object) -> bytes:
    kind = event.upper().replace(".", "_")
    return json.dumps({"event": event, "type": kind, "payload": payload} | changed).encode()


def named(parsed: PhonePeWebhook) -> dict[str, Any]:
    return {
        name: value for name, value in vars(parsed).items() if value is not None and name != "delivery_key"
    }


def test_a_paid_order_is_named() -> None:
    payload = PAID | {"merchantOrderId": "pay_1"}
    assert named(parse_phonepe_webhook(body("checkout.order.completed", payload))) == {
        "event": "checkout.order.completed",
        "state": "COMPLETED",
        "order_id": "pay_1",
        "gateway_order_id": "OMO2606221328592503454241",
        "attempt_id": "OM2606221329301112223334",
    }


def test_a_debit_names_its_mandate_inside_its_flow() -> None:
    parsed = parse_phonepe_webhook(body("subscription.redemption.transaction.failed", REDEMPTION))
    assert named(parsed) == {
        "event": "subscription.redemption.transaction.failed",
        "state": "PENDING",
        "order_id": "deb_1",
        "gateway_order_id": "OMO1",
        "mandate_id": "man_1",
        "attempt_id": "OM1",
    }


def test_news_of_a_mandate_name_it_at_the_root() -> None:
    parsed = parse_phonepe_webhook(body("subscription.paused", MANDATE | {"state": "PAUSED"}))
    assert named(parsed) == {
        "event": "subscription.paused",
        "state": "PAUSED",
        "mandate_id": "man_1",
        "gateway_mandate_id": "OMS1",
    }


def test_a_refund_is_named_with_the_order_it_gives_back_even_without_an_envelope() -> None:
    for told in (body("pg.refund.completed", REFUND), json.dumps(REFUND).encode()):
        parsed = parse_phonepe_webhook(told)
        assert (parsed.refund_id, parsed.gateway_refund_id, parsed.order_id) == ("rfd_1", "OMR1", "pay_1")


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        ("CHECKOUT_ORDER_COMPLETED", "checkout.order.completed"),
        ("SUBSCRIPTION_UNPAUSED", "subscription.unpaused"),
        (
            "SUBSCRIPTION_REDEMPTION_TRANSACTION_FAILED",
            "subscription.redemption.transaction.failed",
        ),
    ],
)
def test_the_deprecated_name_will_do(kind: str, event: str) -> None:
    told = json.dumps({"type": kind, "payload": MANDATE}).encode()
    assert parse_phonepe_webhook(told).event == event
    assert parse_phonepe_webhook(body("pg.order.failed", {}, type=kind)).event == "pg.order.failed"


def key(event: str, payload: dict[str, Any]) -> str | None:
    return parse_phonepe_webhook(body(event, payload)).delivery_key


def test_the_same_news_twice_have_one_key_and_other_news_another() -> None:
    failed = "subscription.redemption.transaction.failed"
    [first] = REDEMPTION["paymentDetails"]
    second = first | {"transactionId": "OM2"}
    keys = [
        key(failed, REDEMPTION),
        key(failed, REDEMPTION | {"paymentDetails": [second, first]}),
        key("subscription.redemption.order.failed", REDEMPTION),
        key(failed, REDEMPTION | {"state": "FAILED"}),
        key("subscription.paused", MANDATE | {"pauseStartDate": 1795344000000}),
        key("subscription.paused", MANDATE | {"pauseStartDate": 1795430400000}),
        key("pg.refund.completed", REFUND),
    ]
    assert None not in keys
    assert len(set(keys)) == len(keys)
    assert key(failed, REDEMPTION) == keys[0]
    assert key(failed, REDEMPTION | {"metaInfo": {"udf1": "x"}}) == keys[0]


def test_what_is_alike_every_time_or_names_nothing_is_never_a_duplicate() -> None:
    assert key("subscription.unpaused", MANDATE) is None
    assert key("downtime.upi.started", {"startTime": 1796200000}) is None
    assert parse_phonepe_webhook(b"{}").delivery_key is None


def test_a_legacy_callback_is_read_from_its_base64() -> None:
    assert named(parse_phonepe_callback(CALLBACK)) == {
        "event": "payment_success",
        "state": "COMPLETED",
        "order_id": "RF_topup_1",
        "attempt_id": "T2606221328592503454241",
    }
    assert parse_phonepe_callback(CALLBACK).delivery_key is not None


JUNK = [
    b"",
    b"\xff\xfe",
    b"null",
    b"[]",
    b"7",
    b'{"event": 5, "payload": []}',
    b'{"event": "a b", "type": "x y", "payload": {"paymentFlow": [], "paymentDetails": {}}}',
    b'{"payload": {"paymentDetails": [null], "pauseStartDate": []}}',
    b"[" * 200_000,
    b'{"pauseStartDate": ' + b"9" * 5000 + b"}",
    b'{"response": 5}',
    b'{"response": "\xc3\xa9"}',
    b'{"response": "\\ud800"}',
    b'{"response": "AAAA"}',
    b'{"response": "A"}',
    b'{"response": "' + base64.b64encode(b"[" * 100_000) + b'"}',
]


@pytest.mark.parametrize("junk", JUNK)
def test_junk_gives_an_empty_answer(junk: bytes) -> None:
    assert parse_phonepe_webhook(junk) == PhonePeWebhook()
    assert parse_phonepe_callback(junk) == PhonePeWebhook()


def test_ids_that_no_database_or_workflow_id_should_see_are_dropped() -> None:
    for hostile in ("a\x00b", "a/b", "x" * 65, "", 5, None, ["pay_1"], "pay_1\n", "é"):
        payload = {
            "merchantOrderId": hostile,
            "originalMerchantOrderId": hostile,
            "orderId": hostile,
            "merchantRefundId": hostile,
            "refundId": hostile,
            "merchantSubscriptionId": hostile,
            "subscriptionId": hostile,
            "paymentDetails": [{"transactionId": hostile}],
        }
        parsed = parse_phonepe_webhook(body("pg.refund.failed", payload))
        assert parsed == PhonePeWebhook(event="pg.refund.failed")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["event", "type", "payload", "paymentFlow", "paymentDetails", "state", "merchantOrderId"]
            ),
            inner,
        )
    ),
    max_leaves=20,
)


@given(_JSON)
def test_no_shape_of_json_raises(value: object) -> None:
    told = json.dumps(value).encode()
    parse_phonepe_webhook(told)
    parse_phonepe_callback(told)
    parse_phonepe_callback(json.dumps({"response": base64.b64encode(told).decode()}).encode())
